"""Processes that live as long as the stack."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from stack.errors import StackError

_PR_SET_PDEATHSIG = 1


class Service:
    """A running process with its log."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, stop: signal.Signals) -> None:
        self.name = name
        self.process = process
        self.log = log
        self._stop = stop

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self.process.poll() is not None

    def wait_until(self, works: Callable[[], bool], seconds: float = 120) -> None:
        """Return once it works. Raises `StackError` if it ends or takes too long."""
        deadline = time.monotonic() + seconds
        while not works():
            if self.ended:
                raise StackError(f"{self.name} did not start; {self.log} says why")
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} did not answer within {seconds:.0f} seconds; {self.log} says why")
            time.sleep(0.2)

    def stop(self) -> None:
        """Ask it to end, with all that it has started, and insist after a while."""
        if self.ended:
            return
        self.process.send_signal(self._stop)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[object],
    log: Path,
    *,
    environment: Mapping[str, str],
    folder: Path,
    account: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[Service]:
    """Run the command until the block ends.

    It gets a session of its own, so that Ctrl-C reaches the stack alone, which then ends its services in order.
    `account` is whom to run it as.
    """
    with log.open("w") as output:
        process = subprocess.Popen(  # the folder's owner decides what runs here
            [str(part) for part in command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account,
            group=account,
            extra_groups=[] if account else None,
            preexec_fn=_die_with_parent(stop),
        )
    service = Service(name, process, log, stop)
    try:
        yield service
    finally:
        service.stop()


def _die_with_parent(stop: signal.Signals) -> Callable[[], None] | None:
    """On Linux: the kernel ends the process when the stack ends in a way that leaves it no time to."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(stop))

    return prepare

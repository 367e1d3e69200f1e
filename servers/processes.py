"""Processes that live as long as whoever started them."""

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

from servers.errors import ServerError

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
        """Return once it works. Raises `ServerError` if it ends or takes too long."""
        deadline = time.monotonic() + seconds
        while not works():
            if self.ended:
                raise ServerError(f"{self.name} did not start; {self._why()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} did not answer within {seconds:.0f} seconds; {self._why()}")
            time.sleep(0.2)

    def _why(self) -> str:
        """Where the reason is, and the end of it: the log of a temporary server is gone with it."""
        last = self.log.read_text(errors="replace")[-2000:].strip()
        return f"{self.log} says why" + (f":\n{last}" if last else "")

    def stop(self) -> None:
        """Ask it to end, and insist after a while; then end what it has started and left."""
        if not self.ended:
            self.process.send_signal(self._stop)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[object],
    log: Path,
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    account: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[Service]:
    """Run the command until the block ends.

    It gets a session of its own, so that Ctrl-C reaches the caller alone, which then ends its services in order.
    `account` is the one to run it as, and `folder` the one to run it in.
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
    """On Linux: the kernel ends the process when the caller ends in a way that leaves it no time to."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(stop))

    return prepare

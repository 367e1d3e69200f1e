"""Kills services of a stack under load and brings them back, as Compose's `restart: unless-stopped` does."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import redis

from benchmarks.people import Answer
from stack.servers import redis_server
from stack.settings import load_settings
from stack.start import Stack, healthy, service

OUTAGE = 5.0  # seconds until what was killed is started again


@dataclass(frozen=True)
class Fault:
    """What was killed, when, and when it worked again; on the clock of `time.monotonic`."""

    name: str
    killed: float
    back: float


class Saboteur:
    """Kills in turn. What it starts again ends with `block`, whose services were there before."""

    def __init__(self, stack: Stack, state: Path, block: ExitStack) -> None:
        self._stack = stack
        self._state = state
        self._block = block
        self.faults: list[Fault] = []

    def run(self, first: float, between: float) -> None:
        """The first kill is `first` seconds from now."""
        begun = time.monotonic()
        for number, fault in enumerate((self.worker, self.redis, self.web_process)):
            time.sleep(max(0.0, begun + first + number * between - time.monotonic()))
            fault()

    def worker(self) -> None:
        """The Celery worker with its children."""
        running = next(each for each in self._stack.services if each.name == "worker")
        killed = time.monotonic()
        os.killpg(running.process.pid, signal.SIGKILL)
        running.process.wait()
        time.sleep(OUTAGE)
        again = self._block.enter_context(service("worker", self._state, self._stack.environment))
        again.wait_until(lambda: healthy("worker", self._stack.environment))
        self._note("the worker", killed)

    def redis(self) -> None:
        """Redis, with all that it holds: it keeps nothing on disk."""
        settings = load_settings(self._state)
        with redis.Redis.from_url(self._stack.environment["REDIS_URL"]) as client:
            process = int(client.info("server")["process_id"])
        killed = time.monotonic()
        os.kill(process, signal.SIGKILL)
        time.sleep(OUTAGE)
        self._block.enter_context(redis_server(self._state, settings))
        self._note("Redis", killed)

    def web_process(self) -> None:
        """One of the web server's processes; the server itself starts another."""
        server = next(each for each in self._stack.services if each.name == "web").process.pid
        before = _children(server)
        killed = time.monotonic()
        os.kill(before[0], signal.SIGKILL)
        _wait(lambda: len(set(_children(server)) - set(before)) == 1)
        self._note("a web process", killed)

    def _note(self, name: str, killed: float) -> None:
        self.faults.append(Fault(name, killed, time.monotonic()))


def errors_of(fault: Fault, until: float, answers: list[Answer]) -> dict[str, float | str | int | None]:
    """What people noticed between a kill and `until`: errors, and how long after the return the last one began."""
    during = [each for each in answers if fault.killed <= each.at + each.seconds < until]
    failed = [each for each in during if each.fault]
    last = max((each.at + each.seconds for each in failed), default=None)
    return {
        "name": fault.name,
        "seconds_until_back": round(fault.back - fault.killed, 1),
        "requests": len(during),
        "errors": len(failed),
        "last_error_after_back": None if last is None else round(last - fault.back, 1),
        "kinds": "; ".join(sorted({each.fault[:60] for each in failed})[:4]),
    }


def refreshes(state: Path) -> int:
    """The scheduled refreshes that the worker has finished since it was started last."""
    log = (state / "logs" / "worker.log").read_text(errors="replace")
    return sum("superset_campaign.refresh" in line and "succeeded" in line for line in log.splitlines())


def wait_for_refresh(state: Path, seconds: float) -> float | None:
    """Seconds until the worker finishes a scheduled refresh; None if it does not."""
    begun, before = time.monotonic(), refreshes(state)
    while time.monotonic() < begun + seconds:
        if refreshes(state) > before:
            return round(time.monotonic() - begun, 1)
        time.sleep(1)
    return None


def _children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _wait(done: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit("the web server started no process for the one that was killed")
        time.sleep(0.1)

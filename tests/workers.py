"""Processes that do the same thing at the same moment, again and again, and one that holds a database meanwhile."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

# Reads the arguments of one call in a line, makes the call, and answers with what it gave or raised.
_WORKER = """
import json, sys
from pathlib import Path
{code}
print("ready", flush=True)
for line in sys.stdin:
    try:
        answer = {{"gave": work(*json.loads(line))}}
    except Exception as error:
        answer = {{"raised": type(error).__name__, "text": str(error)}}
    print(json.dumps(answer), flush=True)
"""


class Worker:
    """A process that runs `work` of some code, call after call."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.answer()

    def call(self, *arguments: Any) -> None:
        """Begin a call; it goes on by itself."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        """Wait for what the call gave, as `{"gave": …}`, or raised, as `{"raised": type, "text": …}`."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process has ended"
        return line if line == "ready\n" else json.loads(line)


@contextlib.contextmanager
def workers(count: int, code: str) -> Iterator[list[Worker]]:
    """That many processes, each with `code`, which defines the function `work`."""
    script = _WORKER.format(code=code)
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(count)
        ]
        try:
            yield [Worker(process) for process in processes]
        finally:
            for process in processes:
                process.kill()


@contextlib.contextmanager
def holding(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs `code`, which must print `held` once it holds something, and then keeps it.

    It ends with the block, or earlier once its standard input is closed.
    """
    script = f'import sys\n{code}\nprint("held", flush=True)\nsys.stdin.read()'
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()

"""A command as a person at a terminal sees it: progress and errors are drawn there, the output goes elsewhere."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Seen(NamedTuple):
    """What a command ended with: its exit code, its standard output, and what the terminal has shown."""

    returncode: int
    output: bytes
    shown: str


def run_in_terminal(command: Sequence[str], environment: Mapping[str, str]) -> Seen:
    """Run the command with its standard error on a terminal of 100 columns, for a minute at most."""
    terminal, slave = os.openpty()
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment, "TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=slave,
    )
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    os.close(slave)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    return Seen(process.returncode, output, shown)

"""What a process of a benchmark uses."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

_PAUSE = 0.05  # seconds


def highest_memory(process: subprocess.Popen[Any]) -> float:
    """Wait for a process; its highest memory in GB."""
    highest = 0.0
    while process.poll() is None:
        highest = max(highest, memory_of(process.pid))
        time.sleep(_PAUSE)
    return highest


def memory_of(process: int) -> float:
    """The highest memory of a running process so far, in GB. What a parent is told at its end holds its own memory."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024**2 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)

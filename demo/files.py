"""Putting a finished DuckDB file in its place."""

from __future__ import annotations

import os
from pathlib import Path


def put_in_place(made: Path, target: Path) -> None:
    """Rename a file that was written and closed. Raises OSError where DuckDB could not write all of it."""
    log = made.with_name(f"{made.name}.wal")
    if log.exists():
        raise OSError(f"{made} was not written to its end, as {log.name} shows; is the disk full?")
    os.replace(made, target)

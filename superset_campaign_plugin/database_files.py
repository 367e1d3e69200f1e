"""A database that is a file, DuckDB's or SQLite's: waiting while another program holds it, and saying why it fails.

The file itself is never opened here. POSIX drops all locks that a process has on a file when it closes any
descriptor of it, so a look into the file would end the lock of the database that the process has open.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from superset_campaign_plugin.advice import address
from superset_campaign_plugin.errors import BusyError

# Seconds: a short write or read of another program ends within it.
PATIENCE = 5.0
_PAUSE = 0.1

# Before the names of databases in MotherDuck.
_SERVED = ("md:", "motherduck:")

_T = TypeVar("_T")

_HELD = re.compile(r'Could not set lock on file "(?P<file>.*?)"(?:.*? held in (?P<holder>.*?\(PID \d+\)))?', re.DOTALL)
# DuckDB's words for a file that this same process has open, to read where it is to be written, or attached.
_HELD_HERE = ("with a different configuration than existing connections", "Unique file handle conflict")
_HELD_SQLITE = ("database is locked", "database table is locked")
_FULL = ("No space left on device", "database or disk is full", "Disk quota exceeded", "File too large")
# A connection may have attached other files beside its own.
_WRITTEN = re.compile(r'file "(?P<file>[^"]+)"')
_FAILED = "disk I/O error"
# DuckDB looks for its extension `sqlite_scanner` when the file is one of SQLite.
_OTHER_FORMAT = ("not a valid DuckDB database file", "file is not a database", "sqlite_scanner")
_NOT_OPENED = (
    "unable to open database file",
    "readonly database",
    "Cannot open file",
    "Could not read from file",
    "Cannot open database",
)


def file_of(url: URL) -> Path | None:
    """The file of a DuckDB or SQLite database; None for one in memory, on a server or in MotherDuck."""
    name = url.database or ""
    if url.get_backend_name() not in ("duckdb", "sqlite") or name in ("", ":memory:") or name.startswith(_SERVED):
        return None
    return Path(name)


def wait_for_file(action: Callable[[], _T], file: Path | None) -> _T:
    """What `action` returns. It is tried again, for `PATIENCE` seconds, while a DuckDB file that it opens is in use.

    `action` opens `file`, or attaches others outside a transaction, which an ATTACH that fails would end. Raises
    `BusyError`, which names the program and its PID, if the file stays in use. Every other error of `action` passes.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return action()
        except SQLAlchemyError as error:
            busy = _in_use(file, _message(error))
            if busy is None:
                raise
            if time.monotonic() > deadline:
                raise BusyError(busy) from error
        time.sleep(_PAUSE)


def is_busy(error: SQLAlchemyError) -> bool:
    """Whether the error is that another program, or another part of this one, holds the file."""
    return _in_use(None, _message(error)) is not None or any(words in _message(error) for words in _HELD_SQLITE)


def explain(file: Path, error: SQLAlchemyError, *, write: bool) -> str | None:
    """Why a database file failed and what to do, in one sentence; None for an error that is not about the file."""
    message = _message(error)
    if busy := _in_use(file, message):
        return busy
    if any(words in message for words in _HELD_SQLITE):
        return f"{file} is in use by another program, which writes to it; try again when it is done"
    if any(words in message for words in _FULL):
        named = _WRITTEN.search(message)
        # DuckDB names its log as well, which is a part of the database to whoever reads this.
        other = named and not named["file"].startswith(str(file))
        full = named["file"] if named and other else file
        return f"{full} cannot be written: the disk is full; free space and run this again"
    if _FAILED in message:
        return f"{file} cannot be read or written: {_FAILED}; see that its disk has free space, and run this again"
    if any(words in message for words in _OTHER_FORMAT):
        return f"{file} is not a database of this engine; check {address()}"
    if any(words in message for words in _NOT_OPENED):
        return why_not_opened(file, write=write)
    return None


def why_not_opened(file: Path, *, write: bool) -> str | None:
    """Why a file cannot be opened as a database, by the file system; None if nothing is wrong there."""
    try:
        if file.is_dir():
            return f"{file} is a directory, not a database file; check {address()}"
        there = file.exists()
        folder_there = there or file.parent.is_dir()
    except PermissionError:
        return f"no permission to open the directory of {file}; check {address()} and the account that runs this"
    if not folder_there:
        return f"no directory {file.parent} for the database file {file.name}; check {address()}, or make the directory"
    if not there and not write:
        return f"no file {file}; check {address()}"
    if there and not os.access(file, os.R_OK):
        return f"no permission to read {file}; check {address()} and the account that runs this"
    if write:
        return _why_not_written(file, there)
    return None


def _why_not_written(file: Path, there: bool) -> str | None:
    if os.statvfs(file if there else file.parent).f_flag & os.ST_RDONLY:
        return f"{file} is on a file system that is mounted read-only, so nothing can be stored in it"
    if there and not os.access(file, os.W_OK):
        return f"no permission to write {file}; check {address()} and the account that runs this"
    # Both engines keep a second file beside the database while they write.
    if not os.access(file.parent, os.W_OK | os.X_OK):
        return f"no permission to write in {file.parent}, beside {file.name}; check the account that runs this"
    return None


def _in_use(file: Path | None, message: str) -> str | None:
    if found := _HELD.search(message):
        holder = found["holder"] or "another program"
        return f"{found['file']} is in use by {holder}; try again when it is done"
    if any(words in message for words in _HELD_HERE):
        name = file or "the database file"
        return f"{name} is open already in this same program (PID {os.getpid()}); try again when it is done"
    return None


def _message(error: SQLAlchemyError) -> str:
    return str(error.orig) if isinstance(error, DBAPIError) and error.orig is not None else str(error)

"""One refresh at a time, on a connection whose work others see as a whole or not at all.

DuckDB lets one process write or many read, so there a refresh works on a copy of the file and puts it in the place
of the old one; readers keep what they have open. Elsewhere it is a transaction. No lock outlives its process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from superset_campaign_plugin.database_files import file_of
from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import DatabaseError, RefreshError
from superset_campaign_plugin.locking import machine_lock, server_lock
from superset_campaign_plugin.warehouse import connect, parse_uri

_BUSY = "another refresh of this database is running; it will be done when that one is"
_LOCK = "superset_campaign refresh"


@contextlib.contextmanager
def exclusive(uri: str, *, write: bool) -> Iterator[tuple[Connection, Engine]]:
    """A connection for a refresh, or with `write` off for a look. Raises `RefreshError` if another one has it."""
    url, engine = parse_uri(uri)
    file = file_of(url)
    if not write:
        with connect(uri) as opened:
            yield opened
    elif file is None:
        lock = machine_lock(url, engine, "refresh", RefreshError(_BUSY))
        with lock, connect(uri, write=True) as (connection, engine):
            _take_lock(connection, engine)
            yield connection, engine
    else:
        with _locked(file), _work(url, file, engine) as opened:
            yield opened


def _take_lock(connection: Connection, engine: Engine) -> None:
    """Held until the connection ends, however it ends."""
    if engine.one_snapshot is not None:
        connection.execute(sa.text(engine.one_snapshot))
    server_lock(connection, engine, _LOCK, RefreshError(_BUSY))


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Lock the file itself, in a way that its database does not use: nothing is left to clean up."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError as error:
        raise DatabaseError(f"cannot open {file}: {error.strerror}; check --uri") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefreshError(_BUSY) from error
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _work(url: URL, file: Path, engine: Engine) -> Iterator[tuple[Connection, Engine]]:
    if engine.name != "duckdb":
        with connect(str(url), write=True) as opened:
            yield opened
        return
    copy = file.with_name(f".{file.name}.refresh")
    copied_uri = str(url.set(database=str(copy)))
    # A reader's hold on the original keeps loaders from writing what the copy would not have.
    with connect(str(url)), _removed(copy):
        _copy(file, copy)
        with connect(copied_uri, write=True) as opened:
            yield opened
        _put_in_place(copy, file)


@contextlib.contextmanager
def _removed(copy: Path) -> Iterator[None]:
    """Without the copy before, which a killed refresh may have left, and afterwards."""
    parts = (copy, copy.with_name(f"{copy.name}.wal"))
    for part in parts:
        part.unlink(missing_ok=True)
    try:
        yield
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _copy(file: Path, copy: Path) -> None:
    log = file.with_name(f"{file.name}.wal")
    try:
        shutil.copy2(file, copy)
        if log.exists():
            shutil.copy2(log, copy.with_name(f"{copy.name}.wal"))
    except OSError as error:
        raise DatabaseError(
            f"cannot copy {file} beside itself: {error.strerror}; a refresh needs that much free space"
        ) from error


def _put_in_place(copy: Path, file: Path) -> None:
    with copy.open("rb") as written:
        os.fsync(written.fileno())
    # The old file's own log belongs to the old file; the copy has it within.
    file.with_name(f"{file.name}.wal").unlink(missing_ok=True)
    copy.replace(file)

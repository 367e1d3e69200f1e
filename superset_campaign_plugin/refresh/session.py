"""The connection of a refresh: one refresh at a time, and others see its work as a whole or not at all.

On most engines that is a transaction in the warehouse. On DuckDB the loader's file is attached to read, and the work
goes into a new file of stored tables, which takes the place of the old one at the end. No lock outlives its process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError

from superset_campaign_plugin.database_files import wait_for_file, why_not_opened
from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import DatabaseError, RefreshError
from superset_campaign_plugin.locking import file_lock, machine_lock, server_lock
from superset_campaign_plugin.refresh.place import loader_file, lock_beside, stored_file, stored_uri
from superset_campaign_plugin.refresh.replacement import Replacement, replacement
from superset_campaign_plugin.refresh.waiting import wait_at_most
from superset_campaign_plugin.warehouse import connect, parse_uri

# Seconds that a refresh waits for a lock on a table, unless it is told otherwise.
LOCK_WAIT = 60.0

_BUSY = "another refresh of this database is running; it will be done when that one is"
_WORK = "refresh"
_NEEDED = "a refresh writes the stored tables in that folder; choose another place with --stored-file"

# What the connection calls the databases that it attaches.
_LOG, _STORED = "loader", "report"


@dataclass(frozen=True)
class Session:
    """A refresh's connection. `attached` names the loader's database where that is not the connection's own."""

    connection: Connection
    engine: Engine
    attached: str | None = None
    lock_wait: float = LOCK_WAIT


@contextlib.contextmanager
def open_session(
    uri: str, chosen_file: str | None = None, *, write: bool, lock_wait: float = LOCK_WAIT
) -> Iterator[Session]:
    """A session for a refresh, or with `write` off for a look; what was written counts when the block ends.

    `chosen_file` is where the stored tables of a DuckDB file shall lie, and `lock_wait` how many seconds to wait for a
    lock. Raises `RefreshError` if another refresh has it, or a lock was not to be had.
    """
    url, engine = parse_uri(uri)
    log = loader_file(url)
    if log is not None:
        file = stored_file(log, chosen_file)
        with _writing_file(log, file) if write else _looking_at_file(log, file) as session:
            yield session
        return
    stored_uri(uri, chosen_file)  # which refuses a file on this engine
    if not write:
        # A look makes temporary tables, so it is a transaction as well.
        with connect(uri) as (connection, engine), connection.begin():
            engine.prepare(connection)
            yield Session(connection, engine)
    else:
        with machine_lock(url, engine, _WORK, RefreshError(_BUSY)), connect(uri, write=True) as (connection, engine):
            engine.prepare(connection)
            _take_lock(connection, engine, url)
            wait_at_most(connection, engine, lock_wait)
            try:
                yield Session(connection, engine, lock_wait=lock_wait)
            except DBAPIError as error:
                if engine.locks.refused(error.orig):
                    raise _not_had(engine, lock_wait) from error
                raise


# ---------------------------------------------------------------------------------------------------------------
# In the warehouse


def _take_lock(connection: Connection, engine: Engine, url: URL) -> None:
    """Held until the connection ends, however it ends."""
    if engine.locks.isolation is not None:
        connection.execute(sa.text(engine.locks.isolation))
    # Where a schema is a database, a lock is the whole server's.
    place = "" if engine.schemas else url.database or ""
    server_lock(connection, engine, f"superset_campaign {_WORK} {place}".strip(), RefreshError(_BUSY))


def _not_had(engine: Engine, seconds: float) -> RefreshError:
    return RefreshError(
        f"another session of {engine.name} has locked a table that the refresh needs, for longer than {seconds:g} "
        "seconds; the stored tables are as they were. Refresh again when that session is done, or let the refresh wait "
        "longer with --lock-wait"
    )


# ---------------------------------------------------------------------------------------------------------------
# Beside a DuckDB file


@contextlib.contextmanager
def _looking_at_file(log: Path, file: Path) -> Iterator[Session]:
    with _in_memory(log) as (connection, engine):
        if file.exists():
            _attach(connection, file, _STORED, "READ_ONLY")
            connection.execute(sa.text(f"USE {_STORED}"))
        with connection.begin():
            yield Session(connection, engine, _LOG)


@contextlib.contextmanager
def _writing_file(log: Path, file: Path) -> Iterator[Session]:
    with (
        file_lock(lock_beside(file), RefreshError(_BUSY), _NEEDED),
        replacement(file) as new,
        _in_memory(log) as (connection, engine),
    ):
        # Once it is attached: while that waits for a loader, the file changes.
        before = _written(log)
        _prepare(connection, new, file)
        with connection.begin():
            yield Session(connection, engine, _LOG)
        _check_unwritten(log, before)
        connection.execute(sa.text("USE memory"))
        connection.execute(sa.text(f"CHECKPOINT {_STORED}"))
        connection.execute(sa.text(f"DETACH {_STORED}"))
        new.put_in_place()


@contextlib.contextmanager
def _in_memory(log: Path) -> Iterator[tuple[Connection, Engine]]:
    """A connection to no file of its own, which has the loader's attached to read."""
    if problem := why_not_opened(log, write=False):
        raise DatabaseError(problem)
    with connect("duckdb:///:memory:", write=True, in_batches=True, about=log) as (connection, engine):
        wait_for_file(lambda: _attach(connection, log, _LOG, "READ_ONLY"), log)
        yield connection, engine


def _attach(connection: Connection, file: Path, name: str, mode: str) -> None:
    connection.execute(sa.text(f"ATTACH {_literal(file)} AS {name} ({mode})"))


def _literal(path: Path) -> str:
    """The path as a text in SQL, in which a colon would begin a bound parameter."""
    quoted = str(path).replace("'", "''").replace(":", r"\:")
    return f"'{quoted}'"


def _prepare(connection: Connection, new: Replacement, file: Path) -> None:
    _attach(connection, new.part, _STORED, "READ_WRITE")
    connection.execute(sa.text(f"USE {_STORED}"))
    connection.execute(sa.text(f"SET temp_directory = {_literal(new.scratch)}"))
    strange = connection.execute(
        sa.text(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() "
            f"WHERE database_name = '{_STORED}' AND NOT starts_with(table_name, 'campaign_')"
        )
    ).scalar()
    if strange is not None:
        raise RefreshError(
            f"{file} holds the table {strange}, which is not of a refresh; choose a file for the stored tables alone "
            "with --stored-file, or the setting stored_file"
        )


def _written(file: Path) -> tuple[int, int, int]:
    """What changes with the file: which one it is, its size, the time of its last change."""
    known = file.stat()
    return known.st_ino, known.st_size, known.st_mtime_ns


def _check_unwritten(file: Path, before: tuple[int, int, int]) -> None:
    """Raise `RefreshError` if somebody has written the loader's file since `before`.

    DuckDB's lock keeps writers out. But the lock is the process's, and falls when any other part of the process closes
    the file, as a chart's query in a worker with several threads does. A file that was put in the place of the one that
    was read has not changed that one.
    """
    now = _written(file)
    if now[0] == before[0] and now != before:
        raise RefreshError(
            f"another program wrote to {file} while it was read; the stored tables are as they were, refresh again"
        )

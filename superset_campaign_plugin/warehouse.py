"""Connections to the warehouse: opened to read unless something is written, and with errors that say what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from superset_campaign_plugin.engines import Engine, get_engine
from superset_campaign_plugin.errors import DatabaseError, UsageError


def parse_uri(uri: str) -> tuple[URL, Engine]:
    """The URL and the report's engine of a SQLAlchemy URI. Raises `UsageError` for a malformed or unsupported one."""
    try:
        url = make_url(uri)
    except (ArgumentError, ValueError) as error:
        # The text may hold a password, so it is not repeated.
        raise UsageError(
            "--uri is no database URI; write it as in duckdb:////path/to/file.duckdb or "
            "postgresql://user:password@host/database, with special characters of the password percent-encoded"
        ) from error
    return url, get_engine(url.get_backend_name())


@contextlib.contextmanager
def connect(uri: str, *, write: bool = False, in_batches: bool = False) -> Iterator[tuple[Connection, Engine]]:
    """A connection and its engine; with `write` one transaction, committed at the end or rolled back as a whole.

    With `in_batches` the caller begins and ends a transaction for each batch that is written.
    Raises `DatabaseError` where the database cannot be reached or refuses a statement, `UsageError` for a bad URI.
    """
    url, engine = parse_uri(uri)
    name = url.render_as_string(hide_password=True)
    with contextlib.closing(_open(url, name, _options(url, engine.name, write))) as connection:
        try:
            with connection.begin() if write and not in_batches else contextlib.nullcontext():
                yield connection, engine
        except SQLAlchemyError as error:
            raise DatabaseError(f"{name}: {reason(error)}") from error


def _open(url: URL, name: str, options: dict[str, Any]) -> Connection:
    try:
        pool = create_engine(url, poolclass=NullPool, **options)
        if url.get_backend_name() == "sqlite":
            # The driver by itself opens no transaction before it makes or renames a table.
            event.listen(pool, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        return pool.connect()
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise UsageError(f"no driver for {url.drivername}: {error}; install the driver's package") from error
    except SQLAlchemyError as error:
        raise DatabaseError(
            f"cannot connect to {name}: {reason(error)}; check --uri, and that the server runs and lets you in"
        ) from error


def _options(url: URL, name: str, write: bool) -> dict[str, Any]:
    if name not in ("duckdb", "sqlite") or not url.database or url.database == ":memory:":
        return {}
    if not write and not Path(url.database).is_file():
        # Both would make an empty database of that name.
        raise DatabaseError(f"no file {url.database}; check --uri")
    if name == "sqlite":
        return {"connect_args": {"isolation_level": None}}
    if name == "duckdb" and not write:
        return {"connect_args": {"read_only": True}}
    return {}


def reason(error: SQLAlchemyError) -> str:
    """The database's own first line, without the statement and its values."""
    origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    # Spark's driver gives the whole response of the server, with the message in it.
    status = getattr(origin.args[0], "status", None) if origin.args else None
    cause = str(getattr(status, "errorMessage", None) or origin)
    return next((line.strip() for line in cause.splitlines() if line.strip()), type(error).__name__)

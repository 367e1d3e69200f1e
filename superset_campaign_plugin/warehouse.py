"""Connections to the warehouse: opened to read unless something is written, and with errors that say what to do."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from superset_campaign_plugin.advice import address
from superset_campaign_plugin.database_files import explain, file_of, is_busy, wait_for_file, why_not_opened
from superset_campaign_plugin.engines import Engine, get_engine
from superset_campaign_plugin.errors import BusyError, CampaignError, DatabaseError, UsageError
from superset_campaign_plugin.rights import how_to_grant

_ENCODE = "write the special characters of the password percent-encoded: @ as %40, / as %2F, : as %3A, % as %25"
# Another @ in what follows the password: before the query, or in a part of it that sets nothing.
_SECOND_AT = re.compile(r"[^?]*@|[^?]*\?(?:[^@]*&)?[^=&@]*@")


def parse_uri(uri: str) -> tuple[URL, Engine]:
    """The URL and the report's engine of a SQLAlchemy URI. Raises `UsageError` for a malformed or unsupported one."""
    malformed = UsageError(
        "--uri is not a valid database URI; write it as in duckdb:////path/to/file.duckdb or "
        "postgresql://user:password@host/database, with special characters of the password percent-encoded"
    )
    try:
        url = make_url(uri)
    except (ArgumentError, ValueError) as error:
        # The text may hold a password, so it is not repeated.
        raise malformed from error
    if url.password is not None and _SECOND_AT.match(uri.partition("@")[2]):
        # A part of the password is taken for the host or the database, and errors would show it.
        raise UsageError(f"--uri holds a second @, which ends no password; {_ENCODE}")
    return url, get_engine(url.get_backend_name())


@contextlib.contextmanager
def connect(
    uri: str, *, write: bool = False, in_batches: bool = False, about: Path | None = None
) -> Iterator[tuple[Connection, Engine]]:
    """A connection and its engine; with `write` one transaction, committed at the end or rolled back as a whole.

    With `in_batches` the caller begins and ends a transaction for each batch that is written. `about` is the file that
    errors are about, where the connection is to no file of its own.
    Raises `DatabaseError` where the database cannot be reached or refuses a statement (`BusyError` where its file stays
    in use by another program), `UsageError` for a bad URI.
    """
    url, engine = parse_uri(uri)
    with contextlib.closing(_open(url, engine, write=write)) as connection:
        try:
            with connection.begin() if write and not in_batches else contextlib.nullcontext():
                yield connection, engine
        except SQLAlchemyError as error:
            subject = url if about is None else url.set(database=str(about))
            raise _told(subject, error, write, "{name}: {reason}") from error


def _open(url: URL, engine: Engine, *, write: bool) -> Connection:
    file = file_of(url)
    if file is not None and not write:
        _check_is_there(file)
    try:
        pool = create_engine(url, poolclass=NullPool, connect_args=_arguments(url, write), **_options(engine, write))
        if url.get_backend_name() == "sqlite":
            # The driver by itself opens no transaction before it makes or renames a table. One that writes takes its
            # lock at once: SQLite lets it wait for another one there, but not once it has read.
            begin = "BEGIN IMMEDIATE" if write else "BEGIN"
            event.listen(pool, "begin", lambda connection: connection.exec_driver_sql(begin))
        return wait_for_file(pool.connect, file)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise UsageError(f"no driver for {url.drivername}: {error}; install the driver's package") from error
    except CampaignError:
        raise
    except Exception as error:
        # Some drivers raise errors that are not of the DB-API where no server answers, as Thrift's does.
        advice = f"check {address()}" + ("" if file else ", and that the server runs and lets you in")
        if url.password and set(str(url.password)) & set("@/:%?#") and "password" in _own_words(error):
            # Encoded, or by mistake not: what the server was told may be another password.
            advice += f"; {_ENCODE}"
        raise _told(url, error, write, f"cannot connect to {{name}}: {{reason}}; {advice}") from error


def _told(url: URL, error: Exception, write: bool, otherwise: str) -> DatabaseError:
    """The error for a person: what is known of a database file, else the database's own words in `otherwise`."""
    file = file_of(url)
    known = explain(file, error, write=write) if file is not None and isinstance(error, SQLAlchemyError) else None
    # Without what follows the question mark, where some drivers take passwords and tokens.
    name = url.set(query={}).render_as_string(hide_password=True)
    own = otherwise.format(name=name, reason=reason(error, url))
    busy = isinstance(error, SQLAlchemyError) and is_busy(error)
    return (BusyError if busy else DatabaseError)(known or own)


def _check_is_there(file: Path) -> None:
    """Both engines would make an empty database of that name. Raises `DatabaseError`."""
    if problem := why_not_opened(file, write=False):
        raise DatabaseError(problem)


def _options(engine: Engine, write: bool) -> dict[str, Any]:
    if engine.locks.wait is None or write:
        return {}
    # Who reads has its locks no longer than a statement takes, and so keeps nobody waiting.
    return {"isolation_level": "AUTOCOMMIT"}


def _arguments(url: URL, write: bool) -> dict[str, Any]:
    if file_of(url) is None:
        return {}
    if url.get_backend_name() == "sqlite":
        return {"isolation_level": None}
    return {} if write else {"read_only": True}


def refusal(url: URL, error: Exception, what: str) -> DatabaseError:
    """The error of a connection that somebody else opened, Superset for one: `what` failed, and why."""
    if isinstance(error, SQLAlchemyError):
        return _told(url, error, False, what.replace("{", "{{").replace("}", "}}") + ": {reason}")
    return DatabaseError(f"{what}: {error}")


def reason(error: Exception, url: URL | None = None) -> str:
    """The database's own first line, without the statement and its values; and for a right that is missing, which.

    `url` tells whose right, where the error does not.
    """
    said = _own_words(error)
    missing = how_to_grant(error, url) if isinstance(error, SQLAlchemyError) else None
    return f"{said}; {missing}" if missing else said


def _own_words(error: Exception) -> str:
    origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    # Spark's driver gives the whole response of the server, with the message in it.
    status = getattr(origin.args[0], "status", None) if origin.args else None
    cause = str(getattr(status, "errorMessage", None) or origin)
    return next((line.strip() for line in cause.splitlines() if line.strip()), type(error).__name__)

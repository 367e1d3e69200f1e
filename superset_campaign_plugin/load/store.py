"""The table of activities, and the table that remembers how far each file was stored. Both move in one transaction."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, String, Table, Text, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import LoadError
from superset_campaign_plugin.load.batch import Batch
from superset_campaign_plugin.load.extract import MAX_ACTIVITY_ID
from superset_campaign_plugin.load.writers import get_writer
from superset_campaign_plugin.report.activity_kinds import ATTRIBUTES
from superset_campaign_plugin.sources.bulk import ACTIVITY_TABLE
from superset_campaign_plugin.sources.catalog import LiveCatalog

PROGRESS_TABLE = "marketo_load_progress"


class _Time(DateTime):  # type: ignore[misc]
    """A time with its fractions of a second, which MySQL's own type of the name drops."""


class _LongText(Text):  # type: ignore[misc]
    """A text of any length; MySQL's own type of the name ends at 64 KB."""


@compiles(_Time, "mysql", "mariadb")  # type: ignore[untyped-decorator]
def _mysql_time(*_: Any, **__: Any) -> str:
    return "DATETIME(6)"


@compiles(_LongText, "mysql", "mariadb")  # type: ignore[untyped-decorator]
def _mysql_text(*_: Any, **__: Any) -> str:
    return "LONGTEXT"


# Its usual collation may take `a` for `A`.
_ON_MYSQL = {
    f"{dialect}_{option}": value
    for dialect in ("mariadb", "mysql")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


def activity_table(schema: str | None = None) -> Table:
    """The table of activities, in the given schema or the database's own. Times are UTC without a zone."""
    return Table(
        ACTIVITY_TABLE,
        MetaData(),
        # Some engines take no key without a length.
        Column("activity_id", String(MAX_ACTIVITY_ID), primary_key=True),
        Column("activity_type_id", Integer, nullable=False),
        Column("activity_date", _Time, nullable=False),
        Column("lead_id", BigInteger, nullable=False),
        Column("campaign_id", BigInteger),
        Column("email_id", BigInteger),
        Column("email_name", _LongText),
        *(Column(name, _LongText) for name in ATTRIBUTES),
        Column("loaded_at", _Time, nullable=False),
        schema=schema,
        **_ON_MYSQL,
    )


def progress_table(schema: str | None = None) -> Table:
    """How far each file is stored, with the counts of `FileProgress`."""
    return Table(
        PROGRESS_TABLE,
        MetaData(),
        Column("file_id", String(64), primary_key=True),
        Column("file", _LongText, nullable=False),
        Column("digest", String(64), nullable=False),
        Column("bytes_read", BigInteger, nullable=False),
        Column("lines_read", BigInteger, nullable=False),
        Column("rows_read", BigInteger, nullable=False),
        Column("stored", BigInteger, nullable=False),
        Column("already_there", BigInteger, nullable=False),
        Column("other_types", BigInteger, nullable=False),
        Column("rejected", BigInteger, nullable=False),
        Column("loaded_at", _Time, nullable=False),
        Column("mended", BigInteger),
        schema=schema,
        **_ON_MYSQL,
    )


@dataclass
class FileProgress:
    """How far a file was read, and what became of its rows.

    `bytes_read` counts the bytes of its text, decompressed, and `digest` is their SHA-256 in hexadecimal: a file
    that begins with these bytes is the same file, or has grown. `rows_read` is the sum of the four below it; `mended`
    counts those of the rows stored and already there whose characters were not all stored as they stand in the file.
    """

    digest: str = ""
    bytes_read: int = 0
    lines_read: int = 0
    rows_read: int = 0
    stored: int = 0
    already_there: int = 0
    other_types: int = 0
    rejected: int = 0
    mended: int = 0


class Store:
    """The two tables of a warehouse. Each of its methods is one transaction."""

    def __init__(self, connection: Connection, engine: Engine, schema: str | None) -> None:
        """Make what is missing. Raises `UsageError` for an engine it cannot write to, `LoadError` for other tables."""
        self._connection = connection
        self._write = get_writer(connection, engine)
        self._activities = activity_table(schema)
        self._progress = progress_table(schema)
        catalog = LiveCatalog(connection, engine, schema)
        with _transaction(connection):
            for table in (self._activities, self._progress):
                found = catalog.columns(table.name)
                if found is None:
                    table.create(connection)
                elif table is self._progress and [*found, "mended"] == table.columns.keys():
                    self._add_mended()
                elif list(found) != table.columns.keys():
                    raise LoadError(
                        f"table {table.name} is not the one that load makes: its columns are {', '.join(found)}; "
                        "choose another schema with --schema, or rename that table"
                    )

    def _add_mended(self) -> None:
        """Bring a table of the time before rows were mended up to date."""
        name = self._connection.dialect.identifier_preparer.format_table(self._progress)
        self._connection.execute(text(f"ALTER TABLE {name} ADD COLUMN mended BIGINT"))
        self._connection.execute(self._progress.update().values(mended=0))

    def progress(self, path: Path) -> FileProgress | None:
        """How far the file of that path is stored; None where it is new."""
        columns = [self._progress.c[field.name] for field in fields(FileProgress)]
        with _transaction(self._connection):
            query = select(*columns).where(self._progress.c.file_id == _file_id(path))
            row = self._connection.execute(query).mappings().first()
        return None if row is None else FileProgress(**row)

    def save(self, path: Path, batch: Batch, progress: FileProgress) -> None:
        """Store the activities whose id is new and count them in `progress`; store the progress with them."""
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        table, key = self._progress, _file_id(path)
        with _transaction(self._connection):
            new = self._write(self._connection, self._activities, batch, now) if batch else 0
            progress.stored += new
            progress.already_there += len(batch) - new
            values = {"file": os.fsencode(path).decode("utf-8", "replace"), **asdict(progress), "loaded_at": now}
            known = self._connection.execute(select(table.c.file_id).where(table.c.file_id == key)).first()
            # Not deleted and inserted again: DuckDB refuses a key that was deleted in the same transaction.
            if known:
                self._connection.execute(table.update().where(table.c.file_id == key).values(values))
            else:
                self._connection.execute(table.insert().values(file_id=key, **values))


def _file_id(path: Path) -> str:
    """A key of bounded length; paths have none."""
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()


@contextlib.contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    """All or nothing. The errors of the driver, which the writers call themselves, become SQLAlchemy's."""
    with connection.begin():
        try:
            yield
        except connection.dialect.dbapi.Error as error:
            raise DBAPIError(None, None, error) from error

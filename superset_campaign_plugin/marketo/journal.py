"""The table that remembers which windows were asked for, by which job, and which of them are stored.

It is in the schema of the activities. Each method is one transaction, so a run that is killed at any moment leaves
what the next one needs to continue: a job's id is written before the job is queued, and a window is marked as stored
after its activities are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TypeVar

from sqlalchemy import Column, DateTime, MetaData, String, Table, select
from sqlalchemy.engine import Connection
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_chain, wait_fixed

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import BusyError, LoadError
from superset_campaign_plugin.load.store import Store
from superset_campaign_plugin.marketo.values import spell_time
from superset_campaign_plugin.marketo.windows import Window
from superset_campaign_plugin.sources.catalog import LiveCatalog
from superset_campaign_plugin.warehouse import connect

PULL_TABLE = "marketo_pull"

ACTIVITIES, DELETIONS = "activities", "deletions"

# A dashboard that reads a DuckDB file keeps others from writing to it for as long as its query takes.
PAUSES = (5.0, 10.0, 20.0, 40.0, 60.0)

_T = TypeVar("_T")


@dataclass(frozen=True)
class Entry:
    """A window, the job that was made for it (None where none counts any more), and whether it is stored."""

    window: Window
    export_id: str | None
    stored: bool


def pull_table(schema: str | None = None) -> Table:
    """The table, in the given schema or the database's own. Times are UTC without a zone."""
    return Table(
        PULL_TABLE,
        MetaData(),
        Column("pull_id", String(64), primary_key=True),
        Column("what", String(16), nullable=False),
        Column("start_at", DateTime, nullable=False),
        Column("end_at", DateTime, nullable=False),
        Column("marketo", String(255), nullable=False),  # its host
        Column("export_id", String(64)),
        Column("stored_at", DateTime),
        schema=schema,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )


class Journal:
    """What is known of the windows of one Marketo, in one database."""

    def __init__(self, uri: str, schema: str | None, host: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._uri = uri
        self._schema = schema
        self._host = host
        self._sleep = sleep
        self._table = pull_table(schema)

    def prepare(self) -> None:
        """Make the tables that are missing.

        Raises `UsageError` for an engine that takes no activities, and `LoadError` where the tables are others, or
        hold what came from another Marketo: the same ids mean other things there.
        """

        def act(connection: Connection, engine: Engine) -> str | None:
            Store(connection, engine, self._schema)
            with connection.begin():
                columns = LiveCatalog(connection, engine, self._schema).columns(PULL_TABLE)
                if columns is None:
                    self._table.create(connection)
                    return None
                if list(columns) != self._table.columns.keys():
                    raise LoadError(
                        f"table {PULL_TABLE} is not the one that pull-activities makes: its columns are "
                        f"{', '.join(columns)}; choose another schema with --schema, or rename that table"
                    )
                others = select(self._table.c.marketo).where(self._table.c.marketo != self._host).limit(1)
                other: str | None = connection.execute(others).scalar()
                return other

        if other := self._patiently(act):
            raise LoadError(
                f"this schema holds activities of {other}, whose ids mean other things than those of {self._host}; "
                f"choose another one with --schema, or set marketo in table {PULL_TABLE} if both are the same Marketo"
            )

    def read(self, what: str = ACTIVITIES) -> list[Entry]:
        """All entries, by their windows."""
        table = self._table

        def act(connection: Connection, engine: Engine) -> list[Entry]:
            rows = connection.execute(select(table).where(table.c.what == what)).mappings()
            return [
                Entry(Window(row["start_at"], row["end_at"]), row["export_id"], row["stored_at"] is not None)
                for row in rows
            ]

        return sorted(self._patiently(act, write=False), key=lambda entry: entry.window)

    def note_job(self, window: Window, export_id: str | None) -> None:
        """Remember the job of a window, or that it has none any more."""
        self._write(ACTIVITIES, window, {"export_id": export_id})

    def note_stored(self, window: Window, what: str = ACTIVITIES) -> None:
        """Remember that all of a window is stored."""
        self._write(what, window, {"stored_at": datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)})

    def _write(self, what: str, window: Window, values: dict[str, object]) -> None:
        table = self._table
        key = f"{what} {spell_time(window.start)}/{spell_time(window.end)}"

        def act(connection: Connection, engine: Engine) -> None:
            with connection.begin():
                if connection.execute(select(table.c.pull_id).where(table.c.pull_id == key)).first():
                    connection.execute(table.update().where(table.c.pull_id == key).values(values))
                    return
                row = {"pull_id": key, "what": what, "start_at": window.start, "end_at": window.end}
                connection.execute(table.insert().values(**row, marketo=self._host, **values))

        self._patiently(act)

    def _patiently(self, act: Callable[[Connection, Engine], _T], *, write: bool = True) -> _T:
        def once() -> _T:
            with connect(self._uri, write=write, in_batches=write) as (connection, engine):
                return act(connection, engine)

        return patiently(once, self._sleep)


def patiently(action: Callable[[], _T], sleep: Callable[[float], None]) -> _T:
    """What `action` returns; tried again for two minutes while another program holds the database file."""
    tries = Retrying(
        retry=retry_if_exception_type(BusyError),
        wait=wait_chain(*map(wait_fixed, PAUSES)),
        stop=stop_after_attempt(len(PAUSES) + 1),
        sleep=sleep,
        reraise=True,
    )
    return tries(action)

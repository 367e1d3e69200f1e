"""The table that extracts are loaded into, and how far each file has got. Knows no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.engine import Connection

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.load.extract import Activity
from superset_campaign_plugin.sources.bulk import ACTIVITY_TABLE

PROGRESS_TABLE = "marketo_load_progress"
# Longer than any GUID; some engines index no text without a length.
_ID = String(128)


class Store:
    """The two tables in one schema. Everything happens in the transaction of the connection that is given."""

    def __init__(self, engine: Engine, schema: str | None) -> None:
        if engine.name not in _INSERTS:
            raise UsageError(f"extracts cannot be loaded into {engine.name}; it takes {', '.join(_INSERTS)}")
        self._insert = _INSERTS[engine.name]
        metadata = MetaData(schema=schema)
        self.activities = Table(
            ACTIVITY_TABLE,
            metadata,
            Column("activity_id", _ID, primary_key=True),
            Column("activity_type_id", Integer),
            Column("activity_date", DateTime),
            Column("lead_id", BigInteger),
            Column("campaign_id", BigInteger),
            Column("email_id", BigInteger),
            *(Column(name, Text) for name in ("email_name", "action_result", "link", "is_bot_activity")),
            *(Column(name, Text) for name in ("user_agent", "merge_ids")),
            Column("loaded_at", DateTime),
        )
        self._progress = Table(
            PROGRESS_TABLE,
            metadata,
            Column("file", String(500), primary_key=True),
            Column("lines_read", BigInteger),
            Column("finished", Integer),
        )

    def prepare(self, connection: Connection) -> None:
        """Make the tables where they are not there yet."""
        for table in (self.activities, self._progress):
            table.create(connection, checkfirst=True)

    def progress(self, connection: Connection, file: str) -> tuple[int, bool]:
        """How many lines of the file are stored, and whether these are all."""
        query = select(self._progress.c.lines_read, self._progress.c.finished).where(self._progress.c.file == file)
        found = connection.execute(query).first()
        return (0, False) if found is None else (int(found[0]), bool(found[1]))

    def add(self, connection: Connection, activities: Sequence[Activity]) -> int:
        """Store the activities whose ids are new; gives their number."""
        # An id that comes twice in a batch is one activity.
        distinct = {activity.activity_id: activity for activity in activities}
        if not distinct:
            return 0
        loaded_at = datetime.now(timezone.utc).replace(tzinfo=None)
        rows = [(*_values(activity), loaded_at) for activity in distinct.values()]
        return self._insert(connection, self.activities, rows)

    def advance(self, connection: Connection, file: str, lines: int, finished: bool) -> None:
        """Note how far the file is stored."""
        # Not an update: drivers differ in whether they tell that it found no row.
        connection.execute(delete(self._progress).where(self._progress.c.file == file))
        connection.execute(insert(self._progress).values(file=file, lines_read=lines, finished=int(finished)))


_NAMES = tuple(field.name for field in fields(Activity))


def _values(activity: Activity) -> tuple[Any, ...]:
    return tuple(getattr(activity, name) for name in _NAMES)


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar() or 0)


def _into_duckdb(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> int:
    # Row by row it stores a few hundred a second; a column at a time, hundreds of thousands.
    import pyarrow

    columns = [list(column) for column in zip(*rows, strict=True)]
    batch = pyarrow.table(
        [pyarrow.array(column) for column in columns], names=[column.name for column in table.columns]
    )
    driver = connection.connection.driver_connection
    driver.register("loaded_batch", batch)
    try:
        name = connection.dialect.identifier_preparer.format_table(table)
        before = _count(connection, table)
        connection.exec_driver_sql(f"INSERT INTO {name} SELECT * FROM loaded_batch ON CONFLICT DO NOTHING")
        return _count(connection, table) - before
    finally:
        driver.unregister("loaded_batch")


def _into_sqlite(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> int:
    return _executed(connection, insert(table).prefix_with("OR IGNORE"), table, rows)


def _into_postgresql(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> int:
    return _executed(connection, postgresql_insert(table).on_conflict_do_nothing(), table, rows)


def _into_mysql(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> int:
    return _executed(connection, insert(table).prefix_with("IGNORE"), table, rows)


def _executed(connection: Connection, statement: Any, table: Table, rows: list[tuple[Any, ...]]) -> int:
    before = _known(connection, table, [row[0] for row in rows])
    names = [column.name for column in table.columns]
    connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])
    return len(rows) - before


def _known(connection: Connection, table: Table, ids: list[str]) -> int:
    """How many of the ids are stored; drivers do not count what an insertion passed over."""
    known = 0
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        query = select(func.count()).select_from(table).where(table.c.activity_id.in_(some))
        known += int(connection.execute(query).scalar() or 0)
    return known


_INSERTS = {"duckdb": _into_duckdb, "sqlite": _into_sqlite, "postgresql": _into_postgresql, "mysql": _into_mysql}

"""How each engine takes a batch of activities: by its bulk path, leaving out ids that the table holds already.

A new engine is one function here and one line in `WRITERS`. It needs transactions and a unique key.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Table, text, types
from sqlalchemy.engine import Connection

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.load.batch import ROW, Batch

if TYPE_CHECKING:
    import pyarrow as pa

# (connection, table, the batch, when it is loaded) -> how many rows were new.
Writer = Callable[[Connection, Table, Batch, datetime], int]


def get_writer(connection: Connection, engine: Engine) -> Writer:
    """The writer for a connection. Raises `UsageError` for an engine, driver or connection without one."""
    driver = connection.dialect.driver
    if engine.name not in WRITERS:
        raise UsageError(f"cannot load activities into {engine.name}; it is done on {', '.join(sorted(WRITERS))}")
    if engine.name == "postgresql" and driver != "psycopg2":
        raise UsageError(f"cannot load activities through {driver}; write --uri as postgresql+psycopg2://…")
    if engine.name == "mysql" and connection.scalar(text("SELECT @@character_set_client")) != "utf8mb4":
        raise UsageError("the connection cannot carry every character; end --uri with ?charset=utf8mb4")
    return WRITERS[engine.name]


@contextlib.contextmanager
def many_batches(connection: Connection, engine: Engine) -> Iterator[None]:
    """Set the connection up for one batch after the other."""
    if engine.name != "duckdb":
        yield
        return
    driver = connection.connection.driver_connection
    # Threads would wait for each other at the key, and take twice the time of the processors.
    driver.execute("SET threads = 1")
    try:
        yield
    finally:
        driver.execute("RESET threads")


def _duckdb(connection: Connection, table: Table, batch: Batch, now: datetime) -> int:
    driver = connection.connection.driver_connection
    driver.register("marketo_batch", batch.table(now))
    try:
        insert = f"INSERT INTO {_name(connection, table)} SELECT * FROM marketo_batch ON CONFLICT DO NOTHING"
        return int(connection.execute(text(insert)).scalar())
    finally:
        driver.unregister("marketo_batch")


def _sqlite(connection: Connection, table: Table, batch: Batch, now: datetime) -> int:
    # SQLite has no times; this is the spelling of SQLAlchemy's DateTime.
    times = [place for place, column in enumerate(table.columns) if isinstance(column.type, types.DateTime)]
    spelled = [list(row) for row in batch.rows(now)]
    for row in spelled:
        for place in times:
            row[place] = row[place].isoformat(" ", "microseconds")
    marks = ", ".join("?" * len(table.columns))
    insert = f"INSERT INTO {_name(connection, table)} VALUES ({marks}) ON CONFLICT DO NOTHING"
    return int(connection.exec_driver_sql(insert, list(map(tuple, spelled))).rowcount)


_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _postgresql(connection: Connection, table: Table, batch: Batch, now: datetime) -> int:
    name = _name(connection, table)
    # COPY itself cannot leave out known ids.
    connection.execute(text(f"CREATE TEMPORARY TABLE marketo_batch (LIKE {name}) ON COMMIT DROP"))
    with connection.connection.driver_connection.cursor() as cursor:
        if batch.has_tables:
            cursor.copy_expert("COPY marketo_batch FROM STDIN (FORMAT csv)", _as_csv(batch.table(now)))
        else:
            cursor.copy_expert("COPY marketo_batch FROM STDIN", _as_text(batch.rows(now)))
    insert = f"INSERT INTO {name} SELECT * FROM marketo_batch ON CONFLICT DO NOTHING"
    return int(connection.execute(text(insert)).rowcount)


def _as_csv(rows: pa.Table) -> io.BytesIO:
    """All texts in quotes, so that one without characters differs from none."""
    from pyarrow import csv

    lines = io.BytesIO()
    csv.write_csv(rows, lines, csv.WriteOptions(include_header=False))
    lines.seek(0)
    return lines


def _as_text(rows: Sequence[ROW]) -> io.StringIO:
    def spell(value: object) -> str:
        if value is None:
            return "\\N"
        return value.translate(_COPY_ESCAPES) if isinstance(value, str) else str(value)

    return io.StringIO("".join(["\t".join(map(spell, row)) + "\n" for row in rows]))


def _mysql(connection: Connection, table: Table, batch: Batch, now: datetime) -> int:
    # INSERT IGNORE would let faults pass, and ON DUPLICATE KEY does not count what is new.
    name = _name(connection, table)
    connection.execute(text(f"CREATE TEMPORARY TABLE marketo_batch LIKE {name}"))
    try:
        marks = ", ".join(["%s"] * len(table.columns))
        connection.exec_driver_sql(f"INSERT INTO marketo_batch VALUES ({marks})", batch.rows(now))
        known = f"SELECT 1 FROM {name} AS known WHERE known.activity_id = marketo_batch.activity_id"
        insert = f"INSERT INTO {name} SELECT * FROM marketo_batch WHERE NOT EXISTS ({known})"
        return int(connection.execute(text(insert)).rowcount)
    finally:
        connection.execute(text("DROP TEMPORARY TABLE marketo_batch"))


def _name(connection: Connection, table: Table) -> str:
    return str(connection.dialect.identifier_preparer.format_table(table))


WRITERS: dict[str, Writer] = {"duckdb": _duckdb, "mysql": _mysql, "postgresql": _postgresql, "sqlite": _sqlite}

"""Loading tables into a database, by the engine's bulk path."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from logs.model import Log
from logs.tables import Table, fivetran_tables

# MySQL's own DATETIME has no fractions of a second; its TIMESTAMP is the type with a zone.
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
ZONED_TIME = sa.DateTime(timezone=True).with_variant(mysql.TIMESTAMP(fsp=6), "mysql")
TYPES = {"integer": sa.BigInteger(), "text": sa.Text(), "time": TIME, "flag": sa.Boolean()}


def write(
    log: Log,
    uri: str,
    *,
    drop: Iterable[str] = (),
    layout: Callable[[Log], Iterable[Table]] = fivetran_tables,
    **options: Any,
) -> None:
    """Load a log into the database at `uri`, as a loader lays it out.

    `drop` leaves out whole tables, and columns given as `table.column`; the other options are those of `load`.
    """
    left_out = set(drop)
    tables = []
    for table in layout(log):
        if table.name in left_out:
            continue
        places = [place for place, name in enumerate(table.columns) if f"{table.name}.{name}" not in left_out]
        if len(places) < len(table.columns):
            names = list(table.columns)
            columns = {names[place]: table.columns[names[place]] for place in places}
            table = Table(table.name, columns, [tuple(row[place] for place in places) for row in table.rows])
        tables.append(table)
    load(tables, uri, **options)


def load(
    tables: Iterable[Table],
    uri: str,
    *,
    schema: str | None = None,
    zoned: bool = False,
    text: str | Mapping[str, str] | None = None,
    exists_ok: bool = False,
) -> None:
    """Create the tables and fill them, by the engine's bulk path.

    With `zoned`, times carry a time zone. With `text`, every column is text, the empty string stands for null, and
    times are spelled that way (a format of `strftime`, one for all or one a table).
    """
    engine = sa.create_engine(uri, poolclass=sa.pool.NullPool)
    types = TYPES | ({"time": ZONED_TIME} if zoned else {})
    with engine.begin() as connection:
        if schema:
            connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
        for table in tables:
            if text is not None:
                table = _as_text(table, text if isinstance(text, str) else text[table.name])
            definition = sa.Table(
                table.name,
                sa.MetaData(schema=schema),
                *(sa.Column(name, types[kind]) for name, kind in table.columns.items()),
            )
            if engine.dialect.name == "hive":
                _create_hive(connection, definition, table, zoned)
                continue
            definition.create(connection, checkfirst=exists_ok)
            if table.rows:
                _FILL[engine.dialect.name](connection, definition, table, zoned)
    engine.dispose()


def append(tables: Iterable[Table], uri: str) -> None:
    """Add rows to tables, which are made where they are not there yet."""
    load(tables, uri, exists_ok=True)


def _as_text(table: Table, time_format: str) -> Table:
    def spell(value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, datetime):
            return value.strftime(time_format)
        return str(value).upper() if isinstance(value, bool) else str(value)

    rows = [tuple(spell(value) for value in row) for row in table.rows]
    return Table(table.name, dict.fromkeys(table.columns, "text"), rows)


def arrow(table: Table, zoned: bool) -> Any:
    """The table for engines that read Arrow or Parquet."""
    import pyarrow as pa

    times = pa.timestamp("us", tz="UTC" if zoned else None)
    types = {"integer": pa.int64(), "text": pa.string(), "time": times, "flag": pa.bool_()}
    by_column = zip(*table.rows, strict=True) if table.rows else [()] * len(table.columns)
    arrays = [pa.array(values, types[kind]) for values, kind in zip(by_column, table.columns.values(), strict=True)]
    return pa.table(arrays, names=list(table.columns))


def _quoted(connection: sa.engine.Connection, definition: sa.Table) -> str:
    """The table's name with its capitals kept."""
    return str(connection.dialect.identifier_preparer.format_table(definition))


def _fill_duckdb(connection: sa.engine.Connection, definition: sa.Table, table: Table, zoned: bool) -> None:
    duckdb = connection.connection.driver_connection
    duckdb.register("loaded_rows", arrow(table, zoned))
    connection.execute(sa.text(f"INSERT INTO {_quoted(connection, definition)} SELECT * FROM loaded_rows"))
    duckdb.unregister("loaded_rows")


def _fill_sqlite(connection: sa.engine.Connection, definition: sa.Table, table: Table, zoned: bool) -> None:
    # SQLite has no times; this is the spelling of SQLAlchemy's DateTime, and so of most that write to it.
    times = [place for place, kind in enumerate(table.columns.values()) if kind == "time"]
    rows = [list(row) for row in table.rows]
    for row in rows:
        for place in times:
            if row[place] is not None:
                row[place] = row[place].isoformat(" ", "microseconds")
    marks = ", ".join("?" * len(table.columns))
    connection.connection.driver_connection.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', rows)


def _fill_postgresql(connection: sa.engine.Connection, definition: sa.Table, table: Table, zoned: bool) -> None:
    escapes = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

    def spell(value: object) -> str:
        if value is None:
            return "\\N"
        if isinstance(value, datetime):
            return f"{value}+00" if zoned else str(value)
        return value.translate(escapes) if isinstance(value, str) else str(value)

    lines = io.StringIO("".join("\t".join(map(spell, row)) + "\n" for row in table.rows))
    with connection.connection.driver_connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {_quoted(connection, definition)} FROM STDIN", lines)


def _fill_mysql(connection: sa.engine.Connection, definition: sa.Table, table: Table, zoned: bool) -> None:
    escapes = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

    def spell(value: object) -> str:
        if value is None:
            return "\\N"
        return value.translate(escapes) if isinstance(value, str) else str(int(value) if value is True else value)

    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="") as file:
        file.writelines("\t".join(map(spell, row)) + "\n" for row in table.rows)
        file.flush()
        connection.execute(sa.text("SET time_zone = '+00\\:00'"))
        into = _quoted(connection, definition)
        load = f"LOAD DATA LOCAL INFILE '{file.name}' INTO TABLE {into} CHARACTER SET utf8mb4"
        connection.execute(sa.text(load))


def _create_hive(connection: sa.engine.Connection, definition: sa.Table, table: Table, zoned: bool) -> None:
    """A Parquet file with a table over it, in the folder of the database, with which it goes."""
    import pyarrow.parquet as pq

    database = definition.schema or connection.engine.url.database
    described = connection.execute(sa.text(f"DESCRIBE DATABASE {database}")).fetchall()
    folder = Path(dict(described)["Location"].removeprefix("file:")) / f"{table.name}_rows"
    if folder.exists():  # more rows of a table that is there
        pq.write_table(arrow(table, zoned), folder / f"rows_{len(list(folder.iterdir()))}.parquet")
        connection.execute(sa.text(f"REFRESH TABLE {definition}"))
        return
    folder.mkdir(parents=True)
    pq.write_table(arrow(table, zoned), folder / "rows.parquet")
    types = {
        "integer": "BIGINT",
        "text": "STRING",
        "time": "TIMESTAMP" if zoned else "TIMESTAMP_NTZ",
        "flag": "BOOLEAN",
    }
    columns = ", ".join(f"`{name}` {types[kind]}" for name, kind in table.columns.items())
    connection.execute(sa.text(f"CREATE TABLE {definition} ({columns}) USING parquet LOCATION '{folder}'"))


_FILL = {"duckdb": _fill_duckdb, "sqlite": _fill_sqlite, "postgresql": _fill_postgresql, "mysql": _fill_mysql}
ENGINES = (*_FILL, "hive")
WRITABLE = tuple(_FILL)  # where rows can be changed in place, so emails can be stored

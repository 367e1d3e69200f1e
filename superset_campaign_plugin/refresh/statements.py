"""Running the report's queries, and statements that write their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.sqltext import plain_sql


def rows_of(connection: Connection, engine: Engine, query: Any) -> Sequence[Any]:
    """The rows of a query."""
    found: Sequence[Any] = connection.execute(_plain_text(plain_sql(query, engine))).fetchall()
    return found


def execute(connection: Connection, statement: str) -> int:
    """Run one statement as it is written; gives the number of rows that it changed, -1 where the driver knows none."""
    return int(connection.execute(_plain_text(statement)).rowcount)


def table_name(engine: Engine, name: str, schema: str | None) -> str:
    """A table's name, quoted where it has to be, with its schema."""
    quote = engine.dialect().identifier_preparer.quote
    return f"{quote(schema)}.{quote(name)}" if schema else str(quote(name))


def create_as(engine: Engine, name: str, query: Select, temporary: bool = False) -> str:
    """CREATE TABLE with the rows of a query."""
    kind = "TEMPORARY TABLE" if temporary else "TABLE"
    return f"CREATE {kind} {name} {engine.table_format} AS {plain_sql(query, engine)}"


def insert_from(engine: Engine, name: str, columns: Sequence[str], query: Any) -> str:
    """INSERT of the rows of a query, whose columns come in the order of `columns`."""
    return f"INSERT INTO {name} ({', '.join(columns)}) {plain_sql(query, engine)}"


def _plain_text(statement: str) -> Any:
    # A colon would begin a bound parameter.
    return text(statement.replace(":", r"\:"))

"""Running the report's queries, and statements that write their rows; or printing what they would be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.sqltext import plain_sql

_PRINTED = "superset_campaign printed"
_MAKES = re.compile(r"CREATE (TEMPORARY )?TABLE (\S+)")
_CHANGES = re.compile(r"(?:INSERT INTO|ANALYZE|CREATE INDEX \S+ ON) (\S+)")
_SETS = ("SET ", "PRAGMA ")


@dataclass
class Printed:
    """The statements of a connection that writes nothing: what only looks is run, and all is kept in order.

    Temporary tables are made, since what is looked at next depends on them; `absent` are the tables that a run would
    make and this one does not.
    """

    statements: list[str] = field(default_factory=list)
    temporary: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)

    def skips(self, statement: str) -> bool:
        """Whether a statement is only printed."""
        makes, changes = _MAKES.match(statement), _CHANGES.match(statement)
        reads_absent = any(re.search(rf"\b{re.escape(name)}\b", statement) for name in self.absent)
        if makes and makes[1] and not reads_absent:
            self.temporary.add(makes[2])
            return False
        if makes:
            self.absent.add(makes[2].rpartition(".")[2])
            return True
        if changes:
            return reads_absent or changes[1] not in self.temporary
        return reads_absent or not statement.startswith(("SELECT", "WITH", *_SETS))


def print_only(connection: Connection) -> Printed:
    """From now on, keep every statement of the connection, and run only those that look."""
    printed: Printed = Printed()
    connection.info[_PRINTED] = printed
    doubled = connection.dialect.paramstyle in ("format", "pyformat")

    @event.listens_for(connection, "before_cursor_execute")  # type: ignore[untyped-decorator]
    def keep(_: Connection, __: Any, statement: str, *___: Any) -> None:
        printed.statements.append(statement.replace("%%", "%") if doubled else statement)

    return printed


def is_printing(connection: Connection) -> bool:
    """Whether the connection prints what it would write."""
    return _PRINTED in connection.info


def rows_of(connection: Connection, engine: Engine, query: Any) -> Sequence[Any]:
    """The rows of a query."""
    statement = plain_sql(query, engine)
    if _is_skipped(connection, statement):
        # What is counted in a table that is not there decides what else would be printed: as if it had rows.
        return [(1,)]
    found: Sequence[Any] = connection.execute(_plain_text(statement)).fetchall()
    return found


def execute(connection: Connection, statement: str) -> int:
    """Run one statement as it is written; gives the number of rows that it changed, -1 where the driver knows none."""
    if _is_skipped(connection, statement):
        return -1
    return int(connection.execute(_plain_text(statement)).rowcount)


def _is_skipped(connection: Connection, statement: str) -> bool:
    printed: Printed | None = connection.info.get(_PRINTED)
    if printed is None or not printed.skips(statement):
        return False
    printed.statements.append(statement)
    return True


def table_name(engine: Engine, name: str, schema: str | None) -> str:
    """A table's name, quoted where it has to be, with its schema."""
    quote = engine.dialect().identifier_preparer.quote
    return f"{quote(schema)}.{quote(name)}" if schema else str(quote(name))


def create_as(engine: Engine, name: str, query: Select, temporary: bool = False, keys: Sequence[str] = ()) -> str:
    """CREATE TABLE with the rows of a query, and with an index on `keys` where the statement can make one."""
    kind = "TEMPORARY TABLE" if temporary else "TABLE"
    index = f"(INDEX ({', '.join(keys)})) " if keys and engine.index_in_create else ""
    return f"CREATE {kind} {name} {index}{engine.table_format} AS {plain_sql(query, engine)}"


def insert_from(engine: Engine, name: str, columns: Sequence[str], query: Any) -> str:
    """INSERT of the rows of a query, whose columns come in the order of `columns`."""
    return f"INSERT INTO {name} ({', '.join(columns)}) {plain_sql(query, engine)}"


def replace_rows(connection: Connection, engine: Engine, name: str, columns: Sequence[str], query: Any) -> None:
    """Put the rows of a query, whose columns come in the order of `columns`, in the place of all rows of a table."""
    execute(connection, f"DELETE FROM {name}")
    execute(connection, insert_from(engine, name, columns, query))


def _plain_text(statement: str) -> Any:
    # A colon would begin a bound parameter.
    return text(statement.replace(":", r"\:"))

"""What tables and columns a warehouse really has."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import inspect, types
from sqlalchemy.engine import Connection

Columns = dict[str, types.TypeEngine]


class Catalog(Protocol):
    """Answers which columns a table has."""

    schema: str | None

    def columns(self, table: str) -> Columns | None:
        """Column types by name, or None where there is no such table or view."""


class LiveCatalog:
    """The catalog of a connected database. Columns are read only for tables that are asked for."""

    def __init__(self, connection: Connection, schema: str | None) -> None:
        self.schema = schema
        self._inspector = inspect(connection)
        self._names = {
            *self._inspector.get_table_names(schema=schema),
            *self._inspector.get_view_names(schema=schema),
        }
        self._columns: dict[str, Columns] = {}

    def columns(self, table: str) -> Columns | None:
        if table not in self._names:
            return None
        if table not in self._columns:
            found: list[dict[str, Any]] = self._inspector.get_columns(table, schema=self.schema)
            self._columns[table] = {column["name"]: column["type"] for column in found}
        return self._columns[table]

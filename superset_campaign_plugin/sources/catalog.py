"""What tables and columns a warehouse really has."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import inspect
from sqlalchemy.engine import Connection

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.engines.base import Columns


class Catalog(Protocol):
    """Answers which columns a table has."""

    schema: str | None

    def columns(self, table: str) -> Columns | None:
        """Column types by name, or None where there is no such table or view."""

    def tables(self) -> set[str]:
        """The names of all tables and views."""


class LiveCatalog:
    """The catalog of a connected database. Columns are read only for tables that are asked for."""

    def __init__(self, connection: Connection, engine: Engine, schema: str | None) -> None:
        self.schema = schema
        known = engine.read_columns(connection, schema)
        self._columns: dict[str, Columns] = {}
        self._known = self._columns if known is None else known
        self._unread: set[str] = set()
        if known is None:
            self._inspector = inspect(connection)
            self._unread = {
                *self._inspector.get_table_names(schema=schema),
                *self._inspector.get_view_names(schema=schema),
            }

    def columns(self, table: str) -> Columns | None:
        if table in self._unread:
            found: list[dict[str, Any]] = self._inspector.get_columns(table, schema=self.schema)
            self._columns[table] = {column["name"]: column["type"] for column in found}
            self._unread.remove(table)
        return self._known.get(table)

    def tables(self) -> set[str]:
        return {*self._known, *self._unread}

"""What tables and columns a warehouse really has."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import inspect
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.elements import quoted_name

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.engines.base import Columns
from superset_campaign_plugin.engines.duckdb import DEFAULT_SCHEMA
from superset_campaign_plugin.engines.kinds import reflected
from superset_campaign_plugin.sources.layout import Layout

# A schema is looked into with a query or two.
_LOOKED_INTO = 100


class Catalog(Protocol):
    """Answers which columns a table has.

    `schema` is what people call the tables' schema, `qualifier` what SQL has to write before a table's name.
    """

    schema: str | None
    qualifier: str | None

    def columns(self, table: str) -> Columns | None:
        """Column types by name, or None where there is no such table or view."""

    def tables(self) -> set[str]:
        """The names of all tables and views."""

    def schemas_with(self, table: str) -> list[str]:
        """The other schemas that have a table or view of that name, for the advice of an error."""


def as_spelled(layout: Layout, catalog: Catalog) -> Layout:
    """The layout with the names of tables as the warehouse spells them: its own, else in other upper and lower case.

    Some exports keep the capitals of another database, and few databases find a name in other letters.
    """
    own = {name: name for name in catalog.tables()}
    alike: dict[str, str] = {}
    for name in sorted(own):
        alike.setdefault(name.lower(), name)
    return layout.renamed(lambda name: own.get(name) or alike.get(name.lower(), name))


def place(catalog: Catalog) -> str:
    """Where a catalog's tables are, for a person."""
    return f"schema {catalog.schema}" if catalog.schema else "the default schema"


def attached_schema(attached: str, schema: str | None) -> quoted_name:
    """How SQL names a schema, by default the usual one, of an attached DuckDB database."""
    quoted = (name.replace('"', '""') for name in (attached, schema or DEFAULT_SCHEMA))
    return quoted_name(".".join(f'"{name}"' for name in quoted), quote=False)


class LiveCatalog:
    """The catalog of a connected database. Columns are read only for tables that are asked for.

    `attached` names the database that the tables lie in, where the connection has attached it beside its own.
    """

    def __init__(self, connection: Connection, engine: Engine, schema: str | None, attached: str | None = None) -> None:
        self.schema = schema
        self.qualifier = schema if attached is None else attached_schema(attached, schema)
        self._connection, self._engine, self._attached = connection, engine, attached
        self._columns: dict[str, Columns] = {}
        self._known: Mapping[str, Columns] = self._columns
        self._unread: set[str] = set()
        try:
            self._read_tables()
        except SQLAlchemyError:
            # Some engines have an error for a schema that is not there, and others no tables.
            if schema is None or schema in engine.schema_names(connection, attached):
                raise

    def _read_tables(self) -> None:
        known = self._engine.read_columns(self._connection, self.schema, self._attached)
        if known is not None:
            self._known = known
            return
        self._inspector = inspect(self._connection)
        self._unread = {
            *self._inspector.get_table_names(schema=self.schema),
            *self._inspector.get_view_names(schema=self.schema),
        }

    def columns(self, table: str) -> Columns | None:
        if table in self._unread:
            found: list[dict[str, Any]] = self._inspector.get_columns(table, schema=self.schema)
            self._columns[table] = {column["name"]: reflected(column["type"]) for column in found}
            self._unread.remove(table)
        return self._known.get(table)

    def tables(self) -> set[str]:
        return {*self._known, *self._unread}

    def schemas_with(self, table: str) -> list[str]:
        found = []
        # Whoever asks has another error to tell: what cannot be looked for is not found.
        with contextlib.suppress(SQLAlchemyError, NotImplementedError):
            for name in self._engine.schema_names(self._connection, self._attached)[:_LOOKED_INTO]:
                other = LiveCatalog(self._connection, self._engine, name, self._attached)
                if name != self.schema and table in other.tables():
                    found.append(name)
        return found

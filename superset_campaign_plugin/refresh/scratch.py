"""Temporary tables: they are of one connection, and end with it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import column, table
from sqlalchemy.engine import Connection
from sqlalchemy.sql.selectable import Select, TableClause

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.refresh.statements import create_as, execute


class Scratch:
    """Makes temporary tables on a connection."""

    def __init__(self, connection: Connection, engine: Engine) -> None:
        self._connection = connection
        self._engine = engine

    def make(
        self,
        name: str,
        query: Select,
        keys: Sequence[str] = (),
        columns: Sequence[str] | None = None,
        analyze: bool = True,
    ) -> TableClause:
        """A temporary table with the rows of the query; `keys` are what its rows are looked up by.

        `columns` names its columns where the query does not. Without `analyze` more rows follow, and `finish`.
        """
        execute(self._connection, create_as(self._engine, name, query, temporary=True))
        names = columns or [own.name for own in query.selected_columns]
        return self.finish(name, keys, names) if analyze else table(name, *map(column, names))

    def finish(self, name: str, keys: Sequence[str], columns: Sequence[str]) -> TableClause:
        """The table, with all of its rows, ready to be looked up in."""
        if self._engine.nested_loops and keys:
            execute(self._connection, f"CREATE INDEX {name}_key ON {name} ({', '.join(keys)})")
        self.analyze(name)
        return table(name, *map(column, columns))

    def analyze(self, name: str) -> None:
        """Let the engine count a table that was just filled, where it plans queries by that."""
        if self._engine.needs_analyze:
            execute(self._connection, f"ANALYZE {name}")

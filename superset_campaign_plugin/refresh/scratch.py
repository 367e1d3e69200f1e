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
        more: Sequence[str] = (),
    ) -> TableClause:
        """A temporary table with the rows of the query; `keys` are what its rows are looked up by.

        `columns` names its columns where the query does not. `more` are statements that add rows.
        """
        wanted = keys if self._engine.nested_loops else ()
        execute(self._connection, create_as(self._engine, name, query, temporary=True, keys=wanted))
        for statement in more:
            execute(self._connection, statement)
        if wanted and not self._engine.index_in_create:
            execute(self._connection, f"CREATE INDEX {name}_key ON {name} ({', '.join(wanted)})")
        self.analyze(name)
        return table(name, *map(column, columns or [own.name for own in query.selected_columns]))

    def analyze(self, name: str) -> None:
        """Let the engine count a table that was just filled, where it plans queries by that."""
        if self._engine.needs_analyze:
            execute(self._connection, f"ANALYZE {name}")

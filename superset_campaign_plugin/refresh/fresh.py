"""New tables beside the old ones, and how they take their place: each engine's way to do that at once.

The views over the tables change with them. The state is the last to change wherever one thing changes after another:
it must not tell of what is not there yet.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, text
from sqlalchemy.engine import Connection

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.refresh.statements import execute, table_name
from superset_campaign_plugin.refresh.tables import STATE, TABLES, tables_of
from superset_campaign_plugin.refresh.waiting import exclude, patiently
from superset_campaign_plugin.sources.catalog import LiveCatalog


class FreshTables:
    """Where tables can be renamed within the transaction that made them."""

    def __init__(self, connection: Connection, engine: Engine, schema: str | None, lock_wait: float) -> None:
        self._connection = connection
        self._engine = engine
        self._schema = schema
        self._lock_wait = lock_wait

    def name(self, name: str) -> str:
        """What the new table is called until it takes the place of `name`."""
        return f"{name}_new"

    def clear(self) -> None:
        """Remove what a run that was killed may have left."""
        for name in TABLES:
            self._execute(f"DROP TABLE IF EXISTS {self._full(self.name(name))}")

    def change_over(self, views: Mapping[str, str], tables: Sequence[str] | None = None) -> None:
        """Put the new tables in the place of the old ones, and the views, whose queries `views` holds, over them."""
        tables = tables_of(self._engine) if tables is None else tables
        there = self._there()
        exclude(
            self._connection,
            self._engine,
            [self._full(name) for name in (*views, *tables) if name in there],
            [*views, *tables],
            self._lock_wait,
        )
        rights = self._rights([*views, *tables])
        for name in views:
            # Some engines refuse to drop or to rename what a view reads.
            self._execute(f"DROP VIEW IF EXISTS {self._full(name)}")
        for name in tables:
            self._execute(f"DROP TABLE IF EXISTS {self._full(name)}")
            self._execute(f"ALTER TABLE {self._full(self.name(name))} RENAME TO {table_name(self._engine, name, None)}")
        for name, query in views.items():
            self._execute(f"CREATE VIEW {self._full(name)} AS {query}")
        for statement in rights:
            self._execute(statement)

    def _rights(self, names: Sequence[str]) -> list[str]:
        """The statements that give people the rights on the new tables that they have on the old ones."""
        if self._engine.rights is None:
            return []
        query = text(self._engine.rights).bindparams(bindparam("names", expanding=True))
        found = self._connection.execute(query, {"schema": self._schema, "names": list(names)}).fetchall()
        quote = self._engine.dialect().identifier_preparer.quote_identifier
        return [
            f"GRANT {right} ON {self._full(name)} TO {grantee if grantee == 'PUBLIC' else quote(grantee)}"
            for grantee, right, name in found
        ]

    def _replace_views(self, views: Mapping[str, str]) -> None:
        for name, query in views.items():
            self._execute(f"CREATE OR REPLACE VIEW {self._full(name)} AS {query}")

    def _full(self, name: str) -> str:
        return table_name(self._engine, name, self._schema)

    def _execute(self, statement: str) -> None:
        execute(self._connection, statement)

    def _there(self) -> set[str]:
        return LiveCatalog(self._connection, self._engine, self._schema).tables()


class RenamedTables(FreshTables):
    """Where no transaction holds a CREATE or DROP, but one statement renames all tables at once."""

    def clear(self) -> None:
        super().clear()
        self._drop_old()

    def change_over(self, views: Mapping[str, str], tables: Sequence[str] | None = None) -> None:
        tables = tables_of(self._engine) if tables is None else tables
        self._rename([name for name in tables if name != STATE])
        self._replace_views(views)
        self._rename([name for name in tables if name == STATE])
        self._drop_old()

    def _rename(self, names: Sequence[str]) -> None:
        there = self._there()
        moves = [f"{self._full(name)} TO {self._full(f'{name}_old')}" for name in names if name in there]
        moves += [f"{self._full(self.name(name))} TO {self._full(name)}" for name in names]
        if moves:
            statement = f"RENAME TABLE {', '.join(moves)}"
            patiently(self._connection, self._engine, names, self._lock_wait, lambda: self._execute(statement))

    def _drop_old(self) -> None:
        for name in TABLES:
            self._execute(f"DROP TABLE IF EXISTS {self._full(f'{name}_old')}")


class ViewedTables(FreshTables):
    """Where tables cannot be renamed safely: each run's tables carry its time, and a view shows the newest.

    Whoever reads one table sees it whole, the old or the new.
    """

    def __init__(self, connection: Connection, engine: Engine, schema: str | None, lock_wait: float) -> None:
        super().__init__(connection, engine, schema, lock_wait)
        self._run = f"{time.time_ns():x}"

    def name(self, name: str) -> str:
        return f"{name}_run_{self._run}"

    def clear(self) -> None:
        """Nothing: which tables a view still shows is known when the views have changed."""

    def change_over(self, views: Mapping[str, str], tables: Sequence[str] | None = None) -> None:
        tables = tables_of(self._engine) if tables is None else tables
        newest = {name: f"SELECT * FROM {self._full(self.name(name))}" for name in tables}
        state = {STATE: newest.pop(STATE)} if STATE in tables else {}
        self._replace_views({**newest, **views, **state})
        for name in self._there():
            if "_run_" in name and name.startswith(tuple(tables)) and not name.endswith(self._run):
                self._execute(f"DROP TABLE IF EXISTS {self._full(name)}")


FRESH_TABLES = {"transaction": FreshTables, "rename": RenamedTables, "view": ViewedTables}

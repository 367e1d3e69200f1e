"""New tables beside the old ones, and how they take their place: each engine's way to do that at once.

The views over the tables change with them. The state is the last to change wherever one thing changes after another:
it must not tell of what is not there yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import bindparam, inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.refresh.statements import create_as, execute, replace_rows, table_name
from superset_campaign_plugin.refresh.tables import COLUMNS, NAMES, STATE, TABLES, tables_of
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

    def kept(self, name: str) -> str:
        """What the table of the last complete refresh is called."""
        return name

    def merged(self, name: str) -> str:
        """What the table is called that new rows are merged into."""
        return name

    @property
    def run(self) -> str | None:
        """What the names of new tables carry, to tell them from those of other runs; None where they have no such
        names."""
        return None

    def go_on_from(self, run: str | None) -> None:
        """The last complete refresh was that run."""

    def prepare_merge(self) -> None:
        """Make what new rows are merged into, if that is not the tables themselves."""

    def finish(self, names: Mapping[str, Select], state: Callable[[str | None], Select], merged: bool) -> None:
        """Replace the names and, last, the state, and show what was `merged`, if anything was.

        `names` are the rows of the tables of names, and `state` gives those of the state for the run of the others.
        """
        for name, query in {**names, STATE: state(None)}.items():
            replace_rows(self._connection, self._engine, self._full(name), COLUMNS[name], query)

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
            self._execute(self._engine.replace_view.format(name=self._full(name), query=query))

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
    """Where no transaction holds the making, dropping or renaming of tables: each run's tables carry its name, and a
    view shows the newest.

    Whoever reads one table sees it whole, the old or the new. The state, which is the last to change, has the name of
    the run that it tells of, so a run that is killed is no part of what the next one goes by.
    """

    def __init__(self, connection: Connection, engine: Engine, schema: str | None, lock_wait: float) -> None:
        super().__init__(connection, engine, schema, lock_wait)
        self._run = f"{time.time_ns():x}"
        self._kept_run: str | None = None

    def name(self, name: str) -> str:
        return f"{name}_run_{self._run}"

    def kept(self, name: str) -> str:
        return name if self._kept_run is None else f"{name}_run_{self._kept_run}"

    def merged(self, name: str) -> str:
        return self.name(name)

    @property
    def run(self) -> str | None:
        return self._run

    def go_on_from(self, run: str | None) -> None:
        self._kept_run = run

    def clear(self) -> None:
        """Nothing: which tables a view still shows is known when the views have changed."""

    def prepare_merge(self) -> None:
        for name in tables_of(self._engine):
            if name not in (*NAMES, STATE):
                old, new = self._full(self.kept(name)), self._full(self.name(name))
                self._execute(self._engine.copy_table.format(new=new, old=old))

    def finish(self, names: Mapping[str, Select], state: Callable[[str | None], Select], merged: bool) -> None:
        new_state = state(self._run if merged else self._kept_run)
        for name, query in {**names, STATE: new_state}.items():
            self._execute(create_as(self._engine, self._full(self.name(name)), query))
        self.change_over({}, None if merged else [*names, STATE])

    def change_over(self, views: Mapping[str, str], tables: Sequence[str] | None = None) -> None:
        tables = tables_of(self._engine) if tables is None else tables
        if earlier := plain_tables(self._connection, self._schema) & {*tables}:
            # An earlier release had tables in the place of views.
            for name in views:
                self._execute(f"DROP VIEW IF EXISTS {self._full(name)}")
            for name in sorted(earlier):
                self._execute(f"DROP TABLE IF EXISTS {self._full(name)}")
        newest = {name: f"SELECT * FROM {self._full(self.name(name))}" for name in tables}
        state = {STATE: newest.pop(STATE)} if STATE in tables else {}
        self._replace_views({**newest, **views, **state})
        for name in self._there():
            if "_run_" in name and name.startswith(tuple(tables)) and not name.endswith(self._run):
                self._execute(f"DROP TABLE IF EXISTS {self._full(name)}")


def plain_tables(connection: Connection, schema: str | None) -> set[str]:
    """The names of the tables that are no views, where the driver tells them apart; else none."""
    inspector = inspect(connection)
    return {*inspector.get_table_names(schema)} - {*inspector.get_view_names(schema)}


FRESH_TABLES = {"transaction": FreshTables, "rename": RenamedTables, "view": ViewedTables}

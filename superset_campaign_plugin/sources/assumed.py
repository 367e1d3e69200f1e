"""The catalog of a warehouse that nobody has looked at: what the loader's layout says, and no more than that.

Only times have a type: in UTC without a zone in the tables of `superset-campaign load`, with a zone in those of every
other loader. Ids and texts have none, so the SQL casts them, and holds for whole numbers and texts alike.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import types

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.engines.base import Columns
from superset_campaign_plugin.errors import UsageError, unknown
from superset_campaign_plugin.report.activity_kinds import LOG_COLUMNS, Holds
from superset_campaign_plugin.sources.bulk import LAYOUT as BULK
from superset_campaign_plugin.sources.layout import Layout
from superset_campaign_plugin.sources.reader import json_path

# Where a quoted name in capitals and the same name without quotes are two; loaders make the latter there.
_FOLDING_ENGINES = {"snowflake"}

_ANY = types.NullType()


class LayoutCatalog:
    """Every table and column that the layout knows, but for those of `without`: `table` or `table.column`.

    `unused` names columns of assets, by their canonical names, that the report does not need: some warehouses lack
    them. Raises `UsageError` where `without` names something that the layout does not have.
    """

    def __init__(
        self,
        layout: Layout,
        engine: Engine,
        schema: str | None,
        without: Collection[str] = (),
        unused: Collection[str] = (),
    ) -> None:
        self.schema = self.qualifier = schema
        self._tables = _tables(layout, engine, unused)
        self._known = _tables(layout, engine, ())
        for name in without:
            self._leave_out(name, layout)

    def columns(self, table: str) -> Columns | None:
        """As every catalog does."""
        return self._tables.get(table)

    def tables(self) -> set[str]:
        """As every catalog does."""
        return set(self._tables)

    def schemas_with(self, table: str) -> list[str]:
        """As every catalog does."""
        return []

    def _leave_out(self, name: str, layout: Layout) -> None:
        table, _, column = name.partition(".")
        if table not in self._known:
            raise UsageError(f"--without {name}: {unknown(f'table of the {layout.name} layout', table, self._known)}")
        if column and column not in self._known[table]:
            raise UsageError(f"--without {name}: {unknown(f'column of {table}', column, self._known[table])}")
        if column:
            self._tables.get(table, {}).pop(column, None)
        else:
            self._tables.pop(table, None)


def _tables(layout: Layout, engine: Engine, unused: Collection[str]) -> dict[str, Columns]:
    names = layout.columns
    time: types.TypeEngine = types.DateTime() if layout.name == BULK.name else types.TIMESTAMP(timezone=True)
    tables: dict[str, Columns] = {}

    def add(table: str, columns: Collection[str], type_: types.TypeEngine = _ANY) -> None:
        # A mapping is checked against the names that it has itself.
        folds = engine.name in _FOLDING_ENGINES and not layout.strict
        for name in filter(None, columns):  # a mapping may leave some out
            own, key = json_path(name)
            tables.setdefault(table, {})[own.lower() if folds else own] = _ANY if key else type_

    for activities in layout.log_tables():
        add(activities.table, [names.person_id])
        add(activities.table, [names.activity_at, *names.loaded_at[:1]], time)
        if activities.types:
            add(activities.table, [names.activity_type])
    for kind, activities in layout.events.items():
        for column in LOG_COLUMNS:
            if kind in column.of and column.holds is not Holds.TIME:
                add(activities.table, names.names_of(column))
    if layout.merges is not None:
        add(layout.merges.table, [names.merged_ids])
    for asset in layout.asset_tables():
        used = [own for name, own in asset.columns.items() if layout.strict or name not in unused]
        # What `pull-activities` stores is one version an email, and who makes the table by hand may leave it out.
        status = "" if layout.name == BULK.name else asset.status
        add(asset.table, [asset.id, *used, *asset.newest, status])
    return tables

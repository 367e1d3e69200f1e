"""Which loader filled a warehouse, by the tables and columns that are there."""

from __future__ import annotations

from superset_campaign_plugin import advice
from superset_campaign_plugin.errors import SourceError
from superset_campaign_plugin.report.activity_kinds import EventKind
from superset_campaign_plugin.sources.catalog import Catalog, as_spelled, place
from superset_campaign_plugin.sources.layout import Layout
from superset_campaign_plugin.sources.nearby import near_tables
from superset_campaign_plugin.sources.prefix import with_prefix
from superset_campaign_plugin.sources.reader import bare_name
from superset_campaign_plugin.sources.registry import layouts

# Taken where its tables are there, whatever else is, and where there is no warehouse to look at.
DEFAULT = "fivetran"


def recognise(catalog: Catalog, prefix: str | None = None) -> str:
    """The source, with the prefix if one is given, whose table of sends is there; `DEFAULT` before all others.

    Layouts with a table of one name are told apart by the columns that they need, then by the loader's sync columns.
    Raises `SourceError` where no layout's table is there, or those of several are.
    """
    known = {
        name: as_spelled(layout.with_prefix(prefix) if prefix else layout, catalog)
        for name, layout in layouts().items()
    }
    found = {name: columns for name, layout in known.items() if (columns := _sends(layout, catalog)) is not None}
    if not found:
        raise _none(known, catalog)
    for looks_right in (_has_what_it_needs, _has_its_sync_column):
        right = [name for name in found if looks_right(known[name], found[name])]
        found = {name: found[name] for name in right or found}
    if DEFAULT in found:
        return with_prefix(DEFAULT, prefix)
    if len(found) > 1:
        there = ", ".join(f"{name} ({_table(known[name])})" for name in sorted(found))
        raise SourceError(f"{place(catalog)} holds the tables of several layouts: {there}; say which by --source")
    return with_prefix(next(iter(found)), prefix)


def _table(layout: Layout) -> str:
    return layout.events[EventKind.SENT].table


def _sends(layout: Layout, catalog: Catalog) -> set[str] | None:
    """The columns of the layout's table of sends, by their bare names; None where there is no such table."""
    columns = catalog.columns(_table(layout))
    return None if columns is None else set(map(bare_name, columns))


def _has_what_it_needs(layout: Layout, columns: set[str]) -> bool:
    names = layout.columns
    return {bare_name(name) for name in (names.person_id, names.activity_at, names.email_id)} <= columns


def _has_its_sync_column(layout: Layout, columns: set[str]) -> bool:
    return bool({bare_name(name) for name in layout.columns.loaded_at} & columns)


def _none(known: dict[str, Layout], catalog: Catalog) -> SourceError:
    """The error that no layout's table is there, with the schemas that hold one, or the nearest ones that are here."""
    schemas = dict.fromkeys(schema for table in map(_table, known.values()) for schema in catalog.schemas_with(table))
    if schemas:
        said = advice.tables(list(schemas))
        return SourceError(f"no layout's table of sent emails in {place(catalog)}: {said}")
    near = {name: hint for name, layout in sorted(known.items()) if (hint := near_tables(layout, catalog)) is not None}
    if near:
        hints = dict.fromkeys(near.values())
        said = "; ".join(f"for {', '.join(n for n in near if near[n] == hint)} {hint}" for hint in hints)
    else:
        tables = dict.fromkeys(_table(layout) for layout in known.values())
        said = f"looked for {', '.join(tables)}; check --schema, or give --source with a mapping of your own"
    return SourceError(f"no layout's table of sent emails in {place(catalog)}: {said}")

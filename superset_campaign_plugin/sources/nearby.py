"""What to say where a layout's tables are not there: which are like them, and what to give for those."""

from __future__ import annotations

from superset_campaign_plugin import advice
from superset_campaign_plugin.errors import SourceError
from superset_campaign_plugin.report.activity_kinds import EventKind
from superset_campaign_plugin.sources.catalog import Catalog, place
from superset_campaign_plugin.sources.layout import Layout
from superset_campaign_plugin.sources.registry import layouts

_SHOWN = 3


def no_send_table(layout: Layout, catalog: Catalog) -> SourceError:
    """The error that the layout's table of sends is not there."""
    table = layout.events[EventKind.SENT].table
    schemas = catalog.schemas_with(table)
    hint = None if schemas else near_tables(layout, catalog) or _other_layouts(catalog)
    hint = hint or advice.tables(schemas)
    return SourceError(f"no table {table} in {place(catalog)}: the {layout.name} layout needs it; {hint}")


def near_tables(layout: Layout, catalog: Catalog) -> str | None:
    """The tables whose names hold that of the table of sends, and what to do; None where there are none."""
    table = layout.events[EventKind.SENT].table
    if hint := other_prefix(table, layout, catalog, "--table-prefix"):
        return hint
    after = [name for name in sorted(catalog.tables()) if name.lower().startswith(table.lower())][:_SHOWN]
    if after:
        return f"there is {', '.join(after)}, which a mapping of your own can name; {advice.tables()}"
    return None


def other_prefix(table: str, layout: Layout, catalog: Catalog, setting: str) -> str | None:
    """The tables that are named as a table of the layout is but for its prefix, and which prefixes they have."""
    bare = table.lower().removeprefix(layout.prefix.lower())
    found = [name for name in sorted(catalog.tables()) if name.lower().endswith(bare)][:_SHOWN]
    prefixes = [name[: -len(bare)] for name in found]
    give = " or ".join(f"{setting} {prefix}" if prefix else f"no {setting}" for prefix in prefixes)
    return f"there is {', '.join(found)}, so give {give}" if found else None


def _other_layouts(catalog: Catalog) -> str | None:
    """The layouts whose table of sends is there."""
    tables = {name.lower() for name in catalog.tables()}
    found = [name for name, layout in sorted(layouts().items()) if layout.events[EventKind.SENT].table in tables]
    return f"there are the tables of {' or '.join(found)}, so check --source" if found else None

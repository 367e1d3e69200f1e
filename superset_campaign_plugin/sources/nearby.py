"""What to say where a layout's tables are not there: which are like them, and what to give for those."""

from __future__ import annotations

from superset_campaign_plugin.errors import SourceError
from superset_campaign_plugin.report.relations import EventKind
from superset_campaign_plugin.sources.catalog import Catalog, place
from superset_campaign_plugin.sources.layout import Layout

_SHOWN = 3


def no_send_table(layout: Layout, catalog: Catalog) -> SourceError:
    """The error that the layout's table of sends is not there."""
    table = layout.events[EventKind.SENT].table
    hint = advice(layout, catalog) or "check --source and --schema"
    return SourceError(f"no table {table} in {place(catalog)}: the {layout.name} layout needs it; {hint}")


def advice(layout: Layout, catalog: Catalog) -> str | None:
    """The tables whose names hold that of the table of sends, and what to do; None where there are none."""
    bare = layout.events[EventKind.SENT].table.lower().removeprefix(layout.prefix.lower())
    names = sorted(catalog.tables())
    before = [name for name in names if name.lower().endswith(bare)][:_SHOWN]
    if before:
        prefixes = [name[: -len(bare)] for name in before]
        give = " or ".join(f"--table-prefix {prefix}" if prefix else "no --table-prefix" for prefix in prefixes)
        return f"there is {', '.join(before)}, so give {give}"
    after = [name for name in names if name.lower().startswith(layout.prefix.lower() + bare)][:_SHOWN]
    if after:
        return f"there is {', '.join(after)}, which a mapping of your own can name; check --source and --schema"
    return None

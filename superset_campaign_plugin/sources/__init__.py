"""The loaders whose tables the report reads. A new one is one file here and one line in `LAYOUTS`."""

from __future__ import annotations

from superset_campaign_plugin.errors import unknown
from superset_campaign_plugin.sources.fivetran import FIVETRAN
from superset_campaign_plugin.sources.layout import Layout

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (FIVETRAN,)}

__all__ = ["LAYOUTS", "Layout", "get_layout"]


def get_layout(name: str) -> Layout:
    """The layout of that name. Raises `UsageError` with the nearest name."""
    if name not in LAYOUTS:
        raise unknown("source", name, LAYOUTS)
    return LAYOUTS[name]

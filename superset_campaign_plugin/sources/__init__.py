"""The loaders whose tables the report reads. A new one is one file here and one line in `LAYOUTS`."""

from __future__ import annotations

from pathlib import Path

from superset_campaign_plugin.errors import unknown
from superset_campaign_plugin.sources.airbyte import AIRBYTE
from superset_campaign_plugin.sources.bulk import BULK
from superset_campaign_plugin.sources.custom import is_mapping, load_mapping
from superset_campaign_plugin.sources.fivetran import FIVETRAN
from superset_campaign_plugin.sources.layout import Layout
from superset_campaign_plugin.sources.singer import SINGER

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (FIVETRAN, AIRBYTE, SINGER, BULK)}

__all__ = ["LAYOUTS", "Layout", "get_layout"]


def get_layout(name: str) -> Layout:
    """The layout of that name, or that the mapping file `name` describes. Raises `UsageError` with the nearest name."""
    if is_mapping(name):
        return load_mapping(Path(name))
    if name not in LAYOUTS:
        raise unknown("source", name, LAYOUTS)
    return LAYOUTS[name]

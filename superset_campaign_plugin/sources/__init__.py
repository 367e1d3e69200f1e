"""The loaders whose tables the report reads. A new one is one file here, whose `LAYOUT` describes its tables."""

from __future__ import annotations

from superset_campaign_plugin.errors import unknown
from superset_campaign_plugin.sources.custom import is_mapping, load_mapping
from superset_campaign_plugin.sources.layout import Layout
from superset_campaign_plugin.sources.prefix import split_prefix
from superset_campaign_plugin.sources.registry import layouts

__all__ = ["Layout", "get_layout", "layouts"]


def get_layout(source: str) -> Layout:
    """The layout of that name, or that the mapping file `source` describes, with the prefix that the name carries.

    Raises `UsageError` with the nearest name.
    """
    if is_mapping(source):
        return load_mapping(source)
    name, prefix = split_prefix(source)
    if name not in layouts():
        raise unknown("source", name, layouts())
    return layouts()[name].with_prefix(prefix) if prefix else layouts()[name]

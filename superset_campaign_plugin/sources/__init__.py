"""The loaders whose tables the report reads. A new one is one file here, whose `LAYOUT` describes its tables."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path

from superset_campaign_plugin.errors import unknown
from superset_campaign_plugin.sources.custom import is_mapping, load_mapping
from superset_campaign_plugin.sources.layout import Layout

__all__ = ["Layout", "get_layout", "layouts"]


@cache
def layouts() -> dict[str, Layout]:
    """Every module's `LAYOUT`, by its name."""
    modules = (import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    found = [module.LAYOUT for module in modules if hasattr(module, "LAYOUT")]
    return {layout.name: layout for layout in found}


def get_layout(name: str) -> Layout:
    """The layout of that name, or that the mapping file `name` describes. Raises `UsageError` with the nearest name."""
    if is_mapping(name):
        return load_mapping(Path(name))
    if name not in layouts():
        raise unknown("source", name, layouts())
    return layouts()[name]

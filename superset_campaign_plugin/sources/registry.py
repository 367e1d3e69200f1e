"""The layouts that ship with the plugin, found by their modules."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path

from superset_campaign_plugin.sources.layout import Layout


@cache
def layouts() -> dict[str, Layout]:
    """Every module's `LAYOUT`, by its name."""
    names = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = (import_module(f"{__package__}.{name}") for name in names)
    found = [module.LAYOUT for module in modules if hasattr(module, "LAYOUT")]
    return {layout.name: layout for layout in found}

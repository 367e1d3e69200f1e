"""Where the speed patches act: while a dataset of the plugin is asked, and everywhere with `performance_patches`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from flask import current_app, has_app_context

from superset_campaign_plugin.config import EXTENSION
from superset_campaign_plugin.host import records
from superset_campaign_plugin.host.patching import apply
from superset_campaign_plugin.host.settings import current_settings

_OWN: set[UUID] = set()
_WITHIN: ContextVar[bool] = ContextVar("superset_campaign_dataset", default=False)


def register(own: Collection[UUID]) -> None:
    """Learn the UUIDs of the plugin's datasets, and see when one of them is asked for data or for its part of a key."""
    _OWN.update(own)
    apply(records.QUERIED, _asking)
    apply(records.CACHE_KEYS, _asking)


def is_asked() -> bool:
    """Whether the patches act on what is done now."""
    return _WITHIN.get() or _is_everywhere()


def acts_on(dataset: Any) -> bool:
    """Whether the patches act on this dataset."""
    return getattr(dataset, "uuid", None) in _OWN or _is_everywhere()


def _is_everywhere() -> bool:
    return has_app_context() and EXTENSION in current_app.extensions and current_settings().performance_patches


def _asking(method: Callable[..., Any]) -> Callable[..., Any]:
    def asking(dataset: Any, query_obj: Any) -> Any:
        before = _WITHIN.set(acts_on(dataset))
        try:
            return method(dataset, query_obj)
        finally:
            _WITHIN.reset(before)

    return asking

"""An entry in the log of events for each query that shows single people: who asked, of which dataset, what, with which
filters.

Superset's own entry of a chart's query names the chart and the dashboard where the page says them, and no filter. The
wrapped methods are called before the cache is: a table that somebody gets from the cache is seen, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import g, has_request_context

from superset_campaign_plugin.embedding.audit_log import record
from superset_campaign_plugin.host import records
from superset_campaign_plugin.host.patching import apply
from superset_campaign_plugin.host.private import dataset_of
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.superset_assets.identity import dataset_uuid

ACTION = "campaign_people_viewed"


def register() -> None:
    """Wrap the methods by which charts, exports, samples, drill to detail and lists of values get their rows."""
    apply(records.PEOPLE_VIEWS, _recorded_rows)
    apply(records.PEOPLE_VALUES, _recorded_values)


def _recorded_rows(rows: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(self: Any, query_obj: Any, force_cached: bool | None = False) -> Any:
        # Sums without a column show nobody.
        if query_obj is not None and (query_obj.columns or not query_obj.metrics):
            _record(
                dataset_of(self),
                columns=[str(each) for each in query_obj.columns],
                filters=[[str(each.get("col")), str(each.get("op")), each.get("val")] for each in query_obj.filter],
                condition=str((query_obj.extras or {}).get("where") or ""),
            )
        return rows(self, query_obj, force_cached)

    return recorded


def _recorded_values(values: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(self: Any, column_name: str, *args: Any, **named: Any) -> Any:
        _record(self, columns=[str(column_name)])
        return values(self, column_name, *args, **named)

    return recorded


def _record(dataset: Any, **facts: Any) -> None:
    name = _people_datasets().get(getattr(dataset, "uuid", None))
    # `superset campaign validate` runs charts for nobody.
    if name is not None and (has_request_context() or not getattr(g.get("user"), "is_anonymous", True)):
        record(ACTION, dataset=name, **facts)


def _people_datasets() -> dict[Any, str]:
    return {dataset_uuid(name): name for name, each in load_semantics().datasets.items() if each.about_people}

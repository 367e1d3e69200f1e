"""An entry in the log of events for each query that shows single people: who asked, of which dataset, what, with which
filters.

Superset's own entries have the requests of charts, exports and lists of values as they came, with datasets as numbers,
and none of drill to detail and samples. The wrapped method is called before the cache is: rows that somebody gets from
the cache are seen, too.
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
    """Wrap the method by which charts, exports, samples, drill to detail and values of filters get their rows."""
    apply(records.PEOPLE_VIEWS, _recorded)


def _recorded(rows: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(self: Any, query_obj: Any, force_cached: bool | None = False) -> Any:
        name = _people_datasets().get(getattr(dataset_of(self), "uuid", None))
        # Sums without a column show nobody.
        if name is not None and query_obj is not None and (query_obj.columns or not query_obj.metrics) and _somebody():
            record(
                ACTION,
                dataset=name,
                columns=[str(each) for each in query_obj.columns],
                filters=[[str(each.get("col")), str(each.get("op")), each.get("val")] for each in query_obj.filter],
                condition=str((query_obj.extras or {}).get("where") or ""),
            )
        return rows(self, query_obj, force_cached)

    return recorded


def _people_datasets() -> dict[Any, str]:
    return {dataset_uuid(name): name for name, each in load_semantics().datasets.items() if each.about_people}


def _somebody() -> bool:
    """Whether somebody asks; `superset campaign validate` runs charts for nobody."""
    return has_request_context() or not getattr(g.get("user"), "is_anonymous", True)

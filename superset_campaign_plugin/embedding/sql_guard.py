"""Who is held to some rows of the report has no SQL of their own run in its warehouse.

Row rules hold the rows of a dataset. A function in an expression reads beside them: PostgreSQL's `query_to_xml` runs
the query that is its text, and other engines have their own of that kind, so that one expression in a filter shows the
whole warehouse. Superset refuses subqueries there and no functions, and compares a guest's request with the stored
chart unless it says that it is a filter's. So whoever has row rules, and no access to the database itself, may use
columns, metrics and filters, and of SQL what the makers of the dashboards wrote.
"""

# Superset's classes and functions come without types.
# mypy: no-warn-return-any

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from superset import db
from superset.models.dashboard import Dashboard

from superset_campaign_plugin.embedding import chart_contents, guests
from superset_campaign_plugin.embedding.held import is_held_over
from superset_campaign_plugin.embedding.refusals import NO_SQL, OTHER_ANNOTATIONS, RefusedError
from superset_campaign_plugin.host import records
from superset_campaign_plugin.host.patching import apply
from superset_campaign_plugin.superset_assets.definitions import load_dashboards
from superset_campaign_plugin.superset_assets.identity import dashboard_uuid

# Superset's own, for the number of rows.
_COUNT = "COUNT(*)"


def register() -> None:
    """Wrap the methods that every expression and every annotation of a query passes.

    Raises `HookError` in a release that lacks one of them, since nobody would be held in it.
    """
    # Validation runs what it is to look at, without a look at subqueries, and answers with what the database says.
    for record in (records.SELECT, records.ORDER, records.VALIDATION):
        apply(record, _held)
    apply(records.ANNOTATIONS, _held_annotations)


def _held(process: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(process)
    def held(self: Any, expression: str | None, *args: Any, **named: Any) -> Any:
        if expression and not _may_run(self, expression):
            raise RefusedError(NO_SQL)
        return process(self, expression, *args, **named)

    return held


def _held_annotations(annotate: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(annotate)
    def held_annotate(query_obj: Any) -> Any:
        wanted = {str(each.get("value")) for each in query_obj.annotation_layers if each.get("sourceType") == "NATIVE"}
        if wanted and guests.is_guarded() and not wanted <= chart_contents.annotation_layers(guests.dashboards()):
            raise RefusedError(OTHER_ANNOTATIONS)
        return annotate(query_obj)

    return held_annotate


def _may_run(dataset: Any, expression: str) -> bool:
    text = expression.strip()
    if text.upper() == _COUNT or _is_column(dataset, text):
        return True
    if not is_held_over(dataset):
        return True
    engine = dataset.database.backend
    allowed = chart_contents.expressions(_dashboards(), engine)
    return text in allowed or chart_contents.as_run(text, engine) in allowed


def _is_column(dataset: Any, text: str) -> bool:
    names = [each.column_name for each in getattr(dataset, "columns", ()) if hasattr(each, "column_name")]
    return text in names or any(text == dataset.database.quote_identifier(name) for name in names)


def _dashboards() -> list[Dashboard]:
    """Those whose makers' SQL may run: the guest's, and for a person the plugin's own, which they cannot change."""
    if guests.is_guest():
        return guests.dashboards()
    ours = [dashboard_uuid(dashboard.name) for dashboard in load_dashboards(people=True)]
    return db.session.query(Dashboard).filter(Dashboard.uuid.in_(ours)).all()

"""What the charts of a dashboard have in them: the SQL that their makers wrote, and the annotations laid over them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from superset.models.dashboard import Dashboard
from superset.sql.parse import sanitize_clause


def expressions(dashboards: Iterable[Dashboard], engine: str) -> frozenset[str]:
    """Every SQL expression of their charts, as it is written and as `as_run` writes it."""
    written = {text for chart in _charts(dashboards) for text in _sql(chart)}
    return frozenset(written | {text for each in written if (text := as_run(each, engine)) is not None})


def annotation_layers(dashboards: Iterable[Dashboard]) -> frozenset[str]:
    """The ids of the annotation layers that their charts show, as text."""
    return frozenset(
        str(layer.get("value"))
        for chart in _charts(dashboards)
        for found in _each(chart)
        for layer in found.get("annotation_layers") or ()
        if isinstance(layer, dict) and layer.get("sourceType") == "NATIVE"
    )


def datasets(dashboard: Dashboard) -> set[int]:
    """The ids of the datasets that a dashboard shows, in its charts and in its filters."""
    try:
        metadata = json.loads(dashboard.json_metadata or "{}")
    except ValueError:
        metadata = {}
    filtered = {found.get("datasetId") for found in _each(metadata)}
    shown = {chart.datasource_id for chart in dashboard.slices if chart.datasource_type == "table"}
    return shown | {id_ for id_ in filtered if isinstance(id_, int)}


def as_run(expression: str, engine: str) -> str | None:
    """The expression as Superset runs it, which parses it and writes it anew; None for what cannot be parsed."""
    # A template is run before that, so its text says nothing of what will be parsed.
    if "{" in expression:
        return None
    try:
        written: str = sanitize_clause(f"SELECT {expression}", engine)
    except Exception:
        # Whatever the parser raises: what it cannot read is none of the stored.
        return None
    return written.removeprefix("SELECT ").strip()


def _charts(dashboards: Iterable[Dashboard]) -> Iterator[Any]:
    """What is stored of each chart, its form and its queries."""
    for dashboard in dashboards:
        for chart in dashboard.slices:
            for text in (chart.params, chart.query_context):
                try:
                    yield json.loads(text or "null")
                except ValueError:
                    continue


def _each(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping within the value, however deep."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _each(item)
    elif isinstance(value, list):
        for item in value:
            yield from _each(item)


def _sql(chart: Any) -> Iterator[str]:
    for found in _each(chart):
        extras = found.get("extras")
        texts = [found.get("sqlExpression")]
        texts += [extras.get("where"), extras.get("having")] if isinstance(extras, dict) else []
        # A chart's own filters in SQL reach a query as one condition.
        filters = [each for each in found.get("adhoc_filters") or () if isinstance(each, dict)]
        for clause in ("WHERE", "HAVING"):
            parts = [each.get("sqlExpression") for each in filters if each.get("clause") == clause]
            texts.append(" AND ".join(f"({part})" for part in parts if part))
        yield from (text.strip() for text in texts if isinstance(text, str) and text.strip())

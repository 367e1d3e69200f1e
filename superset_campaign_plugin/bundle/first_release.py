"""What the first release remembered of an asset: a fingerprint of how it was stored.

By it an upgrade knows that people have changed nothing of an asset, so what is there now is what was shipped. For the
rest of such an installation it is not known what was shipped.
"""

from __future__ import annotations

import json
from typing import Any

from superset.connectors.sqla.models import SqlaTable
from superset.models.dashboard import Dashboard
from superset.models.slice import Slice

from superset_campaign_plugin.superset_assets.manifest import fingerprint

_COLUMN = ("column_name", "verbose_name", "description", "type", "is_dttm", "groupby", "filterable", "expression")
_METRIC = ("metric_name", "verbose_name", "description", "expression", "d3format", "extra")


def as_first_stored(kind: str, asset: Any, config: dict[str, Any], record: dict[str, Any]) -> bool:
    """Whether an asset is as the first release left it; `config` is what is shipped now."""
    return fingerprint(_CONTENTS[kind](asset, config)) == record.get("stored")


def dataset_content(dataset: SqlaTable, config: dict[str, Any]) -> dict[str, Any]:
    """The parts of a stored dataset that its configuration wrote."""
    columns = {column["column_name"] for column in config["columns"]}
    metrics = {metric["metric_name"] for metric in config["metrics"]}
    return {
        "table_name": dataset.table_name,
        "description": dataset.description,
        "main_dttm_col": dataset.main_dttm_col,
        "database_id": dataset.database_id,
        "schema": dataset.schema,
        "sql": dataset.sql,
        "extra": dataset.extra,
        "columns": _parts([column for column in dataset.columns if column.column_name in columns], _COLUMN),
        "metrics": _parts([metric for metric in dataset.metrics if metric.metric_name in metrics], _METRIC),
    }


def chart_content(chart: Slice, _: dict[str, Any]) -> dict[str, Any]:
    """The parts of a stored chart that its configuration wrote."""
    params = json.loads(chart.params or "{}")
    # Who deletes a dataset takes this from its charts, and has not changed them by that.
    written = str(params.get("datasource", "")).partition("__")[0]
    return {
        "slice_name": chart.slice_name,
        "description": chart.description,
        "viz_type": chart.viz_type,
        "params": params,
        "query_context": json.loads(chart.query_context or "{}"),
        "datasource_id": chart.datasource_id or (int(written) if written.isdecimal() else None),
    }


def dashboard_content(dashboard: Dashboard, _: dict[str, Any]) -> dict[str, Any]:
    """The parts of a stored dashboard that its configuration wrote."""
    return {
        "dashboard_title": dashboard.dashboard_title,
        "description": dashboard.description,
        "slug": dashboard.slug,
        "css": dashboard.css,
        "published": dashboard.published,
        "position": json.loads(dashboard.position_json or "{}"),
        "metadata": json.loads(dashboard.json_metadata or "{}"),
        "charts": sorted(str(chart.uuid) for chart in dashboard.slices),
    }


def _parts(objects: list[Any], names: tuple[str, ...]) -> list[dict[str, Any]]:
    parts = [{name: getattr(item, name) for name in names} for item in objects]
    return sorted(parts, key=lambda part: str(part[names[0]]))


_CONTENTS = {"datasets": dataset_content, "charts": chart_content, "dashboards": dashboard_content}

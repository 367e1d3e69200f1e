"""How the plugin's assets stand in a deployment: found by their UUIDs, and reduced to what the plugin wrote.

What admins and Superset add beside it (owners, tags, further metrics, the time of a change) is no part of it.
"""

from __future__ import annotations

import json
from typing import Any

from superset import db
from superset.connectors.sqla.models import SqlaTable
from superset.models.dashboard import Dashboard
from superset.models.slice import Slice

from superset_campaign_plugin.bundle.assemble import Bundle
from superset_campaign_plugin.bundle.identity import dataset_uuid
from superset_campaign_plugin.semantics import load_semantics

_COLUMN = ("column_name", "verbose_name", "description", "type", "is_dttm", "groupby", "filterable", "expression")
_METRIC = ("metric_name", "verbose_name", "description", "expression", "d3format", "extra")


def find(model: Any, uuid: str) -> Any:
    """The object of that UUID, or None."""
    return db.session.query(model).filter_by(uuid=uuid).one_or_none()


def dataset_ids() -> dict[str, int]:
    """The ids of the plugin's datasets by name, as far as they are installed."""
    names = {dataset_uuid(name): name for name in load_semantics().datasets}
    rows = db.session.query(SqlaTable.uuid, SqlaTable.id).filter(SqlaTable.uuid.in_(names))
    return {names[uuid]: id_ for uuid, id_ in rows}


def installed_datasets() -> list[SqlaTable]:
    """The plugin's datasets, as far as they are installed."""
    uuids = [dataset_uuid(name) for name in load_semantics().datasets]
    return list(db.session.query(SqlaTable).filter(SqlaTable.uuid.in_(uuids)))


def datasets_and_copies() -> set[int]:
    """The ids of the plugin's datasets, and of those that people made of one by Superset's own copying."""
    ours = installed_datasets()
    copies = db.session.query(SqlaTable.id, SqlaTable.database_id, SqlaTable.sql).filter(
        SqlaTable.sql.in_([each.sql for each in ours])
    )
    bound = {(each.database_id, each.sql) for each in ours}
    return {each.id for each in ours} | {id_ for id_, *where in copies if tuple(where) in bound}


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


KINDS: dict[str, tuple[Any, Any]] = {
    "datasets": (SqlaTable, dataset_content),
    "charts": (Slice, chart_content),
    "dashboards": (Dashboard, dashboard_content),
}


def each(bundle: Bundle) -> list[tuple[str, str, dict[str, Any]]]:
    """(kind, name, configuration) of every asset, in an order in which each finds what it refers to."""
    return [(kind, name, config) for kind in KINDS for name, config in getattr(bundle, kind).items()]

"""A dashboard as Superset stores it: the grid of rows and the native filters."""

from __future__ import annotations

from typing import Any
from uuid import uuid5

from superset_campaign_plugin.bundle.chart_config import TIME_COLUMN
from superset_campaign_plugin.superset_assets.definitions import Dashboard, Filter
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dashboard_uuid, dataset_uuid


def dashboard_config(dashboard: Dashboard, default_time_range: str | None = None) -> dict[str, Any]:
    """The dashboard in the form of Superset's export, for its importer.

    `default_time_range` replaces the time filter's own default, for a warehouse whose data ended before it; an empty
    one starts without a range.
    """
    ids = _chart_ids(dashboard)
    return {
        "dashboard_title": dashboard.title,
        "description": dashboard.description,
        "slug": dashboard.slug,
        "css": dashboard.css,
        "published": True,
        "uuid": str(dashboard_uuid(dashboard.name)),
        "position": _position(dashboard, ids),
        "metadata": {
            "color_scheme": dashboard.color_scheme,
            "label_colors": dashboard.label_colors,
            "cross_filters_enabled": True,
            "refresh_frequency": 0,
            "native_filter_configuration": [
                _native_filter(dashboard, filter_, ids, default_time_range) for filter_ in dashboard.filters
            ],
        },
        "version": "1.0.0",
    }


def _chart_ids(dashboard: Dashboard) -> dict[str, int]:
    """Stand-ins that the importer replaces by the deployment's own ids."""
    return {name: place for place, name in enumerate(dashboard.charts, start=1)}


def _position(dashboard: Dashboard, ids: dict[str, int]) -> dict[str, Any]:
    rows = [f"ROW-{place}" for place, _ in enumerate(dashboard.layout, start=1)]
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"id": "ROOT_ID", "type": "ROOT", "children": ["GRID_ID"]},
        "GRID_ID": {"id": "GRID_ID", "type": "GRID", "children": rows, "parents": ["ROOT_ID"]},
        "HEADER_ID": {"id": "HEADER_ID", "type": "HEADER", "meta": {"text": dashboard.title}},
    }
    for row_id, row in zip(rows, dashboard.layout, strict=True):
        cells = [f"CHART-{cell.name}" for cell in row.charts]
        position[row_id] = {
            "id": row_id,
            "type": "ROW",
            "children": cells,
            "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        for cell_id, cell in zip(cells, row.charts, strict=True):
            position[cell_id] = {
                "id": cell_id,
                "type": "CHART",
                "children": [],
                "parents": ["ROOT_ID", "GRID_ID", row_id],
                "meta": {
                    "chartId": ids[cell.name],
                    "uuid": str(chart_uuid(dashboard.name, cell.name)),
                    "sliceName": dashboard.charts[cell.name].title,
                    "width": cell.width,
                    "height": row.height,
                },
            }
    return position


def _filter_id(dashboard: Dashboard, name: str) -> str:
    return f"NATIVE_FILTER-{uuid5(dashboard_uuid(dashboard.name), name)}"


def _native_filter(
    dashboard: Dashboard, filter_: Filter, ids: dict[str, int], default_time_range: str | None
) -> dict[str, Any]:
    outside = [
        ids[name]
        for name, chart in dashboard.charts.items()
        if chart.unfiltered or (filter_.charts and name not in filter_.charts)
    ]
    shared = {
        "id": _filter_id(dashboard, filter_.name),
        "name": filter_.name,
        "type": "NATIVE_FILTER",
        "description": filter_.description,
        "scope": {"rootPath": ["ROOT_ID"], "excluded": outside},
        "cascadeParentIds": [_filter_id(dashboard, parent) for parent in filter_.within],
    }
    if filter_.type == "time":
        time_range = filter_.default if default_time_range is None else default_time_range
        return {
            **shared,
            "filterType": "filter_time",
            "targets": [{}],
            "controlValues": {},
            "defaultDataMask": _default(time_range, {"time_range": time_range}),
        }
    target = {"datasetUuid": str(dataset_uuid(filter_.dataset)), "column": {"name": filter_.column}}
    config = {
        **shared,
        "filterType": "filter_select",
        "targets": [target],
        "controlValues": {
            "multiSelect": True,
            "enableEmptyFilter": False,
            "defaultToFirstItem": False,
            "inverseSelection": False,
            "searchAllOptions": False,
            "sortAscending": True,
            # What somebody types is looked for among the values, and never made one.
            "creatable": False,
        },
        "defaultDataMask": _default(
            filter_.default, {"filters": [{"col": filter_.column, "op": "IN", "val": filter_.default}]}
        ),
    }
    if filter_.sort_by:
        config["sortMetric"] = filter_.sort_by
    times = {each.name for each in dashboard.filters if each.type == "time"}
    if times & {*filter_.within}:
        # Of a range alone, Superset does not know what it is about.
        config["granularity_sqla"] = TIME_COLUMN
    return config


def _default(value: Any, form_data: dict[str, Any]) -> dict[str, Any]:
    """The state that a filter starts with: none, or `value`, which stands for `form_data` in the queries."""
    if not value:
        return {"extraFormData": {}, "filterState": {}}
    return {"extraFormData": form_data, "filterState": {"value": value}}

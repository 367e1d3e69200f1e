"""A dashboard as Superset stores it: the tabs, the grid of rows and the native filters."""

from __future__ import annotations

from typing import Any

from superset_campaign_plugin.bundle.chart_config import TIME_COLUMN
from superset_campaign_plugin.superset_assets.definitions import Dashboard, Filter, Row
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dashboard_uuid, dataset_uuid, filter_id

_ROOT, _GRID, _TABS, _HEADER = "ROOT_ID", "GRID_ID", "TABS-report", "HEADER_ID"


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
    """What stands where: the grid, or in its place the tabs, each with rows of charts. An empty grid stays then."""
    top = _TABS if dashboard.tabs else _GRID
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        _ROOT: {"id": _ROOT, "type": "ROOT", "children": [top]},
        _GRID: {"id": _GRID, "type": "GRID", "children": [], "parents": [_ROOT]},
        _HEADER: {"id": _HEADER, "type": "HEADER", "meta": {"text": dashboard.title}},
    }
    _put_rows(position, dashboard, ids, dashboard.layout, _GRID, "ROW")
    if not dashboard.tabs:
        return position
    position[_TABS] = {"id": _TABS, "type": "TABS", "children": [], "parents": [_ROOT], "meta": {}}
    for tab in dashboard.tabs:
        id_ = f"TAB-{tab.name}"
        parents = [_ROOT, _TABS]
        position[id_] = {"id": id_, "type": "TAB", "children": [], "parents": parents, "meta": {"text": tab.title}}
        position[_TABS]["children"].append(id_)
        _put_rows(position, dashboard, ids, tab.layout, id_, f"ROW-{tab.name}")
    return position


def _put_rows(
    position: dict[str, Any], dashboard: Dashboard, ids: dict[str, int], layout: list[Row], place: str, name: str
) -> None:
    """Put the rows with their charts into the component `place`; their ids begin with `name`."""
    parents = [*position[place]["parents"], place]
    for number, row in enumerate(layout, start=1):
        row_id = f"{name}-{number}"
        cells = {f"CHART-{cell.name}": cell for cell in row.charts}
        position[place]["children"].append(row_id)
        position[row_id] = {
            "id": row_id,
            "type": "ROW",
            "children": [*cells],
            "parents": parents,
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        for cell_id, cell in cells.items():
            position[cell_id] = {
                "id": cell_id,
                "type": "CHART",
                "children": [],
                "parents": [*parents, row_id],
                "meta": {
                    "chartId": ids[cell.name],
                    "uuid": str(chart_uuid(dashboard.name, cell.name)),
                    "sliceName": dashboard.charts[cell.name].title,
                    "width": cell.width,
                    "height": row.height,
                },
            }


def _native_filter(
    dashboard: Dashboard, filter_: Filter, ids: dict[str, int], default_time_range: str | None
) -> dict[str, Any]:
    outside = [
        ids[name]
        for name, chart in dashboard.charts.items()
        if chart.unfiltered
        or (chart.own_time_range and filter_.type == "time")
        or (filter_.charts and name not in filter_.charts)
    ]
    shared = {
        "id": filter_id(dashboard.name, filter_.name),
        "name": filter_.name,
        "type": "NATIVE_FILTER",
        "description": filter_.description,
        "scope": {"rootPath": ["ROOT_ID"], "excluded": outside},
        "cascadeParentIds": [filter_id(dashboard.name, parent) for parent in filter_.within],
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
            # What somebody types is looked for among the values, and made one only where these are too many to list.
            "creatable": filter_.typed,
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

"""A chart as Superset stores it: form data for the browser, and the query context that goes with it.

Superset compares what an embedded guest asks with the stored query context, and reports and exports run it, so every
chart ships with one. The browser would otherwise write it the first time someone saves the chart.
"""

from __future__ import annotations

import json
from typing import Any

from superset_campaign_plugin.semantics import Dataset, load_semantics, report_columns
from superset_campaign_plugin.superset_assets.definitions import Chart
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dataset_uuid

TIME_COLUMN = "sent_date"


def chart_config(dashboard: str, chart: Chart) -> dict[str, Any]:
    """The chart in the form of Superset's export, for its importer."""
    form_data = _form_data(chart)
    return {
        "slice_name": chart.title,
        "description": chart.description,
        "viz_type": chart.viz_type,
        "params": form_data,
        "query_context": json.dumps(query_context(form_data)),
        "uuid": str(chart_uuid(dashboard, chart.name)),
        "dataset_uuid": str(dataset_uuid(chart.dataset)),
        "version": "1.0.0",
    }


def _form_data(chart: Chart) -> dict[str, Any]:
    params = dict(chart.params)
    metrics = [metric.name for metric in report_columns(load_semantics().metrics)]
    if params.get("metrics") == "report":
        params["metrics"] = metrics
    dataset: Dataset = load_semantics().datasets[chart.dataset]
    times = [dimension.name for dimension in dataset.dimensions if dimension.type == "time"]
    filters = [_filter(**choice) for choice in params.pop("adhoc_filters", [])]
    if times:
        # The dataset's main time, as Superset's own pages write it.
        filters.append(_time_filter(times[0], params.pop("time_range", "No filter")))
    params["adhoc_filters"] = filters
    if "groupby_b" in params:
        params["adhoc_filters_b"] = filters
    return {
        "viz_type": chart.viz_type,
        "annotation_layers": [],
        "extra_form_data": {},
        **params,
    }


def _time_filter(column: str, time_range: str) -> dict[str, Any]:
    """The chart's own time range, which holds as long as the dashboard's time filter is empty."""
    return {
        "clause": "WHERE",
        "expressionType": "SIMPLE",
        "operator": "TEMPORAL_RANGE",
        "subject": column,
        "comparator": time_range,
    }


def _filter(column: str, values: list[str]) -> dict[str, Any]:
    return {
        "clause": "WHERE",
        "expressionType": "SIMPLE",
        "operator": "IN",
        "operatorId": "IN",
        "subject": column,
        "comparator": values,
    }


def query_context(form_data: dict[str, Any]) -> dict[str, Any]:
    """The queries that a chart's form data stands for; the importer fills in the dataset's id."""
    return {
        "datasource": {"id": 0, "type": "table"},
        "force": False,
        "queries": _QUERIES[form_data["viz_type"]](form_data),
        "form_data": form_data,
        "result_format": "json",
        "result_type": "full",
    }


def _query(form_data: dict[str, Any], columns: list[Any], metrics: list[str], **more: Any) -> dict[str, Any]:
    return {
        "filters": [
            {"col": choice["subject"], "op": choice["operator"], "val": choice["comparator"]}
            for choice in form_data["adhoc_filters"]
        ],
        "extras": {"having": "", "where": ""},
        "applied_time_extras": {},
        "columns": columns,
        "metrics": metrics,
        "annotation_layers": [],
        "row_limit": form_data.get("row_limit", 10000),
        "series_limit": 0,
        "order_desc": True,
        "url_params": {},
        "custom_params": {},
        "custom_form_data": {},
        **more,
    }


def _table(form_data: dict[str, Any]) -> list[dict[str, Any]]:
    metrics = form_data["metrics"]
    order = [[form_data.get("timeseries_limit_metric", metrics[0]), False]]
    rows = _query(form_data, form_data["groupby"], metrics, orderby=order, post_processing=[], time_offsets=[])
    if not form_data.get("show_totals"):
        return [rows]
    return [rows, _query(form_data, [], metrics, row_limit=0, row_offset=0, post_processing=[], order_desc=None)]


def _pivot(form_data: dict[str, Any]) -> list[dict[str, Any]]:
    columns = [*form_data["groupbyColumns"], *form_data["groupbyRows"]]
    metrics = form_data["metrics"]
    return [_query(form_data, columns, metrics, orderby=[[metrics[0], False]])]


def _axis(form_data: dict[str, Any]) -> dict[str, Any]:
    return {
        "columnType": "BASE_AXIS",
        "sqlExpression": form_data["x_axis"],
        "label": form_data["x_axis"],
        "expressionType": "SQL",
    }


def _mixed(form_data: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        _query(
            form_data,
            [_axis(form_data), *form_data[f"groupby{suffix}"]],
            form_data[f"metrics{suffix}"],
            series_columns=form_data[f"groupby{suffix}"],
            orderby=[[form_data[f"metrics{suffix}"][0], False]],
        )
        for suffix in ("", "_b")
    ]


def _bar(form_data: dict[str, Any]) -> list[dict[str, Any]]:
    axis = form_data["x_axis"]
    metrics = form_data["metrics"]
    return [_query(form_data, [axis, *form_data["groupby"]], metrics, orderby=[[metrics[0], False]])]


_QUERIES = {
    "table": _table,
    "pivot_table_v2": _pivot,
    "mixed_timeseries": _mixed,
    "echarts_timeseries_bar": _bar,
}

"""A chart as a document, and changes of it written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from superset.connectors.sqla.models import SqlaTable
from superset.models.slice import Slice

from superset_campaign_plugin.bundle.chart_config import query_context
from superset_campaign_plugin.bundle.merging.three_way import Document, FieldDifference, Policy, put
from superset_campaign_plugin.superset_assets.installed_assets import find

_FIELDS = ("slice_name", "description", "viz_type")
# Where the chart stands and which one it is, which Superset writes into its parameters.
_OWN = frozenset(("datasource", "slice_id", "dashboards", "dashboardId", "url_params", "viz_type"))


def shipped(config: dict[str, Any]) -> Document:
    """The document of a chart's configuration."""
    return {
        **{name: config[name] for name in _FIELDS},
        "dataset": config["dataset_uuid"],
        "params": _params(config["params"]),
    }


def read(chart: Slice) -> Document:
    """The document of a chart that is installed; its dataset is None if that is gone."""
    return {
        **{name: getattr(chart, name) for name in _FIELDS},
        "dataset": str(chart.datasource.uuid) if chart.datasource else None,
        "params": _params(json.loads(chart.params or "{}")),
    }


def policy(chart: Slice) -> Policy:
    """A chart whose dataset is gone gets it back."""
    return Policy(restored=lambda path: path == ("dataset",) and chart.datasource is None)


def write(chart: Slice, differences: Sequence[FieldDifference]) -> None:
    """Write the shipped values of the fields that the installation writes, and leave the rest as it is."""
    params = json.loads(chart.params or "{}")
    written = [difference for difference in differences if difference.written]
    for difference in written:
        if difference.path[0] == "params":
            put(params, difference.path[1:], difference.now)
        elif difference.path[0] == "dataset":
            dataset = find(SqlaTable, difference.now)
            chart.datasource_id, chart.datasource_type = dataset.id, dataset.datasource_type
            chart.datasource_name = dataset.table_name
            params["datasource"] = f"{dataset.id}__{dataset.datasource_type}"
        else:
            setattr(chart, difference.path[0], difference.now)
    params["viz_type"] = chart.viz_type
    chart.params = json.dumps(params)
    if any(_asks(difference) for difference in written):
        peoples = any(_asks(difference) for difference in differences if not difference.written)
        chart.query_context = None if peoples else _queries(chart, params)


def _asks(difference: FieldDifference) -> bool:
    """Whether the field decides what the chart asks the database."""
    return difference.path[0] in ("params", "viz_type", "dataset")


def _queries(chart: Slice, params: dict[str, Any]) -> str:
    """The queries of a chart that is as shipped, which reports run and guests are compared with.

    Those of one that is part ours and part people's only the browser knows: it writes them when the chart is saved,
    and Superset has it do so before it sends a report.
    """
    context = query_context(params)
    context["datasource"] = {"id": chart.datasource_id, "type": chart.datasource_type}
    return json.dumps(context)


def _params(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name not in _OWN}

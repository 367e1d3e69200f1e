"""What other people built on the plugin's assets, which would break without them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from superset import db
from superset.models.dashboard import Dashboard
from superset.models.slice import Slice
from superset.reports.models import ReportSchedule


def dependents(assets: dict[str, list[Any]], ours: Collection[str], sent: Collection[int] = ()) -> list[str]:
    """A phrase for everything of other people's that rests on the assets, which are given by their kinds.

    `ours` are the UUIDs of all that is installed, `sent` the ids of the reports and alerts that `subscribe` has made.
    People's copies of ours have the same names, so each phrase says where it is: the address in Superset.
    """
    ids = {kind: {each.id for each in items} for kind, items in assets.items()}
    found = [
        f"the chart {_chart(chart)} on the dataset {dataset.table_name}"
        for dataset in assets.get("datasets", [])
        for chart in dataset.slices
        if str(chart.uuid) not in ours
    ]
    found += [
        f"the dashboard {_dashboard(dashboard)} with the chart {chart.slice_name!r}"
        for chart in assets.get("charts", [])
        for dashboard in chart.dashboards
        if str(dashboard.uuid) not in ours
    ]
    found += [
        f"the report or alert {schedule.name!r}"
        for schedule in db.session.query(ReportSchedule)
        if schedule.id not in sent
        and (schedule.dashboard_id in ids.get("dashboards", ()) or schedule.chart_id in ids.get("charts", ()))
    ]
    return found


def _chart(chart: Slice) -> str:
    places = [_dashboard(dashboard) for dashboard in chart.dashboards]
    where = f", on {' and '.join(places)}" if places else ""
    return f"{chart.slice_name!r} (/explore/?slice_id={chart.id}{where})"


def _dashboard(dashboard: Dashboard) -> str:
    return f"{dashboard.dashboard_title!r} (/superset/dashboard/{dashboard.id}/)"

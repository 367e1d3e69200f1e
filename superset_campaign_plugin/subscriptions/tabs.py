"""The tabs of the dashboard, each of which is a page of its report. Needs a Superset application context."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

from superset import db, is_feature_enabled
from superset.commands.report.execute import BaseReportState
from superset.models.dashboard import Dashboard
from superset.reports.models import ReportSchedule

from superset_campaign_plugin.errors import InstallError
from superset_campaign_plugin.host.acting import acting_as
from superset_campaign_plugin.host.private import make_addresses
from superset_campaign_plugin.subscriptions.acting import executor_of


def extra_of(dashboard: Dashboard) -> dict[str, Any]:
    """What a report keeps to show every tab of the dashboard; nothing where it has none."""
    position = json.loads(dashboard.position_json or "{}")
    tabs = [
        tab
        for component in position.values()
        if isinstance(component, dict) and component.get("type") == "TABS" and component["parents"][-1:] == ["ROOT_ID"]
        for tab in component["children"]
    ]
    return {"dashboard": {"anchor": json.dumps(tabs)}} if tabs else {}


def store_addresses(schedule: ReportSchedule) -> None:
    """Store the addresses of the tabs that the report will open, so that they are there when its browser comes.

    Superset 6.1.0 stores a new one only after the browser has asked for it, and the first report fails
    (https://github.com/apache/superset/issues/40996); with its metadata in SQLite nobody else can write meanwhile.
    """
    if schedule.dashboard is None or not is_feature_enabled("ALERT_REPORT_TABS"):
        return
    try:
        user = executor_of(schedule)
    except InstallError:
        return  # nothing will be sent, and Superset says why
    with acting_as(user):
        make_addresses(BaseReportState(schedule, datetime.now(timezone.utc), uuid4()))
    db.session.commit()

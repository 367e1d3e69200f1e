"""On which range of time the dashboard opens: one in which the warehouse has data."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from sqlalchemy import column, func, select
from sqlalchemy.engine import Connection

from superset_campaign_plugin.reporting.query import dataset_rows

ALL_TIME = ""
# The dashboard's own range is the last quarter.
RECENT = timedelta(days=90)


def opening_range(connection: Connection, report_sql: str) -> str | None:
    """None for the dashboard's own range, or `ALL_TIME` where the newest send of the report's dataset is older."""
    rows = dataset_rows(report_sql, "report")
    newest = connection.execute(select(func.max(column("sent_date"))).select_from(rows)).scalar()
    if newest is None:
        return None
    day = datetime.fromisoformat(str(newest)).replace(tzinfo=timezone.utc)
    return None if day >= datetime.now(timezone.utc) - RECENT else ALL_TIME

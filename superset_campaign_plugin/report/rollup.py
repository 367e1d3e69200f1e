"""Email records to the daily rollup: one row for each campaign, email and sent date, with sums that are exact for
every grouping and every range of days, because everything in the report is a sum over records.

Columns: campaign_id, email_id, sent_date (midnight, UTC), then the counts and times that `datasets/metrics.yaml`
adds up: sent_count … unsubscribed_count, first_sent_at, last_sent_at, last_activity_at.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, case, cast, func, literal, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.steps import step


def daily_rollup(status: CTE, engine: Engine) -> CTE:
    """Sum the records of `record_status` by campaign, email and day of the first send."""

    def total(flag: ColumnElement[Any], name: str) -> ColumnElement[Any]:
        # A sum of whole numbers is a wider type on most engines; a plain whole number is what Superset formats.
        return cast(func.sum(flag), BigInteger).label(name)

    def ended(word: str) -> ColumnElement[Any]:
        return case((status.c.status == literal(word), 1), else_=0)

    sent_date = engine.day(status.c.sent_at)
    return step(
        "daily_rollup",
        "One row for each campaign, email and day; sums only, so it is exact for every grouping",
        select(
            status.c.campaign_id,
            status.c.email_id,
            sent_date.label("sent_date"),
            func.count().label("sent_count"),
            total(ended("Delivered"), "delivered_count"),
            total(ended("Hard Bounced"), "hard_bounced_count"),
            total(ended("Soft Bounced"), "soft_bounced_count"),
            total(ended("Pending"), "pending_count"),
            total(ended("Aborted"), "aborted_count"),
            total(status.c.opened, "opened_count"),
            total(status.c.clicked, "clicked_link_count"),
            total(status.c.unsubscribed, "unsubscribed_count"),
            func.min(status.c.sent_at).label("first_sent_at"),
            func.max(status.c.sent_at).label("last_sent_at"),
            func.max(status.c.last_activity_at).label("last_activity_at"),
        ).group_by(status.c.campaign_id, status.c.email_id, sent_date),
    )

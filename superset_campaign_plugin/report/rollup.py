"""Email records to the daily rollup: one row for each campaign, email and sent date, with sums that are exact for
every grouping and every range of days, because everything in the report is a sum over records.

Columns: campaign_id, email_id, sent_date (midnight, in the report's time zone), then the counts and times that
`datasets/metrics.yaml` adds up: sent_count … image_proxy_opened_count, first_sent_at, last_sent_at, last_activity_at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, case, cast, func, literal, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.activity_kinds import Status
from superset_campaign_plugin.report.records import FLAGS
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.steps import step

FLAG_COUNTS = {flag: f"{flag}_count" for flag in FLAGS} | {"clicked": "clicked_link_count"}


def sent_day(sent_at: ColumnElement[Any], engine: Engine, rules: Rules) -> ColumnElement[Any]:
    """Midnight of the day of a send, on the clocks of the report's time zone."""
    return engine.day(sent_at if rules.time_zone == "UTC" else engine.local_time(sent_at, rules.time_zone))


def total(flag: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    """The sum of a whole number. Most engines make it a wider type; a plain whole number is what Superset formats."""
    return cast(func.sum(flag), BigInteger).label(name)


def daily_rollup(status: CTE, engine: Engine, rules: Rules, sent: str | None = None, by: Sequence[str] = ()) -> CTE:
    """Sum the records of `record_status` by campaign, email and day of the first send, and by the columns of `by`.

    `sent` names a column of 1 and 0 that says which rows count as sent, where not all do.
    """

    def ended(wanted: Status) -> ColumnElement[Any]:
        return case((status.c.status == literal(wanted.value), 1), else_=0)

    sent_date = sent_day(status.c.sent_at, engine, rules)
    return step(
        "daily_rollup",
        "One row for each campaign, email and day; sums only, so it is exact for every grouping",
        select(
            status.c.campaign_id,
            status.c.email_id,
            sent_date.label("sent_date"),
            *(status.c[name] for name in by),
            func.count().label("sent_count") if sent is None else total(status.c[sent], "sent_count"),
            *(total(ended(each), each.rollup_column) for each in Status),
            *(total(status.c[flag], name) for flag, name in FLAG_COUNTS.items()),
            func.min(status.c.sent_at).label("first_sent_at"),
            func.max(status.c.sent_at).label("last_sent_at"),
            func.max(status.c.last_activity_at).label("last_activity_at"),
        ).group_by(status.c.campaign_id, status.c.email_id, sent_date, *(status.c[name] for name in by)),
    )

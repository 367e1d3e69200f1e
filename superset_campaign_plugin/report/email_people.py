"""Email records to the rows of the dataset of people: one row for each campaign, email and person.

Columns: campaign_id, email_id, person_id (Marketo's id, of the lead), sent_date (midnight, in the report's time zone),
status, reason and rule, opened_by, was_opened, was_clicked, was_unsubscribed, first_open and first_click (UTC, as
text), then what `datasets/metrics.yaml` adds up, each 1 or 0: sent_count …
image_proxy_opened_count, and the times first_sent_at, last_sent_at and last_activity_at. Since they are the same sums
over the same records, every metric over these rows is the report's.

It reads no more than the records, so that a filter by email, campaign or person leaves the others unread where these
are stored.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, func, literal, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, FromClause

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.activity_kinds import Status
from superset_campaign_plugin.report.reason_words import reason_rule, reason_words
from superset_campaign_plugin.report.records import status_of
from superset_campaign_plugin.report.rollup import FLAG_COUNTS, sent_day
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.steps import step
from superset_campaign_plugin.report.time_texts import minute_text

# What a row says of its person, beside the counts.
PERSON_COLUMNS = (
    *("person_id", "status", "reason", "rule", "opened_by", "was_opened", "was_clicked", "was_unsubscribed"),
    *("first_open", "first_click"),
)
PERSON_COUNTS = ("sent_count", *(status.rollup_column for status in Status), *FLAG_COUNTS.values())
PERSON_TIMES = ("first_sent_at", "last_sent_at", "last_activity_at")
# The texts of `opened_by`.
HUMAN, MACHINE, NOBODY = "Human", "Machine", "Nobody"


def email_people(records: FromClause, engine: Engine, rules: Rules, as_of: Any) -> CTE:
    """The rows for records that have the first times; the module's docstring gives their columns.

    `as_of` (UTC, without a zone) is the clock; None is the present moment.
    """
    ended = step(
        "people_status",
        "status.one-each: the first that holds of status.open-beats-bounce, status.hard-bounce-beats-soft, "
        "status.soft-bounce-beats-delivery, status.delivered, status.aborted-after-three-days",
        select(*records.c, status_of(records, engine, as_of).label("status")),
    )

    def counted(status: Status) -> ColumnElement[Any]:
        return case((ended.c.status == literal(status.value), 1), else_=0).label(status.rollup_column)

    opened_by = case(
        (ended.c.human_opened == literal(1), literal(HUMAN)),
        (ended.c.opened == literal(1), literal(MACHINE)),
        else_=literal(NOBODY),
    )
    return step(
        "email_people",
        "One row for each person of each email of each campaign, with the reason of the status",
        select(
            ended.c.campaign_id,
            ended.c.email_id,
            ended.c.person_id.label("person_id"),
            sent_day(ended.c.sent_at, engine, rules).label("sent_date"),
            ended.c.status,
            reason_words(ended).label("reason"),
            reason_rule(ended).label("rule"),
            opened_by.label("opened_by"),
            _yes_or_no(ended.c.opened).label("was_opened"),
            _yes_or_no(ended.c.clicked).label("was_clicked"),
            _yes_or_no(ended.c.unsubscribed).label("was_unsubscribed"),
            _minute(ended.c.first_opened_at).label("first_open"),
            _minute(ended.c.first_clicked_at).label("first_click"),
            literal(1).label("sent_count"),
            *map(counted, Status),
            *(ended.c[flag].label(name) for flag, name in FLAG_COUNTS.items()),
            ended.c.sent_at.label("first_sent_at"),
            ended.c.sent_at.label("last_sent_at"),
            ended.c.last_activity_at,
        ),
    )


def _yes_or_no(flag: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((flag == literal(1), literal("Yes")), else_=literal("No"))


def _minute(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    """A time as text; empty where there is none, as of a null Superset's tables write N/A."""
    return func.coalesce(minute_text(moment), literal(""))

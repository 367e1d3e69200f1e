"""The stored tables, and the datasets' figures as read from them.

campaign_email_records   one row an email record; `report/records.py` gives the columns
campaign_email_daily     the daily rollup, with one more key: undecided_at, the time of the send for people without
                         an outcome, else null. So Pending turns into Aborted by the clock alone
campaign_email_links     clicks by campaign, email and link
campaign_report_people   who counts as whom, at the last refresh
campaign_report_days     rows of each log table by day, where the loader keeps no time of its own
campaign_report_state    what the tables were made of, and up to where each log table was read
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, column, func, literal, null, select, table
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, FromClause, Select, TableClause

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.records import FLAGS, RECORD_KEY, is_aborted, outcome
from superset_campaign_plugin.report.rollup import FLAG_COUNTS, sent_day, total
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.steps import comment, step

DEFAULT_SCHEMA = "campaign_report"

RECORDS = "campaign_email_records"
DAILY = "campaign_email_daily"
LINKS = "campaign_email_links"
PEOPLE = "campaign_report_people"
DAYS = "campaign_report_days"
STATE = "campaign_report_state"

TABLES = (RECORDS, DAILY, LINKS, PEOPLE, DAYS, STATE)

_OUTCOMES = {"Delivered": "delivered_count", "Hard Bounced": "hard_bounced_count", "Soft Bounced": "soft_bounced_count"}
_TIMES = {"first_sent_at": func.min, "last_sent_at": func.max, "last_activity_at": func.max}
COLUMNS: dict[str, tuple[str, ...]] = {
    RECORDS: (*RECORD_KEY, "sent_at", "last_activity_at", *FLAGS, "hard_bounced", "soft_bounced", "delivered"),
    DAILY: (
        *("campaign_id", "email_id", "sent_date", "undecided_at", "sent_count"),
        *(*_OUTCOMES.values(), *FLAG_COUNTS.values(), *_TIMES),
    ),
    LINKS: ("campaign_id", "email_id", "link", "click_count", "people_count"),
    PEOPLE: ("person_id", "surviving_id", "left_out"),
    DAYS: ("log_table", "activity_day", "row_count"),
    STATE: ("name", "value"),
}
# What the engines that keep indexes find rows by.
INDEXES: dict[str, tuple[str, ...]] = {RECORDS: ("email_id", "person_id"), DAILY: ("campaign_id", "email_id")}


def stored(name: str, schema: str | None, kind: str | None = None) -> TableClause:
    """A stored table, to read from; `kind` gives the columns where the table has not got its own name yet."""
    return table(name, *map(column, COLUMNS[kind or name]), schema=schema)


def daily_rows(records: FromClause, engine: Engine, rules: Rules) -> Select:
    """The rows of `campaign_email_daily` for the records."""
    ended = outcome(records)
    word = case(*ended, else_=null())
    undecided_at = case((word.is_(None), records.c.sent_at), else_=null())
    key = [records.c.campaign_id, records.c.email_id, sent_day(records.c.sent_at, engine, rules), undecided_at]
    names = ("campaign_id", "email_id", "sent_date", "undecided_at")
    return select(
        *(own.label(name) for own, name in zip(key, names, strict=True)),
        func.count().label("sent_count"),
        *(total(case((word == literal(result), 1), else_=0), name) for result, name in _OUTCOMES.items()),
        *(total(records.c[flag], name) for flag, name in FLAG_COUNTS.items()),
        func.min(records.c.sent_at).label("first_sent_at"),
        func.max(records.c.sent_at).label("last_sent_at"),
        func.max(records.c.last_activity_at).label("last_activity_at"),
    ).group_by(*key)


@dataclass(frozen=True)
class StoredFacts:
    """The datasets' figures, read from the stored tables of `schema`."""

    schema: str | None
    engine: Engine
    as_of: datetime | None

    def daily(self) -> CTE:
        rows = stored(DAILY, self.schema).alias("stored")
        undecided = rows.c.undecided_at.is_not(None)
        aborted = is_aborted(rows.c.undecided_at, self.engine, self.as_of)

        def people(condition: ColumnElement[Any]) -> ColumnElement[Any]:
            return case((condition, rows.c.sent_count), else_=0)

        key = [rows.c.campaign_id, rows.c.email_id, rows.c.sent_date]
        return step(
            "daily_rollup",
            "The stored rollup. Who has no outcome yet is pending for three days, then aborted",
            select(
                *key,
                total(rows.c.sent_count, "sent_count"),
                *(total(rows.c[name], name) for name in _OUTCOMES.values()),
                total(people(undecided & ~aborted), "pending_count"),
                total(people(undecided & aborted), "aborted_count"),
                *(total(rows.c[name], name) for name in FLAG_COUNTS.values()),
                *(pick(rows.c[name]).label(name) for name, pick in _TIMES.items()),
            ).group_by(*key),
        )

    def links(self) -> CTE:
        rows = stored(LINKS, self.schema).alias("stored")
        return comment(select(*rows.c), "The stored clicks").cte("link_clicks")

"""The stored tables, and the datasets' figures as read from them.

campaign_email_records   one row an email record; `report/records.py` gives the columns
campaign_email_daily     the daily rollup, with the people who have no outcome yet as one count
campaign_email_undecided these people by the time of their send, so that Pending turns into Aborted by the clock alone
campaign_email_links     clicks by campaign, email, day of the send, and link; `report/links.py` gives the columns
campaign_email_timing    the timing rollup; `report/timing.py` gives the columns
campaign_report_campaigns, _programs, _emails   the newest name of each, and what else is said of it
campaign_report_domains  the domain of each person's address, as it is shown; no address is kept
campaign_report_bounces  the bounce of each email record that decides: its category and reason as numbers, no text of it
campaign_email_variants  who was sent which variant of a tested email, by the person ids of the log
campaign_report_people   who counts as whom, at the last refresh
campaign_report_days     fingerprints of each log table by activity day; what is `recent` is looked at again
campaign_report_gathered, _unplaced, _sends, _clicks, _sent_names   what later rows are merged into (`gathered.py`)
campaign_report_state    what the tables were made of, and up to where each log table was read

The datasets themselves are views over these tables (`views.py`): campaign_report_performance, _columns, _links,
_timing, _deliverability, _variants, and campaign_report_recipients for the people.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, and_, case, cast, column, func, literal, null, or_, select, table, union_all
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, FromClause, Select, TableClause

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.datasets import PEOPLE_DATASET
from superset_campaign_plugin.report.deliverability import BOUNCE_COLUMNS, DOMAIN_COLUMNS, deliverability_rollup
from superset_campaign_plugin.report.links import LINK_COUNTS, LINK_KEY
from superset_campaign_plugin.report.records import FIRST_TIMES, FLAGS, RECORD_KEY, is_aborted, outcome
from superset_campaign_plugin.report.relations import CAMPAIGN_COLUMNS, EMAIL_COLUMNS, PROGRAM_COLUMNS, Names, Relations
from superset_campaign_plugin.report.rollup import FLAG_COUNTS, sent_day, total
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.steps import comment, only, step
from superset_campaign_plugin.report.timing import COUNTS, TIMING_KEY, as_read, observed_hours
from superset_campaign_plugin.report.variants import VARIANT_COLUMNS, first_variants, variant_rollup

DEFAULT_SCHEMA = "campaign_report"

RECORDS = "campaign_email_records"
DAILY = "campaign_email_daily"
UNDECIDED = "campaign_email_undecided"
LINKS = "campaign_email_links"
TIMING = "campaign_email_timing"
VARIANTS = "campaign_email_variants"
PEOPLE = "campaign_report_people"
DAYS = "campaign_report_days"
CAMPAIGNS = "campaign_report_campaigns"
PROGRAMS = "campaign_report_programs"
EMAILS = "campaign_report_emails"
DOMAINS = "campaign_report_domains"
BOUNCES = "campaign_report_bounces"
STATE = "campaign_report_state"

# What later rows of the log are merged into; `gathered.py` describes it.
GATHERED = "campaign_report_gathered"
UNPLACED = "campaign_report_unplaced"
SENDS = "campaign_report_sends"
CLICKS = "campaign_report_clicks"
NAMED = "campaign_report_sent_names"

# Those that a refresh makes anew rather than merging into them; the bounces only if anything is new.
NAMES = (CAMPAIGNS, PROGRAMS, EMAILS, DOMAINS, BOUNCES)
_SHOWN = (RECORDS, DAILY, UNDECIDED, LINKS, TIMING, VARIANTS, PEOPLE, DAYS, *NAMES)
_MERGED_INTO = (GATHERED, UNPLACED, SENDS, CLICKS, NAMED)
# Every table that a refresh makes on any engine; the state is the last.
TABLES = (*_SHOWN, *_MERGED_INTO, STATE)

_OUTCOMES = {"Delivered": "delivered_count", "Hard Bounced": "hard_bounced_count", "Soft Bounced": "soft_bounced_count"}
# Who has none of these outcomes is pending or aborted, by the time of the send.
_UNDECIDED_COUNT = "undecided_count"
_DAILY_KEY = ("campaign_id", "email_id", "sent_date")
# What a record says of what happened, each 1 or 0, and the times of it.
FLAG_COLUMNS = (*FLAGS, "hard_bounced", "soft_bounced", "delivered")
RECORD_TIMES = ("sent_at", "last_activity_at", *FIRST_TIMES.values())
_TIMES = {"first_sent_at": func.min, "last_sent_at": func.max, "last_activity_at": func.max}
COLUMNS: dict[str, tuple[str, ...]] = {
    RECORDS: (*RECORD_KEY, *RECORD_TIMES, *FLAG_COLUMNS),
    DAILY: (
        *(*_DAILY_KEY, "sent_count", *_OUTCOMES.values(), _UNDECIDED_COUNT),
        *(*FLAG_COUNTS.values(), *_TIMES),
    ),
    UNDECIDED: (*_DAILY_KEY, "sent_at", "sent_count"),
    LINKS: (*LINK_KEY, *LINK_COUNTS),
    TIMING: (*TIMING_KEY, *COUNTS),
    VARIANTS: VARIANT_COLUMNS,
    PEOPLE: ("person_id", "surviving_id", "left_out"),
    DAYS: ("log_table", "activity_day", "recent", "row_count", "key_sum", "synced_at"),
    CAMPAIGNS: ("campaign_id", *CAMPAIGN_COLUMNS),
    PROGRAMS: ("program_id", *PROGRAM_COLUMNS),
    EMAILS: ("email_id", *EMAIL_COLUMNS),
    DOMAINS: DOMAIN_COLUMNS,
    BOUNCES: BOUNCE_COLUMNS,
    STATE: ("name", "value"),
}
COLUMNS |= {
    GATHERED: COLUMNS[RECORDS],
    UNPLACED: ("email_id", "person_id", "activity_at", *FLAG_COLUMNS),
    SENDS: (*RECORD_KEY, "activity_at"),
    CLICKS: (
        *(*RECORD_KEY, "link", "activity_id", "activity_at"),
        *("record_campaign_id", "record_person_id", "record_sent_at"),
    ),
    NAMED: ("email_id", "name", "named_at"),
}
# What the engines that keep indexes find rows by.
INDEXES: dict[str, tuple[str, ...]] = {
    RECORDS: ("email_id", "person_id"),
    DAILY: ("campaign_id", "email_id"),
    UNDECIDED: ("sent_at",),
    TIMING: ("campaign_id", "email_id"),
    VARIANTS: ("email_id", "person_id"),
    DOMAINS: ("person_id",),
    BOUNCES: ("email_id", "person_id"),
    GATHERED: ("email_id", "person_id"),
    UNPLACED: ("email_id", "person_id"),
    SENDS: ("email_id", "person_id"),
    CLICKS: ("email_id", "person_id"),
}


def tables_of(engine: Engine) -> tuple[str, ...]:
    """The stored tables on an engine, the state last."""
    return TABLES if engine.merges else (*_SHOWN, STATE)


def stored(name: str, schema: str | None, kind: str | None = None) -> TableClause:
    """A stored table, to read from; `kind` gives the columns where the table has not got its own name yet."""
    return table(name, *map(column, COLUMNS[kind or name]), schema=schema)


def daily_rows(records: FromClause, engine: Engine, rules: Rules) -> Select:
    """The rows of `campaign_email_daily` for the records."""
    word = _outcome(records)
    key = [records.c.campaign_id, records.c.email_id, sent_day(records.c.sent_at, engine, rules)]
    return select(
        *(own.label(name) for own, name in zip(key, _DAILY_KEY, strict=True)),
        func.count().label("sent_count"),
        *(total(case((word == literal(result), 1), else_=0), name) for result, name in _OUTCOMES.items()),
        total(case((word.is_(None), 1), else_=0), _UNDECIDED_COUNT),
        *(total(records.c[flag], name) for flag, name in FLAG_COUNTS.items()),
        func.min(records.c.sent_at).label("first_sent_at"),
        func.max(records.c.sent_at).label("last_sent_at"),
        func.max(records.c.last_activity_at).label("last_activity_at"),
    ).group_by(*key)


def undecided_rows(records: FromClause, engine: Engine, rules: Rules) -> Select:
    """The rows of `campaign_email_undecided` for the records."""
    sent_at = records.c.sent_at
    key = [records.c.campaign_id, records.c.email_id, sent_day(sent_at, engine, rules), sent_at]
    names = (*_DAILY_KEY, "sent_at")
    return (
        select(*(own.label(name) for own, name in zip(key, names, strict=True)), func.count().label("sent_count"))
        .where(_outcome(records).is_(None))
        .group_by(*key)
    )


def view_name(dataset: str) -> str:
    """What the view of a dataset is called: `campaign_email_links` is a table already, and `PEOPLE` another."""
    if dataset == PEOPLE_DATASET:
        return "campaign_report_recipients"
    return dataset.replace("campaign_email_", "campaign_report_")


def name_rows(relations: Relations, emails: Select) -> dict[str, Select]:
    """The rows of the tables of names; `emails` are those of the relations, or as they are read without the log."""
    queries = {CAMPAIGNS: relations.campaigns, PROGRAMS: relations.programs, EMAILS: emails}
    return {name: only(query, *COLUMNS[name]) for name, query in queries.items()}


def _outcome(records: FromClause) -> ColumnElement[Any]:
    """The word for what became of a record; null while that is open."""
    return case(*outcome(records), else_=null())


@dataclass(frozen=True)
class StoredFacts:
    """The datasets' figures, read from the stored tables of `schema`."""

    schema: str | None
    engine: Engine
    as_of: datetime | None

    def view(self, name: str) -> TableClause | None:
        return None if self.as_of else table(view_name(name), schema=self.schema)

    def names(self) -> Names:
        campaigns, programs, emails = (
            select(*stored(name, self.schema).alias("stored").c) for name in (CAMPAIGNS, PROGRAMS, EMAILS)
        )
        return Names(campaigns, programs, emails)

    def daily(self) -> CTE:
        together = union_all(self._decided(), self._pending()).subquery("stored")
        pending = total(together.c.pending_count, "pending_count")
        aborted = func.sum(together.c[_UNDECIDED_COUNT]) - func.sum(together.c.pending_count)
        key = [together.c[name] for name in _DAILY_KEY]
        return step(
            "daily_rollup",
            "The stored rollup. Who has no outcome is pending for three days, then aborted",
            select(
                *key,
                total(together.c.sent_count, "sent_count"),
                *(total(together.c[name], name) for name in _OUTCOMES.values()),
                pending,
                cast(aborted, BigInteger).label("aborted_count"),
                *(total(together.c[name], name) for name in FLAG_COUNTS.values()),
                *(pick(together.c[name]).label(name) for name, pick in _TIMES.items()),
            ).group_by(*key),
        )

    def _decided(self) -> Select:
        rows = stored(DAILY, self.schema).alias("daily")
        return comment(select(*rows.c, literal(0).label("pending_count")), "What is stored by day")

    def _pending(self) -> Select:
        """Who has no outcome and may still have one, in the columns of the rollup."""
        rows = stored(UNDECIDED, self.schema).alias("undecided")
        aborted = is_aborted(rows.c.sent_at, self.engine, self.as_of)
        counts = [name for name in COLUMNS[DAILY] if name not in (*_DAILY_KEY, *_TIMES)]
        columns = [
            *(rows.c[name] for name in _DAILY_KEY),
            *(literal(0).label(name) for name in counts),
            *(null().label(name) for name in _TIMES),
            rows.c.sent_count.label("pending_count"),
        ]
        return comment(select(*columns).where(or_(~aborted, rows.c.sent_at.is_(None))), "Who is pending")

    def links(self) -> CTE:
        rows = stored(LINKS, self.schema).alias("stored")
        return comment(select(*rows.c), "The stored clicks").cte("link_clicks")

    def records(self) -> CTE:
        rows = stored(RECORDS, self.schema).alias("stored")
        return comment(select(*rows.c), "The stored records").cte("email_records")

    def timing(self) -> CTE:
        rows = stored(TIMING, self.schema).alias("stored")
        days = stored(DAILY, self.schema).alias("daily")
        newest = stored(DAILY, self.schema).alias("all_days")
        until = select(func.max(newest.c.last_activity_at).label("data_until")).subquery("newest_activity")
        same_day = and_(*(rows.c[name] == days.c[name] for name in _DAILY_KEY))
        joined = rows.outerjoin(days, same_day).join(until, literal(1) == literal(1))
        observed = observed_hours(days.c.last_sent_at, until.c.data_until, self.engine)
        aged = select(*rows.c, observed.label("observed_hours")).select_from(joined).subquery("timing_rows")
        return as_read(aged, self.engine)

    def deliverability(self, rules: Rules) -> CTE:
        records, domains, bounces = (stored(name, self.schema).alias(name) for name in (RECORDS, DOMAINS, BOUNCES))
        return deliverability_rollup(records, domains, bounces, self.engine, rules, self.as_of)

    def variants(self, rules: Rules) -> CTE:
        records, rows, people = (stored(name, self.schema).alias(name) for name in (RECORDS, VARIANTS, PEOPLE))
        moved = and_(people.c.person_id == rows.c.person_id, people.c.left_out == literal(0))
        person = func.coalesce(people.c.surviving_id, rows.c.person_id).label("person_id")
        columns = [person if name == "person_id" else rows.c[name] for name in VARIANT_COLUMNS]
        named = step(
            "named_variants",
            "The stored variants, under the people who count. Who is left out has no record",
            select(*columns).select_from(rows.outerjoin(people, moved)),
        )
        return variant_rollup(records, first_variants(named), self.engine, rules, self.as_of)

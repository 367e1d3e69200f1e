"""What came into the log since the last refresh: which rows are new, and which (email, person) pairs they touch.

A pair whose rows changed is computed anew from the whole log, so that a late send, a repeated row, an activity
without a campaign or a merge ends in the very records that a full computation gives.

Rows are new by the loader's own sync column where a table has one. If the rows up to the newest time of before are
as many as then, what is later is all that is new; else some came late, or moved, and the last day is read again.
Without such a column a calendar day whose number of rows is not the one of before is read again, however old it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union,
    union_all,
)
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.refresh.statements import rows_of
from superset_campaign_plugin.refresh.tables import COLUMNS, PEOPLE
from superset_campaign_plugin.report.people import hidden_people, surviving_people
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.report.steps import only, plain

PAIR = ("email_id", "person_id")
# A loader stamps a row before others can see it. Where rows came late, those of this long before are read again.
LATE = timedelta(days=1)
# New rows are mostly of a few emails; so many are listed by their ids.
LISTED = 500


@dataclass(frozen=True)
class Mark:
    """How far a log table was read: its rows, and the newest of the loader's sync times, if it keeps them.

    `old_rows` are the rows up to the newest sync time of the mark before.
    """

    rows: int
    loaded_at: datetime | None
    old_rows: int = 0


def log_tables(relations: Relations) -> dict[str, Select]:
    """The tables of sends and events by the name of what they tell."""
    return {"sent": relations.sends, **{kind.value: rows for kind, rows in relations.events.items()}}


def keeps_sync_time(rows: Select) -> bool:
    """Whether the loader marks the rows with the time at which it wrote them."""
    return "loaded_at" in rows.selected_columns


def read_marks(
    connection: Connection, engine: Engine, relations: Relations, before: dict[str, Mark]
) -> dict[str, Mark]:
    """Where every log table stands now, beside where it stood `before`."""
    marks = {}
    for name, rows in log_tables(relations).items():
        newest, old = cast(null(), String), literal(0)
        if keeps_sync_time(rows):
            loaded_at = plain(rows, "loaded_at")
            newest = func.max(loaded_at)
            mark = before.get(name)
            if mark is not None and mark.loaded_at is not None:
                is_old = or_(loaded_at <= engine.time_literal(_up(mark.loaded_at)), loaded_at.is_(None))
                old = func.sum(case((is_old, 1), else_=0))
        columns = (func.count().label("total"), newest.label("newest"), old.label("old"))
        [(count, loaded, old_count)] = rows_of(connection, engine, rows.with_only_columns(*columns))
        marks[name] = Mark(int(count), read_time(loaded), int(old_count or 0))
    return marks


def _up(moment: datetime) -> datetime:
    """The moment at the end of its millisecond, the grain in which times are written into SQL."""
    return moment + timedelta(microseconds=-moment.microsecond % 1000)


def read_time(value: Any) -> datetime | None:
    """A time as a database's driver gives it."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def day_counts(relations: Relations, engine: Engine) -> Select | None:
    """Rows by day of the log tables without a sync time; None where there are none."""
    counts = []
    for name, rows in log_tables(relations).items():
        if not keeps_sync_time(rows):
            day = engine.day(plain(rows, "activity_at"))
            columns = [
                literal(name).label("log_table"),
                day.label("activity_day"),
                func.count().label("row_count"),
            ]
            counts.append(rows.with_only_columns(*columns).where(day.is_not(None)).group_by(day))
    return union_all(*counts) if counts else None


def changed_rows(
    name: str, rows: Select, before: Mark | None, now: Mark, engine: Engine, changed_days: FromClause | None
) -> Select:
    """The rows of a log table that are new since the mark `before`; all of them where there is none."""
    if before is None:
        return rows
    if keeps_sync_time(rows):
        if before.loaded_at is None:
            return rows
        loaded_at = plain(rows, "loaded_at")
        if now.old_rows == before.rows:
            return rows.where(loaded_at > engine.time_literal(_up(before.loaded_at)))
        return rows.where(or_(loaded_at >= engine.time_literal(before.loaded_at - LATE), loaded_at.is_(None)))
    day = engine.day(plain(rows, "activity_at"))
    if changed_days is None:
        return rows.where(day.is_(None))
    of_table = and_(changed_days.c.log_table == literal(name), changed_days.c.activity_day == day)
    return rows.where(or_(day.is_(None), exists(select(literal(1)).select_from(changed_days).where(of_table))))


def named_pairs(name: str, rows: Select) -> Select:
    """(log_table, email_id, person_id) of each row of the log table `name`; the ids may be null."""
    return rows.with_only_columns(literal(name).label("log_table"), *(rows.selected_columns[own] for own in PAIR))


def pairs(rows: Select) -> Select:
    """The (email, person) pairs of rows."""
    found = only(rows, *PAIR)
    return found.where(*(plain(found, name).is_not(None) for name in PAIR))


def all_pairs(parts: list[Select]) -> FromClause:
    """The pairs of several log tables, each once."""
    return union(*parts)


def few_emails(connection: Connection, engine: Engine, wanted: FromClause) -> list[int]:
    """The emails of the wanted rows; none where they are too many to be listed in a query."""
    query = select(wanted.c.email_id).distinct().limit(LISTED + 1)
    found = [int(email) for (email,) in rows_of(connection, engine, query)]
    return found if len(found) <= LISTED else []


def only_emails(email: ColumnElement[Any], emails: list[int]) -> ColumnElement[Any]:
    """A condition that says nothing new, but lets an engine pass over most of a large table."""
    return email.in_(emails) if emails else true()


def of_pairs(relations: Relations, wanted: FromClause, emails: list[int]) -> Relations:
    """The relations, whose people are resolved, with the rows of the wanted pairs alone."""
    return _restricted(relations, wanted, PAIR, emails)


def of_emails(relations: Relations, wanted: FromClause, emails: list[int]) -> Relations:
    """The relations with the rows of the wanted emails alone."""
    return _restricted(relations, wanted, ("email_id",), emails)


def _restricted(relations: Relations, wanted: FromClause, names: tuple[str, ...], emails: list[int]) -> Relations:
    def restricted(rows: Select) -> Select:
        same = [wanted.c[name] == plain(rows, name) for name in names]
        touched = exists(select(literal(1)).select_from(wanted).where(*same))
        return rows.where(only_emails(plain(rows, "email_id"), emails), touched)

    return replace(
        relations,
        sends=restricted(relations.sends),
        events={kind: restricted(rows) for kind, rows in relations.events.items()},
    )


def of_people(rows: Select, people: FromClause) -> Select:
    """A log table's rows of these people."""
    person = plain(rows, "person_id")
    return rows.where(exists(select(literal(1)).select_from(people).where(people.c.person_id == person)))


def people_rows(relations: Relations, engine: Engine, rules: Rules) -> Select:
    """The rows of `campaign_report_people`: who counts as whom, and who is left out, under these rules."""
    number = cast(null(), BigInteger)
    parts = [select(*(number.label(name) for name in COLUMNS[PEOPLE])).where(literal(1) == literal(0))]
    survivors = surviving_people(relations, engine) if rules.people is People.MERGED else None
    if survivors is not None:
        parts.append(select(survivors.c.person_id, survivors.c.surviving_id, literal(0).label("left_out")))
    hidden = hidden_people(relations, engine) if rules.people is People.HIDDEN else None
    if hidden is not None:
        person = hidden.c.person_id
        parts.append(select(person, person.label("surviving_id"), literal(1).label("left_out")))
    elif rules.leave_out_deleted and relations.deletions is not None:
        person = plain(relations.deletions, "person_id")
        deleted = relations.deletions.with_only_columns(
            person.label("person_id"), person.label("surviving_id"), literal(1).label("left_out")
        )
        parts.append(deleted.where(person.is_not(None)).distinct())
    together = union_all(*parts).subquery("people")
    return select(*together.c)

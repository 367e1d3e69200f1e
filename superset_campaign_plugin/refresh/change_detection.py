"""What came into the log since the last refresh, and whether the log still is what was read of it.

A table with the loader's sync column is looked at from a day before the newest sync time of the last refresh on, by one
range condition on that column. Rows that are stamped later are new. Of the day before it is compared, by activity day,
what was read of it: the number of rows, and a sum of numbers made of each row (`engines/fingerprint.py`). A table
without such a column is compared day by day as a whole.

    more rows than were read        some came late; what is in reach is read again
    fewer, and no new ones instead  rows are gone, and everything has to be computed anew
    as many, with another sum       rows were changed in place; the same

Rows that are gone while as many came with a new sync time may be the same rows, stamped anew: nothing short of the
whole log tells. A verification compares all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

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
    union_all,
)
from sqlalchemy.engine import Connection
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import ColumnClause, ColumnElement
from sqlalchemy.sql.selectable import FromClause, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.refresh.statements import rows_of
from superset_campaign_plugin.refresh.tables import COLUMNS, PEOPLE
from superset_campaign_plugin.report.activity_kinds import EventKind
from superset_campaign_plugin.report.people import left_out_people, surviving_people
from superset_campaign_plugin.report.records import happening_of
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.report.steps import no_rows, plain

PAIR = ("email_id", "person_id")
# A loader stamps a row before others can see it, so a row may come that is stamped before the newest.
OVERLAP = timedelta(days=1)
# How far a loader's clock may be ahead of this machine's.
_CLOCKS_DIFFER = timedelta(hours=1)
# New rows are mostly of a few emails; so many are listed by their ids.
LISTED = 500


@dataclass(frozen=True)
class Mark:
    """How far a log table was read: about how many rows, and the newest of the sync times, if the loader keeps them.

    `read_again` says whether a part that was read before has been read again since everything was computed: rows came
    late, or to a day of before. Others of that part may have gone or changed then, which nothing can tell afterwards.
    """

    rows: int
    loaded_at: datetime | None
    read_again: bool = False


@dataclass(frozen=True)
class Extent:
    """The rows of a log table that are read as new: those stamped later than `after`; those of the changed days, where
    the table has no sync times; or all."""

    after: datetime | None = None
    by_days: bool = False


class Count(NamedTuple):
    """A fingerprint of rows: how many, and the sum of a number made of each."""

    rows: int
    key_sum: int

    def plus(self, other: Count) -> Count:
        return Count(self.rows + other.rows, self.key_sum + other.key_sum)


NONE = Count(0, 0)
# Fingerprints by activity day; a day is as the driver gives it, None of rows without a time.
Days = Mapping[Any, Count]


def log_tables(relations: Relations) -> dict[str, Select]:
    """The tables of sends and events by the name of what they tell."""
    return {"sent": relations.sends, **{kind.value: rows for kind, rows in relations.events.items()}}


def keeps_sync_time(rows: Select) -> bool:
    """Whether the loader marks the rows with the time at which it wrote them."""
    return "loaded_at" in rows.selected_columns


def read_marks(connection: Connection, engine: Engine, relations: Relations) -> dict[str, Mark]:
    """Where every log table stands now. Reads one column of each."""
    marks = {}
    for name, rows in log_tables(relations).items():
        newest = _newest(rows, engine) if keeps_sync_time(rows) else cast(null(), String)
        columns = (func.count().label("total"), newest.label("newest"))
        [(count, loaded)] = rows_of(connection, engine, rows.with_only_columns(*columns))
        marks[name] = Mark(int(count), read_time(loaded))
    newest = of_whole_tables(relations, {name: mark.loaded_at for name, mark in marks.items()})
    return {name: replace(mark, loaded_at=newest[name]) for name, mark in marks.items()}


def of_whole_tables(relations: Relations, newest: Mapping[str, datetime | None]) -> dict[str, datetime | None]:
    """The newest sync times where a loader's table holds several kinds of activities: those of the table.

    A kind that is rare, or has not come yet, then needs no look at the table's older rows.
    """
    tables: dict[str, list[datetime]] = {}
    for name, rows in log_tables(relations).items():
        tables.setdefault(table_of(rows), []).extend(filter(None, [newest.get(name)]))
    return {name: max(tables[table_of(rows)], default=None) for name, rows in log_tables(relations).items()}


def table_of(rows: Select) -> str:
    """The name of the loader's table that rows come from."""
    [table] = rows.get_final_froms()
    return str(getattr(table, "element", table).name)


def newest_sync(connection: Connection, engine: Engine, rows: Select) -> datetime | None:
    """The newest sync time of rows."""
    [(found,)] = rows_of(connection, engine, rows.with_only_columns(_newest(rows, engine).label("newest")))
    return read_time(found)


def _newest(rows: Select, engine: Engine) -> ColumnElement[Any]:
    """The newest sync time that is not in the future, where a broken one would put all rows to come behind it."""
    loaded_at = plain(rows, "loaded_at")
    soon = datetime.now(timezone.utc).replace(tzinfo=None) + _CLOCKS_DIFFER
    return func.max(case((loaded_at <= engine.time_literal(soon), loaded_at)))


def synced_after(rows: Select, moment: datetime, engine: Engine) -> ColumnElement[Any]:
    """The one range condition by which new rows are read. Where the sync time is not the column itself, a condition on
    the column stands beside it: by that an engine can pass over partitions, blocks, or parts of an index."""
    loaded_at = plain(rows, "loaded_at")
    later = loaded_at > engine.time_literal(moment)
    if isinstance(loaded_at, ColumnClause):
        return later
    own = {each for each in visitors.iterate(loaded_at) if isinstance(each, ColumnClause) and not each.is_literal}
    bound = engine.not_before(own.pop(), moment) if len(own) == 1 else None
    return later if bound is None else and_(bound, later)


def read_until(rows: Select, moment: datetime | None, engine: Engine) -> ColumnElement[Any]:
    """The rows that are stamped at that moment or before, or not at all."""
    if moment is None or not keeps_sync_time(rows):
        return true()
    loaded_at = plain(rows, "loaded_at")
    return or_(loaded_at <= engine.time_literal(up(moment)), loaded_at.is_(None))


def up(moment: datetime) -> datetime:
    """The moment at the end of its millisecond, the grain in which times are written into SQL."""
    return moment + timedelta(microseconds=-moment.microsecond % 1000)


def read_time(value: Any) -> datetime | None:
    """A time as a database's driver gives it."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


# ---------------------------------------------------------------------------------------------------------------
# Fingerprints


def fingerprints(
    name: str, rows: Select, engine: Engine, rules: Rules, newest: datetime | None, known: datetime | None = None
) -> Select:
    """Fingerprints of rows of the log table `name`, in the columns of `campaign_report_days`.

    `newest` is up to where the table is read: what is stamped within a day before it is `recent`. Rows that were
    stamped at `known` or before are told apart from others by a further column of that name.
    """
    loaded_at = plain(rows, "loaded_at") if keeps_sync_time(rows) else cast(null(), engine.time_type)
    recent: ColumnElement[Any] = literal(1)
    if keeps_sync_time(rows):
        recent = literal(0) if newest is None else _flag(loaded_at > engine.time_literal(newest - OVERLAP))
    is_known = literal(0) if known is None else _flag(loaded_at <= engine.time_literal(up(known)))
    inner = rows.with_only_columns(
        engine.day(plain(rows, "activity_at")).label("activity_day"),
        recent.label("recent"),
        is_known.label("known"),
        loaded_at.label("synced_at"),
        *(number.label(f"number_{place}") for place, number in enumerate(_numbers(name, rows, engine, rules))),
    ).subquery("keys")
    own = ("activity_day", "recent", "known", "synced_at")
    numbers = [column for column in inner.c if column.name not in own]
    mixed = select(*(inner.c[each] for each in own), engine.mixed(numbers).label("mixed")).subquery("mixed_keys")
    groups = [mixed.c[each] for each in own[:3]]
    return select(
        literal(name).label("log_table"),
        *groups,
        func.count().label("row_count"),
        cast(func.sum(engine.spread(mixed.c.mixed)), BigInteger).label("key_sum"),
        func.max(mixed.c.synced_at).label("synced_at"),
    ).group_by(*groups)


def _flag(condition: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((condition, 1), else_=0)


def _numbers(name: str, rows: Select, engine: Engine, rules: Rules) -> list[ColumnElement[Any]]:
    """Whatever of a row the stored tables depend on, as whole numbers."""
    kind = EventKind(name)
    numbers = [plain(rows, column) for column in ("campaign_id", "email_id", "person_id")]
    numbers.append(engine.milliseconds(plain(rows, "activity_at")))
    if kind in (EventKind.OPENED, EventKind.CLICKED):
        numbers.append(happening_of(kind, rows, engine, rules))
    if "variant" in rows.selected_columns:
        numbers.append(plain(rows, "variant"))
    texts = {EventKind.SENT: ("email_name",), EventKind.CLICKED: ("link", "activity_id")}.get(kind, ())
    return numbers + [engine.text_number(plain(rows, own)) for own in texts if own in rows.selected_columns]


def by_table(found: Iterable[tuple[Any, ...]]) -> dict[str, dict[Any, Count]]:
    """Rows of (log_table, activity_day, row_count, key_sum) added up by table and day."""
    tables: dict[str, dict[Any, Count]] = {}
    for name, day, rows, key_sum in found:
        days = tables.setdefault(name, {})
        days[day] = days.get(day, NONE).plus(Count(int(rows), int(key_sum or 0)))
    return tables


def lost(before: Days, now: Days, new: int) -> str | None:
    """What happened to rows that were read, if new rows do not make up for it: "gone" or "changed".

    `new` are the rows that came with a sync time of their own: rows that were stamped anew are among them.
    """
    if any(count != now.get(day, NONE) and count.rows == now.get(day, NONE).rows for day, count in before.items()):
        return "changed"
    fewer = sum(max(0, count.rows - now.get(day, NONE).rows) for day, count in before.items())
    return "gone" if fewer > new else None


def differences(name: str, before: Days, now: Days) -> list[str]:
    """Sentences on what differs of a log table, by activity day."""
    found = []
    for day in sorted({*before, *now}, key=str):
        old, new = before.get(day, NONE), now.get(day, NONE)
        if old == new:
            continue
        of_day = "without a time" if day is None else f"of {str(day)[:10]}"
        if old.rows == new.rows:
            found.append(f"{name}, rows {of_day}: changed")
        else:
            more = new.rows - old.rows
            found.append(f"{name}, rows {of_day}: {abs(more):,} {'more' if more > 0 else 'fewer'} than were read")
    return found


# ---------------------------------------------------------------------------------------------------------------
# New rows


def new_relations(
    relations: Relations, extents: Mapping[str, Extent], engine: Engine, changed_days: FromClause | None
) -> Relations:
    """The relations with the rows alone that are new."""

    def new(name: str, rows: Select) -> Select:
        extent = extents[name]
        if extent.by_days:
            day = engine.day(plain(rows, "activity_at"))
            if changed_days is None:
                return rows.where(day.is_(None))
            of_table = and_(changed_days.c.log_table == literal(name), changed_days.c.activity_day == day)
            of_day = exists(select(literal(1)).select_from(changed_days).where(of_table))
            return rows.where(or_(day.is_(None), of_day))
        return rows if extent.after is None else rows.where(synced_after(rows, extent.after, engine))

    return replace(
        relations,
        sends=new(EventKind.SENT.value, relations.sends),
        events={kind: new(kind.value, rows) for kind, rows in relations.events.items()},
    )


def few_emails(connection: Connection, engine: Engine, wanted: FromClause) -> list[int]:
    """The emails of the wanted rows; none where they are too many to be listed in a query."""
    query = select(wanted.c.email_id).distinct().limit(LISTED + 1)
    found = [int(email) for (email,) in rows_of(connection, engine, query)]
    return found if len(found) <= LISTED else []


def only_emails(email: ColumnElement[Any], emails: list[int]) -> ColumnElement[Any]:
    """A condition that says nothing new, but lets an engine pass over most of a large table."""
    return email.in_(emails) if emails else true()


def people_rows(relations: Relations, engine: Engine, rules: Rules) -> Select:
    """The rows of `campaign_report_people`: who counts as whom, and who is left out, under these rules."""
    number = cast(null(), BigInteger)
    parts = [no_rows(*(number.label(name) for name in COLUMNS[PEOPLE]))]
    survivors = surviving_people(relations, engine) if rules.people is People.MERGED else None
    if survivors is not None:
        parts.append(select(survivors.c.person_id, survivors.c.surviving_id, literal(0).label("left_out")))
    left_out = left_out_people(relations, engine, rules)
    if left_out is not None:
        person = left_out.c.person_id
        parts.append(select(person, person.label("surviving_id"), literal(1).label("left_out")))
    together = union_all(*parts).subquery("people")
    return select(*together.c)

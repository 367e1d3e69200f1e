"""What a refresh will do: looked up once, printed by a dry run, and carried out by a run.

To look, a connection makes temporary tables of its own, which end with it. Nothing else is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, func, literal, select, union_all
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select, TableClause

from superset_campaign_plugin.refresh import change_detection as detection
from superset_campaign_plugin.refresh.change_detection import NONE, OVERLAP, Count, Days, Extent, Mark
from superset_campaign_plugin.refresh.fresh import FreshTables
from superset_campaign_plugin.refresh.scratch import Scratch
from superset_campaign_plugin.refresh.session import Session
from superset_campaign_plugin.refresh.state import State, read_state
from superset_campaign_plugin.refresh.statements import execute, insert_from, rows_of
from superset_campaign_plugin.refresh.tables import COLUMNS, DAYS, PEOPLE, stored
from superset_campaign_plugin.report.records import event_rows
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.steps import plain

FULL, INCREMENTAL, UNCHANGED = "full", "incremental", "unchanged"
_NOTHING = "nothing new in the log"
_NEW_ROWS = "rows came in since the last refresh"
_PEOPLE_CHANGED = "people were merged or deleted since the last refresh"
_LOST = {
    "gone": "rows that were {name} are gone from the log",
    "changed": "rows that were {name} are not what they were",
}
_OTHER_TABLES = "the stored tables are those of an earlier release"
_FOUND = "the log is not what was read of it"
_READ_AGAIN = "{name}: rows came to days that were read before, where others may have gone unseen"
# So few rows are merged whatever the share: either way takes a moment.
_MERGED_ANYHOW = 10_000
_CHEAPER = "so many rows came in that to compute everything anew is quicker"

_FIRST_WITHOUT_CAMPAIGN = "the first activities without a campaign came in"

# The log as this run sees it, in temporary tables.
DAYS_NOW = "campaign_days_now"
PEOPLE_NOW = "campaign_people_now"
_CHANGED_DAYS = "campaign_changed_days"
_MOVED = "campaign_moved_people"
_CHANGED_PEOPLE = "campaign_changed_people"
_FOUND_COLUMNS = ("known", "log_table", "activity_day", "row_count", "key_sum")


@dataclass(frozen=True)
class Plan:
    """What a refresh will do.

    `mode` is full, incremental or unchanged, and `reason` says why in words. `new_rows` are the rows of each log table
    that are read as new. `marks` say how far each log table is read by it, and `found` what a verification found. An
    incremental one has `new`, the log with the rows alone that are new, and the temporary table `people`: who counts
    as somebody else than before, if anybody does. `all_sends` is as in `State`.
    """

    mode: str
    reason: str
    new_rows: dict[str, int]
    marks: dict[str, Mark] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    new: Relations | None = None
    people: TableClause | None = None
    all_sends: bool = False


@dataclass(frozen=True)
class _Look:
    """What a look at one log table found: up to where it is read now, which of its rows are to be read, how many these
    are, and what became of rows that were read before if that cannot be put right."""

    mark: Mark
    extent: Extent
    new_rows: int
    lost: str | None


class Planner:
    """Looks at the log and at the stored tables of `schema`."""

    def __init__(
        self,
        session: Session,
        raw: Relations,
        rules: Rules,
        schema: str | None,
        scratch: Scratch,
        check: Callable[[Mapping[str, ColumnElement[Any]]], None],
        fresh: FreshTables,
    ) -> None:
        """`fresh` knows what the stored tables are called. `check` refuses values of the log that cannot be read; it is
        given the conditions by which it may leave rows of a loader's table out, which were looked at before."""
        self._connection = session.connection
        self._engine = session.engine
        self._raw = raw
        self._rules = rules
        self._schema = schema
        self._scratch = scratch
        self._check = check
        self._fresh = fresh

    def plan(self, made_of: dict[str, str], *, full: bool = False, verify: bool = False) -> Plan:
        """What a refresh of tables that are `made_of` this will do. With `full` it computes everything anew, and with
        `verify` it does so where anything in the log is not what was read of it."""
        state = read_state(self._connection, self._engine, self._schema)
        reason = _why_full(state, made_of, set(detection.log_tables(self._raw)), full)
        if state is not None and state.run is None and self._engine.merges and self._fresh.run is not None:
            reason = reason or _OTHER_TABLES
        if state is None or reason is not None:
            return self._all_of_it(reason or "")
        self._fresh.go_on_from(state.run)
        found = []
        if verify or not self._engine.merges:
            self._check({})
        if verify:
            found = self._verify(state)
        if found:
            return self._all_of_it(_FOUND, found)
        return self._what_is_new(state) if self._engine.merges else self._whether_new(state)

    def day_rows(self, marks: dict[str, Mark]) -> Select:
        """The rows of `campaign_report_days` where each log table is read up to its mark."""
        parts = [
            detection.fingerprints(
                name,
                rows.where(detection.read_until(rows, marks[name].loaded_at, self._engine)),
                self._engine,
                self._rules,
                marks[name].loaded_at,
            )
            for name, rows in detection.log_tables(self._raw).items()
        ]
        together = union_all(*parts).subquery("days")
        return select(*(together.c[name] for name in COLUMNS[DAYS]))

    def _all_of_it(self, reason: str, found: Sequence[str] = ()) -> Plan:
        self._check({})
        marks = detection.read_marks(self._connection, self._engine, self._raw)
        return Plan(FULL, reason, {name: mark.rows for name, mark in marks.items()}, marks, list(found))

    # -----------------------------------------------------------------------------------------------------------
    # All of the log

    def _verify(self, state: State) -> list[str]:
        """What differs between the log, up to where it was read, and what was read of it."""
        before = self._read_before()
        now = self._count_by_day({name: mark.loaded_at for name, mark in state.marks.items()})
        found = [
            sentence
            for name in detection.log_tables(self._raw)
            for sentence in detection.differences(name, before.get(name, {}), now.get(name, {}))
        ]
        return found + [_READ_AGAIN.format(name=name) for name, mark in state.marks.items() if mark.read_again]

    def _whether_new(self, state: State) -> Plan:
        """The plan where nothing is merged: everything, or nothing."""
        if self._count_by_day({}) != self._read_before():
            return self._all_of_it(f"rows came in, and on {self._engine.name} nothing is merged")
        if self.people_differ(self._kept(PEOPLE)):
            return self._all_of_it(_PEOPLE_CHANGED)
        return Plan(UNCHANGED, _NOTHING, dict.fromkeys(state.marks, 0), state.marks)

    def _count_by_day(self, until: dict[str, datetime | None]) -> dict[str, dict[Any, Count]]:
        """Fingerprints of each log table, by activity day, of the rows that are stamped up to `until`."""
        parts = [
            detection.fingerprints(
                name,
                rows.where(detection.read_until(rows, until.get(name), self._engine)),
                self._engine,
                self._rules,
                None,
            )
            for name, rows in detection.log_tables(self._raw).items()
        ]
        together = union_all(*parts).subquery("days")
        names = ("log_table", "activity_day", "row_count", "key_sum")
        return detection.by_table(
            rows_of(self._connection, self._engine, select(*(together.c[each] for each in names)))
        )

    def _read_before(self, recent: bool = False) -> dict[str, dict[Any, Count]]:
        """Fingerprints of what was read of each log table; with `recent` of what the next refresh looks at again."""
        days = self._kept(DAYS)
        query = select(days.c.log_table, days.c.activity_day, days.c.row_count, days.c.key_sum)
        if recent:
            query = query.where(days.c.recent == literal(1))
        return detection.by_table(rows_of(self._connection, self._engine, query))

    # -----------------------------------------------------------------------------------------------------------
    # What is new

    def _what_is_new(self, state: State) -> Plan:
        for setting in self._engine.refresh_settings:
            execute(self._connection, setting)
        self._scratch.make(PEOPLE_NOW, detection.people_rows(self._raw, self._engine, self._rules), ("person_id",))
        self._check(self._read_again(state))
        looks = self._looks(state)
        for name, look in looks.items():
            if look.lost:
                return self._all_of_it(_LOST[look.lost].format(name=name))
        new_rows = {name: look.new_rows for name, look in looks.items()}
        if self._rebuild_is_cheaper(sum(new_rows.values()), state):
            return self._all_of_it(_CHEAPER)
        marks = {name: look.mark for name, look in looks.items()}
        people = self._changed_people()
        if not any(new_rows.values()) and people is None:
            return Plan(UNCHANGED, _NOTHING, new_rows, marks, all_sends=state.all_sends)
        changed_days = self._changed_days()
        extents = {name: look.extent for name, look in looks.items()}
        new = detection.new_relations(self._raw, extents, self._engine, changed_days)
        if not state.all_sends and self._any_without_campaign(new):
            return self._all_of_it(_FIRST_WITHOUT_CAMPAIGN)
        reason = _NEW_ROWS if any(new_rows.values()) else _PEOPLE_CHANGED
        return Plan(INCREMENTAL, reason, new_rows, marks, new=new, people=people, all_sends=state.all_sends)

    def _any_without_campaign(self, new: Relations) -> bool:
        """Whether an activity without a campaign is among the new ones. To place it takes all sends of its person."""
        for rows in event_rows(new, self._engine, self._rules):
            ids = [plain(rows, name).is_not(None) for name in detection.PAIR]
            found = rows.where(plain(rows, "campaign_id").is_(None), *ids).limit(1)
            if rows_of(self._connection, self._engine, found):
                return True
        return False

    def _read_again(self, state: State) -> dict[str, ColumnElement[Any]]:
        """The conditions for the rows that may be read as new, by the loader's table; of other tables it is all."""
        conditions = {}
        for name, rows in detection.log_tables(self._raw).items():
            since = _since(state, name)
            if since is not None:
                conditions[detection.table_of(rows)] = detection.synced_after(rows, since - OVERLAP, self._engine)
        return conditions

    def _rebuild_is_cheaper(self, new: int, state: State) -> bool:
        """Whether so much is new that computing everything costs less than merging it, by what was measured."""
        read = sum(mark.rows for mark in state.marks.values())
        return new > _MERGED_ANYHOW and new > self._engine.rebuild_share * read

    def _looks(self, state: State) -> dict[str, _Look]:
        """A look at the part of each log table that may be new, which the temporary table `DAYS_NOW` then holds."""
        tables = {}
        found: dict[str, datetime | None] = {}
        for name, rows in detection.log_tables(self._raw).items():
            since = _since(state, name)
            if since is not None:
                rows = rows.where(detection.synced_after(rows, since - OVERLAP, self._engine))
            tables[name] = rows
            if detection.keeps_sync_time(rows):
                newest_now = detection.newest_sync(self._connection, self._engine, rows)
                found[name] = max(filter(None, (since, newest_now)), default=None)
        newest = detection.of_whole_tables(self._raw, found)
        parts = []
        for name, rows in tables.items():
            since, now = _since(state, name), newest[name]
            if now is not None and since is not None:
                rows = rows.where(plain(rows, "loaded_at") <= self._engine.time_literal(detection.up(now)))
            elif now is not None:
                rows = rows.where(detection.read_until(rows, now, self._engine))
            parts.append(detection.fingerprints(name, rows, self._engine, self._rules, now, since))
        together = union_all(*parts).subquery("days")
        table = self._scratch.make(DAYS_NOW, select(*together.c))
        rows_found = rows_of(self._connection, self._engine, select(*(table.c[each] for each in _FOUND_COLUMNS)))
        known = detection.by_table(row[1:] for row in rows_found if row[0])
        unknown = detection.by_table(row[1:] for row in rows_found if not row[0])
        before = self._read_before(recent=True)
        return {
            name: self._look(
                name, state, newest.get(name), before.get(name, {}), known.get(name, {}), unknown.get(name, {})
            )
            for name in detection.log_tables(self._raw)
        }

    def _look(
        self, name: str, state: State, newest: datetime | None, before: Days, known: Days, unknown: Days
    ) -> _Look:
        rows = detection.log_tables(self._raw)[name]
        new = sum(count.rows for count in unknown.values())
        mark = state.marks.get(name, Mark(0, None))
        since = mark.loaded_at
        if not detection.keeps_sync_time(rows):
            changed = [day for day, count in unknown.items() if count != before.get(day, NONE)]
            return _Look(
                Mark(new, None, mark.read_again or any(before.get(day, NONE).rows for day in changed)),
                Extent(by_days=True),
                sum(unknown[day].rows for day in changed),
                detection.lost(before, unknown, 0),
            )
        if since is None:
            return _Look(Mark(new, newest, mark.read_again or mark.rows > 0), Extent(), new, None)
        lost = detection.lost(before, known, new)
        again = sum(count.rows for count in known.values())
        rows_read = mark.rows + new + again - sum(count.rows for count in before.values())
        read = Mark(rows_read, newest, mark.read_again or before != known)
        if before == known:
            return _Look(read, Extent(detection.up(since)), new, lost)
        return _Look(read, Extent(since - OVERLAP), new + again, lost)

    def _kept(self, name: str) -> TableClause:
        return stored(self._fresh.kept(name), self._schema, name)

    def _changed_days(self) -> TableClause:
        """The days of which more rows are there than before, of the tables without sync times."""
        now = stored(DAYS_NOW, None, DAYS).alias("counts")
        before = self._kept(DAYS).alias("stored_days")
        same = (
            (now.c.log_table == before.c.log_table)
            & (now.c.activity_day == before.c.activity_day)
            & (now.c.row_count == before.c.row_count)
        )
        grown = select(now.c.log_table, now.c.activity_day).where(
            ~exists(select(literal(1)).select_from(before).where(same))
        )
        return self._scratch.make(_CHANGED_DAYS, grown, ("activity_day",))

    def people_differ(self, known: TableClause) -> bool:
        """Whether anybody counts as somebody else than `known` says, looked up without a table of its own."""
        now = detection.people_rows(self._raw, self._engine, self._rules).subquery("people_now")
        before = known.alias("people_before")
        same = and_(*(now.c[name] == before.c[name] for name in COLUMNS[PEOPLE]))

        def without(some: Any, others: Any) -> bool:
            missing = (
                select(some.c.person_id).select_from(some.outerjoin(others, same)).where(others.c.person_id.is_(None))
            )
            return bool(rows_of(self._connection, self._engine, missing.limit(1)))

        return without(now, before) or without(before, now)

    def _changed_people(self) -> TableClause | None:
        """Whoever counts as somebody else than at the last refresh, with those they counted and count as."""
        names = COLUMNS[PEOPLE]
        now = stored(PEOPLE_NOW, None, PEOPLE).alias("people_now")
        before = self._kept(PEOPLE).alias("people_before")

        def without(some: Any, others: Any) -> Select:
            same = [some.c[name] == others.c[name] for name in names]
            return select(*(some.c[name] for name in names)).where(
                ~exists(select(literal(1)).select_from(others).where(*same))
            )

        # Step by step: a query on MySQL can name a temporary table once.
        moved = self._scratch.make(_MOVED, without(now, before))
        execute(self._connection, insert_from(self._engine, _MOVED, names, without(before, now)))
        people = self._scratch.make(_CHANGED_PEOPLE, select(moved.c.person_id).distinct(), ("person_id",))
        survivors = select(moved.c.surviving_id).distinct()
        execute(self._connection, insert_from(self._engine, _CHANGED_PEOPLE, ("person_id",), survivors))
        [(count,)] = rows_of(self._connection, self._engine, select(func.count()).select_from(people))
        return people if count else None


def _since(state: State, name: str) -> datetime | None:
    mark = state.marks.get(name)
    return None if mark is None else mark.loaded_at


def _why_full(state: State | None, made_of: dict[str, str], tables: set[str], full: bool) -> str | None:
    """Why everything has to be computed; None if what is new will do."""
    if full:
        return "asked for"
    if state is None:
        return "there are no stored tables yet"
    for name, value in made_of.items():
        if state.made_of.get(name) != value:
            return f"the {name} changed"
    gone = sorted(state.marks.keys() - tables)
    return _LOST["gone"].format(name=gone[0]) if gone else None

"""What a refresh will do: looked up once, printed by a dry run, and carried out by a run.

To look, a connection makes temporary tables of its own, which end with it. Nothing else is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, exists, func, literal, select, union_all
from sqlalchemy.sql.selectable import Select, TableClause

from superset_campaign_plugin.refresh import changes
from superset_campaign_plugin.refresh.changes import Mark
from superset_campaign_plugin.refresh.scratch import Scratch
from superset_campaign_plugin.refresh.session import Session
from superset_campaign_plugin.refresh.state import State, read_state
from superset_campaign_plugin.refresh.statements import execute, insert_from, rows_of
from superset_campaign_plugin.refresh.tables import COLUMNS, DAYS, PEOPLE, stored
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rules import Rules

FULL, INCREMENTAL, UNCHANGED = "full", "incremental", "unchanged"
_NOTHING = "nothing new in the log"
_PEOPLE_CHANGED = "people were merged or deleted since the last refresh"

# The log as this run sees it, in temporary tables.
DAYS_NOW = "campaign_days_now"
PEOPLE_NOW = "campaign_people_now"
_CHANGED_DAYS = "campaign_changed_days"
_MOVED = "campaign_moved_people"
_CHANGED_ROWS = "campaign_changed_rows"
_CHANGED_PEOPLE = "campaign_changed_people"


@dataclass(frozen=True)
class Plan:
    """What a refresh will do.

    `mode` is full, incremental or unchanged, and `reason` says why in words. `new_rows` are the rows of each log table
    that are read as new. `marks` say how far each log table is read by it. An incremental one has the temporary tables
    `changed`, whom each new row tells about, and `people`, who counts as somebody else than before, if anybody does.
    """

    mode: str
    reason: str
    new_rows: dict[str, int]
    marks: dict[str, Mark] = field(default_factory=dict)
    changed: TableClause | None = None
    people: TableClause | None = None


class Planner:
    """Looks at the log and at the stored tables of `schema`."""

    def __init__(
        self, session: Session, raw: Relations, resolved: Relations, rules: Rules, schema: str | None, scratch: Scratch
    ) -> None:
        self._connection = session.connection
        self._engine = session.engine
        self._raw = raw
        self._resolved = resolved
        self._rules = rules
        self._schema = schema
        self._scratch = scratch

    def plan(self, made_of: dict[str, str], full: bool) -> Plan:
        """What a refresh of tables that are `made_of` this will do; with `full` it computes everything anew."""
        state = read_state(self._connection, self._engine, self._schema)
        marks = changes.read_marks(self._connection, self._engine, self._raw, state.marks if state else {})
        reason = _why_full(state, made_of, marks, full)
        if state is None or reason is not None:
            return _all_of_it(reason or "", marks)
        if not self._engine.updates_rows:
            if state.marks != {name: Mark(mark.rows, mark.loaded_at) for name, mark in marks.items()}:
                return _all_of_it(f"{self._engine.name} changes no rows in place", marks)
            if self._people_differ():
                return _all_of_it(_PEOPLE_CHANGED, marks)
            return Plan(UNCHANGED, _NOTHING, dict.fromkeys(marks, 0), marks)
        return self._what_is_new(state, marks)

    def day_counts(self) -> Select:
        """The rows of `campaign_report_days`."""
        counts = changes.day_counts(self._raw, self._engine)
        if counts is None:
            columns = [literal("").label("log_table"), self._engine.now().label("activity_day")]
            return select(*columns, literal(0).label("row_count")).where(literal(1) == literal(0))
        together = counts.subquery("counts")
        return select(*together.c)

    def _what_is_new(self, state: State, marks: dict[str, Mark]) -> Plan:
        for setting in self._engine.refresh_settings:
            execute(self._connection, setting)
        self._scratch.make(DAYS_NOW, self.day_counts())
        self._scratch.make(PEOPLE_NOW, changes.people_rows(self._raw, self._engine, self._rules), ("person_id",))
        changed = self._changed_rows(state, marks)
        new_rows = self._count_by_table(changed)
        people = self._changed_people()
        if any(new_rows.values()):
            reason = "rows came in since the last refresh"
        elif people is not None:
            reason = _PEOPLE_CHANGED
        else:
            return Plan(UNCHANGED, _NOTHING, new_rows, marks)
        return Plan(INCREMENTAL, reason, new_rows, marks, changed, people)

    def _changed_rows(self, state: State, marks: dict[str, Mark]) -> TableClause:
        """Whom each row that is new tells about, in one reading of the log."""
        days = self._changed_days()
        parts = [
            changes.named_pairs(
                name, changes.changed_rows(name, rows, state.marks.get(name), marks[name], self._engine, days)
            )
            for name, rows in changes.log_tables(self._resolved).items()
        ]
        together = union_all(*parts).subquery("changed")
        return self._scratch.make(_CHANGED_ROWS, select(*together.c))

    def _count_by_table(self, changed: TableClause) -> dict[str, int]:
        counts = select(changed.c.log_table, func.count()).group_by(changed.c.log_table)
        found = {name: int(count) for name, count in rows_of(self._connection, self._engine, counts)}
        return {name: found.get(name, 0) for name in changes.log_tables(self._resolved)}

    def _changed_days(self) -> TableClause:
        now = stored(DAYS_NOW, None, DAYS).alias("counts")
        before = stored(DAYS, self._schema).alias("stored_days")
        same = (
            (now.c.log_table == before.c.log_table)
            & (now.c.activity_day == before.c.activity_day)
            & (now.c.row_count == before.c.row_count)
        )
        grown = select(now.c.log_table, now.c.activity_day).where(
            ~exists(select(literal(1)).select_from(before).where(same))
        )
        return self._scratch.make(_CHANGED_DAYS, grown, ("activity_day",))

    def _people_differ(self) -> bool:
        """Whether anybody counts as somebody else than at the last refresh, looked up without a table of its own."""
        now = changes.people_rows(self._raw, self._engine, self._rules).subquery("people_now")
        before = stored(PEOPLE, self._schema).alias("people_before")
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
        before = stored(PEOPLE, self._schema).alias("people_before")

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


def _all_of_it(reason: str, marks: dict[str, Mark]) -> Plan:
    return Plan(FULL, reason, {name: mark.rows for name, mark in marks.items()}, marks)


def _why_full(state: State | None, made_of: dict[str, str], marks: dict[str, Mark], full: bool) -> str | None:
    """Why everything has to be computed; None if what is new will do."""
    if full:
        return "asked for"
    if state is None:
        return "there are no stored tables yet"
    for name, value in made_of.items():
        if state.made_of.get(name) != value:
            return f"the {name} changed"
    for name, mark in state.marks.items():
        if name not in marks or marks[name].rows < mark.rows:
            return f"rows that were {name} are gone from the log"
    return None

"""`refresh`: makes the stored tables, and brings them up to date with what the loader has added since.

The first run, a run after the rules changed, and `full` make all tables beside the old ones and change them over
at the end. Any other run replaces the records of the people and emails that the new rows touch, and the sums of
their campaigns, in one transaction. Either way readers see the old tables until the new ones are complete, and a
run that is killed leaves nothing but the old.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import BigInteger, and_, cast, column, exists, func, inspect, literal, select, table, union_all
from sqlalchemy.sql.selectable import Select, TableClause

from superset_campaign_plugin.advice import of_instance
from superset_campaign_plugin.refresh import change_detection as detection
from superset_campaign_plugin.refresh.change_detection import Mark
from superset_campaign_plugin.refresh.fresh import FRESH_TABLES
from superset_campaign_plugin.refresh.plan import DAYS_NOW, FULL, PEOPLE_NOW, UNCHANGED, Plan, Planner
from superset_campaign_plugin.refresh.scratch import Scratch
from superset_campaign_plugin.refresh.session import LOCK_WAIT, Session, open_session
from superset_campaign_plugin.refresh.state import describe, digest, schema_of, state_rows
from superset_campaign_plugin.refresh.statements import create_as, execute, insert_from, rows_of, table_name
from superset_campaign_plugin.refresh.tables import (
    COLUMNS,
    DAILY,
    DAYS,
    DEFAULT_SCHEMA,
    INDEXES,
    LINKS,
    PEOPLE,
    RECORDS,
    STATE,
    UNDECIDED,
    daily_rows,
    name_rows,
    stored,
    undecided_rows,
)
from superset_campaign_plugin.refresh.views import view_queries
from superset_campaign_plugin.report.datasets import Options
from superset_campaign_plugin.report.figures_change import FiguresChange
from superset_campaign_plugin.report.people import resolve_people
from superset_campaign_plugin.report.records import email_records, link_clicks
from superset_campaign_plugin.report.relations import EventKind, Relations
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.run import check_values_of
from superset_campaign_plugin.report.sqltext import plain_sql
from superset_campaign_plugin.sources import get_layout
from superset_campaign_plugin.sources.catalog import LiveCatalog
from superset_campaign_plugin.sources.instances import read_instances
from superset_campaign_plugin.sources.relations import build_relations

_GROUP = ("campaign_id", "email_id")
_CHANGED_PAIRS = "campaign_changed_pairs"
_CHANGED_GROUPS = "campaign_changed_groups"

_LEFT_OVER = (
    "the loader's file still holds stored tables of an earlier version, which nothing reads any more; "
    "DROP SCHEMA {schema} CASCADE removes them"
)
# What a person who watches is told of each table.
_TITLES = {
    RECORDS: "Email records",
    DAILY: "Daily rollup",
    UNDECIDED: "People without an outcome",
    LINKS: "Links",
    PEOPLE: "People",
    DAYS: "Days",
    STATE: "State",
}

Progress = Callable[[str], None]


@dataclass
class Summary:
    """What a refresh did. `mode` is full, incremental or unchanged; with a dry run, what it would do.

    `new_rows` are the rows of each log table that were read as new, some of them again; `pairs` the (email, person)
    pairs that they touch; `records` and `daily_rows` the sizes of the tables after the run; `notes` what else a person
    should know; `found` what a verification found. `figures_change` is what whoever started the run was told of the
    figures before it, if anything.
    """

    mode: str
    reason: str
    new_rows: dict[str, int] = field(default_factory=dict)
    pairs: int | None = None
    records: int | None = None
    daily_rows: int | None = None
    seconds: float = 0.0
    dry_run: bool = False
    notes: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    figures_change: FiguresChange | None = None

    def as_dict(self) -> dict[str, Any]:
        """The summary for JSON."""
        change = self.figures_change
        return {**asdict(self), "figures_change": None if change is None else change.as_dict()}


def refresh(
    uri: str,
    *,
    source: str = "fivetran",
    schema: str | None = None,
    stored_schema: str = DEFAULT_SCHEMA,
    rules: Rules | None = None,
    stored_file: str | None = None,
    full: bool = False,
    verify: bool = False,
    dry_run: bool = False,
    lock_wait: float = LOCK_WAIT,
    progress: Progress = lambda _: None,
) -> Summary:
    """Make the stored tables of `stored_schema`, or bring them up to date. `progress` is told each step.

    With `full` everything is computed anew. With `verify` it is if anything in the log is not what was read of it, for
    which the whole log is looked at.

    Several Marketo instances are refreshed one after the other, each into a schema of its own. On DuckDB the stored
    tables lie in `stored_file`, by default beside the loader's file. A lock on a table is waited for `lock_wait`
    seconds.

    Raises `RefreshError` where another refresh runs or a lock is not to be had, `SourceError` and `DatabaseError` as
    the report does; then the tables are as they were.
    """
    begun = time.monotonic()
    rules = rules or Rules()
    summaries = {}
    for instance in read_instances(source, schema):
        layout = get_layout(instance.source)
        with open_session(uri, stored_file, write=not dry_run, lock_wait=lock_wait) as session:
            connection, engine = session.connection, session.engine
            target = schema_of(instance, engine, stored_schema)
            progress(f"Reading the log's tables{'' if instance.name is None else f' of {instance.name}'}")
            if rules.time_zone != "UTC":
                engine.check_zone(connection, rules.time_zone)
            catalog = LiveCatalog(connection, engine, instance.schema, session.attached)
            with of_instance(instance.name, source):
                check_values_of(connection, engine, layout, catalog)
                relations = build_relations(layout, catalog, engine)
            run = _Run(session, relations, Options(rules=rules, source_name=instance.name), target, progress)
            summary = summaries[instance.name] = run.go(
                describe(instance, rules), full=full, verify=verify, dry_run=dry_run
            )
            if (
                session.attached
                and LiveCatalog(connection, engine, target, session.attached).columns(STATE) is not None
            ):
                summary.notes.append(_LEFT_OVER.format(schema=target))
    summary = _together(summaries)
    summary.seconds = round(time.monotonic() - begun, 2)
    return summary


def _together(summaries: dict[str | None, Summary]) -> Summary:
    """The summary of all Marketo instances: the largest of what was done, and sums."""
    if len(summaries) == 1:
        return next(iter(summaries.values()))
    modes = [summary.mode for summary in summaries.values()]
    rows: dict[str, int] = {}
    for summary in summaries.values():
        for name, count in summary.new_rows.items():
            rows[name] = rows.get(name, 0) + count

    def total(name: str) -> int | None:
        counts = [getattr(summary, name) for summary in summaries.values()]
        return None if None in counts else sum(counts)

    return Summary(
        mode=next(mode for mode in ("full", "incremental", "unchanged") if mode in modes),
        reason="; ".join(f"{name}: {summary.mode}, {summary.reason}" for name, summary in summaries.items()),
        new_rows=rows,
        pairs=total("pairs"),
        records=total("records"),
        daily_rows=total("daily_rows"),
        dry_run=any(summary.dry_run for summary in summaries.values()),
        notes=[note for summary in summaries.values() for note in summary.notes],
        found=[f"{name}: {each}" for name, summary in summaries.items() for each in summary.found],
    )


class _Run:
    """One refresh on an open connection."""

    def __init__(
        self, session: Session, relations: Relations, options: Options, schema: str | None, progress: Progress
    ) -> None:
        self.connection = connection = session.connection
        self.engine = engine = session.engine
        self.raw = relations
        self.options = options
        self.rules = rules = options.rules
        self.schema = schema
        self.progress = progress
        self.resolved = resolve_people(relations, engine, rules)
        self.scratch = Scratch(connection, engine)
        self.planner = Planner(session, relations, rules, schema, self.scratch)
        self.fresh = FRESH_TABLES[engine.change_over](connection, engine, schema, session.lock_wait)

    def go(self, described: dict[str, str], *, full: bool, verify: bool, dry_run: bool) -> Summary:
        # Every table of the loader and how it is read: a column that came later, another type, another release.
        made_of = {
            **described,
            "loader's tables": digest(
                plain_sql(query, self.engine) for query in self._queries(self._nothing_read()).values()
            ),
        }
        self.progress("Comparing the log with what was read of it" if verify else "Looking for what is new")
        plan = self.planner.plan(made_of, full=full, verify=verify)
        summary = Summary(plan.mode, plan.reason, plan.new_rows, dry_run=dry_run, found=plan.found)
        if dry_run:
            return summary
        now = state_rows(made_of, plan.marks, datetime.now(timezone.utc))
        if plan.mode == FULL:
            self._full(plan, now)
        elif not self.engine.updates_rows:
            self.fresh.change_over({}, self._make_names())
            summary.pairs = 0
        else:
            summary.pairs = self._replace_changed(plan)
            self._replace_state(plan, now)
        summary.records = self._count(RECORDS)
        summary.daily_rows = self._count(DAILY)
        return summary

    # -----------------------------------------------------------------------------------------------------------
    # All of it

    def _full(self, plan: Plan, state: Select) -> None:
        # Who may not make schemas may still fill one: PostgreSQL refuses even IF NOT EXISTS to them.
        if self.schema and self.schema not in inspect(self.connection).get_schema_names():
            execute(
                self.connection,
                f"CREATE SCHEMA IF NOT EXISTS {self.engine.dialect().identifier_preparer.quote(self.schema)}",
            )
        for setting in self.engine.refresh_settings:
            execute(self.connection, setting)
        self.fresh.clear()
        for name, query in self._queries(plan.marks, self.fresh.name(RECORDS)).items():
            self._make(name, query)
        self._make(STATE, state)
        self.progress("Changing over")
        self.fresh.change_over(view_queries(self.engine, self.schema, self.options))

    def _nothing_read(self) -> dict[str, Mark]:
        return dict.fromkeys(detection.log_tables(self.raw), Mark(0, None))

    def _queries(self, marks: dict[str, Mark], records_name: str = RECORDS) -> dict[str, Select]:
        """The rows of all tables but the state, where the log is read up to `marks`; the records are in a table called
        `records_name`.

        In an order in which a loader may write between two statements, where an engine lets it: what the next refresh
        goes by comes first, so that whatever is written later is new to it.
        """
        records = stored(records_name, self.schema, RECORDS).alias("records")
        return {
            DAYS: self.planner.day_rows(marks),
            PEOPLE: detection.people_rows(self.raw, self.engine, self.rules),
            RECORDS: _columns(email_records(self.resolved, self.engine, self.rules), RECORDS),
            DAILY: daily_rows(records, self.engine, self.rules),
            UNDECIDED: undecided_rows(records, self.engine, self.rules),
            LINKS: _columns(link_clicks(self.resolved, self.engine, self.rules, records), LINKS),
            **name_rows(self.raw),
        }

    def _make(self, name: str, query: Select) -> None:
        self.progress(_TITLES.get(name, "Names"))
        execute(self.connection, create_as(self.engine, self._new(name), query))
        self.scratch.analyze(self._new(name))
        if self.engine.keeps_indexes and name in INDEXES:
            # An index keeps its name when its table gets another, so the name must be of this run.
            index = f"{name}_{time.time_ns():x}"
            execute(self.connection, f"CREATE INDEX {index} ON {self._new(name)} ({', '.join(INDEXES[name])})")

    def _make_names(self) -> list[str]:
        """Make the tables of names anew, whose rows change without a trace in the log; gives what they are called."""
        queries = name_rows(self.raw)
        for name, rows in queries.items():
            self._make(name, rows)
        return list(queries)

    # -----------------------------------------------------------------------------------------------------------
    # What is new

    def _replace_changed(self, plan: Plan) -> int:
        """Replace the records of whom the plan's rows and people touch, and their sums; gives how many pairs."""
        if plan.new is None:
            return 0
        pairs = self._find_changed_pairs(plan.new, plan.people)
        self._replace_records(pairs)
        self._replace_sums()
        [(count,)] = rows_of(self.connection, self.engine, _count_of(pairs))
        return int(count)

    def _find_changed_pairs(self, new: Relations, people: TableClause | None) -> TableClause:
        self.progress("Finding whom it touches")
        resolved = resolve_people(new, self.engine, self.rules)
        found = [detection.pairs(rows) for rows in detection.log_tables(resolved).values()]
        # Apart from the rest: who is who is looked up for each.
        everywhere = []
        if people is not None:
            log = detection.log_tables(self.resolved).values()
            everywhere = [detection.pairs(detection.of_people(rows, people)) for rows in log]
            records = stored(RECORDS, self.schema)
            moved = exists(select(literal(1)).select_from(people).where(people.c.person_id == records.c.person_id))
            everywhere.append(select(records.c.email_id, records.c.person_id).where(moved))
        together = detection.all_pairs(found).subquery("pairs")
        pairs = self.scratch.make("campaign_found_pairs", select(*together.c))
        for rows in everywhere:
            execute(self.connection, insert_from(self.engine, pairs.name, detection.PAIR, rows))
        return self.scratch.make(_CHANGED_PAIRS, select(*pairs.c).distinct(), detection.PAIR)

    def _replace_records(self, pairs: TableClause) -> None:
        self.progress("Records of whom it touches")
        old = stored(RECORDS, self.schema)
        emails = detection.few_emails(self.connection, self.engine, pairs)
        touched = exists(select(literal(1)).select_from(pairs).where(*_same(pairs, old, detection.PAIR)))
        touched = and_(detection.only_emails(old.c.email_id, emails), touched)
        affected = detection.of_pairs(self.resolved, pairs, emails)
        fresh_rows = _columns(email_records(affected, self.engine, self.rules), RECORDS)
        fresh = self.scratch.make("campaign_fresh_records", fresh_rows, columns=COLUMNS[RECORDS])
        groups = union_all(
            select(*(old.c[name] for name in _GROUP)).where(touched), select(*(fresh.c[name] for name in _GROUP))
        ).subquery("both")
        self.scratch.make(_CHANGED_GROUPS, select(*groups.c).distinct(), _GROUP)
        self._delete(RECORDS, pairs, detection.PAIR, emails)
        self._insert(RECORDS, select(*(fresh.c[name] for name in COLUMNS[RECORDS])))

    def _replace_sums(self) -> None:
        self.progress("Sums of their campaigns")
        groups = table(_CHANGED_GROUPS, *map(column, _GROUP))
        records = stored(RECORDS, self.schema).alias("records")
        in_groups = exists(select(literal(1)).select_from(groups).where(*_same(groups, records, _GROUP)))
        emails = detection.few_emails(self.connection, self.engine, groups)
        chosen = (
            select(*records.c).where(detection.only_emails(records.c.email_id, emails), in_groups).subquery("chosen")
        )
        self._delete(DAILY, groups, _GROUP)
        self._insert(DAILY, daily_rows(chosen, self.engine, self.rules))
        self._delete(UNDECIDED, groups, _GROUP)
        self._insert(UNDECIDED, undecided_rows(chosen, self.engine, self.rules))
        self._delete(LINKS, groups, _GROUP)
        if EventKind.CLICKED in self.resolved.events:
            clicks = link_clicks(detection.of_emails(self.resolved, groups, emails), self.engine, self.rules, chosen)
            of_groups = exists(select(literal(1)).select_from(groups).where(*_same(groups, clicks, _GROUP)))
            self._insert(LINKS, _columns(clicks, LINKS).where(of_groups))

    def _replace_state(self, plan: Plan, now: Select) -> None:
        self.progress("State")
        # As they were when this run began to look: what a loader has written since is new to the next.
        if plan.mode != UNCHANGED:
            self._replace(PEOPLE, select(*stored(PEOPLE_NOW, None, PEOPLE).c))
            self._replace_days()
        for name, rows in name_rows(self.raw).items():
            self._replace(name, rows)
        self._replace(STATE, now)

    def _replace_days(self) -> None:
        """What this run has looked at takes the place of what was recent; what has grown old since joins the rest."""
        before, now = stored(DAYS, self.schema).alias("before"), stored(DAYS_NOW, None, DAYS).alias("now_read")
        both = union_all(select(*before.c).where(before.c.recent == literal(0)), select(*now.c)).subquery("both")
        key = [both.c[name] for name in ("log_table", "activity_day", "recent")]
        sums = [cast(func.sum(both.c[name]), BigInteger).label(name) for name in ("row_count", "key_sum")]
        newest = func.max(both.c.synced_at).label("synced_at")
        days = self.scratch.make("campaign_days_together", select(*key, *sums, newest).group_by(*key))
        self._replace(DAYS, select(*days.c))

    def _replace(self, name: str, query: Select) -> None:
        execute(self.connection, f"DELETE FROM {self._name(name)}")
        self._insert(name, query)

    def _delete(self, name: str, wanted: TableClause, names: tuple[str, ...], emails: Sequence[int] = ()) -> None:
        same = " AND ".join(f"{wanted.name}.{own} = {self._name(name)}.{own}" for own in names)
        condition = f"EXISTS (SELECT 1 FROM {wanted.name} WHERE {same})"
        if emails:
            condition = f"email_id IN ({', '.join(map(str, emails))}) AND {condition}"
        execute(self.connection, f"DELETE FROM {self._name(name)} WHERE {condition}")

    def _insert(self, name: str, query: Select) -> None:
        execute(self.connection, insert_from(self.engine, self._name(name), COLUMNS[name], query))

    def _count(self, name: str) -> int:
        [(count,)] = rows_of(self.connection, self.engine, _count_of(stored(name, self.schema)))
        return int(count)

    def _name(self, name: str) -> str:
        return table_name(self.engine, name, self.schema)

    def _new(self, name: str) -> str:
        return self._name(self.fresh.name(name))


def _columns(query: Any, name: str) -> Select:
    return select(*(query.c[own] for own in COLUMNS[name]))


def _same(some: Any, others: Any, names: tuple[str, ...]) -> list[Any]:
    return [some.c[name] == others.c[name] for name in names]


def _count_of(rows: Any) -> Select:
    return select(func.count()).select_from(rows)

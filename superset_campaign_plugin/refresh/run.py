"""`refresh`: makes the stored tables, and brings them up to date with what the loader has added since.

The first run, a run after the rules changed, and `full` make all tables beside the old ones and change them over
at the end. Any other run merges the new rows into the stored tables, in one transaction (`merging.py`). Either way
readers see the old tables until the new ones are complete, and a run that is killed leaves nothing but the old.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, and_, cast, func, inspect, literal, not_, select, union, union_all
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select, TableClause

from superset_campaign_plugin.advice import of_instance
from superset_campaign_plugin.errors import SourceError
from superset_campaign_plugin.refresh import change_detection as detection
from superset_campaign_plugin.refresh import gathered
from superset_campaign_plugin.refresh.change_detection import Mark
from superset_campaign_plugin.refresh.fresh import FRESH_TABLES
from superset_campaign_plugin.refresh.merging import Merger
from superset_campaign_plugin.refresh.plan import DAYS_NOW, FULL, PEOPLE_NOW, UNCHANGED, Plan, Planner
from superset_campaign_plugin.refresh.scratch import Scratch
from superset_campaign_plugin.refresh.session import LOCK_WAIT, Session, open_session
from superset_campaign_plugin.refresh.state import describe, digest, schema_of, state_rows
from superset_campaign_plugin.refresh.statements import (
    create_as,
    execute,
    insert_from,
    print_only,
    replace_rows,
    rows_of,
    table_name,
)
from superset_campaign_plugin.refresh.tables import (
    BOUNCES,
    CLICKS,
    COLUMNS,
    DAILY,
    DAYS,
    DEFAULT_SCHEMA,
    DOMAINS,
    GATHERED,
    INDEXES,
    LINKS,
    NAMED,
    PEOPLE,
    RECORDS,
    SENDS,
    STATE,
    TIMING,
    UNDECIDED,
    UNPLACED,
    VARIANTS,
    daily_rows,
    name_rows,
    stored,
    undecided_rows,
)
from superset_campaign_plugin.refresh.views import view_queries
from superset_campaign_plugin.report.datasets import Options
from superset_campaign_plugin.report.deliverability import bounce_rows, domain_rows
from superset_campaign_plugin.report.figures_change import FiguresChange
from superset_campaign_plugin.report.links import link_clicks
from superset_campaign_plugin.report.missing import missing_in_words
from superset_campaign_plugin.report.people import resolve_people
from superset_campaign_plugin.report.records import RECORD_KEY, Part, email_records
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.sqltext import plain_sql
from superset_campaign_plugin.report.steps import plain
from superset_campaign_plugin.report.timing import timing_rows
from superset_campaign_plugin.sources.catalog import LiveCatalog
from superset_campaign_plugin.sources.names import with_names_of_the_log
from superset_campaign_plugin.sources.resolved import Log, resolve

_LEFT_OVER = (
    "the loader's file still holds stored tables of an earlier version, which nothing reads any more; "
    "DROP SCHEMA {schema} CASCADE removes them"
)
_TABLES_OF_THE_LOADER = "loader's tables"
# Each part reads the keys of the whole log, so many small ones would cost more than the memory that they save.
_MOST_PARTS = 8
# What a person who watches is told of each table.
_TITLES = {
    RECORDS: "Email records",
    DAILY: "Daily rollup",
    UNDECIDED: "People without an outcome",
    LINKS: "Links",
    TIMING: "Timing",
    VARIANTS: "Variants",
    PEOPLE: "People",
    DAYS: "Days",
    DOMAINS: "Domains",
    BOUNCES: "Bounces",
    STATE: "State",
    GATHERED: "Activities without a send",
    UNPLACED: "Activities without a campaign",
    SENDS: "Sends",
    CLICKS: "Clicks",
    NAMED: "Names in the log",
}

Progress = Callable[[str], None]


@dataclass
class Summary:
    """What a refresh did. `mode` is full, incremental or unchanged; with a dry run, what it would do.

    `new_rows` are the rows of each log table that were read as new, some of them again; `pairs` the (email, person)
    pairs that they touch; `records` and `daily_rows` the sizes of the tables after the run; `notes` what else a person
    should know; `found` what a verification found; `statements` those that were to be printed. `figures_change` is what
    whoever started the run was told of the figures before it, if anything.
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
    statements: list[str] = field(default_factory=list)
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
    sql: bool = False,
    lock_wait: float = LOCK_WAIT,
    progress: Progress = lambda _: None,
) -> Summary:
    """Make the stored tables of `stored_schema`, or bring them up to date. `progress` is told each step.

    With `full` everything is computed anew. With `verify` it is if anything in the log is not what was read of it, for
    which the whole log is looked at. With `sql` nothing is written, and the summary holds every statement; those that
    only look are run.

    Several Marketo instances are refreshed one after the other, each into a schema of its own. On DuckDB the stored
    tables lie in `stored_file`, by default beside the loader's file. A lock on a table is waited for `lock_wait`
    seconds.

    Raises `RefreshError` where another refresh runs or a lock is not to be had, `SourceError` and `DatabaseError` as
    the report does; then the tables are as they were.
    """
    begun = time.monotonic()
    rules = rules or Rules()
    summaries = {}
    for instance, layout in resolve(source, schema).layouts:
        with open_session(uri, stored_file, write=not (dry_run or sql), lock_wait=lock_wait) as session:
            connection, engine = session.connection, session.engine
            target = schema_of(instance, engine, stored_schema)
            progress(f"Reading the log's tables{'' if instance.name is None else f' of {instance.name}'}")
            if rules.time_zone != "UTC":
                engine.check_zone(connection, rules.time_zone)
            catalog = LiveCatalog(connection, engine, instance.schema, session.attached)
            log = Log(source, instance, layout, catalog, engine)
            with of_instance(instance.name, source):
                try:
                    relations = log.relations()
                except SourceError:
                    # Of a column whose type cannot be right, the error that has an example says more.
                    log.check_values(connection)
                    raise
                missing = missing_in_words(relations.absent)
                options = Options(rules=rules, source_name=instance.name, missing=missing)
                printed = print_only(connection) if sql else None
                check = partial(log.check_values, connection)
                run = _Run(session, relations, options, target, progress, check)
                summary = summaries[instance.name] = run.go(
                    describe(instance, rules), full=full, verify=verify, dry_run=dry_run, sql=sql
                )
                summary.statements = printed.statements if printed else []
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
        statements=[each for summary in summaries.values() for each in summary.statements],
        found=[f"{name}: {each}" for name, summary in summaries.items() for each in summary.found],
    )


class _Run:
    """One refresh on an open connection."""

    def __init__(
        self,
        session: Session,
        relations: Relations,
        options: Options,
        schema: str | None,
        progress: Progress,
        check: Callable[[Mapping[str, ColumnElement[Any]]], None],
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
        self.fresh = FRESH_TABLES[engine.change_over](connection, engine, schema, session.lock_wait)
        self.planner = Planner(session, relations, rules, schema, self.scratch, check, self.fresh)

    def go(self, described: dict[str, str], *, full: bool, verify: bool, dry_run: bool, sql: bool) -> Summary:
        # Every table of the loader and how it is read: a column that came later, another type, another release.
        made_of = {
            **described,
            _TABLES_OF_THE_LOADER: digest(
                plain_sql(query, self.engine) for query in self._queries(self._nothing_read()).values()
            ),
        }
        self.progress("Comparing the log with what was read of it" if verify else "Looking for what is new")
        plan = self.planner.plan(made_of, full=full, verify=verify)
        summary = Summary(plan.mode, plan.reason, plan.new_rows, dry_run=dry_run or sql, found=plan.found)
        if dry_run and not sql:
            return summary
        if plan.mode == FULL:
            self._full(plan, made_of)
        else:
            summary.pairs = 0 if plan.new is None else self._merge(plan.new, plan)
            self._finish_merge(plan, made_of)
        if not sql:
            summary.records, summary.daily_rows = self._count_stored()
        return summary

    # -----------------------------------------------------------------------------------------------------------
    # All of it

    def _full(self, plan: Plan, made_of: dict[str, str]) -> None:
        # Who may not make schemas may still fill one: PostgreSQL refuses even IF NOT EXISTS to them.
        if self.schema and self.schema not in inspect(self.connection).get_schema_names():
            execute(
                self.connection,
                self.engine.create_schema.format(self.engine.dialect().identifier_preparer.quote(self.schema)),
            )
        for setting in self.engine.refresh_settings:
            execute(self.connection, setting)
        self.fresh.clear()
        all_sends = False
        parts = self._parts(sum(plan.new_rows.values()))
        for name, query in self._queries(plan.marks, self.fresh.name).items():
            queries = [self._records(part) for part in parts] if name == RECORDS and parts else [query]
            self._make(name, *queries)
            if name == UNPLACED:
                all_sends = self._keep_gathered()
        if self.engine.change_over == "rename" and self.planner.people_differ(
            stored(self.fresh.name(PEOPLE), self.schema, PEOPLE)
        ):
            # Where each statement sees the log of its own moment, some may have seen a merge of people, and others not.
            made_of = {**made_of, _TABLES_OF_THE_LOADER: "people were merged meanwhile"}
        self._make(STATE, state_rows(made_of, plan.marks, datetime.now(timezone.utc), all_sends, self.fresh.run))
        self.progress("Changing over")
        self.fresh.change_over(view_queries(self.engine, self.schema, self.options))

    def _nothing_read(self) -> dict[str, Mark]:
        return dict.fromkeys(detection.log_tables(self.raw), Mark(0, None))

    def _queries(self, marks: dict[str, Mark], name: Callable[[str], str] = str) -> dict[str, Select]:
        """The rows of all tables but the state and what `_keep_gathered` makes, where the log is read up to `marks`.
        `name` tells what the tables are called that others are made of.

        In an order in which a loader may write between two statements, where an engine lets it: what the next refresh
        goes by comes first, so that whatever is written later is new to it.
        """
        merges = self.engine.merges
        records = stored(name(RECORDS), self.schema, RECORDS).alias("records")
        queries = {
            DAYS: self.planner.day_rows(marks),
            PEOPLE: detection.people_rows(self.raw, self.engine, self.rules),
        }
        if merges:
            queries[NAMED] = gathered.sent_names(self.raw, self.engine)
        queries[RECORDS] = self._records()
        if merges:
            queries[UNPLACED] = gathered.all_unplaced(self.raw, self.engine, self.rules)
        links = (
            gathered.links_of(stored(name(CLICKS), self.schema, CLICKS), self.engine, self.rules)
            if merges
            else _columns(link_clicks(self.resolved, self.engine, self.rules, records), LINKS)
        )
        return {
            **queries,
            DAILY: daily_rows(records, self.engine, self.rules),
            UNDECIDED: undecided_rows(records, self.engine, self.rules),
            LINKS: links,
            TIMING: timing_rows(records, self.engine, self.rules),
            VARIANTS: gathered.variants_of(self.raw, self.engine),
            **self._name_rows(name(NAMED)),
            **self._bounce_rows(),
        }

    def _records(self, part: Part | None = None) -> Select:
        """The rows of the records, or of the people of a part."""
        rows = email_records(
            self.resolved, self.engine, self.rules, timed=True, without_send=self.engine.merges, part=part
        )
        return _columns(rows, RECORDS)

    def _parts(self, activities: int) -> list[Part]:
        """The parts of the people whose records are made at once; none where all records of so many activities are."""
        if self.engine.rows_at_once is None or activities <= self.engine.rows_at_once:
            return []
        count = min(_MOST_PARTS, -(-activities // self.engine.rows_at_once))
        return [Part(number, count) for number in range(count)]

    def _name_rows(self, named: str) -> dict[str, Select]:
        """The rows of names and domains, which every refresh makes anew; `named` is what the sends call the emails."""
        emails = self.raw.emails
        if self.engine.merges and "email_name" in self.raw.sends.selected_columns:
            names = gathered.as_sends(stored(named, self.schema, NAMED).alias("sent_names"))
            emails = with_names_of_the_log(self.raw.email_assets, names)
        return {**name_rows(self.raw, emails), DOMAINS: domain_rows(self.raw, self.engine, self.rules)}

    def _bounce_rows(self) -> dict[str, Select]:
        return {BOUNCES: bounce_rows(self.resolved, self.engine, self.rules)}

    def _keep_gathered(self) -> bool:
        """Make the tables that later rows are merged into, from records that hold activities without a send, too.

        Gives whether all sends are kept, as activities without a campaign need.
        """
        self.progress("What later rows are merged into")
        new = self.fresh.name
        records, unplaced, people = (stored(new(name), self.schema, name) for name in (RECORDS, UNPLACED, PEOPLE))
        involved = self.scratch.make(
            "campaign_involved",
            _both(people.c.person_id, people.c.surviving_id),
            ("person_id",),
        )
        all_sends = bool(self._count(unplaced))
        apart = [gathered.same_pair(unplaced, records), gathered.matches(involved, person_id=records.c.person_id)]
        waiting = select(*records.c).where(records.c.sent_at.is_(None), *map(not_, apart))
        self._create(GATHERED, waiting)
        if self._count(involved):
            self._gather(lambda rows: gathered.matches(involved, person_id=plain(rows, "person_id")))
        if all_sends:
            self._gather(
                lambda rows: and_(
                    gathered.matches(unplaced, **{name: plain(rows, name) for name in gathered.PAIR}),
                    not_(gathered.matches(involved, person_id=plain(rows, "person_id"))),
                )
            )
        self._finish(GATHERED)
        execute(self.connection, f"DELETE FROM {self._new(RECORDS)} WHERE sent_at IS NULL")
        sends = gathered.empty(SENDS, self.engine)
        if all_sends:
            several = self.scratch.make("campaign_sent_again", gathered.sent_again(self.raw), RECORD_KEY)
            sends = gathered.further_sends(self.raw, several)
        self._make(SENDS, sends)
        self._make(CLICKS, self._all_clicks(people, unplaced if all_sends else None, records))
        return all_sends

    def _gather(self, wanted: Callable[[Select], Any]) -> None:
        """Add the rows of the log that are `wanted` to what is gathered, under the people that it has."""
        log = replace(
            self.raw,
            sends=self.raw.sends.where(wanted(self.raw.sends)),
            events={
                kind: rows.where(wanted(rows), plain(rows, "campaign_id").is_not(None))
                for kind, rows in self.raw.events.items()
            },
        )
        rows = email_records(log, self.engine, self.rules, timed=True, without_send=True)
        target = self._new(GATHERED)
        execute(self.connection, insert_from(self.engine, target, COLUMNS[GATHERED], _columns(rows, GATHERED)))

    def _all_clicks(self, people: TableClause, unplaced: TableClause | None, records: TableClause) -> Select:
        clicks = self.scratch.make(
            "campaign_all_clicks", gathered.click_rows(self.raw, self.engine, self.rules), gathered.PAIR
        )
        who = gathered.Who()
        if self._count(people):
            moved = select(people.c.person_id, people.c.surviving_id).where(people.c.left_out == literal(0))
            who = gathered.Who(self.scratch.make("campaign_all_moved", moved, ("person_id",)))
        placed = None
        if unplaced is not None:
            joined, person = who.effective(unplaced)
            key = [unplaced.c.email_id, person.label("person_id"), unplaced.c.activity_at]
            moments = self.scratch.make(
                "campaign_all_moments",
                select(*key, *gathered.merged_flags(unplaced))
                .select_from(joined)
                .group_by(unplaced.c.email_id, person, unplaced.c.activity_at),
                gathered.PAIR,
                COLUMNS[UNPLACED],
            )
            sends = gathered.send_rows(self.resolved).subquery("sends")
            of_moments = select(*(sends.c[name] for name in gathered.SEND)).where(gathered.same_pair(moments, sends))
            all_sends = self.scratch.make("campaign_sends_of_moments", of_moments.distinct(), gathered.PAIR)
            placed = self.scratch.make("campaign_all_placed", gathered.places(moments, all_sends), gathered.PAIR)
        return gathered.placed_clicks(clicks, who, placed, records)

    def _make(self, name: str, query: Select, *more: Select) -> None:
        """Make a table with the rows of the query, and of `more`."""
        self._create(name, query)
        for each in more:
            execute(self.connection, insert_from(self.engine, self._new(name), COLUMNS[name], each))
        self._finish(name)

    def _create(self, name: str, query: Select) -> None:
        self.progress(_TITLES.get(name, "Names"))
        execute(self.connection, create_as(self.engine, self._new(name), query))

    def _finish(self, name: str) -> None:
        self.scratch.analyze(self._new(name))
        if self.engine.keeps_indexes and name in INDEXES:
            # An index keeps its name when its table gets another, so the name must be of this run.
            index = f"{name}_{time.time_ns():x}"
            execute(self.connection, f"CREATE INDEX {index} ON {self._new(name)} ({', '.join(INDEXES[name])})")

    # -----------------------------------------------------------------------------------------------------------
    # What is new

    def _merge(self, new: Relations, plan: Plan) -> int:
        """Merge what is new; gives how many (email, person) pairs it touches."""
        called = self.fresh.merged
        self.fresh.prepare_merge()
        merger = Merger(self.connection, self.engine, self.schema, self.rules, self.scratch, self.progress, called)
        pairs = merger.merge(new, plan.people, plan.all_sends)
        # As they were when this run began to look: what a loader has written since is new to the next.
        self._replace(PEOPLE, select(*stored(PEOPLE_NOW, None, PEOPLE).c))
        self._replace_days()
        return pairs

    def _finish_merge(self, plan: Plan, made_of: dict[str, str]) -> None:
        """Renew the names, whose rows change without a trace, the bounces if any can be new, and the state."""
        self.progress("State")
        merged = plan.mode != UNCHANGED
        names = self._name_rows(self.fresh.merged(NAMED) if merged else self.fresh.kept(NAMED))
        self.fresh.finish(
            {**names, **(self._bounce_rows() if merged else {})},
            partial(state_rows, made_of, plan.marks, datetime.now(timezone.utc), plan.all_sends),
            merged,
        )

    def _replace_days(self) -> None:
        """What this run has looked at takes the place of what was recent; what has grown old since joins the rest."""
        before = stored(self.fresh.merged(DAYS), self.schema, DAYS).alias("before")
        now = stored(DAYS_NOW, None, DAYS).alias("now_read")
        both = union_all(select(*before.c).where(before.c.recent == literal(0)), select(*now.c)).subquery("both")
        key = [both.c[name] for name in ("log_table", "activity_day", "recent")]
        sums = [cast(func.sum(both.c[name]), BigInteger).label(name) for name in ("row_count", "key_sum")]
        newest = func.max(both.c.synced_at).label("synced_at")
        days = self.scratch.make("campaign_days_together", select(*key, *sums, newest).group_by(*key))
        self._replace(DAYS, select(*days.c))

    def _replace(self, name: str, query: Select) -> None:
        replace_rows(self.connection, self.engine, self._name(self.fresh.merged(name)), COLUMNS[name], query)

    def _count(self, rows: TableClause) -> int:
        [(count,)] = rows_of(self.connection, self.engine, select(func.count()).select_from(rows))
        return int(count)

    def _count_stored(self) -> tuple[int, int]:
        """How many records are stored, and how many daily rows, which the records are counted by."""
        daily = stored(DAILY, self.schema)
        counts = select(func.coalesce(func.sum(daily.c.sent_count), literal(0)), func.count()).select_from(daily)
        [(records, days)] = rows_of(self.connection, self.engine, counts)
        return int(records), int(days)

    def _name(self, name: str) -> str:
        return table_name(self.engine, name, self.schema)

    def _new(self, name: str) -> str:
        return self._name(self.fresh.name(name))


def _columns(query: Any, name: str) -> Select:
    return select(*(query.c[own] for own in COLUMNS[name]))


def _both(one: Any, other: Any) -> Select:
    """The people of two columns, each once."""
    both = union(select(one.label("person_id")), select(other.label("person_id"))).subquery("both")
    return select(*both.c)

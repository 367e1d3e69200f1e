"""What a log holds that the report leaves out, or that makes its figures look odd: the findings of `doctor`.

`quality_findings` gives one row a finding, the columns of the dataset `campaign_email_quality`:

    place       the check's place in CHECKS, from 1
    severity    problem, notice or fine
    finding     what was looked for
    about       what it was looked for in: a kind of activity, an age, a table
    found       how many
    first_at    the earliest and the latest activity of these (UTC), where they have a time
    last_at
    advice      what it means for the figures, and what to do

Each check has its query here, a function marked with `@_finds`; `checks.py` has their words and limits. The figures of
the report rest on none of this; both read the same steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, and_, case, cast, func, literal, not_, null, or_, select, true, union_all
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, CompoundSelect, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.activity_kinds import EventKind, Status
from superset_campaign_plugin.report.checks import (
    ABSENT_COLUMN,
    ABSENT_TABLE,
    BEFORE,
    BEFORE_FIRST_DELIVERY,
    BEFORE_FIRST_SEND,
    CHECKS,
    DELETIONS,
    GAP_DAYS,
    GAPS,
    HARMLESS,
    INCOMPLETE,
    KEPT_DAYS,
    LONG_BEFORE,
    MANY_ORPHANS,
    MANY_WITHOUT_OUTCOME,
    MERGES,
    NAMELESS_CAMPAIGNS,
    NAMELESS_EMAILS,
    NO_OUTCOME,
    NOTHING,
    ORPHANS,
    REPEATED,
    ROWS,
    SENDS_WITHOUT_CAMPAIGN,
    SOME_ORPHANS,
    SPELLINGS,
    STALE,
    SYNCED,
    UNNAMED,
    UNREADABLE,
    UNSENT,
    WITHOUT_CAMPAIGN,
    YOUNG,
    Check,
    advice_of,
    effect_of,
    effect_of_unreadable,
)
from superset_campaign_plugin.report.people import resolve_people
from superset_campaign_plugin.report.records import (
    PENDING_DAYS,
    RECORD_KEY,
    counted_sends,
    email_records,
    latest_sends,
    record_status,
)
from superset_campaign_plugin.report.relations import (
    UNKNOWN_CAMPAIGN,
    Absent,
    Relations,
    Spellings,
    Unreadable,
)
from superset_campaign_plugin.report.rollup import total
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.steps import comment, only, plain, step

MAX_EXAMPLE = 60  # characters


@dataclass(frozen=True)
class _Read:
    """The log as the queries of the checks read it. `clock` is the time by which things are late or old.

    `totals` has a row for each kind of activity, `events` as well, with the faults beside their sends; None where the
    log has sends alone. `status` are the email records.
    """

    relations: Relations
    engine: Engine
    rules: Rules
    clock: ColumnElement[Any]
    checks: CTE
    log: CTE
    totals: CTE
    events: CTE | None
    status: CTE


_Query = Callable[[_Read], Iterable[Select]]
# Of each query the checks that it is of, in the order of the SQL.
QUERIES: list[tuple[tuple[Check, ...], _Query]] = []


def _finds(*checks: Check) -> Callable[[_Query], _Query]:
    """Marks the query of the checks. It gives no query where the log has nothing to look at."""

    def mark(query: _Query) -> _Query:
        QUERIES.append((checks, query))
        return query

    return mark


def quality_findings(
    relations: Relations, engine: Engine, rules: Rules, as_of: datetime | None, source_name: str | None = None
) -> Select:
    """The findings; the module's docstring gives their columns. `as_of` (UTC) is the clock, None is now.

    Where the report covers several Marketo instances, `source_name` is the one that they are about.
    """
    read = _read(relations, engine, rules, as_of)
    found = [query for _, finding in QUERIES for query in finding(read)]
    results = step("results", "What was found, by check", union_all(*found).subquery("found_rows").select())
    checks = read.checks
    any_found = results.c.found > literal(0)
    about = results.c.about if source_name is None else literal(f"{source_name}: ").concat(results.c.about)
    return comment(
        select(
            checks.c.place,
            case((any_found, func.coalesce(results.c.severity, checks.c.severity)), else_=literal("fine")).label(
                "severity"
            ),
            checks.c.finding,
            about.label("about"),
            *(results.c[name] for name in ("found", "first_at", "last_at")),
            case((any_found, func.coalesce(results.c.advice, checks.c.advice)), else_=literal(NOTHING)).label("advice"),
        ).join_from(results, checks, results.c.place == checks.c.place),
        "What the report leaves out or cannot know",
    )


def _read(relations: Relations, engine: Engine, rules: Rules, as_of: datetime | None) -> _Read:
    people = resolve_people(relations, engine, rules)
    log = _log(relations)
    sends = counted_sends(people)
    return _Read(
        relations,
        engine,
        rules,
        clock=engine.now() if as_of is None else engine.time_literal(as_of),
        checks=_checks(rules),
        log=log,
        totals=_totals(log),
        events=_events_with_sends(people, sends, _records(sends), engine),
        status=record_status(email_records(people, engine, rules, sends), engine, as_of),
    )


def _checks(rules: Rules) -> CTE:
    rows = [
        select(
            literal(place).label("place"),
            literal(check.severity).label("severity"),
            literal(check.finding).label("finding"),
            literal(advice_of(check, rules)).label("advice"),
        )
        for place, check in enumerate(CHECKS, start=1)
    ]
    rows[0] = comment(rows[0], "What is looked for")
    return union_all(*rows).cte("checks")


def _place(check: Check) -> ColumnElement[Any]:
    return literal(CHECKS.index(check) + 1)


_TEXT = cast(null(), String)


def _finding(
    place: ColumnElement[Any],
    about: ColumnElement[Any],
    found: ColumnElement[Any],
    first_at: Any,
    last_at: Any,
    *,
    severity: ColumnElement[Any] = _TEXT,
    advice: ColumnElement[Any] = _TEXT,
) -> Select:
    """One row a finding; a severity or an advice takes the place of the check's own."""
    return select(
        place.label("place"),
        about.label("about"),
        found.label("found"),
        first_at.label("first_at"),
        last_at.label("last_at"),
        severity.label("severity"),
        advice.label("advice"),
    )


def _log(relations: Relations) -> CTE:
    rows = {EventKind.SENT: relations.sends, **relations.events}
    return step(
        "email_log",
        "Every row of the log that the report reads",
        _with_kinds(rows, "activity_id").subquery("log_rows").select(),
    )


def _with_kinds(rows: Mapping[EventKind, Select], *more: str) -> CompoundSelect:
    branches = []
    for kind, query in rows.items():
        columns = [query.selected_columns[name] for name in (*RECORD_KEY, "activity_at", *more)]
        branches.append(query.with_only_columns(literal(kind.value).label("kind"), *columns))
    return union_all(*branches)


def _totals(log: CTE) -> CTE:
    def times(condition: ColumnElement[Any]) -> ColumnElement[Any]:
        return case((condition, 1), else_=0)

    unknown = literal(UNKNOWN_CAMPAIGN)
    return step(
        "log_totals",
        "One row for each kind of activity",
        select(
            log.c.kind,
            func.count().label("row_count"),
            total(times(or_(log.c.email_id.is_(None), log.c.person_id.is_(None))), "incomplete_count"),
            total(times(func.coalesce(log.c.campaign_id, unknown) == unknown), "no_campaign_count"),
            (func.count(log.c.activity_id) - func.count(func.distinct(log.c.activity_id))).label("repeated_count"),
            func.min(log.c.activity_at).label("first_at"),
            func.max(log.c.activity_at).label("last_at"),
        ).group_by(log.c.kind),
    )


def _records(sends: CTE) -> CTE:
    key = [sends.c[name] for name in RECORD_KEY]
    return step(
        "sent_records",
        "When each email record was sent",
        select(*key, func.min(sends.c.activity_at).label("sent_at")).group_by(*key),
    )


def _events_with_sends(relations: Relations, sends: CTE, records: CTE, engine: Engine) -> CTE | None:
    """One row for each kind of event: how many there are, and how many of these have which fault, with their times."""
    if not relations.events:
        return None
    rows = _with_kinds(relations.events).subquery("rows_of_events")
    complete = and_(rows.c.email_id.is_not(None), rows.c.person_id.is_not(None))
    events = step("complete_events", "What happened to the emails, and to whom", select(rows).where(complete))
    latest = latest_sends(events, sends, "complete_event")
    same_moment = and_(*(events.c[name] == latest.c[name] for name in ("email_id", "person_id", "activity_at")))
    placed = step(
        "placed_events",
        "Every event with its campaign, as far as one is known",
        select(
            events.c.kind,
            func.coalesce(events.c.campaign_id, latest.c.campaign_id).label("campaign_id"),
            events.c.email_id,
            events.c.person_id,
            events.c.activity_at,
        ).join_from(events, latest, same_moment, isouter=True),
    )
    same_record = and_(*(placed.c[name] == records.c[name] for name in RECORD_KEY))
    at, sent_at = placed.c.activity_at, records.c.sent_at
    a_day_before = engine.days_before(sent_at, 1)
    faults = {
        "orphan": sent_at.is_(None),
        "long_before": at < a_day_before,
        "before": and_(at >= a_day_before, at < sent_at),
    }
    columns: list[ColumnElement[Any]] = []
    for name, fault in faults.items():
        columns += [
            total(case((fault, 1), else_=0), f"{name}_count"),
            func.min(case((fault, at))).label(f"{name}_first_at"),
            func.max(case((fault, at))).label(f"{name}_last_at"),
        ]
    return step(
        "events_with_sends",
        "Events beside the sends that they belong to",
        select(placed.c.kind, func.count().label("event_count"), *columns)
        .join_from(placed, records, same_record, isouter=True)
        .group_by(placed.c.kind),
    )


@_finds(ROWS, INCOMPLETE, WITHOUT_CAMPAIGN, REPEATED)
def _of_totals(read: _Read) -> Iterator[Select]:
    """The times are those of the kind's first and last row: which rows are meant is not kept apart."""
    totals, checks = read.totals, read.checks
    counts = {
        ROWS: totals.c.row_count,
        INCOMPLETE: totals.c.incomplete_count,
        WITHOUT_CAMPAIGN: totals.c.no_campaign_count,
        REPEATED: totals.c.repeated_count,
    }
    mine = checks.c.place.in_([CHECKS.index(check) + 1 for check in counts])
    found = case(*((checks.c.place == _place(check), count) for check, count in counts.items()))
    unknown = and_(checks.c.place == _place(WITHOUT_CAMPAIGN), totals.c.kind == literal(EventKind.SENT.value))
    yield _finding(
        *(checks.c.place, totals.c.kind, found, totals.c.first_at, totals.c.last_at),
        severity=case((unknown, literal("notice"))),
        advice=case((unknown, literal(SENDS_WITHOUT_CAMPAIGN))),
    ).join_from(totals, checks, mine)


@_finds(STALE)
def _stale(read: _Read) -> Iterator[Select]:
    newest = func.max(read.totals.c.last_at)
    stands_still = case((newest <= read.engine.days_before(read.clock, PENDING_DAYS), 1), else_=0)
    yield _finding(_place(STALE), literal("all activities"), stands_still, newest, newest)


@_finds(GAPS)
def _gaps(read: _Read) -> Iterator[Select]:
    day = read.engine.day(read.log.c.activity_at)
    days = step("log_days", "Days on which anything happened", select(day.label("day")).distinct())
    # Not LAG, which an engine here spells otherwise.
    previous = func.max(days.c.day).over(order_by=days.c.day, rows=(None, -1))
    beside = select(days.c.day, previous.label("previous_day")).subquery("neighbours")
    yield _finding(_place(GAPS), literal("all activities"), literal(1), beside.c.previous_day, beside.c.day).where(
        beside.c.previous_day < read.engine.days_before(beside.c.day, GAP_DAYS)
    )


def _share(part: ColumnElement[Any], whole: ColumnElement[Any], percent: int) -> ColumnElement[Any]:
    """Whether the part is more than so many in a hundred of the whole."""
    return part * literal(100) > whole * literal(percent)


@_finds(NO_OUTCOME)
def _no_outcome(read: _Read) -> Iterator[Select]:
    status, clock, engine = read.status, read.clock, read.engine
    at = status.c.sent_at
    age = case(
        (at > engine.days_before(clock, PENDING_DAYS), literal(YOUNG)),
        (at > engine.days_before(clock, 30), literal("3 to 30 days old")),
        (at > engine.days_before(clock, KEPT_DAYS), literal(f"30 to {KEPT_DAYS} days old")),
        else_=literal(f"more than {KEPT_DAYS} days old"),
    )
    waiting = or_(status.c.status == literal(Status.PENDING.value), status.c.status == literal(Status.ABORTED.value))
    sent_at = case((waiting, at))
    aged = select(age.label("age"), sent_at.label("waiting_at")).subquery("aged")
    ages = (
        select(
            aged.c.age,
            func.count().label("sent_count"),
            func.count(aged.c.waiting_at).label("waiting_count"),
            func.min(aged.c.waiting_at).label("first_at"),
            func.max(aged.c.waiting_at).label("last_at"),
        )
        .group_by(aged.c.age)
        .subquery("ages")
    )
    many = and_(ages.c.age != literal(YOUNG), _share(ages.c.waiting_count, ages.c.sent_count, MANY_WITHOUT_OUTCOME))
    severity = case((many, literal(NO_OUTCOME.severity)), else_=literal("fine"))
    yield _finding(
        _place(NO_OUTCOME), ages.c.age, ages.c.waiting_count, ages.c.first_at, ages.c.last_at, severity=severity
    )


@_finds(NAMELESS_CAMPAIGNS, NAMELESS_EMAILS)
def _without_names(read: _Read) -> Iterator[Select]:
    yield _nameless(NAMELESS_CAMPAIGNS, read.log, read.relations.campaigns, "campaign_id")
    yield _nameless(NAMELESS_EMAILS, read.log, read.relations.emails, "email_id")


def _nameless(check: Check, log: CTE, assets: Select, key: str) -> Select:
    found = assets.cte(f"known_{key.removesuffix('_id')}s")
    named = select(found.c[key]).where(found.c[key].is_not(None), found.c.name.is_not(None))
    own, at = log.c[key], log.c.activity_at
    known = own != literal(UNKNOWN_CAMPAIGN) if key == "campaign_id" else true()
    used = (
        select(own, func.min(at).label("first_at"), func.max(at).label("last_at"))
        .where(_is_send(log), known, own.not_in(named))
        .group_by(own)
        .subquery("nameless")
    )
    about = literal(key.removesuffix("_id") + "s")
    return _finding(_place(check), about, func.count(used.c[key]), func.min(used.c.first_at), func.max(used.c.last_at))


@_finds(ORPHANS, LONG_BEFORE, BEFORE)
def _of_events(read: _Read) -> Iterator[Select]:
    if read.events is None:
        return
    events, checks = read.events, read.checks
    faults = {ORPHANS: "orphan", LONG_BEFORE: "long_before", BEFORE: "before"}

    def chosen(part: str) -> ColumnElement[Any]:
        return case(*((checks.c.place == _place(check), events.c[f"{name}_{part}"]) for check, name in faults.items()))

    is_orphan = checks.c.place == _place(ORPHANS)
    severity = case(
        (and_(is_orphan, _share(events.c.orphan_count, events.c.event_count, MANY_ORPHANS)), literal("problem")),
        (and_(is_orphan, not_(_share(events.c.orphan_count, events.c.event_count, SOME_ORPHANS))), literal("fine")),
    )
    mine = checks.c.place.in_([CHECKS.index(check) + 1 for check in faults])
    yield _finding(
        checks.c.place, events.c.kind, chosen("count"), chosen("first_at"), chosen("last_at"), severity=severity
    ).join_from(events, checks, mine)


def _first(totals: CTE, kind: EventKind) -> Any:
    return select(totals.c.first_at).where(totals.c.kind == literal(kind.value)).subquery(f"first_{kind.value}")


@_finds(BEFORE_FIRST_SEND)
def _before_first_send(read: _Read) -> Iterator[Select]:
    if read.events is None:
        return
    log, first = read.log, _first(read.totals, EventKind.SENT)
    old = log.c.activity_at < read.engine.days_before(first.c.first_at, 1)
    rows = select(log.c.kind, log.c.activity_at).join_from(log, first, old).subquery("old_events")
    at = rows.c.activity_at
    yield _finding(_place(BEFORE_FIRST_SEND), rows.c.kind, func.count(), func.min(at), func.max(at)).group_by(
        rows.c.kind
    )


@_finds(BEFORE_FIRST_DELIVERY)
def _before_first_delivery(read: _Read) -> Iterator[Select]:
    if EventKind.DELIVERED not in read.relations.events:
        return
    log, first = read.log, _first(read.totals, EventKind.DELIVERED)
    old = and_(_is_send(log), log.c.activity_at < read.engine.days_before(first.c.first_at, 1))
    at = select(log.c.activity_at).join_from(log, first, old).subquery("old_sends").c.activity_at
    yield _finding(_place(BEFORE_FIRST_DELIVERY), literal("sends"), func.count(at), func.min(at), func.max(at))


def _is_send(log: CTE) -> ColumnElement[Any]:
    return log.c.kind == literal(EventKind.SENT.value)


@_finds(UNSENT)
def _unsent(read: _Read) -> Iterator[Select]:
    if read.relations.unsent is not None:
        yield _counted(UNSENT, read.relations.unsent, "sends", "activity_at")


@_finds(MERGES)
def _merges(read: _Read) -> Iterator[Select]:
    if read.relations.merges is not None:
        yield _counted(MERGES, read.relations.merges, "merges", "merged_at")


def _counted(check: Check, rows: Select, about: str, time: str) -> Select:
    """How many rows there are of what is beside the events."""
    at = only(rows, time).subquery(about).c[time]
    return _finding(_place(check), literal(about), func.count(), func.min(at), func.max(at))


@_finds(SYNCED)
def _synced(read: _Read) -> Iterator[Select]:
    tables = (read.relations.sends, *read.relations.events.values())
    synced = [query for query in tables if "loaded_at" in query.selected_columns]
    if synced:
        times = union_all(*(only(query, "loaded_at") for query in synced)).subquery("synced")
        newest = func.max(times.c.loaded_at)
        yield _finding(_place(SYNCED), literal("all activities"), func.count(times.c.loaded_at), newest, newest)


# From here on without times: a bare null takes the type of the rows before it, which no engine's cast spells like
# another's.


@_finds(DELETIONS)
def _deletions(read: _Read) -> Iterator[Select]:
    if read.relations.deletions is not None:
        people = func.count(func.distinct(plain(read.relations.deletions, "person_id")))
        counted = read.relations.deletions.with_only_columns(people.label("people_count")).subquery("deletions")
        yield _finding(_place(DELETIONS), literal("people"), counted.c.people_count, null(), null())


@_finds(ABSENT_TABLE, ABSENT_COLUMN, UNNAMED)
def _absences(read: _Read) -> Iterator[Select]:
    yield from (_absent(absent, read.rules) for absent in read.relations.absent)
    # Every other report does without addresses.
    if read.rules.leave_out_addresses and read.relations.addresses is None:
        yield _absent(Absent("addresses"), read.rules)


@_finds(UNREADABLE)
def _unreadables(read: _Read) -> Iterator[Select]:
    yield from (_unreadable(each, place, read.rules) for place, each in enumerate(read.relations.unreadable, start=1))


@_finds(SPELLINGS)
def _several_spellings(read: _Read) -> Iterator[Select]:
    yield from (_spellings(spellings) for spellings in read.relations.spellings)


def _unreadable(unreadable: Unreadable, place: int, rules: Rules) -> Select:
    """One finding a column, with one of the values."""
    name = f"{unreadable.table}.{unreadable.column}"
    bad = step(f"unreadable_{place}", f"Values of {name} that cannot be read", unreadable.values)
    example = literal(f"{name}, such as ").concat(func.substr(func.min(bad.c.value), 1, MAX_EXAMPLE))
    about = func.coalesce(example, literal(name))
    advice = literal(effect_of_unreadable(unreadable.part, rules))
    return _finding(_place(UNREADABLE), about, func.count(bad.c.value), null(), null(), advice=advice)


def _spellings(spellings: Spellings) -> Select:
    about = f"{spellings.table}: {', '.join(spellings.columns)}"
    return _finding(_place(SPELLINGS), literal(about), literal(1), null(), null())


def _absent(absent: Absent, rules: Rules) -> Select:
    if absent.table is None:
        check, about = UNNAMED, absent.part.value if isinstance(absent.part, EventKind) else absent.part
    elif absent.column is None:
        check, about = ABSENT_TABLE, absent.table
    else:
        check, about = ABSENT_COLUMN, f"{absent.table}.{absent.column}"
    severity = literal("fine") if absent.part in HARMLESS else _TEXT
    return _finding(
        *(_place(check), literal(about), literal(1), null(), null()),
        severity=severity,
        advice=literal(effect_of(absent.part, rules)),
    )

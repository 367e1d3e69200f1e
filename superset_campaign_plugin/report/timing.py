"""Email records to the timing rollup: when people opened and clicked after the send, and when in the week it was.

`timing_rows` gives a row for each campaign, email, sent date, hour of the send and time since the send:

    campaign_id, email_id, sent_date   as in the daily rollup
    sent_hour                          0 to 23, on the clocks of the report's time zone
    hours_since_send                   whole hours up to 23, then 24, 48 … 144 for the days up to the seventh, and 168
                                       for all that came later; `OF_SENDS` in the rows that hold the sends
    sent_count, delivered_count        people, in the rows of the sends; 0 in all others
    opened_count … human_clicked_count   people who did that first so long after the send; 0 in the rows of the sends

All are sums over records, so they add up over any of the rows: those of opened_count are the report's Opened.
docs/timing.md has the rules by their names.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, String, case, cast, func, literal, select, union_all
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, FromClause, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.activity_kinds import Status
from superset_campaign_plugin.report.records import FIRST_TIMES, outcome
from superset_campaign_plugin.report.rollup import FLAG_COUNTS, sent_day, total
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.steps import step

DAY_KEY = ("campaign_id", "email_id", "sent_date")
TIMING_KEY = (*DAY_KEY, "sent_hour", "hours_since_send")
COUNTS = ("sent_count", "delivered_count", *(FLAG_COUNTS[flag] for flag in FIRST_TIMES))
# In the place of the hours, in the rows that hold the sends: a null would equal nothing where rows are merged.
OF_SENDS = -1
# The days after which rates are compared.
AGES = (1, 3, 7)

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_HOURS_OF_A_DAY = 24
_LATER = 7 * _HOURS_OF_A_DAY
_HOUR = 3_600_000  # milliseconds


def timing_rows(records: FromClause, engine: Engine, rules: Rules) -> Select:
    """The rows of the rollup for records that have the first times; the module's docstring gives their columns."""
    return _in_rows(_by_hour(records, engine, rules))


def timing_rollup(records: FromClause, engine: Engine, rules: Rules) -> CTE:
    """The rollup with `observed_hours`, computed from all records of the log."""
    hourly = _by_hour(records, engine, rules)
    own = [column for column in hourly.c if column.name not in ("last_sent_at", "last_activity_at")]
    aged = step(
        "hours_with_ages",
        "Beside each hour the last send of its day, and the newest activity of the log",
        select(
            *own,
            func.max(hourly.c.last_sent_at)
            .over(partition_by=[hourly.c[name] for name in DAY_KEY])
            .label("day_sent_at"),
            func.max(hourly.c.last_activity_at).over().label("data_until"),
        ),
    )
    observed = observed_hours(aged.c.day_sent_at, aged.c.data_until, engine)
    hours = step(
        "observed_hours_of_sends",
        "How long each has been watched",
        select(*(aged.c[column.name] for column in own), observed.label("observed_hours")),
    )
    rows = step("timing_rows", "One row for each time since the send", _in_rows(hours, "observed_hours"))
    return as_read(rows, engine)


def as_read(rows: FromClause, engine: Engine) -> CTE:
    """The rollup as the datasets read it: with `sent_weekday`, 1 to 7 from Monday on, and without hours since the send
    in the rows that hold the sends."""
    sent_date = rows.c.sent_date
    since_monday = engine.milliseconds(sent_date) - engine.milliseconds(engine.week(sent_date))
    weekday = engine.quotient(since_monday.self_group(), _HOURS_OF_A_DAY * _HOUR) + literal(1)
    hours = case((rows.c.hours_since_send != literal(OF_SENDS), rows.c.hours_since_send))
    return step(
        "timing_rollup",
        "One row for each campaign, email, day and hour of the send, and time since the send. timing.first-counts; "
        "timing.before-the-send-is-at-once; timing.old-enough",
        select(
            *(rows.c[name] for name in (*DAY_KEY, "sent_hour")),
            weekday.label("sent_weekday"),
            hours.label("hours_since_send"),
            rows.c.observed_hours,
            *(rows.c[name] for name in COUNTS),
        ),
    )


def observed_hours(last_sent_at: ColumnElement[Any], until: ColumnElement[Any], engine: Engine) -> ColumnElement[Any]:
    """timing.old-enough: how long the sends of a day have been watched at least, as 0 or the hours of one of `AGES`.

    `last_sent_at` is the last send of an email in a campaign on a day, `until` the newest activity of the log.
    """
    ages = [
        (last_sent_at <= engine.days_before(until, days), literal(days * _HOURS_OF_A_DAY)) for days in reversed(AGES)
    ]
    return case(*ages, else_=literal(0))


def moments(rollup: FromClause) -> list[ColumnElement[Any]]:
    """The columns that say when: numbers to filter by, and texts that stand in the order of time when sorted."""
    hours = rollup.c.hours_since_send
    weekdays = [
        (rollup.c.sent_weekday == literal(place), literal(f"{place} {name}")) for place, name in enumerate(WEEKDAYS, 1)
    ]
    days = [(hours == literal(day * _HOURS_OF_A_DAY), literal(f"Day {day + 1}")) for day in range(1, 7)]
    since = case(
        (hours < literal(_HOURS_OF_A_DAY), _two_digits(hours).concat(literal(" h"))),
        *days,
        (hours == literal(_LATER), literal("Later")),
    )
    return [
        rollup.c.sent_hour,
        _two_digits(rollup.c.sent_hour).concat(literal(":00")).label("hour_label"),
        rollup.c.sent_weekday,
        case(*weekdays).label("weekday_label"),
        hours,
        since.label("hours_label"),
        rollup.c.observed_hours,
    ]


def _two_digits(number: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.substr(cast(number + literal(100), String), 2, 2)


def _by_hour(records: FromClause, engine: Engine, rules: Rules) -> CTE:
    """How many records have the same hour of the send and the same times since it, with the latest of their times.

    Step by step: written within one another, the expressions would stand there many times, and nest too deep for
    SQLite's parser.
    """
    sent_at = records.c.sent_at
    local = sent_at if rules.time_zone == "UTC" else engine.local_time(sent_at, rules.time_zone)
    delivered = case(*outcome(records)) == literal(Status.DELIVERED.value)
    timed = step(
        "timed_records",
        "The hour of each send, and how many milliseconds later the first of each happened",
        select(
            records.c.campaign_id,
            records.c.email_id,
            sent_day(sent_at, engine, rules).label("sent_date"),
            engine.hour(local).label("sent_hour"),
            case((delivered, 1), else_=0).label("was_delivered"),
            sent_at.label("sent_at"),
            records.c.last_activity_at,
            *(_time_to(records, flag, engine).label(f"time_to_{flag}") for flag in FIRST_TIMES),
        ),
    )
    own = [column for column in timed.c if not column.name.startswith("time_to_")]
    hours = [_hours_of(timed.c[f"time_to_{flag}"], engine).label(f"hours_to_{flag}") for flag in FIRST_TIMES]
    rows = step("records_in_hours", "The same in hours, and in days from the second on", select(*own, *hours))
    key = [rows.c[name] for name in (*DAY_KEY, "sent_hour", *(each.name for each in hours))]
    return step(
        "records_by_hour",
        "How many have the same hour and times",
        select(
            *key,
            func.count().label("sent_count"),
            total(rows.c.was_delivered, "delivered_count"),
            func.max(rows.c.sent_at).label("last_sent_at"),
            func.max(rows.c.last_activity_at).label("last_activity_at"),
        ).group_by(*key),
    )


def _time_to(records: FromClause, flag: str, engine: Engine) -> ColumnElement[Any]:
    """How many milliseconds after the send a record had the flag first; null where it has not."""
    first, sent = (engine.milliseconds(records.c[name]) for name in (FIRST_TIMES[flag], "sent_at"))
    # Of a time that cannot be read nothing is known, so it is not early.
    return case((records.c[flag] == literal(1), func.coalesce(first - sent, literal(_LATER * _HOUR))))


def _hours_of(time: ColumnElement[Any], engine: Engine) -> ColumnElement[Any]:
    """Milliseconds since the send as `hours_since_send`; null where the time is.

    timing.before-the-send-is-at-once: logs hold opens that are stamped a second before their send.
    """
    day = _HOURS_OF_A_DAY * _HOUR
    return case(
        (time < literal(_HOUR), literal(0)),
        (time < literal(day), engine.quotient(time, _HOUR)),
        (time < literal(_LATER * _HOUR), engine.quotient(time, day) * literal(_HOURS_OF_A_DAY)),
        (time.is_not(None), literal(_LATER)),
    )


def _in_rows(hourly: FromClause, *more: str) -> Select:
    """The rows of the rollup: of each row of `_by_hour` one for the sends, and one for each thing that people did.

    `more` are columns that depend on the day alone. The parts are joined rather than united, since a query on MySQL can
    name a temporary table once.
    """
    flags = list(FIRST_TIMES)
    numbers = range(len(flags) + 1)
    parts = union_all(*(select(literal(number, Integer).label("part")) for number in numbers)).cte("timing_parts")
    of_sends = parts.c.part == literal(0)
    hours = case(
        (of_sends, literal(OF_SENDS)),
        *((parts.c.part == literal(number), hourly.c[f"hours_to_{flag}"]) for number, flag in enumerate(flags, 1)),
    )
    own = (*TIMING_KEY[:-1], *more)
    split = step(
        "split_records",
        "Each once as sent, and once for each that people may have done",
        select(
            *(hourly.c[name] for name in own),
            hours.label("hours_since_send"),
            parts.c.part,
            hourly.c.sent_count,
            hourly.c.delivered_count,
        ).select_from(hourly.join(parts, literal(1) == literal(1))),
    )
    counted = [(0, "sent_count", "sent_count"), (0, "delivered_count", "delivered_count")]
    counted += [(number, "sent_count", FLAG_COUNTS[flag]) for number, flag in enumerate(flags, 1)]
    key = [*(split.c[name] for name in TIMING_KEY), *(split.c[name] for name in more)]
    return (
        select(
            *key,
            *(
                total(case((split.c.part == literal(number), split.c[column]), else_=0), name)
                for number, column, name in counted
            ),
        )
        .where(split.c.hours_since_send.is_not(None))
        .group_by(*key)
    )

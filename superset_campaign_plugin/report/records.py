"""Activities to email records, with one status a person. docs/numbers.md has the rules by their names.

An email record is one (campaign, email, person). `email_records` gives a row for each with

    campaign_id, email_id, person_id
    sent_at           the earliest send that counts
    last_activity_at  the latest activity of the record
    opened, clicked, unsubscribed, hard_bounced, soft_bounced, delivered    1 or 0
    human_opened, human_clicked, privacy_proxy_opened, image_proxy_opened   1 or 0

and, where it is asked for, the first time of what a flag of `FIRST_TIMES` says: first_opened_at, first_clicked_at,
first_human_opened_at, first_human_clicked_at.

Each of these merges: sent_at and the first times are a minimum, all else a maximum. What depends on the clock is not
stored here but derived by `record_status`. The relations come with their people resolved (`people.py`).

Sources: Marketo's Email Performance Report page, and its support article on soft bounces taking precedence over
deliveries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, func, literal, not_, or_, select, union_all
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, CompoundSelect, FromClause, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.activity_kinds import EventKind, Happening, Status
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rules import LinkRules, Rules
from superset_campaign_plugin.report.steps import comment, only, plain, step

# An email that was sent this many days ago, or longer, and has no outcome will have none: it is aborted.
PENDING_DAYS = 3

RECORD_KEY = ("campaign_id", "email_id", "person_id")

CLICKS = Happening.CLICKED | Happening.CLICKED_BY_BOT
# An image proxy mostly loads images when a person opens; Apple's privacy proxy loads them whether or not.
HUMAN_OPENS = Happening.OPENED | Happening.OPENED_BY_IMAGE_PROXY | Happening.CLICKED | Happening.UNSUBSCRIBED
OPENS = HUMAN_OPENS | Happening.OPENED_BY_BOT | Happening.OPENED_BY_PRIVACY_PROXY | Happening.CLICKED_BY_BOT

# The columns of a record that say what happened, each by the happenings that imply it:
# opened.click-implies-open, opened.unsubscribe-implies-open.
_IMPLIED_BY = {
    "opened": OPENS,
    "clicked": CLICKS,
    "unsubscribed": Happening.UNSUBSCRIBED,
    "human_opened": HUMAN_OPENS,
    "human_clicked": Happening.CLICKED,
    "privacy_proxy_opened": Happening.OPENED_BY_PRIVACY_PROXY,
    "image_proxy_opened": Happening.OPENED_BY_IMAGE_PROXY,
    "hard_bounced": Happening.HARD_BOUNCED,
    "soft_bounced": Happening.SOFT_BOUNCED,
    "delivered": Happening.DELIVERED,
}
# Any other kind of activity implies the column of its own name.
for _kind in EventKind:
    if _kind is not EventKind.SENT:
        _IMPLIED_BY.setdefault(_kind.name.lower(), Happening[_kind.name])

# These serve the status alone, and the report does not sum them up.
_OUTCOMES = ("hard_bounced", "soft_bounced", "delivered")
# What the report adds up of a record, beside its status.
FLAGS = tuple(name for name in _IMPLIED_BY if name not in _OUTCOMES)
# The flags of which a record can have the first time, too, by the column that holds it.
FIRST_TIMES = {flag: f"first_{flag}_at" for flag in ("opened", "clicked", "human_opened", "human_clicked")}


@dataclass(frozen=True)
class Part:
    """The people whose id, divided by `count`, leaves `number`, from 0: every person is in one of `count` parts."""

    number: int
    count: int


def counted_sends(relations: Relations) -> CTE:
    """One row a send that makes or repeats an email record."""
    sends = only(relations.sends, *RECORD_KEY, "activity_at")
    complete = and_(*(plain(sends, name).is_not(None) for name in RECORD_KEY))
    return step(
        "counted_sends",
        "Sends that count: neither skipped nor failed, with campaign, email and person",
        sends.where(complete),
    )


def counts_as_click(link: ColumnElement[Any], engine: Engine, rules: LinkRules) -> ColumnElement[Any]:
    """Whether a click is on a link of the email (clicked.links-only). A click without a link counts."""
    lower = func.lower(link)
    uncounted = [func.substr(lower, 1, len(prefix)) == literal(prefix) for prefix in rules.uncounted_prefixes]
    uncounted += [engine.contains(lower, part) for part in rules.uncounted_parts]
    return or_(link.is_(None), not_(or_(*uncounted)))


def event_rows(relations: Relations, engine: Engine, rules: Rules) -> list[Select]:
    """What each table of events tells: a bit of `Happening`, campaign_id, email_id, person_id, activity_at."""
    branches = []
    for kind, query in relations.events.items():
        bit = happening_of(kind, query, engine, rules)
        events = _without_bots(query) if rules.leave_out_bots else query
        columns = [events.selected_columns[name] for name in (*RECORD_KEY, "activity_at")]
        branches.append(events.with_only_columns(bit.label("happened"), *columns))
    return branches


def _events(relations: Relations, engine: Engine, rules: Rules) -> CTE | None:
    branches = event_rows(relations, engine, rules)
    if not branches:
        return None
    bits = ", ".join(f"{happening.value} {_words(happening)}" for happening in Happening)
    text = f"What happened to the emails: {bits}. A click on an unsubscribe link or an email address is only an open"
    branches[0] = comment(branches[0], text)
    return union_all(*branches).cte("email_events")


def _words(happening: Happening) -> str:
    return str(happening.name).lower().replace("_", " ")


def happening_of(kind: EventKind, query: Select, engine: Engine, rules: Rules) -> ColumnElement[Any]:
    """The bit for each row of the log: what happened, and for opens and clicks who did it."""
    if kind not in (EventKind.OPENED, EventKind.CLICKED):
        return literal(Happening[kind.name].value)
    by_bot = [plain(query, "bot")] if "bot" in query.selected_columns else []
    cases = [(marked, literal(Happening.OPENED_BY_BOT.value)) for marked in by_bot]
    if kind is EventKind.CLICKED:
        counted = counts_as_click(plain(query, "link"), engine, rules.links)
        cases = [
            *((and_(marked, counted), literal(Happening.CLICKED_BY_BOT.value)) for marked in by_bot),
            *cases,
            (counted, literal(Happening.CLICKED.value)),
        ]
    elif "user_agent" in query.selected_columns:
        agent = func.lower(plain(query, "user_agent"))
        by_privacy_proxy = agent.in_(rules.agents.privacy_proxies)
        by_image_proxy = or_(*(engine.contains(agent, part) for part in rules.agents.image_proxies))
        cases += [
            (by_privacy_proxy, literal(Happening.OPENED_BY_PRIVACY_PROXY.value)),
            (by_image_proxy, literal(Happening.OPENED_BY_IMAGE_PROXY.value)),
        ]
    opened = literal(Happening.OPENED.value)
    return case(*cases, else_=opened) if cases else opened


def _without_bots(query: Select) -> Select:
    if "bot" not in query.selected_columns:
        return query
    return query.where(not_(plain(query, "bot")))


def latest_sends(events: CTE, sends: CTE, name: str) -> CTE:
    """The campaign of each moment (email_id, person_id, activity_at) of `events` that names none: that of the latest
    send of that email to that person at or before it; of sends at the same time, the highest campaign id."""
    place = func.row_number().over(
        partition_by=[events.c.email_id, events.c.person_id, events.c.activity_at],
        order_by=[sends.c.activity_at.desc(), sends.c.campaign_id.desc()],
    )
    same_email = and_(events.c.email_id == sends.c.email_id, events.c.person_id == sends.c.person_id)
    candidates = (
        select(
            sends.c.campaign_id,
            events.c.email_id,
            events.c.person_id,
            events.c.activity_at,
            place.label("send_place"),
        )
        .join_from(events, sends, and_(same_email, events.c.activity_at >= sends.c.activity_at))
        .where(events.c.campaign_id.is_(None))
        .subquery("candidates")
    )
    return step(
        f"{name}_latest_sends",
        "An activity without a campaign belongs to that person's latest send of that email at or before it",
        select(*(candidates.c[column] for column in ("campaign_id", *_MOMENT))).where(
            candidates.c.send_place == literal(1)
        ),
    )


_MOMENT = ("email_id", "person_id", "activity_at")


def attribute(events: CTE, sends: CTE, name: str) -> CompoundSelect:
    """`events` with every campaign known. An event that no send precedes is an orphan and is left out.

    The few events without a campaign go their own way, so that the many others need no join.
    """
    latest = latest_sends(events, sends, name)
    same = and_(*(events.c[column] == latest.c[column] for column in _MOMENT))
    without = events.c.campaign_id.is_(None)
    others = [column for column in events.c if column.name != "campaign_id"]
    return union_all(
        select(events.c.campaign_id, *others).where(not_(without)),
        select(latest.c.campaign_id, *others).join_from(events, latest, same).where(without),
    )


def email_activities(relations: Relations, engine: Engine, rules: Rules, sends: CTE) -> CTE:
    """Every activity with its campaign: happened (a bit of `Happening`), the key of its record, activity_at."""
    events = _events(relations, engine, rules)
    sent = select(
        literal(Happening.SENT.value).label("happened"), *(sends.c[name] for name in (*RECORD_KEY, "activity_at"))
    )
    if events is None:
        return step("email_activities", "Every activity with its campaign", sent)
    known = attribute(events, sends, "event").subquery("known")
    return union_all(
        comment(sent, "Every activity with its campaign"),
        select(known.c.happened, *(known.c[name] for name in (*RECORD_KEY, "activity_at"))),
    ).cte("email_activities")


def gathered(activities: CTE, engine: Engine, *more: ColumnElement[Any], part: Part | None = None) -> CTE:
    """All that happened to each campaign, email and person, or to the people of a part.

    `more` columns are aggregates of the activities.
    """
    is_send = activities.c.happened == literal(Happening.SENT.value)
    key = [activities.c[name] for name in RECORD_KEY]
    query = select(
        *key,
        func.min(case((is_send, activities.c.activity_at))).label("sent_at"),
        func.max(activities.c.activity_at).label("last_activity_at"),
        engine.any_bits(activities.c.happened, len(Happening)).label("happened"),
        *more,
    ).group_by(*key)
    if part is not None:
        query = query.where(func.abs(activities.c.person_id) % literal(part.count) == literal(part.number))
    return step("gathered_activities", "All that happened, for each campaign, email and person", query)


def first_times(activities: FromClause, engine: Engine) -> list[ColumnElement[Any]]:
    """The columns of `FIRST_TIMES`, as aggregates of activities (happened, activity_at).

    timing.first-counts: who opens or clicks again counts at the first time.
    """

    def first(flag: str) -> ColumnElement[Any]:
        did = engine.has_bits(activities.c.happened, _IMPLIED_BY[flag].value)
        return func.min(case((did, activities.c.activity_at)))

    return [first(flag).label(name) for flag, name in FIRST_TIMES.items()]


def flags_of(happened: ColumnElement[Any], engine: Engine) -> list[ColumnElement[Any]]:
    """The columns of a record that say what happened, 1 or 0, from all bits of it."""
    return [case((engine.has_bits(happened, bits.value), 1), else_=0).label(name) for name, bits in _IMPLIED_BY.items()]


def flagged(gathered: CTE, engine: Engine, *more: str, without_send: bool = False) -> CTE:
    """The email records of what was gathered, with the columns `more` of it as they are.

    With `without_send` there are rows, too, of activities whose send is not in the log; their `sent_at` is null.
    """
    wanted = (
        and_(*(gathered.c[name].is_not(None) for name in RECORD_KEY))
        if without_send
        else engine.has_bits(gathered.c.happened, Happening.SENT.value)
    )
    return step(
        "email_records",
        "One row for each campaign, email and person, sent at the earliest send. record.needs-a-send; "
        "record.earliest-send; opened.click-implies-open; opened.unsubscribe-implies-open",
        select(
            *(gathered.c[name] for name in (*RECORD_KEY, "sent_at", "last_activity_at")),
            *flags_of(gathered.c.happened, engine),
            *(gathered.c[name] for name in more),
        ).where(wanted),
    )


def email_records(
    relations: Relations,
    engine: Engine,
    rules: Rules,
    sends: CTE | None = None,
    *,
    timed: bool = False,
    without_send: bool = False,
    part: Part | None = None,
) -> CTE:
    """One row an email record; the module's docstring gives its columns. `sends` are those that count, if at hand.

    With `timed` it has the first times. `without_send` is as in `flagged`. With `part` they are those of some people.
    """
    sends = counted_sends(relations) if sends is None else sends
    activities = email_activities(relations, engine, rules, sends)
    times = first_times(activities, engine) if timed else []
    names = FIRST_TIMES.values() if timed else ()
    return flagged(gathered(activities, engine, *times, part=part), engine, *names, without_send=without_send)


def outcome(records: FromClause) -> list[tuple[ColumnElement[Any], ColumnElement[Any]]]:
    """What became of each record, the first that holds, as cases; none holds for what is pending or aborted."""
    return [
        (records.c.opened == literal(1), literal(Status.DELIVERED.value)),  # status.open-beats-bounce
        (records.c.hard_bounced == literal(1), literal(Status.HARD_BOUNCED.value)),  # status.hard-bounce-beats-soft
        (records.c.soft_bounced == literal(1), literal(Status.SOFT_BOUNCED.value)),  # status.soft-bounce-beats-delivery
        (records.c.delivered == literal(1), literal(Status.DELIVERED.value)),  # status.delivered
    ]


def is_aborted(sent_at: ColumnElement[Any], engine: Engine, as_of: datetime | None) -> ColumnElement[Any]:
    """status.aborted-after-three-days: whether what was sent then, and has no outcome, will have none.

    `as_of` (UTC) is the clock; None is now.
    """
    clock = engine.now() if as_of is None else engine.time_literal(as_of)
    return sent_at <= engine.days_before(clock, PENDING_DAYS)


def status_of(records: FromClause, engine: Engine, as_of: datetime | None) -> ColumnElement[Any]:
    """The one status of each record; `as_of` (UTC, without a zone) is the clock, None the present moment."""
    aborted = (is_aborted(records.c.sent_at, engine, as_of), literal(Status.ABORTED.value))
    return case(*outcome(records), aborted, else_=literal(Status.PENDING.value))


def record_status(records: CTE, engine: Engine, as_of: datetime | None, *more: str) -> CTE:
    """The records with their one status, and the columns `more` as they are.

    `as_of` (UTC, without a zone) is the clock; None is the present moment.
    """
    kept = ("campaign_id", "email_id", "sent_at", "last_activity_at", *FLAGS, *more)
    return step(
        "record_status",
        "status.one-each: the first that holds of status.open-beats-bounce, status.hard-bounce-beats-soft, "
        "status.soft-bounce-beats-delivery, status.delivered, status.aborted-after-three-days",
        select(*(records.c[name] for name in kept), status_of(records, engine, as_of).label("status")),
    )


def counted_clicks(relations: Relations, engine: Engine, rules: Rules) -> Select:
    """(campaign_id, email_id, person_id, activity_at, activity_id, link) of each click on a link of an email."""
    clicks = relations.events[EventKind.CLICKED]
    if rules.leave_out_bots:
        clicks = _without_bots(clicks)
    clicks = only(clicks, *RECORD_KEY, "activity_at", "activity_id", "link")
    return clicks.where(counts_as_click(plain(clicks, "link"), engine, rules.links))

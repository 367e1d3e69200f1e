"""`superset-campaign explain`: what the log holds of one person and one email, what each line of it does to the report,
and how it ends.

What each line does is told here in words; the outcome is that of the report's own SQL (`recipient_list.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import case, literal, literal_column, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.report.activity_kinds import EventKind, Happening
from superset_campaign_plugin.report.datasets import UNKNOWN_CAMPAIGN_NAME, Options
from superset_campaign_plugin.report.people import excluded_people, left_out_people, surviving_people
from superset_campaign_plugin.report.records import happening_of
from superset_campaign_plugin.report.relations import UNKNOWN_CAMPAIGN, Relations
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.report.sqltext import executable, runnable_sql
from superset_campaign_plugin.report.steps import plain
from superset_campaign_plugin.reporting.query import read_time
from superset_campaign_plugin.reporting.recipient_list import COLUMNS, Selection, fetch_recipients
from superset_campaign_plugin.reporting.run_report import to_utc
from superset_campaign_plugin.sources.resolved import Log, resolve
from superset_campaign_plugin.warehouse import connect

UNSENT = "not sent"


@dataclass(frozen=True)
class Line:
    """One row of the log. `campaign` is what the row names, None for none; `counts_for` the campaign that it counts
    for, None where it counts for none. `effect` says in words what it does, and `rule` is the rule's name, if one
    decides. `activity_at` is UTC, `activity` a kind of `EventKind` or `UNSENT`.
    """

    activity_at: datetime | None
    activity: str
    person: int
    campaign: int | None
    counts_for: int | None
    effect: str
    rule: str | None


@dataclass(frozen=True)
class Explanation:
    """What one Marketo instance's log says of a person and an email: its `lines` in their order, and the `outcomes`,
    one a campaign, with the columns of `recipient_list.COLUMNS`. `notes` are sentences on the person as a whole."""

    source_name: str | None
    lines: list[Line]
    outcomes: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    def of_campaigns(self, campaigns: Collection[int]) -> Explanation:
        """The same with the lines that count for these campaigns alone, and with their outcomes; `UNKNOWN_CAMPAIGN` is
        the campaign of sends that name none."""
        lines = [line for line in self.lines if line.counts_for in campaigns]
        outcomes = [outcome for outcome in self.outcomes if (outcome["campaign_id"] or UNKNOWN_CAMPAIGN) in campaigns]
        return replace(self, lines=lines, outcomes=outcomes)


@dataclass(frozen=True)
class _Row:
    """A row of the log as it was read; `happened` is its bit, or none for a send that was held back."""

    activity_at: datetime | None
    kind: EventKind | None
    person: int
    campaign: int | None
    happened: Happening
    bot: bool


def explain(
    uri: str,
    *,
    person: int,
    email: int,
    campaign: int | None = None,
    source: str = "fivetran",
    schema: str | None = None,
    as_of: datetime | None = None,
    rules: Rules | None = None,
) -> list[Explanation]:
    """Explain the figures of a person and an email, one explanation for each Marketo instance that knows them.

    With `campaign` the lines and outcomes of other campaigns are left out. Raises `UsageError` where no log has a line,
    and the errors of `run_report`.
    """
    options = Options(as_of=None if as_of is None else to_utc(as_of), rules=rules or Rules())
    found = []
    with connect(uri) as (connection, engine):
        for log in resolve(source, schema).live_logs(connection, engine):
            log.check_values(connection)
            explained = explain_in(connection, log, options, person=person, email=email, campaign=campaign)
            if explained.lines:
                found.append(explained)
    if not found:
        of_campaign = "" if campaign is None else f" in campaign {campaign}"
        raise UsageError(
            f"the log has no line of person {person} and email {email}{of_campaign}; "
            "`superset-campaign people` lists who was sent what"
        )
    return found


def explain_in(
    connection: Connection, log: Log, options: Options, *, person: int, email: int, campaign: int | None = None
) -> Explanation:
    """The same of the one log; without lines where it has none. Its values are not checked."""
    own = replace(options, source_name=log.instance.name)
    return _Explainer(connection, log.engine, log.relations(), own).explain(person, email, campaign)


class _Explainer:
    """One Marketo instance's log."""

    def __init__(self, connection: Connection, engine: Engine, relations: Relations, options: Options) -> None:
        self._connection, self._engine = connection, engine
        self._relations, self._options, self._rules = relations, options, options.rules

    def explain(self, person: int, email: int, campaign: int | None) -> Explanation:
        target, ids = self._ids(person)
        rows = sorted(self._rows(email, ids), key=_order)
        outcomes = self._outcomes(target, email)
        left_out = any(row.kind for row in rows) and self._is_left_out(target)
        lines = [] if left_out else list(self._lines(rows, target))
        notes = []
        if left_out:
            lines = [self._line(row, None, "left out, with the person", None) for row in rows]
            notes.append(f"person {target} is left out of the report: {self._why_left_out(target)}")
        if ids != [person]:
            others = ", ".join(str(one) for one in ids if one != target)
            notes.append(f"counts as person {target}, into whom these were merged: {others}")
        if campaign is not None:
            lines = [line for line in lines if campaign in (line.campaign, line.counts_for)]
            outcomes = [outcome for outcome in outcomes if outcome["campaign_id"] == campaign]
        return Explanation(self._options.source_name, lines, outcomes, notes)

    def _ids(self, person: int) -> tuple[int, list[int]]:
        """The id that the person counts under, and all ids that count as it."""
        survivors = surviving_people(self._relations, self._engine) if self._rules.people is People.MERGED else None
        if survivors is None:
            return person, [person]
        of_person = select(survivors.c.surviving_id).where(survivors.c.person_id == literal(person))
        into = self._fetch(of_person)
        target = int(into[0][0]) if into else person
        others = self._fetch(select(survivors.c.person_id).where(survivors.c.surviving_id == literal(target)))
        return target, sorted({target, *(int(other) for (other,) in others)})

    def _rows(self, email: int, ids: list[int]) -> Iterator[_Row]:
        relations = {EventKind.SENT: self._relations.sends, **self._relations.events}
        if self._relations.unsent is not None:
            yield from self._read(None, self._relations.unsent, email, ids)
        for kind, query in relations.items():
            yield from self._read(kind, query, email, ids)

    def _read(self, kind: EventKind | None, query: Select, email: int, ids: list[int]) -> Iterator[_Row]:
        bit: ColumnElement[Any] = literal(0)
        if kind is EventKind.SENT:
            bit = literal(Happening.SENT.value)
        elif kind is not None:
            bit = happening_of(kind, query, self._engine, self._rules)
        bot = case((plain(query, "bot"), 1), else_=0) if "bot" in query.selected_columns else literal(0)
        columns = [
            plain(query, "activity_at").label("activity_at"),
            plain(query, "person_id").label("person_id"),
            plain(query, "campaign_id").label("campaign_id"),
            bit.label("happened"),
            bot.label("bot"),
        ]
        rows = query.with_only_columns(*columns).where(
            plain(query, "email_id") == literal_column(str(int(email))),
            or_(*(plain(query, "person_id") == literal_column(str(one)) for one in ids)),
        )
        for at, who, campaign, happened, by_bot in self._fetch(rows):
            named = None if campaign is None else int(campaign)
            yield _Row(read_time(at), kind, int(who), named, Happening(int(happened)), bool(by_bot))

    def _fetch(self, query: Select) -> list[Any]:
        return list(self._connection.execute(executable(runnable_sql(query, self._engine))).fetchall())

    def _is_left_out(self, target: int) -> bool:
        people = left_out_people(self._relations, self._engine, self._rules)
        return people is not None and self._holds(people, target)

    def _holds(self, people: CTE, target: int) -> bool:
        return bool(self._fetch(select(people.c.person_id).where(people.c.person_id == literal(target)).limit(1)))

    def _why_left_out(self, target: int) -> str:
        excluded = excluded_people(self._relations, self._engine, self._rules)
        if excluded is not None and self._holds(excluded, target):
            return "leave_out_addresses names their address"
        if self._rules.people is People.HIDDEN:
            return "merged into another, or deleted (people: hidden)"
        return "the log holds their deletion (leave_out_deleted)"

    def _outcomes(self, target: int, email: int) -> list[dict[str, Any]]:
        selection = Selection(email=email, lead=target)
        rows = fetch_recipients(self._connection, self._engine, self._relations, self._options, selection)
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]

    # -- what each line does

    def _lines(self, rows: list[_Row], target: int) -> Iterator[Line]:
        sends = [row for row in rows if row.kind is EventKind.SENT]
        seen: set[int] = set()
        for row in rows:
            merged = "" if row.person == target else f"logged for person {row.person}, who was merged into {target}; "
            if row.kind is None:
                yield self._line(row, None, f"{merged}was skipped or failed, so it makes no record", _NEEDS_A_SEND)
            elif row.kind is EventKind.SENT:
                yield self._send(row, merged, seen)
            elif self._rules.leave_out_bots and row.bot:
                yield self._line(row, None, f"{merged}left out, as Marketo marks it as a bot's (leave_out_bots)", None)
            else:
                yield self._event(row, merged, sends)

    def _send(self, row: _Row, merged: str, seen: set[int]) -> Line:
        campaign = UNKNOWN_CAMPAIGN if row.campaign is None else row.campaign
        again = campaign in seen
        seen.add(campaign)
        if again:
            effect = f"sent again in {_named(campaign)}: still one record, sent at the earliest send"
            return self._line(row, campaign, merged + effect, "record.earliest-send")
        return self._line(row, campaign, f"{merged}makes the record of {_named(campaign)}", _NEEDS_A_SEND)

    def _event(self, row: _Row, merged: str, sends: list[_Row]) -> Line:
        effect, rule = _EFFECTS[row.happened]
        if row.campaign is not None:
            if any(send.campaign == row.campaign for send in sends):
                return self._line(row, row.campaign, merged + effect, rule)
            nowhere = f"counts nowhere: the log has no send of this email by {_named(row.campaign)} to this person"
            return self._line(row, None, merged + nowhere, _NEEDS_A_SEND)
        before = [send for send in sends if _is_before(send, row)]
        if not before:
            nowhere = (
                "counts nowhere: it names no campaign, and the log has no send of this email to this person before it"
            )
            return self._line(row, None, merged + nowhere, _NEEDS_A_SEND)
        latest = max(before, key=_order)
        campaign = UNKNOWN_CAMPAIGN if latest.campaign is None else latest.campaign
        whose = f"names no campaign, so it counts for {_named(campaign)}, the latest send before it; "
        return self._line(row, campaign, merged + whose + effect, rule)

    @staticmethod
    def _line(row: _Row, counts_for: int | None, effect: str, rule: str | None) -> Line:
        activity = UNSENT if row.kind is None else row.kind.value
        named = None if row.campaign in (None, UNKNOWN_CAMPAIGN) else row.campaign
        return Line(row.activity_at, activity, row.person, named, counts_for, effect, rule)


_NEEDS_A_SEND = "record.needs-a-send"
_IMPLIES = "opened.click-implies-open"
_EFFECTS: dict[Happening, tuple[str, str | None]] = {
    Happening.DELIVERED: ("delivered", "status.delivered"),
    Happening.HARD_BOUNCED: ("bounced hard", "status.hard-bounce-beats-soft"),
    Happening.SOFT_BOUNCED: ("bounced soft", "status.soft-bounce-beats-delivery"),
    Happening.OPENED: ("opened", "status.open-beats-bounce"),
    Happening.OPENED_BY_BOT: ("opened, as Marketo marks it by a bot, so no Human Opened", "status.open-beats-bounce"),
    Happening.OPENED_BY_PRIVACY_PROXY: (
        "opened by Apple's privacy proxy, read or not, so no Human Opened",
        "status.open-beats-bounce",
    ),
    Happening.OPENED_BY_IMAGE_PROXY: ("opened by way of Gmail's or Yahoo's image proxy", "status.open-beats-bounce"),
    Happening.CLICKED: ("clicked a link, so opened too", _IMPLIES),
    Happening.CLICKED_BY_BOT: ("clicked a link, as Marketo marks it by a bot, so no Human Clicked Link", _IMPLIES),
    Happening.UNSUBSCRIBED: ("unsubscribed, so opened too", "opened.unsubscribe-implies-open"),
}
_ORDER = {kind: place for place, kind in enumerate([None, *EventKind])}


def _order(row: _Row) -> tuple[Any, ...]:
    """By time, those without one first; of the same time a send before what follows from it, then by campaign."""
    return (row.activity_at is not None, row.activity_at or 0, _ORDER[row.kind], row.campaign or 0)


def _is_before(send: _Row, row: _Row) -> bool:
    return send.activity_at is not None and row.activity_at is not None and send.activity_at <= row.activity_at


def _named(campaign: int) -> str:
    return UNKNOWN_CAMPAIGN_NAME.lower() if campaign == UNKNOWN_CAMPAIGN else f"campaign {campaign}"

"""What a full refresh keeps of the log beside the records, so that later rows can be merged into it.

Everything here goes by the person ids that the log has, whomever they count as:

campaign_report_gathered    rows in the form of records, of what the records themselves do not tell: activities whose
                            send has not come, and all rows of (email, person) pairs that are `apart`
campaign_report_unplaced    activities without a campaign, by email, person and time
campaign_report_sends       sends beside the earliest of each record; kept once an activity without a campaign has come
campaign_report_clicks      clicks on links, with the campaign and person of the record that each belongs to, if any
campaign_report_sent_names  what the sends call the emails

A pair is apart if some of its activities have no campaign, or if its person was merged or left out: its records hold
more than its own rows, or less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, String, and_, cast, exists, func, literal, not_, null, select, union_all
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause, Select, TableClause

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.refresh.tables import (
    CLICKS,
    COLUMNS,
    FLAG_COLUMNS,
    NAMED,
    RECORD_TIMES,
    UNPLACED,
    VARIANTS,
)
from superset_campaign_plugin.report.activity_kinds import EventKind, Happening
from superset_campaign_plugin.report.links import link_rows
from superset_campaign_plugin.report.records import (
    RECORD_KEY,
    counted_clicks,
    event_rows,
    flags_of,
)
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.steps import no_rows, plain
from superset_campaign_plugin.report.variants import knows_variants, variant_rows

PAIR = ("email_id", "person_id")
MOMENT = (*PAIR, "activity_at")
SEND = (*RECORD_KEY, "activity_at")
# The columns of a click by themselves, without the record that it belongs to.
CLICK = (*RECORD_KEY, "link", "activity_id", "activity_at")


@dataclass(frozen=True)
class Who:
    """Who counts as whom, as tables that a statement can name once each; None where nobody was merged or left out.

    `moved` (person_id, surviving_id) are the people who count as another, `out` (person_id) those who are left out, and
    `involved` (person_id) all of these and those that others count as.
    """

    moved: TableClause | None = None
    out: TableClause | None = None
    involved: TableClause | None = None

    def effective(self, rows: FromClause) -> tuple[FromClause, ColumnElement[Any]]:
        """The rows beside the map of people, and the person that each counts for."""
        if self.moved is None:
            return rows, rows.c.person_id
        joined = rows.outerjoin(self.moved, self.moved.c.person_id == rows.c.person_id)
        return joined, func.coalesce(self.moved.c.surviving_id, rows.c.person_id)

    def counts(self, person: ColumnElement[Any]) -> list[ColumnElement[Any]]:
        """The condition that a person is not left out, if anybody is."""
        return [] if self.out is None else [not_(matches(self.out, person_id=person))]


def matches(others: FromClause, **values: ColumnElement[Any]) -> ColumnElement[Any]:
    """Whether a row of `others` has these values."""
    same = [others.c[name] == value for name, value in values.items()]
    return exists(select(literal(1)).select_from(others).where(*same))


def same_pair(others: FromClause, rows: FromClause) -> ColumnElement[Any]:
    """Whether `others` has the (email, person) pair of a row."""
    return matches(others, **{name: rows.c[name] for name in PAIR})


def complete(rows: FromClause, names: Sequence[str] = PAIR) -> ColumnElement[Any]:
    """Whether a row has all of the ids."""
    return and_(*(rows.c[name].is_not(None) for name in names))


def merged_flags(rows: FromClause) -> list[ColumnElement[Any]]:
    """What happened according to any row of a group."""
    return [func.max(rows.c[name]).label(name) for name in FLAG_COLUMNS]


def merged_records(rows: FromClause) -> Select:
    """Rows in the form of records, each key once."""
    key = [rows.c[name] for name in RECORD_KEY]
    return select(
        *key,
        *((func.max if name == "last_activity_at" else func.min)(rows.c[name]).label(name) for name in RECORD_TIMES),
        *merged_flags(rows),
    ).group_by(*key)


def send_rows(relations: Relations) -> Select:
    """The sends in the columns of `event_rows`."""
    sends = relations.sends
    columns = [sends.selected_columns[name] for name in SEND]
    return sends.with_only_columns(literal(Happening.SENT.value).label("happened"), *columns)


def unplaced_rows(events: FromClause, engine: Engine) -> Select:
    """The rows of `campaign_report_unplaced` for events."""
    key = [events.c[name] for name in MOMENT]
    grouped = (
        select(*key, engine.any_bits(events.c.happened, len(Happening)).label("happened"))
        .where(events.c.campaign_id.is_(None), complete(events))
        .group_by(*key)
        .subquery("moments")
    )
    flags = {flag.name: flag for flag in flags_of(grouped.c.happened, engine)}
    return select(*(grouped.c[name] for name in MOMENT), *(flags[name] for name in FLAG_COLUMNS))


def all_unplaced(relations: Relations, engine: Engine, rules: Rules) -> Select:
    """The rows of `campaign_report_unplaced` for the whole log."""
    events = event_rows(relations, engine, rules)
    if not events:
        return empty(UNPLACED, engine)
    return unplaced_rows(union_all(*events).subquery("events"), engine)


def sent_again(relations: Relations) -> Select:
    """(campaign_id, email_id, person_id, first_at) of whom the log has sends at several times."""
    sends = send_rows(relations).subquery("all_sends")
    key = [sends.c[name] for name in RECORD_KEY]
    sent_at = sends.c.activity_at
    return (
        select(*key, func.min(sent_at).label("first_at"))
        .where(complete(sends))
        .group_by(*key)
        .having(func.min(sent_at) < func.max(sent_at))
    )


def further_sends(relations: Relations, several: FromClause) -> Select:
    """The rows of `campaign_report_sends` for the whole log; `several` are those of `sent_again`."""
    again = send_rows(relations).subquery("again")
    same = and_(*(again.c[name] == several.c[name] for name in RECORD_KEY))
    return (
        select(*(again.c[name] for name in SEND))
        .join_from(again, several, same)
        .where(again.c.activity_at > several.c.first_at)
        .distinct()
    )


def click_rows(relations: Relations, engine: Engine, rules: Rules) -> Select:
    """Clicks by themselves, each once."""
    if EventKind.CLICKED not in relations.events:
        nothing = empty(CLICKS, engine).subquery("no_clicks")
        return select(*(nothing.c[name] for name in CLICK))
    clicks = counted_clicks(relations, engine, rules).subquery("new_clicks")
    return select(*(clicks.c[name] for name in CLICK)).where(complete(clicks)).distinct()


def sent_names(relations: Relations, engine: Engine) -> Select:
    """The rows of `campaign_report_sent_names` for the sends."""
    sends = relations.sends
    if "email_name" not in sends.selected_columns:
        return empty(NAMED, engine)
    email, name = plain(sends, "email_id"), plain(sends, "email_name")
    newest = func.max(plain(sends, "activity_at"))
    return (
        sends.with_only_columns(email.label("email_id"), name.label("name"), newest.label("named_at"))
        .where(email.is_not(None), name.is_not(None))
        .group_by(email, name)
    )


def variants_of(relations: Relations, engine: Engine) -> Select:
    """The rows of `campaign_email_variants` for the sends."""
    return variant_rows(relations) if knows_variants(relations) else empty(VARIANTS, engine)


def as_sends(named: FromClause) -> Select:
    """Stored names in the columns of the sends that bring them."""
    return select(named.c.email_id, named.c.name.label("email_name"), named.c.named_at.label("activity_at"))


def places(unplaced: FromClause, sends: FromClause) -> Select:
    """The campaign of each moment of `unplaced`: that of the latest of `sends` at or before it, of that email to that
    person; of sends at the same time the highest campaign. As `report/records.py` has it."""
    own = [unplaced.c[name] for name in (*MOMENT, *FLAG_COLUMNS)]
    place = func.row_number().over(
        partition_by=[unplaced.c[name] for name in MOMENT],
        order_by=[sends.c.activity_at.desc(), sends.c.campaign_id.desc()],
    )
    same = and_(*(unplaced.c[name] == sends.c[name] for name in PAIR), unplaced.c.activity_at >= sends.c.activity_at)
    ranked = (
        select(sends.c.campaign_id, *own, place.label("send_place")).join_from(unplaced, sends, same).subquery("ranked")
    )
    names = ("campaign_id", *MOMENT, *FLAG_COLUMNS)
    return select(*(ranked.c[name] for name in names)).where(ranked.c.send_place == literal(1))


def placed_clicks(clicks: FromClause, who: Who, placed: FromClause | None, records: FromClause) -> Select:
    """The rows of `campaign_report_clicks` for clicks by themselves, of which `records` holds all records."""
    joined, person = who.effective(clicks)
    campaign: ColumnElement[Any] = clicks.c.campaign_id
    if placed is not None:
        moment = {"email_id": clicks.c.email_id, "person_id": person, "activity_at": clicks.c.activity_at}
        same = [placed.c[name] == value for name, value in moment.items()]
        joined = joined.outerjoin(placed, and_(clicks.c.campaign_id.is_(None), *same))
        campaign = func.coalesce(campaign, placed.c.campaign_id)
    own = {"campaign_id": campaign, "email_id": clicks.c.email_id, "person_id": person}
    joined = joined.outerjoin(records, and_(*(records.c[name] == value for name, value in own.items())))
    return select(
        *(clicks.c[name] for name in CLICK),
        records.c.campaign_id.label("record_campaign_id"),
        records.c.person_id.label("record_person_id"),
        records.c.sent_at.label("record_sent_at"),
    ).select_from(joined)


def links_of(clicks: FromClause, engine: Engine, rules: Rules, *conditions: ColumnElement[Any]) -> Select:
    """The rows of `campaign_email_links` for the rows of `campaign_report_clicks`."""
    placed = select(
        clicks.c.record_campaign_id.label("campaign_id"),
        clicks.c.email_id,
        clicks.c.record_person_id.label("person_id"),
        clicks.c.record_sent_at.label("sent_at"),
        clicks.c.link,
        clicks.c.activity_id,
    ).where(clicks.c.record_campaign_id.is_not(None), *conditions)
    return link_rows(placed.subquery("placed"), engine, rules)


_TEXTS = ("link", "activity_id", "name")


def empty(name: str, engine: Engine) -> Select:
    """No rows, in the columns of a table."""

    def kind(own: str) -> Any:
        return String if own in _TEXTS else engine.time_type if own.endswith("_at") else BigInteger

    nothing = [cast(null(), kind(own)).label(own) for own in COLUMNS[name]]
    return no_rows(*nothing)

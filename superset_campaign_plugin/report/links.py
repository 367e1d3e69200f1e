"""Clicks to the links that they were on: one row for each campaign, email, day of the send, and link.

Columns: campaign_id, email_id, sent_date (midnight, in the report's time zone), link, and sums that are exact for every
grouping and every range of days:

    click_count       distinct activities
    people_count      email records with a click on the link
    clickers_count    those of them that have no link before this one, so that each record with a click counts once
"""

from __future__ import annotations

from sqlalchemy import BigInteger, String, and_, case, cast, distinct, func, literal, null, select
from sqlalchemy.sql.selectable import CTE, FromClause, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.activity_kinds import EventKind
from superset_campaign_plugin.report.records import RECORD_KEY, attribute, counted_clicks, counted_sends
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rollup import sent_day, total
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.steps import comment, no_rows, step

LINK_KEY = ("campaign_id", "email_id", "sent_date", "link")
LINK_COUNTS = ("click_count", "people_count", "clickers_count")


def link_clicks(relations: Relations, engine: Engine, rules: Rules, records: FromClause | None = None) -> CTE:
    """The rows as computed from the log; none without a table of clicks.

    Stored `records`, where there are any, say who clicked what they were sent, without a look at the sends.
    """
    if EventKind.CLICKED not in relations.events:
        return _no_clicks(engine)
    clicks = step("link_events", "Clicks on links of the emails", counted_clicks(relations, engine, rules))
    sends = counted_sends(relations)
    known = attribute(clicks, sends, "link").subquery("known")
    if records is None:
        key = [sends.c[name] for name in RECORD_KEY]
        sent = select(*key, func.min(sends.c.activity_at).label("sent_at")).group_by(*key)
    else:
        columns = [records.c[name] for name in (*RECORD_KEY, "sent_at")]
        sent = select(*columns).where(records.c.clicked == literal(1))
    people = step("recipients", "Who was sent what, and when first", sent)
    same = and_(*(known.c[name] == people.c[name] for name in RECORD_KEY))
    rows = select(*(known.c[name] for name in (*RECORD_KEY, "link", "activity_id")), people.c.sent_at)
    placed = comment(rows.join_from(known, people, same), "Clicks of people who were sent the email").subquery("placed")
    return link_rows(placed, engine, rules).cte("link_clicks")


def link_rows(clicks: FromClause, engine: Engine, rules: Rules) -> Select:
    """The rows for clicks that have the key of their email record, its `sent_at`, `link` and `activity_id`."""
    record = [clicks.c[name] for name in RECORD_KEY]
    place = func.row_number().over(partition_by=record, order_by=clicks.c.link)
    by_person = (
        select(
            *record,
            clicks.c.link,
            sent_day(func.min(clicks.c.sent_at), engine, rules).label("sent_date"),
            func.count(distinct(clicks.c.activity_id)).label("click_count"),
            place.label("link_place"),
        )
        .group_by(*record, clicks.c.link)
        .subquery("by_person")
    )
    key = [by_person.c[name] for name in LINK_KEY]
    return comment(
        select(
            *key,
            total(by_person.c.click_count, "click_count"),
            func.count().label("people_count"),
            total(case((by_person.c.link_place == literal(1), 1), else_=0), "clickers_count"),
        ).group_by(*key),
        "Clicks on each link, by the day of the send; a repeated row of the log counts once",
    )


def _no_clicks(engine: Engine) -> CTE:
    kinds = {"sent_date": engine.time_type, "link": String}
    names = (*LINK_KEY, *LINK_COUNTS)
    empty = no_rows(*(cast(null(), kinds.get(name, BigInteger)).label(name) for name in names))
    return step("link_clicks", "The loader has no table of clicks yet", empty)

"""The reasons of `reasons.py` in SQL: the same sentences without their days, and the names of the rules.

Stored records keep the days of opens and clicks alone, and an engine writes a day in the form of its own. So the days
stand in columns beside the sentence.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, case, literal
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause

from superset_campaign_plugin.report import reasons
from superset_campaign_plugin.report.activity_kinds import Status
from superset_campaign_plugin.report.records import PENDING_DAYS


def reason_words(records: FromClause) -> ColumnElement[Any]:
    """Why a record has its `status`, in words; `records` have the flags of an email record."""
    yes = literal(1)
    led = case(
        (records.c.clicked == yes, literal(_without_day(reasons.CLICKED))),
        (records.c.unsubscribed == yes, literal(_without_day(reasons.UNSUBSCRIBED))),
        else_=literal(_without_day(reasons.OPENED)),
    )
    by_proxy = and_(records.c.clicked != yes, records.c.privacy_proxy_opened == yes)
    machine = case(
        (records.c.human_opened == yes, literal("")),
        (by_proxy, literal(reasons.BY_PROXY)),
        else_=literal(reasons.BY_BOT),
    )
    opened = led.concat(_passed_over(records, "hard_bounced", reasons.OPEN_FIRST))
    opened = opened.concat(_passed_over(records, "soft_bounced", reasons.OPEN_FIRST)).concat(machine)
    hard = literal(_without_day(reasons.HARD_BOUNCED)).concat(_passed_over(records, "soft_bounced", reasons.HARD_FIRST))
    soft = literal(_without_day(reasons.SOFT_BOUNCED))
    return _by_status(
        records,
        opened,
        hard.concat(_passed_over(records, "delivered", reasons.BOUNCE_FIRST)),
        soft.concat(_passed_over(records, "delivered", reasons.SOFT_FIRST)),
        literal(_without_day(reasons.DELIVERED)),
        literal(_without_day(reasons.ABORTED)),
        literal(_without_day(reasons.PENDING)),
    )


def reason_rule(records: FromClause) -> ColumnElement[Any]:
    """The name of the rule that decided."""
    nothing = literal(reasons.OF_NOTHING)
    return _by_status(
        records,
        literal(reasons.OF_OPEN),
        literal(reasons.OF_HARD_BOUNCE),
        literal(reasons.OF_SOFT_BOUNCE),
        literal(reasons.OF_DELIVERY),
        nothing,
        nothing,
    )


def _by_status(
    records: FromClause,
    opened: ColumnElement[Any],
    hard: ColumnElement[Any],
    soft: ColumnElement[Any],
    delivered: ColumnElement[Any],
    aborted: ColumnElement[Any],
    pending: ColumnElement[Any],
) -> ColumnElement[Any]:
    def ended(status: Status) -> ColumnElement[Any]:
        return records.c.status == literal(status.value)

    return case(
        (records.c.opened == literal(1), opened),
        (ended(Status.HARD_BOUNCED), hard),
        (ended(Status.SOFT_BOUNCED), soft),
        (ended(Status.DELIVERED), delivered),
        (ended(Status.ABORTED), aborted),
        else_=pending,
    )


def _without_day(sentence: str) -> str:
    return sentence.format(on="", from_then=f"{PENDING_DAYS} days after the send")


def _passed_over(records: FromClause, event: str, why: str) -> ColumnElement[Any]:
    words = reasons.PASSED_OVER.format(noun=reasons.NOUNS[event], of="", why=why)
    return case((records.c[event] == literal(1), literal(words)), else_=literal(""))

"""The people behind the figures: one row an email record, with its status, when each thing happened, and its names.

`recipients` gives the report's dimensions and the columns of `RECIPIENT_COLUMNS`. The counts of a row are 0 or 1, under
the names of the report's metrics, so that their sums over any of the rows are the report's figures.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, func, literal, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.activity_kinds import Happening, Status
from superset_campaign_plugin.report.datasets import Options, with_names
from superset_campaign_plugin.report.people import resolve_people
from superset_campaign_plugin.report.records import (
    CLICKS,
    FLAGS,
    OPENS,
    counted_sends,
    email_activities,
    flagged,
    gathered,
    status_of,
)
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rollup import sent_day
from superset_campaign_plugin.report.steps import comment, step

STATUS_COUNTS = {status: status.name.lower() for status in Status}
# The counts that add up a flag of the record, by the flag.
FLAG_COUNTS = {flag: flag for flag in FLAGS} | {"clicked": "clicked_link", "human_clicked": "human_clicked_link"}
COUNTS = ("sent", *STATUS_COUNTS.values(), *FLAG_COUNTS.values())

# What of an email has a first and a last time, and the bits that stand for it.
_EVENTS = {
    "delivered": Happening.DELIVERED,
    "hard_bounced": Happening.HARD_BOUNCED,
    "soft_bounced": Happening.SOFT_BOUNCED,
    "opened": OPENS & ~CLICKS & ~Happening.UNSUBSCRIBED,
    "clicked": CLICKS,
    "unsubscribed": Happening.UNSUBSCRIBED,
}
EVENTS = tuple(_EVENTS)
EVENT_TIMES = tuple(f"{place}_{event}_at" for event in EVENTS for place in ("first", "last"))
RECIPIENT_COLUMNS = ("lead", "status", "sent_at", "last_activity_at", "happened", *EVENT_TIMES, *COUNTS)


def recipients(relations: Relations, engine: Engine, options: Options) -> Select:
    """One row for each person of each email of each campaign; the module's docstring says of what.

    `happened` is the sum of the bits of `Happening`, and `first_opened_at` the first open that is neither a click on a
    link of the email nor an unsubscribe: the image that reports opens, or a click on another link. Times are UTC, null
    where there was none.
    """
    people = resolve_people(relations, engine, options.rules)
    activities = email_activities(people, engine, options.rules, counted_sends(people))

    def times(event: str, bits: Happening) -> list[ColumnElement[Any]]:
        at = case((engine.has_bits(activities.c.happened, bits.value), activities.c.activity_at))
        return [func.min(at).label(f"first_{event}_at"), func.max(at).label(f"last_{event}_at")]

    all_times = [column for event, bits in _EVENTS.items() for column in times(event, bits)]
    records = flagged(gathered(activities, engine, *all_times), engine, "happened", *EVENT_TIMES)
    own = step(
        "recipients",
        "status.one-each: the first that holds of status.open-beats-bounce, status.hard-bounce-beats-soft, "
        "status.soft-bounce-beats-delivery, status.delivered, status.aborted-after-three-days",
        select(*records.c, status_of(records, engine, options.as_of).label("status")),
    )
    named, names = with_names(own, relations.names, engine, options)

    def one_if(condition: ColumnElement[bool], name: str) -> ColumnElement[Any]:
        return case((condition, 1), else_=0).label(name)

    counts = [
        literal(1).label("sent"),
        *(one_if(own.c.status == literal(status.value), name) for status, name in STATUS_COUNTS.items()),
        *(own.c[flag].label(name) for flag, name in FLAG_COUNTS.items()),
    ]
    return comment(
        named.add_columns(
            *names,
            sent_day(own.c.sent_at, engine, options.rules).label("sent_date"),
            own.c.person_id.label("lead"),
            *(own.c[name] for name in ("status", "sent_at", "last_activity_at", "happened", *EVENT_TIMES)),
            *counts,
        ),
        "The people behind the figures, one row for each person of each email of each campaign",
    )

"""Other ways to read the same log, by which a report that Marketo exported may differ from the plugin's.

`logged_until` reads a log as it was at an earlier moment. `OtherFacts` counts records that the report does not have:
those whose send the log lacks, or the activities of some days, whenever the email was sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from sqlalchemy import case, func, select
from sqlalchemy.sql.selectable import CTE, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.facts import ComputedFacts
from superset_campaign_plugin.report.records import (
    RECORD_KEY,
    counted_sends,
    email_activities,
    flagged,
    gathered,
    record_status,
)
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rollup import daily_rollup
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.steps import plain, step


class Counted(str, Enum):
    """What becomes a record.

    SENT          what was sent, by the rule record.needs-a-send
    WITHOUT_SEND  also what has activities without a send in the log. It counts as sent, on the day of the first of them
    BY_ACTIVITY   what was sent or happened on the asked days: each figure counts the people with such an activity, and
                  Sent those with a send. Source: the filter by the date of the activity, in place of the first send's
    """

    SENT = "sent"
    WITHOUT_SEND = "without_send"
    BY_ACTIVITY = "by_activity"


@dataclass(frozen=True)
class Window:
    """Moments in UTC without a zone: from `start`, inclusive, to `end`, exclusive; None leaves that side open."""

    start: datetime | None = None
    end: datetime | None = None


def logged_until(relations: Relations, engine: Engine, moment: datetime) -> Relations:
    """The relations with what was logged at `moment` (UTC, without a zone) or before it.

    The log does not say when a person was deleted, so all deletions stay.
    """

    def earlier(rows: Select, column: str = "activity_at") -> Select:
        return rows.where(plain(rows, column) <= engine.time_literal(moment))

    return replace(
        relations,
        sends=earlier(relations.sends),
        events={kind: earlier(rows) for kind, rows in relations.events.items()},
        merges=None if relations.merges is None else earlier(relations.merges, "merged_at"),
    )


class OtherFacts(ComputedFacts):
    """The daily figures with other records than those of the sends; `counted` says which, and is not SENT."""

    def __init__(
        self,
        relations: Relations,
        engine: Engine,
        rules: Rules,
        as_of: datetime | None,
        counted: Counted,
        window: Window,
    ) -> None:
        super().__init__(relations, engine, rules, as_of)
        self._counted = counted
        self._window = window

    def daily(self) -> CTE:
        engine, rules = self._engine, self._rules
        activities = email_activities(self._relations, engine, rules, counted_sends(self._relations))
        if self._counted is Counted.BY_ACTIVITY:
            activities = self._of_the_days(activities)
        first = func.min(activities.c.activity_at).label("first_activity_at")
        records = flagged(gathered(activities, engine, first), engine, "first_activity_at", without_send=True)
        sent_at = func.coalesce(records.c.sent_at, records.c.first_activity_at).label("sent_at")
        is_sent = case((records.c.sent_at.is_(None), 0), else_=1).label("is_sent")
        own = [column for column in records.c if column.name not in ("sent_at", "first_activity_at")]
        dated = step(
            "dated_records",
            "Records whose send is not among the activities, too, on the day of the first of these",
            select(sent_at, is_sent, *own),
        )
        status = record_status(dated, engine, self._as_of, "is_sent")
        sent = "is_sent" if self._counted is Counted.BY_ACTIVITY else None
        return daily_rollup(status, engine, rules, sent)

    def _of_the_days(self, activities: CTE) -> CTE:
        at = activities.c.activity_at
        rows = select(activities.c.happened, *(activities.c[name] for name in RECORD_KEY), at)
        if self._window.start is not None:
            rows = rows.where(at >= self._engine.time_literal(self._window.start))
        if self._window.end is not None:
            rows = rows.where(at < self._engine.time_literal(self._window.end))
        return step("activities_of_the_days", "Sends and events of the asked days alone", rows)

"""The one table of Marketo's log: the kinds of activities, their columns, what the report lacks without them, and what
becomes of an email.

From it follow the loaders' layouts and the user's own mapping (`sources/`), what `load` stores, what `doctor` says of
a table or column that is missing, and the SQL (`records.py`). docs/extending.md shows what a new kind takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum, IntFlag
from typing import Any


class EventKind(str, Enum):
    """What an activity did to an email record. The values appear in the SQL, so they read as words."""

    SENT = "sent"
    DELIVERED = "delivered"
    HARD_BOUNCED = "hard bounced"
    SOFT_BOUNCED = "soft bounced"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"


class Happening(IntFlag):
    """What happened to an email, finer than the log's kinds: who opened or clicked. Other kinds have a bit each.

    One bit each, so that all that happened to a record is one number, which an engine gathers in one go: with a
    sum or maximum for each, the grouping of a large log took twice as long. The comments of the SQL name the bits.
    """

    SENT = 1
    DELIVERED = 2
    HARD_BOUNCED = 4
    SOFT_BOUNCED = 8
    OPENED = 16
    OPENED_BY_BOT = 32
    OPENED_BY_PRIVACY_PROXY = 64
    OPENED_BY_IMAGE_PROXY = 128
    CLICKED = 256
    CLICKED_BY_BOT = 512
    UNSUBSCRIBED = 1024


@dataclass(frozen=True)
class ActivityKind:
    """A kind of activity, as Marketo and its loaders know it.

    `number` is Marketo's number of the activity type, by which kinds are told apart where all lie in one table.
    `table` is what most loaders call its table, after a prefix of their own. `without` says what the report lacks
    where there is no such table; there is none only of the sends, without which there is no report.
    """

    number: int
    table: str
    without: str = ""


KINDS: dict[EventKind, ActivityKind] = {
    EventKind.SENT: ActivityKind(6, "send_email"),
    EventKind.DELIVERED: ActivityKind(
        7,
        "email_delivered",
        "Only opened emails are known as delivered, all others without a bounce are Aborted.",
    ),
    EventKind.HARD_BOUNCED: ActivityKind(8, "email_bounced", "No email counts as Hard Bounced."),
    EventKind.SOFT_BOUNCED: ActivityKind(27, "email_bounced_soft", "No email counts as Soft Bounced."),
    EventKind.OPENED: ActivityKind(10, "open_email", "Only clicks and unsubscribes count as opens."),
    EventKind.CLICKED: ActivityKind(11, "click_email", "Clicked Link stays 0, and there are no links."),
    EventKind.UNSUBSCRIBED: ActivityKind(9, "unsubscribe_email", "Unsubscribed stays 0."),
}
# Of people, beside what happens to emails.
MERGE_TYPES = (32,)
DELETE_TYPES = (37, 29)  # one loader's tables say 29


class Holds(Enum):
    """What a column of a loader's table should hold."""

    TEXT = "a text"
    ID = "a whole number"
    ID_LIST = "whole numbers with commas between"
    TIME = "a time"
    FLAG = "yes or no"


@dataclass(frozen=True)
class Lack:
    """What the report lacks without a column, and the name by which `doctor` speaks of that."""

    part: str
    effect: str


_BOUNCES = (EventKind.HARD_BOUNCED, EventKind.SOFT_BOUNCED)
_BOTS = Lack("bot", "Nothing is known of bots: Human Opened and Human Clicked Link include them.")


def _column(
    usual: str | tuple[str, ...] | None = None,
    *,
    of: tuple[EventKind, ...] = tuple(EventKind),
    holds: Holds = Holds.TEXT,
    without: Mapping[EventKind, Lack] | None = None,
    attribute: bool = False,
) -> Any:
    """A column of the tables of activities. `usual` is what most loaders call it; with None each layout must say.

    `of` are the kinds of activities that have it: none for what tells the kinds apart, and for the ids of merges.
    `without` says what the report lacks where a table of that kind does not have it. An `attribute` is one that Marketo
    keeps among the attributes of its bulk extract.
    """
    told = {"of": of, "holds": holds, "without": without or {}, "attribute": attribute}
    return field(metadata=told) if usual is None else field(default=usual, metadata=told)


@dataclass(frozen=True)
class ActivityColumns:
    """What a layout calls the columns that the tables of activities share.

    An event table needs the person, the time and the email (without `activity_id` repeated rows are not found, and
    without `campaign_id` a send's campaign is unknown); the others are read where a table has them. `loaded_at` names
    the loader's own sync columns; the first that a table has is the one.
    """

    activity_id: str = _column()
    person_id: str = _column(holds=Holds.ID)
    activity_at: str = _column(holds=Holds.TIME)
    campaign_id: str = _column(
        holds=Holds.ID,
        without={
            kind: Lack("campaign_id", "Each of these belongs to the person's latest send of the email.")
            for kind in EventKind
        }
        | {
            EventKind.SENT: Lack(
                "campaign_of_sends", "Which campaign sent what is not known: all stands under 'Unknown campaign'."
            )
        },
    )
    email_id: str = _column(holds=Holds.ID)
    email_name: str = _column("", of=(EventKind.SENT,))
    activity_type: str = _column("activity_type_id", of=(), holds=Holds.ID)
    result: str = _column(
        "action_result",
        of=(EventKind.SENT,),
        attribute=True,
        without={
            EventKind.SENT: Lack("result", "Skipped and failed sends cannot be told apart, and count as sent."),
        },
    )
    link: str = _column(
        "link",
        of=(EventKind.CLICKED,),
        attribute=True,
        without={
            EventKind.CLICKED: Lack("link", "Clicks on the unsubscribe link count as clicks, and there are no links."),
        },
    )
    bot: str = _column(
        "is_bot_activity",
        of=(EventKind.OPENED, EventKind.CLICKED),
        holds=Holds.FLAG,
        attribute=True,
        without={EventKind.OPENED: _BOTS, EventKind.CLICKED: _BOTS},
    )
    user_agent: str = _column(
        "user_agent",
        of=(EventKind.OPENED, EventKind.CLICKED),
        attribute=True,
        without={
            EventKind.OPENED: Lack("user_agent", "Nothing is known of machines: Human Opened includes Apple's proxy."),
        },
    )
    test_variant: str = _column(
        "test_variant",
        of=(EventKind.SENT,),
        holds=Holds.ID,
        without={EventKind.SENT: Lack("test_variant", "Which variant of a test was sent is not known.")},
    )
    bounce_category: str = _column(
        "category",
        of=_BOUNCES,
        without={kind: Lack("bounce_category", "Their details alone say why emails bounced.") for kind in _BOUNCES},
    )
    bounce_details: str = _column(
        "details",
        of=_BOUNCES,
        without={kind: Lack("bounce_details", "Their category alone says why emails bounced.") for kind in _BOUNCES},
    )
    bounce_address: str = _column("email", of=_BOUNCES)
    merged_ids: str = _column("merge_ids", of=(), holds=Holds.ID_LIST, attribute=True)
    loaded_at: tuple[str, ...] = _column((), holds=Holds.TIME)

    def names_of(self, column: LogColumn) -> tuple[str, ...]:
        """What the layout calls the column: several names of sync columns, and none for what the loader lacks."""
        own = getattr(self, column.name)
        return own if isinstance(own, tuple) else (own,) if own else ()


@dataclass(frozen=True)
class LogColumn:
    """A column of `ActivityColumns`; `_column` explains the fields. Those without a usual name are empty there.

    `required` is one that every layout has to name.
    """

    name: str
    required: bool
    usual: str
    of: tuple[EventKind, ...]
    holds: Holds
    without: Mapping[EventKind, Lack]
    attribute: bool


LOG_COLUMNS = tuple(
    LogColumn(
        each.name,
        required=each.default is MISSING,
        usual=each.default if isinstance(each.default, str) else "",
        **each.metadata,
    )
    for each in fields(ActivityColumns)
)
# By their usual names, as `load` stores them.
ATTRIBUTES = tuple(column.usual for column in LOG_COLUMNS if column.attribute)


class Status(str, Enum):
    """What became of an email record: each has one. The words are those of the report's columns."""

    DELIVERED = "Delivered"
    HARD_BOUNCED = "Hard Bounced"
    SOFT_BOUNCED = "Soft Bounced"
    PENDING = "Pending"
    ABORTED = "Aborted"

    @property
    def rollup_column(self) -> str:
        """The column of the rollup that counts the records of this status."""
        return f"{self.name.lower()}_count"

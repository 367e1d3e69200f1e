"""The canonical relations: the one form that every loader's tables are brought into and that the report reads.

events      campaign_id, email_id, person_id (whole numbers, any may be null), activity_at (UTC time),
            activity_id (text), and for clicks link (text or null)
campaigns   campaign_id, name, program_id, workspace, active (Yes / No / null), one row an id
programs    program_id, name, workspace, one row an id
emails      email_id, name, subject, operational (Yes / No / null), workspace, one row an id
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sqlalchemy.sql.selectable import Select


class EventKind(str, Enum):
    """What an activity did to an email record. The values appear in the SQL, so they read as words."""

    SENT = "sent"
    DELIVERED = "delivered"
    HARD_BOUNCED = "hard bounced"
    SOFT_BOUNCED = "soft bounced"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True)
class Relations:
    """The canonical relations of one warehouse. An absent event table is left out; the sends are always there.

    `sends` holds only sends that count: neither skipped nor failed.
    """

    sends: Select
    events: dict[EventKind, Select]
    campaigns: Select
    programs: Select
    emails: Select

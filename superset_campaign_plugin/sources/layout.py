"""How a loader lays out its tables, as data. Each layout is a file of its own that fills these in.

A layout names tables and columns only; `relations.py` turns it, and what the warehouse really has, into the
canonical relations that the report reads.
"""

from __future__ import annotations

from dataclasses import dataclass

from superset_campaign_plugin.report.relations import EventKind


@dataclass(frozen=True)
class EventColumns:
    """The columns that the event tables share. `result` and `link` are read where a table has them."""

    activity_id: str
    person_id: str
    activity_at: str
    campaign_id: str
    email_id: str
    result: str
    link: str


@dataclass(frozen=True)
class AssetTable:
    """A table of campaigns, programs or emails, possibly with several versions of an id.

    `columns` maps the canonical column to the loader's. The newest version is the first when ordered by `newest`,
    each descending.
    """

    table: str
    id: str
    columns: dict[str, str]
    newest: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """One loader. Every table but the send table may be absent: loaders create a table with its first row."""

    name: str
    title: str
    events: dict[EventKind, str]
    event_columns: EventColumns
    campaigns: AssetTable
    programs: AssetTable
    emails: AssetTable

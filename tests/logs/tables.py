"""A log as Fivetran lands it in a warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from logs.model import Activity, Log, utc

EVENT_TABLES = {
    "send": "activity_send_email",
    "deliver": "activity_email_delivered",
    "bounce": "activity_email_bounced",
    "soft_bounce": "activity_email_bounced_soft",
    "open": "activity_open_email",
    "click": "activity_click_email",
    "unsubscribe": "activity_unsubscribe_email",
}
ACTIVITY_TYPES = {"send": 6, "deliver": 7, "bounce": 8, "soft_bounce": 27, "open": 10, "click": 11, "unsubscribe": 9}
Rows = list[tuple[Any, ...]]


class Table(NamedTuple):
    """A table to load: its column names with one of the types integer, text, time and flag, and its rows."""

    name: str
    columns: dict[str, str]
    rows: Rows


def fivetran_tables(log: Log) -> Iterator[Table]:
    """The log as Fivetran lands it: a table exists once it has a row, but the sends' always does."""
    by_kind: dict[str, list[Activity]] = {kind: [] for kind in EVENT_TABLES}
    for activity in log.activities:
        by_kind[activity.kind].append(activity)
    for kind, name in EVENT_TABLES.items():
        if by_kind[kind] or kind == "send":
            yield _event_table(kind, name, by_kind[kind])
    if log.merges:
        yield Table(
            "activity_merge_leads",
            {"id": "integer", "activity_date": "time", "lead_id": "integer", "merge_ids": "text"},
            [
                (number, merge.time, merge.survivor, f"[{', '.join(map(str, merge.merged))}]")
                for number, merge in enumerate(log.merges, start=900_001)
            ],
        )
    if log.deletions:
        yield Table(
            "activity_delete_lead",
            {"id": "integer", "activity_date": "time", "lead_id": "integer"},
            [(number, utc("2024-06-01"), person) for number, person in enumerate(log.deletions, start=950_001)],
        )
    if log.campaigns:
        yield Table(
            "campaign",
            {
                "id": "integer",
                "active": "flag",
                "name": "text",
                "program_id": "integer",
                "type": "text",
                "updated_at": "time",
                "workspace_name": "text",
                "_fivetran_deleted": "flag",
            },
            [(c.id, True, c.name, c.program, "batch", c.updated_at, c.workspace, False) for c in log.campaigns],
        )
    if log.programs:
        yield Table(
            "program",
            {
                "id": "integer",
                "channel": "text",
                "name": "text",
                "type": "text",
                "updated_at": "time",
                "workspace": "text",
                "_fivetran_deleted": "flag",
            },
            [(p.id, "Email", p.name, "Default", p.updated_at, p.workspace, False) for p in log.programs],
        )
    if log.emails:
        yield Table(
            "email_template_history",
            {
                "id": "integer",
                "name": "text",
                "operational": "flag",
                "program_id": "integer",
                "status": "text",
                "subject": "text",
                "updated_at": "time",
                "version": "integer",
                "workspace": "text",
            },
            [(e.id, e.name, False, None, "approved", "Hello", e.updated_at, 2, e.workspace) for e in log.emails],
        )
    yield from address_table(log, "lead", "id", "email", "updated_at")


def address_table(log: Log, name: str, person: str, address: str, updated: str) -> Iterator[Table]:
    """The table of people, where the log has addresses."""
    if log.addresses:
        columns = {person: "integer", address: "text", updated: "time"}
        yield Table(name, columns, [(one.person, one.address, one.updated_at) for one in log.addresses])


def _event_table(kind: str, name: str, activities: list[Activity]) -> Table:
    columns = {
        "id": "integer",
        "_fivetran_synced": "time",
        "activity_date": "time",
        "activity_type_id": "integer",
        "campaign_id": "integer",
        "campaign_run_id": "integer",
        "choice_number": "integer",
        "lead_id": "integer",
        "primary_attribute_value": "text",
        "primary_attribute_value_id": "integer",
        "step_id": "integer",
    }
    number, synced = ACTIVITY_TYPES[kind], utc("2024-07-01")
    rows: Rows = [
        # The campaign run follows the activity: it is no part of what makes a record.
        (a.id, synced, a.time, number, a.campaign, a.id % 97, 0, a.person, a.named, a.email, 1)
        for a in activities
    ]
    if kind == "send":
        columns["action_result"] = "text"
        rows = [(*row, activity.action_result) for row, activity in zip(rows, activities, strict=True)]
    if kind == "click":
        columns["link"] = "text"
        rows = [(*row, activity.link) for row, activity in zip(rows, activities, strict=True)]
    # Older tables lack what Marketo has added since.
    for column, type_, values in (
        ("is_bot_activity", "flag", [activity.bot for activity in activities]),
        ("user_agent", "text", [activity.agent for activity in activities]),
        ("category", "text", [activity.category for activity in activities]),
        ("details", "text", [activity.details for activity in activities]),
        ("email", "text", [activity.address for activity in activities]),
        ("test_variant", "integer", [activity.variant for activity in activities]),
    ):
        if any(value is not None for value in values):
            columns[column] = type_
            rows = [(*row, value) for row, value in zip(rows, values, strict=True)]
    return Table(name, columns, rows)

"""The same log as each loader would have left it in a warehouse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from logs import ACTIVITY_TYPES, EVENT_TABLES, Activity, Log, Merge, Table, address_table, fivetran_tables, utc

LOADED = utc("2024-07-01")

MAPPING = """
name: ours
columns:
  activity_id: guid
  person_id: contact
  activity_at: happened
  campaign_id: sent_by
  email_id: mail
  email_name: mail_name
  activity_type: kind
  result: outcome
  link: url
  bot: robot
  user_agent: agent
  test_variant: version
  bounce_category: class
  bounce_details: answer
  bounce_address: mailed_to
  merged_ids: swallowed
  loaded_at: written
events:
  sent: mail_sent
  delivered: {table: mail_log, types: [7]}
  hard_bounced: {table: mail_log, types: [8]}
  soft_bounced: {table: mail_log, types: [27]}
  opened: {table: mail_log, types: [10]}
  clicked: {table: mail_log, types: [11]}
  unsubscribed: {table: mail_log, types: [9]}
merges: contact_merges
deletions: contact_deletions
campaigns: {table: actions, id: number, name: label, program_id: parent, workspace: team, newest: [changed]}
programs: {table: parents, id: number, name: label, workspace: team, newest: [changed]}
emails: {table: mails, id: number, name: label, workspace: team, newest: [changed]}
addresses: {table: contacts, id: number, email: mailbox, newest: [changed]}
"""


# The same log in one table, whose attributes are JSON under Marketo's own names for them.
JSON_MAPPING = """
name: raw
table_prefix: raw_
columns:
  activity_id: guid
  person_id: lead
  activity_at: happened
  campaign_id: campaign
  email_id: asset
  activity_type: kind
  result: attributes.Action Result
  link: attributes.Link
  bot: attributes.Is Bot Activity
  user_agent: attributes.User Agent
  test_variant: attributes.Test Variant
  bounce_category: attributes.Category
  bounce_details: attributes.Details
  bounce_address: attributes.Email
  merged_ids: attributes.Merge IDs
events:
  sent: {table: activities, types: [6]}
  delivered: {table: activities, types: [7]}
  hard_bounced: {table: activities, types: [8]}
  soft_bounced: {table: activities, types: [27]}
  opened: {table: activities, types: [10]}
  clicked: {table: activities, types: [11]}
  unsubscribed: {table: activities, types: [9]}
merges: {table: activities, types: [32]}
deletions: {table: activities, types: [37]}
campaigns: {table: actions, id: number, name: label, program_id: parent, workspace: team, newest: [changed]}
programs: {table: parents, id: number, name: label, workspace: team, newest: [changed]}
emails: {table: mails, id: number, name: label, workspace: team, newest: [changed]}
addresses: {table: contacts, id: number, email: mailbox, newest: [changed]}
"""


def airbyte(log: Log, always: bool = False) -> Iterator[Table]:
    """Airbyte: camel case, the email's id as text, an email's subject nested. `always` makes empty tables, too."""
    yield from _streams(log, "primaryAttributeValueId", "_airbyte_extracted_at", always)


def singer(log: Log) -> Iterator[Table]:
    """Singer, as a destination that keeps everything in lower case has it."""
    for table in _streams(log, "primary_attribute_value_id", "_sdc_batched_at"):
        yield table._replace(columns={name.lower(): kind for name, kind in table.columns.items()})


def _streams(log: Log, email_id: str, synced: str, always: bool = False) -> Iterator[Table]:
    for kind, name in EVENT_TABLES.items():
        activities = [activity for activity in log.activities if activity.kind == kind]
        if not activities and kind != "send" and not always:
            continue
        yield Table(
            name.replace("activity_", "activities_"),
            {
                "marketoGUID": "text",
                "leadId": "integer",
                "activityDate": "time",
                "activityTypeId": "integer",
                "campaignId": "integer",
                email_id: "text",
                email_id.removesuffix("Id").removesuffix("_id"): "text",
                "action_result": "text",
                "link": "text",
                "is_bot_activity": "text",
                "user_agent": "text",
                "category": "text",
                "details": "text",
                "email": "text",
                "test_variant": "text",
                synced: "time",
            },
            [
                (
                    guid(a),
                    a.person,
                    a.time,
                    ACTIVITY_TYPES[kind],
                    a.campaign,
                    text(a.email),
                    a.named,
                    a.action_result,
                    a.link,
                    text(a.bot),
                    a.agent,
                    *told(a),
                    text(a.variant),
                    LOADED,
                )
                for a in activities
            ],
        )
    yield from address_table(log, "leads", "id", "email", "updatedAt")
    yield from _people(
        log, "activities_merge_leads", "activities_delete_lead", "leadId", "activityDate", "merge_ids", always
    )
    yield from _assets(
        log,
        ("campaigns", {"programId": "program", "workspaceName": "workspace"}),
        ("programs", {"workspace": "workspace"}),
        ("emails", {"workspace": "workspace"}),
        "updatedAt",
        nested_subject=True,
        always=always,
    )


def bulk(log: Log, loaded: datetime = LOADED) -> Iterator[Table]:
    """Marketo's bulk extract, as the plugin's own command loads it, with tables of assets beside."""
    rows = [
        (
            guid(a),
            ACTIVITY_TYPES[a.kind],
            a.time,
            a.person,
            a.campaign,
            a.email,
            a.named,
            a.action_result,
            a.link,
            text(a.bot),
            a.agent,
            None,
            loaded,
        )
        for a in log.activities
    ]
    rows += [
        (
            f"merge-{number}",
            32,
            merge.time,
            merge.survivor,
            None,
            None,
            None,
            None,
            None,
            None,
            None,
            ",".join(map(str, merge.merged)),
            loaded,
        )
        for number, merge in enumerate(log.merges)
    ]
    rows += [
        (f"delete-{number}", 37, utc("2024-06-01"), person, *[None] * 8, loaded)
        for number, person in enumerate(log.deletions)
    ]
    yield Table(
        "marketo_activity",
        {
            "activity_id": "text",
            "activity_type_id": "integer",
            "activity_date": "time",
            "lead_id": "integer",
            "campaign_id": "integer",
            "email_id": "integer",
            "email_name": "text",
            "action_result": "text",
            "link": "text",
            "is_bot_activity": "text",
            "user_agent": "text",
            "merge_ids": "text",
            "loaded_at": "time",
        },
        rows,
    )
    yield from _assets(
        log,
        ("marketo_campaign", {"program_id": "program", "workspace": "workspace"}),
        ("marketo_program", {"workspace": "workspace"}),
        ("marketo_email", {"workspace": "workspace"}),
        "updated_at",
        always=True,
    )


def custom(log: Log) -> Iterator[Table]:
    """A company's own tables, as `MAPPING` describes them."""

    def rows(activities: list[Activity]) -> list[tuple[Any, ...]]:
        return [
            (
                guid(a),
                ACTIVITY_TYPES[a.kind],
                a.time,
                a.person,
                a.campaign,
                a.email,
                a.named,
                a.action_result,
                a.link,
                a.bot,
                a.agent,
                *told(a),
                a.variant,
                LOADED,
            )
            for a in activities
        ]

    columns = {
        "guid": "text",
        "kind": "integer",
        "happened": "time",
        "contact": "integer",
        "sent_by": "integer",
        "mail": "integer",
        "mail_name": "text",
        "outcome": "text",
        "url": "text",
        "robot": "flag",
        "agent": "text",
        "class": "text",
        "answer": "text",
        "mailed_to": "text",
        "version": "integer",
        "written": "time",
    }
    yield Table("mail_sent", columns, rows([a for a in log.activities if a.kind == "send"]))
    yield Table("mail_log", columns, rows([a for a in log.activities if a.kind != "send"]))
    people = {"number": "integer", "mailbox": "text", "changed": "time"}
    yield Table("contacts", people, [(one.person, one.address, one.updated_at) for one in log.addresses])
    yield from _people(log, "contact_merges", "contact_deletions", "contact", "happened", "swallowed", always=True)
    yield from _assets(
        log,
        ("actions", {"parent": "program", "team": "workspace"}),
        ("parents", {"team": "workspace"}),
        ("mails", {"team": "workspace"}),
        "changed",
        key="number",
        name="label",
        always=True,
    )


def _people(
    log: Log, merges: str, deletions: str, person: str, time: str, merged: str, always: bool = False
) -> Iterator[Table]:
    if log.merges or always:
        yield Table(
            merges,
            {person: "integer", time: "time", merged: "text"},
            [(merge.survivor, merge.time, f"[{','.join(map(str, merge.merged))}]") for merge in log.merges],
        )
    if log.deletions or always:
        rows = [(lead, utc("2024-06-01")) for lead in log.deletions]
        yield Table(deletions, {person: "integer", time: "time"}, rows)


def _assets(
    log: Log,
    campaigns: tuple[str, dict[str, str]],
    programs: tuple[str, dict[str, str]],
    emails: tuple[str, dict[str, str]],
    updated: str,
    *,
    key: str = "id",
    name: str = "name",
    nested_subject: bool = False,
    always: bool = False,
) -> Iterator[Table]:
    kinds = {"program": "integer", "workspace": "text"}
    for (table, own), assets in ((campaigns, log.campaigns), (programs, log.programs), (emails, log.emails)):
        columns = {
            key: "integer",
            name: "text",
            updated: "time",
            **{mine: kinds[theirs] for mine, theirs in own.items()},
        }
        rows = [(a.id, a.name, a.updated_at, *(getattr(a, theirs) for theirs in own.values())) for a in assets]
        if nested_subject and assets is log.emails:
            columns["subject"] = "text"
            rows = [(*row, '{"type": "Text", "value": "Hello"}') for row in rows]
        if rows or always:
            yield Table(table, columns, rows)


def told(activity: Activity) -> tuple[str | None, ...]:
    """What a bounce says of itself."""
    return activity.category, activity.details, activity.address


def guid(activity: Activity) -> str:
    return f"guid-{activity.id}"


def text(value: object) -> str | None:
    return None if value is None else str(value).lower()


def lakeflow(log: Log) -> Iterator[Table]:
    """Databricks Lakeflow Connect: tables named by the number of their type, and no sync column and no names."""
    numbers = {name: ACTIVITY_TYPES[kind] for kind, name in EVENT_TABLES.items()}
    numbers |= {"activity_merge_leads": 32, "activity_delete_lead": 37}
    for table in _streams(log, "primaryAttributeValueId", "synced"):
        number = numbers.get(table.name.replace("activities_", "activity_"))
        if number is not None:
            yield _without(table, "synced")._replace(name=f"activity_{number}")
        elif table.name == "leads":
            yield table


def stitch(log: Log) -> Iterator[Table]:
    """Stitch, where the destination cannot nest: the ids of a merge are rows of a table of their own."""
    ids = [(merge_id, number, person) for merge_id, number, person, _ in _merged_people(log)]
    for table in singer(log):
        if table.name != "activities_merge_leads":
            yield table
            continue
        table = _without(table, "merge_ids")
        rows = [(f"merge-{number}", *row) for number, row in enumerate(table.rows)]
        yield table._replace(columns={"marketoguid": "text", **table.columns}, rows=rows)
        columns = {"_sdc_source_key_marketoguid": "text", "_sdc_level_0_id": "integer", "value": "integer"}
        yield Table(
            "activities_merge_leads__merge_ids",
            {**columns, "value__st": "text"},
            [
                (merge_id, level, *((person, None) if level % 2 else (None, str(person))))
                for merge_id, level, person in ids
            ],
        )


def merged_lead(log: Log) -> Iterator[Table]:
    """Fivetran's newer releases: who was merged into whom, in a table of its own, without a time."""
    yield from (table for table in fivetran_tables(log) if table.name != "activity_merge_leads")
    yield _merged_lead(log, dated=False)


def merged_lead_beside(log: Log) -> Iterator[Table]:
    """The same beside the activities, of which the loader has the last half alone."""
    for table in fivetran_tables(log):
        yield table._replace(rows=table.rows[len(table.rows) // 2 :]) if table.name == "activity_merge_leads" else table
    yield _merged_lead(log, dated=True)


def _merged_lead(log: Log, *, dated: bool) -> Table:
    columns = {"merged_lead": "integer", "into_lead": "integer"} | ({"merge_date": "time"} if dated else {})
    rows = [(person, merge.survivor, *([merge.time] if dated else [])) for _, _, person, merge in _merged_people(log)]
    return Table("merged_lead", columns, rows)


def _merged_people(log: Log) -> Iterator[tuple[str, int, int, Merge]]:
    """(the merge's activity id, place in it, person, merge) of everybody who was merged."""
    for number, merge in enumerate(log.merges):
        for place, person in enumerate(merge.merged):
            yield f"merge-{number}", place, person, merge


def raw(log: Log) -> Iterator[Table]:
    """One table with the attributes as JSON, as `JSON_MAPPING` describes it."""
    names = ("Action Result", "Link", "Is Bot Activity", "User Agent", "Category", "Details", "Email", "Test Variant")

    def attributes(*values: Any) -> str:
        found = dict(zip(names, values, strict=True))
        # A null may stand there as one, or be left out.
        return json.dumps(
            {
                **{key: value for key, value in found.items() if value is not None},
                "Campaign Run ID": 7,
                "Choice Number": None,
            }
        )

    rows: list[tuple[Any, ...]] = [
        (
            guid(a),
            ACTIVITY_TYPES[a.kind],
            a.time,
            a.person,
            a.campaign,
            a.email,
            attributes(a.action_result, a.link, a.bot, a.agent, *told(a), a.variant),
        )
        for a in log.activities
    ]
    rows += [
        (
            f"merge-{number}",
            32,
            merge.time,
            merge.survivor,
            None,
            None,
            json.dumps({"Merge IDs": ",".join(map(str, merge.merged))}),
        )
        for number, merge in enumerate(log.merges)
    ]
    rows += [
        (f"delete-{number}", 37, utc("2024-06-01"), person, None, None, None)
        for number, person in enumerate(log.deletions)
    ]
    columns = {
        "guid": "text",
        "kind": "integer",
        "happened": "time",
        "lead": "integer",
        "campaign": "integer",
        "asset": "integer",
        "attributes": "text",
    }
    yield Table("raw_activities", columns, rows)
    for table in custom(log):
        if table.name in ("actions", "parents", "mails", "contacts"):
            yield table._replace(name=f"raw_{table.name}")


def spelled(layout: Layout, name: Callable[[str], str], column: Callable[[str], str] = str) -> Layout:
    """The layout's tables under other names."""

    def tables(log: Log) -> Iterator[Table]:
        for table in layout(log):
            columns = {column(own): kind for own, kind in table.columns.items()}
            yield table._replace(name=name(table.name), columns=columns)

    return tables


def _without(table: Table, left_out: str) -> Table:
    places = [place for place, name in enumerate(table.columns) if name != left_out]
    columns = {name: kind for name, kind in table.columns.items() if name != left_out}
    return table._replace(columns=columns, rows=[tuple(row[place] for place in places) for row in table.rows])


Layout = Callable[[Log], Iterable[Table]]
LAYOUTS: dict[str, Layout] = {
    "fivetran": fivetran_tables,
    "airbyte": airbyte,
    "singer": singer,
    "bulk": bulk,
    "lakeflow": lakeflow,
    "custom": custom,
}
# Other forms that tables of a layout have: what `--source` names, and the tables.
FORMS: dict[str, tuple[str, Layout]] = {
    "in capitals": ("fivetran", spelled(fivetran_tables, str.upper, str.upper)),
    "in mixed case": ("airbyte", spelled(airbyte, str.title)),
    "after a prefix": ("airbyte:marketo__", spelled(airbyte, lambda name: f"marketo__{name}")),
    "after a prefix in capitals": ("bulk:raw_", spelled(bulk, lambda name: f"RAW_{name.upper()}")),
    "merged ids in a table": ("singer", stitch),
    "merged people": ("fivetran", merged_lead),
    "merged people beside merges": ("fivetran", merged_lead_beside),
    "attributes as JSON": ("raw", raw),
}

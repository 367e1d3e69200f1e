"""Fivetran's Marketo connector: one table an activity type, assets with their history.

Its newer releases say in `merged_lead` who was merged into whom, a row a person.
"""

from __future__ import annotations

from superset_campaign_plugin.report.activity_kinds import ActivityColumns
from superset_campaign_plugin.sources.layout import AssetTable, Layout, LogTable, MergedPeopleTable, one_table_each

LAYOUT = Layout(
    name="fivetran",
    title="Fivetran Marketo",
    events=one_table_each("activity_"),
    merges=LogTable("activity_merge_leads"),
    deletions=LogTable("activity_delete_lead"),
    columns=ActivityColumns(
        activity_id="id",
        person_id="lead_id",
        activity_at="activity_date",
        campaign_id="campaign_id",
        email_id="primary_attribute_value_id",
        email_name="primary_attribute_value",
        loaded_at=("_fivetran_synced",),
    ),
    campaigns=AssetTable(
        table="campaign",
        id="id",
        columns={
            "name": "name",
            "program_id": "program_id",
            "program_name": "program_name",
            "workspace": "workspace_name",
            "active": "active",
            "archived": "_fivetran_deleted",
        },
        newest=("updated_at", "created_at"),
    ),
    programs=AssetTable(
        table="program",
        id="id",
        columns={"name": "name", "workspace": "workspace"},
        newest=("updated_at", "created_at"),
    ),
    emails=AssetTable(
        table="email_template_history",
        id="id",
        columns={
            "name": "name",
            "subject": "subject",
            "operational": "operational",
            "workspace": "workspace",
            "archived": "_fivetran_deleted",
        },
        newest=("updated_at", "version", "created_at"),
        status="status",
    ),
    addresses=AssetTable(table="lead", id="id", columns={"email": "email"}, newest=("updated_at", "created_at")),
    merged_people=MergedPeopleTable(
        table="merged_lead", person_id="merged_lead", surviving_id="into_lead", merged_at="merge_date"
    ),
)

"""Marketo's bulk activity extract, as `load` and `pull-activities` store it: all activities in one table.

The extract holds no assets. Names come from the tables that `pull-activities` makes, or the user; else ids are shown.
"""

from __future__ import annotations

from superset_campaign_plugin.report.activity_kinds import DELETE_TYPES, MERGE_TYPES, ActivityColumns
from superset_campaign_plugin.sources.layout import AssetTable, Layout, LogTable, one_table_for_all

ACTIVITY_TABLE = "marketo_activity"

LAYOUT = Layout(
    name="bulk",
    title="Marketo bulk activity extract",
    events=one_table_for_all(ACTIVITY_TABLE),
    merges=LogTable(ACTIVITY_TABLE, MERGE_TYPES),
    deletions=LogTable(ACTIVITY_TABLE, DELETE_TYPES),
    columns=ActivityColumns(
        activity_id="activity_id",
        person_id="lead_id",
        activity_at="activity_date",
        campaign_id="campaign_id",
        email_id="email_id",
        email_name="email_name",
        loaded_at=("loaded_at",),
    ),
    campaigns=AssetTable(
        table="marketo_campaign",
        id="id",
        columns={
            "name": "name",
            "program_id": "program_id",
            "program_name": "program_name",
            "workspace": "workspace",
            "active": "active",
            "archived": "archived",
        },
        newest=("updated_at",),
    ),
    programs=AssetTable(
        table="marketo_program",
        id="id",
        columns={"name": "name", "workspace": "workspace"},
        newest=("updated_at",),
    ),
    emails=AssetTable(
        table="marketo_email",
        id="id",
        columns={
            "name": "name",
            "subject": "subject",
            "operational": "operational",
            "workspace": "workspace",
            "archived": "archived",
        },
        newest=("updated_at",),
        status="status",
    ),
)

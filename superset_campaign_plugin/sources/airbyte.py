"""Airbyte's Marketo source: one stream an activity type, Marketo's own camel case, an email's subject nested.

The table names are those of its streams; a destination may spell the columns in its own way.
"""

from __future__ import annotations

from superset_campaign_plugin.report.activity_kinds import ActivityColumns
from superset_campaign_plugin.sources.layout import AssetTable, Layout, LogTable, one_table_each

LAYOUT = Layout(
    name="airbyte",
    title="Airbyte Marketo",
    events=one_table_each("activities_"),
    merges=LogTable("activities_merge_leads"),
    deletions=LogTable("activities_delete_lead"),
    columns=ActivityColumns(
        activity_id="marketoGUID",
        person_id="leadId",
        activity_at="activityDate",
        campaign_id="campaignId",
        email_id="primaryAttributeValueId",
        email_name="primaryAttributeValue",
        loaded_at=("_airbyte_extracted_at", "_airbyte_emitted_at"),
    ),
    campaigns=AssetTable(
        table="campaigns",
        id="id",
        columns={
            "name": "name",
            "program_id": "programId",
            "program_name": "programName",
            "workspace": "workspaceName",
            "active": "active",
            "archived": "isArchived",
        },
        newest=("updatedAt", "createdAt"),
    ),
    programs=AssetTable(
        table="programs",
        id="id",
        columns={"name": "name", "workspace": "workspace"},
        newest=("updatedAt", "createdAt"),
    ),
    emails=AssetTable(
        table="emails",
        id="id",
        columns={
            "name": "name",
            "subject": "subject",
            "operational": "operational",
            "workspace": "workspace",
            "archived": "isArchived",
        },
        newest=("updatedAt", "version", "createdAt"),
        status="status",
    ),
    addresses=AssetTable(table="leads", id="id", columns={"email": "email"}, newest=("updatedAt", "createdAt")),
)

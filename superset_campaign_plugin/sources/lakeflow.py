"""Databricks Lakeflow Connect's Marketo connector: one table an activity type, named by Marketo's number for the type.

It brings people, lists and activities; the names of emails come from the log.
"""

from __future__ import annotations

from superset_campaign_plugin.report.activity_kinds import KINDS, ActivityColumns
from superset_campaign_plugin.sources.layout import AssetTable, Layout, LogTable

LAYOUT = Layout(
    name="lakeflow",
    title="Databricks Lakeflow Connect Marketo",
    events={kind: LogTable(f"activity_{own.number}") for kind, own in KINDS.items()},
    merges=LogTable("activity_32"),
    deletions=LogTable("activity_37"),
    columns=ActivityColumns(
        activity_id="marketoGUID",
        person_id="leadId",
        activity_at="activityDate",
        campaign_id="campaignId",
        email_id="primaryAttributeValueId",
        email_name="primaryAttributeValue",
    ),
    campaigns=None,
    programs=None,
    emails=None,
    addresses=AssetTable(table="leads", id="id", columns={"email": "email"}, newest=("updatedAt", "createdAt")),
)

"""Fivetran's Marketo connector: one table an activity type, assets with their history."""

from __future__ import annotations

from superset_campaign_plugin.report.relations import EventKind
from superset_campaign_plugin.sources.layout import AssetTable, EventColumns, Layout

FIVETRAN = Layout(
    name="fivetran",
    title="Fivetran Marketo",
    events={
        EventKind.SENT: "activity_send_email",
        EventKind.DELIVERED: "activity_email_delivered",
        EventKind.HARD_BOUNCED: "activity_email_bounced",
        EventKind.SOFT_BOUNCED: "activity_email_bounced_soft",
        EventKind.OPENED: "activity_open_email",
        EventKind.CLICKED: "activity_click_email",
        EventKind.UNSUBSCRIBED: "activity_unsubscribe_email",
    },
    event_columns=EventColumns(
        activity_id="id",
        person_id="lead_id",
        activity_at="activity_date",
        campaign_id="campaign_id",
        email_id="primary_attribute_value_id",
        result="action_result",
        link="link",
    ),
    campaigns=AssetTable(
        table="campaign",
        id="id",
        columns={"name": "name", "program_id": "program_id", "workspace": "workspace_name", "active": "active"},
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
        columns={"name": "name", "subject": "subject", "operational": "operational", "workspace": "workspace"},
        newest=("updated_at", "version", "created_at"),
    ),
)

"""What the preview takes from an address, and the answer of its API."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate, validates_schema

from superset_campaign_plugin.emails.contents import MAX_ID
from superset_campaign_plugin.preview.scope import FIRST_DAY, LAST_DAY, Scope

_DAY = {"invalid": "must be a day such as 2026-01-31"}
_DAYS = validate.Range(FIRST_DAY, LAST_DAY, error=f"must be a day from {FIRST_DAY} to {LAST_DAY}")


class ScopeSchema(Schema):
    """The part of an address that limits the figures. Other parameters are passed over."""

    class Meta:
        unknown = EXCLUDE

    campaign_id = fields.Integer(
        validate=validate.Range(0, MAX_ID, error="must be the id of a campaign, or 0 for the unknown one"),
        error_messages={"invalid": "must be a whole number", "too_large": "must be a smaller number"},
    )
    sent_from = fields.Date(format="iso", validate=_DAYS, error_messages=_DAY)
    sent_to = fields.Date(format="iso", validate=_DAYS, error_messages=_DAY)

    @validates_schema
    def _in_order(self, data: dict[str, Any], **_: Any) -> None:
        if "sent_from" in data and "sent_to" in data and data["sent_from"] > data["sent_to"]:
            raise ValidationError("must not be before sent_from", "sent_to")

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Scope:
        return Scope(**data)


class CampaignEmailScopeSchema(Schema):
    """The sends that the figures are of; null where there is no limit."""

    campaign_id = fields.Integer(allow_none=True, metadata={"description": "0 for sends that name no campaign"})
    sent_from = fields.Date(allow_none=True, metadata={"description": "First day, in the report's time zone"})
    sent_to = fields.Date(allow_none=True, metadata={"description": "Last day"})


class CampaignEmailCampaignSchema(Schema):
    """The email in one campaign."""

    campaign_id = fields.Integer(allow_none=True)
    campaign_name = fields.String(allow_none=True)
    program_name = fields.String(allow_none=True)
    workspace = fields.String(allow_none=True)
    figures = fields.Dict(
        keys=fields.String(), metadata={"description": "The report's figures of the email in this campaign"}
    )


class CampaignEmailLinkSchema(Schema):
    """A clicked link."""

    link = fields.String(allow_none=True, metadata={"description": "The address; null where the log holds none"})
    clicks = fields.Integer()
    people = fields.Integer(metadata={"description": "People who clicked, counted once in each campaign"})
    share = fields.Float(allow_none=True, metadata={"description": "Part of all clicks, from 0 to 1"})


class CampaignEmailResponseSchema(Schema):
    """An email with its figures."""

    source_name = fields.String(
        allow_none=True, metadata={"description": "The Marketo instance, where the report covers several"}
    )
    email_id = fields.Integer()
    email_name = fields.String()
    subject = fields.String(allow_none=True)
    sender = fields.String(allow_none=True, metadata={"description": "As in Name <address>"})
    preheader = fields.String(allow_none=True)
    content = fields.String(
        validate=validate.OneOf(("stored", "missing", "unavailable", "too_large", "unreadable")),
        metadata={"description": "Whether the email's HTML can be shown"},
    )
    marketo_url = fields.String(allow_none=True, metadata={"description": "The email asset in Marketo"})
    scope = fields.Nested(CampaignEmailScopeSchema)
    figures = fields.Dict(
        keys=fields.String(),
        metadata={"description": "Counts, ratios from 0 to 1, and ISO 8601 times in UTC, by the names of the report"},
    )
    campaigns = fields.List(fields.Nested(CampaignEmailCampaignSchema))
    links = fields.List(
        fields.Nested(CampaignEmailLinkSchema),
        allow_none=True,
        metadata={"description": "Clicks of all days, most clicked first; null without access to the dataset of links"},
    )
    blocked_images = fields.Integer(
        allow_none=True, metadata={"description": "Remote images that the preview hides; null where it shows no email"}
    )

"""The answer of the preview's API."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


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
    figures = fields.Dict(
        keys=fields.String(),
        metadata={"description": "Counts, ratios from 0 to 1, and ISO 8601 times in UTC, by the names of the report"},
    )
    campaigns = fields.List(fields.Nested(CampaignEmailCampaignSchema))
    links = fields.List(
        fields.Nested(CampaignEmailLinkSchema),
        allow_none=True,
        metadata={"description": "Most clicked first; null without access to the dataset of links"},
    )
    blocked_images = fields.Integer(
        allow_none=True, metadata={"description": "Remote images that the preview hides; null where it shows no email"}
    )

"""The plugin's settings: one block in `superset_config.py`, checked once when Superset starts.

SUPERSET_CAMPAIGN = {"marketo_url": "https://app-ab12.marketo.com"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from superset_campaign_plugin.errors import SettingsError, unknown
from superset_campaign_plugin.report.records import LinkRules

SETTINGS_KEY = "SUPERSET_CAMPAIGN"
EXTENSION = "superset_campaign_plugin"


@dataclass(frozen=True)
class Settings:
    """The checked settings.

    marketo_url         where the Marketo instance is opened in a browser; links of emails lead there. None: no links
    content_schema      the schema of the table of email contents; None: the dataset's own
    max_email_bytes     an email body above this size is not shown
    link_rules          which clicks do not count as clicks on a link of the email
    """

    marketo_url: str | None = None
    content_schema: str | None = None
    max_email_bytes: int = 2_000_000
    link_rules: LinkRules = field(default_factory=LinkRules)


class _SettingsSchema(Schema):
    marketo_url = fields.Url(schemes={"https"}, load_default=None, allow_none=True)
    content_schema = fields.String(load_default=None, allow_none=True)
    max_email_bytes = fields.Integer(strict=True, load_default=Settings.max_email_bytes, validate=validate.Range(min=1))
    uncounted_link_prefixes = fields.List(
        fields.String(validate=validate.Length(min=1)), load_default=list(LinkRules.uncounted_prefixes)
    )
    uncounted_link_parts = fields.List(
        fields.String(validate=validate.Length(min=1)), load_default=list(LinkRules.uncounted_parts)
    )


def load_settings(config: Mapping[str, Any]) -> Settings:
    """The settings of a Superset configuration. Raises `SettingsError` that names the key and the fault."""
    block = config.get(SETTINGS_KEY, {})
    if not isinstance(block, dict):
        raise SettingsError(f"{SETTINGS_KEY} in superset_config.py must be a dictionary, not {type(block).__name__}")
    schema = _SettingsSchema()
    for key in block:
        if key not in schema.fields:
            raise SettingsError(f"{SETTINGS_KEY} in superset_config.py: {unknown('setting', str(key), schema.fields)}")
    try:
        values: dict[str, Any] = schema.load(block)
    except ValidationError as error:
        messages = error.messages
        key, fault = next(iter(messages.items())) if isinstance(messages, dict) else ("?", messages)
        text = "; ".join(map(str, fault)) if isinstance(fault, list) else str(fault)
        raise SettingsError(f"{SETTINGS_KEY}[{key!r}] in superset_config.py: {text}") from error
    return Settings(
        marketo_url=values["marketo_url"],
        content_schema=values["content_schema"],
        max_email_bytes=values["max_email_bytes"],
        link_rules=LinkRules(
            uncounted_prefixes=tuple(text.lower() for text in values["uncounted_link_prefixes"]),
            uncounted_parts=tuple(text.lower() for text in values["uncounted_link_parts"]),
        ),
    )

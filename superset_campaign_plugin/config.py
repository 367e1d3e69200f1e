"""The plugin's settings: one block in `superset_config.py`, checked once when Superset starts.

SUPERSET_CAMPAIGN = {"marketo_url": "https://app-ab12.marketo.com"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from superset_campaign_plugin.errors import SettingsError, UsageError, unknown
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA
from superset_campaign_plugin.report.rules import AgentRules, LinkRules, Rules, check_time_zone

SETTINGS_KEY = "SUPERSET_CAMPAIGN"
EXTENSION = "superset_campaign_plugin"

_PLAIN_RULES = (
    *("merge_people", "leave_out_deleted", "leave_out_bots", "leave_out_operational", "leave_out_archived"),
    "time_zone",
)


@dataclass(frozen=True)
class Settings:
    """The checked settings.

    marketo_url           where the Marketo instance is opened in a browser; links of emails lead there. None: no links
    content_schema        the schema of the table of email contents; None: the dataset's own
    stored_schema         the schema of the stored tables, where the database has schemas
    stored_file           on DuckDB the file of the stored tables; None: beside the loader's file
    max_email_bytes       an email body above this size is not shown; the time to clean one grows with it
    preview_link_minutes  how long a guest's link to a preview opens it
    previews_per_minute   how many previews one person may open; 0: any number
    rules                 what counts, where the report leaves a choice
    """

    marketo_url: str | None = None
    content_schema: str | None = None
    stored_schema: str = DEFAULT_SCHEMA
    stored_file: str | None = None
    max_email_bytes: int = 2_000_000
    preview_link_minutes: int = 60
    previews_per_minute: int = 60
    rules: Rules = field(default_factory=Rules)


def _time_zone(name: str) -> None:
    try:
        check_time_zone(name)
    except UsageError as error:
        raise ValidationError(str(error)) from error


def _texts(default: tuple[str, ...]) -> fields.List:
    return fields.List(fields.String(validate=validate.Length(min=1)), load_default=list(default))


def _flag(default: bool) -> fields.Boolean:
    return fields.Boolean(load_default=default, truthy={True}, falsy={False})


class _SettingsSchema(Schema):
    marketo_url = fields.Url(schemes={"https"}, load_default=None, allow_none=True)
    content_schema = fields.String(load_default=None, allow_none=True)
    stored_schema = fields.String(load_default=DEFAULT_SCHEMA, validate=validate.Length(min=1))
    stored_file = fields.String(load_default=None, allow_none=True, validate=validate.Length(min=1))
    max_email_bytes = fields.Integer(strict=True, load_default=Settings.max_email_bytes, validate=validate.Range(min=1))
    preview_link_minutes = fields.Integer(
        strict=True, load_default=Settings.preview_link_minutes, validate=validate.Range(min=1, max=7 * 24 * 60)
    )
    previews_per_minute = fields.Integer(
        strict=True, load_default=Settings.previews_per_minute, validate=validate.Range(min=0)
    )
    merge_people = _flag(Rules.merge_people)
    leave_out_deleted = _flag(Rules.leave_out_deleted)
    leave_out_bots = _flag(Rules.leave_out_bots)
    leave_out_operational = _flag(Rules.leave_out_operational)
    leave_out_archived = _flag(Rules.leave_out_archived)
    time_zone = fields.String(load_default=Rules.time_zone, validate=_time_zone)
    uncounted_link_prefixes = _texts(LinkRules.uncounted_prefixes)
    uncounted_link_parts = _texts(LinkRules.uncounted_parts)
    privacy_proxy_agents = _texts(AgentRules.privacy_proxies)
    image_proxy_agents = _texts(AgentRules.image_proxies)


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
        stored_schema=values["stored_schema"],
        stored_file=values["stored_file"],
        max_email_bytes=values["max_email_bytes"],
        preview_link_minutes=values["preview_link_minutes"],
        previews_per_minute=values["previews_per_minute"],
        rules=Rules(
            **{name: values[name] for name in _PLAIN_RULES},
            links=LinkRules(_lower(values["uncounted_link_prefixes"]), _lower(values["uncounted_link_parts"])),
            agents=AgentRules(_lower(values["privacy_proxy_agents"]), _lower(values["image_proxy_agents"])),
        ),
    )


def _lower(texts: list[str]) -> tuple[str, ...]:
    return tuple(text.lower() for text in texts)

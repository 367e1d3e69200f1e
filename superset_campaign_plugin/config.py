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
from superset_campaign_plugin.report.rules import (
    AgentRules,
    BounceLight,
    DomainRules,
    LinkRules,
    People,
    Rules,
    check_address_pattern,
    check_time_zone,
)

SETTINGS_KEY = "SUPERSET_CAMPAIGN"
EXTENSION = "superset_campaign_plugin"

_PLAIN_RULES = (
    *("leave_out_deleted", "leave_out_bots", "leave_out_operational", "leave_out_archived", "leave_out_domains"),
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
    performance_patches   whether the speed patches act on the whole deployment, and not on the plugin's datasets alone
    harden_all_guests     whether guests of other dashboards are guarded as those of the plugin's dashboards are
    rules                 what counts, where the report leaves a choice
    people_chosen         whether the block says whom merged and deleted people count as
    """

    marketo_url: str | None = None
    content_schema: str | None = None
    stored_schema: str = DEFAULT_SCHEMA
    stored_file: str | None = None
    max_email_bytes: int = 2_000_000
    preview_link_minutes: int = 60
    previews_per_minute: int = 60
    performance_patches: bool = False
    harden_all_guests: bool = False
    rules: Rules = field(default_factory=Rules)
    people_chosen: bool = False


def _time_zone(name: str) -> None:
    try:
        check_time_zone(name)
    except UsageError as error:
        raise ValidationError(str(error)) from error


def _address(pattern: str) -> None:
    try:
        check_address_pattern(pattern)
    except UsageError as error:
        raise ValidationError(str(error)) from error


def _people(value: str) -> None:
    if _named(value) not in {each.value for each in People}:
        raise ValidationError(f"{value!r} is none of {', '.join(each.value for each in People)}")


def _named(people: str) -> str:
    """The value as settings write it; the command line writes as-sent."""
    return people.replace("-", "_")


def _texts(default: tuple[str, ...]) -> fields.List:
    return fields.List(fields.String(validate=validate.Length(min=1)), load_default=list(default))


def _share(per_mille: int) -> fields.Float:
    return fields.Float(load_default=per_mille / 1000, validate=validate.Range(min=0.001, max=1))


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
    performance_patches = _flag(Settings.performance_patches)
    harden_all_guests = _flag(Settings.harden_all_guests)
    people = fields.String(load_default=None, allow_none=False, validate=_people)
    merge_people = fields.Boolean(load_default=None, allow_none=False, truthy={True}, falsy={False})
    leave_out_deleted = fields.Boolean(load_default=None, allow_none=False, truthy={True}, falsy={False})
    leave_out_bots = _flag(Rules.leave_out_bots)
    leave_out_operational = _flag(Rules.leave_out_operational)
    leave_out_archived = _flag(Rules.leave_out_archived)
    leave_out_domains = _flag(Rules.leave_out_domains)
    leave_out_addresses = fields.List(fields.String(validate=_address), load_default=list)
    domain_least_people = fields.Integer(
        strict=True, load_default=DomainRules.least_people, validate=validate.Range(min=1)
    )
    bounce_rate_watch = _share(BounceLight.watch)
    bounce_rate_refuse = _share(BounceLight.refuse)
    bounce_rate_least_sent = fields.Integer(
        strict=True, load_default=BounceLight.least_sent, validate=validate.Range(min=1)
    )
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
    people = _chosen_people(values)
    values["leave_out_deleted"] = bool(values["leave_out_deleted"])
    return Settings(
        marketo_url=values["marketo_url"],
        content_schema=values["content_schema"],
        stored_schema=values["stored_schema"],
        stored_file=values["stored_file"],
        max_email_bytes=values["max_email_bytes"],
        preview_link_minutes=values["preview_link_minutes"],
        previews_per_minute=values["previews_per_minute"],
        performance_patches=values["performance_patches"],
        harden_all_guests=values["harden_all_guests"],
        people_chosen=people is not None,
        rules=Rules(
            people=people or Rules.people,
            **{name: values[name] for name in _PLAIN_RULES},
            leave_out_addresses=_lower(values["leave_out_addresses"]),
            links=LinkRules(_lower(values["uncounted_link_prefixes"]), _lower(values["uncounted_link_parts"])),
            agents=AgentRules(_lower(values["privacy_proxy_agents"]), _lower(values["image_proxy_agents"])),
            domains=DomainRules(values["domain_least_people"]),
            light=_light(values),
        ),
    )


def _light(values: Mapping[str, Any]) -> BounceLight:
    """Raises `SettingsError` where a domain would refuse emails before it is to be watched."""
    watch, refuse = values["bounce_rate_watch"], values["bounce_rate_refuse"]
    if watch > refuse:
        raise SettingsError(
            f"{SETTINGS_KEY} in superset_config.py: bounce_rate_watch, {watch}, is above bounce_rate_refuse, {refuse}"
        )
    return BounceLight(round(watch * 1000), round(refuse * 1000), values["bounce_rate_least_sent"])


def replaced_settings(config: Mapping[str, Any]) -> list[str]:
    """A sentence for each setting of the block that another takes the place of; the block is right."""
    block = config.get(SETTINGS_KEY, {})
    where = "in superset_config.py"
    found = []
    if "merge_people" in block:
        people = _of_merge_people(block["merge_people"])
        found.append(f'{SETTINGS_KEY}["merge_people"] {where} still works; "people": "{people.value}" takes its place')
    if block.get("leave_out_deleted") and "people" not in block:
        found.append(
            f'{SETTINGS_KEY}["leave_out_deleted"] {where} still works, and leaves out deleted people alone; "people": '
            '"hidden" takes its place, and leaves out merged people too, as the option of Marketo\'s report does'
        )
    return found


def _chosen_people(values: Mapping[str, Any]) -> People | None:
    """What the block says of merged people; None where it says nothing. Raises `SettingsError` for a contradiction."""
    merge_people, leave_out_deleted = values["merge_people"], values["leave_out_deleted"]
    former = None if merge_people is None else _of_merge_people(merge_people)
    if values["people"] is None:
        return former
    people = People(_named(values["people"]))
    contradicted = []
    if former not in (None, people):
        contradicted.append(f"merge_people: {merge_people}")
    if people is People.HIDDEN and leave_out_deleted is False:
        contradicted.append("leave_out_deleted: False")
    if contradicted:
        raise SettingsError(
            f'{SETTINGS_KEY} in superset_config.py: {" and ".join(contradicted)} and people: "{people.value}" '
            f"contradict each other; leave {'one' if len(contradicted) == 1 else 'people, or the others,'} out"
        )
    return people


def _of_merge_people(merge_people: bool) -> People:
    return People.MERGED if merge_people else People.AS_SENT


def _lower(texts: list[str]) -> tuple[str, ...]:
    return tuple(text.lower() for text in texts)

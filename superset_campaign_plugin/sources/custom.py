"""A user's own tables: a YAML file that maps them to the report, checked against the live schema.

    name: ours
    columns:                     # of every table of activities
      activity_id: guid
      person_id: contact
      activity_at: happened_at
      campaign_id: campaign
      email_id: mail
      link: url                  # optional, as are email_name, result, bot, user_agent, test_variant,
                                 # bounce_category, bounce_details, bounce_address, merged_ids, activity_type,
                                 # loaded_at
    events:                      # only `sent` has to be there
      sent: mail_sent
      opened: {table: mail_log, types: [10]}
    merges: person_merges        # optional, as are deletions
    addresses: {table: contacts, id: id, email: mail_address}    # optional: people's addresses, for their domains
    table_prefix: crm_           # optional: what stands before the name of each of these tables
    campaigns:                   # optional, as are programs and emails
      table: campaigns
      id: id
      name: title
      newest: [changed_at]
      status: state              # optional: where it is `approved`, the version goes before all that are not

A column may be a path, such as `attributes.Campaign Run ID`: that key of the objects in the column `attributes`.
Whatever the file names must be there: a missing table or column is reported with the closest existing name.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from marshmallow import Schema, ValidationError, fields, post_load, pre_load, validate

from superset_campaign_plugin.errors import SourceError, UsageError, nearest
from superset_campaign_plugin.report.activity_kinds import LOG_COLUMNS, ActivityColumns, EventKind
from superset_campaign_plugin.report.relations import ADDRESS_COLUMNS, CAMPAIGN_COLUMNS, EMAIL_COLUMNS, PROGRAM_COLUMNS
from superset_campaign_plugin.sources.catalog import Catalog, place
from superset_campaign_plugin.sources.layout import AssetTable, Layout, LogTable
from superset_campaign_plugin.sources.nearby import other_prefix
from superset_campaign_plugin.sources.prefix import split_prefix
from superset_campaign_plugin.sources.reader import json_path

_KINDS = {kind.name.lower(): kind for kind in EventKind}
_NAME = validate.Length(min=1)


class _Named(Schema):
    """Tells an unknown name with the nearest known one."""

    @pre_load
    def _known(self, data: Any, **_: Any) -> Any:
        for name in data if isinstance(data, dict) else ():
            if name not in self.fields:
                raise ValidationError(f"there is no such entry; {nearest(str(name), self.fields)}", str(name))
        return data


class _LogTableSchema(_Named):
    table = fields.String(required=True, validate=_NAME)
    types = fields.List(fields.Integer(strict=True), load_default=[])

    @pre_load
    def _plain_name(self, data: Any, **_: Any) -> Any:
        return {"table": data} if isinstance(data, str) else data

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> LogTable:
        return LogTable(data["table"], tuple(data["types"]))


class _ColumnsOfActivities(_Named):
    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> ActivityColumns:
        loaded_at = data.pop("loaded_at")
        return ActivityColumns(**data, loaded_at=(loaded_at,) if loaded_at else ())


_ColumnsSchema = _ColumnsOfActivities.from_dict(
    {
        column.name: fields.String(required=True, validate=_NAME) if column.required else fields.String(load_default="")
        for column in LOG_COLUMNS
    }
)


def _asset_schema(names: Iterable[str]) -> fields.Nested:
    schema = _Named.from_dict(
        {
            "table": fields.String(required=True, validate=_NAME),
            "id": fields.String(required=True, validate=_NAME),
            "newest": fields.List(fields.String(validate=_NAME), load_default=[]),
            "status": fields.String(load_default=""),
            **{name: fields.String(validate=_NAME) for name in names},
        }
    )
    return fields.Nested(schema, load_default=None)


class _MappingSchema(_Named):
    name = fields.String(load_default="custom", validate=_NAME)
    table_prefix = fields.String(load_default="")
    columns = fields.Nested(_ColumnsSchema, required=True)
    events = fields.Dict(
        keys=fields.String(validate=validate.OneOf(_KINDS)), values=fields.Nested(_LogTableSchema), required=True
    )
    merges = fields.Nested(_LogTableSchema, load_default=None)
    deletions = fields.Nested(_LogTableSchema, load_default=None)
    campaigns = _asset_schema(CAMPAIGN_COLUMNS)
    programs = _asset_schema(PROGRAM_COLUMNS)
    emails = _asset_schema(EMAIL_COLUMNS)
    addresses = _asset_schema(ADDRESS_COLUMNS)


def is_mapping(source: str) -> bool:
    """Whether `--source` names a mapping file and not a layout."""
    return split_prefix(source)[0].endswith((".yaml", ".yml"))


def read_mapping(file: Path) -> dict[Any, Any]:
    """What the YAML file holds, unchecked. Raises `UsageError` where it cannot be read."""
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the mapping {file}: {error}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{file} is not valid YAML: {error}") from error
    return raw if isinstance(raw, dict) else {}


def load_mapping(source: str) -> Layout:
    """The layout that the file describes; a prefix that the source's name carries goes before the file's own.

    Raises `UsageError` naming the file, the place and the fault.
    """
    name, prefix = split_prefix(source)
    file = Path(name)
    try:
        mapping: dict[str, Any] = _MappingSchema().load(read_mapping(file))
    except ValidationError as error:
        raise UsageError(f"{file}: {first_fault(error.messages)}") from error
    if "sent" not in mapping["events"]:
        raise UsageError(f"{file}: events needs the table of what was sent, as in `sent: mail_sent`")
    return Layout(
        name=mapping["name"],
        title=mapping["name"],
        events={_KINDS[kind]: table for kind, table in mapping["events"].items()},
        merges=mapping["merges"],
        deletions=mapping["deletions"],
        columns=mapping["columns"],
        campaigns=_asset(mapping["campaigns"]),
        programs=_asset(mapping["programs"]),
        emails=_asset(mapping["emails"]),
        addresses=_asset(mapping["addresses"]),
        strict=True,
    ).with_prefix(prefix or mapping["table_prefix"])


def _asset(mapping: dict[str, Any] | None) -> AssetTable | None:
    if mapping is None:
        return None
    columns = {name: own for name, own in mapping.items() if name not in ("table", "id", "newest", "status")}
    return AssetTable(mapping["table"], mapping["id"], columns, tuple(mapping["newest"]), mapping["status"])


def first_fault(messages: Any, where: str = "") -> str:
    """The first message of marshmallow's tree, with the path to it."""
    if isinstance(messages, dict):
        key, inner = next(iter(messages.items()))
        if key in ("key", "value") and where:  # what marshmallow puts before the fault of a mapping's entry
            return first_fault(inner, where)
        return first_fault(inner, f"{where}.{key}" if where else str(key))
    return f"{where}: {messages[0] if isinstance(messages, list) else messages}"


def check_mapping(layout: Layout, catalog: Catalog) -> None:
    """Raise `SourceError` for a table or column that the mapping names and the warehouse does not have."""
    for activities in layout.log_tables():
        _check_table(layout, catalog, activities.table)
    names = layout.columns
    for kind, activities in layout.events.items():
        for column in LOG_COLUMNS:
            if kind in column.of and not column.required:
                _check_column(layout, catalog, activities.table, *names.names_of(column))
    # Other activities than sends may lie in tables without it.
    _check_column(layout, catalog, layout.events[EventKind.SENT].table, names.campaign_id)
    for activities in layout.log_tables():
        if activities.types:
            _check_column(layout, catalog, activities.table, names.activity_type)
    if layout.merges is not None and names.merged_ids:
        _check_column(layout, catalog, layout.merges.table, names.merged_ids)
    for asset in layout.asset_tables():
        _check_table(layout, catalog, asset.table)
        status = [asset.status] if asset.status else []
        _check_column(layout, catalog, asset.table, asset.id, *asset.columns.values(), *asset.newest, *status)


def _check_table(layout: Layout, catalog: Catalog, table: str) -> None:
    if catalog.columns(table) is None:
        prefix = other_prefix(table, layout, catalog, "table_prefix:")
        hint = prefix or nearest(table, catalog.tables())
        raise SourceError(
            f"the mapping {layout.name} names the table {table!r}, which is not in {place(catalog)}; {hint}"
        )


def _check_column(layout: Layout, catalog: Catalog, table: str, *names: str) -> None:
    columns = catalog.columns(table) or {}
    for name in names:
        own, key = json_path(name)
        if name not in columns and not (key and own in columns):
            hint = nearest(own if key else name, columns)
            raise SourceError(
                f"the mapping {layout.name} names the column {name!r}, which the table {table} does not have; {hint}"
            )

"""Several Marketo instances in one report: a YAML file that names them, each with the loader and schema of its tables.

    instances:
      EMEA: {source: fivetran, schema: marketo_emea}
      Japan: {source: airbyte, schema: marketo_japan}
      Partners: {source: airbyte, schema: raw, table_prefix: partners_}

Marketo gives every instance ids of its own, and the same numbers stand for other things in another one. So each is
computed by itself, and its rows carry its name as `source_name`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.sources.custom import first_fault, is_mapping, read_mapping
from superset_campaign_plugin.sources.prefix import split_prefix, with_prefix

# It stands in addresses of previews and in names of schemas.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", re.ASCII)


@dataclass(frozen=True)
class Instance:
    """One Marketo instance: where its tables are. `name` is None where it is the only one, and needs none.

    `source` is a layout or mapping file, and carries the prefix of its tables, if they have one.
    """

    name: str | None
    source: str
    schema: str | None

    def stored_schema(self, prefix: str) -> str:
        """The schema of its stored tables: each instance has its own."""
        return prefix if self.name is None else f"{prefix}_{_plain(self.name)}"


class _InstanceSchema(Schema):
    source = fields.String(required=True, validate=validate.Length(min=1))
    schema = fields.String(load_default=None, validate=validate.Length(min=1))
    table_prefix = fields.String(load_default="")


class _FileSchema(Schema):
    instances = fields.Dict(
        keys=fields.String(validate=validate.Regexp(rf"{NAME.pattern}\Z", error="use letters, digits, - and _")),
        values=fields.Nested(_InstanceSchema),
        required=True,
        validate=validate.Length(min=1),
    )


def read_instances(source: str, schema: str | None) -> tuple[Instance, ...]:
    """The instances of `source`: those of the file that it names, or the one whose layout and schema these are.

    Raises `UsageError` naming the file and the fault.
    """
    if not is_mapping(source):
        return (Instance(None, source, schema),)
    path, prefix = split_prefix(source)
    file = Path(path)
    raw = read_mapping(file)
    if "instances" not in raw:
        return (Instance(None, source, schema),)
    if prefix:
        raise UsageError(f"{file} says which table_prefix each instance has, so leave out --table-prefix")
    if schema is not None:
        raise UsageError(f"{file} says which schema each instance is in, so leave out --schema")
    try:
        entries: dict[str, Any] = _FileSchema().load(raw)["instances"]
    except ValidationError as error:
        raise UsageError(f"{file}: {first_fault(error.messages)}") from error
    found = tuple(_instance(file, name, **entry) for name, entry in entries.items())
    _check_apart(file, found)
    return found


def _instance(file: Path, name: str, source: str, schema: str | None, table_prefix: str) -> Instance:
    """An instance as the file names it; a mapping is looked for beside the file."""
    own = str(file.parent / source) if is_mapping(source) else source
    return Instance(name, with_prefix(own, table_prefix), schema)


def _check_apart(file: Path, instances: tuple[Instance, ...]) -> None:
    """Two instances share neither their tables nor the schema of what is stored of them."""
    for number, one in enumerate(instances):
        for other in instances[:number]:
            if (one.source, one.schema) == (other.source, other.schema):
                raise UsageError(
                    f"{file}: {other.name} and {one.name} read the same tables; give each its own schema "
                    "or table_prefix"
                )
            if _plain(str(one.name)) == _plain(str(other.name)):
                raise UsageError(f"{file}: {other.name} and {one.name} are too much alike to name schemas after them")


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")

"""What the plugin has put into a deployment, kept in Superset's own key-value table.

For every asset it remembers a fingerprint of the configuration it was made from, and of how it was stored. So an
installation can tell apart what is as it left it, what a new version changes, and what people have changed since.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from superset import db
from superset.key_value.models import KeyValueEntry

_RESOURCE = "superset_campaign"
_UUID = uuid5(NAMESPACE_URL, "superset_campaign_plugin/manifest")


@dataclass
class Manifest:
    """`assets` maps a UUID to its fingerprints: `made` of the configuration, `stored` of the object, and `sql` of a
    dataset's SQL.

    `database` is the UUID of a connection that the installation created, `roles` the roles it created, and
    `schema_permission` the name of the permission on the datasets' schema, if Superset made it for them. `warehouse`
    is what was installed upon: the connection's UUID, the loader's layout and its schema, whether the datasets read
    the `log` or what is `stored`, and the UUID of the connection to a file of stored tables that the installation
    created; `instances` are the schemas of several Marketo instances by their names.
    """

    assets: dict[str, dict[str, str]] = field(default_factory=dict)
    database: str | None = None
    roles: list[str] = field(default_factory=list)
    schema_permission: str | None = None
    warehouse: dict[str, str | None] = field(default_factory=dict)
    instances: dict[str, str | None] = field(default_factory=dict)


def fingerprint(content: Any) -> str:
    """A hash of anything that is JSON, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def read_manifest() -> Manifest | None:
    """The manifest of this deployment; None where nothing is installed."""
    entry = _entry()
    return None if entry is None else Manifest(**json.loads(entry.value))


def write_manifest(manifest: Manifest) -> None:
    """Store the manifest within the running transaction."""
    value = json.dumps(asdict(manifest), sort_keys=True).encode()
    entry = _entry()
    if entry is None:
        db.session.add(KeyValueEntry(resource=_RESOURCE, uuid=_UUID, value=value))
    elif entry.value != value:
        entry.value = value


def delete_manifest() -> None:
    """Forget the installation within the running transaction."""
    entry = _entry()
    if entry is not None:
        db.session.delete(entry)


def _entry() -> KeyValueEntry | None:
    return db.session.query(KeyValueEntry).filter_by(resource=_RESOURCE, uuid=_UUID).one_or_none()

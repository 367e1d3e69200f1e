"""What the plugin has put into a deployment, kept in Superset's own key-value table.

For every asset it remembers what was shipped, so that an installation can tell apart what a new version changes and
what people have changed since. Older and newer releases read it, too: what one does not know it leaves as it is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from superset import db
from superset.key_value.models import KeyValueEntry

from superset_campaign_plugin.errors import InstallError

_RESOURCE = "superset_campaign"
_UUID = uuid5(NAMESPACE_URL, "superset_campaign_plugin/manifest")
# The first release knows these top-level fields and takes no others, so further ones stand within `warehouse`.
_OTHERS = "others"


@dataclass
class Manifest:
    """`assets` maps a UUID to what is known of the asset (see `asset_record`).

    `database` is the UUID of a connection that the installation created, `roles` the roles it created, and
    `schema_permission` the name of the permission on the datasets' schema, if Superset made it for them. `warehouse`
    is what was installed upon: `version` of the plugin, the connection's UUID, the loader's layout and its schema,
    whether the datasets read the `log` or what is `stored`, the `rules` that they count by, the UUID of the connection
    to a file of stored tables that the installation created, whether what is about `people` was asked for and which
    `people_columns` of theirs, and in `connections` the UUIDs of all that any installation created; `instances` are the
    schemas of several Marketo instances by their names.
    """

    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    database: str | None = None
    roles: list[str] = field(default_factory=list)
    schema_permission: str | None = None
    warehouse: dict[str, Any] = field(default_factory=dict)
    instances: dict[str, str | None] = field(default_factory=dict)

    @property
    def has_people(self) -> bool:
        """Whether the installation has the dataset and the dashboard about people."""
        return bool(self.warehouse.get("people"))

    @property
    def people_columns(self) -> tuple[str, ...]:
        """The columns of the loader's table of people that the installation shows."""
        return tuple(self.warehouse.get("people_columns") or ())


def asset_record(id_: int, kind: str, document: dict[str, Any], former: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the manifest keeps of an asset: its id in this deployment, its kind, and the document that was shipped.

    An installation adds as `unknown` the paths and values of fields that were there before the first one and differ:
    nobody can say whether people changed them.
    What a `former` record holds of people's values that were replaced stays. The first release's fingerprints are
    there and empty: it then takes the asset for one that people changed, and keeps it.
    """
    kept = {"replaced": former["replaced"]} if former and "replaced" in former else {}
    return {"made": "", "stored": "", "id": id_, "kind": kind, "shipped": document, **kept}


def fingerprint(content: Any) -> str:
    """A hash of anything that is JSON, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def read_manifest() -> Manifest | None:
    """The manifest of this deployment; None where nothing is installed."""
    entry = _entry()
    if entry is None:
        return None
    values = json.loads(entry.value)
    known = {each.name for each in fields(Manifest)}
    manifest = Manifest(**{name: value for name, value in values.items() if name in known})
    if others := {name: value for name, value in values.items() if name not in known}:
        manifest.warehouse[_OTHERS] = others
    return manifest


def write_manifest(manifest: Manifest) -> None:
    """Store the manifest within the running transaction."""
    values = asdict(manifest)
    values.update(values["warehouse"].pop(_OTHERS, {}))
    value = json.dumps(values, sort_keys=True).encode()
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


def installed_manifest() -> Manifest:
    """The manifest of this deployment, which knows the warehouse. Raises `InstallError` where nothing is installed."""
    manifest = read_manifest()
    if manifest is None or not manifest.warehouse:
        raise not_installed()
    return manifest


def not_installed() -> InstallError:
    """The error of a command that needs an installation."""
    return InstallError("the report is not installed here; run: superset campaign install")


def missing_part(what: str) -> InstallError:
    """The error where a part of the report that a command needs is not there; `what` is as in "dashboard was"."""
    if read_manifest() is None:
        return not_installed()
    return InstallError(
        f"the report's {what} deleted in Superset; run: superset campaign install, which creates what is missing"
    )


def _entry() -> KeyValueEntry | None:
    return db.session.query(KeyValueEntry).filter_by(resource=_RESOURCE, uuid=_UUID).one_or_none()

"""Takes the installation out again: exactly what it made. Needs a Superset application context."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from superset import db, security_manager
from superset.models.core import Database

from superset_campaign_plugin.advice import registered
from superset_campaign_plugin.bundle.asset_changes import Change
from superset_campaign_plugin.bundle.connections import writable_uri
from superset_campaign_plugin.bundle.dependents import dependents
from superset_campaign_plugin.bundle.install_plan import READS_STORED, settings
from superset_campaign_plugin.embedding.roles import delete_role, take_back_permissions
from superset_campaign_plugin.embedding.row_access import boundary_names, remove_boundaries
from superset_campaign_plugin.errors import DatabaseError, InstallError
from superset_campaign_plugin.refresh.removal import remove_stored, stored_places
from superset_campaign_plugin.subscriptions.made import Subscription, subscriptions
from superset_campaign_plugin.superset_assets.installed_assets import MODELS, find, title
from superset_campaign_plugin.superset_assets.manifest import Manifest, delete_manifest, read_manifest

_ORDER = ("dashboards", "charts", "datasets")


@dataclass(frozen=True)
class RemovedTables:
    """The tables that refresh keeps: the `places` that hold some, and what names them to `remove_stored`."""

    places: list[str]
    uri: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Removal:
    """What `uninstall` would do: the assets by their kinds, what of other people's stands in the way, what `subscribe`
    has made, and the names of the row rules."""

    manifest: Manifest
    assets: dict[str, list[Any]]
    in_the_way: list[str]
    subscriptions: list[Subscription]
    row_rules: list[str]
    stored: RemovedTables | None = None

    def changes(self) -> list[Change]:
        """What would be removed."""
        found = [Change("removed", "row rules", name) for name in self.row_rules]
        found += [Change("removed", each.kind, each.schedule.name) for each in self.subscriptions]
        found += [Change("removed", kind, title(each)) for kind in _ORDER for each in self.assets[kind]]
        found += [Change("removed", "roles", role) for role in self.manifest.roles]
        found += [Change(action, "databases", each.database_name) for action, each in _connections(self)]
        places = self.stored.places if self.stored else []
        return found + [Change("removed", "stored tables", place) for place in places]

    def notes(self) -> list[str]:
        """What is to be said of what stays."""
        if self.stored is not None or self.manifest.warehouse.get("reads") != READS_STORED:
            return []
        return ["the tables that refresh keeps in the warehouse stay; --stored-tables drops them with the rest"]


def plan_removal(*, stored_tables: bool = False) -> Removal | None:
    """What `uninstall` would do, with `stored_tables` in the warehouse, too; None where nothing is installed.

    Raises `DatabaseError` where the stored tables cannot be looked for.
    """
    manifest = read_manifest()
    if manifest is None:
        return None
    assets = {
        kind: [each for uuid in manifest.assets if (each := find(model, uuid)) is not None]
        for kind, model in MODELS.items()
    }
    stored = _stored_tables(manifest) if stored_tables else None
    sent = subscriptions(manifest)
    in_the_way = dependents(assets, set(manifest.assets), {each.schedule.id for each in sent})
    return Removal(manifest, assets, in_the_way, sent, boundary_names(), stored)


def uninstall(removal: Removal | None = None) -> list[Change]:
    """Remove exactly what the installation made. Raises `InstallError` where something of other people rests on it."""
    removal = removal or plan_removal()
    if removal is None:
        return []
    if removal.in_the_way:
        raise InstallError(
            "still in use, so nothing was removed; delete or change first: " + "; ".join(removal.in_the_way)
        )
    try:
        changes = removal.changes()
        remove_boundaries()
        for sent in removal.subscriptions:
            db.session.delete(sent.schedule)
        db.session.flush()
        for kind in _ORDER:
            for each in removal.assets[kind]:
                db.session.delete(each)
            db.session.flush()
        for role in removal.manifest.roles:
            delete_role(role)
        take_back_permissions()
        _remove_schema_permissions(removal.manifest)
        for action, connection in _connections(removal):
            if action == "removed":
                db.session.delete(connection)
        delete_manifest()
        if removal.stored is not None:
            _remove_stored(removal.stored)
        db.session.commit()
    except Exception:
        db.session.rollback()
        raise
    return changes


def _remove_stored(stored: RemovedTables) -> None:
    try:
        remove_stored(stored.uri, **stored.options)
    except DatabaseError as error:
        raise DatabaseError(
            f"nothing was removed: {error}. Without --stored-tables the report alone goes, and the account that "
            f"refreshes can drop what is in {', '.join(stored.places)}"
        ) from error


def _stored_tables(manifest: Manifest) -> RemovedTables:
    """Raises `InstallError` where the warehouse is no database of this Superset any more."""
    known = manifest.warehouse
    database = find(Database, str(known.get("database")))
    if database is None:
        raise InstallError(
            "the database of the report was deleted from this Superset, so its stored tables "
            "cannot be reached; uninstall without --stored-tables, and drop them in the warehouse"
        )
    uri = writable_uri(database)
    options = {
        "source": str(known["source"]),
        "schema": known["schema"],
        "stored_schema": settings().stored_schema,
        "chosen_file": settings().stored_file,
    }
    with registered(database.database_name):
        return RemovedTables(stored_places(uri, **options), uri, options)


def _connections(removal: Removal) -> Iterator[tuple[str, Database]]:
    """A connection goes if an installation made it and nobody put another dataset on it."""
    warehouse, ours = removal.manifest.warehouse, {each.id for each in removal.assets["datasets"]}
    made = [warehouse.get("stored_database"), removal.manifest.database, *warehouse.get("connections", [])]
    for uuid in dict.fromkeys(each for each in made if each):
        connection = find(Database, uuid)
        if connection is not None:
            kept = any(table.id not in ours for table in connection.tables)
            yield "kept" if kept else "removed", connection


def _remove_schema_permissions(manifest: Manifest) -> None:
    """Superset leaves the permission on a schema behind; it goes, unless a role of somebody has it by now."""
    for name in {manifest.schema_permission, *manifest.warehouse.get("schema_permissions", [])}:
        permission = security_manager.find_permission_view_menu("schema_access", name) if name else None
        if permission is not None and not permission.role:
            db.session.delete(permission)
            db.session.flush()
            db.session.delete(security_manager.find_view_menu(name))

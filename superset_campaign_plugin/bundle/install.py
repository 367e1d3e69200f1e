"""Puts the bundle into the running deployment, and takes it out again.

An installation is one transaction: all of it or nothing. It writes only what differs, keeps what people have
changed since, and touches nothing that the plugin did not make. Needs a Superset application context.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import current_app
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from superset import db, security_manager
from superset.commands.chart.importers.v1.utils import import_chart
from superset.commands.dashboard.importers.v1.utils import import_dashboard, update_id_refs
from superset.commands.utils import update_chart_config_dataset
from superset.connectors.sqla.models import SqlaTable
from superset.models.core import Database
from superset.models.dashboard import Dashboard
from superset.models.slice import Slice
from superset.reports.models import ReportSchedule

from superset_campaign_plugin.bundle.assemble import Bundle, build_bundle
from superset_campaign_plugin.bundle.connections import (
    check_time_grains,
    create_database,
    find_database,
    stored_database,
)
from superset_campaign_plugin.bundle.contents import read_contents
from superset_campaign_plugin.bundle.manifest import (
    Manifest,
    delete_manifest,
    fingerprint,
    read_manifest,
    write_manifest,
)
from superset_campaign_plugin.bundle.role import VIEWER_ROLE, create_viewer_role, delete_role
from superset_campaign_plugin.bundle.stored import KINDS, dataset_ids, each, find
from superset_campaign_plugin.config import EXTENSION, Settings
from superset_campaign_plugin.embedding.boundaries import cover_datasets, remove_boundaries
from superset_campaign_plugin.engines import Engine, get_engine
from superset_campaign_plugin.errors import DatabaseError, InstallError, RefreshError
from superset_campaign_plugin.refresh.state import StoredSource, differing, read_state, schema_of
from superset_campaign_plugin.report.datasets import PREVIEW_PATH, Options
from superset_campaign_plugin.sources.custom import is_mapping
from superset_campaign_plugin.sources.instances import Instance, is_several, read_instances
from superset_campaign_plugin.warehouse import connect, reason

logger = logging.getLogger(__name__)

# What the datasets of an installation read.
READS_LOG, READS_STORED = "log", "stored"


@dataclass(frozen=True)
class Change:
    """What happened to one asset: created, updated, unchanged, kept (people changed it) or removed."""

    action: str
    kind: str
    name: str


def install(
    *,
    database: str | None,
    uri: str | None,
    schema: str | None,
    source: str,
    overwrite: bool = False,
    kinds: Collection[str] = tuple(KINDS),
) -> list[Change]:
    """Install or upgrade, bound to the registered `database` or to a connection made from `uri`.

    An asset that people changed since is kept, unless `overwrite`; assets that are none of the `kinds` stay as they
    are. Raises `InstallError`, `SourceError` or `DatabaseError`, and then nothing has changed.
    """
    manifest = read_manifest() or Manifest()
    connection, made = _connection(database, uri)
    created = [connection] if made else []
    try:
        if made:
            manifest.database = str(connection.uuid)
        check_time_grains(connection)
        instances = read_instances(source, schema)
        stored = _stored_figures(connection, instances)
        holder = _stored_connection(connection, stored, manifest, created)
        bundle = _bundle(connection, schema, source, instances, stored, holder)
        _check_names_are_free(bundle)
        schema_permission = _missing_schema_permission(connection, schema)
        changes = [
            _put(kind, name, config, manifest, connection, overwrite)
            for kind, name, config in each(bundle)
            if kind in kinds
        ]
        manifest.schema_permission = schema_permission or manifest.schema_permission
        # A refresh by the deployment's workers reads it again, wherever they run.
        layout = str(Path(source).absolute()) if is_mapping(source) else source
        manifest.warehouse = {
            "database": str(connection.uuid),
            "source": layout,
            "schema": schema,
            "reads": READS_LOG if stored is None else READS_STORED,
            "stored_database": _made_for_stored(holder, manifest, created),
        }
        manifest.instances = {instance.name: instance.schema for instance in instances if instance.name is not None}
        cover_datasets()
        changes.append(_put_role(bundle, manifest))
        write_manifest(manifest)
        db.session.commit()
    except Exception:
        db.session.rollback()
        for each_made in created:  # and committed, which Superset does with a new connection
            db.session.delete(each_made)
            db.session.commit()
        raise
    return changes


def uninstall() -> list[Change]:
    """Remove exactly what the installation made. Raises `InstallError` where something of other people rests on it."""
    manifest = read_manifest()
    if manifest is None:
        return []
    objects = {kind: _installed(model, manifest) for kind, (model, _) in KINDS.items()}
    _check_nothing_rests_on(objects)
    try:
        changes = [Change("removed", "row rules", name) for name in remove_boundaries()]
        for kind in ("dashboards", "charts", "datasets"):
            for item in objects[kind]:
                changes.append(Change("removed", kind, str(item)))
                db.session.delete(item)
            db.session.flush()
        for role in manifest.roles:
            delete_role(role)
            changes.append(Change("removed", "roles", role))
        _remove_schema_permission(manifest)
        changes += _remove_connections(manifest)
        delete_manifest()
        db.session.commit()
    except Exception:
        db.session.rollback()
        raise
    return changes


def _missing_schema_permission(database: Database, schema: str | None) -> str | None:
    """The name of the permission that Superset will make for the datasets' schema; None if it is there already."""
    name = security_manager.get_schema_perm(database.database_name, database.get_default_catalog(), schema)
    return name if name and security_manager.find_view_menu(name) is None else None


def _remove_schema_permission(manifest: Manifest) -> None:
    """Superset leaves the permission on a schema behind; it goes, unless a role of somebody has it by now."""
    name = manifest.schema_permission
    permission = security_manager.find_permission_view_menu("schema_access", name) if name else None
    if permission is not None and not permission.role:
        db.session.delete(permission)
        db.session.flush()
        db.session.delete(security_manager.find_view_menu(name))


def _remove_connections(manifest: Manifest) -> Iterator[Change]:
    """A connection goes if the installation made it and nobody put another dataset on it."""
    for uuid in (manifest.warehouse.get("stored_database"), manifest.database):
        connection = find(Database, uuid) if uuid else None
        if connection is None:
            continue
        if not connection.tables:
            db.session.delete(connection)
        yield Change("kept" if connection.tables else "removed", "databases", connection.database_name)


def _connection(database: str | None, uri: str | None) -> tuple[Database, bool]:
    """The connection that was asked for, and whether it was made just now."""
    if uri is None:
        if database is None:
            raise InstallError("name the registered database with --database, or give a --uri")
        return find_database(database), False
    return create_database(database, uri)


def _bundle(
    database: Database,
    schema: str | None,
    source: str,
    instances: tuple[Instance, ...],
    stored: StoredSource | None,
    holder: Database,
) -> Bundle:
    """The bundle for the warehouse `database`, whose stored tables, if there are such, are in `holder`."""
    engine = get_engine(database.backend)
    root = (current_app.config.get("APPLICATION_ROOT") or "/").rstrip("/")
    options = Options(preview_path=root + PREVIEW_PATH, rules=_settings().rules)
    sql, time_range = read_contents(
        lambda: _opened(database, schema), lambda: _opened(holder, None), source, schema, options, stored
    )
    return build_bundle(
        sql,
        engine,
        UUID(str(database.uuid)),
        schema,
        database.get_default_catalog(),
        time_range,
        several_instances=is_several(instances),
        stored_database=None if holder is database else UUID(str(holder.uuid)),
    )


@contextlib.contextmanager
def _opened(database: Database, schema: str | None) -> Iterator[tuple[Connection, Engine]]:
    """A connection through Superset. Raises `DatabaseError` with the database's name."""
    try:
        with database.get_sqla_engine(schema=schema) as pool, pool.connect() as connection:
            yield connection, get_engine(database.backend)
    except SQLAlchemyError as error:
        raise DatabaseError(f"{database.database_name}: {reason(error)}") from error


def _settings() -> Settings:
    found: Settings = current_app.extensions[EXTENSION]
    return found


def _stored_figures(database: Database, instances: tuple[Instance, ...]) -> StoredSource | None:
    """The stored tables, where a refresh has made some that can be read; else the datasets compute from the log."""
    settings = _settings()
    source = StoredSource(settings.stored_schema, settings.stored_file)
    uri = database.sqlalchemy_uri_decrypted
    try:
        place = source.uri(uri)
    except RefreshError:  # no refresh has made a file of them yet
        return None
    with connect(place) if place != uri else _opened(database, None) as (connection, engine):
        for instance in instances:
            if not engine.schemas and instance.name is not None:
                return None
            state = read_state(connection, engine, schema_of(instance, engine, settings.stored_schema))
            if state is None:
                return None
            if other := differing(state, instance, settings.rules):
                # As after an upgrade: the figures are right at once, and fast again after the next refresh.
                logger.warning(
                    "The stored tables are of another %s, so the dashboard computes from the log until "
                    "`superset campaign refresh` has made them anew",
                    other,
                )
                return None
    return source


def _stored_connection(
    database: Database, stored: StoredSource | None, manifest: Manifest, created: list[Database]
) -> Database:
    """Superset's connection to the stored tables: the warehouse's own, but to a file of them if they lie in one."""
    uri = database.sqlalchemy_uri_decrypted
    place = uri if stored is None else stored.uri(uri)
    if place == uri:
        return database
    holder, made = stored_database(database, place, manifest.warehouse.get("stored_database"))
    if made:
        created.append(holder)
    return holder


def _made_for_stored(holder: Database, manifest: Manifest, created: list[Database]) -> str | None:
    """The UUID of the connection to stored tables that this or an earlier installation made."""
    known = manifest.warehouse.get("stored_database")
    return str(holder.uuid) if holder in created and str(holder.uuid) != manifest.database else known


def _check_names_are_free(bundle: Bundle) -> None:
    """Superset's importer would take over another dataset or dashboard of the same name."""
    for config in bundle.datasets.values():
        database = find(Database, config["database_uuid"])
        same = db.session.query(SqlaTable).filter_by(
            database_id=database.id, schema=config["schema"], table_name=config["table_name"]
        )
        if any(str(dataset.uuid) != config["uuid"] for dataset in same):
            raise InstallError(
                f"{database.database_name} has another dataset {config['table_name']}; rename it and install again"
            )
    for config in bundle.dashboards.values():
        same = db.session.query(Dashboard).filter_by(slug=config["slug"])
        if any(str(dashboard.uuid) != config["uuid"] for dashboard in same):
            raise InstallError(f"another dashboard has the slug {config['slug']}; change it and install again")


def _put(
    kind: str, name: str, config: dict[str, Any], manifest: Manifest, database: Database, overwrite: bool
) -> Change:
    model, content = KINDS[kind]
    # A dataset that somebody deleted is made anew under another id, by which charts and filters know it.
    made = fingerprint([config, database.id, {} if kind == "datasets" else dataset_ids()])
    known = manifest.assets.get(config["uuid"])
    existing = find(model, config["uuid"])
    if existing is not None and known is not None:
        untouched = fingerprint(content(existing, config)) == known["stored"]
        if untouched and made == known["made"]:
            return Change("unchanged", kind, name)
        if not untouched and not overwrite:
            if kind == "datasets" and fingerprint(existing.sql) == known.get("sql"):
                # Of what people left alone, the figures always follow: one dashboard shows one rule's.
                _bind(existing, config)
            return Change("kept", kind, name)
    action = "created" if existing is None else "updated"
    stored = _WRITERS[kind](copy.deepcopy(config), database)
    db.session.flush()
    db.session.refresh(stored)
    manifest.assets[config["uuid"]] = {"made": made, "stored": fingerprint(content(stored, config))}
    if kind == "datasets":
        manifest.assets[config["uuid"]]["sql"] = fingerprint(stored.sql)
    return Change(action, kind, name)


def _bind(dataset: SqlaTable, config: dict[str, Any]) -> None:
    """Let the dataset read what its configuration says, and leave the rest of it as it is."""
    dataset.database_id = find(Database, config["database_uuid"]).id
    dataset.schema, dataset.catalog, dataset.sql = config["schema"], config["catalog"], config["sql"]


def _write_dataset(config: dict[str, Any], _: Database) -> SqlaTable:
    """As Superset's own importer does, but without removing columns and metrics that people have added."""
    config["database_id"] = find(Database, config["database_uuid"]).id
    existing = find(SqlaTable, config["uuid"])
    if existing is not None:
        # The importer looks for it at the new place, and would make a second one.
        _bind(existing, config)
        db.session.flush()
    for item in (config, *config["metrics"]):
        item["extra"] = json.dumps(item["extra"])
    return SqlaTable.import_from_dict(config, recursive=True, sync=[])


def _write_chart(config: dict[str, Any], _: Database) -> Slice:
    dataset = find(SqlaTable, config["dataset_uuid"])
    reference = {
        "datasource_id": dataset.id,
        "datasource_type": dataset.datasource_type,
        "datasource_name": dataset.table_name,
    }
    return import_chart(update_chart_config_dataset(config, reference), overwrite=True, ignore_permissions=True)


def _write_dashboard(config: dict[str, Any], _: Database) -> Dashboard:
    cells = [cell["meta"]["uuid"] for cell in config["position"].values() if "uuid" in _meta(cell)]
    charts = {uuid: find(Slice, uuid) for uuid in cells}
    datasets = {
        str(dataset.uuid): {"datasource_id": dataset.id}
        for dataset in {chart.datasource for chart in charts.values()} | set(_filter_datasets(config))
        if dataset is not None  # of a chart that people changed, and whose dataset they deleted
    }
    config = update_id_refs(config, {uuid: chart.id for uuid, chart in charts.items()}, datasets)
    dashboard = import_dashboard(config, overwrite=True, ignore_permissions=True)
    dashboard.slices = list(charts.values())
    return dashboard


def _meta(cell: Any) -> dict[str, Any]:
    return cell.get("meta", {}) if isinstance(cell, dict) else {}


def _filter_datasets(config: dict[str, Any]) -> list[SqlaTable]:
    targets = [target for item in config["metadata"]["native_filter_configuration"] for target in item["targets"]]
    return [find(SqlaTable, target["datasetUuid"]) for target in targets if "datasetUuid" in target]


_WRITERS: dict[str, Any] = {"datasets": _write_dataset, "charts": _write_chart, "dashboards": _write_dashboard}


def _put_role(bundle: Bundle, manifest: Manifest) -> Change:
    datasets = [find(SqlaTable, config["uuid"]) for config in bundle.datasets.values()]
    if create_viewer_role(datasets):
        manifest.roles = [VIEWER_ROLE, *manifest.roles]
        return Change("created", "roles", VIEWER_ROLE)
    return Change("unchanged" if VIEWER_ROLE in manifest.roles else "kept", "roles", VIEWER_ROLE)


def _installed(model: Any, manifest: Manifest) -> list[Any]:
    return [item for uuid in manifest.assets if (item := find(model, uuid)) is not None]


def _check_nothing_rests_on(objects: dict[str, list[Any]]) -> None:
    """What other people built on the plugin's assets would break without them, so they decide first."""
    ours = {kind: {item.id for item in items} for kind, items in objects.items()}
    users = [
        f"the chart {chart.slice_name!r} on the dataset {dataset.table_name}"
        for dataset in objects["datasets"]
        for chart in dataset.slices
        if chart.id not in ours["charts"]
    ]
    users += [
        f"the dashboard {dashboard.dashboard_title!r} with the chart {chart.slice_name!r}"
        for chart in objects["charts"]
        for dashboard in chart.dashboards
        if dashboard.id not in ours["dashboards"]
    ]
    users += [
        f"the report or alert {schedule.name!r}"
        for schedule in db.session.query(ReportSchedule)
        if schedule.dashboard_id in ours["dashboards"] or schedule.chart_id in ours["charts"]
    ]
    if users:
        raise InstallError("still in use, so nothing was removed; delete or change first: " + "; ".join(users))

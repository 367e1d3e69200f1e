"""Carries out the plan of an installation in the running deployment.

An installation is one transaction: all of it or nothing. It writes only what differs, keeps what people have
changed since, and touches nothing that the plugin did not make. Needs a Superset application context.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Collection
from datetime import datetime, timezone
from typing import Any

from superset import db, security_manager
from superset.commands.chart.importers.v1.utils import import_chart
from superset.commands.dashboard.importers.v1.utils import import_dashboard, update_id_refs
from superset.commands.utils import update_chart_config_dataset
from superset.connectors.sqla.models import SqlaTable
from superset.models.core import Database
from superset.models.dashboard import Dashboard
from superset.models.slice import Slice

from superset_campaign_plugin.bundle.asset_changes import Change
from superset_campaign_plugin.bundle.asset_plans import AssetPlan
from superset_campaign_plugin.bundle.connections import register
from superset_campaign_plugin.bundle.install_plan import ALL, InstallPlan, InstallRequest, make_plan
from superset_campaign_plugin.bundle.merging import charts, dashboards, datasets
from superset_campaign_plugin.bundle.merging.dashboard_layout import charts_of
from superset_campaign_plugin.bundle.merging.three_way import REPLACED
from superset_campaign_plugin.bundle.shown_people import plan_changes_figures
from superset_campaign_plugin.embedding.roles import (
    DETAILS_ROLE,
    GUEST_ROLE,
    PEOPLE_ROLE,
    VIEWER_ROLE,
    access_role,
    create_guest_role,
    create_people_role,
    create_viewer_role,
    delete_role,
)
from superset_campaign_plugin.embedding.row_access import cover_datasets
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.subscriptions.made import follow_report, subscriptions
from superset_campaign_plugin.subscriptions.tabs import store_addresses
from superset_campaign_plugin.superset_assets.installed_assets import MODELS, find
from superset_campaign_plugin.superset_assets.manifest import asset_record, write_manifest

logger = logging.getLogger(__name__)


def install(
    *,
    database: str | None,
    uri: str | None,
    schema: str | None,
    source: str,
    overwrite: bool | Collection[str] = False,
    kinds: Collection[str] = tuple(MODELS),
    people: bool | None = None,
    people_columns: Collection[str] | None = None,
) -> list[Change]:
    """Install or upgrade, bound to the registered `database` or to a connection made from `uri`.

    What people changed since stays, unless `overwrite` names the asset, or is True; assets that are none of the
    `kinds` stay as they are. `people` and `people_columns` are as in `InstallRequest`. Raises `InstallError`,
    `SourceError`, `UsageError` or `DatabaseError`, and then nothing has changed.
    """
    replaced = ([ALL] if overwrite else []) if isinstance(overwrite, bool) else overwrite
    plan = make_plan(
        InstallRequest(
            *(database, uri, schema, source, tuple(replaced), tuple(kinds)),
            people=people,
            people_columns=people_columns,
        )
    )
    change = plan_changes_figures(plan)
    for note in [*([] if change is None else [change.sentence]), *plan.notes]:
        logger.warning("%s", note)
    return carry_out(plan)


def planned_changes(plan: InstallPlan) -> list[Change]:
    """What `carry_out` would do to the assets and connections."""
    new = [each for each in dict.fromkeys((plan.warehouse, plan.stored)) if each.new]
    roles = [Change("created", "roles", name) for name in plan.roles if not security_manager.find_role(name)]
    roles += [Change("removed", "roles", name) for name in _without_datasets(plan)]
    return [
        *(Change("created", "databases", each.database.database_name) for each in new),
        *(each.change for each in plan.assets),
        *roles,
    ]


def carry_out(plan: InstallPlan) -> list[Change]:
    """Do what the plan says, in one transaction. Raises `InstallError`, and then nothing has changed."""
    created: list[Database] = []
    manifest = plan.manifest
    try:
        for connection in (plan.warehouse, plan.stored):
            if connection.new and find(Database, str(connection.uuid)) is None:
                created.append(register(connection))
        plan.stored.follow()
        changes = [_put(asset, plan) for asset in plan.assets]
        _remember(plan, [str(each.uuid) for each in created])
        follow_report(manifest)
        cover_datasets()
        changes += _put_roles(plan)
        write_manifest(manifest)
        db.session.commit()
    except Exception:
        db.session.rollback()
        for each in created:  # and committed, which Superset does with a new connection
            db.session.delete(each)
            db.session.commit()
        raise
    for each in subscriptions(manifest):
        store_addresses(each.schedule)
    return changes


def _remember(plan: InstallPlan, created: list[str]) -> None:
    manifest = plan.manifest
    made = [*manifest.warehouse.get("connections", []), *created]
    # One for each database and schema that the report was ever installed upon.
    schemas = [*manifest.warehouse.get("schema_permissions", []), manifest.schema_permission, plan.schema_permission]
    manifest.schema_permission = plan.schema_permission or manifest.schema_permission
    manifest.warehouse = {
        **plan.described(),
        "connections": list(dict.fromkeys(made)),
        "schema_permissions": list(dict.fromkeys(name for name in schemas if name)),
    }
    if str(plan.warehouse.uuid) in created:
        manifest.database = str(plan.warehouse.uuid)
    if plan.stored is not plan.warehouse and str(plan.stored.uuid) in created:
        manifest.warehouse["stored_database"] = str(plan.stored.uuid)
    manifest.warehouse.setdefault("stored_database", None)
    manifest.instances = plan.instances


def _put(asset: AssetPlan, plan: InstallPlan) -> Change:
    existing = find(MODELS[asset.kind], asset.uuid)
    if asset.config is None or asset.document is None:
        if asset.action == "removed":
            db.session.delete(existing)
            del plan.manifest.assets[asset.uuid]
        return asset.change
    if asset.action == "created":
        existing = _CREATORS[asset.kind](copy.deepcopy(asset.config))
    elif asset.action == "updated":
        _write(existing, asset, plan)
    db.session.flush()
    record = asset_record(existing.id, asset.kind, asset.document, plan.manifest.assets.get(asset.uuid))
    if replaced := [difference for difference in asset.differences if difference.outcome == REPLACED]:
        # Of people's work nothing is lost: `superset campaign diff --replaced` shows it.
        record["replaced"] = [
            *record.get("replaced", []),
            *({"at": _now(), "field": each.field, "value": each.there} for each in replaced),
        ]
    if unknown := [[each.path, each.there] for each in asset.differences if not each.known and not each.written]:
        record["unknown"] = unknown
    plan.manifest.assets[asset.uuid] = record
    return asset.change


def _write(existing: Any, asset: AssetPlan, plan: InstallPlan) -> None:
    if asset.kind == "datasets":
        datasets.write(existing, asset.differences)
    elif asset.kind == "charts":
        charts.write(existing, asset.differences)
    else:
        dashboards.write(existing, asset.differences, asset.document or {}, asset.position or {}, plan.ids)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _create_dataset(config: dict[str, Any]) -> SqlaTable:
    config["database_id"] = find(Database, config["database_uuid"]).id
    for item in (config, *config["metrics"]):
        item["extra"] = json.dumps(item["extra"])
    return SqlaTable.import_from_dict(config, recursive=True, sync=[])


def _create_chart(config: dict[str, Any]) -> Slice:
    dataset = find(SqlaTable, config["dataset_uuid"])
    reference = {
        "datasource_id": dataset.id,
        "datasource_type": dataset.datasource_type,
        "datasource_name": dataset.table_name,
    }
    return import_chart(update_chart_config_dataset(config, reference), overwrite=True, ignore_permissions=True)


def _create_dashboard(config: dict[str, Any]) -> Dashboard:
    here, known = dashboards.ids_here().back()
    shown = {uuid: here[uuid] for uuid in charts_of(config["position"])}
    config = update_id_refs(config, shown, {uuid: {"datasource_id": id_} for uuid, id_ in known.items()})
    dashboard = import_dashboard(config, overwrite=True, ignore_permissions=True)
    dashboard.slices = db.session.query(Slice).filter(Slice.id.in_(shown.values())).all()
    return dashboard


_CREATORS: dict[str, Any] = {"datasets": _create_dataset, "charts": _create_chart, "dashboards": _create_dashboard}


def _without_datasets(plan: InstallPlan) -> list[str]:
    """The roles for people and their attributes that go: what they gave access to is no more."""
    return [name for name in (PEOPLE_ROLE, DETAILS_ROLE) if name in plan.manifest.roles and name not in plan.roles]


def _put_roles(plan: InstallPlan) -> list[Change]:
    """Bring the viewers' role up to date, the guests' role if embedding has made one, and those for people."""
    manifest = plan.manifest
    found: dict[str, list[SqlaTable]] = {name: [] for name in plan.roles}
    for name, config in plan.bundle.datasets.items():
        found[access_role(load_semantics().datasets[name])].append(find(SqlaTable, config["uuid"]))
    # Filters of the dashboard with attributes list the values of people's own dataset, which is the smaller one.
    if DETAILS_ROLE in found:
        found[DETAILS_ROLE] += found[PEOPLE_ROLE]
    figures = found.pop(VIEWER_ROLE)
    made = [(VIEWER_ROLE, create_viewer_role(figures))]
    made += [(name, create_people_role(name, datasets)) for name, datasets in found.items()]
    removed = _without_datasets(plan)
    for name in removed:
        delete_role(name)
    manifest.roles = [name for name in manifest.roles if name not in removed]
    if GUEST_ROLE in manifest.roles:
        made.append((GUEST_ROLE, create_guest_role()))
    for name, change in made:
        if change:
            manifest.roles = [name, *manifest.roles]
    return [
        *(Change(change.action, "roles", name) for name, change in made),
        *(Change("removed", "roles", name) for name in removed),
    ]

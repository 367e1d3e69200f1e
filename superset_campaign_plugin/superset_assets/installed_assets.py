"""The plugin's assets in a deployment, found by their UUIDs."""

from __future__ import annotations

from typing import Any

from superset import db
from superset.connectors.sqla.models import SqlaTable
from superset.models.dashboard import Dashboard
from superset.models.slice import Slice

from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.superset_assets.identity import dataset_uuid


def find(model: Any, uuid: str) -> Any:
    """The object of that UUID, or None."""
    return db.session.query(model).filter_by(uuid=uuid).one_or_none()


def dataset_ids() -> dict[str, int]:
    """The ids of the plugin's datasets by name, as far as they are installed."""
    names = {dataset_uuid(name): name for name in load_semantics().datasets}
    rows = db.session.query(SqlaTable.uuid, SqlaTable.id).filter(SqlaTable.uuid.in_(names))
    return {names[uuid]: id_ for uuid, id_ in rows}


def installed_datasets() -> list[SqlaTable]:
    """The plugin's datasets, as far as they are installed."""
    uuids = [dataset_uuid(name) for name in load_semantics().datasets]
    return list(db.session.query(SqlaTable).filter(SqlaTable.uuid.in_(uuids)))


def datasets_and_copies() -> set[int]:
    """The ids of the plugin's datasets, and of those that people made of one by Superset's own copying."""
    ours = installed_datasets()
    copies = db.session.query(SqlaTable.id, SqlaTable.database_id, SqlaTable.sql).filter(
        SqlaTable.sql.in_([each.sql for each in ours])
    )
    bound = {(each.database_id, each.sql) for each in ours}
    return {each.id for each in ours} | {id_ for id_, *where in copies if tuple(where) in bound}


# What an asset of each kind is stored as.
MODELS: dict[str, Any] = {"datasets": SqlaTable, "charts": Slice, "dashboards": Dashboard}


def title(asset: Any) -> str:
    """As people see it in Superset."""
    for name in ("dashboard_title", "slice_name", "table_name"):
        if title := getattr(asset, name, None):
            return str(title)
    return str(asset)

"""All that the plugin ships, as configurations for Superset's importer, and as the ZIP that its UI takes."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from sqlalchemy.engine import make_url

from superset_campaign_plugin.bundle.charts import chart_config
from superset_campaign_plugin.bundle.dashboards import dashboard_config
from superset_campaign_plugin.bundle.datasets import dataset_config
from superset_campaign_plugin.bundle.definitions import load_dashboards
from superset_campaign_plugin.bundle.identity import database_uuid
from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import BundleError
from superset_campaign_plugin.report.datasets import QUALITY_DATASET, Options
from superset_campaign_plugin.report.run import dataset_sql
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.instances import is_several, read_instances
from superset_campaign_plugin.warehouse import connect

ROOT = "superset_campaign_bundle"


@dataclass(frozen=True)
class Bundle:
    """Configurations by name, each in the form of Superset's export."""

    datasets: dict[str, dict[str, Any]]
    charts: dict[str, dict[str, Any]]
    dashboards: dict[str, dict[str, Any]]


def build_bundle(
    sql: dict[str, str],
    engine: Engine,
    database: UUID,
    schema: str | None,
    catalog: str | None = None,
    default_time_range: str | None = None,
    *,
    several_instances: bool = False,
    stored_database: UUID | None = None,
) -> Bundle:
    """The bundle for a database; `sql` holds the SQL of each dataset by name.

    With `several_instances` of Marketo in it, the tables tell them apart and a filter chooses among them. Where the
    stored tables lie in a database of their own, the datasets that read them are bound to `stored_database`.
    """
    dashboards = load_dashboards(several_instances)

    def dataset(name: str) -> dict[str, Any]:
        definition = load_semantics().datasets[name]
        if stored_database is None or name == QUALITY_DATASET:
            return dataset_config(definition, sql[name], engine, database, schema, catalog)
        return dataset_config(definition, sql[name], engine, stored_database, None)

    return Bundle(
        datasets={name: dataset(name) for name in load_semantics().datasets},
        charts={
            name: chart_config(dashboard.name, chart, engine.week_grain)
            for dashboard in dashboards
            for name, chart in dashboard.charts.items()
        },
        dashboards={dashboard.name: dashboard_config(dashboard, default_time_range) for dashboard in dashboards},
    )


def database_config(name: str, uri: str) -> dict[str, Any]:
    """The database connection of a bundle. A password is masked; Superset's import dialog asks for it."""
    url = make_url(uri)
    if url.password:
        url = url.set(password="X" * 10)  # Superset's own mask
    config: dict[str, Any] = {
        "database_name": name,
        "sqlalchemy_uri": url.render_as_string(hide_password=False),
        "uuid": str(database_uuid(name)),
        "version": "1.0.0",
    }
    if url.get_backend_name() in CONNECTION_EXTRAS:
        config["extra"] = CONNECTION_EXTRAS[url.get_backend_name()]
    return config


# What a connection needs, by SQLAlchemy's name of the database.
CONNECTION_EXTRAS: dict[str, dict[str, Any]] = {
    # Many processes may read a file as long as none of them writes.
    "duckdb": {"engine_params": {"connect_args": {"read_only": True}}},
}


def write_bundle(file: Path, *, uri: str, schema: str | None, source: str, database: str) -> None:
    """Write the ZIP for a warehouse: the tables that it has now decide the SQL. Half a file is never left behind."""
    several = is_several(read_instances(source, schema))
    with connect(uri) as (connection, engine):
        sql = dataset_sql(connection, engine, source, schema, Options())
    bundle = build_bundle(sql, engine, database_uuid(database), schema, several_instances=several)
    partial = file.with_name(f"{file.name}.part")
    try:
        partial.write_bytes(zip_bundle(bundle, database_config(database, uri)))
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise BundleError(f"cannot write {file}: {error.strerror}") from error


def zip_bundle(bundle: Bundle, database: dict[str, Any]) -> bytes:
    """The bundle as the ZIP of Superset's dashboard import."""
    metadata = {
        "version": "1.0.0",
        "type": "Dashboard",
        "timestamp": datetime.now(timezone.utc).isoformat(),
    }
    files = {"metadata.yaml": metadata, "databases/warehouse.yaml": database}
    for folder in ("datasets", "charts", "dashboards"):
        for name, config in getattr(bundle, folder).items():
            files[f"{folder}/{name}.yaml"] = config
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(f"{ROOT}/{path}", yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return buffer.getvalue()

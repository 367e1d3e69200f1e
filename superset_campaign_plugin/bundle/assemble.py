"""All that the plugin ships, as configurations for Superset's importer, and as the ZIP that its UI takes."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from sqlalchemy.engine import make_url

from superset_campaign_plugin.attributes import Attribute
from superset_campaign_plugin.bundle.chart_config import chart_config
from superset_campaign_plugin.bundle.dashboard_config import dashboard_config
from superset_campaign_plugin.bundle.dataset_config import dataset_config
from superset_campaign_plugin.bundle.dataset_queries import OF_THE_LOG, assumed_contents, read_contents
from superset_campaign_plugin.engines import Engine, get_engine
from superset_campaign_plugin.errors import BundleError, UsageError
from superset_campaign_plugin.report.datasets import NO_PREVIEW, PREVIEW_PATH, Options
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.reporting.dataset_sql import FactsSource
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.superset_assets.definitions import load_dashboards
from superset_campaign_plugin.superset_assets.identity import database_uuid, replaced_uuid
from superset_campaign_plugin.warehouse import connect, parse_uri

ROOT = "superset_campaign_bundle"
# Of the connection to the file of stored tables; it holds the name of that to the warehouse.
STORED_NAME = "{} (stored report)"
# Superset's own, in the place of a password.
MASK = "X" * 10
# The file that stands for a connection that is there already. Superset's error names it.
MISSING_CONNECTION = "no_connection_has_the_uuid_of_this_bundle"
_ROOT = re.compile(r"(/[A-Za-z0-9._~-]+)+")


@dataclass(frozen=True)
class Bundle:
    """Configurations by name, each in the form of Superset's export."""

    datasets: dict[str, dict[str, Any]]
    charts: dict[str, dict[str, Any]]
    dashboards: dict[str, dict[str, Any]]

    def assets(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(kind, name, configuration) of every asset, in an order in which each finds what it refers to."""
        return [
            (kind, name, config)
            for kind in ("datasets", "charts", "dashboards")
            for name, config in getattr(self, kind).items()
        ]


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
    people: bool = False,
    attributes: Sequence[Attribute] = (),
) -> Bundle:
    """The bundle for a database; `sql` holds the SQL of each dataset by name.

    With `several_instances` of Marketo in it, the tables tell them apart and a filter chooses among them. Where the
    stored tables lie in a database of their own, the datasets that read them are bound to `stored_database`. What is
    about people is there with `people` alone, and with `attributes` of theirs if there are some.
    """
    dashboards = load_dashboards(several_instances, people=people, attributes=attributes)

    def dataset(name: str) -> dict[str, Any]:
        definition = load_semantics().datasets[name]
        if definition.details_of is not None:
            definition = definition.with_attributes(attributes)
        if stored_database is None or name in OF_THE_LOG:
            return dataset_config(definition, sql[name], engine, database, schema, catalog)
        return dataset_config(definition, sql[name], engine, stored_database, None)

    return Bundle(
        datasets={name: dataset(name) for name in load_semantics().names(people=people, details=bool(attributes))},
        charts={
            name: chart_config(dashboard.name, chart)
            for dashboard in dashboards
            for name, chart in dashboard.charts.items()
        },
        dashboards={dashboard.name: dashboard_config(dashboard, default_time_range) for dashboard in dashboards},
    )


def database_config(name: str, uri: str, identity: UUID | None = None) -> dict[str, Any]:
    """The database connection of a bundle. A password is masked; Superset's import dialog asks for it.

    `identity` is the UUID of a connection that is there already; else it follows from the name.
    """
    url = make_url(uri)
    if url.password:
        url = url.set(password=MASK)
    return {
        "database_name": name,
        "sqlalchemy_uri": url.render_as_string(hide_password=False),
        # Superset's importers fail without these two: 6.0 without both, 6.1 without `extra`.
        "allow_csv_upload": False,
        "extra": CONNECTION_EXTRAS.get(url.get_backend_name(), {}),
        "uuid": str(identity or database_uuid(name)),
        "version": "1.0.0",
    }


def missing_connection(uri: str, identity: UUID) -> dict[str, Any]:
    """What the import of dashboards is told of a connection that is there already, which it finds by `identity`.

    Superset reads the rest where it finds none, and would make a connection of it. So the address has a masked
    password, which stops the import.
    """
    address = make_url(uri).get_backend_name() + f"://nobody:{MASK}@connection-not-found/"
    return database_config(f"No connection has the UUID {identity}", address, identity)


# What a connection needs, by SQLAlchemy's name of the database.
CONNECTION_EXTRAS: dict[str, dict[str, Any]] = {
    # Many processes may read a file as long as none of them writes.
    "duckdb": {"engine_params": {"connect_args": {"read_only": True}}},
}


# Addresses to complete in Superset, by the engine's name; the schema of the tables is a part of them.
PLACEHOLDERS: dict[str, str] = {
    "bigquery": "bigquery://project/dataset",
    "clickhousedb": "clickhousedb://user@host:8123/database",
    "databricks": "databricks://token@host:443?http_path=path&catalog=catalog&schema=schema",
    "duckdb": "duckdb:////path/to/warehouse.duckdb",
    "hive": "hive://user@host:10000/database",
    "mysql": "mysql://user@host/database",
    "postgresql": "postgresql://user@host/database?options=-csearch_path%3Dschema",
    "redshift": "redshift+psycopg2://user@host:5439/database?options=-csearch_path%3Dschema",
    "snowflake": "snowflake://user@account/database/schema?warehouse=warehouse",
    "sqlite": "sqlite:////path/to/warehouse.db",
    "trino": "trino://user@host:443/catalog/schema",
}
DEFAULT_DATABASE = "Campaign Warehouse (imported)"


@dataclass(frozen=True)
class Target:
    """The Superset that a bundle is for.

    `kind` is the import that takes it: "dashboards", of Superset's pages and commands, or "assets", of its API alone.
    `database` names the connection; `database_id` is its UUID where it is there already, and then it stays as it is.
    `preview_path` is where that Superset serves previews, as in `Options`; with `people` the bundle has what is about
    people, too.
    """

    kind: str = "dashboards"
    database: str = DEFAULT_DATABASE
    database_id: UUID | None = None
    preview_path: str = NO_PREVIEW
    people: bool = False


def preview_path(links: bool, app_root: str | None) -> str:
    """Where previews are served, with links to them; `NO_PREVIEW` without.

    Raises `UsageError` for an application root that is no path, or that has no use without links.
    """
    if not links:
        if app_root is not None:
            raise UsageError("--app-root is for links to previews; give --preview-links, too")
        return NO_PREVIEW
    root = (app_root or "").rstrip("/")
    if root and not _ROOT.fullmatch(root):
        raise UsageError(f"{app_root!r} is not a path; write it as /superset")
    return root + PREVIEW_PATH


# What Superset calls the contents of a bundle, by the import that takes it.
KINDS = {"dashboards": "Dashboard", "assets": "assets"}


def write_bundle(
    file: Path,
    *,
    uri: str,
    schema: str | None,
    source: str,
    target: Target,
    rules: Rules | None = None,
    facts: FactsSource | None = None,
) -> None:
    """Write the ZIP for a warehouse: the tables that it has now decide the SQL. Half a file is never left behind.

    `rules` say what counts; the figures come from the log, or from `facts`.
    """
    resolved = resolve(source, schema)
    options = Options(preview_path=target.preview_path, rules=rules or Rules())
    _, engine = parse_uri(uri)
    place = uri if facts is None else facts.uri(uri)
    if place != uri and target.database_id is not None:
        raise UsageError(
            "on DuckDB stored tables lie in a file of their own, so the datasets need two connections; leave out "
            "--stored or --database-uuid"
        )
    names = load_semantics().names(people=target.people)
    apart = place != uri
    sql, time_range = read_contents(
        *(lambda: connect(uri), lambda: connect(place), resolved, options, facts, names), apart=apart
    )
    identity = target.database_id or database_uuid(target.database)
    databases = [database_config(target.database, uri, identity)]
    stored = None
    if apart:
        name = STORED_NAME.format(target.database)
        stored = database_uuid(name)
        databases.append(database_config(name, place, stored))
    several = resolved.is_several
    bundle = build_bundle(
        *(sql, engine, identity, schema, None, time_range),
        several_instances=several,
        stored_database=stored,
        people=target.people,
    )
    _write(file, zip_bundle(bundle, databases, target))


def write_bundle_for_layout(
    file: Path,
    *,
    engine: str,
    schema: str | None,
    source: str,
    target: Target,
    rules: Rules | None = None,
    without: Collection[str] = (),
) -> None:
    """Write the ZIP for any warehouse on the engine that has the tables and columns of the layout.

    `without` names those that it lacks. The connection's address is to be completed in Superset, where it is not one
    that is there already. Raises `UsageError` for an unknown engine, layout, table or column.
    """
    spoken = get_engine(engine)
    resolved = resolve(source, schema)
    options = Options(preview_path=target.preview_path, rules=rules or Rules())
    sql, time_range = assumed_contents(spoken, resolved, options, without, load_semantics().names(people=target.people))
    identity = target.database_id or database_uuid(target.database)
    database = database_config(target.database, PLACEHOLDERS[spoken.name], identity)
    several = resolved.is_several
    bundle = build_bundle(
        sql, spoken, identity, schema, None, time_range, several_instances=several, people=target.people
    )
    _write(file, zip_bundle(bundle, [database], target))


def _write(file: Path, content: bytes) -> None:
    partial = file.with_name(f"{file.name}.part")
    try:
        partial.write_bytes(content)
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise BundleError(f"cannot write {file}: {error.strerror}") from error


def zip_bundle(bundle: Bundle, databases: Sequence[dict[str, Any]], target: Target) -> bytes:
    """The bundle as the ZIP of one of Superset's imports."""
    metadata = {
        "version": "1.0.0",
        "type": KINDS[target.kind],
        "timestamp": datetime.now(timezone.utc).isoformat(),
    }
    files = {"metadata.yaml": metadata}
    if target.database_id is None:
        for name, database in zip(("warehouse", "stored"), databases, strict=False):
            files[f"databases/{name}.yaml"] = database
    elif target.kind == "dashboards":
        # The import of assets would write over the connection; this one looks it up, and fails where it is not there.
        uri = databases[0]["sqlalchemy_uri"]
        files[f"databases/{MISSING_CONNECTION}.yaml"] = missing_connection(uri, target.database_id)
    if target.kind == "dashboards":
        files |= {f"datasets/replaced/{name}.yaml": _replaced(name, config) for name, config in bundle.datasets.items()}
    for folder in ("datasets", "charts", "dashboards"):
        for name, config in getattr(bundle, folder).items():
            files[f"{folder}/{name}.yaml"] = config
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(f"{ROOT}/{path}", yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return buffer.getvalue()


def _replaced(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """The dataset under another UUID, which makes the import of dashboards replace one that is there already.

    That import leaves a dataset alone whose UUID it finds. One that has the same name on the same connection, but
    another UUID, it writes over, UUID included. This file is read first and takes the dataset over; the dataset's own
    file is read next, finds its UUID nowhere, and takes it back. Columns and metrics that people added stay.
    """
    return {**config, "uuid": str(replaced_uuid(name))}

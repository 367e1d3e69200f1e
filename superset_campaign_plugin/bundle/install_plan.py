"""What an installation would do, worked out in full before anything is written.

`install`, `install --dry-run`, `diff` and `status` look at the same plan. Needs a Superset application context.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy.engine import Connection as SqlConnection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from superset import db, security_manager
from superset.connectors.sqla.models import SqlaTable
from superset.models.core import Database
from superset.models.dashboard import Dashboard

from superset_campaign_plugin import __version__
from superset_campaign_plugin.advice import registered
from superset_campaign_plugin.attributes import attributes_of
from superset_campaign_plugin.bundle.assemble import Bundle, build_bundle
from superset_campaign_plugin.bundle.asset_plans import AssetPlan, known_ids, plan_asset, shipped_no_more
from superset_campaign_plugin.bundle.connections import (
    Connection,
    check_time_grains,
    find_connection,
    stored_connection,
)
from superset_campaign_plugin.bundle.dataset_queries import read_contents
from superset_campaign_plugin.bundle.merging import dashboards
from superset_campaign_plugin.config import EXTENSION, Settings
from superset_campaign_plugin.embedding.roles import access_role
from superset_campaign_plugin.engines import Engine, get_engine
from superset_campaign_plugin.errors import InstallError, RefreshError, UsageError, unknown
from superset_campaign_plugin.refresh.state import Difference, StoredSource, differing, read_state, schema_of
from superset_campaign_plugin.report.datasets import PREVIEW_PATH, Options
from superset_campaign_plugin.report.rules_in_words import options_of
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.catalog import LiveCatalog
from superset_campaign_plugin.sources.custom import is_mapping
from superset_campaign_plugin.sources.instances import Instance
from superset_campaign_plugin.sources.prefix import with_prefix
from superset_campaign_plugin.sources.recognise import DEFAULT, recognise
from superset_campaign_plugin.sources.resolved import Source, resolve
from superset_campaign_plugin.superset_assets.installed_assets import MODELS, find
from superset_campaign_plugin.superset_assets.manifest import Manifest, installed_manifest, read_manifest
from superset_campaign_plugin.warehouse import connect, refusal

# What the datasets of an installation read.
READS_LOG, READS_STORED = "log", "stored"
ALL = "all"


@dataclass(frozen=True)
class InstallRequest:
    """What was asked: the registered `database` or a `uri`, the loader's schema and layout, and what to replace.

    Without a `source` it is that which is installed upon these tables, or else the one whose tables are there, with
    `table_prefix` before their names.
    `overwrite` names the assets whose edits by people are replaced, or is `ALL` alone; assets that are none of the
    `kinds` stay as they are. `people` says whether what is about people is installed, and `people_columns` which
    columns of the loader's table of people are shown; None leaves that as it is.
    """

    database: str | None
    uri: str | None
    schema: str | None
    source: str | None
    overwrite: Collection[str] = ()
    kinds: Collection[str] = tuple(MODELS)
    table_prefix: str | None = None
    people: bool | None = None
    people_columns: Collection[str] | None = None


@dataclass(frozen=True)
class StoredTables:
    """The stored tables of a Marketo instance: when they were refreshed, in UTC, and what keeps them from being read.

    `refreshed_at` is None where there are none, and `difference` where nothing does.
    """

    instance: str | None
    schema: str | None
    refreshed_at: datetime | None = None
    difference: Difference | None = None


@dataclass
class InstallPlan:
    """Everything that an installation needs to know; `notes` are sentences for the admin.

    `stored` is the connection to the stored tables, `stored_tables` what was found there.
    """

    request: InstallRequest
    manifest: Manifest
    warehouse: Connection
    stored: Connection
    stored_tables: list[StoredTables]
    instances: dict[str, str | None]
    reads: str
    bundle: Bundle
    assets: list[AssetPlan]
    ids: dashboards.Ids
    schema_permission: str | None
    notes: list[str] = field(default_factory=list)

    @property
    def has_people(self) -> bool:
        """Whether the installation has what is about people."""
        return bool(self.request.people)

    @property
    def roles(self) -> list[str]:
        """The roles that let people at the datasets of the installation."""
        return list(dict.fromkeys(access_role(load_semantics().datasets[name]) for name in self.bundle.datasets))

    def described(self) -> dict[str, Any]:
        """What the manifest remembers of the warehouse."""
        source = str(self.request.source)
        return {
            **self.manifest.warehouse,
            "version": __version__,
            "database": str(self.warehouse.uuid),
            # A refresh by the deployment's workers reads it again, wherever they run.
            "source": str(Path(source).absolute()) if is_mapping(source) else source,
            "schema": self.request.schema,
            "reads": self.reads,
            "people": self.has_people,
            "people_columns": list(self.request.people_columns or ()),
            "rules": repr(settings().rules),
        }


def make_plan(request: InstallRequest) -> InstallPlan:
    """Work out the installation. Nothing is written.

    Raises `UsageError`, `InstallError`, `SourceError` or `DatabaseError`.
    """
    named = registered(request.database) if request.database and request.uri is None else contextlib.nullcontext()
    with named:
        return _make_plan(request)


def _make_plan(request: InstallRequest) -> InstallPlan:
    manifest = read_manifest() or Manifest()
    notes: list[str] = []
    warehouse = find_connection(request.database, request.uri)
    check_time_grains(warehouse.database)
    people = manifest.has_people if request.people is None else request.people
    request = replace(
        request,
        source=_source(request, warehouse, manifest, notes),
        people=people,
        people_columns=_people_columns(request, manifest, people=people),
    )
    source = resolve(str(request.source), request.schema)
    stored_tables = _find_stored(warehouse, source.instances)
    stored = _stored_figures(stored_tables, notes)
    holder = warehouse if stored is None else stored_connection(warehouse, stored, manifest)
    bundle = _build(request, warehouse, holder, source, stored)
    _check_names_are_free(bundle)
    _check_overwritten(request, bundle)
    ids = known_ids(manifest)
    assets = [
        plan_asset(kind, name, config, manifest, ids, _replaces(request, kind, name))
        for kind, name, config in bundle.assets()
        if kind in request.kinds
    ]
    if set(request.kinds) == set(MODELS):
        assets += shipped_no_more(manifest, bundle, ids)
    return InstallPlan(
        request=request,
        manifest=manifest,
        warehouse=warehouse,
        stored=holder,
        stored_tables=stored_tables,
        instances={each.name: each.schema for each in source.instances if each.name is not None},
        reads=READS_LOG if stored is None else READS_STORED,
        bundle=bundle,
        assets=assets,
        ids=ids,
        schema_permission=_missing_schema_permission(warehouse.database, request.schema),
        notes=notes,
    )


def _people_columns(request: InstallRequest, manifest: Manifest, *, people: bool) -> tuple[str, ...]:
    """Those that are asked for, else those that are shown; none without `people`, who take them along."""
    if request.people_columns and not people:
        raise UsageError("--people-columns is about the single people, who are not installed; give --with-people, too")
    asked = manifest.people_columns if request.people_columns is None else tuple(request.people_columns)
    return asked if people else ()


def _source(request: InstallRequest, warehouse: Connection, manifest: Manifest, notes: list[str]) -> str:
    """The source that is asked for, with its prefix; else the installed one, else the one whose tables are there."""
    if request.source is not None:
        return with_prefix(request.source, request.table_prefix)
    known = manifest.warehouse
    if (str(warehouse.uuid), request.schema) == (known.get("database"), known.get("schema")):
        return with_prefix(str(known["source"]), request.table_prefix)
    with opened(warehouse.database, request.schema) as (connection, engine):
        found = recognise(LiveCatalog(connection, engine, request.schema), request.table_prefix)
    if found != DEFAULT:
        notes.append(f"the tables are those of {found}; --source {found} says so without a look at them")
    return found


def installed_request(
    overwrite: Collection[str] = (),
    schema: str | None = None,
    source: str | None = None,
    table_prefix: str | None = None,
    people: bool | None = None,
    people_columns: Collection[str] | None = None,
) -> InstallRequest:
    """The request that installs again upon what the report is installed upon, but with a `schema`, `source`,
    `table_prefix`, `people` or `people_columns` that is given.

    Raises `InstallError` where no report is installed, or its database is gone.
    """
    known = installed_manifest().warehouse
    database = find(Database, str(known["database"]))
    if database is None:
        raise InstallError(
            "the database of the report was deleted from this Superset; run "
            "`superset campaign install` with --database or --uri"
        )
    return InstallRequest(
        database=database.database_name,
        uri=None,
        schema=known["schema"] if schema is None else schema,
        source=str(known["source"] if source is None else source),
        overwrite=tuple(overwrite),
        table_prefix=table_prefix,
        people=people,
        people_columns=people_columns,
    )


def settings() -> Settings:
    """The settings of this deployment."""
    found: Settings = current_app.extensions[EXTENSION]
    return found


def application_root() -> str:
    """The path under which this Superset is served, as in "/superset"; empty for none."""
    return str(current_app.config.get("APPLICATION_ROOT") or "/").rstrip("/")


@contextlib.contextmanager
def opened(database: Database, schema: str | None) -> Iterator[tuple[SqlConnection, Engine]]:
    """A connection through Superset. Raises `DatabaseError` with the database's name."""
    try:
        with database.get_sqla_engine(schema=schema) as pool, pool.connect() as connection:
            yield connection, get_engine(database.backend)
    except SQLAlchemyError as error:
        raise refusal(make_url(database.sqlalchemy_uri_decrypted), error, database.database_name) from error


def _find_stored(warehouse: Connection, instances: tuple[Instance, ...]) -> list[StoredTables]:
    """The stored tables of each instance, also of those that have none."""
    source = StoredSource(settings().stored_schema, settings().stored_file)
    try:
        place = source.uri(warehouse.uri)
    except RefreshError:  # no refresh has made a file of them yet
        return [StoredTables(each.name, None) for each in instances]
    found = []
    with connect(place) if place != warehouse.uri else opened(warehouse.database, None) as (connection, engine):
        for instance in instances:
            if not engine.schemas and instance.name is not None:  # nothing keeps those of several apart
                found.append(StoredTables(instance.name, None))
                continue
            schema = schema_of(instance, engine, settings().stored_schema)
            state = read_state(connection, engine, schema)
            if state is None:
                found.append(StoredTables(instance.name, schema))
            else:
                at = state.refreshed_at.replace(tzinfo=timezone.utc)
                found.append(StoredTables(instance.name, schema, at, differing(state, instance, settings().rules)))
    return found


def _stored_figures(found: list[StoredTables], notes: list[str]) -> StoredSource | None:
    """The stored tables, where a refresh has made some that can be read; else the datasets compute from the log."""
    if any(each.refreshed_at is None for each in found):
        return None
    for tables in found:
        if tables.difference is not None:
            # As after an upgrade: the figures are right at once, and fast again after the next refresh.
            notes.append(
                f"the stored tables {tables.difference.words}, so the dashboard computes from the log until a refresh "
                "has rebuilt them: `superset campaign refresh`, or, where another account does that, "
                f"`superset-campaign refresh --uri …` {options_of(settings().rules)} and then install again"
            )
            return None
    return StoredSource(settings().stored_schema, settings().stored_file)


def _build(
    request: InstallRequest,
    warehouse: Connection,
    holder: Connection,
    source: Source,
    stored: StoredSource | None,
) -> Bundle:
    """The bundle for the warehouse, whose stored tables, if there are such, are in `holder`."""
    engine = get_engine(warehouse.database.backend)
    path, rules = application_root() + PREVIEW_PATH, settings().rules
    people, attributes = bool(request.people), attributes_of(request.people_columns or ())
    options = Options(preview_path=path, rules=rules, marketo_url=settings().marketo_url, attributes=attributes)
    sql, time_range = read_contents(
        lambda: opened(warehouse.database, request.schema),
        lambda: opened(holder.readable(), None),
        source,
        options,
        stored,
        load_semantics().names(people=people, details=bool(attributes)),
        apart=holder is not warehouse,
    )
    return build_bundle(
        sql,
        engine,
        warehouse.uuid,
        request.schema,
        warehouse.database.get_default_catalog(),
        time_range,
        several_instances=source.is_several,
        stored_database=None if holder is warehouse else holder.uuid,
        people=people,
        attributes=attributes,
    )


def _check_names_are_free(bundle: Bundle) -> None:
    """Superset's importer would take over another dataset or dashboard of the same name."""
    for config in bundle.datasets.values():
        database = find(Database, config["database_uuid"])
        if database is None:
            continue
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


def _check_overwritten(request: InstallRequest, bundle: Bundle) -> None:
    names = {name for _, name, _ in bundle.assets()}
    known = names | {f"{kind.removesuffix('s')}/{name}" for kind, name, _ in bundle.assets()}
    for name in request.overwrite:
        if name != ALL and name not in known:
            raise unknown("dataset, chart or dashboard", name, known)


def _replaces(request: InstallRequest, kind: str, name: str) -> bool:
    return bool({ALL, name, f"{kind.removesuffix('s')}/{name}"} & set(request.overwrite))


def _missing_schema_permission(database: Database, schema: str | None) -> str | None:
    """The name of the permission that Superset will make for the datasets' schema; None if it is there already."""
    name = security_manager.get_schema_perm(database.database_name, database.get_default_catalog(), schema)
    return name if name and security_manager.find_view_menu(name) is None else None

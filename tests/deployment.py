"""A real Superset with the report installed, for the tests in `superset/` and `browser/`.

`deployment` is one in the process of the tests, and `address` the same over HTTP. A process holds one Superset, so
others, with feature flags or without the plugin, are made by processes of their own (`deploy_apart`) and served.

Beside the plugin's assets it holds a dashboard, a chart and a dataset of somebody else, and the warehouse holds names
that break careless SQL, links and pages.
"""

from __future__ import annotations

import io
import json
import logging
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from demo.generate import generate
from servers.ports import HOST, free_port
from servers.processes import running
from servers.web import superset
from superset_campaign_plugin.config import EXTENSION
from superset_campaign_plugin.emails.contents import load_emails
from superset_campaign_plugin.embedding.portal import guest_token_request
from superset_campaign_plugin.superset_assets.definitions import load_dashboards

DATABASE = "Campaign Warehouse"
SCHEMA = "marketo"
# The same in the processes that the tests start.
PASSWORD = os.environ.setdefault("CAMPAIGN_TEST_PASSWORD", secrets.token_urlsafe(9))
SENDS = 4000

# Tests that install in their own way do it under this name, and with these names of the plugin.
IMPORTED = "Imported Warehouse"
SLUG = "campaign-email-performance"
SLUGS = {SLUG, "campaign-data-quality"}
DATASETS = {
    "campaign_email_columns",
    "campaign_email_deliverability",
    "campaign_email_links",
    "campaign_email_performance",
    "campaign_email_quality",
    "campaign_email_timing",
    "campaign_email_variants",
}

# Every shipped chart, with its dashboard.
CHARTS = {name: dashboard.name for dashboard in load_dashboards() for name in dashboard.charts}

# One (campaign, email) pair gets each of these as both of its names.
HOSTILE_NAMES = (
    "<script>window.hacked=1</script>",
    "\"><img src=x onerror='window.hacked=1'>",
    'O\'Brien & "Söhne" 100% {{ 7*7 }} {% raw %}',
    "عرض الربيع ‏🎉 <b>",
)


# Last names of people in the loader's table: markup, and what a spreadsheet would compute.
HOSTILE_PEOPLE = ('<a href="https://evil.example/">Ann</a>', "<img src=x onerror='window.hacked=1'>", "=1+1")


@dataclass(frozen=True)
class Deployment:
    """A Superset application over `folder`, where its metadata database and the warehouse lie."""

    app: Any  # None where it was made by a process of its own
    folder: Path
    environment: dict[str, str]
    untouched: dict[str, list[Any]]  # the metadata before the plugin was installed

    @property
    def warehouse(self) -> str:
        return f"duckdb:///{self.folder}/warehouse.duckdb"

    def metadata(self) -> dict[str, list[Any]]:
        """Every row of every table that people's pages do not write to."""
        return metadata(self.folder / "superset.db")

    @contextmanager
    def as_user(self, name: str) -> Iterator[None]:
        """A request context in which `name` is logged in."""
        from flask import g
        from superset import security_manager
        from superset.utils.core import override_user

        with self.app.test_request_context(), override_user(security_manager.find_user(name)):
            # Superset keeps row rules for a request; under a test's own application context they would outlive it.
            g.pop("_rls_filter_cache", None)
            yield

    @contextmanager
    def settings(self, **changes: Any) -> Iterator[None]:
        """Other settings of the plugin for a while."""
        before = self.app.extensions[EXTENSION]
        self.app.extensions[EXTENSION] = replace(before, **changes)
        try:
            yield
        finally:
            self.app.extensions[EXTENSION] = before

    @contextmanager
    def embedded(self) -> Iterator[dict[str, Any]]:
        """The dashboard embedded for a while; gives what a portal is told of it."""
        from superset_campaign_plugin.embedding.embed import embed, stop_embedding

        with self.app.app_context():
            told = embed(["https://portal.example.com"]).as_dict()
        yield told
        with self.app.app_context():
            stop_embedding()

    def guest(self, embedding: dict[str, Any], **rows: Any) -> dict[str, str]:
        """The header of a guest who sees these rows, as `guest_token_request` names them."""
        return self.header(guest_token_request(embedding, username="ann", **rows))

    def header(self, token: dict[str, Any]) -> dict[str, str]:
        """The header of a guest with that token."""
        from superset import security_manager

        with self.app.test_request_context():
            made = security_manager.create_guest_access_token(token["user"], token["resources"], token["rls"])
        return {"X-GuestToken": made if isinstance(made, str) else made.decode()}

    def client(self, name: str) -> Any:
        """A browser-less client of the deployment, logged in as `name`."""
        client = self.app.test_client()
        with client.session_transaction() as session, self.app.app_context():
            from superset import security_manager

            session["_user_id"] = str(security_manager.find_user(name).id)
            session["_fresh"] = True
        return client

    def editor(self, name: str) -> Any:
        """The same for one that changes things, which Superset takes with a token alone."""
        client = self.client(name)
        token = client.get("/api/v1/security/csrf_token/").json["result"]
        client.environ_base["HTTP_X_CSRFTOKEN"] = token
        return client


def words(answer: Any) -> str:
    """All that an answer says, also where it is a workbook."""
    if answer.data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(answer.data)) as file:
            return " ".join(file.read(name).decode(errors="replace") for name in file.namelist())
    return str(answer.data.decode(errors="replace"))


def metadata(file: Path) -> dict[str, list[Any]]:
    """Every row of a metadata database, except what serving pages writes: logins, logs, caches, themes."""
    connection = sqlite3.connect(file)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {
        name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
        for name in names
        if name not in ("ab_user", "cache_keys", "logs", "sqlite_sequence", "themes")
    }
    # Superset learns this word with the first database that has catalogs, whoever registers it.
    rows["ab_permission"] = [row for row in rows["ab_permission"] if "catalog_access" not in row]
    rows["key_value"] = [row for row in rows["key_value"] if "superset_campaign" in row]
    connection.close()
    return rows


def deploy(folder: Path) -> Deployment:
    """Build warehouse, metadata, users and somebody else's assets in `folder`, then install the report."""
    make_warehouse(folder)
    environment = environment_of(folder, "superset_config.py")
    os.environ.update(environment)
    with _new_superset() as app:
        _hear_loggers()
        _add_user("outsider", "Gamma")
        _add_user("viewer", None)
        _make_foreign_assets()
        _register_warehouse(folder)
        untouched = metadata(folder / "superset.db")
        from superset_campaign_plugin.bundle.install import install

        install(database=DATABASE, uri=None, schema=SCHEMA, source="fivetran")
        give_viewer_role()
    return Deployment(app, folder, environment, untouched)


def deploy_apart(
    folder: Path,
    script: str,
    config: str = "superset_config.py",
    flags: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    **settings: Any,
) -> Deployment:
    """A Superset of `config`, in a process of its own that runs the Python `script` within it; it has the user `admin`.

    `flags` are feature flags that are on while the script runs and while it is served, `variables` more of its
    environment, `settings` the plugin's.
    """
    environment = {
        **environment_of(folder, config),
        "CAMPAIGN_TEST_FLAGS": " ".join(flags),
        "CAMPAIGN_TEST_SETTINGS": json.dumps(settings),
        **(variables or {}),
    }
    here = Path(__file__).parent
    code = f"import deployment\nwith deployment._new_superset() as app:\n{textwrap.indent(script or 'pass', '    ')}"
    paths = os.pathsep.join([str(here), str(here.parent)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return Deployment(None, folder, environment, {})


def environment_of(folder: Path, config: str) -> dict[str, str]:
    return {
        "SUPERSET_CONFIG_PATH": str(Path(__file__).parent / config),
        "FLASK_APP": "superset.app:create_app()",
        "CAMPAIGN_TEST_FOLDER": str(folder),
        "CAMPAIGN_TEST_SECRET_KEY": secrets.token_urlsafe(32),
    }


@contextmanager
def _new_superset() -> Iterator[Any]:
    """The application of the environment within its context, with a new metadata database and the user `admin`."""
    import superset
    from flask_migrate import upgrade
    from superset.app import create_app

    folder = Path(os.environ["CAMPAIGN_TEST_FOLDER"])
    # What the migrations make is the same for all, so the first one of a test run keeps a copy.
    migrated = folder.parent / "migrated.db"
    if migrated.exists():
        shutil.copyfile(migrated, folder / "superset.db")
    app = create_app()
    with app.app_context():
        if not migrated.exists():
            upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
            shutil.copyfile(folder / "superset.db", migrated)
        superset.appbuilder.add_permissions(update_perms=True)
        superset.security_manager.sync_role_definitions()
        _add_user("admin", "Admin")
        yield app


def _hear_loggers() -> None:
    """The migrations silence every logger that exists when they run."""
    for name in logging.root.manager.loggerDict:
        if name.startswith("superset_campaign_plugin"):
            logging.getLogger(name).disabled = False


def make_warehouse(folder: Path) -> None:
    """A warehouse of made-up data, with names that break careless SQL, links and pages."""
    warehouse, emails = folder / "warehouse.duckdb", folder / "emails"
    generate(warehouse, emails, end=datetime.now(timezone.utc).date(), sends=SENDS)
    with duckdb.connect(str(warehouse)) as connection:
        pairs = connection.execute(
            f"SELECT campaign_id, min(primary_attribute_value_id) FROM {SCHEMA}.activity_send_email "
            f"WHERE campaign_id IN (SELECT id FROM {SCHEMA}.campaign) "
            "GROUP BY 1 ORDER BY count(*) DESC LIMIT ?",
            [len(HOSTILE_NAMES)],
        ).fetchall()
        for (campaign, email), name in zip(pairs, HOSTILE_NAMES, strict=True):
            connection.execute(f"UPDATE {SCHEMA}.campaign SET name = ? WHERE id = ?", [name, campaign])
            connection.execute(f"UPDATE {SCHEMA}.email_template_history SET name = ? WHERE id = ?", [name, email])
        people = connection.execute(
            f"SELECT id FROM {SCHEMA}.lead WHERE id IN (SELECT lead_id FROM {SCHEMA}.activity_send_email) "
            "ORDER BY id LIMIT ?",
            [len(HOSTILE_PEOPLE)],
        ).fetchall()
        for (person,), name in zip(people, HOSTILE_PEOPLE, strict=True):
            connection.execute(f"UPDATE {SCHEMA}.lead SET last_name = ? WHERE id = ?", [name, person])
    load_emails(f"duckdb:///{warehouse}", emails, schema=SCHEMA)


def give_viewer_role() -> None:
    """The plugin's role for the user `viewer`; the role goes with every uninstallation."""
    from superset import db, security_manager

    from superset_campaign_plugin.embedding.roles import VIEWER_ROLE

    security_manager.find_user("viewer").roles = [security_manager.find_role(VIEWER_ROLE)]
    db.session.commit()


def put_back() -> None:
    """The report as `deploy` installed it, after a test that took it out or installed it in its own way."""
    from superset import db

    from superset_campaign_plugin.bundle.install import install
    from superset_campaign_plugin.bundle.uninstall import uninstall

    db.session.rollback()
    uninstall()
    _remove_imported()
    _forget_catalogs()
    install(database=DATABASE, uri=None, schema=SCHEMA, source="fivetran")
    give_viewer_role()


def _forget_catalogs() -> None:
    """The first database with catalogs makes Superset add a kind of permission, which stays when the database goes."""
    from superset import db, security_manager

    kind = security_manager.find_permission("catalog_access")
    if (
        kind is not None
        and not db.session.query(security_manager.permissionview_model).filter_by(permission=kind).all()
    ):
        db.session.delete(kind)
        db.session.commit()


def _remove_imported() -> None:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    dashboards = db.session.query(Dashboard).filter(Dashboard.slug.in_(SLUGS)).all()
    datasets = db.session.query(SqlaTable).filter(SqlaTable.table_name.in_(DATASETS)).all()
    charts = db.session.query(Slice).filter(Slice.datasource_id.in_([dataset.id for dataset in datasets])).all()
    databases = db.session.query(Database).filter_by(database_name=IMPORTED).all()
    for item in (*dashboards, *charts, *datasets, *databases):
        db.session.delete(item)
        db.session.flush()
    db.session.commit()


def _add_user(name: str, role: str | None) -> None:
    from superset import security_manager

    found = [security_manager.find_role(role)] if role else []
    security_manager.add_user(name, name.title(), "Tester", f"{name}@example.com", found, password=PASSWORD)


def _register_warehouse(folder: Path) -> None:
    """The warehouse of `make_warehouse` as a connection."""
    from superset import db

    from superset_campaign_plugin.bundle.connections import find_connection, register

    register(find_connection(DATABASE, f"duckdb:///{folder}/warehouse.duckdb"))
    db.session.commit()


def _make_foreign_assets() -> None:
    """Somebody else's dashboard with a chart on a dataset, in a database of their own."""
    from superset import db
    from superset.connectors.sqla.models import SqlaTable, SqlMetric
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    database = Database(database_name="Somebody else's", sqlalchemy_uri="duckdb:///:memory:")
    dataset = SqlaTable(table_name="theirs", database=database, sql="SELECT 1 AS one")
    dataset.metrics = [SqlMetric(metric_name="count", expression="COUNT(*)")]
    db.session.add_all([database, dataset])
    db.session.flush()
    chart = Slice(slice_name="Theirs", viz_type="table", datasource_id=dataset.id, datasource_type="table", params="{}")
    db.session.add(Dashboard(dashboard_title="Theirs", slug="theirs", slices=[chart], json_metadata="{}"))
    db.session.commit()


def run_chart(deployment: Deployment, name: str, user: str = "admin", **changes: Any) -> list[list[dict[str, Any]]]:
    """The rows of each query of a chart, from its stored query context, as `user`; `changes` go into each query."""
    from superset.charts.schemas import ChartDataQueryContextSchema
    from superset.commands.chart.data.get_data_command import ChartDataCommand
    from superset.models.slice import Slice

    from superset_campaign_plugin.superset_assets.identity import chart_uuid
    from superset_campaign_plugin.superset_assets.installed_assets import find

    with deployment.as_user(user):
        chart = find(Slice, str(chart_uuid(CHARTS[name], name)))
        context = json.loads(chart.query_context)
        context["force"] = True
        for query in context["queries"]:
            query.update(changes)
        command = ChartDataCommand(ChartDataQueryContextSchema().load(context))
        command.validate()
        result = command.run()
        assert [query["error"] for query in result["queries"]] == [None] * len(context["queries"])
        return [query["data"] for query in result["queries"]]


@contextmanager
def serve(
    deployment: Deployment, flags: Sequence[str] | None = None, python: str = sys.executable, cwd: Path | None = None
) -> Iterator[str]:
    """The deployment over HTTP on a free port of this machine; gives its address.

    `flags` are other feature flags than those it was made with, `python` that of another environment, and `cwd` the
    folder to run in, for one where no checkout is.
    """
    port = free_port()
    others = {} if flags is None else {"CAMPAIGN_TEST_FLAGS": " ".join(flags)}
    variables = {**os.environ, **deployment.environment, **others}
    with superset(port, deployment.folder / "server.log", environment=variables, folder=cwd, python=python):
        yield f"http://{HOST}:{port}"


@contextmanager
def work(
    deployment: Deployment, flags: Sequence[str] | None = None, options: Sequence[str] = (), **variables: str
) -> Iterator[Path]:
    """A Celery worker of the deployment, with other feature flags as for `serve`; gives its log."""
    log = deployment.folder / "worker.log"
    command = (sys.executable, "-m", "celery", "--app=superset.tasks.celery_app:app", "worker", "--pool=solo", *options)
    others = variables if flags is None else {**variables, "CAMPAIGN_TEST_FLAGS": " ".join(flags)}
    with running("the worker", command, log, environment={**os.environ, **deployment.environment, **others}):
        yield log


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A Superset with the report installed, for the whole test session."""
    return deploy(tmp_path_factory.mktemp("superset"))


@pytest.fixture(scope="session")
def address(deployment: Deployment) -> Iterator[str]:
    """The address of that Superset over HTTP."""
    with serve(deployment) as address:
        yield address

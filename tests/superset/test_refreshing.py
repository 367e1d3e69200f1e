"""The stored tables in a deployment: a worker keeps them up to date, and the dashboard reads them."""

from __future__ import annotations

import json
import logging
import shutil
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from deployment import IMPORTED, SCHEMA, SLUG, Deployment, give_viewer_role, metadata, run_chart, work

from superset_campaign_plugin.errors import InstallError
from superset_campaign_plugin.refresh.place import stored_uri
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA, TABLES
from superset_campaign_plugin.warehouse import connect


def worker(deployment: Deployment, redis: str) -> AbstractContextManager[Path]:
    """A Celery worker of the deployment, which keeps its own schedule; gives its log."""
    options = ("--beat", "--loglevel=INFO", f"--schedule={deployment.folder}/schedule")
    return work(deployment, options=options, CAMPAIGN_TEST_REDIS=redis)


def charts() -> dict[str, Any]:
    from superset import db
    from superset.models.dashboard import Dashboard

    dashboard = db.session.query(Dashboard).filter_by(slug=SLUG).one()
    return {chart.slice_name: chart for chart in dashboard.slices}


def rows(chart: Any) -> list[dict[str, Any]]:
    """The rows of all of a chart's queries."""
    from superset.charts.schemas import ChartDataQueryContextSchema
    from superset.commands.chart.data.get_data_command import ChartDataCommand

    command = ChartDataCommand(ChartDataQueryContextSchema().load(json.loads(chart.query_context)))
    command.validate()
    queries = command.run()["queries"]
    assert [query["error"] for query in queries] == [None] * len(queries)
    return [row for query in queries for row in query["data"]]


def reads_stored_tables() -> bool:
    """Whether the dashboard's datasets do, all of them."""
    from superset import db

    db.session.rollback()  # another process writes the metadata
    return all(f"{DEFAULT_SCHEMA}.campaign_report_" in chart.datasource.sql for chart in charts().values())


def refreshed_inside(file: Path) -> None:
    """Leave the file as a release did that stored its tables in the loader's own file."""
    uri = f"duckdb:///{file}"
    refresh(uri, schema=SCHEMA)
    stored = sa.engine.make_url(stored_uri(uri)).database
    with duckdb.connect(str(file)) as loader:
        loader.execute(f"ATTACH '{stored}' AS stored (READ_ONLY)")
        loader.execute(f"CREATE SCHEMA {DEFAULT_SCHEMA}")
        for name in TABLES:
            loader.execute(f"CREATE TABLE {DEFAULT_SCHEMA}.{name} AS FROM stored.{DEFAULT_SCHEMA}.{name}")
        views = "SELECT sql FROM duckdb_views() WHERE database_name = 'stored' AND NOT internal"
        for (query,) in loader.execute(views).fetchall():
            loader.execute(query)
    Path(stored).unlink()


def test_a_worker_refreshes_and_the_dashboard_reads_what_it_stored(
    bare: Deployment, redis_server: str, tmp_path: Path
) -> None:
    from superset_campaign_plugin.bundle.install import install
    from superset_campaign_plugin.emails.key import EmailKey
    from superset_campaign_plugin.preview.email import open_email
    from superset_campaign_plugin.preview.scope import Scope

    file = tmp_path / "warehouse.duckdb"
    shutil.copy(bare.folder / "warehouse.duckdb", file)
    uri = f"duckdb:///{file}"
    wanted = {"database": IMPORTED, "uri": uri, "schema": SCHEMA, "source": "fivetran"}
    with bare.as_user("admin"):
        install(**wanted)
        computed = {name: rows(chart) for name, chart in charts().items()}
        assert all(len(found) > 0 for found in computed.values())
        with worker(bare, redis_server) as log:
            deadline = time.monotonic() + 120
            while not reads_stored_tables():
                assert time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(0.5)
        assert {change.action for change in install(**{**wanted, "uri": None})} == {"unchanged"}
        by_now = charts()
        assert all("activity_send_email" not in chart.datasource.sql for chart in by_now.values())
        # A loader at work keeps nobody from the dashboard, and the dashboard does not keep the loader from its work.
        with duckdb.connect(str(file)) as loader:
            for name, chart in by_now.items():
                assert sorted(map(repr, rows(chart))) == sorted(map(repr, computed[name])), name
            [email_id] = loader.execute(f"SELECT email_id FROM {SCHEMA}.campaign_email_content LIMIT 1").fetchone()
            email = open_email(EmailKey(email_id), Scope(), remote_images=False)
            assert (email.state, email.insight.figures["sent"] > 0) == ("unavailable", True)
            loader.execute(f"DELETE FROM {SCHEMA}.activity_click_email")


def test_an_older_installation_is_brought_over_by_the_next_refresh(bare: Deployment, tmp_path: Path) -> None:
    """Its stored tables lay in the loader's file, and its datasets read them there."""
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.core import Database

    from superset_campaign_plugin.bundle.first_release import dataset_content
    from superset_campaign_plugin.bundle.install import install
    from superset_campaign_plugin.bundle.refreshing import refresh_installed
    from superset_campaign_plugin.bundle.uninstall import uninstall
    from superset_campaign_plugin.superset_assets.installed_assets import dataset_ids
    from superset_campaign_plugin.superset_assets.manifest import fingerprint, read_manifest, write_manifest

    file = tmp_path / "warehouse.duckdb"
    shutil.copy(bare.folder / "warehouse.duckdb", file)
    refreshed_inside(file)
    before = metadata(bare.folder / "superset.db")
    with bare.as_user("admin"):
        names = {name for (name,) in db.session.query(Database.database_name)}
        install(database=IMPORTED, uri=f"duckdb:///{file}", schema=SCHEMA, source="fivetran")
        computed = {name: rows(chart) for name, chart in charts().items()}
        for name in ("performance", "columns", "links"):
            dataset = db.session.get(SqlaTable, dataset_ids()[f"campaign_email_{name}"])
            dataset.sql = f"SELECT report.* FROM {DEFAULT_SCHEMA}.campaign_report_{name} AS report"
        manifest = read_manifest()
        for name in ("reads", "stored_database"):
            del manifest.warehouse[name]
        for id_ in dataset_ids().values():
            dataset = db.session.get(SqlaTable, id_)
            written = {
                "columns": [{"column_name": column.column_name} for column in dataset.columns],
                "metrics": [{"metric_name": metric.metric_name} for metric in dataset.metrics],
            }
            manifest.assets[str(dataset.uuid)] = {
                "made": "of the first release",
                "stored": fingerprint(dataset_content(dataset, written)),
            }
        write_manifest(manifest)
        db.session.commit()
        content = file.read_bytes()

        summary = refresh_installed()
        assert summary.reason == "there are no stored tables yet"
        assert "which nothing reads any more" in summary.notes[0]
        assert summary.notes[1] == "the dashboard reads the stored tables from now on"
        assert file.read_bytes() == content
        datasets = {name: db.session.get(SqlaTable, id_) for name, id_ in dataset_ids().items()}
        read = {name: dataset.database.sqlalchemy_uri for name, dataset in datasets.items()}
        assert read.pop("campaign_email_quality") == f"duckdb:///{file}"
        assert set(read.values()) == {stored_uri(f"duckdb:///{file}")}
        for name, chart in charts().items():
            assert sorted(map(repr, rows(chart))) == sorted(map(repr, computed[name])), name
        # Who could read the datasets before reads them where they are now.
        give_viewer_role()
        assert run_chart(bare, "campaigns", user="viewer", filters=[])[0]
        again = refresh_installed()
        assert (again.mode, len(again.notes)) == ("unchanged", 1)
        made = {name for (name,) in db.session.query(Database.database_name)} - names
        assert made == {IMPORTED, f"{IMPORTED} (stored report)"}
        uninstall()
    assert metadata(bare.folder / "superset.db") == before


@pytest.mark.parametrize("part", ["format", "shape"])
def test_tables_of_another_release_are_left_for_the_log_until_the_next_refresh(
    bare: Deployment, tmp_path: Path, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    """As after an upgrade: an installation must neither fail nor show anything wrong."""
    from superset_campaign_plugin.bundle.install import install
    from superset_campaign_plugin.bundle.refreshing import refresh_installed

    file = tmp_path / "warehouse.duckdb"
    shutil.copy(bare.folder / "warehouse.duckdb", file)
    uri = f"duckdb:///{file}"
    wanted = {"database": IMPORTED, "schema": SCHEMA, "source": "fivetran"}
    refresh(uri, schema=SCHEMA)
    with connect(stored_uri(uri), write=True) as (connection, _):
        connection.execute(
            sa.text(f"UPDATE {DEFAULT_SCHEMA}.campaign_report_state SET value = '1' WHERE name LIKE '%{part}'")
        )
    with bare.as_user("admin"):
        with caplog.at_level(logging.WARNING):
            install(**wanted, uri=uri)
        assert "were made by another release of the plugin" in caplog.text
        before = charts()
        assert all(DEFAULT_SCHEMA not in chart.datasource.sql for chart in before.values())
        assert all(rows(chart) for chart in before.values())
        assert refresh_installed().reason == f"the {part} changed"
        assert all(DEFAULT_SCHEMA in chart.datasource.sql for chart in charts().values())


def test_nothing_to_refresh_without_an_installation(bare: Deployment) -> None:
    from superset_campaign_plugin.bundle.refreshing import refresh_installed

    with pytest.raises(InstallError, match="superset campaign install"):
        refresh_installed()

"""The stored tables in a deployment: a worker keeps them up to date, and the dashboard reads them."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from deployment import IMPORTED, SCHEMA, SLUG, Deployment

from superset_campaign_plugin.errors import InstallError
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import read_state
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA
from superset_campaign_plugin.warehouse import connect


@contextmanager
def worker(deployment: Deployment, redis: str) -> Iterator[Path]:
    """A Celery worker of the deployment, which keeps its own schedule; gives its log."""
    log = deployment.folder / "worker.log"
    command = [
        *(sys.executable, "-m", "celery", "--app=superset.tasks.celery_app:app", "worker", "--beat", "--pool=solo"),
        *("--loglevel=INFO", f"--schedule={deployment.folder}/schedule"),
    ]
    environment = {**os.environ, **deployment.environment, "CAMPAIGN_TEST_REDIS": redis}
    with log.open("w") as output:
        running = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield log
    finally:
        running.terminate()
        running.wait(timeout=60)


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


def is_refreshed(uri: str) -> bool:
    with connect(uri) as (connection, engine):
        return read_state(connection, engine, DEFAULT_SCHEMA) is not None


def test_a_worker_refreshes_and_the_dashboard_reads_what_it_stored(
    bare: Deployment, redis_server: str, tmp_path: Path
) -> None:
    from superset_campaign_plugin.bundle.install import install

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
            while not is_refreshed(uri):
                assert time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(0.5)
        changes = {(change.kind, change.name): change.action for change in install(**{**wanted, "uri": None})}
        assert changes["datasets", "campaign_email_performance"] == "updated"
        by_now = charts()
        assert all(f"{DEFAULT_SCHEMA}.campaign_report_" in chart.datasource.sql for chart in by_now.values())
        assert all("activity_send_email" not in chart.datasource.sql for chart in by_now.values())
        for name, chart in by_now.items():
            assert sorted(map(repr, rows(chart))) == sorted(map(repr, computed[name])), name


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
    with connect(uri, write=True) as (connection, _):
        connection.execute(
            sa.text(f"UPDATE {DEFAULT_SCHEMA}.campaign_report_state SET value = '1' WHERE name LIKE '%{part}'")
        )
    with bare.as_user("admin"):
        with caplog.at_level(logging.WARNING):
            install(**wanted, uri=uri)
        assert f"of another {part}" in caplog.text
        before = charts()
        assert all(DEFAULT_SCHEMA not in chart.datasource.sql for chart in before.values())
        assert all(rows(chart) for chart in before.values())
        assert refresh_installed().reason == f"the {part} changed"
        install(**wanted, uri=None)
        assert all(DEFAULT_SCHEMA in chart.datasource.sql for chart in charts().values())


def test_nothing_to_refresh_without_an_installation(bare: Deployment) -> None:
    from superset_campaign_plugin.bundle.refreshing import refresh_installed

    with pytest.raises(InstallError, match="superset campaign install"):
        refresh_installed()

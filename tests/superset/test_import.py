"""The bundle's ZIP through Superset's own importer, as its UI does it, and the report on another warehouse."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import logs
from deployment import DATASETS, IMPORTED, SCHEMA, SLUG, Deployment

from superset_campaign_plugin.bundle.assemble import Target, write_bundle
from superset_campaign_plugin.report.run import run_report


def _import(deployment: Deployment, file: Path) -> None:
    """What the dashboard import of the UI runs."""
    from superset.commands.dashboard.importers.dispatcher import ImportDashboardsCommand
    from superset.commands.importers.v1.utils import get_contents_from_bundle

    write_bundle(file, uri=deployment.warehouse, schema=SCHEMA, source="fivetran", target=Target(database=IMPORTED))
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as archive:
        contents = get_contents_from_bundle(archive)
    ImportDashboardsCommand(contents, overwrite=True).run()


def _run(chart: Any) -> list[dict[str, Any]]:
    """The rows of the chart's first query."""
    from superset.charts.schemas import ChartDataQueryContextSchema
    from superset.commands.chart.data.get_data_command import ChartDataCommand

    command = ChartDataCommand(ChartDataQueryContextSchema().load(json.loads(chart.query_context)))
    command.validate()
    query = command.run()["queries"][0]
    assert query["error"] is None
    return query["data"]


def test_the_zip_passes_supersets_importer(bare: Deployment, tmp_path: Path) -> None:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard

    with bare.as_user("admin"):
        _import(bare, tmp_path / "bundle.zip")
        dashboard = db.session.query(Dashboard).filter_by(slug=SLUG).one()
        charts = {chart.slice_name: chart for chart in dashboard.slices}
        assert set(charts) == {
            *("Key figures", "Sends and engagement over time", "How the sends ended", "Campaigns", "Emails"),
            "Report with the columns you pick",
        }
        assert {chart.datasource.database.database_name for chart in dashboard.slices} == {IMPORTED}
        database = db.session.query(Database).filter_by(database_name=IMPORTED).one()
        datasets = db.session.query(SqlaTable).filter_by(database_id=database.id).all()
        assert {dataset.table_name for dataset in datasets} == DATASETS
        # Cells and filters hold the deployment's own ids.
        position = json.loads(dashboard.position_json).values()
        cells = {cell["meta"]["chartId"] for cell in position if isinstance(cell, dict) and cell["type"] == "CHART"}
        assert cells == {chart.id for chart in charts.values()}
        filters = json.loads(dashboard.json_metadata)["native_filter_configuration"]
        targets = [target for item in filters for target in item["targets"] if target]
        assert {target["datasetId"] for target in targets} <= {dataset.id for dataset in datasets}
        report = run_report(bare.warehouse, schema=SCHEMA, by=["campaign"]).records()
        sent = {row["campaign_id"]: row["sent"] for row in _run(charts["Campaigns"])}
        assert sent == {row["campaign_id"]: row["sent"] for row in report}


def test_a_second_import_makes_nothing_twice(bare: Deployment, tmp_path: Path) -> None:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    def counts() -> list[int]:
        return [db.session.query(model).count() for model in (Dashboard, Slice, SqlaTable)]

    with bare.as_user("admin"):
        _import(bare, tmp_path / "bundle.zip")
        once = counts()
        _import(bare, tmp_path / "bundle.zip")
        assert counts() == once


def test_the_report_installs_on_postgresql(bare: Deployment, warehouse_on: Callable[[str], Any]) -> None:
    from superset_campaign_plugin.bundle.install import install
    from superset_campaign_plugin.bundle.uninstall import uninstall

    warehouse = warehouse_on("postgresql")
    warehouse.load(logs.Log().send(1, 10, 100, "2024-03-07 12:00").campaign(1, "100% <b>"))
    try:
        changes = install(database=IMPORTED, uri=warehouse.uri, schema=None, source="fivetran")
        assert {change.action for change in changes} == {"created"}
    finally:
        warehouse.drop()
        uninstall()
        _forget_catalogs()


def _forget_catalogs() -> None:
    """The first database with catalogs makes Superset add a kind of permission, which stays when the database goes."""
    from superset import db, security_manager

    db.session.delete(security_manager.find_permission("catalog_access"))
    db.session.commit()

"""The bundle's ZIP through Superset's own importer, as its UI does it, and the report on another warehouse."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import logs
import pytest
from deployment import DATABASE, DATASETS, IMPORTED, SCHEMA, SLUG, SLUGS, Deployment

from superset_campaign_plugin.bundle.assemble import (
    PLACEHOLDERS,
    Target,
    build_bundle,
    database_config,
    write_bundle,
    zip_bundle,
)
from superset_campaign_plugin.engines import ENGINES
from superset_campaign_plugin.report.datasets import REPORT_DATASET
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.reporting.run_report import run_report
from superset_campaign_plugin.semantics import load_semantics


def _import(deployment: Deployment, file: Path, target: Target | None = None, **options: Any) -> None:
    """What the dashboard import of the UI runs."""
    from superset.commands.dashboard.importers.dispatcher import ImportDashboardsCommand
    from superset.commands.importers.v1.utils import get_contents_from_bundle

    target = target or Target(database=IMPORTED)
    write_bundle(file, uri=deployment.warehouse, schema=SCHEMA, source="fivetran", target=target, **options)
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
            *(
                "Period",
                "Data until",
                "Key figures",
                "Last twelve months",
                "Sends and engagement over time",
                "How the sends ended",
            ),
            *("Campaigns", "Emails", "Report with the columns you pick"),
            "Links clicked, in the emails sent on the chosen days",
            *("Hours", "When people open and click after the send", "Open rate by weekday and hour of the send"),
            *("Emails at the same age", "Opens by people and by machines", "Who opened and clicked"),
            *("What is compared", "Which variant does better"),
            *("Emails by people and machines", "Which domains refuse us", "Bounces by week", "Why emails bounce"),
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


@pytest.mark.parametrize("kind", ["dashboards", "assets"])
@pytest.mark.parametrize("engine", sorted({engine.name for engine in ENGINES.values()}))
def test_superset_accepts_every_file_for_every_engine(deployment: Deployment, engine: str, kind: str) -> None:
    """By the schemas of its importers; a wrong form of a file would fail there."""
    from superset.commands.dashboard.importers.v1 import ImportDashboardsCommand
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.commands.importers.v1.utils import get_contents_from_bundle, load_configs

    command = {"dashboards": ImportDashboardsCommand, "assets": ImportAssetsCommand}[kind]
    identity = UUID(int=9)
    sql = dict.fromkeys(load_semantics().datasets, "SELECT 1")
    bundle = build_bundle(sql, ENGINES[engine], identity, "marketo", default_time_range="")
    database = database_config("Not there", PLACEHOLDERS[engine], identity)
    faults: list[Exception] = []
    with deployment.as_user("admin"):
        with zipfile.ZipFile(io.BytesIO(zip_bundle(bundle, [database], Target(kind)))) as archive:
            contents = get_contents_from_bundle(archive)
        loaded = load_configs(contents, command.schemas, {}, faults, {}, {}, {}, {})
    assert faults == []
    assert set(loaded) == set(contents) - {"metadata.yaml"}


def _datasets() -> list[Any]:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable

    return db.session.query(SqlaTable).filter(SqlaTable.table_name.in_(DATASETS)).all()


def _run_all() -> None:
    from superset import db
    from superset.models.dashboard import Dashboard

    for slug in SLUGS:
        for chart in db.session.query(Dashboard).filter_by(slug=slug).one().slices:
            assert _run(chart), chart


def test_an_installation_takes_over_what_was_imported(bare: Deployment, tmp_path: Path) -> None:
    from superset import db
    from superset.models.core import Database

    from superset_campaign_plugin.bundle.install import install
    from superset_campaign_plugin.bundle.uninstall import uninstall

    def installed() -> set[tuple[str, str]]:
        changes = install(database=DATABASE, uri=None, schema=SCHEMA, source="fivetran")
        return {(change.kind, change.action) for change in changes}

    with bare.as_user("admin"):
        _import(bare, tmp_path / "bundle.zip")
        before = {dataset.table_name: dataset.id for dataset in _datasets()}
        # Only the datasets read another connection, with links to previews; the rest is as it would be installed.
        rest = {("charts", "unchanged"), ("dashboards", "unchanged"), ("roles", "created")}
        assert installed() == {("datasets", "updated"), *rest}
        assert {dataset.table_name: dataset.id for dataset in _datasets()} == before
        assert {dataset.database.database_name for dataset in _datasets()} == {DATABASE}
        _run_all()
        assert {action for _, action in installed()} == {"unchanged"}
        uninstall()
        assert _datasets() == []
        # The import made it, so no uninstallation takes it away.
        assert db.session.query(Database).filter_by(database_name=IMPORTED).count() == 1


def test_a_bundle_over_an_installation_counts_as_a_change_by_people(bare: Deployment, tmp_path: Path) -> None:
    from superset import db
    from superset.models.core import Database

    from superset_campaign_plugin.bundle.install import install

    def installed(**options: bool) -> set[str]:
        changes = install(database=DATABASE, uri=None, schema=SCHEMA, source="fivetran", **options)
        return {change.action for change in changes if change.kind == "datasets"}

    def sql() -> dict[str, str]:
        db.session.expire_all()
        return {dataset.table_name: dataset.sql for dataset in _datasets()}

    with bare.as_user("admin"):
        installed()
        own = sql()
        connection = db.session.query(Database).filter_by(database_name=DATABASE).one()
        target = Target(database_id=UUID(str(connection.uuid)))
        _import(bare, tmp_path / "bundle.zip", target, rules=Rules(people=People.MERGED, leave_out_operational=True))
        imported = sql()
        assert imported[REPORT_DATASET] != own[REPORT_DATASET]
        assert {dataset.database_id for dataset in _datasets()} == {connection.id}
        _run_all()
        assert "kept" in installed()
        assert sql() == imported
        assert "updated" in installed(overwrite=True)
        assert sql() == own
        _run_all()


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

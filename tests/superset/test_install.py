"""Installing, again, changed by people, and out again, on a Superset that other people use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from deployment import DATABASE, SCHEMA, Deployment, give_viewer_role

from superset_campaign_plugin.errors import DatabaseError, InstallError, SourceError, UsageError


@pytest.fixture
def app(deployment: Deployment) -> Iterator[Deployment]:
    """An application context; whatever the test did, the report is installed as it was at its end."""
    with deployment.app.app_context():
        yield deployment
        install(overwrite=True)
        give_viewer_role()


def install(**options: object) -> dict[str, str]:
    """What happened to each asset, by its kind and name."""
    from superset_campaign_plugin.bundle.install import install as install_bundle

    wanted = {"database": DATABASE, "uri": None, "schema": SCHEMA, "source": "fivetran", **options}
    return {f"{change.kind}/{change.name}": change.action for change in install_bundle(**wanted)}


def uninstall() -> dict[str, str]:
    from superset_campaign_plugin.bundle.uninstall import uninstall as uninstall_bundle

    return {f"{change.kind}/{change.name}": change.action for change in uninstall_bundle()}


def find(model: object, name: str) -> object:
    from superset_campaign_plugin.superset_assets import identity, installed_assets

    uuid = {"performance": identity.dataset_uuid("campaign_email_performance")}.get(name)
    uuid = uuid or identity.chart_uuid("campaign_email_performance", name)
    return installed_assets.find(model, str(uuid))


def test_a_second_installation_writes_nothing(app: Deployment) -> None:
    before = app.metadata()
    assert set(install().values()) == {"unchanged"}
    assert app.metadata() == before


def test_uninstalling_leaves_the_rest_byte_for_byte(app: Deployment) -> None:
    uninstall()
    assert app.metadata() == app.untouched
    assert uninstall() == {}
    assert set(install().values()) == {"created"}


def test_what_an_admin_added_to_a_dataset_survives_an_upgrade(app: Deployment) -> None:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable, SqlMetric, TableColumn

    dataset = find(SqlaTable, "performance")
    dataset.metrics.append(SqlMetric(metric_name="theirs", expression="COUNT(*)"))
    dataset.columns.append(TableColumn(column_name="theirs", expression="1"))
    db.session.commit()
    # An upgrade that changes the dataset: its SQL counts other links.
    changes = with_other_links(app)
    assert changes["datasets/campaign_email_performance"] == "updated"
    dataset = find(SqlaTable, "performance")
    assert "theirs" in {metric.metric_name for metric in dataset.metrics}
    assert "theirs" in {column.column_name for column in dataset.columns}
    assert "other.example" in dataset.sql
    dataset.metrics = [metric for metric in dataset.metrics if metric.metric_name != "theirs"]
    dataset.columns = [column for column in dataset.columns if column.column_name != "theirs"]
    db.session.commit()


def with_other_links(app: Deployment) -> dict[str, str]:
    from superset_campaign_plugin.config import EXTENSION, load_settings

    settings = app.app.extensions[EXTENSION]
    app.app.extensions[EXTENSION] = load_settings({"SUPERSET_CAMPAIGN": {"uncounted_link_parts": ["other.example"]}})
    try:
        return install()
    finally:
        app.app.extensions[EXTENSION] = settings


def test_a_chart_that_people_changed_is_kept_until_told_otherwise(app: Deployment) -> None:
    from superset import db
    from superset.models.slice import Slice

    chart = find(Slice, "campaigns")
    chart.slice_name = "Our campaigns"
    db.session.commit()
    assert install()["charts/campaigns"] == "kept"
    assert find(Slice, "campaigns").slice_name == "Our campaigns"
    assert install(overwrite=True)["charts/campaigns"] == "updated"
    assert find(Slice, "campaigns").slice_name == "Campaigns"


def test_uninstalling_refuses_while_a_foreign_chart_rests_on_a_dataset(app: Deployment) -> None:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.slice import Slice

    dataset = find(SqlaTable, "performance")
    chart = Slice(slice_name="Built on it", viz_type="table", datasource_id=dataset.id, datasource_type="table")
    db.session.add(chart)
    db.session.commit()
    before = app.metadata()
    with pytest.raises(InstallError, match="Built on it"):
        uninstall()
    assert app.metadata() == before
    db.session.delete(chart)
    db.session.commit()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"database": "Campaign Warehous"}, UsageError, "did you mean 'Campaign Warehouse'"),
        ({"database": None}, UsageError, "--database"),
        ({"schema": "nowhere"}, SourceError, "activity_send_email"),
        ({"uri": "duckdb:////nowhere/else.duckdb"}, UsageError, "another address"),
        ({"database": "New", "uri": "postgresql://127.0.0.1:1/none"}, DatabaseError, "New"),
    ],
)
def test_a_mistake_changes_nothing(
    app: Deployment, options: dict[str, object], error: type[Exception], text: str
) -> None:
    before = app.metadata()
    with pytest.raises(error, match=text):
        install(**options)
    assert app.metadata() == before


def test_a_connection_goes_with_the_installation_that_failed(app: Deployment) -> None:
    """Superset itself keeps a new connection at once."""
    before = app.metadata()
    with pytest.raises(SourceError, match="activity_send_email"):
        install(database="New", uri=app.warehouse, schema="nowhere")
    assert app.metadata() == before


def test_a_name_that_is_taken_is_not_taken_over(app: Deployment) -> None:
    from superset import db
    from superset.models.dashboard import Dashboard

    uninstall()
    db.session.add(Dashboard(dashboard_title="Ours", slug="campaign-email-performance", json_metadata="{}"))
    db.session.commit()
    before = app.metadata()
    with pytest.raises(InstallError, match="slug"):
        install()
    assert app.metadata() == before
    db.session.delete(db.session.query(Dashboard).filter_by(dashboard_title="Ours").one())
    db.session.commit()


def test_filters_and_cells_point_at_real_charts_and_datasets(app: Deployment) -> None:
    from superset import db
    from superset.models.dashboard import Dashboard

    dashboard = db.session.query(Dashboard).filter_by(slug="campaign-email-performance").one()
    charts = {chart.id for chart in dashboard.slices}
    position = json.loads(dashboard.position_json)
    assert {cell["meta"]["chartId"] for cell in position.values() if is_chart(cell)} == charts
    filters = json.loads(dashboard.json_metadata)["native_filter_configuration"]
    assert [item["name"] for item in filters] == [
        *("Sent Date", "Workspace", "Program", "Campaign", "Email", "Operational", "Columns")
    ]
    datasets = {chart.datasource_id for chart in dashboard.slices}
    assert all(target["datasetId"] in datasets for item in filters[1:] for target in item["targets"])
    assert set(filters[-1]["scope"]["excluded"]) == charts - {find_id("report")}
    assert set(filters[0]["scope"]["excluded"]) == {find_id("data_until"), find_id("twelve_months")}
    assert {*filters[1]["scope"]["excluded"]} == {find_id("data_until")}


def test_a_dataset_that_was_deleted_comes_back_and_everything_points_at_it(app: Deployment) -> None:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.dashboard import Dashboard

    db.session.delete(find(SqlaTable, "performance"))
    # Its id must not be given to the one that comes after it.
    other = SqlaTable(table_name="other", schema=SCHEMA, database=db.session.query(SqlaTable).first().database)
    db.session.add(other)
    db.session.commit()
    changes = install()
    assert changes["datasets/campaign_email_performance"] == "created"
    new = find(SqlaTable, "performance").id
    dashboard = db.session.query(Dashboard).filter_by(slug="campaign-email-performance").one()
    datasets = {chart.datasource_id for chart in dashboard.slices}
    filters = json.loads(dashboard.json_metadata)["native_filter_configuration"]
    assert new in datasets
    assert all(target["datasetId"] in datasets for item in filters[1:] for target in item["targets"])
    db.session.delete(other)
    db.session.commit()


def is_chart(cell: object) -> bool:
    return isinstance(cell, dict) and cell.get("type") == "CHART"


def find_id(name: str) -> int:
    from superset.models.slice import Slice

    return find(Slice, name).id


def test_json_is_all_that_a_command_prints(app: Deployment) -> None:
    """Superset has a line of its own to say when it starts; `> summary.json` must not catch it."""
    command = [sys.executable, "-c", "from superset_campaign_plugin.cli import main; main()"]
    done = subprocess.run(
        [*command, "refresh", "--dry-run", "--json"],
        env={**os.environ, **app.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["dry_run"] is True

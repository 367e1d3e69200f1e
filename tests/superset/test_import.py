"""The bundle's ZIP through Superset's own importer, as its UI does it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployment import DATABASE, SCHEMA, Deployment, give_viewer_role

from superset_campaign_plugin.bundle.assemble import write_bundle

NAME = "Imported Warehouse"


@pytest.fixture
def bare(deployment: Deployment) -> Iterator[Deployment]:
    """The deployment with the report taken out; it is back afterwards."""
    from superset_campaign_plugin.bundle.install import install, uninstall

    with deployment.app.app_context():
        uninstall()
        yield deployment
        _remove_imported()
        install(database=DATABASE, uri=None, schema=SCHEMA, source="fivetran")
        give_viewer_role()


def _remove_imported() -> None:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard

    database = db.session.query(Database).filter_by(database_name=NAME).one()
    dashboard = db.session.query(Dashboard).filter_by(slug="campaign-email-performance").one()
    charts = list(dashboard.slices)
    for item in (dashboard, *charts, *db.session.query(SqlaTable).filter_by(database_id=database.id), database):
        db.session.delete(item)
        db.session.flush()
    db.session.commit()


def test_the_zip_passes_supersets_importer(bare: Deployment, tmp_path: Path) -> None:
    from superset import db
    from superset.commands.dashboard.importers.dispatcher import ImportDashboardsCommand
    from superset.commands.importers.v1.utils import get_contents_from_bundle
    from superset.models.dashboard import Dashboard

    file = tmp_path / "bundle.zip"
    write_bundle(file, uri=bare.warehouse, schema=SCHEMA, source="fivetran", database=NAME)
    with bare.as_user("admin"):
        contents = get_contents_from_bundle(zipfile.ZipFile(io.BytesIO(file.read_bytes())))
        ImportDashboardsCommand(contents, overwrite=True).run()
        dashboard = db.session.query(Dashboard).filter_by(slug="campaign-email-performance").one()
        assert {chart.slice_name for chart in dashboard.slices} == {
            *("Key figures", "Sends and engagement over time", "How the sends ended", "Campaigns", "Emails"),
            "Report with the columns you pick",
        }
        assert {chart.datasource.database.database_name for chart in dashboard.slices} == {NAME}

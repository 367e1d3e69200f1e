"""The deployment without the report, for tests that install it in their own way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deployment import DATABASE, DATASETS, IMPORTED, SCHEMA, SLUGS, Deployment, give_viewer_role


@pytest.fixture
def bare(deployment: Deployment) -> Iterator[Deployment]:
    """The deployment with the report taken out; it is back afterwards."""
    from superset import db

    from superset_campaign_plugin.bundle.install import install, uninstall

    with deployment.app.app_context():
        uninstall()
        yield deployment
        db.session.rollback()
        uninstall()
        _remove_imported()
        install(database=DATABASE, uri=None, schema=SCHEMA, source="fivetran")
        give_viewer_role()


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

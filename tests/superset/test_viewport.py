"""Phones are told of the narrow layout by the plugin's own dashboards, and by nothing else of Superset."""

from __future__ import annotations

from deployment import SLUG, SLUGS, Deployment

META = '<meta name="viewport" content="width=device-width, initial-scale=1">'


def test_only_the_plugins_dashboards_name_a_viewport(deployment: Deployment) -> None:
    from superset import db
    from superset.models.dashboard import Dashboard

    with deployment.app.app_context():
        id_ = db.session.query(Dashboard.id).filter_by(slug=SLUG).scalar()
        other = Dashboard(dashboard_title="Other", slug="other", published=True)
        db.session.add(other)
        db.session.commit()
    client = deployment.client("admin")
    for name in (*SLUGS, id_):
        page = client.get(f"/superset/dashboard/{name}/").get_data(as_text=True)
        assert page.count(META) == page.count('name="viewport"') == 1
    for address in ("/superset/dashboard/other/", "/dashboard/list/", "/superset/welcome/"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert META not in answer.get_data(as_text=True)
    with deployment.app.app_context():
        db.session.delete(db.session.query(Dashboard).filter_by(slug="other").one())
        db.session.commit()

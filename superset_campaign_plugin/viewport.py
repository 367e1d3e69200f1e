"""Tells phones that the plugin's dashboards have a layout of their own for narrow screens.

Superset's page says nothing about its width, so a phone lays it out as on a desk and shrinks it. What is added holds
for the plugin's own dashboards, opened by their address; the stylesheet of each does the rest.
"""

# Flask's registrations come without types here.
# mypy: no-warn-return-any

from __future__ import annotations

from flask import Flask, Response, request

from superset_campaign_plugin.versions import superset_version

_PAGE = "Superset.dashboard"
_HEAD = b"<head>"
_META = b'<meta name="viewport" content="width=device-width, initial-scale=1">'


def register(app: Flask) -> None:
    """Hook into the application. Superset 6.0 lacks the marks by which the stylesheets know the filters."""
    if not (superset_version() or "").startswith("6.0"):
        app.after_request(_add_viewport)


def _add_viewport(response: Response) -> Response:
    if request.endpoint != _PAGE or response.status_code != 200 or response.mimetype != "text/html":
        return response
    if response.is_streamed or "Content-Encoding" in response.headers:
        return response
    page = response.get_data()
    if b'name="viewport"' not in page and _is_ours((request.view_args or {}).get("dashboard_id_or_slug", "")):
        response.set_data(page.replace(_HEAD, _HEAD + _META, 1))
    return response


def _is_ours(id_or_slug: str) -> bool:
    """Whether the address names a dashboard of the plugin, by whichever of its names."""
    from superset import db
    from superset.models.dashboard import Dashboard

    from superset_campaign_plugin.superset_assets.definitions import load_dashboards
    from superset_campaign_plugin.superset_assets.identity import dashboard_uuid

    uuids = [dashboard_uuid(dashboard.name) for dashboard in load_dashboards(people=True)]
    found = db.session.query(Dashboard.id, Dashboard.slug, Dashboard.uuid).filter(Dashboard.uuid.in_(uuids))
    return any(id_or_slug in map(str, names) for names in found)

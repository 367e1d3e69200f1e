"""The email preview: what an email looked like and how it did, for everybody whom the report shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def register(app: Flask) -> None:
    """Add the preview's page and API to Superset. `superset init` makes their permission, can_read on CampaignEmail."""
    # Imported here, so that the data commands do not load Superset.
    from flask import Blueprint

    from superset_campaign_plugin.preview.api import CampaignEmailRestApi
    from superset_campaign_plugin.preview.pages import ASSETS
    from superset_campaign_plugin.preview.views import CampaignEmailView

    assets = Blueprint(
        ASSETS,
        __name__,
        url_prefix=CampaignEmailView.route_base,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    app.register_blueprint(assets)
    app.appbuilder.add_view_no_menu(CampaignEmailView)  # type: ignore[attr-defined]
    app.appbuilder.add_api(CampaignEmailRestApi)  # type: ignore[attr-defined]

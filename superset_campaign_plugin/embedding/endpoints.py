"""Every name of an endpoint of Superset that the plugin goes by, and what a guest of the report may be told at each.

The embedded page asks at these and nowhere else; whatever a release adds is closed until it stands here. A name that a
release lacks closes its part of the page, which the log says once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flask import Flask

from superset_campaign_plugin.embedding import fields
from superset_campaign_plugin.embedding.fields import Told

logger = logging.getLogger(__name__)

# Of the ids in Superset's own database.
LARGEST_ID = 2**31 - 1

CHART_DATA = "ChartDataRestApi.data"
SAMPLES = "Datasource.samples"
TIME_RANGE = "Api.time_range"
DASHBOARD = "DashboardRestApi.get"
DRILL_INFO = "DatasetRestApi.get_drill_info"
_CACHED_DATA = "ChartDataRestApi.data_from_cache"

# Where rows of datasets leave Superset as JSON.
ROWS = frozenset({CHART_DATA, _CACHED_DATA, SAMPLES})

# The preview's own page and API.
PREVIEW_PAGES = ("CampaignEmailView.preview", "CampaignEmailView.body")
PREVIEWS = frozenset({*PREVIEW_PAGES, "CampaignEmailRestApi.get", "campaign_email.static"})

# The page itself, before it knows its guest, and files that everybody may have.
OPEN = frozenset(
    {
        *("EmbeddedView.embedded", "static", "appbuilder.static", "Superset.language_pack", "health.health"),
        *PREVIEWS,
    }
)

# By endpoint, what a guest may hold of its answer.
ANSWERS: Mapping[str, Told] = {
    "CurrentUserRestApi.get_my_roles": fields.ROLES,
    "SecurityRestApi.csrf_token": fields.RESULT,
    DASHBOARD: fields.DASHBOARD,
    "DashboardRestApi.get_charts": fields.CHARTS,
    "DashboardRestApi.get_datasets": fields.DATASETS,
    DRILL_INFO: fields.DRILL_INFO,
    TIME_RANGE: fields.RESULT,
    "Superset.log": fields.NOTHING,
    CHART_DATA: fields.CHART_DATA,
    _CACHED_DATA: fields.CHART_DATA,
    SAMPLES: fields.SAMPLES,
    # where a deployment has asynchronous queries, and gives its guests the permission
    "AsyncEventsRestApi.events": fields.EVENTS,
    # where a portal calls getDashboardPermalink, and gives its guests the permission
    "DashboardPermalinkRestApi.post": fields.LINK,
    "DashboardPermalinkRestApi.get": fields.LINK,
}

# Where the page sends parameters in Superset's own notation.
WITH_PARAMETERS = frozenset({DASHBOARD, TIME_RANGE, DRILL_INFO})

# Files of figures.
EXPORTS = frozenset({CHART_DATA})

# Pictures of a dashboard or a chart, which Superset draws as an account that a deployment may choose. Those of the
# second kind are found by a key that says nothing of what is on them.
PICTURES = frozenset(
    {
        *("DashboardRestApi.thumbnail", "DashboardRestApi.cache_dashboard_screenshot"),
        *("ChartRestApi.thumbnail", "ChartRestApi.cache_screenshot"),
    }
)
PICTURES_BY_KEY = frozenset({"DashboardRestApi.screenshot", "ChartRestApi.screenshot"})


def warn_of_unknown(app: Flask) -> list[str]:
    """The names above that the application does not have; the log is told of them."""
    known = set(app.view_functions)
    unknown = sorted({*OPEN, *ANSWERS, *PICTURES, *PICTURES_BY_KEY} - known)
    if unknown:
        logger.warning(
            "This Superset has no endpoint %s, so the part of the embedded dashboard that asks there is closed, and a "
            "picture that is drawn elsewhere is not refused; see embedding/endpoints.py",
            ", ".join(unknown),
        )
    return unknown

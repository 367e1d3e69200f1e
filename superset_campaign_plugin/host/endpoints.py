"""Every name of an endpoint of Superset that the plugin goes by.

Guests of the report are answered at the ones that are listed here and at no others, so what a release adds is closed.
The names of pictures are the other way round: whoever is held to some rows is refused them by their names, so a release
that renames one does not start.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from flask import Flask

from superset_campaign_plugin.errors import HookError
from superset_campaign_plugin.versions import superset_version

logger = logging.getLogger(__name__)

# Of the ids in Superset's own database.
LARGEST_ID = 2**31 - 1

CHART_DATA = "ChartDataRestApi.data"
CACHED_CHART_DATA = "ChartDataRestApi.data_from_cache"
SAMPLES = "Datasource.samples"
TIME_RANGE = "Api.time_range"
DASHBOARD = "DashboardRestApi.get"
DASHBOARD_CHARTS = "DashboardRestApi.get_charts"
DASHBOARD_DATASETS = "DashboardRestApi.get_datasets"
DRILL_INFO = "DatasetRestApi.get_drill_info"
OWN_ROLES = "CurrentUserRestApi.get_my_roles"
CSRF_TOKEN = "SecurityRestApi.csrf_token"  # noqa: S105 - the name of an endpoint
LOG = "Superset.log"
# where a deployment has asynchronous queries, and gives its guests the permission
EVENTS = "AsyncEventsRestApi.events"
# where a portal calls getDashboardPermalink, and gives its guests the permission
NEW_LINK = "DashboardPermalinkRestApi.post"
LINK = "DashboardPermalinkRestApi.get"

# What the embedded page asks of its guest's behalf, and is answered field by field.
ANSWERED = frozenset(
    {
        *(CHART_DATA, CACHED_CHART_DATA, SAMPLES, TIME_RANGE, DASHBOARD, DASHBOARD_CHARTS, DASHBOARD_DATASETS),
        *(DRILL_INFO, OWN_ROLES, CSRF_TOKEN, LOG, EVENTS, NEW_LINK, LINK),
    }
)

# Where rows of datasets leave Superset as JSON.
ROWS = frozenset({CHART_DATA, CACHED_CHART_DATA, SAMPLES})

# Where the page sends parameters in Superset's own notation.
WITH_PARAMETERS = frozenset({DASHBOARD, TIME_RANGE, DRILL_INFO})

# Files of figures.
EXPORTS = frozenset({CHART_DATA})

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

# Pictures of a dashboard or a chart, which Superset draws as an account that a deployment may choose. Those of the
# second kind are found by a key that says nothing of what is on them.
PICTURES = frozenset(
    {
        *("DashboardRestApi.thumbnail", "DashboardRestApi.cache_dashboard_screenshot"),
        *("ChartRestApi.thumbnail", "ChartRestApi.cache_screenshot"),
    }
)
PICTURES_BY_KEY = frozenset({"DashboardRestApi.screenshot", "ChartRestApi.screenshot"})
_WORDS_FOR_PICTURES = ("screenshot", "thumbnail")


def is_picture_by_key(endpoint: str | None) -> bool:
    """Whether a picture is given there to whoever has its key; a new endpoint counts by the words of its name."""
    if endpoint is None or endpoint in PICTURES:
        return False
    return endpoint in PICTURES_BY_KEY or any(word in endpoint.lower() for word in _WORDS_FOR_PICTURES)


def check_endpoints(app: Flask) -> None:
    """Compare the names with the application's own, once Superset has made its views.

    Raises `HookError` where a name is gone by which something is refused. One that is answered alone is logged: what it
    was for is closed.
    """
    known = {rule.endpoint for rule in app.url_map.iter_rules()}
    if missing := _missing(PICTURES | PICTURES_BY_KEY, known):
        raise HookError(
            f"Superset {superset_version()} has no endpoint {missing}, which the plugin refuses to people who see some "
            "rows alone, so a picture of all rows may be open elsewhere; run a release that docs/superset-versions.md "
            "names, or take the plugin out of superset_config.py"
        )
    if missing := _missing(OPEN | ANSWERED, known):
        logger.warning(
            "Superset %s has no endpoint %s, so the part of the embedded dashboard that asks there is closed to guests",
            *(superset_version(), missing),
        )


def _missing(names: Iterable[str], known: set[str]) -> str:
    return ", ".join(sorted(set(names) - known))

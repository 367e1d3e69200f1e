"""Pictures of the report, which Superset draws as an account that a deployment chooses, over the rows of that account.

So nobody who is held to some rows of the plugin's datasets gets one of a dashboard or a chart that shows them. For
guests of the report no picture is on the list of what they may ask for.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request
from superset import db
from superset.models.dashboard import Dashboard
from superset.models.slice import Slice

from superset_campaign_plugin.embedding import chart_contents
from superset_campaign_plugin.embedding.held import has_row_rules
from superset_campaign_plugin.embedding.redaction import refusal
from superset_campaign_plugin.embedding.refusals import FORBIDDEN
from superset_campaign_plugin.embedding.unseen import unseen
from superset_campaign_plugin.host import endpoints
from superset_campaign_plugin.superset_assets.installed_assets import datasets_and_copies


def register(app: Flask) -> None:
    """Hook into the application."""
    app.before_request(_refuse)


@unseen
def _refuse() -> Response | None:
    endpoint = request.endpoint
    # Superset gives a picture that is found by its key to whoever may read any dashboard at all.
    if endpoints.is_picture_by_key(endpoint):
        return refusal(403, FORBIDDEN) if has_row_rules() else None
    if endpoint in endpoints.PICTURES and has_row_rules() and _shows_the_report():
        return refusal(403, FORBIDDEN)
    return None


def _shows_the_report() -> bool:
    is_chart = str(request.endpoint).startswith("Chart")
    number = str((request.view_args or {}).get("pk", ""))
    if not number.isdecimal() or int(number) > endpoints.LARGEST_ID:
        return True  # databases read more spellings of a number than this
    found: Any = db.session.get(Slice if is_chart else Dashboard, int(number))
    if found is None:
        return False
    return bool(datasets_and_copies() & ({found.datasource_id} if is_chart else chart_contents.datasets(found)))

"""Looks at the application once Superset has made its views, which it does after it has called the plugin."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app

from superset_campaign_plugin.config import EXTENSION
from superset_campaign_plugin.errors import HookError
from superset_campaign_plugin.host import records
from superset_campaign_plugin.host.endpoints import check_endpoints
from superset_campaign_plugin.host.patching import apply

logger = logging.getLogger(__name__)

_CHECKED = "superset_campaign_endpoints"


def register(app: Flask) -> None:
    """Let the start end with a look at the endpoints, and let nothing be answered before that look.

    A `HookError` of the look stops the start. Where a deployment starts Superset in a way of its own that never ends as
    Superset's does, the first request looks; each is refused as long as the look fails.
    """
    initializer = app.config.get("APP_INITIALIZER")
    apply(records.START, _looking, initializer if isinstance(initializer, type) else None)
    app.before_request_funcs.setdefault(None, []).insert(0, _look_before_anything)


def _looking(end: Callable[[Any], None]) -> Callable[[Any], None]:
    def end_and_look(initializer: Any) -> None:
        end(initializer)
        _look(initializer.superset_app)

    return end_and_look


def _look(app: Flask) -> None:
    # The method is wrapped for every application of the process.
    if EXTENSION in app.extensions and not app.extensions.get(_CHECKED):
        check_endpoints(app)
        app.extensions[_CHECKED] = True


def _look_before_anything() -> Response | None:
    try:
        _look(current_app)
    except HookError as error:
        logger.error("%s", error)
        return Response("This Superset cannot answer; whoever runs it finds the reason in its log\n", 503)
    return None

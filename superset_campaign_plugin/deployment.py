"""Superset's application, for commands that act on a deployment but were not started by `superset`."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from superset_campaign_plugin.config import EXTENSION
from superset_campaign_plugin.errors import InstallError

if TYPE_CHECKING:
    from flask import Flask


def superset_app() -> Flask:
    """Build the application from the deployment's `superset_config.py`. Raises `InstallError` if it does not start."""
    from superset.app import create_app

    try:
        # Superset prints which configuration it has loaded; what is asked for as JSON must be JSON alone.
        with contextlib.redirect_stdout(sys.stderr):
            app: Flask = create_app()
    except SystemExit as error:
        # Superset's way of refusing a missing SECRET_KEY; it has printed why.
        raise InstallError(
            "Superset did not start; set SECRET_KEY in superset_config.py and SUPERSET_CONFIG_PATH"
        ) from error
    if EXTENSION not in app.extensions:
        raise InstallError(
            "the plugin is not hooked in; add to superset_config.py: "
            "from superset_campaign_plugin import init_app as FLASK_APP_MUTATOR"
        )
    return app

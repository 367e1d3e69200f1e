"""The plugin's settings in the application that runs."""

from __future__ import annotations

from flask import current_app

from superset_campaign_plugin.config import EXTENSION, Settings


def current_settings() -> Settings:
    """The checked settings of the running application, which needs an application context."""
    settings: Settings = current_app.extensions[EXTENSION]
    return settings

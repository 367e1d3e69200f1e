"""Marketo's Campaign Email Performance report for Apache Superset."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

__version__ = "0.2.0"


def init_app(app: Flask) -> None:
    """Hook the plugin into Superset: `FLASK_APP_MUTATOR = init_app`, or call it in the mutator that is there already.

    Raises `InstallError` in a Superset of a release that is not supported, `SettingsError` for a wrong settings block,
    and `HookError` for a Superset in which people could not be kept to their rows.
    """
    from superset_campaign_plugin.versions import check_superset_version

    check_superset_version()
    # Imported here, so that the data commands do not load Superset.
    from superset.utils.date_parser import datetime_eval

    from superset_campaign_plugin import preview, tasks, viewport  # noqa: F401 - workers learn the tasks by the import
    from superset_campaign_plugin.config import EXTENSION, load_settings, replaced_settings
    from superset_campaign_plugin.embedding import (
        channels,
        conditions,
        expressions,
        failures,
        guests,
        links,
        pictures,
        reach,
    )
    from superset_campaign_plugin.shortcuts import take_shortcuts

    app.extensions[EXTENSION] = load_settings(app.config)
    for sentence in replaced_settings(app.config):
        logging.getLogger(__name__).warning("%s", sentence)
    preview.register(app)
    viewport.register(app)
    links.register(app)
    reach.register(app)
    pictures.register(app)
    channels.register()
    conditions.register()
    failures.register()
    expressions.register()
    guests.close_what_no_rule_names(app.appbuilder.sm)  # type: ignore[attr-defined]
    take_shortcuts()
    # Superset's parser of time ranges finishes itself in its first use, and breaks when threads share that one: a
    # dashboard's first charts, asked for at once, would fail. So it is used once before.
    datetime_eval("DATETRUNC(DATEADD(DATETIME('today'), -1, day), day)")

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
    from superset.common.utils.time_range_utils import get_since_until_from_time_range

    from superset_campaign_plugin import preview, tasks, viewport  # noqa: F401 - workers learn the tasks by the import
    from superset_campaign_plugin.config import EXTENSION, load_settings, replaced_settings
    from superset_campaign_plugin.embedding import (
        channels,
        conditions,
        failures,
        guests,
        links,
        people_log,
        pictures,
        redaction,
        sql_guard,
    )
    from superset_campaign_plugin.host import speed, sqlite_functions, start
    from superset_campaign_plugin.semantics import load_semantics
    from superset_campaign_plugin.superset_assets.identity import dataset_uuid

    app.extensions[EXTENSION] = load_settings(app.config)
    for sentence in replaced_settings(app.config):
        logging.getLogger(__name__).warning("%s", sentence)
    # Required ones come first: where one of them cannot be applied, nothing of the plugin is in place.
    conditions.register()
    failures.register()
    sql_guard.register()
    guests.register(app.appbuilder.sm)  # type: ignore[attr-defined]
    channels.register()
    people_log.register()
    speed.register([dataset_uuid(name) for name in load_semantics().datasets])
    sqlite_functions.register()
    preview.register(app)
    viewport.register(app)
    links.register(app)
    redaction.register(app)
    pictures.register(app)
    start.register(app)
    # Superset's parser of time ranges finishes itself in its first use, and breaks when threads share that one: a
    # dashboard's first charts, asked for at once, would fail. So it is used once before.
    get_since_until_from_time_range(time_range="previous calendar month")

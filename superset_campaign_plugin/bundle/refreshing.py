"""Refreshing the stored tables of the warehouse that the report is installed upon. Needs a Superset context."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from superset.models.core import Database

from superset_campaign_plugin.advice import installed_tables, registered
from superset_campaign_plugin.bundle.connections import writable_uri
from superset_campaign_plugin.bundle.install import carry_out
from superset_campaign_plugin.bundle.install_plan import READS_STORED, InstallRequest, make_plan, settings
from superset_campaign_plugin.bundle.shown_people import installed_changes_figures
from superset_campaign_plugin.errors import InstallError
from superset_campaign_plugin.refresh.kept_people import change_of_figures
from superset_campaign_plugin.refresh.run import Progress, Summary, refresh
from superset_campaign_plugin.refresh.session import LOCK_WAIT
from superset_campaign_plugin.report.figures_change import KEEP_BY_SETTING, FiguresChange
from superset_campaign_plugin.superset_assets.installed_assets import find
from superset_campaign_plugin.superset_assets.manifest import installed_manifest

Announce = Callable[[FiguresChange], None]

logger = logging.getLogger(__name__)


def _log_change(change: FiguresChange) -> None:
    logger.warning("%s", change.sentence)


def refresh_installed(
    *,
    full: bool = False,
    verify: bool = False,
    dry_run: bool = False,
    sql: bool = False,
    lock_wait: float = LOCK_WAIT,
    progress: Progress = lambda _: None,
    announce: Announce = _log_change,
) -> Summary:
    """Refresh with the deployment's settings, and let the dashboard read the stored tables if it does not yet.

    Where nobody chose what merged people count as and the figures of before counted them otherwise, `announce` is told
    before anything is done.
    Raises `InstallError` where no report is installed, else as `refresh`.
    """
    known = installed_manifest().warehouse
    database = find(Database, str(known["database"]))
    if database is None:
        raise InstallError(
            "the report's database connection was deleted in Superset; register it again, and run: "
            "superset campaign install --database NAME"
        )
    place: dict[str, Any] = {
        "source": str(known["source"]),
        "schema": known["schema"],
        "stored_schema": settings().stored_schema,
        "stored_file": settings().stored_file,
        "rules": settings().rules,
    }
    with registered(database.database_name), installed_tables():
        change = None if known.get("reads") == READS_STORED else installed_changes_figures(known, database)
        if change is None and not settings().people_chosen:
            change = change_of_figures(writable_uri(database), keep=KEEP_BY_SETTING, **place)
        if change is not None:
            announce(change)
        summary = refresh(
            writable_uri(database),
            **place,
            full=full,
            verify=verify,
            dry_run=dry_run,
            sql=sql,
            lock_wait=lock_wait,
            progress=progress,
        )
    summary.figures_change = change
    if not (dry_run or sql) and known.get("reads") != READS_STORED:
        # The first refresh, or the first after an upgrade: from now on the dashboard reads what it has stored.
        progress("Letting the dashboard read the stored tables")
        plan = make_plan(
            InstallRequest(database.database_name, None, known["schema"], str(known["source"]), kinds=["datasets"])
        )
        for note in plan.notes:
            logger.warning("%s", note)
        carry_out(plan)
        summary.notes.append("the dashboard reads the stored tables from now on")
    return summary

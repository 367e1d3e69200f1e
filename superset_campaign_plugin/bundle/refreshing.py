"""Refreshing the stored tables of the warehouse that the report is installed upon. Needs a Superset context."""

from __future__ import annotations

from flask import current_app
from superset.models.core import Database

from superset_campaign_plugin.bundle.connections import writable_uri
from superset_campaign_plugin.bundle.install import install
from superset_campaign_plugin.bundle.manifest import read_manifest
from superset_campaign_plugin.bundle.plan import READS_STORED
from superset_campaign_plugin.bundle.stored import find
from superset_campaign_plugin.config import EXTENSION, Settings
from superset_campaign_plugin.errors import InstallError
from superset_campaign_plugin.refresh.run import Progress, Summary, refresh
from superset_campaign_plugin.refresh.session import LOCK_WAIT


def refresh_installed(
    *,
    full: bool = False,
    dry_run: bool = False,
    lock_wait: float = LOCK_WAIT,
    progress: Progress = lambda _: None,
) -> Summary:
    """Refresh with the deployment's settings, and let the dashboard read the stored tables if it does not yet.

    Raises `InstallError` where no report is installed, else as `refresh`.
    """
    manifest = read_manifest()
    known = manifest.warehouse if manifest else {}
    database = find(Database, str(known["database"])) if known else None
    if not known:
        raise InstallError("the report is not installed here; run: superset campaign install")
    if database is None:
        raise InstallError(
            "the report's database connection was deleted in Superset; register it again, and run: "
            "superset campaign install --database NAME"
        )
    settings: Settings = current_app.extensions[EXTENSION]
    summary = refresh(
        writable_uri(database),
        source=str(known["source"]),
        schema=known["schema"],
        stored_schema=settings.stored_schema,
        stored_file=settings.stored_file,
        rules=settings.rules,
        full=full,
        dry_run=dry_run,
        lock_wait=lock_wait,
        progress=progress,
    )
    if not dry_run and known.get("reads") != READS_STORED:
        # The first refresh, or the first after an upgrade: from now on the dashboard reads what it has stored.
        progress("Letting the dashboard read the stored tables")
        install(
            database=database.database_name,
            uri=None,
            schema=known["schema"],
            source=str(known["source"]),
            kinds=["datasets"],
        )
        summary.notes.append("the dashboard reads the stored tables from now on")
    return summary

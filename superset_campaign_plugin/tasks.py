"""Scheduled work: the refresh as a task of Superset's own Celery workers.

class CeleryConfig:
    beat_schedule = {
        "campaign report": {"task": "superset_campaign.refresh", "schedule": crontab(minute=15)},
    }
"""

from __future__ import annotations

from typing import Any

from celery import shared_task


@shared_task(name="superset_campaign.refresh")  # type: ignore[untyped-decorator]
def refresh_report(full: bool = False) -> dict[str, Any]:
    """Refresh the stored tables of the installed report; gives the summary. A refusal fails the task."""
    from superset_campaign_plugin.bundle.refreshing import refresh_installed

    return refresh_installed(full=full).as_dict()

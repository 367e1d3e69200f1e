"""Which of Superset's reports and alerts the plugin made, as its manifest knows them.

Superset gives them no UUID, and SQLite gives the id of one that was deleted to the next one. So a report is known by
its id together with the time at which it was made. Needs a Superset application context.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from superset import db
from superset.connectors.sqla.models import SqlaTable
from superset.reports.models import ReportSchedule

from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.report.alerts import activity_sql, bounces_sql
from superset_campaign_plugin.report.datasets import REPORT_DATASET
from superset_campaign_plugin.subscriptions.tabs import extra_of
from superset_campaign_plugin.superset_assets.identity import dataset_uuid
from superset_campaign_plugin.superset_assets.installed_assets import find
from superset_campaign_plugin.superset_assets.manifest import Manifest, fingerprint

REPORT, BOUNCES, NO_DATA = "report", "bounces", "no_data"
_KEPT = "subscriptions"
_ALERTS = {BOUNCES: bounces_sql, NO_DATA: activity_sql}


@dataclass(frozen=True)
class Made:
    """What the manifest keeps: `written` is a fingerprint of what upgrades change, an alert's SQL or a report's tabs.

    `days` are those that an alert looks at.
    """

    role: str
    id: int
    created: str
    days: int = 0
    written: str = ""


@dataclass(frozen=True)
class Subscription:
    """One of them as it stands in Superset."""

    made: Made
    schedule: ReportSchedule

    @property
    def kind(self) -> str:
        return "reports" if self.made.role == REPORT else "alerts"

    @property
    def addresses(self) -> list[str]:
        """All whom a mail goes to."""
        return [
            address
            for recipient in self.schedule.recipients
            if recipient.type == "Email"
            for address in re.split(r"[,;\s]+", str(json.loads(recipient.recipient_config_json).get("target") or ""))
            if address
        ]

    def as_dict(self) -> dict[str, Any]:
        """The form of the status."""
        each = self.schedule
        return {
            "kind": self.kind.removesuffix("s"),
            "name": each.name,
            "format": each.report_format if self.made.role == REPORT else None,
            "when": each.crontab_humanized(),
            "time_zone": each.timezone,
            "to": self.addresses,
            "active": bool(each.active),
            "last_state": each.last_state if each.last_eval_dttm else None,
            "last_run": None
            if each.last_eval_dttm is None
            else f"{each.last_eval_dttm.isoformat(timespec='seconds')}Z",
        }


def subscriptions(manifest: Manifest | None) -> list[Subscription]:
    """Those that are still there."""
    names = {each.name for each in fields(Made)}
    kept = [] if manifest is None else manifest.warehouse.get(_KEPT, [])
    known = [Made(**{name: value for name, value in each.items() if name in names}) for each in kept]
    found = [(each, db.session.get(ReportSchedule, each.id)) for each in known]
    return [
        Subscription(each, schedule)
        for each, schedule in found
        if schedule is not None and _moment(schedule) == each.created
    ]


def remember(manifest: Manifest, kept: list[Made]) -> None:
    """Let the manifest know these, and no others."""
    manifest.warehouse[_KEPT] = [asdict(each) for each in kept]


def made_of(schedule: ReportSchedule, role: str, days: int = 0) -> Made:
    """What the manifest keeps of one that was just written."""
    return Made(role, schedule.id, _moment(schedule), days, _written(schedule))


def alert_sql(role: str, dataset: SqlaTable, days: int) -> str:
    """The SQL of one of the two alerts, for the database of the report's dataset."""
    return _ALERTS[role](str(dataset.sql), get_engine(dataset.database.backend), days)


def follow_report(manifest: Manifest) -> None:
    """Let alerts ask what the report's dataset is now, and reports show the tabs that there are now.

    What people have changed of these stays.
    """
    dataset = find(SqlaTable, str(dataset_uuid(REPORT_DATASET)))
    kept = []
    for each in subscriptions(manifest):
        made, schedule = each.made, each.schedule
        if _written(schedule) == made.written:
            if made.role in _ALERTS and dataset is not None:
                schedule.sql = alert_sql(made.role, dataset, made.days)
                schedule.database = dataset.database
            elif schedule.dashboard is not None:
                schedule.extra = extra_of(schedule.dashboard)
            made = replace(made, written=_written(schedule))
        kept.append(made)
    if kept:
        remember(manifest, kept)


def _written(schedule: ReportSchedule) -> str:
    return fingerprint(schedule.sql if schedule.type == "Alert" else schedule.extra)


def _moment(schedule: ReportSchedule) -> str:
    # MySQL keeps no parts of a second.
    created: datetime = schedule.created_on
    return created.replace(microsecond=0).isoformat()

"""Subscribes addresses to the report and its alerts, and takes them off again, by Superset's own commands.

A report has the addresses of one format and one timetable. Whoever subscribes again in the same format moves to the new
timetable. Needs a Superset application context.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError
from superset import db, security_manager
from superset.commands.exceptions import CommandException, CommandInvalidError
from superset.commands.report.create import CreateReportScheduleCommand
from superset.commands.report.delete import DeleteReportScheduleCommand
from superset.commands.report.update import UpdateReportScheduleCommand
from superset.connectors.sqla.models import SqlaTable
from superset.exceptions import SupersetSecurityException
from superset.models.dashboard import Dashboard
from superset.models.slice import Slice
from superset.reports.models import ReportSchedule
from superset.reports.schemas import ReportSchedulePostSchema
from superset.utils.decorators import transaction

from superset_campaign_plugin.bundle.asset_changes import Change
from superset_campaign_plugin.errors import InstallError, UsageError, unknown
from superset_campaign_plugin.host.acting import acting_as
from superset_campaign_plugin.report.datasets import REPORT_DATASET
from superset_campaign_plugin.subscriptions.acting import administrators, executor_of
from superset_campaign_plugin.subscriptions.made import (
    BOUNCES,
    NO_DATA,
    REPORT,
    Made,
    Subscription,
    alert_sql,
    made_of,
    remember,
    subscriptions,
)
from superset_campaign_plugin.subscriptions.needs import lacking
from superset_campaign_plugin.subscriptions.tabs import extra_of, store_addresses
from superset_campaign_plugin.subscriptions.timetable import Timetable
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dashboard_uuid, dataset_uuid
from superset_campaign_plugin.superset_assets.installed_assets import find
from superset_campaign_plugin.superset_assets.manifest import (
    installed_manifest,
    missing_part,
    read_manifest,
    write_manifest,
)
from superset_campaign_plugin.wording import counted

PDF, PNG, CSV = "PDF", "PNG", "CSV"
_TITLE = "Campaign Email Performance"
_FIGURES = "emails"
BOUNCED_PERCENT, BOUNCED_DAYS, QUIET_DAYS = 5.0, 7, 3
_HOUR = 60 * 60


@dataclass(frozen=True)
class Wanted:
    """What was asked for. `owner` is the user as whom Superset makes the report; None for the only administrator.

    `bounced_percent` and `quiet_days` are the limits of the alerts, None for what they are; without `alerts` these stay
    as they are.
    """

    addresses: tuple[str, ...]
    timetable: Timetable
    form: str
    owner: str | None = None
    alerts: bool = True
    bounced_percent: float | None = None
    quiet_days: int | None = None


def subscribe(wanted: Wanted) -> list[Change]:
    """Make what is missing and change what differs; doing it again changes nothing.

    Raises `InstallError` where the report is not installed, Superset's configuration lacks something, or Superset
    refuses, and then nothing has changed.
    """
    manifest = installed_manifest()
    if missing := lacking():
        raise InstallError(f"Superset can send nothing yet; superset_config.py lacks: {'; '.join(missing)}")
    owner = _owner(wanted.owner)
    parts = _Parts.installed()
    _check_access(owner, parts.dashboard)

    def carry_out() -> list[Change]:
        there = subscriptions(manifest)
        kept: list[Made] = []
        target, others = _report_of(wanted, there)
        moved = [change for each in others for change in _leave(each, wanted.addresses, kept)]
        if target is None:
            changes = [_create(REPORT, _report(wanted, parts, owner), wanted.addresses, kept), *moved]
        else:
            changes = [_change(target, wanted, owner, {}), *moved]
            kept.append(target.made)
        for role in (BOUNCES, NO_DATA):
            alert = next((each for each in there if each.made.role == role), None)
            if not wanted.alerts:
                kept += [] if alert is None else [alert.made]
            elif alert is None:
                document, days = _new_alert(role, wanted, parts, owner), _limits(role, wanted)[1]
                changes.append(_create(role, document, wanted.addresses, kept, days))
            else:
                changes.append(_change_alert(alert, wanted, parts, owner, kept))
        kept += [each.made for each in there if each.made.role == REPORT and each is not target and each not in others]
        remember(manifest, kept)
        write_manifest(manifest)
        return changes

    changes = _in_one_transaction(carry_out)
    for each in subscriptions(manifest):
        store_addresses(each.schedule)
    return changes


def unsubscribe(addresses: tuple[str, ...] | None) -> list[Change]:
    """Take the addresses off all that `subscribe` has made, and remove what then goes to nobody; None takes off all.

    Raises `InstallError` where Superset refuses, and then nothing has changed.
    """
    manifest = read_manifest()
    there = subscriptions(manifest)
    if manifest is None or not there:
        return []

    def carry_out() -> list[Change]:
        kept: list[Made] = []
        changes = []
        for each in there:
            changes += _remove(each) if addresses is None else _leave(each, addresses, kept)
        remember(manifest, kept)
        write_manifest(manifest)
        return changes

    return _in_one_transaction(carry_out)


def _in_one_transaction(work: Any) -> list[Change]:
    found = administrators()
    if not found:
        raise InstallError("this Superset has no administrator; make one: superset fab create-admin")
    # Superset's commands ask what the user may; whoever runs commands on the server may do all.
    with acting_as(found[0]):
        try:
            changes: list[Change] = transaction(on_error=None)(work)()
        except CommandInvalidError as error:
            raise InstallError(f"Superset refuses: {_words(error.normalized_messages())}") from error
        except CommandException as error:
            raise InstallError(f"Superset refuses: {error}") from error
    return changes


def _words(messages: Any) -> str:
    """The texts in Superset's messages, which stand in lists by fields."""
    if isinstance(messages, dict):
        return "; ".join(_words(each) for each in messages.values())
    return "; ".join(map(_words, messages)) if isinstance(messages, list) else str(messages)


# ---------------------------------------------------------------------------------------------------------------
# People


def _owner(name: str | None) -> Any:
    if name is None:
        found = administrators()
        if len(found) == 1:
            return found[0]
        names = ", ".join(user.username for user in found)
        raise UsageError(
            f"say with --owner as whom Superset makes the report, with the rows that they see ({names}, or any other)"
        )
    owner = security_manager.find_user(name)
    if owner is None:
        raise unknown("user", name, [user.username for user in security_manager.get_all_users()])
    return owner


def _check_access(owner: Any, dashboard: Dashboard) -> None:
    try:
        with acting_as(owner):
            security_manager.raise_for_access(dashboard=dashboard)
    except SupersetSecurityException as error:
        raise UsageError(
            f"{owner.username} may not see the dashboard, so nothing can be sent as they see it"
        ) from error


# ---------------------------------------------------------------------------------------------------------------
# What is wanted, as Superset's API takes it


@dataclass(frozen=True)
class _Parts:
    """The parts of the installed report that are sent and asked."""

    dashboard: Dashboard
    dataset: SqlaTable
    figures: Slice

    @classmethod
    def installed(cls) -> _Parts:
        """Raises `InstallError` where one was deleted."""
        dashboard = find(Dashboard, str(dashboard_uuid(REPORT_DATASET)))
        dataset = find(SqlaTable, str(dataset_uuid(REPORT_DATASET)))
        figures = find(Slice, str(chart_uuid(REPORT_DATASET, _FIGURES)))
        if dashboard is None or dataset is None or figures is None:
            what = "dashboard" if dashboard is None else "dataset" if dataset is None else "chart Emails"
            raise missing_part(f"{what} was")
        return cls(dashboard, dataset, figures)


def _report(wanted: Wanted, parts: _Parts, owner: Any) -> dict[str, Any]:
    if wanted.form == CSV:
        shown: dict[str, Any] = {"chart": parts.figures.id}
        what = "The figures of each email of each campaign, of all days"
    else:
        # Superset takes a picture of each tab, where ALERT_REPORT_TABS is on; else of the first one.
        shown = {"dashboard": parts.dashboard.id, "extra": extra_of(parts.dashboard)}
        what = "The dashboard, as it opens"
    return {
        "type": "Report",
        "name": f"{_TITLE}: {wanted.form} {wanted.timetable.words}",
        "description": f"{what}. This mail comes {wanted.timetable.words}.",
        "email_subject": _TITLE,
        "report_format": wanted.form,
        "crontab": wanted.timetable.crontab,
        "timezone": wanted.timetable.zone,
        **shown,
        **_shared(owner),
    }


def _alert(role: str, limit: float, days: int, parts: _Parts) -> dict[str, Any]:
    """What an alert says and asks. `limit` is in percent, for bounces alone."""
    if role == BOUNCES:
        condition = {"op": ">", "threshold": limit}
        subject = f"More than {limit:g} % of the emails bounced"
        text = f"Of the emails that were sent in the last {days} days, more than {limit:g} % bounced, hard or soft."
    else:
        condition = {"op": "==", "threshold": 0}
        subject = "No new data of campaign emails"
        text = (
            f"The log has had no activity of an email for {counted(days, 'day')}. Look at what loads it, and at the "
            "refresh: superset campaign status."
        )
    return {
        "description": text,
        "email_subject": subject,
        "sql": alert_sql(role, parts.dataset, days),
        "validator_config_json": condition,
        # Not again while it looks at the same days; an hour less, or the run of the last day would be too early.
        "grace_period": days * 24 * _HOUR - _HOUR,
    }


def _new_alert(role: str, wanted: Wanted, parts: _Parts, owner: Any) -> dict[str, Any]:
    at = wanted.timetable.at
    limit, days = _limits(role, wanted)
    return {
        "type": "Alert",
        "name": f"{_TITLE}: {'bounces' if role == BOUNCES else 'no new data'}",
        **_alert(role, limit, days, parts),
        # No picture, so that an alert arrives where no browser works.
        "report_format": "TEXT",
        "dashboard": parts.dashboard.id,
        "database": parts.dataset.database.id,
        "validator_type": "operator",
        "crontab": f"{at.minute} {at.hour} * * *",
        "timezone": wanted.timetable.zone,
        **_shared(owner),
    }


def _limits(role: str, wanted: Wanted, there: Subscription | None = None) -> tuple[float, int]:
    """The limit in percent and the days of an alert: as asked for, else as they are, else the usual ones."""
    if role == BOUNCES:
        here = None if there is None else _threshold(there)
        return _first(wanted.bounced_percent, here, BOUNCED_PERCENT), BOUNCED_DAYS
    here = None if there is None else there.made.days
    return 0.0, int(_first(wanted.quiet_days, here, QUIET_DAYS))


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def _threshold(alert: Subscription) -> float:
    return float(json.loads(alert.schedule.validator_config_json)["threshold"])


def _shared(owner: Any) -> dict[str, Any]:
    return {"owners": [owner.id], "creation_method": "alerts_reports", "active": True}


# ---------------------------------------------------------------------------------------------------------------
# Written by Superset's commands


def _report_of(wanted: Wanted, there: list[Subscription]) -> tuple[Subscription | None, list[Subscription]]:
    """The report of this format and timetable, and the others of the format."""
    table = wanted.timetable
    of_form = [each for each in there if each.made.role == REPORT and each.schedule.report_format == wanted.form]
    same = [each for each in of_form if (each.schedule.crontab, each.schedule.timezone) == (table.crontab, table.zone)]
    target = same[0] if same else None
    return target, [each for each in of_form if each is not target]


def _create(role: str, document: dict[str, Any], addresses: tuple[str, ...], kept: list[Made], days: int = 0) -> Change:
    schedule = CreateReportScheduleCommand(_checked({**document, "recipients": [_mail(list(addresses))]})).run()
    db.session.flush()
    executor_of(schedule)
    kept.append(made_of(schedule, role, days))
    return Change("created", "reports" if role == REPORT else "alerts", schedule.name)


def _change(there: Subscription, wanted: Wanted, owner: Any, more: dict[str, Any]) -> Change:
    """Bring one that is there up to date. What people have changed otherwise, as its name, stays."""
    schedule = there.schedule
    missing = [each for each in wanted.addresses if not _holds(there.addresses, each)]
    different = dict(more)
    if missing:
        different["recipients"] = _recipients(schedule, [*there.addresses, *missing])
    if not schedule.active:
        different["active"] = True
    if wanted.owner is not None and [each.id for each in schedule.owners] != [owner.id]:
        different["owners"] = [owner.id]
    if different:
        _update(schedule, different)
    return Change("updated" if different else "unchanged", there.kind, schedule.name)


def _change_alert(alert: Subscription, wanted: Wanted, parts: _Parts, owner: Any, kept: list[Made]) -> Change:
    role = alert.made.role
    limit, days = _limits(role, wanted, alert)
    differs = (limit, days) != (_threshold(alert), alert.made.days)
    change = _change(alert, wanted, owner, _alert(role, limit, days, parts) if differs else {})
    kept.append(made_of(alert.schedule, role, days) if differs else alert.made)
    return change


def _leave(there: Subscription, addresses: tuple[str, ...], kept: list[Made]) -> list[Change]:
    """Take the addresses off one; it goes if nobody is left, in whatever way people are told."""
    left = [each for each in there.addresses if not _holds(addresses, each)]
    if len(left) == len(there.addresses):
        kept.append(there.made)
        return []
    recipients = _recipients(there.schedule, left)
    if not recipients:
        return _remove(there)
    _update(there.schedule, {"recipients": recipients})
    kept.append(there.made)
    return [Change("updated", there.kind, there.schedule.name)]


def _remove(there: Subscription) -> list[Change]:
    change = Change("removed", there.kind, there.schedule.name)
    DeleteReportScheduleCommand([there.schedule.id]).run()
    return [change]


def _update(schedule: ReportSchedule, document: dict[str, Any]) -> None:
    UpdateReportScheduleCommand(schedule.id, document).run()
    db.session.flush()


def _checked(document: dict[str, Any]) -> dict[str, Any]:
    """The document as Superset's API would take it."""
    try:
        loaded: dict[str, Any] = ReportSchedulePostSchema().load(document)
    except ValidationError as error:
        raise InstallError(f"Superset refuses: {_words(error.messages)}") from error
    return loaded


def _recipients(schedule: ReportSchedule, addresses: list[str]) -> list[dict[str, Any]]:
    """The schedule's recipients with these addresses in the place of its own; others, as a channel, stay."""
    given = [_as_given(each) for each in schedule.recipients]
    mails = [each for each in given if each["type"] == "Email"]
    others = [each for each in given if each["type"] != "Email"]
    more = mails[0]["recipient_config_json"] if mails else {}
    return [*([_mail(addresses, more)] if addresses else []), *others]


def _mail(addresses: list[str], more: dict[str, Any] | None = None) -> dict[str, Any]:
    # As Superset's own form writes it: one recipient with all addresses.
    return {"type": "Email", "recipient_config_json": {**(more or {}), "target": ",".join(addresses)}}


def _as_given(recipient: Any) -> dict[str, Any]:
    return {"type": recipient.type, "recipient_config_json": json.loads(recipient.recipient_config_json)}


def _holds(addresses: Any, address: str) -> bool:
    return address.casefold() in {each.casefold() for each in addresses}

"""Commands that send the report by mail, by Superset's own reports and alerts: subscribe, unsubscribe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from superset_campaign_plugin.cli.application import in_superset
from superset_campaign_plugin.cli.deployment import print_changes
from superset_campaign_plugin.cli.group import campaign

if TYPE_CHECKING:
    from datetime import time

_EVERY = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "weekday", "day", "month")
_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")
_NO_WORKBOOKS = "Superset sends no Excel workbooks; the figures come as CSV, which Excel opens"


def _addresses(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not _ADDRESS.fullmatch(value):
            raise click.BadParameter(f"{value!r} is no email address")
    return tuple({value.casefold(): value for value in values}.values())


def _time_of_day(_: click.Context, option: click.Parameter, value: str) -> time:
    from datetime import time

    if not re.fullmatch(r"\d?\d:\d\d", value):
        raise click.BadParameter(f"{value!r} is not a valid time; write it as 07:00")
    hour, minute = map(int, value.split(":"))
    try:
        return time(hour, minute)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a valid time; write it as 07:00") from error


@campaign.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...", callback=_addresses)
@click.option(
    "--every",
    type=click.Choice(_EVERY, case_sensitive=False),
    default="monday",
    show_default=True,
    metavar="DAY",
    help=f"When: {', '.join(_EVERY)}.",
)
@click.option(
    "--at", callback=_time_of_day, default="07:00", show_default=True, metavar="TIME", help="At which time of the day."
)
@click.option("--time-zone", metavar="ZONE", help="Whose clocks that is.  [default: the report's time zone]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["pdf", "png", "csv", "xlsx"], case_sensitive=False),
    default="pdf",
    show_default=True,
    help="The dashboard as a PDF file or as pictures, or the figures of each email as CSV.",
)
@click.option("--owner", metavar="USER", help="As whom Superset makes it.  [default: the only administrator]")
@click.option(
    "--bounces",
    "bounced_percent",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Alert when more of the last seven days' emails bounced.  [default: 5]",
)
@click.option(
    "--no-data",
    "quiet_days",
    type=click.IntRange(1, 365),
    metavar="DAYS",
    help="Alert when the log has had no activity for so long.  [default: 3]",
)
@click.option("--no-alerts", is_flag=True, help="Send the report, and leave the alerts as they are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else.")
def subscribe(
    addresses: tuple[str, ...],
    every: str,
    at: time,
    time_zone: str | None,
    form: str,
    owner: str | None,
    bounced_percent: float | None,
    quiet_days: int | None,
    no_alerts: bool,
    as_json: bool,
) -> None:
    """Send the report to each ADDRESS by mail, and two alerts: too many bounces, no new data.

    Superset's own reports and alerts do it. Again with another day or time changes it. Superset must be set up for
    sending; the command says what is missing.
    """
    from superset_campaign_plugin.errors import UsageError

    if no_alerts and (bounced_percent is not None or quiet_days is not None):
        raise UsageError("--no-alerts leaves the alerts as they are; leave it out, or --bounces and --no-data")
    with in_superset():
        from superset_campaign_plugin.bundle.install_plan import settings
        from superset_campaign_plugin.subscriptions.needs import not_answering
        from superset_campaign_plugin.subscriptions.subscribe import Wanted
        from superset_campaign_plugin.subscriptions.subscribe import subscribe as subscribe_to
        from superset_campaign_plugin.subscriptions.timetable import make_timetable

        timetable = make_timetable(every, at, time_zone or settings().rules.time_zone)
        sent_as = "CSV" if form == "xlsx" else form.upper()
        changes = subscribe_to(Wanted(addresses, timetable, sent_as, owner, not no_alerts, bounced_percent, quiet_days))
        notes = [_NO_WORKBOOKS] if form == "xlsx" else []
        notes += not_answering(pictures=sent_as != "CSV")
        print_changes(changes, notes, as_json)


@campaign.command()
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...", callback=_addresses)
@click.option("--all", "everybody", is_flag=True, help="Everybody: remove all that subscribe has made.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else.")
def unsubscribe(addresses: tuple[str, ...], everybody: bool, as_json: bool) -> None:
    """Stop sending the report and its alerts to each ADDRESS.

    What then goes to nobody is removed. Reports and alerts that people made in Superset stay.
    """
    from superset_campaign_plugin.errors import UsageError

    if everybody == bool(addresses):
        raise UsageError("give the addresses, or --all for everybody")
    with in_superset():
        from superset_campaign_plugin.subscriptions.subscribe import unsubscribe as unsubscribe_from

        changes: list[Any] = unsubscribe_from(None if everybody else addresses)
        print_changes(changes, [] if changes else ["nothing was sent there; nothing was changed"], as_json)

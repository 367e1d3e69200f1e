"""The command that fetches the activities from Marketo itself: pull-activities."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from superset_campaign_plugin.cli.group import campaign
from superset_campaign_plugin.cli.options import day, uri_options

if TYPE_CHECKING:
    from datetime import date


@campaign.command("pull-activities")
@uri_options()
@click.option("--since", callback=day, metavar="DAY", help="First day (UTC) to fetch; needed the first time only.")
@click.option("--schema", metavar="NAME", help="Schema of the tables.  [default: the database's own]")
@click.option(
    "--directory",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Folder for files until they are stored.  [beside the database's file, else in the account's cache]",
)
@click.option(
    "--wait",
    type=click.IntRange(min=1),
    default=240,
    show_default=True,
    metavar="MINUTES",
    help="How long to wait for Marketo's jobs, in total.",
)
@click.option(
    "--overlap",
    type=click.IntRange(min=0),
    default=6,
    show_default=True,
    metavar="HOURS",
    help="How far before the end of the last run this one begins.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def pull_activities(
    uri: str,
    since: date | None,
    schema: str | None,
    directory: str | None,
    wait: int,
    overlap: int,
    as_json: bool,
) -> None:
    """Store what Marketo has logged of emails, by its bulk extract, with the names of campaigns, programs and emails.

    The same command again goes on where it stopped, or fetches what is new. MARKETO_URL, _CLIENT_ID and _CLIENT_SECRET
    say where and who. Exit code 75: Marketo's quota of the day is used up, or its jobs take too long; run it later.
    """
    import json
    import os
    from datetime import datetime, time, timedelta
    from pathlib import Path

    from superset_campaign_plugin.errors import MarketoLaterError
    from superset_campaign_plugin.marketo.pull_activities import pull_activities as pull

    with _progress_line() as show:
        result = pull(
            uri,
            os.environ,
            since=None if since is None else datetime.combine(since, time()),
            schema=schema,
            directory=None if directory is None else Path(directory),
            wait=wait,
            overlap=timedelta(hours=overlap),
            progress=show,
        )
    for line in result.messages():
        click.echo(line, err=True)
    click.echo(json.dumps(result.as_dict(), indent=2) if as_json else result.text())
    if result.later:
        raise MarketoLaterError(result.later)
    if not result.complete:
        click.get_current_context().exit(1)


@contextlib.contextmanager
def _progress_line() -> Iterator[Callable[[int, int, str], None]]:
    """Shows on one line what is being done; nothing where the standard error is no terminal."""
    if not sys.stderr.isatty():
        yield lambda stored, windows, doing: None
        return

    def show(stored: int, windows: int, doing: str) -> None:
        line = f"{stored} of {windows} windows stored; {doing}"[: shutil.get_terminal_size().columns - 1]
        click.echo(f"\r\033[K{line}", nl=False, err=True)

    try:
        yield show
    finally:
        click.echo("\r\033[K", nl=False, err=True)

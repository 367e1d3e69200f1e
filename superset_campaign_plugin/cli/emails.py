"""Commands that store emails for the preview: load-emails, pull-emails."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from superset_campaign_plugin.cli.group import campaign
from superset_campaign_plugin.cli.options import uri_options


@campaign.command("load-emails")
@click.argument("directory", type=click.Path())
@uri_options()
@click.option("--schema", metavar="NAME", help="Schema of the table of contents.  [default: the database's own]")
def load_emails(directory: str, uri: str, schema: str | None) -> None:
    """Store the emails of DIRECTORY for the preview: <email_id>.html, and emails.yaml with subjects and senders."""
    from pathlib import Path

    from superset_campaign_plugin.emails.contents import load_emails as load
    from superset_campaign_plugin.wording import counted

    result = load(uri, Path(directory), schema=schema)
    click.echo(f"{counted(result.loaded, 'email')} stored")


@campaign.command("pull-emails")
@uri_options()
@click.option("--schema", metavar="NAME", help="Schema of the table of contents.  [default: the database's own]")
@click.option("--all", "everything", is_flag=True, help="Fetch all emails, also those whose newest version is stored.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def pull_emails(uri: str, schema: str | None, everything: bool, as_json: bool) -> None:
    """Store Marketo's emails for the preview; MARKETO_URL, _CLIENT_ID and _CLIENT_SECRET say where and who."""
    import json
    import os

    from superset_campaign_plugin.marketo.pull_emails import pull_emails as pull
    from superset_campaign_plugin.wording import counted

    with _progress("Emails") as progress:
        result = pull(uri, os.environ, schema=schema, everything=everything, progress=progress)
    for failure in result.failures:
        click.echo(f"email {failure.email_id} not stored: {failure.reason}", err=True)
    if as_json:
        failed = [{"email_id": failure.email_id, "reason": failure.reason} for failure in result.failures]
        click.echo(json.dumps({"stored": result.stored, "unchanged": result.unchanged, "failed": failed}))
    else:
        same = f"{result.unchanged:,} {'was' if result.unchanged == 1 else 'were'} up to date"
        counts = f"{counted(result.stored, 'email')} stored, {same}"
        click.echo(f"{counts}, {len(result.failures)} could not be read" if result.failures else counts)


@contextlib.contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A function that takes how much is done of how much, and draws it on the standard error if that is a terminal."""
    with contextlib.ExitStack() as stack:
        bars: list[Any] = []

        def draw(done: int, total: int) -> None:
            if not bars:
                bars.append(stack.enter_context(click.progressbar(length=total, label=label, file=sys.stderr)))
            bars[0].update(done - bars[0].pos)

        yield draw if sys.stderr.isatty() else lambda done, total: None

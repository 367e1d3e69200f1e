"""Errors as a person at a terminal sees them: one line, and the exit code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from superset_campaign_plugin.errors import CampaignError


def show_error(context: click.Context, error: CampaignError) -> NoReturn:
    """End the command with the error's one line."""
    click.echo(f"Error: {' '.join(str(error).split())}", err=True)
    context.exit(error.exit_code)


def show_usage_error(error: click.UsageError) -> NoReturn:
    """The same for what click finds wrong, which by itself shows three lines."""
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        raise error  # not a mistake: it shows the help
    # Of a URI that stands in a wrong place, the password is not repeated.
    text = re.sub(r"://\S*@", "://***@", " ".join(error.format_message().split())).rstrip(".")
    if error.ctx is not None and not text.endswith("?"):
        text += f"; see: {error.ctx.command_path} --help"
    click.echo(f"Error: {text}", err=True)
    raise click.exceptions.Exit(error.exit_code)

"""The command about the package itself: constraints."""

from __future__ import annotations

import click

from superset_campaign_plugin.cli.group import campaign


@campaign.command()
def constraints() -> None:
    """Print the versions with which Superset 6.1 starts, as constraints for pip."""
    from importlib.resources import files

    click.echo(files("superset_campaign_plugin").joinpath("constraints.txt").read_text(encoding="utf-8"), nl=False)

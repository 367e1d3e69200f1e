"""The group of all commands, which shows the errors of each in one way."""

from __future__ import annotations

from typing import Any

import click


class _Group(click.Group):
    """Shows the plugin's errors as one line with their exit code, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        from superset_campaign_plugin.errors import CampaignError

        try:
            return super().invoke(ctx)
        except CampaignError as error:
            click.echo(f"Error: {' '.join(str(error).split())}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Group, help="The Campaign Email Performance report for Apache Superset.")
@click.version_option(package_name="superset-campaign-plugin")
def campaign() -> None:
    pass


def main() -> None:
    """The console script."""
    campaign(prog_name="superset-campaign")

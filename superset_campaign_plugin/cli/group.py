"""The group of all commands, which shows the errors of each in one way."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

import click

from superset_campaign_plugin.cli.application import guard_start_by_superset

if TYPE_CHECKING:
    from superset_campaign_plugin.errors import CampaignError

_NAME = "campaign"


class _Group(click.Group):
    """Shows the plugin's errors as one line with their exit code, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        from superset_campaign_plugin.errors import CampaignError

        try:
            return super().invoke(ctx)
        except CampaignError as error:
            show_error(ctx, error)


def show_error(context: click.Context, error: CampaignError) -> NoReturn:
    """End the command with the error's one line."""
    click.echo(f"Error: {' '.join(str(error).split())}", err=True)
    context.exit(error.exit_code)


@click.group(_NAME, cls=_Group, help="The Campaign Email Performance report for Apache Superset.")
@click.version_option(package_name="superset-campaign-plugin")
def campaign() -> None:
    pass


def main() -> None:
    """The console script."""
    _pass_over_warnings_of_others()
    campaign(prog_name="superset-campaign")


def _pass_over_warnings_of_others() -> None:
    """Let nobody read what a library says to its programmers. The package's own stay, and all that -W asks for."""
    if sys.warnoptions:
        return
    for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, SyntaxWarning):
        warnings.filterwarnings("ignore", category=category, module=r"(?!superset_campaign_plugin\b)")


guard_start_by_superset(_NAME)

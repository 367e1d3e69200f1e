"""The group of all commands, which shows the errors of each in one way."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import click

from superset_campaign_plugin.cli.application import guard_start_by_superset
from superset_campaign_plugin.cli.shown_errors import show_error, show_usage_error

_NAME = "campaign"


class _Group(click.Group):
    """Shows each error as one line with its exit code: the plugin's own, and click's of a wrong usage."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            show_usage_error(error)

    def invoke(self, ctx: click.Context) -> Any:
        from superset_campaign_plugin.errors import CampaignError

        try:
            return super().invoke(ctx)
        except CampaignError as error:
            show_error(ctx, error)
        except click.UsageError as error:
            show_usage_error(error)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from superset_campaign_plugin.errors import nearest

        if args and self.get_command(ctx, args[0]) is None and args[0][:1].isalnum():
            ctx.fail(f"No such command {args[0]!r}: {nearest(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


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

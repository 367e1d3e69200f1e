"""Superset's application, for the commands that act on a deployment."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import click


@contextlib.contextmanager
def in_superset() -> Iterator[None]:
    """Superset's application context: the running one, or a new one when called through the console script.

    Raises `InstallError` where no Superset of a supported release is installed, or it does not start or is not ready,
    `DatabaseError` where its own database refuses.
    """
    from superset_campaign_plugin.versions import check_superset_version

    check_superset_version()
    from flask import current_app, has_app_context

    from superset_campaign_plugin.superset_app import check_ready, metadata_errors, superset_app

    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        if not sys.warnoptions:
            # What Superset's own code is warned of is nothing that a person at a terminal can mend.
            warnings.filterwarnings("ignore", module=r"superset\.")
        if not has_app_context():
            stack.enter_context(superset_app().app_context())
        check_ready(current_app)
        stack.enter_context(metadata_errors())
        yield


def guard_start_by_superset(name: str) -> None:
    """Let `superset NAME …` start Superset as `superset-campaign` does: in silence, and with faults in one sentence.

    The `superset` command loads this package before it builds the application, which it does before any command of
    ours runs. Its other commands are none of our business, and go on as they would.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return
    from flask.cli import ScriptInfo

    info = context.obj
    if not isinstance(info, ScriptInfo) or info.create_app is None:
        return
    build: Callable[[], Any] = info.create_app

    def create_app() -> Any:
        if context.invoked_subcommand != name:
            return build()
        from superset_campaign_plugin.cli.shown_errors import show_error
        from superset_campaign_plugin.errors import CampaignError
        from superset_campaign_plugin.superset_app import superset_app

        try:
            return superset_app()
        except CampaignError as error:
            show_error(context, error)

    info.create_app = create_app

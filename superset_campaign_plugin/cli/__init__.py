"""The command line, with two doors: `superset-campaign …` and, inside a deployment, `superset campaign …`.

This package imports click alone. The `superset` command loads it at every start, so a fault here would break all of
them, and every import would slow them; each command loads what it needs and calls one function.
"""

from __future__ import annotations

from superset_campaign_plugin.cli import (  # noqa: F401 - each adds its commands
    activities,
    deployment,
    emails,
    guests,
    log,
    packaging,
    people,
    reconcile,
    refresh,
    report,
    subscriptions,
)
from superset_campaign_plugin.cli.group import campaign, main

__all__ = ["campaign", "main"]

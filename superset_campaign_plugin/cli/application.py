"""Superset's application, for the commands that act on a deployment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def in_superset() -> Iterator[None]:
    """Superset's application context: the running one, or a new one when called through the console script."""
    from flask import has_app_context

    if has_app_context():
        yield
        return
    from superset_campaign_plugin.deployment import superset_app

    with superset_app().app_context():
        yield

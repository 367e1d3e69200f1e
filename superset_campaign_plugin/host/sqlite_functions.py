"""The square root on SQLite in the connections that Superset makes itself, for the intervals of variants.

Most builds of SQLite have it. On those without, Python's `sqlite3` takes a function of our own.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from superset_campaign_plugin.engines.sqlite import with_square_roots


def register() -> None:
    """Complete every connection of this process to SQLite that is made from now on."""
    if not event.contains(Engine, "connect", _complete):
        event.listen(Engine, "connect", _complete)


def _complete(connection: Any, _: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        with_square_roots(connection)

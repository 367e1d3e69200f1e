"""The square root on SQLite in the connections that Superset makes itself, for the intervals of variants.

Most builds of SQLite have it, and then no connection is touched. On those without, Python's `sqlite3` takes a function
of our own.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from superset_campaign_plugin.engines.sqlite import lacks_square_roots, with_square_roots


def register() -> None:
    """Where this build of SQLite lacks the function, give it to every connection that is made from now on."""
    with closing(sqlite3.connect(":memory:")) as connection:
        if not lacks_square_roots(connection):
            return
    if not event.contains(Engine, "connect", _complete):
        event.listen(Engine, "connect", _complete)


def _complete(connection: Any, _: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        with_square_roots(connection)

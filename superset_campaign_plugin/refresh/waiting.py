"""Getting all readers out of the stored tables for the moment in which new ones take their place.

A reader may hold one table and want the next, so whoever holds one and waits for another may wait for ever, or make
the database end one of the two. So all locks are asked for at once and for a moment only. Those that are not to be
had are let go, and readers go on; then it is tried again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from sqlalchemy import bindparam, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import RefreshError
from superset_campaign_plugin.refresh.statements import execute, is_printing

# Seconds. Readers that come meanwhile wait as long. PostgreSQL ends a deadlock after a second, so this is less.
_MOMENT = 0.3
_PAUSE = (0.05, 0.3)


def exclude(
    connection: Connection, engine: Engine, tables: Sequence[str], names: Sequence[str], seconds: float
) -> None:
    """Lock all of `tables` until the transaction ends, where the engine has a statement for that.

    `names` are the tables without their schemas, and `seconds` is how long to try. Raises `RefreshError` after that.
    """
    if engine.locks.exclude is None or not tables:
        return
    statement = engine.locks.exclude.format(tables=", ".join(tables))
    if is_printing(connection):
        execute(connection, statement)
        return

    def lock() -> None:
        with connection.begin_nested():
            execute(connection, statement)

    patiently(connection, engine, names, seconds, lock)


def patiently(
    connection: Connection, engine: Engine, names: Sequence[str], seconds: float, act: Callable[[], None]
) -> None:
    """Do what needs the tables `names` alone, again and again for `seconds` while others have them.

    Raises `RefreshError` that says who has them, where the engine tells.
    """
    deadline = time.monotonic() + seconds
    wait_at_most(connection, engine, _MOMENT)
    while True:
        try:
            act()
            break
        except DBAPIError as error:
            if not engine.locks.refused(error.orig):
                raise
            if time.monotonic() > deadline:
                raise RefreshError(
                    f"others have used the stored tables for {seconds:g} seconds without a pause"
                    f"{_holders(connection, engine, names)}, so the new ones could not take their place. The stored "
                    "tables are as they were; refresh again, or let it wait longer with --lock-wait"
                ) from error
        time.sleep(random.uniform(*_PAUSE))  # noqa: S311 not a secret
    wait_at_most(connection, engine, seconds)


def wait_at_most(connection: Connection, engine: Engine, seconds: float) -> None:
    """Bound how long a statement of the session waits for a lock, where the engine has a bound."""
    if engine.locks.wait is not None:
        connection.execute(text(engine.locks.waiting(seconds)))


def _holders(connection: Connection, engine: Engine, names: Sequence[str]) -> str:
    if engine.locks.holders is None:
        return ""
    query = text(engine.locks.holders).bindparams(bindparam("names", expanding=True))
    found = connection.execute(query, {"names": list(names)}).fetchall()
    sessions = [
        f"process {id_} of {account} ({program or 'no name'}), since {since:%H:%M:%S}"
        for id_, account, program, since in found
    ]
    return f": {'; '.join(sessions[:3])}" if sessions else ""

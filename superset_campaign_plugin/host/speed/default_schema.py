"""The default schema of a database is remembered for a minute.

For the key of the cache alone, Superset 6.1 connects to the warehouse and asks for it, once or twice a query, even when
the answer is in the cache: on a warehouse far away, that is most of what a cached chart takes.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

from cachetools import TTLCache, cached

from superset_campaign_plugin.host import records
from superset_campaign_plugin.host.patching import apply
from superset_campaign_plugin.host.speed.scope import is_asked

SECONDS = 60  # until a change of the database account's own default is seen
_DATABASES = 256


def register() -> None:
    """Let databases remember it. A database that people reach as themselves is asked each time: theirs may differ."""
    apply(records.DEFAULT_SCHEMA, _remembering)


def _remembering(ask: Callable[..., Any]) -> Callable[..., Any]:
    def key(database: Any, catalog: str | None) -> tuple[Any, ...]:
        return database.id, database.changed_on, catalog

    remembered = cached(TTLCache(_DATABASES, SECONDS), key, Lock())(ask)

    def get_default_schema(database: Any, catalog: str | None) -> Any:
        # What people reach as themselves may differ between them.
        is_shared = not database.impersonate_user and database.id is not None
        return (remembered if is_shared and is_asked() else ask)(database, catalog)

    get_default_schema.remembered = remembered.cache  # type: ignore[attr-defined]
    return get_default_schema

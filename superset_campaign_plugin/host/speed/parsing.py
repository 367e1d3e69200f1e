"""Superset's parser remembers the SQL of datasets.

Superset 6.1 parses a virtual dataset's SQL anew at least three times for every query, for the key of the cache alone
even when the answer is there. For the report's SQL without stored tables that took more than half of a chart's time
(measured). The parsed text depends on nothing but the text and the engine; each caller gets a copy, since callers
change what they get.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

from cachetools import LRUCache, cached

from superset_campaign_plugin.host import records
from superset_campaign_plugin.host.patching import apply
from superset_campaign_plugin.host.speed.scope import is_asked

# Letters of SQL in each process. Parsed, a letter takes about a hundred bytes; and whoever may filter a chart can send
# a list as long as they like, so that a number of texts alone would be no limit.
REMEMBERED = 1_500_000


def register() -> None:
    """Let the parser of statements remember."""
    apply(records.PARSED_SQL, _remembering)


def _remembering(parse: Callable[..., Any]) -> Callable[..., Any]:
    @cached(LRUCache(REMEMBERED, getsizeof=lambda value: value[0]), lock=Lock(), info=True)
    def remembered(kind: type, script: str, engine: str) -> tuple[int, tuple[Any, ...]]:
        return len(script), tuple(parse(kind, script, engine))

    def copies(cls: type, script: str, engine: str) -> list[Any]:
        if not is_asked():
            return parse(cls, script, engine)  # type: ignore[no-any-return]
        return [statement and statement.copy() for statement in remembered(cls, script, engine)[1]]

    copies.remembered = remembered  # type: ignore[attr-defined]
    return copies

"""Superset's parser remembers the SQL of datasets.

Superset 6.1 parses a virtual dataset's SQL anew at least three times for every query, for the key of the cache alone
even when the answer is there. For the report's SQL that took more than half of a chart's time (measured). The parsed
text depends on nothing but the text and the engine; each caller gets a copy, since callers change what they get.
"""

# Superset's classes come without types.
# mypy: no-warn-return-any

from __future__ import annotations

from threading import Lock
from typing import Any

from cachetools import LRUCache, cached

# Letters of SQL in each process. Parsed, a letter takes about a hundred bytes; and whoever may filter a chart can send
# a list as long as they like, so that a number of texts alone would be no limit.
REMEMBERED = 1_500_000


def remember_parsed_sql() -> None:
    """Let the parser of statements remember; doing it again changes nothing.

    What it lays itself around is no part of Superset's API. A release that has it no more parses as it does by itself.
    """
    from superset.sql.parse import SQLStatement

    parse = getattr(getattr(SQLStatement, "_parse", None), "__func__", None)
    if parse is None or hasattr(parse, "remembered"):
        return

    @cached(LRUCache(REMEMBERED, getsizeof=lambda value: value[0]), lock=Lock(), info=True)
    def remembered(kind: type, script: str, engine: str) -> tuple[int, tuple[Any, ...]]:
        return len(script), tuple(parse(kind, script, engine))

    def copies(kind: type, script: str, engine: str) -> list[Any]:
        return [statement and statement.copy() for statement in remembered(kind, script, engine)[1]]

    copies.remembered = remembered  # type: ignore[attr-defined]
    SQLStatement._parse = classmethod(copies)

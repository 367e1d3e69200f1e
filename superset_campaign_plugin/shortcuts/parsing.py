"""Superset's parser remembers the SQL of datasets.

Superset 6.1 parses a virtual dataset's SQL anew at least three times for every query, for the key of the cache alone
even when the answer is there. For the report's SQL that took more than half of a chart's time (measured). The parsed
text depends on nothing but the text and the engine; each caller gets a copy, since callers change what they get.
"""

# Superset's classes come without types.
# mypy: no-warn-return-any

from __future__ import annotations

from functools import lru_cache
from typing import Any

REMEMBERED = 64  # texts in each process, about a megabyte each at most


def remember_parsed_sql() -> None:
    """Let the parser of statements remember; doing it again changes nothing.

    What it lays itself around is no part of Superset's API. A release that has it no more parses as it does by itself.
    """
    from superset.sql.parse import SQLStatement

    parse = getattr(getattr(SQLStatement, "_parse", None), "__func__", None)
    if parse is None or hasattr(parse, "remembered"):
        return

    @lru_cache(maxsize=REMEMBERED)
    def remembered(kind: type, script: str, engine: str) -> tuple[Any, ...]:
        return tuple(parse(kind, script, engine))

    def copies(kind: type, script: str, engine: str) -> list[Any]:
        return [statement and statement.copy() for statement in remembered(kind, script, engine)]

    copies.remembered = remembered  # type: ignore[attr-defined]
    SQLStatement._parse = classmethod(copies)

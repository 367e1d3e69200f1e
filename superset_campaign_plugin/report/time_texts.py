"""Times as texts, as 2026-01-31 and 2026-01-31 09:30.

Superset shows a time on the clocks of whoever looks, and a midnight as the day before; a text is the same for all.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, cast, func, literal
from sqlalchemy.sql.elements import ColumnElement


def day_text(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    """The day of a time."""
    return _iso(moment, len("2026-01-31"))


def minute_text(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    """The day and the minute of a time."""
    return func.replace(_iso(moment, len("2026-01-31 09:30")), literal("T"), literal(" "))


def _iso(moment: ColumnElement[Any], length: int) -> ColumnElement[Any]:
    """The first letters of a time's text, which is ISO 8601 on every engine."""
    return func.substr(cast(moment, String), 1, length)

"""Numbers, ages and lists in sentences. Imports nothing, so that every command may use it."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = ((60, "minute"), (60 * 60, "hour"), (24 * 60 * 60, "day"))


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with what it counts: "1 row", "2,000 rows"; `many` where an s alone does not make it."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(parts: Sequence[str]) -> str:
    """At least one thing as a list in a sentence: "a", "a and b", "a, b and c"."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def ago(seconds: float) -> str:
    """How long ago something was, in the largest unit of which it is at least two: "12 minutes ago", "30 hours ago"."""
    if seconds < _UNITS[0][0]:
        return "less than a minute ago"
    size, name = next(
        (unit for unit in reversed(_UNITS) if seconds >= 2 * unit[0]),
        _UNITS[0],
    )
    return f"{counted(int(seconds // size), name)} ago"

"""Figures of many durations."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` per cent of them do not exceed. Raises `ValueError` for none."""
    if not values:
        raise ValueError("no value has no percentile")
    return sorted(values)[max(0, math.ceil(len(values) * share / 100) - 1)]


def summary(seconds: Sequence[float]) -> dict[str, float | int | None]:
    """How many, the median, the 95th percentile and the longest."""
    if not seconds:
        return {"count": 0, "p50": None, "p95": None, "max": None}
    return {
        "count": len(seconds),
        "p50": round(percentile(seconds, 50), 3),
        "p95": round(percentile(seconds, 95), 3),
        "max": round(max(seconds), 3),
    }

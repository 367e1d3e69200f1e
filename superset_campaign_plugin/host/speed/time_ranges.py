"""A time range is worked out once a second.

"Last quarter" is a formula to Superset, which its parser takes milliseconds to read; a dashboard's charts and filters
ask for the same one at once, and each chart several times.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Any

from cachetools import LRUCache, cached

from superset_campaign_plugin.host import records
from superset_campaign_plugin.host.patching import apply

_REMEMBERED = 512


def work_time_ranges_out_once() -> None:
    """Remember what a formula comes to, for the second in which it was asked."""
    apply(records.TIME_RANGES, _remembering)


def _remembering(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    @cached(LRUCache(_REMEMBERED), lock=Lock(), info=True)
    def remembered(formula: str, second: int) -> datetime | None:
        found: datetime | None = evaluate(formula)
        return found

    def datetime_eval(datetime_expression: str | None = None) -> datetime | None:
        return remembered(datetime_expression, int(time.time())) if datetime_expression else None

    datetime_eval.remembered = remembered  # type: ignore[attr-defined]
    return datetime_eval

"""Which spans of time are asked for, each by one job of the bulk extract.

Windows meet: an activity created at the second in between may be in both files, and is stored once, by its id. The
window after the last begins some hours before its end, since Marketo may show activities late.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.marketo.jobs import LONGEST
from superset_campaign_plugin.marketo.values import spell_time

OVERLAP = timedelta(hours=6)
# What is newer than this waits for the next run, so that one which follows at once makes no job for some seconds.
SHORTEST = timedelta(minutes=15)


@dataclass(frozen=True, order=True)
class Window:
    """From `start` to `end`, in UTC without a zone and in whole seconds."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{spell_time(self.start)} to {spell_time(self.end)}"


def missing_windows(
    known: Iterable[Window], since: datetime | None, now: datetime, overlap: timedelta = OVERLAP
) -> list[Window]:
    """The windows that lead, with the known ones, from `since` to `now` without a gap, in their order.

    A `since` later than the beginning of the known ones changes nothing. Raises `UsageError` where there is neither
    a known window nor a `since` before now.
    """
    spans = _merged(known)
    beginning = min([span.start for span in spans] + ([] if since is None else [since]), default=None)
    if beginning is None:
        raise UsageError("--since is needed the first time: the day from which on activities are fetched")
    if beginning >= now:
        raise UsageError(f"--since {spell_time(beginning)} is not in the past")
    missing: list[Window] = []
    reached = beginning
    for span in spans:
        missing.extend(_split(reached, span.start))
        reached = max(reached, span.end)
    if not spans:
        missing.extend(_split(reached, now))
    elif now - reached >= SHORTEST:
        missing.extend(_split(max(beginning, reached - overlap), now))
    # The overlap may begin before a gap that a run left in its last hours.
    return sorted(missing)


def reached_without_gap(stored: Iterable[Window]) -> datetime | None:
    """Up to when everything is stored, from the beginning on; None where nothing is."""
    spans = _merged(stored)
    return spans[0].end if spans else None


def _merged(windows: Iterable[Window]) -> list[Window]:
    spans: list[Window] = []
    for window in sorted(windows):
        if spans and window.start <= spans[-1].end:
            spans[-1] = Window(spans[-1].start, max(spans[-1].end, window.end))
        else:
            spans.append(window)
    return spans


def _split(start: datetime, end: datetime) -> Iterator[Window]:
    while start < end:
        yield Window(start, min(end, start + LONGEST))
        start += LONGEST

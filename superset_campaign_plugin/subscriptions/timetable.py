"""When a report is sent: what people type, and the line of a crontab that Superset keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

from superset_campaign_plugin.report.rules import check_time_zone

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# The days of a crontab: of the month, of each month, of the week, whose Sunday is 0.
_DAYS = {
    **{day: f"* * {place % 7}" for place, day in enumerate(_WEEKDAYS, 1)},
    "weekday": "* * 1-5",
    "day": "* * *",
    "month": "1 * *",
}


@dataclass(frozen=True)
class Timetable:
    """`every` is one of `EVERY`, `at` a time of the clocks of `zone`, to the minute."""

    every: str
    at: time
    zone: str

    @property
    def crontab(self) -> str:
        return f"{self.at.minute} {self.at.hour} {_DAYS[self.every]}"

    @property
    def words(self) -> str:
        """As in "every Monday at 07:00 (UTC)"."""
        days = {"weekday": "every weekday", "day": "every day", "month": "on the first of every month"}
        return f"{days.get(self.every) or f'every {self.every.title()}'} at {self.at:%H:%M} ({self.zone})"


def make_timetable(every: str, at: time, zone: str) -> Timetable:
    """Raises `UsageError` where there is no such time zone."""
    check_time_zone(zone)
    return Timetable(every, at, zone)

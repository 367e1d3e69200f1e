"""The assets of the demo company: programs, campaigns and e-mails, read from `programs/*.yaml`.

Dates in those files are relative, so that the demo is about the year that ends on any given day. A campaign's
`sends` say when an e-mail goes out and to which share of the audience (`reach`, 0 to 1):

    month: 3            the first Tuesday of the newest March (with `plus`: that many days later)
    date: [6, 25]       the newest 25 June
    ago: 40             so many days before the end
    weekly: [1, 4]      every Wednesday of each week whose number leaves 1 when divided by 4
    daily: [364, 0]     a trickle, from so many days before the end until so many
    latest: true        minutes ago

`variants` beside them make it an e-mail test: for each variant, which share of the people click who would.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

PROGRAMS = Path(__file__).parent / "programs"
MONTHS = tuple(calendar.month_name)[1:]


@dataclass(frozen=True)
class Year:
    """The year that ends on `end`, seen at `now` (naive UTC, not before that day)."""

    end: date
    now: datetime

    @property
    def start(self) -> date:
        """The first day: 365 days with the last."""
        return self.end - timedelta(days=364)

    def clip(self, day: date) -> date:
        """The day, moved into the year."""
        return min(max(day, self.start), self.end)

    def newest(self, month: int, day: int) -> date:
        """The newest such day of the calendar that is not after the end."""
        this_year = date(self.end.year, month, day)
        return this_year if this_year <= self.end else this_year.replace(year=self.end.year - 1)

    def newest_first_tuesday(self, month: int) -> date:
        """The first Tuesday of the newest such month whose first Tuesday is not after the end."""
        candidates = (_first_tuesday(year, month) for year in (self.end.year, self.end.year - 1))
        return next(day for day in candidates if day <= self.end)


def _first_tuesday(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(1 - first.weekday()) % 7)


@dataclass(frozen=True)
class Program:
    id: int
    name: str
    workspace: str
    channel: str
    type: str

    @property
    def slug(self) -> str:
        """The name as it stands in the links: lower case, dashes."""
        return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in self.name).lower().split())


@dataclass(frozen=True)
class Email:
    """`blocks` is the content, a list of {block name: its values} that `templates/blocks.html` knows how to draw.

    `has_asset`: a row in email_template_history. `stored`: an HTML file is written.
    """

    id: int
    program: Program
    name: str
    subject: str
    preheader: str
    sender: tuple[str, str]
    theme: str
    language: str
    operational: bool
    text_only: bool
    has_asset: bool
    stored: bool
    blocks: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Campaign:
    """`audience` is a locale of `people.LOCALES`, or None for everybody of the workspace."""

    id: int
    program: Program
    name: str
    kind: str
    audience: str | None
    active: bool
    has_asset: bool


@dataclass(frozen=True)
class Cell:
    """One campaign's sends of one e-mail: in batches at `batches` (naive UTC), or every day of `daily`.

    `variants` says of each variant of a tested e-mail which share of the people click who would; () without a test.
    """

    campaign: Campaign
    email: Email
    reach: float
    batches: tuple[datetime, ...] = ()
    daily: tuple[date, date] | None = None
    variants: tuple[float, ...] = ()

    @property
    def first(self) -> date:
        """The day of the first send."""
        return self.daily[0] if self.daily else min(self.batches).date()

    @property
    def last(self) -> date:
        """The day of the last send."""
        return self.daily[1] if self.daily else max(self.batches).date()


@dataclass(frozen=True)
class Catalog:
    cells: tuple[Cell, ...]

    @cached_property
    def emails(self) -> tuple[Email, ...]:
        """Every e-mail once, by id."""
        return tuple(sorted({cell.email.id: cell.email for cell in self.cells}.values(), key=lambda email: email.id))

    @cached_property
    def campaigns(self) -> tuple[Campaign, ...]:
        """Every campaign once, by id."""
        found = {cell.campaign.id: cell.campaign for cell in self.cells}
        return tuple(sorted(found.values(), key=lambda campaign: campaign.id))

    @cached_property
    def programs(self) -> tuple[Program, ...]:
        """Every program once, by id."""
        found = {campaign.program.id: campaign.program for campaign in self.campaigns}
        return tuple(sorted(found.values(), key=lambda program: program.id))


@cache
def _read(path: Path) -> dict[str, Any]:
    raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return raw


def load_catalog(year: Year) -> Catalog:
    """All programs, campaigns and e-mails with their dates in `year`. Raises KeyError for an e-mail not described."""
    cells: list[Cell] = []
    emails = campaigns = 0
    for number, path in enumerate(sorted(PROGRAMS.glob("*.yaml"))):
        raw = _read(path)
        cells += _cells(raw, year, number, first_email=emails, first_campaign=campaigns)
        emails += len(raw["emails"])
        campaigns += len(raw["campaigns"])
    return Catalog(tuple(cells))


def _cells(raw: dict[str, Any], year: Year, number: int, first_email: int, first_campaign: int) -> Iterator[Cell]:
    program = Program(1041 + 17 * number, raw["name"], raw["workspace"], raw["channel"], raw["type"])
    emails: dict[str, Email] = {}
    for at, (key, values) in enumerate(raw["emails"].items(), start=first_email):
        words = _words(_edition(raw["campaigns"], key, year), year)
        values = {"sender": raw["sender"], "theme": raw["theme"], **values}
        emails[key] = _email(3207 + 11 * at, program, _fill(values, words))
    for at, values in enumerate(raw["campaigns"], start=first_campaign):
        campaign = Campaign(
            id=2118 + 13 * at,
            program=program,
            name=values["name"],
            kind=values["kind"],
            audience=values.get("audience"),
            active=values.get("active", False),
            has_asset=values.get("asset", True),
        )
        for send in values["sends"]:
            yield Cell(
                campaign,
                emails[send["email"]],
                send["reach"],
                _batches(send, year),
                _daily(send, year),
                tuple(send.get("variants", ())),
            )


def _email(email_id: int, program: Program, values: dict[str, Any]) -> Email:
    name, address = values["sender"]
    return Email(
        id=email_id,
        program=program,
        name=values["name"],
        subject=values["subject"],
        preheader=values["preheader"],
        sender=(name, address),
        theme=values["theme"],
        language=values.get("lang", "en"),
        operational=values.get("operational", False),
        text_only=values.get("text_only", False),
        has_asset=values.get("asset", True),
        stored=values.get("stored", True),
        blocks=tuple(values["blocks"]),
    )


def _day(send: dict[str, Any], year: Year) -> date:
    if "month" in send:
        return year.newest_first_tuesday(send["month"])
    if "date" in send:
        return year.newest(*send["date"])
    days = send["daily"][0] if "daily" in send else send.get("ago", 0)
    return year.end - timedelta(days=days)


def _batches(send: dict[str, Any], year: Year) -> tuple[datetime, ...]:
    if "daily" in send:
        return ()
    if "latest" in send:
        return (year.now - timedelta(minutes=40),)
    days: Sequence[date] = [year.clip(_day(send, year) + timedelta(days=send.get("plus", 0)))]
    if "weekly" in send:
        rest, every = send["weekly"]
        all_days = (year.start + timedelta(days=day) for day in range(365))
        days = [day for day in all_days if day.weekday() == 2 and day.toordinal() // 7 % every == rest]
    return tuple(datetime.combine(day, time(send["hour"], 2)) for day in days)


def _daily(send: dict[str, Any], year: Year) -> tuple[date, date] | None:
    if "daily" not in send:
        return None
    first, last = (year.end - timedelta(days=days) for days in send["daily"])
    return first, last


def _edition(campaigns: list[dict[str, Any]], email: str, year: Year) -> date:
    """The day that an e-mail was first made for."""
    return min(_day(send, year) for campaign in campaigns for send in campaign["sends"] if send["email"] == email)


def _words(day: date, year: Year) -> dict[str, str]:
    summit = year.end - timedelta(days=5)
    return {
        "yyyy": f"{day.year}",
        "mm": f"{day.month:02}",
        "month": MONTHS[day.month - 1],
        "webinar_date": _long(year.end - timedelta(days=290)),
        "summit_date": f"{_american(summit - timedelta(days=2))} to {_american(summit)}",
    }


def _long(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"


def _american(day: date) -> str:
    return f"{MONTHS[day.month - 1]} {day.day}"


def _fill(value: Any, words: dict[str, str]) -> Any:
    """The value with `{words}` put into every text inside it."""
    if isinstance(value, str):
        return value.format_map(words)
    if isinstance(value, list):
        return [_fill(item, words) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, words) for key, item in value.items()}
    return value

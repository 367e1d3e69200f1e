"""Simulates a year of e-mail activities as numpy arrays: who is sent what and when, and what comes of it.

Everything is drawn first and cut at `now` afterwards, so the log looks as a loader would find it at that moment.
The dirt of real logs is put in at the end, each kind at least a few times: see `_with_orphans` and what follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from demo.agents import APPLE_PROXY, BOUNCES, HABITS, REFUSAL, SCANNERS
from demo.catalog import Catalog, Cell, Year
from demo.domains import REFUSED_FROM, REFUSED_UNTIL, REFUSING, SCATTER, domain_of
from demo.emails import UNSUBSCRIBE, Rendered
from demo.people import DAY, Flags, Floats, Ints, People, choose, seconds

HOUR = 3_600
FIRST_ACTIVITY = 581_004_117
FIRST_RUN = 758
UNKNOWN_LEADS = 214_000  # ids from before the oldest person of the demo


class Kind(IntEnum):
    """An activity, with Marketo's number of its type."""

    SEND = 6
    DELIVERED = 7
    HARD = 8
    UNSUBSCRIBE = 9
    OPEN = 10
    CLICK = 11
    SOFT = 27


class Result(IntEnum):
    """How a send ended, as `detail` of a send."""

    SUCCEEDED = 0
    SKIPPED = 1
    FAILED = 2
    MISSING = 3


class Rates(NamedTuple):
    """What to expect of a kind of campaign: bounces as shares of sends, the others as shares of deliveries."""

    opened: float
    clicked: float
    unsubscribed: float
    hard: float
    soft: float


RATES = {
    "newsletter": Rates(0.27, 0.034, 0.0016, 0.006, 0.009),
    "resend": Rates(0.16, 0.014, 0.0022, 0.005, 0.008),
    "invite": Rates(0.24, 0.027, 0.0024, 0.009, 0.011),
    "reminder": Rates(0.40, 0.076, 0.0007, 0.004, 0.006),
    "followup": Rates(0.35, 0.062, 0.0010, 0.005, 0.008),
    "nurture": Rates(0.29, 0.040, 0.0019, 0.008, 0.010),
    "winback": Rates(0.16, 0.013, 0.0034, 0.012, 0.012),
    "launch": Rates(0.28, 0.045, 0.0024, 0.008, 0.010),
    "promo": Rates(0.21, 0.033, 0.0034, 0.010, 0.012),
    "confirmation": Rates(0.43, 0.080, 0.0005, 0.011, 0.008),
    "operational": Rates(0.41, 0.066, 0.0005, 0.010, 0.009),
}
WEEKDAYS = {True: (1.0, 1.02, 1.0, 1.0, 0.94, 0.72, 0.66), False: (1.02, 1.14, 1.1, 1.05, 0.86, 0.3, 0.24)}
MONTHS = (0.95, 1.0, 1.06, 1.04, 1.0, 0.94, 0.8, 0.74, 1.06, 1.14, 1.22, 0.86)
UTC_OFFSET = {"EMEA": 1, "North America": -6}  # hours
LOST = 0.004  # sends that never got an answer
ON_ITS_WAY = 0.05  # more of those of the last three days, which have none yet
JUST_SENT = 0.25  # more of those of the last hour


@dataclass(frozen=True)
class Log:
    """Activities as equally long arrays.

    `cell` is a place in `Catalog.cells`; `lead` an id; `at` seconds since 1970, UTC. `detail` depends on `kind`: a
    `Result` of a send, a row of `BOUNCES`, a place in `Simulation.links` of a click (-1: empty), whether an
    unsubscription came from the page (1) or from the mail program (0). `agent` is a row of `AGENTS` or -1. `bot` is
    -1 where it is not known. `variant` is that of a send of a tested e-mail, from 1, else 0. `replayed` rows repeat
    an earlier one, with the same `id`.
    """

    kind: Ints
    cell: Ints
    lead: Ints
    at: Ints
    run: Ints
    detail: Ints
    agent: Ints
    bot: Ints
    id: Ints
    variant: Ints
    has_campaign: Flags
    replayed: Flags

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: Ints | Flags) -> Log:
        """The rows of these places, or where this is true."""
        return Log(*(getattr(self, field.name)[rows] for field in fields(self)))

    def plus(self, other: Log) -> Log:
        """The rows of both."""
        return Log(*(np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)))


@dataclass(frozen=True)
class Simulation:
    """The log, and the links that its clicks point into."""

    log: Log
    links: tuple[str, ...]


@dataclass(frozen=True)
class _Sends:
    """One place a send: the cell, the person (a place in `People`), the time, and the campaign's run."""

    cell: Ints
    person: Ints
    at: Ints
    run: Ints

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True)
class _Links:
    """All links of all e-mails in one row; e-mail number e has those from `first[e]` up to `first[e + 1]`."""

    urls: tuple[str, ...]
    first: Ints
    ladder: Floats  # e plus the share of clicks up to and with this link
    unsubscribe: Ints
    scanned: Ints  # how many of an e-mail's links a scanner follows: all before the mailto

    def clicked(self, email: Ints, rng: np.random.Generator) -> Ints:
        """A link for every click of these e-mails."""
        return np.searchsorted(self.ladder, email + rng.random(len(email)), side="right").astype(np.int64)


def simulate(
    catalog: Catalog, rendered: Sequence[Rendered], people: People, year: Year, sends: int, rng: np.random.Generator
) -> Simulation:
    """Draw a log with exactly `sends` rows of sends, replayed ones among them.

    `rendered` are the e-mails of `catalog.emails`, in that order.
    """
    _, now = seconds(year)
    replays = max(3, round(sends * 0.003))
    planned = _plan(catalog.cells, people, year, sends - replays, rng)
    links = _gather(rendered, rng)
    log = _activities(catalog, links, people, planned, now, rng)
    log = log.take(log.at <= now)
    log = _with_orphans(log, rng)
    log = _without_some_campaigns(log, rng)
    log = _numbered(log, rng)
    log = replace(log, bot=np.where(log.at < log.at.min() + 45 * DAY, -1, log.bot))
    log = _tested(_refused(_with_replays(log, replays, rng), people, now), catalog.cells)
    return Simulation(log, links.urls)


# What is sent


def _plan(cells: Sequence[Cell], people: People, year: Year, count: int, rng: np.random.Generator) -> _Sends:
    """`count` sends over all cells, six in a thousand of them a repetition for the same person."""
    _, now = seconds(year)
    audiences = [people.audience(cell.campaign.program.workspace, cell.campaign.audience) for cell in cells]
    audiences = [
        audience[people.created[audience] < min(_closing(cell), now) - HOUR]
        for audience, cell in zip(audiences, cells, strict=True)
    ]
    repeated = max(3, round(count * 0.006))
    sizes = _sizes([cell.reach * len(one) for cell, one in zip(cells, audiences, strict=True)], count - repeated)
    batches: list[_Sends] = []
    run = FIRST_RUN
    for number, (cell, audience, size) in enumerate(zip(cells, audiences, sizes, strict=True)):
        person = rng.permutation(audience)[:size]
        if len(person) < size:  # only when there are hardly any people
            person = np.concatenate([person, rng.choice(audience, size - len(person))])
        at, batch = _times(cell, people.created[person], year, rng)
        batches.append(_Sends(np.full(size, number), person, at, run + batch))
        run += 3 + len(cell.batches) * 2
    first = _Sends(*(np.concatenate([getattr(one, f.name) for one in batches]) for f in fields(_Sends)))
    again = rng.choice(np.flatnonzero(first.at < now - 21 * DAY), repeated, replace=False)
    return _Sends(
        np.concatenate([first.cell, first.cell[again]]),
        np.concatenate([first.person, first.person[again]]),
        np.concatenate([first.at, first.at[again] + rng.integers(HOUR, 20 * DAY, repeated)]),
        np.concatenate([first.run, first.run[again] + 1]),
    )


def _closing(cell: Cell) -> int:
    """The last batch, or the end of the last day: who comes later gets nothing."""
    last = cell.last + timedelta(days=1) if cell.daily else max(cell.batches)
    return int(np.datetime64(last, "s").astype(np.int64))


def _sizes(weights: Sequence[float], total: int) -> list[int]:
    """Whole numbers in the proportion of `weights` that add up to `total`."""
    exact = np.asarray(weights) / np.sum(weights) * total
    sizes = np.floor(exact).astype(int)
    sizes[np.argsort(sizes - exact, kind="stable")[: total - sizes.sum()]] += 1
    return [int(size) for size in sizes]


def _times(cell: Cell, created: Ints, year: Year, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """When each person gets the e-mail, and in which batch; nobody before they were there, nobody after now."""
    _, now = seconds(year)
    count = len(created)
    if cell.daily:
        first, last = (np.datetime64(day, "D") for day in cell.daily)
        days = np.arange(first, last + 1).astype("datetime64[D]")
        weekday = (days.astype(np.int64) + 3) % 7
        month = days.astype("datetime64[M]").astype(np.int64) % 12
        weight = np.asarray(WEEKDAYS[cell.email.operational])[weekday] * np.asarray(MONTHS)[month]
        weight = weight * np.linspace(0.85, 1.2, len(days)) * rng.normal(1, 0.07, len(days)).clip(0.7)
        day = days[choose(rng, weight.tolist(), count)].astype("datetime64[s]").astype(np.int64)
        at = day + _time_of_day(cell, count, rng)
        at = np.where(at < created, created + (rng.random(count) * 6 * DAY).astype(np.int64) + 600, at)
        batch = np.zeros(count, dtype=np.int64)
    else:
        starts = np.sort(np.asarray(cell.batches, dtype="datetime64[s]").astype(np.int64))
        possible = np.searchsorted(starts, created).clip(0, len(starts) - 1)
        batch = (possible + rng.random(count) * (len(starts) - possible)).astype(np.int64)
        at = starts[batch] + (rng.random(count) * (90 + 0.06 * count)).astype(np.int64)
    late = np.maximum(0, -((now - at) // DAY))
    return at - late * DAY, batch


def _time_of_day(cell: Cell, count: int, rng: np.random.Generator) -> Ints:
    """Seconds after midnight UTC: office hours, with a second hump in the evening for what people do themselves."""
    spread = 2.6 if cell.email.operational else 1.7
    morning = rng.normal(10.2, spread, count)
    later = rng.normal(19.0 if cell.email.operational else 14.8, 1.8, count)
    hour = np.where(rng.random(count) < 0.58, morning, later) - UTC_OFFSET[cell.campaign.program.workspace]
    return (hour * HOUR).astype(np.int64) % DAY


# What comes of it


def _gather(rendered: Sequence[Rendered], rng: np.random.Generator) -> _Links:
    urls: list[str] = []
    first = [0]
    ladder: list[Floats] = []
    for number, email in enumerate(rendered):
        appeal = np.asarray(email.appeal) * rng.lognormal(0, 0.35, len(email.appeal))
        share = np.cumsum(appeal / appeal.sum())
        share[np.flatnonzero(appeal)[-1] :] = 1
        ladder.append(number + share)
        urls += email.links
        first.append(len(urls))
    return _Links(
        urls=tuple(urls),
        first=np.asarray(first),
        ladder=np.concatenate(ladder),
        unsubscribe=np.asarray([first[n] + email.links.index(UNSUBSCRIBE) for n, email in enumerate(rendered)]),
        scanned=np.asarray([next(n for n, url in enumerate(e.links) if url.startswith("mailto:")) for e in rendered]),
    )


@dataclass(frozen=True)
class _Fate:
    """What becomes of each send, and when it would happen; the times mean something only where the flag is true."""

    result: Ints
    hard: Flags
    soft: Flags
    arrives: Flags
    arrives_at: Ints
    opens: Flags
    opens_at: Ints
    clicks: Flags
    clicks_at: Ints
    leaves: Flags
    by_page: Flags  # leaves through the link in the e-mail, not a button of the mail program
    leaves_at: Ints
    scanned: Flags


def _draw_fate(catalog: Catalog, people: People, sends: _Sends, now: int, rng: np.random.Generator) -> _Fate:
    count = len(sends)
    rates = _rates(catalog.cells, sends, rng)
    result = choose(rng, [0.9935, 0.003, 0.0015, 0.002], count)
    result[rng.choice(count, 4, replace=False)] = [Result.SKIPPED, Result.SKIPPED, Result.FAILED, Result.MISSING]
    fragility = people.fragility[sends.person]
    answer = rng.random(count)
    hard = answer < rates.hard * fragility
    soft = ~hard & (answer < (rates.hard + rates.soft) * fragility)
    lost = rng.random(count) < LOST + ON_ITS_WAY * (sends.at > now - 3 * DAY)
    lost |= (sends.at > now - HOUR) & (rng.random(count) < JUST_SENT)
    arrives = ~lost & (~(hard | soft) | (soft & (rng.random(count) < 0.3)))
    arrives_at = sends.at + _delays(count, rng) + np.where(soft, rng.integers(600, 9 * HOUR, count), 0)

    eager = people.eagerness[sends.person]
    opens = arrives & (rng.random(count) < rates.opened * eager)
    opens_at = _first_opens(catalog, people, sends, arrives_at, rng)
    clicks = opens & (rng.random(count) < rates.clicked / rates.opened)
    clicks_at = opens_at + rng.lognormal(3.3, 1.0, count).astype(np.int64) + 2
    leaves = arrives & (rng.random(count) < rates.unsubscribed * eager)
    by_page = leaves & (rng.random(count) < 0.8)
    leaves_at = opens_at + rng.integers(25, 200, count)
    scanned = arrives & people.scanned[sends.person] & (rng.random(count) < 0.85)

    # Who has left gets only operational e-mails; the others are skipped from then on.
    operational = np.asarray([cell.email.operational for cell in catalog.cells])[sends.cell]
    left = np.full(len(people.id), np.iinfo(np.int64).max)
    np.minimum.at(left, sends.person[leaves], leaves_at[leaves])
    result = np.where((sends.at > left[sends.person]) & ~operational, Result.SKIPPED, result)
    live = (result != Result.SKIPPED) & (result != Result.FAILED)
    return _Fate(
        result=result,
        hard=hard & live,
        soft=soft & live,
        arrives=arrives & live,
        arrives_at=arrives_at,
        opens=opens & live,
        opens_at=opens_at,
        clicks=clicks & live,
        clicks_at=clicks_at,
        leaves=leaves & live,
        by_page=by_page & live,
        leaves_at=leaves_at,
        scanned=scanned & live,
    )


@dataclass(frozen=True)
class _Writer:
    """Turns sends into activities of the log."""

    sends: _Sends
    people: People
    email: Ints  # of each send, a place in Catalog.emails
    links: _Links
    rng: np.random.Generator

    def write(
        self, kind: Kind, sends: Ints, at: Ints, *, detail: Ints | int = -1, agent: Ints | int = -1, bot: int = 0
    ) -> Log:
        """An activity for each of these places in the sends."""
        size = len(sends)
        return Log(
            kind=np.full(size, kind),
            cell=self.sends.cell[sends],
            lead=self.people.id[self.sends.person[sends]],
            at=at,
            run=self.sends.run[sends],
            detail=np.broadcast_to(np.asarray(detail), size).astype(np.int64),
            agent=np.broadcast_to(np.asarray(agent), size).astype(np.int64),
            bot=np.full(size, bot),
            id=np.zeros(size, dtype=np.int64),
            variant=np.zeros(size, dtype=np.int64),
            has_campaign=np.ones(size, dtype=bool),
            replayed=np.zeros(size, dtype=bool),
        )

    def open_agents(self, sends: Ints) -> Ints:
        """With what the people of these sends open e-mails."""
        return self._agents(np.asarray([habit.opens for habit in HABITS]), sends)

    def click_agents(self, sends: Ints) -> Ints:
        """With what the people of these sends open web pages."""
        return self._agents(np.asarray([habit.clicks for habit in HABITS]), sends)

    def _agents(self, table: Ints, sends: Ints) -> Ints:
        second = (self.rng.random(len(sends)) < 0.35).astype(np.int64)
        return np.asarray(table[self.people.habit[self.sends.person[sends]], second])


def _activities(
    catalog: Catalog, links: _Links, people: People, sends: _Sends, now: int, rng: np.random.Generator
) -> Log:
    """The log without dirt, some of it after `now`."""
    fate = _draw_fate(catalog, people, sends, now, rng)
    place = {email.id: number for number, email in enumerate(catalog.emails)}
    email = np.asarray([place[cell.email.id] for cell in catalog.cells])[sends.cell]
    writer = _Writer(sends, people, email, links, rng)
    log = writer.write(Kind.SEND, np.arange(len(sends)), sends.at, detail=fate.result)
    for part in (_answers, _opens, _clicks, _unsubscriptions, _scans):
        log = log.plus(part(writer, fate))
    return log


def _answers(writer: _Writer, fate: _Fate) -> Log:
    """Deliveries and bounces. Some soft bounces have a delivery later."""
    rows = np.flatnonzero(fate.arrives)
    log = writer.write(Kind.DELIVERED, rows, fate.arrives_at[rows])
    for kind, bounced in ((Kind.HARD, fate.hard), (Kind.SOFT, fate.soft)):
        rows = np.flatnonzero(bounced)
        answers = [number for number, bounce in enumerate(BOUNCES) if bounce.hard == (kind is Kind.HARD)]
        chosen = choose(writer.rng, [BOUNCES[number].share for number in answers], len(rows))
        at = writer.sends.at[rows] + _delays(len(rows), writer.rng)
        log = log.plus(writer.write(kind, rows, at, detail=np.asarray(answers)[chosen]))
    return log


def _opens(writer: _Writer, fate: _Fate) -> Log:
    """Opens. Some images stay blocked though a link is clicked; a few people come back again and again."""
    rng = writer.rng
    count = len(fate.opens)
    seen = fate.opens & ~(fate.clicks & (rng.random(count) < 0.06))
    rows = np.flatnonzero(seen | (fate.by_page & (rng.random(count) < 0.7)))
    times = rng.geometric(0.58, len(rows)) + np.where(rng.random(len(rows)) < 0.004, rng.integers(8, 50, len(rows)), 0)
    log = writer.write(Kind.OPEN, rows, fate.opens_at[rows], agent=writer.open_agents(rows))
    again = np.repeat(rows, times - 1)
    later = (rng.exponential(1.3 * DAY, len(again)) * rng.random(len(again))).astype(np.int64) + 20
    return log.plus(writer.write(Kind.OPEN, again, fate.opens_at[again] + later, agent=writer.open_agents(again)))


def _clicks(writer: _Writer, fate: _Fate) -> Log:
    """Clicks on one or several links, now and then without an address; at least two of those, and two mailtos."""
    rng, links = writer.rng, writer.links
    rows = np.flatnonzero(fate.clicks)
    more = np.repeat(rows, rng.geometric(0.62, len(rows)) - 1)
    after = np.concatenate([np.zeros(len(rows)), rng.exponential(0.4 * HOUR, len(more)) + 4]).astype(np.int64)
    rows = np.concatenate([rows, more])
    email = writer.email[rows]
    link = links.clicked(email, rng)
    link[rng.random(len(rows)) < 0.012] = -1
    link[:2] = -1
    link[2:4] = (links.first[email] + links.scanned[email])[2:4]
    return writer.write(Kind.CLICK, rows, fate.clicks_at[rows] + after, detail=link, agent=writer.click_agents(rows))


def _unsubscriptions(writer: _Writer, fate: _Fate) -> Log:
    """Unsubscriptions, with the click that leads to the page; a few people only look at the page."""
    rng = writer.rng
    rows = np.flatnonzero(fate.by_page | (fate.opens & (rng.random(len(fate.opens)) < 0.0006)))
    at = fate.leaves_at[rows] - rng.integers(3, 20, len(rows))
    link = writer.links.unsubscribe[writer.email[rows]]
    log = writer.write(Kind.CLICK, rows, at, detail=link, agent=writer.click_agents(rows))
    rows = np.flatnonzero(fate.leaves)
    by_page = fate.by_page[rows]
    agent = np.where(by_page, writer.click_agents(rows), -1)
    return log.plus(
        writer.write(Kind.UNSUBSCRIBE, rows, fate.leaves_at[rows], detail=by_page.astype(np.int64), agent=agent)
    )


def _scans(writer: _Writer, fate: _Fate) -> Log:
    """Scanners, which open an e-mail and follow all its links within seconds."""
    rows = np.flatnonzero(fate.scanned)
    scanner = writer.rng.choice(SCANNERS, len(rows))
    begin = fate.arrives_at[rows] + writer.rng.integers(1, 12, len(rows))
    log = writer.write(Kind.OPEN, rows, begin, agent=scanner, bot=1)
    each = writer.links.scanned[writer.email[rows]]
    clicked = np.repeat(rows, each)
    place = np.arange(len(clicked)) - np.repeat(np.cumsum(each) - each, each)
    at = np.repeat(begin, each) + 1 + place // 3
    link = writer.links.first[writer.email[clicked]] + place
    return log.plus(writer.write(Kind.CLICK, clicked, at, detail=link, agent=np.repeat(scanner, each), bot=1))


class _SendRates(NamedTuple):
    opened: Floats
    clicked: Floats
    unsubscribed: Floats
    hard: Floats
    soft: Floats


def _rates(cells: Sequence[Cell], sends: _Sends, rng: np.random.Generator) -> _SendRates:
    """The rates of every send: those of its kind of campaign, as the e-mail is better or worse, and by weekday."""
    table = np.asarray([RATES[cell.campaign.kind] for cell in cells])
    quality = rng.lognormal(0, 0.10, len(cells))
    table *= np.column_stack([quality, quality**1.5, *rng.lognormal(0, 0.15, (3, len(cells)))])
    table[:, :2] = np.minimum(table[:, :2], (0.43, 0.08))
    rates = table[sends.cell]
    weekend = (sends.at // DAY + 3) % 7 >= 5
    rates[:, :2] *= np.where(weekend, 0.88, 1.0)[:, None]
    return _SendRates(*rates.T)


def _delays(count: int, rng: np.random.Generator) -> Ints:
    """Seconds from a send to the answer: mostly few, at times hours, and now and then minus one."""
    usual = rng.exponential(6, count) + 1
    delay = np.where(rng.random(count) < 0.07, rng.exponential(900, count), usual).astype(np.int64)
    delay[rng.random(count) < 0.02] = -1
    delay[:1] = -1
    return delay


def _first_opens(catalog: Catalog, people: People, sends: _Sends, delivered_at: Ints, rng: np.random.Generator) -> Ints:
    """When a delivered e-mail would first be opened: soon, within a day, or days later, but rarely by night."""
    count = len(sends)
    mean = np.asarray([1.2 * HOUR, 13 * HOUR, 70 * HOUR])[choose(rng, [0.46, 0.38, 0.16], count)]
    at = delivered_at + 15 + rng.exponential(mean).astype(np.int64)
    offset = np.asarray([UTC_OFFSET[cell.campaign.program.workspace] for cell in catalog.cells])[sends.cell]
    hour = (at // HOUR + offset) % 24
    asleep = (hour < 6) & (rng.random(count) < 0.85)
    at = at + np.where(asleep, (7 - hour) * HOUR + rng.integers(0, 2 * HOUR, count), 0)
    proxied = np.asarray([habit.opens[0] for habit in HABITS])[people.habit[sends.person]] == APPLE_PROXY
    fetched = proxied & (rng.random(count) < 0.5)
    return np.where(fetched, delivered_at + rng.integers(20, 1500, count), at)


# Dirt


def _some(rows: Ints, share: float, rng: np.random.Generator) -> Ints:
    """A share of the rows, at least five if there are."""
    return rng.choice(rows, min(len(rows), max(5, round(len(rows) * share))), replace=False)


def _with_orphans(log: Log, rng: np.random.Generator) -> Log:
    """The log with copies of events of every kind whose person was never sent anything."""
    orphans = log
    for kind in (Kind.DELIVERED, Kind.HARD, Kind.SOFT, Kind.OPEN, Kind.CLICK, Kind.UNSUBSCRIBE):
        copies = log.take(_some(np.flatnonzero(log.kind == kind), 0.003, rng))
        orphans = orphans.plus(replace(copies, lead=rng.integers(UNKNOWN_LEADS, UNKNOWN_LEADS + 9000, len(copies))))
    return orphans


def _without_some_campaigns(log: Log, rng: np.random.Generator) -> Log:
    """The log with some events, never sends, that do not know their campaign."""
    has_campaign = log.has_campaign.copy()
    for kind in (Kind.DELIVERED, Kind.OPEN, Kind.CLICK, Kind.UNSUBSCRIBE):
        has_campaign[_some(np.flatnonzero(log.kind == kind), 0.004, rng)] = False
    return replace(log, has_campaign=has_campaign)


def _numbered(log: Log, rng: np.random.Generator) -> Log:
    """The log in the order of time, with rising ids that have gaps."""
    log = log.take(np.argsort(log.at, kind="stable"))
    return replace(log, id=FIRST_ACTIVITY + np.cumsum(rng.integers(1, 14, len(log))))


def _with_replays(log: Log, sends: int, rng: np.random.Generator) -> Log:
    """The log with exactly `sends` sends, and some of the others, a second time."""
    rows = [rng.choice(np.flatnonzero(log.kind == Kind.SEND), sends, replace=False)]
    rows += [_some(np.flatnonzero(log.kind == kind), 0.003, rng) for kind in Kind if kind is not Kind.SEND]
    again = log.take(np.concatenate(rows))
    return log.plus(replace(again, replayed=np.ones(len(again), dtype=bool)))


def _refused(log: Log, people: People, now: int) -> Log:
    """The log where one domain refuses for some weeks what it would have taken, so that nobody opens it.

    Nothing is drawn for it, so all other rows are as they would be without.
    """
    refusing = [person for person in people.id.tolist() if domain_of(person) == REFUSING]
    during = (log.at >= now - REFUSED_FROM * DAY) & (log.at < now - REFUSED_UNTIL * DAY)
    refused = (log.kind == Kind.DELIVERED) & during & np.isin(log.lead, refusing)
    pair = log.cell * (int(log.lead.max()) + 1) + log.lead
    silent = np.isin(log.kind, [Kind.OPEN, Kind.CLICK, Kind.UNSUBSCRIBE, Kind.SOFT]) & np.isin(pair, pair[refused])
    log = replace(log, kind=np.where(refused, Kind.HARD, log.kind), detail=np.where(refused, REFUSAL, log.detail))
    return log.take(~silent)


def _tested(log: Log, cells: Sequence[Cell]) -> Log:
    """The log with the variants of tested e-mails, without the clicks of people whom a weaker variant does not win.

    Nothing is drawn for it, so all other rows are as they would be without: both follow from the person's id.
    """
    counts = np.asarray([len(cell.variants) for cell in cells])[log.cell]
    variant = np.where(counts > 0, 1 + _scattered(log.lead, 7) % np.maximum(counts, 1), 0)
    winning = np.ones((len(cells), 1 + max(len(cell.variants) for cell in cells)))
    for number, cell in enumerate(cells):
        winning[number, 1 : 1 + len(cell.variants)] = cell.variants
    lost = (log.kind == Kind.CLICK) & (_scattered(log.lead, 11) % 100 >= 100 * winning[log.cell, variant])
    return replace(log, variant=np.where(log.kind == Kind.SEND, variant, 0)).take(~lost)


def _scattered(lead: Ints, place: int) -> Ints:
    """A number from the id of a person, as good as drawn, another one for another place."""
    return np.asarray(lead * SCATTER // 2**place % 1_000_003)

"""Which links of an email were clicked how often: the log's addresses beside the email's own.

Knows neither Flask nor Superset. The log says which address was clicked, not which of several places that have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from superset_campaign_plugin.report.rules import LinkRules

# What Marketo adds to the address of every link that it tracks, other for each person.
_TRACKING = frozenset({"mkt_tok"})
_LEVELS = 5


class Clicked(Protocol):
    """An address of the log with its clicks; it may be None, where the log holds none."""

    @property
    def link(self) -> str | None: ...
    @property
    def clicks(self) -> int: ...
    @property
    def people(self) -> int: ...


class Placed(Protocol):
    """A link of the email: its words and its address; `pictured` where the words stand for an image."""

    @property
    def text(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def pictured(self) -> bool: ...


@dataclass(frozen=True)
class ClickMark:
    """What stands at a clicked link in the email: `badge` in figures, `words` in full, `level` from 1 to 5."""

    badge: str
    words: str
    level: int


@dataclass(frozen=True)
class LinkRow:
    """A link of the table. Shares are from 0 to 1, None where there is nothing to be a share of.

    `people` who clicked are counted once in each campaign, as the report counts; `people_share` is their part of the
    report's Clicked Link. `note` says what is odd about the link.
    """

    address: str | None
    words: str
    clicks: int
    people: int
    share: float | None
    people_share: float | None
    note: str | None


def link_rows(
    clicked: Sequence[Clicked], placed: Sequence[Placed] | None, clickers: int | None, rules: LinkRules
) -> list[LinkRow]:
    """Every link of log and email, the most clicked first; `placed` is None where the email is not known.

    `rules` say clicks on which links of the email are not counted.
    """
    total = sum(each.clicks for each in clicked)
    words: dict[str, str] = {}
    # What people read, as on a button, before what stands for an image of the same address.
    for each in sorted(placed or (), key=lambda link: link.pictured):
        words[link_key(each.url)] = words.get(link_key(each.url)) or each.text
    rows = []
    for address, clicks, people in _by_address(clicked):
        key = None if address is None else link_key(address)
        note = None
        if address is not None and is_malformed(address):
            note = "malformed address"
        elif address is not None and placed is not None and key not in words:
            note = "not in this version of the email"
        share = clicks / total if total else None
        people_share = min(1.0, people / clickers) if clickers else None
        rows.append(LinkRow(address, words.get(key or "", ""), clicks, people, share, people_share, note))
    found = {link_key(row.address) for row in rows if row.address is not None}
    unclicked = {link_key(each.url): each for each in reversed(placed or ()) if link_key(each.url) not in found}
    for key, each in reversed(unclicked.items()):
        if is_malformed(each.url):
            rows.append(LinkRow(each.url, words[key], 0, 0, None, None, "malformed address"))
        elif _is_uncounted(each.url, rules):
            rows.append(LinkRow(each.url, words[key], 0, 0, None, None, "clicks here do not count"))
        else:
            rows.append(LinkRow(each.url, words[key], 0, 0, 0.0 if total else None, None, None))
    return rows


def marks_of(clicked: Iterable[Clicked]) -> Callable[[str], ClickMark | None]:
    """Gives the mark of an address in the email; None for one that nobody clicked."""
    ranked = [(address, clicks) for address, clicks, _ in _by_address(clicked) if address is not None and clicks]
    total = sum(each.clicks for each in clicked)
    most = max((clicks for _, clicks in ranked), default=0)
    marks = {}
    for place, (address, clicks) in enumerate(ranked, start=1):
        share = clicks / total
        words = f"{clicks:,} {'click' if clicks == 1 else 'clicks'}, {share:.1%} of all, place {place} of {len(ranked)}"
        level = 1 + (clicks * (_LEVELS - 1)) // most
        marks[link_key(address)] = ClickMark(f"{clicks:,} · {share:.0%}", words, level)
    return lambda address: marks.get(link_key(address))


def link_key(address: str) -> str:
    """The address without what may differ between the log and the email for one and the same link."""
    address = address.strip()
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
        asked = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return address
    query = urlencode([(name, value) for name, value in asked if name.lower() not in _TRACKING])
    return f"{parts.scheme.lower()}://{host}{unquote(parts.path).rstrip('/')}?{query}#{unquote(parts.fragment)}"


def is_malformed(address: str) -> bool:
    """Whether no browser could follow the address."""
    try:
        parts = urlsplit(address.strip())
        complete = bool(parts.hostname) or parts.scheme.lower() in ("mailto", "tel", "sms")
        return not parts.scheme or not complete or any(letter.isspace() for letter in address.strip())
    except ValueError:
        return True


def _is_uncounted(address: str, rules: LinkRules) -> bool:
    lower = address.strip().lower()
    return lower.startswith(rules.uncounted_prefixes) or any(part in lower for part in rules.uncounted_parts)


def _by_address(clicked: Iterable[Clicked]) -> list[tuple[str | None, int, int]]:
    """(address, clicks, people) of each link, however the log spells it, the most clicked first."""
    found: dict[str | None, tuple[str | None, int, int]] = {}
    for each in clicked:
        key = None if each.link is None else link_key(each.link)
        address, clicks, people = found.get(key, (each.link, 0, 0))
        found[key] = (address, clicks + each.clicks, people + each.people)
    return sorted(found.values(), key=lambda row: (-row[1], row[0] or ""))

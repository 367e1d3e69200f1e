"""Which row of the report a row of an export is: by id, by name, by name without case and spaces; else none.

Nothing is guessed. Where several rows have one name, and where none has it, the row stays alone, and the nearest names
are offered.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from superset_campaign_plugin.reporting.marketo_export import Export, ExportRow

# A near name is one of which so much is alike.
_NEAR = 0.75
_OFFERED = 3


@dataclass(frozen=True)
class Key:
    """A row of the report: the instance of Marketo, the campaign and the email, by their ids.

    Where the export has no campaigns, `campaign_id` is None in every row.
    """

    source: str
    campaign_id: int | None
    email_id: int


@dataclass
class Named:
    """What a row of the report is called. Programs are those of the campaigns."""

    email: str
    campaign: str | None
    programs: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Match:
    """A row of the export with its row of the report.

    Without one `why` says why not, `near` offers names, and `aside` are the rows of the report that it may be: nothing
    is said of these.
    """

    row: ExportRow
    key: Key | None
    why: str = ""
    near: tuple[str, ...] = ()
    aside: frozenset[Key] = frozenset()


def match_rows(export: Export, known: Mapping[Key, Named]) -> list[Match]:
    """The rows of the export in their order, each with the row of the report that it is."""
    indexes = [_Index(known, spelled) for spelled in (_as_it_is, _folded)]
    found = [_match(row, indexes, known, export.by_campaign) for row in export.rows]
    taken: dict[Key, list[int]] = defaultdict(list)
    for match in found:
        if match.key is not None:
            taken[match.key].append(match.row.place)
    return [
        match
        if match.key is None or len(taken[match.key]) == 1
        else Match(
            match.row,
            None,
            f"rows {', '.join(map(str, taken[match.key]))} of the export have the same names",
            aside=frozenset({match.key}),
        )
        for match in found
    ]


def shown_name(campaign: str | None, email: str) -> str:
    """A row's names for a person."""
    return email if campaign is None else f"{campaign} / {email}"


def _as_it_is(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split())


def _folded(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


class _Index:
    """The rows by their names as `spelled` makes them.

    Marketo puts the program before the name of an asset, as in `Program.Email`; loaders bring the name with it or
    without. An email may be of another program than its campaign.
    """

    def __init__(self, known: Mapping[Key, Named], spelled: Callable[[str], str]) -> None:
        self._spelled = spelled
        self._known = known
        self._keys: dict[tuple[str | None, str], list[Key]] = defaultdict(list)
        for key, named in known.items():
            self._keys[None if named.campaign is None else spelled(named.campaign), spelled(named.email)].append(key)
        self._programs = {spelled(program) for named in known.values() for program in named.programs}

    def keys(self, campaign: str | None, email: str) -> Iterator[list[Key]]:
        """The rows of these names; then those of the names without a program before them."""
        own = None if campaign is None else self._spelled(campaign)
        yield self._keys.get((own, self._spelled(email)), [])
        emails = {name for name, _ in self._without_program(self._spelled(email))}
        campaigns: set[tuple[str | None, str | None]] = {(None, None)} if own is None else {*self._without_program(own)}
        yield [
            key
            for name, program in campaigns
            for each in emails
            for key in self._keys.get((name, each), [])
            if program is None or program in map(self._spelled, self._known[key].programs)
        ]

    def _without_program(self, name: str) -> Iterator[tuple[str, str | None]]:
        """The name, and what is left of it behind a program's name; with that program."""
        yield name, None
        place = name.find(".")
        while place >= 0:
            if name[:place] in self._programs:
                yield name[place + 1 :], name[:place]
            place = name.find(".", place + 1)


def _match(row: ExportRow, indexes: Sequence[_Index], known: Mapping[Key, Named], by_campaign: bool) -> Match:
    if row.email_id is not None and (not by_campaign or row.campaign_id is not None):
        keys = [key for key in known if (key.email_id, key.campaign_id) == (row.email_id, row.campaign_id)]
        return _alone(row, keys) or Match(row, None, "the report has no row of these ids")
    for index in indexes:
        for found in index.keys(row.campaign, row.email):
            keys = [key for key in found if row.email_id in (None, key.email_id)]
            if match := _alone(row, keys):
                return match
    near = _near(row, known)
    aside = frozenset(key for key, named in known.items() if shown_name(named.campaign, named.email) in near)
    return Match(row, None, "the report has no row of this name", near, aside)


def _alone(row: ExportRow, keys: Sequence[Key]) -> Match | None:
    """The match with the only key; with several none, and which these are."""
    if len(keys) < 2:
        return Match(row, keys[0]) if keys else None
    ids = ", ".join(
        f"email {key.email_id}" + (f" of campaign {key.campaign_id}" if key.campaign_id is not None else "")
        for key in keys[:_OFFERED]
    )
    more = f" and {len(keys) - _OFFERED} more" if len(keys) > _OFFERED else ""
    why = f"several rows of the report have this name: {ids}{more}"
    return Match(row, None, why, aside=frozenset(keys))


def _near(row: ExportRow, known: Mapping[Key, Named]) -> tuple[str, ...]:
    by_letters: dict[str, str] = {}
    for named in known.values():
        name = shown_name(named.campaign, named.email)
        by_letters.setdefault(_folded(name), name)
    wanted = _folded(shown_name(row.campaign, row.email))
    return tuple(by_letters[near] for near in difflib.get_close_matches(wanted, by_letters, n=_OFFERED, cutoff=_NEAR))

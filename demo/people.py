"""The people of the demo: invented names and addresses, when they came, and how eager they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from demo.agents import HABITS
from demo.catalog import Year

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DAY = 86_400
FIRST_ID = 1_012_406


class Locale(NamedTuple):
    """Where some of the people are, their share of all, and their names as (name, spelling in Latin letters)."""

    workspace: str
    locale: str
    share: float
    first: tuple[tuple[str, str], ...]
    last: tuple[tuple[str, str], ...]


def _names(raw: list[str] | dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(raw.items() if isinstance(raw, dict) else ((name, name) for name in raw))


def _locales() -> tuple[Locale, ...]:
    rows = yaml.safe_load((Path(__file__).parent / "names.yaml").read_text(encoding="utf-8"))
    return tuple(
        Locale(row["workspace"], row["locale"], row["share"], _names(row["first"]), _names(row["last"])) for row in rows
    )


LOCALES = _locales()


@dataclass(frozen=True)
class People:
    """Equally long arrays, one place a person, in the order of `created` (seconds since 1970, UTC).

    `locale` and `habit` are rows of `LOCALES` and `HABITS`. `eagerness` to open and `fragility` of the address have
    the mean 1. `scanned` people sit behind a gateway that follows every link. The names are any numbers, for
    `full_names`.
    """

    id: Ints
    created: Ints
    locale: Ints
    habit: Ints
    eagerness: Floats
    fragility: Floats
    scanned: Flags
    first_name: Ints
    last_name: Ints

    def full_names(self) -> list[tuple[tuple[str, str], tuple[str, str]]]:
        """The first and the last name of each person, as pairs of `Locale.first` and `Locale.last`."""
        rows = zip(self.locale.tolist(), self.first_name.tolist(), self.last_name.tolist(), strict=True)
        return [
            (LOCALES[row].first[a % len(LOCALES[row].first)], LOCALES[row].last[b % len(LOCALES[row].last)])
            for row, a, b in rows
        ]

    def audience(self, workspace: str, locale: str | None) -> Ints:
        """The places of the people of a workspace, or of one locale of it."""
        rows = [row for row, one in enumerate(LOCALES) if one.workspace == workspace and locale in (None, one.locale)]
        return np.flatnonzero(np.isin(self.locale, rows))


def seconds(year: Year) -> tuple[int, int]:
    """The first second of the year and `now`, since 1970."""
    start = int(np.datetime64(year.start, "s").astype(np.int64))
    return start, int(np.datetime64(year.now.replace(microsecond=0), "s").astype(np.int64))


def choose(rng: np.random.Generator, shares: Sequence[float], size: int) -> Ints:
    """`size` rows drawn by their shares, which need not add up to 1."""
    weights = np.asarray(shares) / np.sum(shares)
    return rng.choice(len(weights), size, p=weights).astype(np.int64)


def draw_people(count: int, year: Year, rng: np.random.Generator) -> People:
    """`count` people: six in ten were there when the year began, the others came during it."""
    start, now = seconds(year)
    old = start - (rng.random(count) ** 1.6 * 4 * 365 * DAY).astype(np.int64) - DAY
    new = start + (rng.random(count) ** 0.9 * (now - start - DAY)).astype(np.int64)
    # Every locale is there even among very few people.
    locale = np.where(
        np.arange(count) < 4 * len(LOCALES),
        np.arange(count) % len(LOCALES),
        choose(rng, [one.share for one in LOCALES], count),
    )
    scanned = rng.random(count) < 0.0055
    scanned[rng.choice(count, 3, replace=False)] = True
    return People(
        id=FIRST_ID + np.cumsum(rng.integers(1, 12, count)),
        created=np.sort(np.where(rng.random(count) < 0.6, old, new)),
        locale=locale[rng.permutation(count)],
        habit=choose(rng, [habit.share for habit in HABITS], count),
        eagerness=rng.gamma(1.5, 1 / 1.5, count),
        fragility=rng.gamma(0.8, 1 / 0.8, count),
        scanned=scanned,
        first_name=rng.integers(0, 1 << 30, count),
        last_name=rng.integers(0, 1 << 30, count),
    )

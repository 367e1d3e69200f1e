"""Attributes of people: the columns of the loader's table of people that an administrator has chosen to show.

Each is a field `person_…` of the people's rows, beside all that the report itself says of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from superset_campaign_plugin.errors import UsageError

# Fields of the people's rows that begin as those of attributes do.
_TAKEN = {"person_id", "person_link"}
# PostgreSQL cuts names after 63 letters; a number may follow.
_LONGEST = 58


@dataclass(frozen=True)
class Attribute:
    """A chosen column: as it was given, the `name` of its field, and the `title` that people read."""

    column: str
    name: str
    title: str


def read_columns(text: str) -> tuple[str, ...]:
    """The names in a list with commas between, as options have it. Raises `UsageError` for one that is there twice."""
    names = tuple(filter(None, (part.strip() for part in text.split(","))))
    for place, name in enumerate(names):
        if name in names[:place]:
            raise UsageError(f"the column {name!r} is named twice; name each column once")
    return names


def attributes_of(columns: Iterable[str]) -> tuple[Attribute, ...]:
    """The attributes of these columns, in their order. A field's name is of plain letters, whatever the column's is."""
    taken = set(_TAKEN)
    found = []
    for column in columns:
        words = [word for word in re.split(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])", column) if word]
        wanted = name = "_".join(["person", *map(str.lower, words or ["attribute"])])[:_LONGEST]
        place = 1
        while name in taken:
            place += 1
            name = f"{wanted}_{place}"
        taken.add(name)
        found.append(Attribute(column, name, " ".join(word[0].upper() + word[1:] for word in words) or column))
    return tuple(found)

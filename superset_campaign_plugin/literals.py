"""Texts in SQL, written so that nothing between Superset and the database takes a part of them for its own.

Superset's templates (Jinja) run what stands in `{{ }}`, `{% %}` and `{# #}`, also within quotes, and turn a carriage
return into a new line. Percent signs are formats to drivers that format a statement, and some make one of two.
SQLAlchemy takes `:name` for a parameter and the backslash out of `\\:`. So a text that holds such characters is written
with stand-ins, and the database puts the characters back:

    REPLACE('50~ off', '~', CHR(37))       instead of '50% off'
    REPLACE('{~{ name }}', '~', '')        instead of '{{ name }}'

Every engine has REPLACE, and folds it into a constant. Knows neither Superset nor SQLAlchemy: row rules are written
in a portal, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain

_CODED = ("%", "\r")
# After each of these a stand-in for nothing parts what would be taken together. A colon between a word and a digit, as
# in a clock's 10:30, is no parameter to anybody.
_PARTED = re.compile(r"\{(?=[{#])|\\(?=:)|(?<!\w):(?=[\w$])|:(?=[^\W\d]|\$)")
_TAKEN = re.compile(r"\{[{%#]|%|\r|\\:|(?<![:\w$\\]):[\w$]+")


def written_literal(value: str, quote: Callable[[str], str], character: str | None) -> str:
    """The text as an SQL expression that is equal to it.

    `quote` puts a text into the quotes of the engine's SQL. `character` is the engine's expression for a character by
    its code, as in `CHR({})`; with None percent signs and carriage returns stay as they are.
    """
    free = _stand_ins(value)
    text = value
    replaced: list[tuple[str, str]] = []
    for coded in _CODED:
        if character is not None and coded in text:
            replaced.append((next(free), character.format(ord(coded))))
            text = text.replace(coded, replaced[-1][0])
    if _PARTED.search(text):
        replaced.append((next(free), "''"))
        text = _PARTED.sub(lambda found: found[0] + replaced[-1][0], text)
    sql = quote(text)
    for stand_in, meant in replaced:
        sql = f"REPLACE({sql}, {quote(stand_in)}, {meant})"
    return sql


def taken_part(sql: str) -> str | None:
    """The first part of a finished SQL text that would be taken for a template, a format or a parameter, if any."""
    found = _TAKEN.search(sql)
    return None if found is None else found[0]


def _stand_ins(value: str) -> Iterator[str]:
    """Characters that the text does not hold: plain ones, and if it holds those, some that Unicode gives no meaning."""
    return (mark for mark in chain("~^@!|", map(chr, range(0xE000, 0xF900))) if mark not in value)

"""How an engine makes one number of a row, whose sums tell two sets of rows apart.

A row's numbers are mixed into one below 2^31, which is not linear in any of them: two rows that swap their people have
another sum than before. No defence against somebody who wants to deceive; rows change by accident.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, cast, extract, func, literal_column
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

# A prime below 2^31, so that a product of two remainders fits into 64 bits; and a factor below it.
_PRIME = literal_column("2147483647")
_FACTOR = literal_column("1000003")


class Fingerprint:
    """The shared default, in whole numbers of 64 bits, which every engine has."""

    def prepare(self, connection: Connection) -> None:
        """Make the connection ready for the expressions below."""

    def milliseconds(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        """A time without a zone as a whole number of milliseconds."""
        return cast(extract("epoch", moment) * literal_column("1000"), BigInteger)

    def text_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        """A whole number of a text, another one for another text in all but one of many millions of cases."""
        return cast(func.crc32(text), BigInteger)

    def remainder(self, number: ColumnElement[Any], by: ColumnElement[Any]) -> ColumnElement[Any]:
        """What is left of a whole number after division."""
        return number.op("%")(by)

    def mixed(self, numbers: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        """One number of several, some of which may be null; `spread` has to be applied to it."""
        mixed: ColumnElement[Any] = literal_column("1")
        for number in numbers:
            own = func.coalesce(self.remainder(number, _PRIME), literal_column("-1"))
            mixed = self.remainder(mixed.op("*")(_FACTOR).op("+")(own).self_group(), _PRIME)
        return mixed

    def spread(self, mixed: ColumnElement[Any]) -> ColumnElement[Any]:
        """The number to add up: a square, since sums of products would not tell which parts belong together."""
        return self.remainder(mixed.op("*")(mixed).self_group(), _PRIME)

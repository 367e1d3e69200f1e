"""How an engine reads a loader's column of any type: as id, time, text, yes or no, or list of ids.

The log's own ids and times are read as fast as the engine can; `sources/unreadable.py` looks for bad values before.
What stands beside the log is read by the `try_` methods: a bad value is null there, and `doctor` tells of it. Plain
columns of the right type are the same expression either way.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import BigInteger, Numeric, String, and_, case, cast, func, literal, literal_column, not_, null, types
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.forms import (
    ENDS_WITH_ZONE,
    ID_LIST,
    LARGEST,
    LARGEST_FLOAT,
    LIST_MARKS,
    NOT_IN_A_LIST,
    TIME,
    WHOLE_NUMBER,
)
from superset_campaign_plugin.engines.kinds import Kind, kind_of
from superset_campaign_plugin.engines.rendering import GuardedCast
from superset_campaign_plugin.flags import NO, YES

_BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def quoted_key(key: str) -> str:
    """A key as JSON paths have it: `link`, but `"Campaign Run ID"`."""
    if _BARE_KEY.fullmatch(key):
        return key
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# No column of these kinds holds ids, or times: to read 1704103200 as a moment would be to guess.
NOT_AN_ID = frozenset({Kind.DAY, Kind.TIME, Kind.FLAG, Kind.LIST, Kind.BITS})
NOT_A_TIME = frozenset({Kind.WHOLE, Kind.NUMBER, Kind.FLAG, Kind.LIST, Kind.BITS})


class Reading:
    """The shared default, in standard SQL.

    time_type       the type of a time without a zone
    not_an_id       the kinds of columns that hold no ids, and
    not_a_time      those that hold no times
    casts_decimals  True where a cast of the text `7.0` to a whole number gives 7
    try_cast        the word for a cast that gives null where it fails; empty where Superset's parser knows none
    """

    time_type: types.TypeEngine = types.TIMESTAMP()
    not_an_id, not_a_time = NOT_AN_ID, NOT_A_TIME
    casts_decimals = False
    try_cast = ""

    # -- texts

    def text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Any column as text: bytes as UTF-8, JSON without the quotes of a single text, arrays as JSON."""
        kind = kind_of(column.type)
        if kind is Kind.TEXT:
            return column
        if kind is Kind.BINARY:
            return self.decoded(column)
        if kind is Kind.DOCUMENT:
            return self.document_text(column)
        if kind is Kind.LIST:
            return self.list_text(column)
        return cast(column, String)

    def decoded(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Bytes as UTF-8 text, without an error where they are none."""
        return cast(column, String)

    def document_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """A JSON column as text; a single text without its quotes."""
        return cast(column, String)

    def list_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """An array, struct or map as text."""
        return cast(column, String)

    def filled(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """The column as text without spaces around it; null where nothing is left."""
        return func.nullif(func.trim(self.text(column)), literal(""))

    def text_or_value(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """A column as text; where it holds a JSON object, the object's `value`."""
        text = self.text(column)
        is_object = and_(func.substr(text, 1, 1) == literal("{"), self.contains(text, '"value"'))
        return case((is_object, self.json_text(text, "value")), else_=text)

    def json_text(self, column: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        """The text of a key of an object; null where the object lacks it, and on some engines empty.

        The column holds JSON as text, or is of the engine's own type for it, or a struct or a map.
        """
        return cast(column, postgresql.JSON).op("->>", return_type=String())(literal(key))

    def contains(self, text: ColumnElement[Any], part: str) -> ColumnElement[Any]:
        """Whether `text` holds `part`. Not LIKE: the underscore of `mkt_unsubscribe` is one of its wildcards."""
        return func.strpos(text, literal(part)) > 0

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[Any]:
        """Whether a part of `text` matches the regular expression."""
        return func.regexp_matches(text, literal(pattern))

    def replace_all(self, text: ColumnElement[Any], pattern: str, replacement: str) -> ColumnElement[Any]:
        """The text with every part that matches the regular expression replaced."""
        return func.regexp_replace(text, literal(pattern), literal(replacement))

    # -- ids

    def identifier(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """A loader's id column as a whole number, for values that were found to be readable; an empty text is null."""
        kind = kind_of(column.type)
        if kind is Kind.WHOLE:
            return column if isinstance(column.type, BigInteger) else cast(column, BigInteger)
        if kind in (Kind.NUMBER, Kind.UNKNOWN):
            return cast(column, BigInteger)
        return self.whole_number(self.filled(column))

    def try_identifier(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """The same, but null where the value is no whole number of 64 bits."""
        kind = kind_of(column.type)
        if kind is Kind.WHOLE:
            return self.identifier(column)
        if kind in self.not_an_id:
            return cast(null(), BigInteger)
        if kind is Kind.NUMBER:
            whole = and_(
                column.between(literal_column(str(-LARGEST_FLOAT)), literal_column(str(LARGEST_FLOAT))),
                func.floor(column) == column,
            )
            return case((whole, cast(column, BigInteger)))
        return self.try_whole_number(self.filled(column))

    def whole_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        """A text that spells a whole number, perhaps as 7.0."""
        plain = cast(text, BigInteger)
        if self.casts_decimals:
            return plain
        without = cast(self.replace_all(text, "[.]0*$", ""), BigInteger)
        return case((self.contains(text, "."), without), else_=plain)

    def try_whole_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        """The same, but null for any other text."""
        if self.try_cast:
            number = GuardedCast(self.replace_all(text, "[.]0*$", ""), BigInteger(), self.try_cast)
        else:
            wide = cast(text, Numeric(38, 0))
            within = wide.between(literal_column(str(-LARGEST)), literal_column(str(LARGEST)))
            number = case((within, cast(wide, BigInteger)))
        return case((self.matches(text, WHOLE_NUMBER), number))

    def bad_identifier(self, column: ColumnElement[Any]) -> ColumnElement[Any] | None:
        """The condition that a value is no id; None where the column's type leaves no doubt."""
        if kind_of(column.type) is Kind.WHOLE:
            return None
        return and_(self.filled(column).is_not(None), self.try_identifier(column).is_(None))

    # -- times

    def time(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """A loader's time column as UTC without a zone; a date is its midnight, and a text without a zone in UTC."""
        kind = kind_of(column.type)
        if kind is Kind.DAY:
            return cast(column, self.time_type)
        if kind is Kind.TIME:
            return self.in_utc(column) if getattr(column.type, "timezone", False) else column
        return column if kind is Kind.UNKNOWN else self.parse_time(self.filled(column))

    def in_utc(self, instant: ColumnElement[Any]) -> ColumnElement[Any]:
        """A time with a zone as UTC without one."""
        return instant.op("AT TIME ZONE")(literal_column("'UTC'"))

    def try_time(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """The same as `time`, but null where the value is no time."""
        kind = kind_of(column.type)
        if kind in (Kind.DAY, Kind.TIME, Kind.UNKNOWN):
            return self.time(column)
        if kind in self.not_a_time:
            return cast(null(), self.time_type)
        text = self.filled(column)
        return case((self.matches(text, TIME), self.parse_time(text)))

    def parse_time(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        """A text as a UTC time. A plain cast would drop a zone without applying it."""
        with_zone = self.in_utc(cast(self.plain_zone(text), types.TIMESTAMP(timezone=True)))
        return case((self.matches(text, ENDS_WITH_ZONE), with_zone), else_=cast(text, types.TIMESTAMP()))

    def plain_zone(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        """The text of a time with a zone as the engine's cast takes it."""
        return func.replace(text, literal("Z+"), literal("+"))

    def bad_time(self, column: ColumnElement[Any]) -> ColumnElement[Any] | None:
        """The condition that a value is not a valid time; None where the column's type leaves no doubt."""
        kind = kind_of(column.type)
        if kind in (Kind.DAY, Kind.TIME, Kind.UNKNOWN):
            return None
        return and_(self.filled(column).is_not(None), self.try_time(column).is_(None))

    def sort_keys(self, column: ColumnElement[Any]) -> list[ColumnElement[Any]]:
        """What to sort by, to sort by the column: a text as the time that it spells, or as a whole number sorts."""
        if kind_of(column.type) in (Kind.WHOLE, Kind.NUMBER, Kind.DAY, Kind.TIME, Kind.UNKNOWN):
            return [column]
        text = self.text(column)
        return [self.try_time(column), func.length(text), text]

    # -- yes and no, lists of ids

    def flag(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """A loader's yes-or-no column as text to compare with the words of `flags.py`, in lower case."""
        kind = kind_of(column.type)
        by_way_of_text = kind in (Kind.BINARY, Kind.DOCUMENT, Kind.LIST)
        word = func.lower(func.trim(self.text(column) if by_way_of_text else cast(column, String)))
        if kind is not Kind.NUMBER:
            return word
        zero_or_one = [(column == literal_column(digit), literal(digit)) for digit in ("0", "1")]
        return case(*zero_or_one, else_=word)

    def bad_flag(self, column: ColumnElement[Any]) -> ColumnElement[Any] | None:
        """The condition that a value says neither yes nor no."""
        return and_(self.filled(column).is_not(None), self.flag(column).not_in((*YES, *NO)))

    def id_list(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """A column of ids as a text of whole numbers with commas between; null where it holds none or cannot be read.

        It may be a text such as `[2,3]`, `2,3` or `[{"value": 2}]`, JSON, or an array of numbers, texts or structs.
        """
        spaced = self._without_marks(column)
        return case((self.matches(spaced, ID_LIST), self.replace_all(spaced, NOT_IN_A_LIST, "")))

    def bad_id_list(self, column: ColumnElement[Any]) -> ColumnElement[Any] | None:
        """The condition that a value is no list of ids; None where the column's type leaves no doubt."""
        if kind_of(column.type) is Kind.WHOLE:
            return None
        spaced = self._without_marks(column)
        return and_(func.trim(spaced) != literal(""), not_(self.matches(spaced, ID_LIST)))

    def _without_marks(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return self.replace_all(self.text(column), LIST_MARKS, " ")

"""SQLite, which keeps times as text: all of them are brought to one form, so that they compare as text."""

from __future__ import annotations

import math
import sqlite3
import zlib
from datetime import datetime, timedelta
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import BigInteger, Integer, String, and_, case, cast, func, literal, literal_column, not_
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Engine
from superset_campaign_plugin.engines.kinds import Kind, kind_of
from superset_campaign_plugin.engines.locks import Locks
from superset_campaign_plugin.engines.reading import quoted_key

_TIME = "%Y-%m-%d %H:%M:%f"
_DAY = "%Y-%m-%d 00:00:00.000"
_MONTH = "%Y-%m-01 00:00:00.000"
_TEXT_NUMBER = "campaign_text_number"
_DIGIT = "[0-9]"
_BEGINS_WITH_DAY = f"{_DIGIT * 4}-{_DIGIT * 2}-{_DIGIT * 2}*"
_LONGEST_TIME = 99
_BARE_OFFSET = f"*:*[+-]{_DIGIT * 2}"


class SQLite(Engine):
    """Its date functions read ISO 8601 with or without a zone and answer in UTC, to the millisecond.

    Any column may hold any value, so it is the values that decide: a time may lie in a column that is declared as
    `TIMESTAMP WITH TIME ZONE`, which is a number to SQLite. It has no regular expressions, but GLOB.
    """

    name = "sqlite"
    sqlglot = "sqlite"
    timestamp_type = "DATETIME"
    schemas = False
    locks = Locks(refusals=("database is locked",))
    keeps_indexes = True
    nested_loops = True
    # Else a large transaction would lock readers out before its end.
    refresh_settings = ("PRAGMA cache_spill = OFF",)
    time_zones = False
    casts_decimals = True
    not_a_time = frozenset({Kind.WHOLE, Kind.FLAG})
    character = "CHAR({})"

    def own_dialect(self) -> Dialect:
        return sqlite.dialect(paramstyle="named")

    def prepare(self, connection: Connection) -> None:
        # It has no function that makes a number of a text.
        own = connection.connection.driver_connection
        own.create_function(_TEXT_NUMBER, 1, _checksum, deterministic=True)
        with_square_roots(own)

    def milliseconds(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        seconds = cast(func.strftime(literal("%s"), moment), Integer)
        return seconds * literal_column("1000") + cast(func.substr(moment, 21, 3), Integer)

    def text_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return getattr(func, _TEXT_NUMBER)(text)

    def now(self) -> ColumnElement[Any]:
        return func.strftime(literal(_TIME), literal("now"))

    def time_literal(self, moment: datetime) -> ColumnElement[Any]:
        return literal(moment.isoformat(sep=" ", timespec="milliseconds"))

    def not_before(self, column: ColumnElement[Any], moment: datetime) -> ColumnElement[Any] | None:
        # As text, whatever stands between day and time; a zone may be most of a day away from UTC.
        if kind_of(column.type) not in (Kind.DAY, Kind.TIME):
            return None
        return column >= literal(f"{moment - timedelta(days=1):%Y-%m-%d}")

    def days_before(self, moment: ColumnElement[Any], days: int) -> ColumnElement[Any]:
        return func.strftime(literal(_TIME), moment, literal(f"-{days} days"))

    def time(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        # The usual spellings first: the second reading is that of the few others.
        return func.coalesce(func.strftime(literal(_TIME), column), func.strftime(literal(_TIME), _usual(column)))

    def try_time(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        # It would read 02-30 as a day of March, and a number as one of another calendar.
        day = func.substr(func.trim(column), 1, 10)
        is_day = and_(_like(func.trim(column), _BEGINS_WITH_DAY), func.date(day, literal("+0 days")) == day)
        return case((is_day, self.time(column)))

    def bad_time(self, column: ColumnElement[Any]) -> ColumnElement[Any] | None:
        return and_(self.filled(column).is_not(None), self.try_time(column).is_(None))

    def try_identifier(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        if kind_of(column.type) is Kind.NUMBER:
            return case((cast(column, BigInteger) == column, cast(column, BigInteger)))
        return super().try_identifier(column)

    def try_whole_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        without = func.rtrim(func.rtrim(text, literal("0")), literal("."))
        digits = case((self.contains(text, "."), without), else_=text)
        return case((cast(cast(digits, BigInteger), String) == digits, cast(digits, BigInteger)))

    def sort_keys(self, column: ColumnElement[Any]) -> list[ColumnElement[Any]]:
        if kind_of(column.type) in (Kind.NUMBER, Kind.DAY, Kind.TIME):
            return [self.try_time(column), column]
        return super().sort_keys(column)

    def bad_identifier(self, column: ColumnElement[Any]) -> ColumnElement[Any] | None:
        if kind_of(column.type) is Kind.WHOLE:
            return func.typeof(column).not_in(("integer", "null"))
        return super().bad_identifier(column)

    def id_list(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        ids = _spaced_ids(self.text(column))
        return case((_is_id_list(ids), func.replace(ids, literal(" "), literal(""))))

    def bad_id_list(self, column: ColumnElement[Any]) -> ColumnElement[Any] | None:
        ids = _spaced_ids(self.text(column))
        return and_(func.trim(ids) != literal(""), not_(_is_id_list(ids)))

    def contains(self, text: ColumnElement[Any], part: str) -> ColumnElement[Any]:
        return func.instr(text, literal(part)) > 0

    def any_bits(self, mask: ColumnElement[Any], width: int) -> ColumnElement[Any]:
        # There is no BIT_OR; the bits apart, each is there if its highest value is.
        bits = [func.max(mask.op("&")(literal(1 << place))) for place in range(width)]
        return reduce(add, bits)

    def list_part(self, text: ColumnElement[Any], place: ColumnElement[Any]) -> ColumnElement[Any]:
        as_list = func.json(literal("[").concat(text).concat(literal("]")))
        # Not json_extract: it would be rewritten to ->, which keeps a text's quotes.
        return as_list.op("->>")(cast(place - literal(1), Integer))

    def after_last(self, text: ColumnElement[Any], mark: str) -> ColumnElement[Any]:
        # RTRIM takes all letters away that stand behind the last mark.
        until = func.rtrim(text, func.replace(text, literal(mark), literal("")))
        return func.substr(text, func.length(until) + literal(1))

    def json_text(self, column: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        return column.op("->>", return_type=String())(literal(f"$.{quoted_key(key)}"))

    def day(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.strftime(literal(_DAY), moment)

    def quotient(self, number: ColumnElement[Any], by: int) -> ColumnElement[Any]:
        # Of whole numbers it divides as whole numbers, and not every build has FLOOR.
        return number.op("/")(literal(by))

    def hour(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(func.substr(moment, 12, 2), Integer)

    def week(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.strftime(literal(_DAY), moment, literal("weekday 0"), literal("-6 days"))

    def month(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.strftime(literal(_MONTH), moment)


def with_square_roots(connection: sqlite3.Connection) -> None:
    """Give a connection of Python's `sqlite3` the function SQRT, which builds without mathematical functions lack."""
    if lacks_square_roots(connection):
        connection.create_function("SQRT", 1, _square_root, deterministic=True)


def lacks_square_roots(connection: sqlite3.Connection) -> bool:
    """Whether the connection has no function SQRT, as in every connection of a build without it."""
    try:
        connection.execute("SELECT SQRT(4)")
    except sqlite3.OperationalError:
        return True
    return False


def _square_root(value: float | None) -> float | None:
    return None if value is None or value < 0 else math.sqrt(value)


def _like(text: ColumnElement[Any], pattern: str) -> ColumnElement[Any]:
    return text.op("GLOB", is_comparison=True)(literal(pattern))


def _usual(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A time in a spelling that the date functions read: offsets need minutes and a colon, and UTC is Z."""
    text = func.replace(func.replace(func.trim(column), literal("UTC"), literal("Z")), literal("Z+"), literal("+"))
    # A negative length gives what stands before a place.
    hours = func.substr(text, literal_column("-2"), literal_column(f"-{_LONGEST_TIME}"))
    with_colon = hours.concat(literal(":").concat(func.substr(text, literal_column("-2"))))
    return case(
        (_like(text, _BARE_OFFSET + _DIGIT * 2), with_colon),
        (_like(text, _BARE_OFFSET), text.concat(literal(":00"))),
        else_=text,
    )


def _spaced_ids(text: ColumnElement[Any]) -> ColumnElement[Any]:
    """A list of ids without its marks; spaces may be left around the numbers, and commas part them."""
    for mark in ('"value"', "[", "]", "{", "}", '"', ":", "\n"):
        text = func.replace(text, literal(mark), literal(" "))
    text = func.replace(text, literal("null"), literal(""))
    padded = func.replace(text.concat(literal(" ")), literal(".0,"), literal(","))
    return func.replace(padded, literal(".0 "), literal(" "))


def _is_id_list(ids: ColumnElement[Any]) -> ColumnElement[Any]:
    """JSON takes no two numbers without a comma between."""
    is_json = func.json_valid(literal("[").concat(ids).concat(literal("]"))) == literal_column("1")
    return and_(func.trim(ids) != literal(""), not_(_like(ids, "*[^0-9, ]*")), is_json)


def _checksum(value: object) -> int | None:
    return None if value is None else zlib.crc32(str(value).encode("utf-8", "surrogatepass"))

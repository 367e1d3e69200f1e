"""SQLite, which keeps times as text: all of them are brought to one form, so that they compare as text."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import Integer, cast, func, literal
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import WEEK_FROM_MONDAY, Engine
from superset_campaign_plugin.engines.locks import Locks

_TIME = "%Y-%m-%d %H:%M:%f"
_DAY = "%Y-%m-%d 00:00:00.000"
_MONTH = "%Y-%m-01 00:00:00.000"


class SQLite(Engine):
    """Its date functions read ISO 8601 with or without a zone and answer in UTC, to the millisecond."""

    name = "sqlite"
    sqlglot = "sqlite"
    timestamp_type = "DATETIME"
    week_grain = WEEK_FROM_MONDAY
    schemas = False
    locks = Locks(refusals=("database is locked",))
    keeps_indexes = True
    nested_loops = True
    # Else a large transaction would lock readers out before its end.
    refresh_settings = ("PRAGMA cache_spill = OFF",)
    time_zones = False
    refuses_bad_values = False
    character = "CHAR({})"

    def own_dialect(self) -> Dialect:
        return sqlite.dialect(paramstyle="named")

    def now(self) -> ColumnElement[Any]:
        return func.strftime(literal(_TIME), literal("now"))

    def time_literal(self, moment: datetime) -> ColumnElement[Any]:
        return literal(moment.isoformat(sep=" ", timespec="milliseconds"))

    def days_before(self, moment: ColumnElement[Any], days: int) -> ColumnElement[Any]:
        return func.strftime(literal(_TIME), moment, literal(f"-{days} days"))

    def time(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.strftime(literal(_TIME), column)

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

    def json_value(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return text.op("->>")(literal("$.value"))

    def day(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.strftime(literal(_DAY), moment)

    def week(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.strftime(literal(_DAY), moment, literal("weekday 0"), literal("-6 days"))

    def month(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.strftime(literal(_MONTH), moment)

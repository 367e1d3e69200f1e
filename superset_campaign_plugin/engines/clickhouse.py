"""ClickHouse, through its own driver, clickhouse-connect."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, case, cast, func, literal, literal_column
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Engine
from superset_campaign_plugin.engines.forms import WHOLE_NUMBER
from superset_campaign_plugin.engines.kinds import Kind, is_object, kind_of
from superset_campaign_plugin.engines.rendering import Named, plain_dialect

_TIME = Named("Nullable(DateTime64(6, 'UTC'))")
_DIGITS = literal_column("6")
_UTC = literal_column("'UTC'")
_NULLABLE_TEXT = literal_column("'Nullable(String)'")


class ClickHouse(Engine):
    """A type holds nulls only where it says so, and a join fills what it does not find with zeros and empty texts
    unless it does: every column is therefore read as a type that does. Times carry UTC as their zone."""

    name = "clickhousedb"
    aliases = ("clickhouse",)
    sqlglot = "clickhouse"
    timestamp_type = "DateTime64(6, 'UTC')"
    runs_in_tests = False
    bit_or, bit_and = "groupBitOr", "bitAnd"
    joins_rename = True
    time_type = _TIME
    updates_rows = False
    merges = False
    change_over = "view"
    create_schema = "CREATE DATABASE IF NOT EXISTS {}"
    table_format = "ENGINE = MergeTree ORDER BY tuple()"
    character = "CHAR({})"

    def own_dialect(self) -> Dialect:
        return plain_dialect(
            quote="`", text_type="Nullable(String)", number_type="Nullable(Int64)", backslash_escapes=True
        )

    def milliseconds(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.toUnixTimestamp64Milli(func.toDateTime64(moment, literal_column("3")))

    def text_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(func.CRC32(text), BigInteger)

    def now(self) -> ColumnElement[Any]:
        return func.now64(_DIGITS, _UTC)

    def time_literal(self, moment: datetime) -> ColumnElement[Any]:
        return func.toDateTime64(literal(moment.isoformat(sep=" ", timespec="milliseconds")), _DIGITS, _UTC)

    def days_before(self, moment: ColumnElement[Any], days: int) -> ColumnElement[Any]:
        return moment - literal_column(f"INTERVAL {days} DAY")

    def time(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        if kind_of(column.type) in (Kind.DAY, Kind.TIME, Kind.UNKNOWN):
            return cast(func.toDateTime64(column, _DIGITS, _UTC), _TIME)
        return super().time(column)

    def parse_time(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.parseDateTime64BestEffort(self.plain_zone(text), _DIGITS, _UTC)

    def plain_zone(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return self.replace_all(text, " *Z?([+-][0-9:]+)$", "\\1")

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[Any]:
        return func.match(text, literal(pattern))

    def identifier(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        if kind_of(column.type) is Kind.WHOLE:
            return cast(column, BigInteger)
        return super().identifier(column)

    def whole_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(self.replace_all(text, "[.]0*$", ""), BigInteger)

    def try_whole_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        number = func.toInt64OrNull(func.ifNull(self.replace_all(text, "[.]0*$", ""), literal("")))
        return case((self.matches(text, WHOLE_NUMBER), cast(number, BigInteger)))

    def text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        kind = kind_of(column.type)
        return cast(func.toString(column) if kind in (Kind.DOCUMENT, Kind.LIST) else column, String)

    def replace_all(self, text: ColumnElement[Any], pattern: str, replacement: str) -> ColumnElement[Any]:
        return func.replaceRegexpAll(text, literal(pattern), literal(replacement))

    def contains(self, text: ColumnElement[Any], part: str) -> ColumnElement[Any]:
        return func.position(text, literal(part)) > 0

    def list_part(self, text: ColumnElement[Any], place: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.arrayElement(func.splitByChar(literal(","), func.ifNull(text, literal(""))), place)

    def after_last(self, text: ColumnElement[Any], mark: str) -> ColumnElement[Any]:
        parts = func.splitByChar(literal(mark), func.ifNull(text, literal("")))
        return func.arrayElement(parts, literal_column("-1"))

    def json_text(self, column: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        text = func.toJSONString(column) if is_object(column.type) else column
        return func.JSONExtract(func.ifNull(text, literal("")), literal(key), _NULLABLE_TEXT, type_=String())

    def local_time(self, moment: ColumnElement[Any], zone: str) -> ColumnElement[Any]:
        # The zone is a part of the type, so the clocks are read as a text, and that as UTC.
        clocks = func.toString(moment, literal(zone))
        return func.toDateTime64(clocks, _DIGITS, _UTC)

    def _truncate(self, unit: str, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.toDateTime64(func.dateTrunc(literal(unit), moment), _DIGITS, _UTC)

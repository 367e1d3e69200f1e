"""ClickHouse, through its own driver, clickhouse-connect."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, cast, func, literal, literal_column, types
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Engine
from superset_campaign_plugin.engines.rendering import Named, plain_dialect

_TIME = Named("Nullable(DateTime64(6, 'UTC'))")
_DIGITS = literal_column("6")
_UTC = literal_column("'UTC'")


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
    updates_rows = False
    character = "CHAR({})"

    def own_dialect(self) -> Dialect:
        return plain_dialect(
            quote="`", text_type="Nullable(String)", number_type="Nullable(Int64)", backslash_escapes=True
        )

    def now(self) -> ColumnElement[Any]:
        return func.now64(_DIGITS, _UTC)

    def time_literal(self, moment: datetime) -> ColumnElement[Any]:
        return func.toDateTime64(literal(moment.isoformat(sep=" ", timespec="milliseconds")), _DIGITS, _UTC)

    def days_before(self, moment: ColumnElement[Any], days: int) -> ColumnElement[Any]:
        return moment - literal_column(f"INTERVAL {days} DAY")

    def time(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        if isinstance(column.type, types.String):
            return super().time(column)
        return cast(func.toDateTime64(column, _DIGITS, _UTC), _TIME)

    def parse_time(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.parseDateTime64BestEffort(text, _DIGITS, _UTC)

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[Any]:
        return func.match(text, literal(pattern))

    def identifier(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        if isinstance(column.type, types.String):
            return super().identifier(column)
        return cast(column, BigInteger)

    def text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(column, String)

    def contains(self, text: ColumnElement[Any], part: str) -> ColumnElement[Any]:
        return func.position(text, literal(part)) > 0

    def list_part(self, text: ColumnElement[Any], place: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.arrayElement(func.splitByChar(literal(","), func.ifNull(text, literal(""))), place)

    def json_value(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.JSONExtractString(func.ifNull(text, literal("")), literal("value"))

    def local_time(self, moment: ColumnElement[Any], zone: str) -> ColumnElement[Any]:
        # The zone is a part of the type, so the clocks are read as a text, and that as UTC.
        clocks = func.toString(moment, literal(zone))
        return func.toDateTime64(clocks, _DIGITS, _UTC)

    def _truncate(self, unit: str, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.toDateTime64(func.dateTrunc(literal(unit), moment), _DIGITS, _UTC)

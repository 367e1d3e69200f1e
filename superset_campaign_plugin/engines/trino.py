"""Trino."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, case, cast, func, literal, literal_column, types
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Engine
from superset_campaign_plugin.engines.forms import ENDS_WITH_ZONE
from superset_campaign_plugin.engines.kinds import Kind, is_object, kind_of
from superset_campaign_plugin.engines.reading import quoted_key
from superset_campaign_plugin.engines.rendering import Named, plain_dialect

_TIME = Named("TIMESTAMP(6)")
_UTC = literal_column("'UTC'")


class Trino(Engine):
    """A time with a zone is brought to UTC before the zone is dropped; a plain TIMESTAMP keeps milliseconds only."""

    name = "trino"
    sqlglot = "trino"
    runs_in_tests = False
    bit_or, bit_and = "bitwise_or_agg", "bitwise_and"
    updates_rows = False
    merges = False
    change_over = "view"
    time_type = _TIME
    try_cast = "TRY_CAST"

    def own_dialect(self) -> Dialect:
        return plain_dialect()

    def milliseconds(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(func.to_unixtime(moment) * literal_column("1000"), BigInteger)

    def text_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.crc32(func.to_utf8(text))

    def now(self) -> ColumnElement[Any]:
        return _without_zone(literal_column("CURRENT_TIMESTAMP"))

    def days_before(self, moment: ColumnElement[Any], days: int) -> ColumnElement[Any]:
        return moment - literal_column(f"INTERVAL '{days}' DAY")

    def in_utc(self, instant: ColumnElement[Any]) -> ColumnElement[Any]:
        return _without_zone(instant)

    def decoded(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.from_utf8(column)

    def document_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.coalesce(func.json_extract_scalar(column, literal("$")), func.json_format(column))

    def list_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.json_format(cast(column, Named("JSON")))

    def parse_time(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        # The function wants ISO 8601 to the letter, and the cast wants a space.
        as_z = func.regexp_replace(text, literal(" *UTC$"), literal("Z"))
        close = func.regexp_replace(as_z, literal(" *Z?([+-][0-9:]+)$"), literal("$1"))
        letter = self.replace_all(self.replace_all(close, " +Z$", "Z"), " +", "T")
        spaced = func.regexp_replace(text, literal("T| +"), literal(" "))
        with_zone = _without_zone(func.from_iso8601_timestamp_nanos(letter))
        return case((self.matches(text, ENDS_WITH_ZONE), with_zone), else_=cast(spaced, _TIME))

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[Any]:
        return func.regexp_like(text, literal(pattern))

    def json_text(self, column: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        known = kind_of(column.type) is Kind.DOCUMENT or not is_object(column.type)
        text = column if known else cast(column, types.JSON())
        path = f"$.{key}" if quoted_key(key) == key else f"$[{quoted_key(key)}]"
        return func.json_extract_scalar(text, literal(path), type_=types.String())

    def local_time(self, moment: ColumnElement[Any], zone: str) -> ColumnElement[Any]:
        return cast(func.at_timezone(func.with_timezone(moment, _UTC), literal(zone)), _TIME)


def _without_zone(instant: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(func.at_timezone(instant, _UTC), _TIME)

"""Snowflake."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import case, cast, func, literal, literal_column, types
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Engine
from superset_campaign_plugin.engines.forms import ENDS_WITH_ZONE
from superset_campaign_plugin.engines.kinds import is_object
from superset_campaign_plugin.engines.reading import quoted_key
from superset_campaign_plugin.engines.rendering import Named, plain_dialect

_TIME = Named("TIMESTAMP_NTZ")


class Snowflake(Engine):
    """What TIMESTAMP means is a setting of the session, so each of its kinds is named."""

    name = "snowflake"
    sqlglot = "snowflake"
    timestamp_type = "TIMESTAMP_NTZ"
    runs_in_tests = False
    # Whatever makes, renames or drops a table ends the transaction.
    change_over = "view"
    copy_table = "CREATE TABLE {new} CLONE {old}"
    replace_view = "CREATE OR REPLACE VIEW {name} COPY GRANTS AS {query}"
    bit_or, bit_and = "bitor_agg", "bitand"
    time_type = _TIME
    casts_decimals = True
    try_cast = "TRY_CAST"

    def own_dialect(self) -> Dialect:
        return plain_dialect(backslash_escapes=True)

    def milliseconds(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.date_part(literal("epoch_millisecond"), moment)

    def not_before(self, column: ColumnElement[Any], moment: datetime) -> ColumnElement[Any] | None:
        if not _has_zone(column):
            return None
        bound = f"{moment.isoformat(sep=' ', timespec='milliseconds')} +00:00"
        return column >= cast(literal(bound), Named("TIMESTAMP_TZ"))

    def text_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.hash(text)

    def now(self) -> ColumnElement[Any]:
        return literal_column("SYSDATE()")

    def time_literal(self, moment: datetime) -> ColumnElement[Any]:
        return cast(literal(moment.isoformat(sep=" ", timespec="milliseconds")), _TIME)

    def days_before(self, moment: ColumnElement[Any], days: int) -> ColumnElement[Any]:
        return func.dateadd(literal_column("DAY"), literal_column(str(-days)), moment)

    def time(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return _in_utc(column) if _has_zone(column) else super().time(column)

    def in_utc(self, instant: ColumnElement[Any]) -> ColumnElement[Any]:
        return _in_utc(instant)

    def decoded(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.try_hex_decode_string(func.hex_encode(column))

    def parse_time(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        with_zone = _in_utc(func.to_timestamp_tz(self.plain_zone(text)))
        return case((self.matches(text, ENDS_WITH_ZONE), with_zone), else_=cast(text, _TIME))

    def plain_zone(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        as_z = func.regexp_replace(text, literal(" *UTC$"), literal("Z"))
        return self.replace_all(as_z, " *Z?([+-][0-9:]+)$", "\\1")

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[Any]:
        # REGEXP_LIKE would want the whole text to match.
        return func.regexp_instr(text, literal(pattern)) > 0

    def contains(self, text: ColumnElement[Any], part: str) -> ColumnElement[Any]:
        return func.position(literal(part), text) > 0

    def json_text(self, column: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        text = func.to_json(column) if is_object(column.type) else column
        return func.json_extract_path_text(text, literal(quoted_key(key)), type_=types.String())

    def local_time(self, moment: ColumnElement[Any], zone: str) -> ColumnElement[Any]:
        return func.convert_timezone(literal("UTC"), literal(zone), moment)

    def week(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        # On which day DATE_TRUNC lets a week begin is a setting.
        since_monday = literal_column("1") - func.dayofweekiso(moment)
        return func.dateadd(literal_column("DAY"), since_monday, self.day(moment))


def _has_zone(column: ColumnElement[Any]) -> bool:
    """Whether times of the column carry a zone. The driver has types of its own for the two kinds that do."""
    named = type(column.type).__name__ in ("TIMESTAMP_TZ", "TIMESTAMP_LTZ")
    return named or bool(getattr(column.type, "timezone", False))


def _in_utc(instant: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(func.convert_timezone(literal("UTC"), instant), _TIME)

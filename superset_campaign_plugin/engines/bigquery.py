"""Google BigQuery."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import cast, func, literal, literal_column, types
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Engine
from superset_campaign_plugin.engines.kinds import Kind, is_object, kind_of
from superset_campaign_plugin.engines.reading import quoted_key
from superset_campaign_plugin.engines.rendering import Named, plain_dialect

_TIME = Named("DATETIME")
_INSTANT = Named("TIMESTAMP")


class BigQuery(Engine):
    """Its TIMESTAMP is an instant; a time without a zone is a DATETIME."""

    name = "bigquery"
    sqlglot = "bigquery"
    timestamp_type = "DATETIME"
    runs_in_tests = False
    # Temporary tables and transactions need a script or a session of its own, which its driver does not open.
    merges = False
    change_over = "view"
    time_type = _TIME
    try_cast = "SAFE_CAST"

    def own_dialect(self) -> Dialect:
        return plain_dialect(quote="`", text_type="STRING", number_type="INT64", backslash_escapes=True)

    def milliseconds(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.unix_millis(func.timestamp(moment))

    def text_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.farm_fingerprint(text)

    def remainder(self, number: ColumnElement[Any], by: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.mod(number, by)

    def now(self) -> ColumnElement[Any]:
        return literal_column("CURRENT_DATETIME('UTC')")

    def time_literal(self, moment: datetime) -> ColumnElement[Any]:
        return cast(literal(moment.isoformat(sep=" ", timespec="milliseconds")), _TIME)

    def days_before(self, moment: ColumnElement[Any], days: int) -> ColumnElement[Any]:
        return func.datetime_sub(moment, literal_column(f"INTERVAL {days} DAY"))

    def time(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        # Its driver's TIMESTAMP says nothing of a zone; SQLAlchemy's DATETIME and TIMESTAMP are different types.
        if isinstance(column.type, types.TIMESTAMP):
            return func.datetime(column, literal("UTC"))
        return super().time(column)

    def decoded(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.safe_convert_bytes_to_string(column)

    def document_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        # CAST takes no JSON, and of arrays and objects JSON_VALUE gives null.
        return func.coalesce(func.json_value(column, literal("$")), func.to_json_string(column))

    def list_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.to_json_string(column)

    def parse_time(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        # Without a zone a text is read as UTC; an offset must have its colon, and stand without a space or Z before it.
        as_z = func.regexp_replace(text, literal(" *UTC$"), literal("Z"))
        close = func.regexp_replace(as_z, literal(" *Z?([+-][0-9:]+)$"), literal("\\1"))
        colon = func.regexp_replace(close, literal("(:[0-9.]+[+-][0-9]{2})([0-9]{2})$"), literal("\\1:\\2"))
        return func.datetime(cast(colon, _INSTANT), literal("UTC"))

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[Any]:
        return func.regexp_contains(text, literal(pattern))

    def list_part(self, text: ColumnElement[Any], place: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.regexp_extract(text, literal("[^,]+"), literal_column("1"), place)

    def after_last(self, text: ColumnElement[Any], mark: str) -> ColumnElement[Any]:
        return func.regexp_extract(text, literal(f"[^{mark}]*$"))

    def json_text(self, column: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        # It takes a JSON column as it takes a text, but no STRUCT.
        known = kind_of(column.type) is Kind.DOCUMENT or not is_object(column.type)
        text = column if known else func.to_json_string(column)
        return func.json_value(text, literal(f"$.{quoted_key(key)}"), type_=types.String())

    def local_time(self, moment: ColumnElement[Any], zone: str) -> ColumnElement[Any]:
        return func.datetime(func.timestamp(moment, literal("UTC")), literal(zone))

    def _truncate(self, unit: str, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        part = "WEEK(MONDAY)" if unit == "week" else unit.upper()
        return func.datetime_trunc(moment, literal_column(part))

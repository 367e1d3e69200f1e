"""Spark SQL through its Thrift server, for which Superset uses URIs of Hive (`hive://…`), from Spark 3.4 on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import case, cast, func, literal, literal_column, text, types
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Columns, Engine
from superset_campaign_plugin.engines.forms import ENDS_WITH_ZONE
from superset_campaign_plugin.engines.kinds import Composite, Kind, Unnamed, is_object, kind_of
from superset_campaign_plugin.engines.reading import quoted_key
from superset_campaign_plugin.engines.rendering import plain_dialect

_SECONDS = types.Numeric(20, 6)
_TYPES: dict[str, types.TypeEngine] = {
    "bigint": types.BigInteger(),
    "boolean": types.Boolean(),
    "string": types.String(),
    "date": types.Date(),
    "timestamp": types.TIMESTAMP(timezone=True),
    "timestamp_ntz": types.TIMESTAMP(),
    "binary": types.LargeBinary(),
}

# Superset's time grains for `hive://`, right for Spark: those that it has for Hive put days into wrong weeks, and hold
# patterns that Spark refuses. For TIME_GRAIN_ADDON_EXPRESSIONS of superset_config.py; by ISO 8601 duration.
TIME_GRAINS = {
    "PT1S": "date_trunc('second', {col})",
    "PT1M": "date_trunc('minute', {col})",
    "PT1H": "date_trunc('hour', {col})",
    "P1D": "date_trunc('day', {col})",
    "P1W": "date_trunc('week', {col})",
    "P1M": "date_trunc('month', {col})",
    "P3M": "date_trunc('quarter', {col})",
    "P1Y": "date_trunc('year', {col})",
    "P1W/1970-01-03T00:00:00Z": "date_trunc('week', {col} + INTERVAL '1' DAY) + INTERVAL '5' DAY",
    "1969-12-28T00:00:00Z/P1W": "date_trunc('week', {col} + INTERVAL '1' DAY) - INTERVAL '1' DAY",
}


class Spark(Engine):
    """Its plain TIMESTAMP is an instant that shows in the session's time zone, so the report's times are
    TIMESTAMP_NTZ. They are made by functions: Hive's dialect, in which Superset parses this SQL, lacks the type.

    Whether a bad value is refused or becomes null is the server's setting (`spark.sql.ansi.enabled`).
    """

    name = "hive"
    sqlglot = "hive"
    updates_rows = False
    merges = False
    schemas = False
    change_over = "view"
    table_format = "USING parquet"

    def own_dialect(self) -> Dialect:
        return plain_dialect(quote="`", text_type="STRING", backslash_escapes=True)

    def milliseconds(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.unix_millis(cast(moment, types.TIMESTAMP()))

    def now(self) -> ColumnElement[Any]:
        return _in_utc(func.current_timestamp())

    def time_literal(self, moment: datetime) -> ColumnElement[Any]:
        return func.to_timestamp_ntz(literal(moment.isoformat(sep=" ", timespec="milliseconds")))

    def days_before(self, moment: ColumnElement[Any], days: int) -> ColumnElement[Any]:
        return moment - literal_column(f"INTERVAL '{days}' DAY")

    def time(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.to_timestamp_ntz(column) if kind_of(column.type) is Kind.DAY else super().time(column)

    def in_utc(self, instant: ColumnElement[Any]) -> ColumnElement[Any]:
        return _in_utc(instant)

    def parse_time(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        with_zone = _in_utc(func.to_timestamp(self.plain_zone(text)))
        return case((self.matches(text, ENDS_WITH_ZONE), with_zone), else_=func.to_timestamp_ntz(text))

    def plain_zone(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        # It wants seconds before a zone, and a colon within the offset.
        offset = self.replace_all(text, " *(UTC|Z)?([+-][0-9]{2})(:?([0-9]{2}))?$", "$2:0$4")
        whole = self.replace_all(offset, ":0([0-9]{2})$", ":$1")
        return self.replace_all(whole, "([T ][0-9]{2}:[0-9]{2})( *[ZU+-])", "$1:00$2")

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[Any]:
        return text.op("RLIKE", is_comparison=True)(literal(pattern))

    def contains(self, text: ColumnElement[Any], part: str) -> ColumnElement[Any]:
        return func.locate(literal(part), text) > 0

    def json_text(self, column: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        text = func.to_json(column) if is_object(column.type) else column
        path = f"$.{key}" if quoted_key(key) == key else f"$['{key}']"  # it knows no quotes but these
        return func.get_json_object(text, literal(path), type_=types.String())

    def local_time(self, moment: ColumnElement[Any], zone: str) -> ColumnElement[Any]:
        # In a session that is not in UTC, hours beside a change of the clocks may be an hour off.
        return func.to_timestamp_ntz(func.from_utc_timestamp(moment, literal(zone)))

    def day(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.to_timestamp_ntz(func.to_date(moment))

    def _truncate(self, unit: str, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.to_timestamp_ntz(func.trunc(moment, literal(unit.upper())))

    def read_columns(
        self, connection: Connection, schema: str | None, attached: str | None = None
    ) -> Mapping[str, Columns] | None:
        # The inspector takes the first column of SHOW TABLES, which is the schema, for the table's name.
        return _Tables(connection, schema)


def _in_utc(instant: ColumnElement[Any]) -> ColumnElement[Any]:
    """An instant's clock in UTC, in whatever zone the session is: by its distance from 1970."""
    seconds = func.make_dt_interval(*[literal_column("0")] * 3, cast(instant, _SECONDS))
    return func.to_timestamp_ntz(literal("1970-01-01")).op("+")(seconds)


class _Tables(Mapping[str, Columns]):
    """The tables and views of a schema. Each is described when it is asked for: there may be hundreds."""

    def __init__(self, connection: Connection, schema: str | None) -> None:
        self._connection = connection
        self._quote = connection.dialect.identifier_preparer.quote_identifier
        self._prefix = f"{self._quote(schema)}." if schema else ""
        where = f" IN {self._quote(schema)}" if schema else ""
        self._names = [row.tableName for row in connection.execute(text(f"SHOW TABLES{where}"))]
        self._described: dict[str, Columns] = {}

    def __getitem__(self, name: str) -> Columns:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._described:
            described = self._connection.execute(text(f"DESCRIBE TABLE {self._prefix}{self._quote(name)}"))
            columns: Columns = {}
            for column, data_type, _ in described:
                if not column or column.startswith("#"):
                    break  # the partitions follow, whose columns have been named
                columns[column] = _type(data_type)
            self._described[name] = columns
        return self._described[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _type(name: str) -> types.TypeEngine:
    if name in _TYPES:
        return _TYPES[name]
    if name.startswith(("array", "struct", "map")):
        return Composite(name)
    if name.startswith(("varchar", "char")):
        return types.String()
    if name == "variant":
        return types.JSON()
    if name.startswith(("decimal", "double", "float")):
        return types.Numeric()
    return types.Integer() if name.endswith("int") else Unnamed(name)

"""DuckDB, the embedded default."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, case, cast, column, func, literal, literal_column, select, table, text, types
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Columns, Engine
from superset_campaign_plugin.engines.forms import ENDS_WITH_ZONE
from superset_campaign_plugin.engines.kinds import Composite, Unnamed
from superset_campaign_plugin.engines.postgresql import standard_dialect
from superset_campaign_plugin.engines.rendering import GuardedCast

_COLUMNS = table(
    "columns",
    *map(column, ("table_catalog", "table_schema", "table_name", "column_name", "data_type", "ordinal_position")),
    schema="information_schema",
)
_SCHEMATA = table("schemata", column("catalog_name"), column("schema_name"), schema="information_schema")
# Of every database that nobody told otherwise.
DEFAULT_SCHEMA = "main"
_TYPES: dict[str, types.TypeEngine] = {
    "BIGINT": types.BigInteger(),
    "BOOLEAN": types.Boolean(),
    "VARCHAR": types.String(),
    "DATE": types.Date(),
    "TIMESTAMP WITH TIME ZONE": types.TIMESTAMP(timezone=True),
    "JSON": types.JSON(),
    "BLOB": types.LargeBinary(),
    # Whole numbers wider than 64 bits.
    **dict.fromkeys(("UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM", "VARINT"), types.Numeric()),
}
_ZONED = types.TIMESTAMP(timezone=True)


class DuckDB(Engine):
    """Its SQL is PostgreSQL's, whose dialect therefore renders it without the driver."""

    name = "duckdb"
    sqlglot = "duckdb"
    casts_decimals = True
    try_cast = "TRY_CAST"
    # Of 50 million activities, eight parts take as long as all at once, and 3.7 GB in place of 6.
    rows_at_once = 7_000_000
    refresh_settings = ("SET preserve_insertion_order = false", "SET memory_limit = '6GB'")

    def own_dialect(self) -> Dialect:
        return standard_dialect()

    def milliseconds(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.epoch_ms(moment)

    def not_before(self, column: ColumnElement[Any], moment: datetime) -> ColumnElement[Any] | None:
        if not getattr(column.type, "timezone", False):
            return None
        return column >= literal_column(
            f"TIMESTAMP WITH TIME ZONE '{moment.isoformat(sep=' ', timespec='milliseconds')}+00:00'"
        )

    def text_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.hash(text)

    def mixed(self, numbers: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        # Its own hash is faster than arithmetic, and square enough.
        return cast(func.hash(*numbers).op(">>")(literal_column("33")), BigInteger)

    def spread(self, mixed: ColumnElement[Any]) -> ColumnElement[Any]:
        return mixed

    def read_columns(
        self, connection: Connection, schema: str | None, attached: str | None = None
    ) -> dict[str, Columns]:
        # The inspector lists the tables of every schema, and takes a time with a zone for one without.
        known = _COLUMNS.c
        own_schema = func.current_schema() if attached is None else literal(DEFAULT_SCHEMA)
        query = (
            select(known.table_name, known.column_name, known.data_type)
            .where(known.table_catalog == (func.current_database() if attached is None else literal(attached)))
            .where(known.table_schema == (own_schema if schema is None else literal(schema)))
            .order_by(known.table_name, known.ordinal_position)
        )
        # Written out: the first bound value makes the driver load pandas, which takes seconds.
        written = str(query.compile(dialect=self.dialect(), compile_kwargs={"literal_binds": True}))
        tables: dict[str, Columns] = {}
        for name, own, data_type in connection.execute(text(written.replace(":", r"\:"))):
            tables.setdefault(name, {})[own] = _type(data_type)
        return tables

    def decoded(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        # What is no UTF-8 shows its bytes.
        return func.coalesce(func.try_(func.decode(column)), cast(column, String))

    def document_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return column.op("->>")(literal("$"))

    def list_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(func.to_json(column), String)

    def replace_all(self, text: ColumnElement[Any], pattern: str, replacement: str) -> ColumnElement[Any]:
        return func.regexp_replace(text, literal(pattern), literal(replacement), literal("g"))

    def parse_time(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        # Its cast wants seconds before a zone, and nothing between them.
        spelled = self.plain_zone(text)
        with_zone = func.coalesce(GuardedCast(text, _ZONED, self.try_cast), cast(spelled, _ZONED))
        plain = cast(text, types.TIMESTAMP())
        return case((self.matches(text, ENDS_WITH_ZONE), self.in_utc(with_zone)), else_=plain)

    def plain_zone(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        offset = self.replace_all(func.replace(text, literal("UTC"), literal("Z")), " *Z?([+-][0-9:]+)$", "\\1")
        close = self.replace_all(offset, " +Z$", "Z")
        return self.replace_all(close, "([T ][0-9]{2}:[0-9]{2})([Z+-])", "\\1:00\\2")

    def schema_names(self, connection: Connection, attached: str | None = None) -> list[str]:
        # The inspector gives those of every attached database, with the database's name.
        known = _SCHEMATA.c
        place = func.current_database() if attached is None else literal(attached)
        query = select(known.schema_name).where(known.catalog_name == place).order_by(known.schema_name)
        written = str(query.compile(dialect=self.dialect(), compile_kwargs={"literal_binds": True}))
        return [name for (name,) in connection.execute(text(written.replace(":", r"\:")))]

    def _truncate(self, unit: str, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        # date_trunc gives a DATE for some units.
        return cast(func.date_trunc(literal(unit), moment), types.TIMESTAMP())


def _type(name: str) -> types.TypeEngine:
    if name in _TYPES:
        return _TYPES[name]
    if name.endswith("]") or name.startswith(("STRUCT", "MAP", "UNION")):
        return Composite(name)
    if name.startswith("TIMESTAMP"):
        return types.TIMESTAMP()
    if name.startswith(("DECIMAL", "DOUBLE", "FLOAT")):
        return types.Numeric()
    return types.Integer() if name.endswith(("INT", "INTEGER")) else Unnamed(name)

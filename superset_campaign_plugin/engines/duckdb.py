"""DuckDB, the embedded default."""

from __future__ import annotations

from typing import Any

from sqlalchemy import cast, func, literal, text, types
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Columns, Engine
from superset_campaign_plugin.engines.postgresql import standard_dialect

_COLUMNS = text(
    "SELECT table_name, column_name, data_type FROM information_schema.columns "
    "WHERE table_catalog = current_database() AND table_schema = coalesce(:schema, current_schema()) "
    "ORDER BY table_name, ordinal_position"
)
_TYPES: dict[str, types.TypeEngine] = {
    "BIGINT": types.BigInteger(),
    "BOOLEAN": types.Boolean(),
    "VARCHAR": types.String(),
    "DATE": types.Date(),
    "TIMESTAMP WITH TIME ZONE": types.TIMESTAMP(timezone=True),
}


class DuckDB(Engine):
    """Its SQL is PostgreSQL's, whose dialect therefore renders it without the driver."""

    name = "duckdb"
    sqlglot = "duckdb"
    refresh_settings = ("SET preserve_insertion_order = false", "SET memory_limit = '6GB'")

    def dialect(self) -> Dialect:
        return standard_dialect()

    def read_columns(self, connection: Connection, schema: str | None) -> dict[str, Columns]:
        # The inspector lists the tables of every schema, and takes a time with a zone for one without.
        tables: dict[str, Columns] = {}
        for table, column, data_type in connection.execute(_COLUMNS, {"schema": schema}):
            tables.setdefault(table, {})[column] = _type(data_type)
        return tables

    def _truncate(self, unit: str, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        # date_trunc gives a DATE for some units.
        return cast(func.date_trunc(literal(unit), moment), types.TIMESTAMP())


def _type(name: str) -> types.TypeEngine:
    if name in _TYPES:
        return _TYPES[name]
    if name.startswith("TIMESTAMP"):
        return types.TIMESTAMP()
    if name.startswith(("DECIMAL", "DOUBLE", "FLOAT")):
        return types.Numeric()
    return types.Integer() if name.endswith(("INT", "INTEGER")) else types.NullType()

"""DuckDB, the embedded default."""

from __future__ import annotations

from typing import Any

from sqlalchemy import cast, func, literal, types
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Engine


class DuckDB(Engine):
    """Its SQL is PostgreSQL's, whose dialect therefore renders it without the driver. A cast applies a text's zone."""

    name = "duckdb"
    sqlglot = "duckdb"

    def dialect(self) -> Dialect:
        return postgresql.dialect(paramstyle="named")

    def _truncate(self, unit: str, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        # date_trunc gives a DATE for some units.
        return cast(func.date_trunc(literal(unit), moment), types.TIMESTAMP())

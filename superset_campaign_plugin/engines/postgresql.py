"""PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import literal
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Engine


class PostgreSQL(Engine):
    """The standard, but for its regular expressions."""

    name = "postgresql"
    sqlglot = "postgres"

    def dialect(self) -> Dialect:
        return postgresql.dialect(paramstyle="named")

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[Any]:
        return text.op("~")(literal(pattern))

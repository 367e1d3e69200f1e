"""PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import literal
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Engine


def standard_dialect() -> Dialect:
    """PostgreSQL's dialect with literals as standard SQL has them: one percent sign, one backslash."""
    dialect = postgresql.dialect(paramstyle="named")
    dialect._backslash_escapes = False
    return dialect


class PostgreSQL(Engine):
    """The standard, but for its regular expressions."""

    name = "postgresql"
    sqlglot = "postgres"
    keeps_indexes = True
    needs_analyze = True
    refresh_settings = ("SET LOCAL work_mem = '512MB'", "SET LOCAL maintenance_work_mem = '512MB'")
    one_snapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
    lock_query: str | None = "SELECT pg_try_advisory_lock(hashtext(:name))"

    def dialect(self) -> Dialect:
        return standard_dialect()

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[Any]:
        return text.op("~")(literal(pattern))

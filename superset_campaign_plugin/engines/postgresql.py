"""PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import literal
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Engine
from superset_campaign_plugin.engines.locks import Locks


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
    locks = Locks(
        take="SELECT pg_try_advisory_lock(hashtext(:name))",
        isolation="SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        wait="SET LOCAL lock_timeout = '{milliseconds}ms'",
        exclude="LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE",
        holders=(
            "SELECT DISTINCT activity.pid, usename, application_name, xact_start FROM pg_locks AS locks "
            "JOIN pg_stat_activity AS activity ON activity.pid = locks.pid "
            "JOIN pg_class ON pg_class.oid = locks.relation AND pg_class.relname IN :names "
            "WHERE granted AND activity.pid <> pg_backend_pid() ORDER BY xact_start"
        ),
        refusals=("55P03", "40P01"),
    )

    rights: str | None = (
        "SELECT grantee, privilege_type, table_name FROM information_schema.role_table_grants "
        "WHERE table_schema = :schema AND table_name IN :names AND grantee <> current_user ORDER BY 3, 1, 2"
    )

    def own_dialect(self) -> Dialect:
        return standard_dialect()

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[Any]:
        return text.op("~")(literal(pattern))

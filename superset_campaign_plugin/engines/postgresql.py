"""PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, case, cast, func, literal, literal_column
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


_UTF_8 = (  # of bytes in hexadecimal digits, but for the null character, which no text holds
    "^(0[1-9a-f]|[1-7][0-9a-f]|(c[2-9a-f]|d[0-9a-f])X|e0[ab][0-9a-f]X|(e[1-9a-c]|e[ef])XX|ed[89][0-9a-f]X"
    "|f0[9ab][0-9a-f]XX|f[1-3]XXX|f48[0-9a-f]XX)*$"
).replace("X", "[89ab][0-9a-f]")


class PostgreSQL(Engine):
    """The standard, but for its regular expressions."""

    name = "postgresql"
    sqlglot = "postgres"
    keeps_indexes = True
    needs_analyze = True
    refresh_settings: tuple[str, ...] = ("SET LOCAL work_mem = '512MB'", "SET LOCAL maintenance_work_mem = '512MB'")
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

    def not_before(self, column: ColumnElement[Any], moment: datetime) -> ColumnElement[Any] | None:
        if not getattr(column.type, "timezone", False):
            return None
        return column >= literal_column(
            f"TIMESTAMP WITH TIME ZONE '{moment.isoformat(sep=' ', timespec='milliseconds')}+00:00'"
        )

    def text_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(func.hashtext(text), BigInteger)

    def decoded(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        # What is no UTF-8 shows its bytes.
        is_text = self.matches(func.encode(column, literal("hex")), _UTF_8)
        text = func.convert_from(column, literal("UTF8"))
        return case((is_text, text), else_=func.encode(column, literal("escape")))

    def document_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return column.op("#>>")(literal_column("CAST(ARRAY[] AS TEXT[])"))

    def list_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(func.to_jsonb(column), String)

    def replace_all(self, text: ColumnElement[Any], pattern: str, replacement: str) -> ColumnElement[Any]:
        return func.regexp_replace(text, literal(pattern), literal(replacement), literal("g"))

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[Any]:
        return text.op("~")(literal(pattern))

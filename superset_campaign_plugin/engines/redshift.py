"""Amazon Redshift."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, case, cast, func, literal, literal_column, types
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.kinds import is_object
from superset_campaign_plugin.engines.locks import Locks
from superset_campaign_plugin.engines.postgresql import PostgreSQL
from superset_campaign_plugin.engines.rendering import plain_dialect


class Redshift(PostgreSQL):
    """PostgreSQL's SQL, but backslashes escape in its texts, a plain VARCHAR cuts them at 256 bytes, and its
    CURRENT_TIMESTAMP cannot be asked together with tables."""

    name = "redshift"
    sqlglot = "redshift"
    rights = None
    # It has no indexes, and no settings of PostgreSQL's memory; what it makes of a query it has counted already.
    keeps_indexes = needs_analyze = False
    refresh_settings = ()
    locks = Locks()  # those of PostgreSQL are younger than what it comes from
    runs_in_tests = False

    def own_dialect(self) -> Dialect:
        return plain_dialect(text_type="VARCHAR(65535)", backslash_escapes=True)

    def text_number(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.strtol(
            func.substring(func.md5(text), literal_column("1"), literal_column("7")), literal_column("16")
        )

    def json_text(self, column: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        text = func.json_serialize(column) if is_object(column.type) else column
        return func.json_extract_path_text(text, literal(key), type_=types.String())

    def decoded(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.from_varbyte(column, literal("utf8"))

    def document_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        is_text = func.json_typeof(column) == literal("string")
        return case((is_text, cast(column, String)), else_=func.json_serialize(column))

    def list_text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return self.document_text(column)

    def replace_all(self, text: ColumnElement[Any], pattern: str, replacement: str) -> ColumnElement[Any]:
        return func.regexp_replace(text, literal(pattern), literal(replacement))

    def now(self) -> ColumnElement[Any]:
        session_time = cast(literal_column("GETDATE()"), types.TIMESTAMP(timezone=True))
        return session_time.op("AT TIME ZONE")(literal_column("'UTC'"))

"""PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, cast, literal_column, types
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Engine

_ENDS_WITH_ZONE = r"'\d\d:\d\d.*(Z|UTC|[+-]\d\d(:?\d\d)?)$'"


class PostgreSQL(Engine):
    """A cast to `timestamp` drops a zone in the text without applying it, so a text with one takes another way."""

    name = "postgresql"
    sqlglot = "postgres"

    def dialect(self) -> Dialect:
        return postgresql.dialect(paramstyle="named")

    def parse_time(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        with_zone = cast(text, types.TIMESTAMP(timezone=True)).op("AT TIME ZONE")(literal_column("'UTC'"))
        has_zone = text.op("~")(literal_column(_ENDS_WITH_ZONE))
        return case((has_zone, with_zone), else_=cast(text, types.TIMESTAMP()))

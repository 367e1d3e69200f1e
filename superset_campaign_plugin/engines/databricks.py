"""Databricks SQL warehouses and clusters with runtime 13.3 or later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, literal, types
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Columns
from superset_campaign_plugin.engines.kinds import is_object
from superset_campaign_plugin.engines.spark import Spark


class Databricks(Spark):
    """Spark's SQL under a dialect of its own, whose inspector reads tables properly."""

    name = "databricks"
    sqlglot = "databricks"
    runs_in_tests = False
    try_cast = "TRY_CAST"

    def read_columns(
        self, connection: Connection, schema: str | None, attached: str | None = None
    ) -> Mapping[str, Columns] | None:
        return None

    def json_text(self, column: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        # Not get_json_object: it would be rewritten to a colon, which a driver may take for a parameter.
        text = func.to_json(column) if is_object(column.type) else column
        keys = func.from_json(text, literal("MAP<STRING, STRING>"))
        return func.try_element_at(keys, literal(key), type_=types.String())

"""Reads the columns of one of a loader's tables in canonical form: ids, times, texts and flags."""

from __future__ import annotations

import difflib
from typing import Any

from sqlalchemy import BigInteger, String, case, cast, column, func, literal, null, select, table, types
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Alias, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.engines.base import Columns
from superset_campaign_plugin.errors import SourceError
from superset_campaign_plugin.sources.catalog import Catalog
from superset_campaign_plugin.sources.layout import Layout, LogTable

YES = ("true", "t", "1", "yes")
NO = ("false", "f", "0", "no")

_NOT_A_TIME = (types.Integer, types.Numeric, types.Boolean)
_NOT_AN_ID = (types.DateTime, types.Date, types.Boolean)


class Reader:
    """Reads one table's columns in canonical form, and says clearly what is missing or of a wrong type."""

    def __init__(self, layout: Layout, catalog: Catalog, engine: Engine, name: str, columns: Columns) -> None:
        self._layout = layout
        self._engine = engine
        self._name = name
        self._columns = columns
        self._spelled = {bare_name(own): own for own in columns}
        # A short name keeps the SQL readable, and some engines take no schema before a column.
        self.table: Alias = table(name, *map(column, columns, columns.values()), schema=catalog.qualifier).alias(
            "loaded"
        )

    def has(self, name: str) -> bool:
        """Whether the table has the column, however it spells it."""
        return bare_name(name) in self._spelled

    def column(self, name: str) -> ColumnElement[Any]:
        """The table's own column of that name; it must have one."""
        return self.table.c[self._spelled[bare_name(name)]]

    def is_text(self, name: str) -> bool:
        """Whether the table has the column, and as text."""
        return self.has(name) and isinstance(self.column(name).type, String)

    def example(self, value: ColumnElement[Any], condition: ColumnElement[Any]) -> Select:
        """A query for one value that is not null and meets the condition."""
        return select(value).select_from(self.table).where(value.is_not(None), condition).limit(1)

    def identifier(self, name: str, required: bool = True) -> ColumnElement[Any]:
        """An id as a whole number; null where an optional column is absent."""
        if not required and not self.has(name):
            return cast(null(), BigInteger)
        return self._engine.identifier(self._column(name, _NOT_AN_ID, "a whole number"))

    def time(self, name: str) -> ColumnElement[Any]:
        """A time in UTC."""
        return self._engine.time(self._column(name, _NOT_A_TIME, "a timestamp"))

    def text(self, name: str) -> ColumnElement[Any]:
        """A text; null where the column is absent or the text empty."""
        if not self.has(name):
            return cast(null(), String)
        return func.nullif(func.trim(self._engine.text(self.column(name))), literal(""))

    def nested_text(self, name: str) -> ColumnElement[Any]:
        """A text, or the value of an object such as `{"type": "Text", "value": "Hello"}`."""
        if not self.has(name):
            return cast(null(), String)
        return func.nullif(func.trim(self._engine.text_or_value(self.column(name))), literal(""))

    def only(self, query: Select, activities: LogTable) -> Select:
        """The query over the activities of the wanted types."""
        if not activities.types:
            return query
        kind = self._column(self._layout.columns.activity_type, _NOT_AN_ID, "an activity type's number")
        return query.where(self._engine.identifier(kind).in_(activities.types))

    def loaded_at(self) -> ColumnElement[Any] | None:
        """When the loader last wrote the row (UTC); None where the table has no such column."""
        own = next((name for name in self._layout.columns.loaded_at if self.has(name)), None)
        return None if own is None else self._engine.time(self.column(own))

    def flag(self, name: str) -> ColumnElement[Any]:
        """Yes, No or null."""
        if not self.has(name):
            return cast(null(), String)
        value = self._engine.flag(self.column(name))
        return case((value.in_(YES), literal("Yes")), (value.in_(NO), literal("No")))

    def is_yes(self, name: str) -> ColumnElement[Any]:
        """The condition that a yes-or-no column, which the table must have, says yes."""
        return func.coalesce(self._engine.flag(self.column(name)), literal("")).in_(YES)

    def _column(self, name: str, wrong: tuple[type[types.TypeEngine], ...], expected: str) -> ColumnElement[Any]:
        if not self.has(name):
            near = difflib.get_close_matches(name, self._columns, n=1)
            hint = f"; did the loader name it {near[0]!r}?" if near else ""
            raise SourceError(
                f"table {self._name} has no column {name!r}, which the {self._layout.name} layout needs{hint}"
            )
        found = self.column(name)
        if isinstance(found.type, wrong):
            raise SourceError(
                f"column {name} of table {self._name} is {found.type}, not {expected}, "
                f"so this is not the {self._layout.name} layout; check --source and --schema"
            )
        return found


def bare_name(name: str) -> str:
    """A column's name without what destinations change: `leadId`, `LEAD_ID` and `lead_id` are one."""
    return name.lower().replace("_", "")

"""Reads the columns of one of a loader's tables in canonical form: ids, times, texts and flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, String, case, cast, column, func, literal, null, select, table
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Alias, Select

from superset_campaign_plugin import advice
from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.engines.base import Columns
from superset_campaign_plugin.engines.kinds import Kind, kind_of
from superset_campaign_plugin.errors import SourceError, nearest_name
from superset_campaign_plugin.flags import NO, YES
from superset_campaign_plugin.sources.catalog import Catalog
from superset_campaign_plugin.sources.layout import Layout, LogTable

_Read = Callable[[ColumnElement[Any]], ColumnElement[Any]]


class Reader:
    """Reads one table's columns in canonical form, and says clearly what is missing or of a wrong type."""

    def __init__(self, layout: Layout, catalog: Catalog, engine: Engine, name: str, columns: Columns) -> None:
        self._layout = layout
        self._engine = engine
        self._name = name
        self._columns = columns
        self._spelled: dict[str, list[str]] = {}
        for own in columns:
            self._spelled.setdefault(bare_name(own), []).append(own)
        # A short name keeps the SQL readable, and some engines take no schema before a column.
        self.table: Alias = table(name, *map(column, columns, columns.values()), schema=catalog.qualifier).alias(
            "loaded"
        )

    def has(self, name: str) -> bool:
        """Whether the table has the column, however it spells it."""
        return bare_name(name) in self._spelled or self._inside(name) is not None

    def column(self, name: str) -> ColumnElement[Any]:
        """The table's own column of that name, or what is at a path such as `attributes.Link`; it must have one."""
        return self.columns(name)[0]

    def columns(self, name: str) -> list[ColumnElement[Any]]:
        """Every column of that name: the layout's own spelling first, since the others only fill where it is null.

        A mapping means the very column that it names. Of a path such as `attributes.Link` it is what lies there.
        """
        spelled = sorted(self._spelled.get(bare_name(name), []), key=lambda own: own != name)
        if not spelled and (inside := self._inside(name)) is not None:
            return [inside.label(name)]
        if self._layout.strict and name in spelled:
            spelled = [name]
        return [self.table.c[own] for own in spelled]

    def _inside(self, name: str) -> ColumnElement[Any] | None:
        """The text of a key in a column that holds an object; None where the name is no path, or no column has it."""
        own, key = json_path(name)
        found = self._spelled.get(bare_name(own)) if key else None
        return None if found is None else self._engine.json_text(self.table.c[found[0]], key)

    def parts_of(self, name: str) -> list[str]:
        """The columns into which a destination has split one by its values' types: `value__string` of `value`."""
        return sorted(own for own in self._columns if own.lower().startswith(f"{name.lower()}__"))

    def fitting(self, name: str, wrong: frozenset[Kind]) -> list[ColumnElement[Any]]:
        """The columns of that name that are of no wrong kind; where there are none, all of that name."""
        found = self.columns(name)
        return [column for column in found if kind_of(column.type) not in wrong] or found

    def texts(self, column: ColumnElement[Any], condition: ColumnElement[Any]) -> Select:
        """A query for the values, as texts, that meet the condition."""
        return select(self._engine.text(column).label("value")).select_from(self.table).where(condition)

    def identifier(self, name: str, required: bool = True) -> ColumnElement[Any]:
        """An id as a whole number; null where an optional column is absent."""
        if not required and not self.has(name):
            return cast(null(), BigInteger)
        return self._filled(self._fit(name, self._engine.not_an_id, "a whole number"), self._engine.identifier)

    def try_identifier(self, name: str, required: bool = True) -> ColumnElement[Any]:
        """The same, but null where the value is no whole number."""
        if not required and not self.has(name):
            return cast(null(), BigInteger)
        return self._filled(self._named(name), self._engine.try_identifier)

    def time(self, name: str) -> ColumnElement[Any]:
        """A time in UTC."""
        return self._filled(self._fit(name, self._engine.not_a_time, "a timestamp"), self._engine.time)

    def try_time(self, name: str) -> ColumnElement[Any]:
        """The same, but null where the value is no time."""
        return self._filled(self._named(name), self._engine.try_time)

    def id_list(self, name: str) -> ColumnElement[Any]:
        """A column of ids as a text of whole numbers with commas between; null where it holds none."""
        return self._filled(self._named(name), self._engine.id_list)

    def text(self, name: str) -> ColumnElement[Any]:
        """A text; null where the column is absent or the text empty."""
        if not self.has(name):
            return cast(null(), String)
        return self._filled(self.columns(name), self._engine.filled)

    def nested_text(self, name: str) -> ColumnElement[Any]:
        """A text, or the value of an object such as `{"type": "Text", "value": "Hello"}`."""
        if not self.has(name):
            return cast(null(), String)

        def value(column: ColumnElement[Any]) -> ColumnElement[Any]:
            return func.nullif(func.trim(self._engine.text_or_value(column)), literal(""))

        return self._filled(self.columns(name), value)

    def only(self, query: Select, activities: LogTable) -> Select:
        """The query over the activities of the wanted types."""
        if not activities.types:
            return query
        return query.where(self.identifier(self._layout.columns.activity_type).in_(activities.types))

    def loaded_at(self) -> ColumnElement[Any] | None:
        """When the loader last wrote the row (UTC); None where the table has no such column, or it holds no times."""
        for name in self._layout.columns.loaded_at:
            if any(kind_of(column.type) not in self._engine.not_a_time for column in self.columns(name)):
                return self.try_time(name)
        return None

    def order(self, name: str) -> list[ColumnElement[Any]]:
        """What to sort by, to sort by the column: a text as the time that it spells, or as a whole number sorts."""
        return self._engine.sort_keys(self.column(name))

    def flag(self, name: str) -> ColumnElement[Any]:
        """Yes, No or null."""
        if not self.has(name):
            return cast(null(), String)
        return self._filled(self.columns(name), self._yes_or_no)

    def is_yes(self, name: str) -> ColumnElement[Any]:
        """The condition that a yes-or-no column, which the table must have, says yes."""
        columns = self.columns(name)
        if len(columns) > 1:
            return func.coalesce(self.flag(name), literal("")) == literal("Yes")
        return func.coalesce(self._engine.flag(columns[0]), literal("")).in_(YES)

    def _yes_or_no(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        value = self._engine.flag(column)
        return case((value.in_(YES), literal("Yes")), (value.in_(NO), literal("No")))

    def _filled(self, columns: list[ColumnElement[Any]], read: _Read) -> ColumnElement[Any]:
        """The first of the columns, each read in canonical form, that is not null."""
        values = [read(column) for column in columns]
        return values[0] if len(values) == 1 else func.coalesce(*values)

    def _named(self, name: str) -> list[ColumnElement[Any]]:
        """The columns of that name, of which there must be one."""
        if not self.has(name):
            near = nearest_name(name, self._columns)
            hint = f"; did the loader name it {near!r}?" if near else ""
            raise SourceError(
                f"table {self._name} has no column {name!r}, which the {self._layout.name} layout needs{hint}"
            )
        return self.columns(name)

    def _fit(self, name: str, wrong: frozenset[Kind], expected: str) -> list[ColumnElement[Any]]:
        """The same, but those of types that can hold what is expected, of which there must be one."""
        found = self._named(name)
        fit = [column for column in found if kind_of(column.type) not in wrong]
        if not fit:
            raise SourceError(
                f"column {found[0].name} of table {self._name} is {found[0].type}, not {expected}, "
                f"so this is not the {self._layout.name} layout; {advice.tables()}"
            )
        return fit


def json_path(name: str) -> tuple[str, str]:
    """The column and the key of a path such as `attributes.Link`; the key is empty where the name is no path."""
    own, _, key = name.partition(".")
    return own, key


def bare_name(name: str) -> str:
    """A column's name without what destinations change: `leadId`, `LEAD_ID`, `lead_id` and `Lead ID` are one."""
    return name.lower().replace("_", "").replace(" ", "")

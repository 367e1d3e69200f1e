"""Turns a layout and a warehouse's real tables into the canonical relations of `report/relations.py`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, String, case, cast, column, func, literal, null, or_, select, table, types
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Alias, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.engines.base import Columns
from superset_campaign_plugin.errors import SourceError
from superset_campaign_plugin.report.relations import EventKind, Relations
from superset_campaign_plugin.report.steps import comment, newest
from superset_campaign_plugin.sources.catalog import Catalog
from superset_campaign_plugin.sources.layout import AssetTable, Layout

# A send with one of these results never left Marketo; a null result counts as sent.
NOT_SENT = ("skipped", "failed")
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
        # A short name keeps the SQL readable, and some engines take no schema before a column.
        self.table: Alias = table(name, *map(column, columns, columns.values()), schema=catalog.schema).alias("loaded")

    def has(self, name: str) -> bool:
        """Whether the table has the column."""
        return name in self._columns

    def is_text(self, name: str) -> bool:
        """Whether the table has the column, and as text."""
        return isinstance(self._columns.get(name), String)

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
        return func.nullif(func.trim(self._engine.text(self.table.c[name])), literal(""))

    def flag(self, name: str) -> ColumnElement[Any]:
        """Yes, No or null."""
        if not self.has(name):
            return cast(null(), String)
        value = self._engine.flag(self.table.c[name])
        return case((value.in_(YES), literal("Yes")), (value.in_(NO), literal("No")))

    def _column(self, name: str, wrong: tuple[type[types.TypeEngine], ...], expected: str) -> ColumnElement[Any]:
        if not self.has(name):
            near = difflib.get_close_matches(name, self._columns, n=1)
            hint = f"; did the loader name it {near[0]!r}?" if near else ""
            raise SourceError(
                f"table {self._name} has no column {name!r}, which the {self._layout.name} layout needs{hint}"
            )
        found: ColumnElement[Any] = self.table.c[name]
        if isinstance(found.type, wrong):
            raise SourceError(
                f"column {name} of table {self._name} is {found.type}, not {expected}, "
                f"so this is not the {self._layout.name} layout; check --source and --schema"
            )
        return found


def build_relations(layout: Layout, catalog: Catalog, engine: Engine) -> Relations:
    """The canonical relations. Raises `SourceError` for a missing send table or column, or one of a wrong type."""

    def reader(name: str) -> Reader | None:
        columns = catalog.columns(name)
        return None if columns is None else Reader(layout, catalog, engine, name, columns)

    sends = reader(layout.events[EventKind.SENT])
    if sends is None:
        where = f"schema {catalog.schema}" if catalog.schema else "the default schema"
        raise SourceError(
            f"no table {layout.events[EventKind.SENT]} in {where}: the {layout.name} layout needs it; "
            "check --source and --schema"
        )
    return Relations(
        sends=_sends(layout, sends),
        events={
            kind: _event(layout, found, kind)
            for kind, name in layout.events.items()
            if kind is not EventKind.SENT and (found := reader(name)) is not None
        },
        campaigns=_assets(layout.campaigns, reader(layout.campaigns.table), "campaign_id"),
        programs=_assets(layout.programs, reader(layout.programs.table), "program_id"),
        emails=_assets(layout.emails, reader(layout.emails.table), "email_id"),
    )


def _sends(layout: Layout, reader: Reader) -> Select:
    names = layout.event_columns
    rows = select(
        reader.identifier(names.campaign_id).label("campaign_id"),
        reader.identifier(names.email_id).label("email_id"),
        reader.identifier(names.person_id).label("person_id"),
        reader.time(names.activity_at).label("activity_at"),
    ).select_from(reader.table)
    if not reader.has(names.result):
        return rows
    result = func.lower(reader.text(names.result))
    return rows.where(func.coalesce(result, literal("")).not_in(NOT_SENT))


def _event(layout: Layout, reader: Reader, kind: EventKind) -> Select:
    names = layout.event_columns
    columns = [
        reader.identifier(names.campaign_id, required=False).label("campaign_id"),
        reader.identifier(names.email_id).label("email_id"),
        reader.identifier(names.person_id).label("person_id"),
        reader.time(names.activity_at).label("activity_at"),
        reader.text(names.activity_id).label("activity_id"),
    ]
    if kind is EventKind.CLICKED:
        columns.append(reader.text(names.link).label("link"))
    return select(*columns).select_from(reader.table)


def _assets(asset: AssetTable, reader: Reader | None, key: str) -> Select:
    flags, ids = {"active", "operational"}, {"program_id"}
    if reader is None:
        absent = [cast(null(), BigInteger if name in ids else String).label(name) for name in asset.columns]
        return select(cast(null(), BigInteger).label(key), *absent).limit(0)
    columns = []
    for name, own in asset.columns.items():
        if name in flags:
            value = reader.flag(own)
        elif name in ids:
            value = reader.identifier(own, required=False)
        else:
            value = reader.text(own)
        columns.append(value.label(name))
    versions = select(reader.identifier(asset.id).label(key), *columns)
    order = [reader.table.c[name] for name in asset.newest if reader.has(name)]
    return comment(newest(versions.select_from(reader.table), key, order), "The newest version of each asset")


def unreadable_values(layout: Layout, catalog: Catalog, engine: Engine) -> Iterator[tuple[str, str, str, Select]]:
    """(table, column, what it should hold, query) where a value might quietly be read as another one.

    The query finds such a value, if there is any: a text that is no ISO 8601 time, or no whole number. Engines that
    refuse a value themselves, and columns of a proper type, need no query.
    """
    names = layout.event_columns
    for table_name in layout.events.values():
        columns = catalog.columns(table_name)
        if columns is None:
            continue
        reader = Reader(layout, catalog, engine, table_name, columns)
        for name in (names.person_id, names.campaign_id, names.email_id):
            if not engine.refuses_bad_values and reader.is_text(name):
                raw = reader.text(name)
                number = reader.identifier(name)
                wrong = or_(number.is_(None), cast(number, String) != raw)
                yield table_name, name, "a whole number", reader.example(raw, wrong)
        raw = reader.text(names.activity_at)
        doubts = [] if engine.refuses_bad_values else [reader.time(names.activity_at).is_(None)]
        if reader.is_text(names.activity_at):
            doubts.append(raw.not_like("____-__-__%"))
        if doubts:
            time = "an ISO 8601 time, as 2026-01-31 09:30:00 is"
            yield table_name, names.activity_at, time, reader.example(raw, or_(*doubts))

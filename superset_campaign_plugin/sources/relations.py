"""Turns a layout and a warehouse's real tables into the canonical relations of `report/relations.py`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import BigInteger, String, case, cast, column, func, literal, null, or_, select, table, types
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Alias, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.engines.base import Columns
from superset_campaign_plugin.errors import SourceError
from superset_campaign_plugin.report.relations import (
    CAMPAIGN_COLUMNS,
    EMAIL_COLUMNS,
    PROGRAM_COLUMNS,
    Absent,
    EventKind,
    Relations,
)
from superset_campaign_plugin.report.steps import comment, newest
from superset_campaign_plugin.sources.catalog import Catalog
from superset_campaign_plugin.sources.custom import check_mapping
from superset_campaign_plugin.sources.layout import AssetTable, Layout, LogTable

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


def build_relations(layout: Layout, catalog: Catalog, engine: Engine) -> Relations:
    """The canonical relations. Raises `SourceError` for a missing send table or column, or one of a wrong type."""

    def reader(name: str) -> Reader | None:
        columns = catalog.columns(name)
        return None if columns is None else Reader(layout, catalog, engine, name, columns)

    def log(activities: LogTable | None) -> Reader | None:
        return None if activities is None else reader(activities.table)

    def assets(asset: AssetTable | None, key: str, names: tuple[str, ...]) -> Select:
        found = None if asset is None else reader(asset.table)
        return _no_assets(key, names) if asset is None or found is None else _assets(asset, found, key, names)

    if layout.strict:
        check_mapping(layout, catalog)

    send_table = layout.events[EventKind.SENT]
    sends = log(send_table)
    if sends is None:
        where = f"schema {catalog.schema}" if catalog.schema else "the default schema"
        raise SourceError(
            f"no table {send_table.table} in {where}: the {layout.name} layout needs it; check --source and --schema"
        )
    merges, deletions = log(layout.merges), log(layout.deletions)
    return Relations(
        sends=_sends(layout, sends),
        unsent=_unsent(layout, sends),
        events={
            kind: _event(layout, found, kind)
            for kind, activities in layout.events.items()
            if kind is not EventKind.SENT and (found := log(activities)) is not None
        },
        merges=(
            _merges(layout, merges, layout.merges)
            if layout.merges and merges and merges.has(layout.columns.merged_ids)
            else None
        ),
        deletions=_deletions(layout, deletions, layout.deletions) if layout.deletions and deletions else None,
        campaigns=assets(layout.campaigns, "campaign_id", CAMPAIGN_COLUMNS),
        programs=assets(layout.programs, "program_id", PROGRAM_COLUMNS),
        emails=assets(layout.emails, "email_id", EMAIL_COLUMNS),
        absent=tuple(_absent(layout, reader)),
    )


def _absent(layout: Layout, reader: Callable[[str], Reader | None]) -> Iterator[Absent]:
    names = layout.columns
    parts = ("merges", "deletions", "campaigns", "programs", "emails")
    tables: dict[EventKind | str, LogTable | AssetTable | None] = {kind: layout.events.get(kind) for kind in EventKind}
    tables |= {part: getattr(layout, part) for part in parts}
    columns: dict[EventKind | str, dict[str, str]] = {
        EventKind.SENT: {"result": names.result},
        EventKind.OPENED: {"bot": names.bot, "user_agent": names.user_agent},
        EventKind.CLICKED: {"link": names.link, "bot": names.bot},
        "merges": {"merged_ids": names.merged_ids},
    }
    for kind in layout.events.keys() - {EventKind.SENT}:
        columns[kind] = {"campaign_id": names.campaign_id, **columns.get(kind, {})}
    found: dict[Absent, None] = {}  # in their order, each once: a table may hold several kinds of activities
    for part, own in tables.items():
        there = None if own is None else reader(own.table)
        if own is None or there is None:
            found[Absent(part, None if own is None else own.table)] = None
            continue
        for column_part, name in columns.get(part, {}).items():
            if not name:
                found[Absent(column_part)] = None
            elif not there.has(name):
                found[Absent(column_part, own.table, name)] = None
    yield from found


def _sends(layout: Layout, reader: Reader) -> Select:
    names = layout.columns
    rows = _activities(layout, reader, layout.events[EventKind.SENT], campaign_required=True)
    if not reader.has(names.result):
        return rows
    result = func.lower(reader.text(names.result))
    return rows.where(func.coalesce(result, literal("")).not_in(NOT_SENT))


def _unsent(layout: Layout, reader: Reader) -> Select | None:
    names = layout.columns
    if not reader.has(names.result):
        return None
    rows = _activities(layout, reader, layout.events[EventKind.SENT], campaign_required=True)
    return rows.where(func.lower(reader.text(names.result)).in_(NOT_SENT))


def _event(layout: Layout, reader: Reader, kind: EventKind) -> Select:
    names = layout.columns
    rows = _activities(layout, reader, layout.events[kind], campaign_required=False)
    if kind is EventKind.CLICKED:
        rows = rows.add_columns(reader.text(names.link).label("link"))
    if kind in (EventKind.OPENED, EventKind.CLICKED):
        if reader.has(names.bot):
            rows = rows.add_columns(reader.is_yes(names.bot).label("bot"))
        if reader.has(names.user_agent):
            rows = rows.add_columns(reader.text(names.user_agent).label("user_agent"))
    return rows


def _activities(layout: Layout, reader: Reader, activities: LogTable, *, campaign_required: bool) -> Select:
    names = layout.columns
    columns = [
        reader.identifier(names.campaign_id, required=campaign_required).label("campaign_id"),
        reader.identifier(names.email_id).label("email_id"),
        reader.identifier(names.person_id).label("person_id"),
        reader.time(names.activity_at).label("activity_at"),
        reader.text(names.activity_id).label("activity_id"),
        *_loaded_at(reader),
    ]
    return reader.only(select(*columns).select_from(reader.table), activities)


def _loaded_at(reader: Reader) -> list[ColumnElement[Any]]:
    loaded_at = reader.loaded_at()
    return [] if loaded_at is None else [loaded_at.label("loaded_at")]


def _merges(layout: Layout, reader: Reader, activities: LogTable) -> Select:
    names = layout.columns
    merged_ids = reader.text(names.merged_ids)
    for mark in ("[", "]", '"'):
        merged_ids = func.replace(merged_ids, literal(mark), literal(""))
    columns = [
        reader.identifier(names.person_id).label("surviving_id"),
        merged_ids.label("merged_ids"),
        reader.time(names.activity_at).label("merged_at"),
        *_loaded_at(reader),
    ]
    return reader.only(select(*columns).select_from(reader.table), activities)


def _deletions(layout: Layout, reader: Reader, activities: LogTable) -> Select:
    person = reader.identifier(layout.columns.person_id).label("person_id")
    return reader.only(select(person, *_loaded_at(reader)).select_from(reader.table), activities)


_FLAGS, _IDS, _NESTED = {"active", "operational", "archived"}, {"program_id"}, {"subject"}


def _no_assets(key: str, names: tuple[str, ...]) -> Select:
    absent = [cast(null(), BigInteger if name in _IDS else String).label(name) for name in names]
    return select(cast(null(), BigInteger).label(key), *absent).where(literal(1) == literal(0))


def _assets(asset: AssetTable, reader: Reader, key: str, names: tuple[str, ...]) -> Select:
    columns = []
    for name in names:
        own = asset.columns.get(name, "")
        if name in _FLAGS:
            value = reader.flag(own)
        elif name in _IDS:
            value = reader.identifier(own, required=False)
        elif name in _NESTED:
            value = reader.nested_text(own)
        else:
            value = reader.text(own)
        columns.append(value.label(name))
    versions = select(reader.identifier(asset.id).label(key), *columns)
    order = [reader.column(name) for name in asset.newest if reader.has(name)]
    return comment(newest(versions.select_from(reader.table), key, order), "The newest version of each asset")


def unreadable_values(layout: Layout, catalog: Catalog, engine: Engine) -> Iterator[tuple[str, str, str, Select]]:
    """(table, column, what it should hold, query) where a value might quietly be read as another one.

    The query finds such a value, if there is any: a text that is no ISO 8601 time, or no whole number. Engines that
    refuse a value themselves, and columns of a proper type, need no query.
    """
    names = layout.columns
    for table_name in dict.fromkeys(activities.table for activities in layout.log_tables()):
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

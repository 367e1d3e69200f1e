"""Finds the values of a loader's tables that cannot be read as what they should be.

In the log a bad id or time stops the report: figures without its row would be wrong, and nobody would know. Of what
stands beside the log, and of columns that the report can do without, one bad value is read as null, and `doctor` tells
of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import literal_column
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.engines.kinds import Kind, kind_of
from superset_campaign_plugin.errors import SourceError
from superset_campaign_plugin.report.activity_kinds import LOG_COLUMNS, Holds
from superset_campaign_plugin.report.quality import MAX_EXAMPLE
from superset_campaign_plugin.report.relations import Spellings, Unreadable
from superset_campaign_plugin.report.sqltext import executable, plain_sql, runnable_sql
from superset_campaign_plugin.sources.catalog import Catalog, as_spelled
from superset_campaign_plugin.sources.custom import check_mapping
from superset_campaign_plugin.sources.layout import Layout, LogTable
from superset_campaign_plugin.sources.reader import Reader

_NUMBER = "a whole number"
_TIME = "an ISO 8601 time, as 2026-01-31 09:30:00 is"


@dataclass(frozen=True)
class Doubt:
    """A column of the log that may hold values that are not what they should be; `values` finds them, as texts."""

    table: str
    column: str
    expected: str
    values: Select


def check_values_of(
    connection: Connection,
    engine: Engine,
    layout: Layout,
    catalog: Catalog,
    only: Mapping[str, ColumnElement[Any]] | None = None,
) -> None:
    """Raise `SourceError` for an id or time of the log that cannot be read: it names table, column and an example.

    Of a mapping, it is also raised for a table or column that is not there. `only` are conditions on the rows of some
    tables, by their names.
    """
    if layout.strict:
        check_mapping(layout, catalog)
    for doubt in bad_log_values(layout, catalog, engine):
        values = doubt.values
        if only and doubt.table in only:
            # As text: the condition is on the table that `values` reads, under the name that it has in any query.
            values = values.where(literal_column(plain_sql(only[doubt.table], engine)))
        found = connection.execute(executable(runnable_sql(values.limit(1), engine))).first()
        if found is not None:
            example = str(found[0])[:MAX_EXAMPLE]
            raise SourceError(
                f"column {doubt.column} of table {doubt.table} holds {example!r}, which is not {doubt.expected}"
            )


def bad_log_values(layout: Layout, catalog: Catalog, engine: Engine) -> Iterator[Doubt]:
    """The columns of the log whose types leave a doubt. Columns of a proper type need no query."""
    layout = as_spelled(layout, catalog)
    names = layout.columns
    events: dict[str, list[LogTable]] = {}
    for activities in layout.events.values():
        events.setdefault(activities.table, []).append(activities)
    for table, parts in events.items():
        reader = _reader(layout, catalog, engine, table)
        if reader is None:
            continue
        every = LogTable(table)
        typed = all(part.types for part in parts)
        wanted = LogTable(table, tuple(number for part in parts for number in part.types)) if typed else every
        for name, rows in (
            *([(names.activity_type, every)] if typed else []),
            *((name, wanted) for name in (names.person_id, names.campaign_id, names.email_id)),
        ):
            for column in reader.fitting(name, engine.not_an_id):
                bad = engine.bad_identifier(column)
                if bad is not None:
                    yield Doubt(table, column.name, _NUMBER, reader.only(reader.texts(column, bad), rows))
        for column in reader.fitting(names.activity_at, engine.not_a_time):
            bad = engine.bad_time(column)
            if bad is not None:
                yield Doubt(table, column.name, _TIME, reader.only(reader.texts(column, bad), wanted))


# The kinds of types of which a value is what a column should hold, without a doubt.
_SURE: dict[Holds, tuple[Kind, ...]] = {
    Holds.ID: (Kind.WHOLE,),
    Holds.ID_LIST: (),
    Holds.TIME: (Kind.DAY, Kind.TIME),
    Holds.FLAG: (Kind.FLAG, Kind.WHOLE),
}


def unreadable_values(layout: Layout, catalog: Catalog, engine: Engine) -> Iterator[Unreadable]:
    """The columns of which a bad value is read as null, where their types leave a doubt."""
    conditions: dict[Holds, Callable[[ColumnElement[Any]], ColumnElement[Any] | None]] = {
        Holds.ID: engine.bad_identifier,
        Holds.ID_LIST: engine.bad_id_list,
        Holds.TIME: engine.bad_time,
        Holds.FLAG: engine.bad_flag,
    }
    for part, table, name, holds in dict.fromkeys(_optional_columns(layout)):
        reader = _reader(layout, catalog, engine, table.table)
        for column in [] if reader is None else reader.columns(name):
            bad = None if kind_of(column.type) in _SURE[holds] else conditions[holds](column)
            if reader is not None and bad is not None:
                yield Unreadable(part, table.table, column.name, reader.only(reader.texts(column, bad), table))


def _optional_columns(layout: Layout) -> Iterator[tuple[str, LogTable, str, Holds]]:
    """(what it brings, table, column, what it should hold) of the columns that the report can do without."""
    names = layout.columns
    for kind, activities in layout.events.items():
        for synced in names.loaded_at:
            yield "loaded_at", LogTable(activities.table), synced, Holds.TIME
        for column in LOG_COLUMNS:
            if kind in column.of and not column.required and column.holds in (Holds.FLAG, Holds.ID):
                yield column.name, activities, "".join(names.names_of(column)), column.holds
    if layout.merges is not None:
        yield "merges", layout.merges, names.person_id, Holds.ID
        yield "merges", layout.merges, names.merged_ids, Holds.ID_LIST
        yield "merged_at", layout.merges, names.activity_at, Holds.TIME
    if layout.merged_ids is not None:
        for own in layout.merged_ids.ids:
            yield "merges", LogTable(layout.merged_ids.table), own, Holds.ID_LIST
    if layout.merged_people is not None:
        people = layout.merged_people
        yield "merges", LogTable(people.table), people.person_id, Holds.ID
        yield "merges", LogTable(people.table), people.surviving_id, Holds.ID
        yield "merged_at", LogTable(people.table), people.merged_at, Holds.TIME
    if layout.deletions is not None:
        yield "deletions", layout.deletions, names.person_id, Holds.ID
    assets = {"campaigns": layout.campaigns, "programs": layout.programs, "emails": layout.emails}
    for part, asset in assets.items():
        if asset is None:
            continue
        table = LogTable(asset.table)
        yield part, table, asset.id, Holds.ID
        yield "program_id", table, asset.columns.get("program_id", ""), Holds.ID
        for flag in ("active", "operational", "archived"):
            yield flag, table, asset.columns.get(flag, ""), Holds.FLAG


def columns_in_several_spellings(layout: Layout, catalog: Catalog, engine: Engine) -> Iterator[Spellings]:
    """The columns that the report reads, and that a table has more than once."""
    named = {name for column in LOG_COLUMNS for name in layout.columns.names_of(column)}
    read: dict[str, set[str]] = {activities.table: set(named) for activities in layout.log_tables()}
    for asset in layout.asset_tables():
        read[asset.table] = {asset.id, *asset.columns.values(), *asset.newest}
    for table, wanted in read.items():
        reader = _reader(layout, catalog, engine, table)
        for name in [] if reader is None else sorted(wanted):
            spelled = [] if reader is None else [column.name for column in reader.columns(name)]
            if len(spelled) > 1:
                yield Spellings(table, tuple(spelled))


def _reader(layout: Layout, catalog: Catalog, engine: Engine, table: str) -> Reader | None:
    columns = catalog.columns(table)
    return None if columns is None else Reader(layout, catalog, engine, table, columns)

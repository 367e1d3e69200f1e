"""Small pieces that the steps of the report are written with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import case, func, literal, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, Select


def comment(query: Select, text: str) -> Select:
    """The query with a comment at its head, for the people who read the SQL in Superset."""
    return query.prefix_with(f"/* {text} */")


def step(name: str, text: str, query: Any) -> CTE:
    """A named, commented step. No name may be that of a loader's table: some engines would take it for a loop."""
    return comment(query, text).cte(name)


def no_rows(*columns: ColumnElement[Any]) -> Select:
    """A query of these columns that finds nothing. BigQuery takes no WHERE without FROM."""
    one = select(literal(1).label("one")).subquery("one_row")
    return select(*columns).select_from(one).where(literal(1) == literal(0))


def plain(query: Select, name: str) -> ColumnElement[Any]:
    """The expression behind a query's column, to use it in the query itself."""
    labelled = query.selected_columns[name]
    return getattr(labelled, "element", labelled)


def only(query: Select, *names: str) -> Select:
    """The query with these of its columns alone."""
    return query.with_only_columns(*(query.selected_columns[name] for name in names))


def newest(
    versions: Select,
    key: str,
    order: list[ColumnElement[Any]],
    preferred: ColumnElement[Any] | None = None,
    ties: Sequence[str] = ("name",),
) -> Select:
    """One row an id: the first of `versions` when ordered by `order` descending, nulls last, then by `ties`.

    `ties` are names of columns. Versions that meet the condition `preferred` go before all that do not.
    """
    names = [column.name for column in versions.selected_columns if column.name != key]
    keys = {f"sort_key_{place}": by for place, by in enumerate(order, 1)}
    if preferred is not None:
        keys = {"preference": case((preferred, 1), else_=0), **keys}
    # Each key is computed in a step below the ranking: written within it, a long key would stand there twice, and nest
    # too deep for SQLite's parser.
    read = versions.add_columns(*(by.label(name) for name, by in keys.items())).subquery("loaded_versions")
    # NULLS LAST is no part of every engine's SQL.
    descending = [part for name in keys for part in (case((read.c[name].is_(None), 1), else_=0), read.c[name].desc())]
    place = func.row_number().over(partition_by=read.c[key], order_by=[*descending, *(read.c[name] for name in ties)])
    ranked = select(read.c[key], *(read.c[name] for name in names), place.label("version_place")).subquery("versions")
    return select(ranked.c[key], *(ranked.c[name] for name in names)).where(ranked.c.version_place == literal(1))

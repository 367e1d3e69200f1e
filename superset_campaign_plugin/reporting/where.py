"""Whether the values that a report is asked to keep are there at all.

A value that is spelled wrongly would give an empty table, or one that lacks a part, as if nothing had been sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import case, column, func, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql.selectable import Subquery

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import nearest, unknown
from superset_campaign_plugin.reporting.output import shown_text
from superset_campaign_plugin.reporting.query import Report, dataset_rows, has_value
from superset_campaign_plugin.semantics import Dataset, Dimension

# A flag or a day that nothing has is an honest answer; a name or an id that nothing has is a mistake.
_NAMED = ("text", "id")


def check_where(
    connection: Connection,
    engine: Engine,
    dataset: Dataset,
    sql: str,
    where: Mapping[str, Sequence[str]] | None,
    report: Report,
) -> list[str]:
    """Sentences on values of `where` that the dataset, whose SQL is `sql`, does not hold on any day.

    `report` is what was found with them. Raises `UsageError` where a field has none of its values.
    """
    named = {
        dataset.dimension(field): [value for value in dict.fromkeys(values) if value != ""]
        for field, values in (where or {}).items()
        if dataset.dimension(field).type in _NAMED
    }
    asked = [(dimension, value) for dimension, values in named.items() for value in values]
    # What was sent to somebody had a value of each field.
    all_are_there = _sent(report) and all(len(values) == 1 for values in (where or {}).values())
    if all_are_there or not asked:
        return []
    rows = dataset_rows(sql, dataset.name)
    conditions = [case((has_value(dimension, value, engine), 1), else_=0) for dimension, value in asked]
    # Asked of the database, which says by its own rules which letters are the same.
    columns = [func.max(condition).label(f"value_{number}") for number, condition in enumerate(conditions)]
    [found] = connection.execute(select(*columns).select_from(rows)).fetchall()
    notes = []
    for dimension, values in named.items():
        missing = [value for (own, value), there in zip(asked, found, strict=True) if own is dimension and not there]
        if not missing:
            continue
        known = _known(connection, rows, dimension)
        if len(missing) == len(values) and "" not in (where or {})[dimension.name]:
            raise unknown(dimension.name, missing[0], known)
        notes += [f"unknown {dimension.name} {value!r}, ignored: {nearest(value, known)}" for value in missing]
    return notes


def _sent(report: Report) -> bool:
    if "sent" not in report.columns:
        return bool(report.rows)
    place = report.columns.index("sent")
    return any(row[place] for row in report.rows)


def _known(connection: Connection, rows: Subquery, dimension: Dimension) -> list[str]:
    own = column(dimension.name)
    found = connection.execute(select(own).select_from(rows).where(own.is_not(None)).distinct()).fetchall()
    # They are shown in a terminal, and a name may hold anything.
    return [shown_text(str(value)) for (value,) in found]

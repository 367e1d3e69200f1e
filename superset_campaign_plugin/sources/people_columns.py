"""Reads chosen columns of the loader's table of people: one row for each person, of the newest version."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.attributes import Attribute
from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import SourceError, unknown
from superset_campaign_plugin.report.steps import newest
from superset_campaign_plugin.sources.catalog import Catalog, as_spelled, place
from superset_campaign_plugin.sources.layout import Layout
from superset_campaign_plugin.sources.reader import Reader


def people_columns(layout: Layout, catalog: Catalog, engine: Engine, attributes: Sequence[Attribute]) -> Select:
    """(person_id, and a text or null for each attribute, by its name) of each person in the table; one row an id.

    Raises `SourceError` where there is no such table, and `UsageError` for a column that it does not have.
    """
    people = as_spelled(layout, catalog).addresses
    if people is None:
        raise SourceError(
            f"the {layout.name} layout has no table of people, so no columns of one can be shown; a mapping can name "
            "one under `addresses`"
        )
    columns = catalog.columns(people.table)
    if columns is None:
        raise SourceError(
            f"the table of people {people.table!r} is not in {place(catalog)}, so no columns of it can be shown"
        )
    reader = Reader(layout, catalog, engine, people.table, columns)
    for attribute in attributes:
        if not reader.has(attribute.column):
            raise unknown(
                f"column of the table of people {people.table} in {place(catalog)}", attribute.column, columns
            )
    own = [reader.text(attribute.column).label(attribute.name) for attribute in attributes]
    versions = select(reader.try_identifier(people.id).label("person_id"), *own).select_from(reader.table)
    order = [by for name in people.newest if reader.has(name) for by in reader.order(name)]
    ties = [attribute.name for attribute in attributes]
    found = newest(versions, "person_id", order, ties=ties).subquery("people_columns")
    return select(*found.c).where(found.c.person_id.is_not(None))

"""Finds the values of a loader's tables that an engine would quietly read as another one."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import String, cast, or_
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.sources.catalog import Catalog
from superset_campaign_plugin.sources.layout import Layout
from superset_campaign_plugin.sources.reader import Reader


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

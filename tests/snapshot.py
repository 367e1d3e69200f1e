"""The SQL for engines of which no server is at hand: written to `tests/snapshots/`, and compared with it.

    make snapshots        # write it anew, then read the difference

`<engine>/<dataset>.sql` is a dataset over tables with proper types, `<engine>/<dataset>_text.sql` over a plain CSV
import, where every column is text; `_merged` and `_hidden` are by another choice of people than the default. The
files `refresh_*.sql` hold the statements of a refresh, one a line.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from logs import Log, Table, fivetran_tables
from refresh_sql import as_file, refresh_statements
from sqlalchemy import column, literal, select, table, types
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.attributes import attributes_of
from superset_campaign_plugin.engines import ENGINES, Engine
from superset_campaign_plugin.engines.base import Columns
from superset_campaign_plugin.report.datasets import DETAILS_DATASET, PEOPLE_DATASET, Options, computed_dataset
from superset_campaign_plugin.report.people_details import with_attributes
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.report.sqltext import side_by_side, sql_text
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources import get_layout
from superset_campaign_plugin.sources.build_relations import build_relations
from superset_campaign_plugin.sources.people_columns import people_columns

FOLDER = Path(__file__).parent / "snapshots"
UNRUN = sorted({engine.name for engine in ENGINES.values() if not engine.runs_in_tests})
TEXT_DATASET = "campaign_email_links"
TYPES: dict[str, types.TypeEngine] = {
    "integer": types.BigInteger(),
    "text": types.String(),
    "time": types.TIMESTAMP(timezone=True),
    "flag": types.Boolean(),
}


class TableCatalog:
    """The catalog of a warehouse with these tables."""

    schema = qualifier = "marketo"

    def __init__(self, tables: Iterable[Table], *, all_text: bool = False) -> None:
        self._tables: dict[str, Columns] = {
            table.name: {name: TYPES["text" if all_text else kind] for name, kind in table.columns.items()}
            for table in tables
        }

    def tables(self) -> set[str]:
        return set(self._tables)

    def columns(self, table: str) -> Columns | None:
        return self._tables.get(table)

    def schemas_with(self, table: str) -> list[str]:
        return []


class TypicalCatalog(TableCatalog):
    """Every table that Fivetran makes, with one row of each kind in mind."""

    def __init__(self, *, all_text: bool = False) -> None:
        log = (
            Log()
            .send(1, 10, 100, "2024-03-01", variant=1)
            .merge(100, 101)
            .delete(102)
            .campaign(1, "Spring")
            .program(7, "Webinars")
            .email(10, "Invitation")
            .address(100, "ann@example.com")
        )
        for happen in (log.deliver, log.open, log.click, log.unsubscribe):
            happen(1, 10, 100, "2024-03-01")
        for bounce in (log.bounce, log.soft_bounce):
            bounce(1, 10, 100, "2024-03-01", category="2", details="550 5.1.1", address="ann@example.com")
        super().__init__(fivetran_tables(log), all_text=all_text)


def snapshots(name: str) -> Iterator[tuple[str, str]]:
    """(file below the folder, SQL) for everything that an engine writes."""
    engine = ENGINES[name]
    for dataset in load_semantics().names(people=True):
        yield f"{name}/{dataset}.sql", dataset_sql(engine, TypicalCatalog(), dataset)
    yield f"{name}/{DETAILS_DATASET}.sql", sql_text(details_query(engine, TypicalCatalog()), engine) + "\n"
    yield f"{name}/{TEXT_DATASET}_text.sql", dataset_sql(engine, TypicalCatalog(all_text=True), TEXT_DATASET)
    for people in (People.MERGED, People.HIDDEN):
        sql = dataset_sql(engine, TypicalCatalog(), TEXT_DATASET, people=people)
        yield f"{name}/{TEXT_DATASET}_{people.value}.sql", sql
    yield f"{name}/several_instances.sql", _several_instances(engine)
    yield f"{name}/expressions.sql", _expressions(engine)
    yield f"{name}/unusual_types.sql", _unusual_types(engine)


@functools.cache
def refresh_snapshots(name: str) -> dict[str, str]:
    """The statements of the first refresh of an engine, and of one that merges what is new, by the file's name below
    the folder."""
    engine = ENGINES[name]
    relations = build_relations(get_layout("fivetran"), TypicalCatalog(), engine)
    found = {f"{name}/refresh_full.sql": as_file(refresh_statements(engine, relations, begun=False))}
    if engine.merges:
        found[f"{name}/refresh_merge.sql"] = as_file(refresh_statements(engine, relations, begun=True))
    return found


def dataset_sql(
    engine: Engine,
    catalog: TableCatalog,
    dataset: str,
    source_name: str | None = None,
    source: str = "fivetran",
    people: People = Rules.people,
) -> str:
    """The SQL of a dataset over the catalog's tables."""
    relations = build_relations(get_layout(source), catalog, engine)
    options = Options(source_name=source_name, rules=Rules(people=people))
    return sql_text(computed_dataset(dataset, relations, engine, options), engine) + "\n"


def details_query(engine: Engine, catalog: TableCatalog, **options: Any) -> Select:
    """The query of the people with an attribute over the catalog's tables."""
    layout, attributes = get_layout("fivetran"), attributes_of(["email"])
    people = computed_dataset(
        PEOPLE_DATASET, build_relations(layout, catalog, engine), engine, Options(attributes=attributes, **options)
    )
    return with_attributes(people, people_columns(layout, catalog, engine, attributes), attributes)


def _several_instances(engine: Engine) -> str:
    parts = {name: dataset_sql(engine, TypicalCatalog(), TEXT_DATASET, name) for name in ("EMEA", "Japan")}
    return side_by_side(parts, engine) + "\n"


def _expressions(engine: Engine) -> str:
    """What the report asks of an engine beside its datasets, and literals with everything that may be escaped."""
    moment, text = column("sent_at", types.TIMESTAMP()), column("parts", types.String())
    expressions = {
        "day": engine.day(moment),
        "week": engine.week(moment),
        "month": engine.month(moment),
        "in_berlin": engine.local_time(moment, "Europe/Berlin"),
        "value": engine.json_text(text, "value"),
        "run": engine.json_text(text, "Campaign Run ID"),
        "second_part": engine.list_part(text, literal(2)),
        "has_digits": engine.matches(text, "[0-9]+"),
        "fixed": engine.time_literal(datetime(2024, 3, 1)),  # noqa: DTZ001
        "escaped": literal("O'Brien\\ 100 % :off"),
    }
    query = select(*(expression.label(name) for name, expression in expressions.items()))
    return sql_text(query, engine) + "\n"


def _unusual_types(engine: Engine) -> str:
    """Columns of types that loaders have chosen for ids, times, flags and texts."""
    ids, document = column("ids", types.ARRAY(types.BigInteger())), column("document", types.JSON())
    spelled, decimals = column("spelled", types.String()), column("decimals", types.Numeric(38, 0))
    encoded, day = column("encoded", types.LargeBinary()), column("sent_on", types.Date())
    expressions = {
        "ids_of_array": engine.id_list(ids),
        "ids_of_document": engine.id_list(document),
        "id_of_document": engine.try_identifier(document),
        "id_of_text": engine.try_identifier(spelled),
        "id_of_decimals": engine.try_identifier(decimals),
        "time_of_text": engine.try_time(spelled),
        "time_of_day": engine.time(day),
        "flag_of_decimals": engine.flag(decimals),
        "flag_of_document": engine.flag(document),
        "text_of_bytes": engine.text(encoded),
    }
    query = select(*(expression.label(name) for name, expression in expressions.items()))
    return sql_text(query.select_from(table("loaded")), engine) + "\n"


def write() -> None:
    """Write all of them anew; those of engines that are gone disappear."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name in UNRUN:
        for file, sql in (*snapshots(name), *refresh_snapshots(name).items()):
            path = FOLDER / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(sql, encoding="utf-8")


if __name__ == "__main__":
    write()

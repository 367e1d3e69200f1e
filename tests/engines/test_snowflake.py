"""Snowflake's SQL, run by fakesnow on DuckDB: over a crowd's log it gives the numbers of the independent count.

fakesnow wants other releases of DuckDB and sqlglot than Superset, so this runs in an environment of its own, which
`make soak` builds. Tables whose times are text are left out: fakesnow has no TO_TIMESTAMP_TZ.
"""

from __future__ import annotations

from typing import Any

import pytest
from logs import CLOCKS, Log, arrow, crowd, fivetran_tables
from oracle import assert_report, report
from snapshot import TYPES
from sqlalchemy import func, select, types

from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.report.datasets import Options, computed_dataset
from superset_campaign_plugin.report.sqltext import sql_text
from superset_campaign_plugin.reporting.query import ReportRequest, dataset_rows, fetch
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources import get_layout
from superset_campaign_plugin.sources.build_relations import build_relations

ENGINE = get_engine("snowflake")
CLOCK = CLOCKS[5]
KINDS = {"integer": "NUMBER(38,0)", "text": "VARCHAR", "time": "TIMESTAMP_TZ", "flag": "BOOLEAN"}


class Pretended:
    """A database with a log, as the catalog of its tables and as the connection that runs queries."""

    schema = qualifier = "marketo"

    def __init__(self, cursor: Any, log: Log) -> None:
        self._cursor = cursor
        self._tables: dict[str, dict[str, types.TypeEngine]] = {}
        cursor.execute("DROP SCHEMA IF EXISTS marketo CASCADE")
        cursor.execute("CREATE SCHEMA marketo")
        for table in fivetran_tables(log):
            columns = ", ".join(f"{name} {KINDS[kind]}" for name, kind in table.columns.items())
            cursor.execute(f"CREATE TABLE marketo.{table.name} ({columns})")
            values = [column.to_pylist() for column in arrow(table, zoned=True).columns]
            if rows := list(zip(*values, strict=True)):
                marks = ", ".join(["%s"] * len(table.columns))
                cursor.executemany(f"INSERT INTO marketo.{table.name} VALUES ({marks})", rows)
            self._tables[table.name] = {name: TYPES[kind] for name, kind in table.columns.items()}

    def tables(self) -> set[str]:
        return set(self._tables)

    def columns(self, table: str) -> dict[str, types.TypeEngine] | None:
        return self._tables.get(table)

    def execute(self, query: Any) -> Any:
        return self._cursor.execute(
            str(query.compile(dialect=ENGINE.dialect(), compile_kwargs={"literal_binds": True}))
        )


@pytest.fixture(scope="module")
def cursor():
    import fakesnow
    import snowflake.connector

    with fakesnow.patch(), snowflake.connector.connect(database="warehouse", schema="marketo") as connection:
        yield connection.cursor()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_cell(cursor, seed: int) -> None:
    log = crowd(people=60, seed=seed)
    database = Pretended(cursor, log)
    dataset = load_semantics().datasets["campaign_email_performance"]
    relations = build_relations(get_layout("fivetran"), database, ENGINE)
    sql = sql_text(computed_dataset(dataset.name, relations, ENGINE, Options(as_of=CLOCK)), ENGINE)
    for by in (("campaign", "email", "day"), ("workspace", "program", "week"), ("month",), ()):
        found = fetch(database, ENGINE, dataset, sql, ReportRequest(by=by))
        assert_report(found, report(log, as_of=CLOCK, by=by), by)


def test_every_dataset_runs(cursor) -> None:
    """With the running clock, which the datasets in Superset have."""
    database = Pretended(cursor, crowd(people=60, seed=7))
    relations = build_relations(get_layout("fivetran"), database, ENGINE)
    for name in load_semantics().datasets:
        sql = sql_text(computed_dataset(name, relations, ENGINE, Options()), ENGINE)
        ((rows,),) = database.execute(select(func.count()).select_from(dataset_rows(sql, name))).fetchall()
        assert rows > 0

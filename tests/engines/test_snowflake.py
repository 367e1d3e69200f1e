"""Snowflake's SQL, run by fakesnow on DuckDB: over a crowd's log it gives the numbers of the independent count.

fakesnow wants other releases of DuckDB and sqlglot than Superset, so this runs in an environment of its own, which
`make soak` builds. Tables whose times are text are left out: fakesnow has no TO_TIMESTAMP_TZ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from logs import CLOCKS, Log, Table, arrow, crowd, fivetran_tables, utc
from oracle import assert_report, assert_timing, report, timing
from snapshot import TYPES
from sqlalchemy import func, select, types

from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.engines.kinds import Kind, kind_of
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.refresh.tables import COLUMNS, DEFAULT_SCHEMA, STATE, TABLES
from superset_campaign_plugin.report.datasets import Options, compose_dataset, computed_dataset
from superset_campaign_plugin.report.sqltext import sql_text
from superset_campaign_plugin.reporting.query import ReportRequest, dataset_rows, fetch
from superset_campaign_plugin.reporting.run_timing import timing_request, without_sends
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources import get_layout
from superset_campaign_plugin.sources.build_relations import build_relations
from superset_campaign_plugin.sources.instances import read_instances

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
            self._tables[table.name] = {name: TYPES[kind] for name, kind in table.columns.items()}
        self.add(fivetran_tables(log))

    def add(self, tables: Iterable[Table]) -> None:
        """Add the rows of tables to those that are there."""
        for table in tables:
            values = [column.to_pylist() for column in arrow(table, zoned=True).columns]
            if rows := list(zip(*values, strict=True)):
                marks = ", ".join(["%s"] * len(table.columns))
                self._cursor.executemany(f"INSERT INTO marketo.{table.name} VALUES ({marks})", rows)

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
    dataset = load_semantics().datasets["campaign_email_timing"]
    sql = sql_text(computed_dataset(dataset.name, relations, ENGINE, Options()), ENGINE)
    for by in (("campaign", "email", "hours"), ("weekday", "hour")):
        found = without_sends(fetch(database, ENGINE, dataset, sql, timing_request(by)))
        assert_timing(found, timing(log, by=by), by)


def test_every_dataset_runs(cursor) -> None:
    """With the running clock, which the datasets in Superset have."""
    database = Pretended(cursor, crowd(people=60, seed=7))
    relations = build_relations(get_layout("fivetran"), database, ENGINE)
    for name in load_semantics().names(people=True):
        sql = sql_text(computed_dataset(name, relations, ENGINE, Options()), ENGINE)
        ((rows,),) = database.execute(select(func.count()).select_from(dataset_rows(sql, name))).fetchall()
        assert rows > 0


# ---------------------------------------------------------------------------------------------------------------
# Stored tables, by way of Snowflake's own dialect of SQLAlchemy

URI = "snowflake://user:password@account/warehouse/marketo?warehouse=small"


@pytest.fixture
def undoubled() -> Iterator[None]:
    """The driver that fakesnow stands in for takes doubled percent signs back; fakesnow itself does not."""

    def undouble(_: object, __: object, statement: str, parameters: object, *___: object) -> tuple[str, object]:
        return statement.replace("%%", "%"), parameters

    sa.event.listen(sa.engine.Engine, "before_cursor_execute", undouble, retval=True)
    yield
    sa.event.remove(sa.engine.Engine, "before_cursor_execute", undouble)


def synced(log: Log, moment: datetime) -> Iterator[Table]:
    """The activities of the log as a run of the loader at that moment lands them."""
    for table in fivetran_tables(Log(log.activities)):
        place = list(table.columns).index("_fivetran_synced")
        rows = [(*row[:place], moment, *row[place + 1 :]) for row in table.rows]
        yield Table(table.name, table.columns, rows)


def stored_rows(cursor: Any) -> dict[str, list[tuple[Any, ...]]]:
    return {
        name: sorted(
            map(tuple, cursor.execute(f"SELECT {', '.join(COLUMNS[name])} FROM {DEFAULT_SCHEMA}.{name}").fetchall()),
            key=repr,
        )
        for name in TABLES
        if name != STATE
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_new_is_merged(cursor, undoubled, seed: int) -> None:
    cursor.execute(f"DROP SCHEMA IF EXISTS {DEFAULT_SCHEMA} CASCADE")
    whole = crowd(people=40, seed=seed)
    database = Pretended(cursor, whole)
    assert refresh(URI, schema="marketo").mode == "full"
    assert refresh(URI, schema="marketo").mode == "unchanged"
    for number in (1, 2):
        part = crowd(people=15, seed=10 * seed + number)
        part.activities = [each._replace(id=each.id + 10_000 * number) for each in part.activities]
        database.add(synced(part, utc("2024-07-01") + timedelta(hours=number)))
        whole.activities.extend(part.activities)
        assert refresh(URI, schema="marketo").mode == "incremental"
    engine = sa.create_engine(URI)
    with engine.connect() as connection:
        facts = StoredSource(DEFAULT_SCHEMA)
        dataset = load_semantics().datasets["campaign_email_performance"]
        [instance] = read_instances("fivetran", "marketo")
        options = Options(as_of=CLOCK)
        sql = sql_text(
            compose_dataset(dataset.name, facts.facts(connection, ENGINE, instance, options), ENGINE, options), ENGINE
        )
    by = ("campaign", "email", "day")
    assert_report(fetch(database, ENGINE, dataset, sql, ReportRequest(by=by)), report(whole, as_of=CLOCK, by=by), by)
    kept = stored_rows(cursor)
    assert refresh(URI, schema="marketo", verify=True).mode == "unchanged"
    assert refresh(URI, schema="marketo", full=True).mode == "full"
    assert stored_rows(cursor) == kept


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, Kind.TIME) for name in ("TIMESTAMP_TZ", "TIMESTAMP_LTZ", "TIMESTAMP_NTZ", "_CUSTOM_DateTime")),
        *((name, Kind.NUMBER) for name in ("_CUSTOM_DECIMAL", "_CUSTOM_Float", "DECFLOAT")),
        *((name, Kind.DOCUMENT) for name in ("VARIANT", "OBJECT")),
        ("ARRAY", Kind.LIST),
        ("_CUSTOM_Date", Kind.DAY),
    ],
)
def test_the_types_of_its_driver_are_known(name: str, kind: Kind) -> None:
    """Those that the driver reflects; not all of them are subclasses of SQLAlchemy's."""
    from snowflake.sqlalchemy import custom_types

    type_ = getattr(custom_types, name)
    assert kind_of(type_.__new__(type_)) is kind

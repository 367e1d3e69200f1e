"""ClickHouse, embedded as chdb: its SQL over a crowd's log gives the numbers of the independent count.

No SQLAlchemy dialect speaks to it, so a connection of our own runs the SQL, and the columns' types are told.
"""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Any

import pytest
from logs import CLOCKS, Log, arrow, crowd, fivetran_tables, with_variants
from oracle import assert_report, assert_timing, assert_variants, report, timing, variants
from refresh_sql import refresh_statements
from snapshot import TYPES, details_query
from sqlalchemy import column, func, literal, literal_column, select, types
from sqlalchemy import table as sa_table

from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA, StoredFacts
from superset_campaign_plugin.report.datasets import Options, compose_dataset, computed_dataset
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.report.sqltext import sql_text
from superset_campaign_plugin.reporting.query import ReportRequest, dataset_rows, fetch
from superset_campaign_plugin.reporting.run_timing import timing_request, without_sends
from superset_campaign_plugin.reporting.run_variants import variants_request
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources import get_layout
from superset_campaign_plugin.sources.build_relations import build_relations

ENGINE = get_engine("clickhousedb")
CLOCK = CLOCKS[5]


class Embedded:
    """A database with a log, as the catalog of its tables and as the connection that runs queries."""

    schema = qualifier = "marketo"

    def __init__(self, session: Any, folder: Any) -> None:
        import pyarrow.parquet as pq

        self._session = session
        self._folder = folder
        self._write = pq.write_table
        self._tables: dict[str, dict[str, types.TypeEngine]] = {}
        session.query("CREATE DATABASE marketo")
        # ClickHouse writes each step out wherever it is used, so the quality dataset outgrows the usual limit.
        session.query("SET query_plan_max_optimizations_to_apply = 1000000")

    def load(self, log: Log) -> Embedded:
        for table in fivetran_tables(log):
            file = self._folder / f"{table.name}.parquet"
            self._write(arrow(table, zoned=True), file)
            rows = f"SELECT * FROM file('{file}', Parquet)"
            self._session.query(f"CREATE TABLE marketo.{table.name} ENGINE = Memory AS {rows}")
            self._tables[table.name] = {name: TYPES[kind] for name, kind in table.columns.items()}
        return self

    def tables(self) -> set[str]:
        return set(self._tables)

    def columns(self, table: str) -> dict[str, types.TypeEngine] | None:
        return self._tables.get(table)

    def run(self, statement: str) -> None:
        """Run a statement that answers nothing."""
        self._session.query(statement)

    def execute(self, query: Any) -> Embedded:
        written = str(query.compile(dialect=ENGINE.dialect(), compile_kwargs={"literal_binds": True}))
        self._answer = json.loads(str(self._session.query(written, "JSONCompact")))
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        kinds = [column["type"] for column in self._answer["meta"]]
        return [tuple(map(_read, row, kinds)) for row in self._answer["data"]]


def _read(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if "DateTime" in kind:
        return datetime.fromisoformat(value)
    return int(value) if "Int" in kind else value


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """The log and the database that holds it."""
    session = pytest.importorskip("chdb.session", reason="chdb has no package for this system").Session()
    log = with_variants(crowd(people=1000, seed=7), random.Random(7))
    for person in sorted({each.person for each in log.activities if each.kind == "send" and each.person})[:3]:
        log.address(person, "<b>ann@example.com")
    yield log, Embedded(session, tmp_path_factory.mktemp("clickhouse")).load(log)
    session.close()


@pytest.mark.parametrize(
    ("by", "people"),
    [
        (("campaign", "email", "day"), People.AS_SENT),
        (("campaign", "email", "day"), People.MERGED),
        (("campaign", "email", "day"), People.HIDDEN),
        (("workspace", "program", "week"), People.AS_SENT),
        (("month",), People.MERGED),
        ((), People.HIDDEN),
    ],
    ids=str,
)
def test_every_cell(crowded, by, people):
    log, database = crowded
    rules = Rules(people=people)
    dataset = load_semantics().datasets["campaign_email_performance"]
    relations = build_relations(get_layout("fivetran"), database, ENGINE)
    options = Options(as_of=CLOCK, rules=rules)
    sql = sql_text(computed_dataset(dataset.name, relations, ENGINE, options), ENGINE)
    found = fetch(database, ENGINE, dataset, sql, ReportRequest(by=by))
    assert_report(found, report(log, as_of=CLOCK, by=by, rules=rules), by)


@pytest.mark.parametrize("by", [("campaign", "email", "hours"), ("weekday", "hour")], ids=str)
def test_every_cell_of_the_timing(crowded, by):
    log, database = crowded
    dataset = load_semantics().datasets["campaign_email_timing"]
    relations = build_relations(get_layout("fivetran"), database, ENGINE)
    sql = sql_text(computed_dataset(dataset.name, relations, ENGINE, Options()), ENGINE)
    found = without_sends(fetch(database, ENGINE, dataset, sql, timing_request(by)))
    assert_timing(found, timing(log, by=by), by)


@pytest.mark.parametrize("by", [("campaign", "email", "variant"), ("day", "variant")], ids=str)
def test_every_cell_of_the_variants(crowded, by):
    log, database = crowded
    dataset = load_semantics().datasets["campaign_email_variants"]
    relations = build_relations(get_layout("fivetran"), database, ENGINE)
    sql = sql_text(computed_dataset(dataset.name, relations, ENGINE, Options(as_of=CLOCK)), ENGINE)
    assert_variants(fetch(database, ENGINE, dataset, sql, variants_request(by)), variants(log, as_of=CLOCK, by=by), by)


@pytest.mark.parametrize("name", load_semantics().names(people=True))
def test_every_dataset_runs(crowded, name):
    """With the running clock, which the datasets in Superset have."""
    _, database = crowded
    relations = build_relations(get_layout("fivetran"), database, ENGINE)
    sql = sql_text(computed_dataset(name, relations, ENGINE, Options()), ENGINE)
    ((rows,),) = database.execute(select(func.count()).select_from(dataset_rows(sql, name))).fetchall()
    assert rows > 0


def test_attributes_stand_beside_people(crowded):
    _, database = crowded
    rows = dataset_rows(sql_text(details_query(ENGINE, database), ENGINE), "details")
    columns = [column(name) for name in ("person_email", "person_id", "sent_count")]
    found = database.execute(select(*columns).select_from(rows)).fetchall()
    assert len({person for address, person, _ in found if address == "< b>ann@example.com"}) == 3
    assert {address for address, _, _ in found} == {"", "< b>ann@example.com"}
    (sent,) = database.execute(select(func.count()).select_from(rows)).fetchall()
    assert sent == (len(found),)


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("%s", types.String()),
        ("CAST(%s AS Nullable(String))", types.String()),
        ("CAST(JSONExtractKeysAndValues(%s, 'String') AS Map(String, String))", types.JSON()),
        ("CAST(%s AS JSON)", types.JSON()),
    ],
)
@pytest.mark.on_spark
def test_an_object_is_read_whatever_holds_it(crowded, expression, kind):
    _, database = crowded
    text = literal('{"Link": "https://example.com/?a=1", "Campaign Run ID": "7"}').compile(
        dialect=ENGINE.dialect(), compile_kwargs={"literal_binds": True}
    )
    column = literal_column(expression % text, kind)
    found = select(*(ENGINE.json_text(column, key) for key in ("Link", "Campaign Run ID", "Nothing")))
    ((link, run, nothing),) = database.execute(found).fetchall()
    assert (link, run, nothing or None) == ("https://example.com/?a=1", "7", None)


def test_stored_tables(crowded):
    """The statements of a refresh, one by one, make tables and views that give the same."""
    log, database = crowded
    dataset = load_semantics().datasets["campaign_email_performance"]
    relations = build_relations(get_layout("fivetran"), database, ENGINE)
    for statement in refresh_statements(ENGINE, relations, begun=False):
        if not statement.startswith("SELECT"):
            database.run(statement)
    for view in ("campaign_report_performance", "campaign_report_columns", "campaign_report_links"):
        [(rows,)] = database.execute(select(func.count()).select_from(sa_table(view, schema=DEFAULT_SCHEMA))).fetchall()
        assert rows > 0, view
    by = ("campaign", "email", "day")
    options = Options(as_of=CLOCK)
    sql = sql_text(compose_dataset(dataset.name, StoredFacts(DEFAULT_SCHEMA, ENGINE, CLOCK), ENGINE, options), ENGINE)
    assert_report(fetch(database, ENGINE, dataset, sql, ReportRequest(by=by)), report(log, as_of=CLOCK, by=by), by)

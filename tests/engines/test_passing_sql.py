"""No generated SQL holds what Superset's templates, percent formatting or parameters would take for their own.

Texts from people stand in it as literals: of settings, of row rules, of addresses. Each comes out of the database as it
was, whatever it holds.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import DebugUndefined
from jinja2.sandbox import SandboxedEnvironment
from logs import Log
from snapshot import TypicalCatalog, details_query
from sqlglot import exp

from superset_campaign_plugin.embedding.row_clauses import Grant, row_clause
from superset_campaign_plugin.engines import ENGINES, Engine, get_engine
from superset_campaign_plugin.refresh.tables import StoredFacts
from superset_campaign_plugin.report.datasets import QUALITY_DATASET, Options, build_dataset, computed_dataset
from superset_campaign_plugin.report.rules import AgentRules, LinkRules, Rules
from superset_campaign_plugin.report.sqltext import side_by_side, sql_text
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources import get_layout
from superset_campaign_plugin.sources.build_relations import build_relations

MARKS = (
    *("{{", "}}", "{%", "%}", "{#", "#}", "{", "%", "%%", "%s", "%(a)s", ":", "::", ":name", ":1", "\\:", "\\", "'"),
    *(
        '"',
        "''",
        "\r",
        "\n",
        "\r\n",
        "~",
        "^",
        "@",
        "!",
        "|",
        "$",
        "?",
        " ",
        "a",
        "1",
        "é",
        "\U0001f389",
        "--",
        "/*",
        "*/",
    ),
)
TEXTS = st.lists(st.sampled_from(MARKS), min_size=1, max_size=12).map("".join)
# Lower case, as settings are.
HOSTILE = (
    *("{{ 7*7 }}", "{% raw %}", "{# gone #}", "100%", "50%% off %s %(x)s", ":bound and :1", "a\\:b", "back\\slash'"),
    *("~^@!|{{%\r:x", "it''s \"so\"", "line\r\nbreak\rhere", "{{{%%}}}", "plain"),
)
EACH = sorted({engine.name for engine in ENGINES.values()})
RUN = ["duckdb", "sqlite", "postgresql", "mysql"]
JINJA = SandboxedEnvironment(undefined=DebugUndefined, keep_trailing_newline=True)


def check_passes(sql: str) -> None:
    """What SQL may pass on its way, one after the other, leaves it as it is."""
    assert not re.search(r"\{[{%#]|%|\r", sql)
    assert JINJA.from_string(sql).render() == sql
    statement = sa.text(sql)
    assert not statement._bindparams
    assert str(statement.compile(dialect=sa.dialects.sqlite.dialect())) == sql


@pytest.fixture(params=RUN)
def connection(request: pytest.FixtureRequest, warehouse_on: Any) -> Iterator[tuple[sa.engine.Connection, Engine]]:
    warehouse = warehouse_on(request.param)
    pool = sa.create_engine(warehouse.uri, poolclass=sa.pool.NullPool)
    with pool.connect() as connection:
        yield connection, get_engine(request.param)
    warehouse.drop()


@given(texts=st.lists(TEXTS, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_text_comes_out_as_it_was(connection: tuple[sa.engine.Connection, Engine], texts: list[str]) -> None:
    database, engine = connection
    query = sa.select(*(sa.literal(text).label(f"c{place}") for place, text in enumerate(texts)))
    sql = sql_text(query, engine)
    check_passes(sql)
    assert list(database.execute(sa.text(sql)).fetchone()) == texts


@pytest.mark.parametrize("name", EACH)
@given(text=TEXTS)
@settings(max_examples=60, deadline=None)
def test_on_every_engine_a_text_is_written_so_that_it_passes(name: str, text: str) -> None:
    engine = get_engine(name)
    sql = sql_text(sa.select(sa.literal(text).label("value")), engine)
    check_passes(sql)
    assert value_of(sqlglot.parse_one(sql, read=engine.sqlglot).expressions[0].this) == text


def value_of(node: exp.Expression) -> str:
    """What the expression of a literal comes to."""
    if isinstance(node, exp.Literal):
        return node.this
    if isinstance(node, exp.Chr):
        return chr(int(node.expressions[0].this))
    arguments = node.expressions if isinstance(node, exp.Anonymous) else list(node.iter_expressions())
    assert node.sql_name() == "REPLACE" or node.name.upper() == "REPLACE"
    text, stand_in, meant = map(value_of, arguments)
    return text.replace(stand_in, meant)


def test_a_row_rule_picks_the_rows_of_its_name(connection: tuple[sa.engine.Connection, Engine]) -> None:
    database, engine = connection
    drawn = random.Random(7)
    names = sorted(
        {"".join(drawn.choices(MARKS, k=drawn.randint(1, 8))).strip() or "x" for _ in range(60)} | {*HOSTILE}
    )
    names = [name for name in names if name.casefold() == name]
    kind = sa.Text().with_variant(sa.dialects.mysql.VARCHAR(200, collation="utf8mb4_bin"), "mysql")
    report = sa.Table("report", sa.MetaData(), sa.Column("workspace", kind), sa.Column("program_name", kind))
    report.drop(database, checkfirst=True)
    report.create(database)
    database.execute(report.insert(), [{"workspace": name, "program_name": f"{name} P"} for name in names])
    for name in names:
        grant = Grant(name, f"{name} P")
        clause = row_clause([grant], backslash_escapes=engine.name == "mysql", character=engine.character)
        check_passes(clause)
        found = database.execute(sa.text(f"SELECT workspace FROM report WHERE {clause}")).scalars().all()
        assert found == [name]


@pytest.mark.parametrize("engine", RUN, indirect=True)
def test_a_setting_means_the_text_that_it_holds(warehouse: Any) -> None:
    """Every link is clicked by a person of its own; each in turn is one that does not count."""
    log = Log()
    for person, link in enumerate(HOSTILE, start=1):
        log.send(1, 10, person, "2024-03-01 10:00").click(1, 10, person, "2024-03-01 11:00", link=link)
    warehouse.load(log)
    for text in HOSTILE:
        others = sum(text not in link for link in HOSTILE)
        for rules in (LinkRules((), (text,)), LinkRules((text,), ())):
            [row] = warehouse.records(by=[], rules=Rules(links=rules))
            assert row["clicked_link"] == (others if rules.uncounted_parts else len(HOSTILE) - 1), text


@pytest.mark.parametrize("name", EACH)
def test_no_dataset_holds_what_would_be_taken(name: str) -> None:
    """Computed from a log that is all text, and stored, for one Marketo instance and several."""
    engine = get_engine(name)
    zone = "Europe/Berlin" if engine.time_zones else "UTC"
    everything = ("".join(HOSTILE),)
    rules = Rules(links=LinkRules(everything, HOSTILE), agents=AgentRules(everything, everything), time_zone=zone)
    options = Options(rules=rules, source_name="EMEA", preview_path="/50%{{ x }}:a/campaign-email/")
    relations = build_relations(get_layout("fivetran"), TypicalCatalog(all_text=True), engine)
    names = load_semantics().names(people=True)
    stored = StoredFacts("campaign_report", engine, None)
    queries = [computed_dataset(dataset, relations, engine, options) for dataset in names]
    queries += [build_dataset(dataset, stored, engine, options) for dataset in names if dataset != QUALITY_DATASET]
    queries.append(details_query(engine, TypicalCatalog(all_text=True), rules=rules, source_name="EMEA"))
    for query in queries:
        sql = sql_text(query, engine)
        check_passes(sql)
    check_passes(side_by_side({"EMEA": sql, "Japan": sql}, engine))


def test_no_metric_holds_what_would_be_taken() -> None:
    for dataset in load_semantics().datasets.values():
        for metric in dataset.metrics:
            check_passes(metric.expression)

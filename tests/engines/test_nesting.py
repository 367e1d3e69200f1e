"""SQLite's parser has a stack of 100 symbols, so it refuses SQL that nests too deep.

The deepest is over tables of text, of several Marketo instances, with merged people. Superset puts a dataset's SQL into
queries of its own: a chart with a limit of series into a join, and a count of rows around that.
"""

from __future__ import annotations

import itertools
import sqlite3

import pytest
from layouts import FORMS, JSON_MAPPING, LAYOUTS, MAPPING
from logs import crowd
from snapshot import TableCatalog

from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.report.datasets import Options, computed_dataset
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.report.sqltext import plain_sql
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources import get_layout
from superset_campaign_plugin.sources.build_relations import build_relations

STACK = 100
FORMS_OF_LAYOUTS = {**{name: (name, tables) for name, tables in LAYOUTS.items()}, **FORMS}
RULES = {people: Rules(people=people, leave_out_deleted=True, leave_out_bots=True) for people in People}


def within_a_chart(sql: str) -> str:
    """The SQL as Superset's largest queries hold it."""
    chart = f"SELECT a FROM ({sql}) AS virtual_table JOIN (SELECT b FROM ({sql}) AS virtual_table) AS series ON a = b"
    return f"SELECT COUNT(*) FROM ({chart} WHERE ((a IN (1)) AND (b > (1)))) AS rowcount_qry"


def refusal(sql: str) -> str:
    """What SQLite says to the SQL over no tables at all."""
    with pytest.raises(sqlite3.OperationalError) as error:
        sqlite3.connect(":memory:").execute(sql)
    return str(error.value)


@pytest.mark.parametrize("form", FORMS_OF_LAYOUTS)
def test_no_sql_nests_too_deep(form, tmp_path):
    for name, mapping in {"custom": MAPPING, "raw": JSON_MAPPING}.items():
        (tmp_path / f"{name}.yaml").write_text(mapping)
    source, tables = FORMS_OF_LAYOUTS[form]
    layout = get_layout(str(tmp_path / f"{source}.yaml") if source in ("custom", "raw") else source)
    engine = get_engine("sqlite")
    catalog = TableCatalog(tables(crowd(people=250, seed=5)), all_text=True)
    catalog.schema = catalog.qualifier = None
    relations = build_relations(layout, catalog, engine)
    for dataset, people in itertools.product(load_semantics().names(people=True), People):
        query = computed_dataset(dataset, relations, engine, Options(rules=RULES[people], source_name="EMEA"))
        of_several_instances = f"SELECT * FROM ({plain_sql(query, engine)}) AS instance_1"
        assert refusal(within_a_chart(of_several_instances)).startswith("no such table"), (dataset, people)


def test_sqlite_refuses_what_nests_deeper():
    """So the test above can fail."""
    assert refusal(f"SELECT {'(' * STACK}1{')' * STACK}") == "parser stack overflow"

"""The SQL for engines of which no server is at hand is as it was when it was last read, and Superset can parse it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlglot
from layouts import FORMS, JSON_MAPPING
from logs import crowd
from snapshot import FOLDER, TEXT_DATASET, UNRUN, TableCatalog, dataset_sql, refresh_snapshots, snapshots
from superset.sql.parse import SQLStatement

from superset_campaign_plugin.engines import ENGINES


@pytest.mark.parametrize("engine", UNRUN)
def test_the_sql_is_the_snapshot(engine):
    written = {**dict(snapshots(engine)), **refresh_snapshots(engine)}
    stored = {f"{engine}/{file.name}": file.read_text(encoding="utf-8") for file in (FOLDER / engine).glob("*.sql")}
    different = sorted(file for file in written.keys() | stored.keys() if written.get(file) != stored.get(file))
    assert not different, "the SQL has changed: run `make snapshots` and read the difference"


@pytest.mark.parametrize("engine", UNRUN)
def test_superset_writes_the_same_sql(engine):
    """What Superset makes of it, to put row rules into it, is the same again."""
    for file, sql in snapshots(engine):
        assert SQLStatement(sql, engine=engine).format().strip() == sql.strip(), file


@pytest.mark.parametrize("engine", UNRUN)
def test_the_statements_of_a_refresh_can_be_parsed(engine):
    """As the engine's SQL, none as an unknown command."""
    for file, statements in refresh_snapshots(engine).items():
        for statement in statements.splitlines():
            if not statement.endswith(" …;"):
                [parsed] = sqlglot.parse(statement, dialect=ENGINES[engine].sqlglot)
                assert not isinstance(parsed, sqlglot.exp.Command), (file, statement)


@pytest.mark.parametrize("engine", [name for name in UNRUN if ENGINES[name].merges])
def test_new_rows_are_read_by_a_range_of_the_loaders_own_column(engine):
    """By which an engine can skip what is older: a bare column beside a fixed moment, in every look at the log but one:
    the table of bounces is made anew from all bounces, and the sends of those that name no campaign."""
    lines = refresh_snapshots(engine)[f"{engine}/refresh_merge.sql"].splitlines()
    statements = "\n".join(line for line in lines if "campaign_report_bounces" not in line)
    looks = re.findall(r"FROM marketo\.activity_\w+ AS loaded (.*?)(?=\bFROM\b|$)", statements, re.MULTILINE)
    assert len(looks) > 20
    for condition in looks:
        assert re.search(r"loaded\._fivetran_synced >=? (CAST\(')?(TIMESTAMP|'?2024-03)", condition), condition


@pytest.mark.parametrize("engine", UNRUN)
def test_no_condition_stands_without_rows_that_it_is_about(engine):
    """BigQuery takes no WHERE without FROM."""
    statements = [line for text in refresh_snapshots(engine).values() for line in text.splitlines()]
    for statement in [*(sql for _, sql in snapshots(engine)), *statements]:
        if not statement.endswith(" …;"):
            [parsed] = sqlglot.parse(statement, dialect=ENGINES[engine].sqlglot)
            for query in parsed.find_all(sqlglot.exp.Select):
                assert not query.args.get("where") or query.args.get("from_") or query.args.get("from"), query.sql()


def test_every_snapshot_has_its_engine():
    assert sorted(folder.name for folder in FOLDER.iterdir()) == UNRUN


@pytest.mark.parametrize("form", ["merged ids in a table", "merged people beside merges", "attributes as JSON"])
@pytest.mark.parametrize("engine", sorted({engine.name for engine in ENGINES.values()}))
def test_superset_writes_the_same_sql_of_every_form(engine: str, form: str, tmp_path: Path) -> None:
    name, tables = FORMS[form]
    (tmp_path / "raw.yaml").write_text(JSON_MAPPING)
    source = str(tmp_path / "raw.yaml") if name == "raw" else name
    sql = dataset_sql(ENGINES[engine], TableCatalog(tables(crowd(people=20, seed=5))), TEXT_DATASET, source=source)
    assert SQLStatement(sql, engine=engine).format().strip() == sql.strip()

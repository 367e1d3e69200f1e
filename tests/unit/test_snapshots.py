"""The SQL for engines of which no server is at hand is as it was when it was last read, and Superset can parse it."""

from __future__ import annotations

from pathlib import Path

import pytest
from layouts import FORMS, JSON_MAPPING
from logs import crowd
from snapshot import FOLDER, TEXT_DATASET, UNRUN, TableCatalog, dataset_sql, snapshots
from superset.sql.parse import SQLStatement

from superset_campaign_plugin.engines import ENGINES


@pytest.mark.parametrize("engine", UNRUN)
def test_the_sql_is_the_snapshot(engine):
    written = dict(snapshots(engine))
    stored = {f"{engine}/{file.name}": file.read_text(encoding="utf-8") for file in (FOLDER / engine).glob("*.sql")}
    different = sorted(file for file in written.keys() | stored.keys() if written.get(file) != stored.get(file))
    assert not different, "the SQL has changed: run `make snapshots` and read the difference"


@pytest.mark.parametrize("engine", UNRUN)
def test_superset_writes_the_same_sql(engine):
    """What Superset makes of it, to put row rules into it, is the same again."""
    for file, sql in snapshots(engine):
        assert SQLStatement(sql, engine=engine).format().strip() == sql.strip(), file


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

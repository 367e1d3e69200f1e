"""The SQL for engines of which no server is at hand is as it was when it was last read, and Superset can parse it."""

from __future__ import annotations

import pytest
from snapshot import FOLDER, UNRUN, snapshots
from superset.sql.parse import SQLStatement


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

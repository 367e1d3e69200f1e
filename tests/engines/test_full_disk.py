"""A disk that is full, at any moment: no committed row is lost, and success is said for no row that is not there."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from logs import BULK_HEADER
from marketo_server import Marketo, serve

from superset_campaign_plugin.emails.contents import content_table, load_emails
from superset_campaign_plugin.errors import DatabaseError
from superset_campaign_plugin.load.load_files import load_files
from superset_campaign_plugin.load.store import activity_table
from superset_campaign_plugin.marketo import pull_emails as emails
from superset_campaign_plugin.marketo.pull_emails import pull_emails
from superset_campaign_plugin.warehouse import connect

on_file_engines = pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
ROWS = 12_000
# At each the disk is full at another moment; a long run tries all.
SIZES = [100, 300, 700, 1100, 1200, 1300, 1400, 1500, 2200, 2800, 5000]
FULL = "cannot be written: the disk is full; free space and run this again"

# Prints after each transaction how many rows are stored by then: what it has said, must be there.
LOAD = """
import sys
from superset_campaign_plugin.load import load_files as loading, store
loading.BATCH = int(sys.argv.pop(1))
save = store.Store.save
def told(*arguments):
    save(*arguments)
    print(arguments[3].stored, flush=True)
store.Store.save = told
from superset_campaign_plugin.cli import main
main()
"""


@pytest.fixture(scope="module")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows that do not compress."""
    chance = random.Random(5)
    rows = [
        f'{chance.getrandbits(64):x}-{id},100,2024-03-01T10:00:00Z,6,1,10,Email {chance.getrandbits(128):x},"{{}}"'
        for id in range(ROWS)
    ]
    file = tmp_path_factory.mktemp("extract") / "a.csv"
    file.write_text("\n".join([",".join(BULK_HEADER), *rows, ""]))
    return file


def count(uri: str, column: sa.Column) -> int:
    """Rows in the database as somebody finds it who opens it to read; 0 without the table."""
    with connect(uri) as (connection, _):
        if not sa.inspect(connection).has_table(column.table.name):
            return 0
        return connection.scalar(sa.select(sa.func.count(column)))


@pytest.mark.parametrize("batch", [300, 4000])
@pytest.mark.parametrize("kilobytes", SIZES if "ROUNDS" in os.environ else SIZES[::2])
@on_file_engines
def test_a_load(disk, extract: Path, engine: str, kilobytes: int, batch: int) -> None:
    """On some of these disks all fits but what DuckDB needs at its end, when it moves rows from its log to the file."""
    folder = disk(kilobytes)
    uri = f"{engine}:///{folder}/a.db"
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(batch), "load", extract, "--uri", uri, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    numbers, brace, summary = done.stdout.partition("{")
    said = ([0] + [int(line) for line in numbers.split()])[-1]
    if kilobytes > 1000 and batch == 300:
        assert said > 0
    if kilobytes == 5000 or (kilobytes > 1200 and done.returncode == 0):
        assert (done.returncode, done.stderr) == (0, "")
        assert said == json.loads(brace + summary)["stored"] == ROWS
    else:
        assert (done.returncode, done.stderr, brace) == (1, f"Error: {folder}/a.db {FULL}\n", "")
    # While it is still full: what DuckDB has only in its log counts, too.
    if (folder / "a.db.wal").exists():
        assert count(uri, activity_table().c.activity_id) == said
    disk(50_000)
    assert count(uri, activity_table().c.activity_id) == said
    assert load_files(uri, [extract]).files[0].counts.stored == ROWS
    assert count(uri, activity_table().c.activity_id) == ROWS


@on_file_engines
def test_rows_that_are_stored_before_stay(disk, extract: Path, tmp_path: Path, engine: str) -> None:
    folder = disk(50_000)
    uri = f"{engine}:///{folder}/a.db"
    early = tmp_path / "early.csv"
    early.write_text("\n".join([*extract.read_text().splitlines()[:2001], ""]))
    load_files(uri, [early])
    used = sum(path.stat().st_size for path in folder.iterdir()) // 1024
    disk(used + 64)
    with pytest.raises(DatabaseError, match=FULL):
        load_files(uri, [extract])
    disk(50_000)
    assert count(uri, activity_table().c.activity_id) == 2000
    load_files(uri, [extract])
    assert count(uri, activity_table().c.activity_id) == ROWS


@on_file_engines
def test_emails_from_files(disk, tmp_path: Path, engine: str) -> None:
    folder = disk(700)
    uri = f"{engine}:///{folder}/a.db"
    mails = tmp_path / "mails"
    mails.mkdir()
    (mails / "1.html").write_text("one")
    assert load_emails(uri, mails).loaded == 1
    for number in range(2, 12):
        (mails / f"{number}.html").write_text(random.Random(number).randbytes(50_000).hex())
    with pytest.raises(DatabaseError, match=FULL):
        load_emails(uri, mails)
    disk(50_000)
    assert count(uri, content_table().c.email_id) == 1
    assert load_emails(uri, mails).loaded == 11
    assert count(uri, content_table().c.email_id) == 11


@pytest.mark.parametrize("kilobytes", [600, 1000, 1250])
@on_file_engines
def test_emails_from_marketo(disk, engine: str, kilobytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = disk(kilobytes)
    uri = f"{engine}:///{folder}/a.db"
    said = []
    store = emails.store_contents

    def told(*arguments):
        result = store(*arguments)
        said.append(result.loaded)
        return result

    monkeypatch.setattr(emails, "store_contents", told)
    clock = iter(range(10**6)).__next__
    with serve(Marketo(clock)) as marketo:
        for number in range(1, 61):
            marketo.email(number, random.Random(number).randbytes(12_000).hex())
        with pytest.raises(DatabaseError, match=FULL):
            pull_emails(uri, marketo.environment(), sleep=lambda seconds: None, clock=clock)
        before = sum(said)
        assert 0 < before < 60
        disk(50_000)
        assert count(uri, content_table().c.email_id) == before
        pulled = pull_emails(uri, marketo.environment(), sleep=lambda seconds: None, clock=clock)
    assert (pulled.stored, pulled.unchanged) == (60 - before, before)
    assert count(uri, content_table().c.email_id) == 60

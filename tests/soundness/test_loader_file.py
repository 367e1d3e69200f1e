"""A refresh of a DuckDB warehouse reads the loader's file, and leaves it as it is: whatever it does, whatever happens.

marketo.duckdb                       the loader's: the same file, byte for byte
marketo.duckdb.wal                   what the loader committed and DuckDB has not moved into the file yet: the same
marketo.campaign_report.duckdb       the stored tables: the old ones or the new ones
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import logs
import pytest
import sqlalchemy as sa
from logs import Log, crowd, utc

from superset_campaign_plugin.errors import CampaignError, RefreshError, UsageError
from superset_campaign_plugin.refresh.place import stored_uri
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA, STATE
from superset_campaign_plugin.reporting.run_report import run_report

CLOCK = utc("2024-06-01")
BY = ("campaign", "email", "day")
FACTS = StoredSource(DEFAULT_SCHEMA)

# Adds a row to a table as a loader does; prints "done" once it is committed, and what DuckDB says if it is not.
_LOADER = """
import duckdb, sys
try:
    with duckdb.connect(sys.argv[1]) as loader:
        loader.execute("INSERT INTO activity_send_email FROM activity_send_email")
    print("done")
except duckdb.IOException as error:
    print(error)
"""
# The same, but the process ends before DuckDB moves the rows from its log into the file.
_LOADER_THAT_STOPS = """
import duckdb, os, sys
loader = duckdb.connect(sys.argv[1])
loader.execute("SET wal_autocheckpoint = '1GB'")
loader.execute("INSERT INTO activity_send_email SELECT * REPLACE (lead_id + 1_000_000 AS lead_id, id + 500_000 AS id) "
               "FROM activity_send_email LIMIT 500")
os._exit(0)
"""
_REFRESH = """
import os, signal, sys
from superset_campaign_plugin.refresh.run import refresh

def step(title):
    if title == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

refresh(sys.argv[1], full=True, progress=step)
"""


def python(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def everything(file: Path) -> dict[str, object]:
    """All that is to be known of the loader's file and of its log."""
    parts = (file, file.with_name(f"{file.name}.wal"))
    known = {part.name: (part.read_bytes(), part.stat()) for part in parts if part.exists()}
    return {
        name: (content, stat.st_ino, stat.st_nlink, stat.st_mode, stat.st_uid, stat.st_mtime_ns)
        for name, (content, stat) in known.items()
    }


def sends(file: Path) -> int:
    with duckdb.connect(str(file), read_only=True) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM activity_send_email").fetchall()
    return int(count)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The loader's file, with rows that stand in DuckDB's log alone."""
    file = tmp_path / "marketo.duckdb"
    logs.write(crowd(people=600, seed=5), f"duckdb:///{file}")
    python(_LOADER_THAT_STOPS, file)
    assert file.with_name("marketo.duckdb.wal").stat().st_size > 0
    return file


STEPS = ("Email records", "Daily rollup", "Links", "State", "Changing over")


@pytest.mark.parametrize("action", ["full", "again", "dry run", *STEPS])
def test_the_loader_s_file_is_the_same_afterwards(file, action):
    """Also where the refresh is killed, which STEPS stand for."""
    before, uri = everything(file), f"duckdb:///{file}"
    if action in STEPS:
        assert python(_REFRESH, uri, action).returncode == -signal.SIGKILL
    refresh(uri, dry_run=action == "dry run")
    if action == "again":
        refresh(uri)
        refresh(uri, full=True)
    assert everything(file) == before
    if action != "dry run":
        stored = run_report(uri, by=BY, as_of=CLOCK, facts=FACTS)
        assert stored.records() == run_report(uri, by=BY, as_of=CLOCK).records()
        assert sorted(os.listdir(file.parent)) == [
            ".marketo.campaign_report.duckdb.lock",
            "marketo.campaign_report.duckdb",
            "marketo.duckdb",
            "marketo.duckdb.wal",
        ]


@pytest.mark.parametrize("step", STEPS)
def test_what_a_loader_commits_meanwhile_stays(file, step):
    """It is kept out while its file is read, and comes in afterwards; what it was told is done is there."""
    uri, told = f"duckdb:///{file}", []

    def load(title: str) -> None:
        if title == step:
            told.append(python(_LOADER, file).stdout.strip())

    count = sends(file)
    refresh(uri, progress=load)
    assert "Conflicting lock" in told[0]
    assert python(_LOADER, file).stdout.strip() == "done"
    assert sends(file) == 2 * count


def test_a_file_that_is_written_all_the_same_is_noticed(file):
    """A lock falls when the process closes the file elsewhere, as another thread of a worker may."""
    uri = f"duckdb:///{file}"
    refresh(uri)
    stored = Path(str(sa.engine.make_url(stored_uri(uri)).database))
    before = stored.read_bytes()

    def load(title: str) -> None:
        if title == "Links":
            os.close(os.open(file, os.O_RDONLY))
            assert python(_LOADER, file).stdout.strip() == "done"

    with pytest.raises(RefreshError, match=r"wrote to .*marketo.duckdb while it was read"):
        refresh(uri, full=True, progress=load)
    assert stored.read_bytes() == before
    assert refresh(uri).mode == "incremental"


@pytest.mark.parametrize("make", [os.symlink, os.link], ids=["symbolic link", "hard link"])
def test_a_link_stays_a_link(file, tmp_path, make):
    folder = tmp_path / "links"
    folder.mkdir()
    link = folder / "warehouse.duckdb"
    make(file, link)
    for log in file.parent.glob("*.wal"):
        # DuckDB looks for its log beside the name by which the file is opened.
        shutil.copy(log, link.with_name("warehouse.duckdb.wal"))
    before = everything(file)
    refresh(f"duckdb:///{link}")
    assert everything(file) == before
    assert link.is_symlink() == (make is os.symlink)
    assert link.samefile(file)
    assert (folder / "warehouse.campaign_report.duckdb").is_file()


def test_a_stored_file_keeps_its_link_its_owner_and_its_mode(file, tmp_path):
    """Those who could read it read the new one."""
    uri = f"duckdb:///{file}"
    elsewhere, link = tmp_path / "elsewhere.duckdb", tmp_path / "stored.duckdb"
    refresh(uri, stored_file=str(elsewhere))
    elsewhere.chmod(0o640)
    if os.geteuid() == 0:  # another account cannot give files away
        os.chown(elsewhere, 65534, 65534)
    link.symlink_to(elsewhere)
    before = elsewhere.stat()
    refresh(uri, stored_file=str(link), full=True)
    after = elsewhere.stat()
    assert link.is_symlink()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino
    assert run_report(uri, by=[], facts=StoredSource(DEFAULT_SCHEMA, str(link))).records()


def test_readers_keep_what_they_have_open(file):
    uri = f"duckdb:///{file}"
    refresh(uri)
    stored = sa.engine.make_url(stored_uri(uri)).database
    with duckdb.connect(stored, read_only=True) as reader:
        query = f"SELECT sum(sent_count) FROM {DEFAULT_SCHEMA}.campaign_report_performance"
        before = reader.execute(query).fetchall()
        python(_LOADER, file)
        logs.append(logs.fivetran_tables(Log().send(1, 10, 999_999, "2024-03-01 10:00")), uri)
        refresh(uri, full=True)
        assert reader.execute(query).fetchall() == before
    with duckdb.connect(stored, read_only=True) as reader:
        assert reader.execute(query).fetchall() != before


@pytest.mark.parametrize("chosen", ["marketo.duckdb", "link.duckdb", "other.duckdb", "/proc/stored.duckdb"])
def test_a_file_that_cannot_hold_the_stored_tables_is_refused(file, chosen):
    """The loader's own, by whatever name; one with tables of others in it; one in a place that takes no files."""
    (file.parent / "link.duckdb").symlink_to(file)
    with duckdb.connect(str(file.parent / "other.duckdb")) as other:
        other.execute("CREATE TABLE orders AS SELECT 1 AS id")
    before, theirs = everything(file), (file.parent / "other.duckdb").read_bytes()
    with pytest.raises(CampaignError, match=r"--stored-file|cannot make the lock file") as raised:
        refresh(f"duckdb:///{file}", stored_file=str(file.parent / chosen))
    assert len(str(raised.value).splitlines()) == 1
    assert everything(file) == before
    assert (file.parent / "other.duckdb").read_bytes() == theirs


def test_a_stored_file_is_for_duckdb_alone(tmp_path):
    with pytest.raises(UsageError, match="a file of stored tables is for DuckDB alone; on sqlite"):
        refresh(f"sqlite:///{tmp_path}/marketo.db", stored_file="stored.duckdb")


def test_stored_tables_inside_the_loader_s_file_are_left_alone(file):
    """As a release before this one made them: they are not read, nor brought up to date, nor removed."""
    with duckdb.connect(str(file)) as loader:
        loader.execute(f"CREATE SCHEMA {DEFAULT_SCHEMA}")
        loader.execute(f"CREATE TABLE {DEFAULT_SCHEMA}.{STATE} AS SELECT 'refreshed at' AS name, 'x' AS value")
    before = everything(file)
    summary = refresh(f"duckdb:///{file}")
    assert summary.reason == "there are no stored tables yet"
    assert "DROP SCHEMA campaign_report CASCADE" in summary.notes[0]
    assert everything(file) == before
    log = Log().send(1, 10, 1, "2024-03-01 10:00")
    logs.append(logs.fivetran_tables(log), f"duckdb:///{file}")
    refresh(f"duckdb:///{file}")
    whole = run_report(f"duckdb:///{file}", by=BY, as_of=CLOCK).records()
    assert run_report(f"duckdb:///{file}", by=BY, as_of=CLOCK, facts=FACTS).records() == whole

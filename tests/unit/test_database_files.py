"""What can be wrong with a database that is a file: each is told in one sentence, and a short use is waited for."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from workers import holding

from superset_campaign_plugin import database_files
from superset_campaign_plugin.database_files import wait_for_file
from superset_campaign_plugin.errors import BusyError, DatabaseError
from superset_campaign_plugin.warehouse import connect

on_both = pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
to_read_and_to_write = pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
HOLD = "import duckdb\nheld = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'read')"


def attempt(uri: str, write: bool) -> None:
    """Open it and do the least that needs the file."""
    with connect(uri, write=write) as (connection, _):
        if write:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS other (a INTEGER)")
        else:
            connection.exec_driver_sql("SELECT * FROM t")


def told(uri: str, write: bool) -> str:
    with pytest.raises(DatabaseError) as caught:
        attempt(uri, write)
    message = str(caught.value)
    assert "\n" not in message
    assert "server" not in message
    return message


def make(engine: str, path: Path) -> str:
    """A database with a table `t`; returns its URI."""
    uri = f"{engine}:///{path}"
    with connect(uri, write=True) as (connection, _):
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")
    return uri


@on_both
@to_read_and_to_write
def test_a_directory_that_is_not_there(tmp_path: Path, engine: str, write: bool) -> None:
    file = tmp_path / "no" / "where" / "a.db"
    expected = f"no directory {file.parent} for the database file {file.name}; check --uri, or make the directory"
    assert told(f"{engine}:///{file}", write) == expected


@on_both
@to_read_and_to_write
def test_a_directory_in_its_place(tmp_path: Path, engine: str, write: bool) -> None:
    assert told(f"{engine}:///{tmp_path}", write) == f"{tmp_path} is a directory, not a database file; check --uri"


@on_both
@to_read_and_to_write
@pytest.mark.parametrize("size", [5, 50_000])
def test_a_file_that_is_no_database(tmp_path: Path, engine: str, write: bool, size: int) -> None:
    file = tmp_path / "a.db"
    file.write_bytes(b"x" * size)
    assert told(f"{engine}:///{file}", write) == f"{file} is not a database of this engine; check --uri"
    assert file.read_bytes() == b"x" * size


@on_both
@to_read_and_to_write
def test_a_database_of_the_other_engine(tmp_path: Path, engine: str, write: bool) -> None:
    make({"duckdb": "sqlite", "sqlite": "duckdb"}[engine], tmp_path / "a.db")
    assert "is not a database of this engine; check --uri" in told(f"{engine}:///{tmp_path}/a.db", write)


@on_both
def test_a_file_that_is_not_there(tmp_path: Path, engine: str) -> None:
    assert told(f"{engine}:///{tmp_path}/a.db", False) == f"no file {tmp_path}/a.db; check --uri"
    assert list(tmp_path.iterdir()) == []


# Who holds it -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("held", "write"), [("read", True), ("write", True), ("write", False)])
def test_a_duckdb_file_that_another_program_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: str, write: bool
) -> None:
    monkeypatch.setattr(database_files, "PATIENCE", 0.1)
    uri = make("duckdb", tmp_path / "a.db")
    with holding(HOLD, f"{tmp_path}/a.db", held) as holder, pytest.raises(BusyError) as caught:
        attempt(uri, write)
    assert str(caught.value).startswith(f"{tmp_path}/a.db is in use by ")
    assert str(caught.value).endswith(f"(PID {holder.pid}); try again when it is done")


def test_a_duckdb_file_that_is_held_for_a_short_time_is_waited_for(tmp_path: Path) -> None:
    uri = make("duckdb", tmp_path / "a.db")
    engine = sa.create_engine(uri, poolclass=sa.pool.NullPool)
    with holding(HOLD, f"{tmp_path}/a.db", "write") as holder:
        attempts = []

        def opened() -> sa.engine.Connection:
            attempts.append(1)
            if len(attempts) == 3:
                holder.communicate()  # it ends
            return engine.connect()

        with contextlib.suppress(BusyError):  # it would have given up before
            wait_for_file(opened, tmp_path / "a.db").close()
    assert len(attempts) == 3


def test_a_file_that_is_attached_is_waited_for_in_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_files, "PATIENCE", 0.1)
    make("duckdb", tmp_path / "other.db")
    attach = f"ATTACH '{tmp_path}/other.db' AS other (READ_ONLY)"
    with (
        connect(make("duckdb", tmp_path / "a.db"), write=True, in_batches=True) as (connection, _),
        holding(HOLD, f"{tmp_path}/other.db", "write") as holder,
    ):
        with pytest.raises(BusyError, match=rf"other\.db is in use by .*\(PID {holder.pid}\)"):
            wait_for_file(lambda: connection.exec_driver_sql(attach), None)
        holder.communicate()  # it ends
        wait_for_file(lambda: connection.exec_driver_sql(attach), None)


@pytest.mark.parametrize("held", ["read", "write"])
def test_a_duckdb_file_that_this_program_has_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: str) -> None:
    monkeypatch.setattr(database_files, "PATIENCE", 0.1)
    uri = make("duckdb", tmp_path / "a.db")
    with duckdb.connect(tmp_path / "a.db", read_only=held == "read"), pytest.raises(BusyError) as caught:
        attempt(uri, write=held == "read")
    expected = f"{tmp_path}/a.db is open already in this same program (PID {os.getpid()}); try again when it is done"
    assert str(caught.value) == expected


@to_read_and_to_write
def test_a_sqlite_file_that_another_program_writes(tmp_path: Path, write: bool) -> None:
    uri = make("sqlite", tmp_path / "a.db")
    code = "import sqlite3\nheld = sqlite3.connect(sys.argv[1])\nheld.execute('BEGIN EXCLUSIVE')"
    with holding(code, f"{tmp_path}/a.db"), pytest.raises(BusyError) as caught:
        attempt(f"{uri}?timeout=0.1", write)
    assert str(caught.value) == (
        f"{tmp_path}/a.db is in use by another program, which writes to it; try again when it is done"
    )


def test_a_transaction_that_writes_to_sqlite_waits_before_it_reads(tmp_path: Path) -> None:
    """Once it has read, SQLite ends it at once if another one writes."""
    uri = make("sqlite", tmp_path / "a.db")
    with connect(uri, write=True) as (connection, _):
        connection.exec_driver_sql("SELECT * FROM t")
        with pytest.raises(BusyError), connect(f"{uri}?timeout=0.1", write=True):
            pass
        with connect(uri) as (reader, _):
            reader.exec_driver_sql("SELECT * FROM t")
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")


# What the account may not do ----------------------------------------------------------------------------------------

AS_OTHER = """
import os, sys
here = sys.argv[1]
sys.path[:0] = [here, os.path.dirname(here)]
from pathlib import Path
from test_database_files import attempt, make
engine, open_folder, uri, write = sys.argv[2:]
make(engine, Path(open_folder) / "warm.db")  # loads what the account may not be able to load
os.setgid(65534)
os.setuid(65534)
from superset_campaign_plugin.errors import DatabaseError
try:
    attempt(uri, write == "True")
    print("done")
except DatabaseError as error:
    print(error)
"""


@pytest.fixture
def as_another_account() -> Iterator[tuple[Path, Callable[[str, Path, bool], str]]]:
    """A folder of root's, and a function that uses a database as an account without rights to it."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a process as another account")
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other accounts
    folder.chmod(0o755)

    def use(engine: str, file: Path, write: bool) -> str:
        warm = folder / "warm"
        warm.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", AS_OTHER, Path(__file__).parent, engine, warm, f"{engine}:///{file}", str(write)],
            capture_output=True,
            text=True,
            check=False,
        )
        shutil.rmtree(warm)
        assert done.returncode == 0, done.stderr
        return done.stdout.removesuffix("\n")

    yield folder, use
    shutil.rmtree(folder)


@on_both
@to_read_and_to_write
def test_no_permission(as_another_account, engine: str, write: bool) -> None:
    folder, use = as_another_account
    file = folder / "a.db"
    make(engine, file)
    file.chmod(0o600)
    who = "check --uri and the account that runs this"
    assert use(engine, file, write) == f"no permission to read {file}; {who}"
    file.chmod(0o644)
    assert use(engine, file, write) == (f"no permission to write {file}; {who}" if write else "done")
    (folder / "closed").mkdir(mode=0o700)
    hidden = folder / "closed" / "a.db"
    assert use(engine, hidden, write) == f"no permission to open the directory of {hidden}; {who}"


@on_both
def test_no_permission_to_make_a_file(as_another_account, engine: str) -> None:
    folder, use = as_another_account
    expected = f"no permission to write in {folder}, beside new.db; check the account that runs this"
    assert use(engine, folder / "new.db", True) == expected
    assert not (folder / "new.db").exists()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own; only root may mount one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    folder = tmp_path / "mounted"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@on_both
@pytest.mark.parametrize("there", [False, True], ids=["new", "old"])
def test_a_read_only_file_system(mounted: Path, engine: str, there: bool) -> None:
    uri = make(engine, mounted / "a.db") if there else f"{engine}:///{mounted}/a.db"
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    expected = f"{mounted}/a.db is on a file system that is mounted read-only, so nothing can be stored in it"
    assert told(uri, True) == expected
    if there:
        attempt(uri, write=False)

"""The lock of a database on this machine: one for all spellings of its path and all accounts, none left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from workers import holding

from superset_campaign_plugin import locking
from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.errors import BusyError, DatabaseError
from superset_campaign_plugin.locking import lock_file, machine_lock, one_at_a_time

BUSY = BusyError("busy")
HOLD = """
from superset_campaign_plugin.locking import one_at_a_time
held = one_at_a_time(sys.argv[1], "load")
held.__enter__()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, open to everybody as /tmp is."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(locking, "PATIENCE", 0)
    return folder


def hold(uri: str, work: str = "load"):
    url = make_url(uri)
    return machine_lock(url, get_engine(url.get_backend_name()), work, BUSY)


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_every_spelling_of_a_path_is_one_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    (tmp_path / "data" / "link.db").symlink_to("a.db")
    monkeypatch.chdir(tmp_path / "data")
    spellings = ["a.db", "../data/a.db", "./a.db", "link.db", f"{tmp_path}/data/a.db", f"{tmp_path}/link/a.db"]
    for spelling in spellings:
        for other in spellings:
            with hold(f"{engine}:///{spelling}"), pytest.raises(BusyError), hold(f"{engine}:///{other}"):
                pass
    with hold(f"{engine}:///a.db"), hold(f"{engine}:///b.db"), hold(f"{engine}:///a.db", "other work"):
        pass


def test_accounts_of_one_server_share_the_lock() -> None:
    one, two = "snowflake://ana:secret@account/database", "snowflake://bob:other@account/database"
    with hold(one), pytest.raises(BusyError), hold(two):
        pass
    assert "secret" not in str(lock_file(make_url(one), "load"))
    with hold(one), hold("snowflake://ana:secret@account/other"):
        pass


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///:memory:", "duckdb:///:memory:"])
def test_a_database_in_memory_is_this_process_alone(uri: str) -> None:
    with hold(uri), hold(uri):
        pass


def test_threads_of_one_process_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "PATIENCE", 30)
    uri, seen = f"sqlite:///{tmp_path}/a.db", []

    def work() -> None:
        with one_at_a_time(uri, "load") as (connection, _):
            seen.append("in")
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (a INTEGER)")
            seen.append("out")

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["in", "out"] * 6


def test_the_lock_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/a.db"
    with holding(HOLD, uri) as holder:
        with pytest.raises(BusyError, match="another load is running"), one_at_a_time(uri, "load"):
            pass
        holder.kill()
        holder.wait()
    with one_at_a_time(uri, "load"):
        pass


def test_it_is_held_until_the_rows_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock ends after the transaction, not before it."""
    uri, held_at_commit = f"sqlite:///{tmp_path}/a.db", []
    import sqlalchemy.event

    def committing(_: object) -> None:
        with pytest.raises(BusyError), hold(uri):
            pass
        held_at_commit.append(True)

    with one_at_a_time(uri, "load") as (connection, _):
        sqlalchemy.event.listen(connection, "commit", committing)
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")
    assert held_at_commit == [True]


# The lock file itself ----------------------------------------------------------------------------------------------


@pytest.fixture
def as_nobody() -> int:
    """The number of another account; only root may run something as another account."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a process as another account")
    return 65534


OTHER_ACCOUNT = """
import contextlib, os, sys
from sqlalchemy.engine import make_url
from superset_campaign_plugin import locking
from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.errors import BusyError
locking.PATIENCE = 0
url = make_url(sys.argv[1])
os.umask(0o077)
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
# What fs.protected_regular does in a folder such as /tmp, whatever this machine's setting is.
system_open = os.open
def guarded(path, flags, *more, **options):
    if flags & os.O_CREAT and os.path.exists(path) and os.stat(path).st_uid != os.getuid():
        raise PermissionError(13, "Permission denied", path)
    return system_open(path, flags, *more, **options)
os.open = guarded
try:
    with locking.machine_lock(url, get_engine(url.get_backend_name()), "load", BusyError("busy")):
        print("locked")
except BusyError:
    print("busy")
"""


def other_account(uri: str, account: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", OTHER_ACCOUNT, uri, str(account)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_lock_file_of_another_account(tmp_path: Path, temporary: Path, as_nobody: int) -> None:
    """Whichever account has made it, with whatever umask: the other one can lock it, and finds it locked."""
    # pytest keeps other accounts out of its folders, of which there is one more for each of several workers.
    for folder in (tmp_path, *(each for each in tmp_path.parents if each.name.startswith(("pytest-", "popen-")))):
        folder.chmod(0o755)
    own, theirs = (f"duckdb:///{tmp_path}/{name}.db" for name in ("own", "theirs"))
    with hold(own):
        assert other_account(own, as_nobody) == "busy"
    assert other_account(own, as_nobody) == "locked"
    assert other_account(theirs, as_nobody) == "locked"
    assert lock_file(make_url(theirs), "load").stat().st_uid == as_nobody
    with hold(theirs):
        assert other_account(theirs, as_nobody) == "busy"


@pytest.mark.parametrize("kind", ["link", "loop"])
def test_a_link_in_its_place_is_not_followed(tmp_path: Path, kind: str) -> None:
    uri = f"duckdb:///{tmp_path}/a.db"
    file = lock_file(make_url(uri), "load")
    target = tmp_path / "precious"
    target.write_text("precious")
    file.symlink_to(target if kind == "link" else file)
    with (
        pytest.raises(DatabaseError, match=f"cannot open the lock file {file}: .*; remove it, or set TMPDIR"),
        hold(uri),
    ):
        pass
    assert target.read_text() == "precious"


def test_a_folder_for_temporary_files_that_is_gone_is_told(tmp_path: Path, temporary: Path) -> None:
    uri = f"duckdb:///{tmp_path}/a.db"
    assert lock_file(make_url(uri), "load").parent == temporary
    temporary.rmdir()
    with pytest.raises(DatabaseError, match="cannot open the lock file"), hold(uri):
        pass

"""A refresh beside a loader that writes and people who read: no row is lost, no reader fails or sees half.

`ROUNDS=200 pytest tests/soundness/test_beside_others.py` is the long run; `make test` has a few rounds.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from layouts import bulk
from logs import WRITABLE, Log, Table, append, crowd, utc
from oracle import assert_report, report
from test_refresh import rounds, stored_rows, together, without_sync_times

from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.errors import RefreshError
from superset_campaign_plugin.refresh.place import stored_uri
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA

CLOCK = utc("2024-06-01")
BY = ("campaign", "email", "day")
writable = pytest.mark.parametrize("engine", WRITABLE, indirect=True)
on_servers = pytest.mark.parametrize("engine", ["postgresql", "mysql"], indirect=True)


# ---------------------------------------------------------------------------------------------------------------
# A loader that writes between two statements of a refresh

LOADERS: dict[str, tuple[str, Callable[[Log, datetime], Iterator[Table]]]] = {
    "sync times": ("bulk", bulk),
    "days alone": ("airbyte", without_sync_times),
}


@writable
@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("full", [True, False], ids=["full", "incremental"])
def test_what_a_loader_writes_between_two_statements_comes_with_the_next(warehouse, loader, full):
    """Engines that let it in differ in what the later statements see; in the end all of it counts.

    refresh    what is there   records      sums         state
    loader                 rows        rows        rows
    """
    source, tables = LOADERS[loader]
    committed = [crowd(people=20, seed=1)]
    append(tables(committed[0], utc("2024-07-01")), warehouse.uri)
    refresh(warehouse.uri, source=source)
    append(tables(Log().send(1, 10, 9_000, "2024-03-01 10:00"), utc("2024-07-02")), warehouse.uri)
    committed.append(Log().send(1, 10, 9_000, "2024-03-01 10:00"))
    # SQLite waits for the refresh, which waits for this loader.
    impatient = f"{warehouse.uri}?timeout=0.05" if warehouse.engine == "sqlite" else warehouse.uri

    def load(_: str) -> None:
        number = len(committed)
        person = 10_000 + 10 * number
        log = Log().send(1, 10, person, "2024-03-01 10:00").open(1, 10, person, "2024-03-01 11:00")
        log.send(1, 10, person + 1, "2024-03-01 10:00").merge(person, person + 1)
        log.activities = [each._replace(id=each.id + 1_000 * number) for each in log.activities]
        with contextlib.suppress(sa.exc.DBAPIError, sqlite3.OperationalError):
            append(tables(log, utc("2024-07-03") + timedelta(hours=number)), impatient)
            committed.append(log)

    refresh(warehouse.uri, source=source, full=full, progress=load)
    # Both lock their files while they are read.
    assert (len(committed) > 4) == (warehouse.engine not in ("duckdb", "sqlite"))
    refresh(warehouse.uri, source=source)
    kept = stored_rows(warehouse)
    direct = warehouse.report(source=source, as_of=CLOCK, by=BY)
    assert_report(direct, report(together(committed), as_of=CLOCK, by=BY), BY)
    refresh(warehouse.uri, source=source, full=True)
    assert stored_rows(warehouse) == kept


# ---------------------------------------------------------------------------------------------------------------
# People who read

# Statements of one transaction: the report's tables have locks in all orders.
READS = ("campaign_report_performance", "campaign_report_links", "campaign_email_records", "campaign_report_state")


@contextlib.contextmanager
def reading(warehouse: Any, count: int, statements: int) -> Iterator[list[str]]:
    """That many people who read one thing after the other; gives what they were refused with."""
    engine = sa.create_engine(warehouse.uri, poolclass=sa.pool.NullPool)
    schema = f"{DEFAULT_SCHEMA}." if get_engine(warehouse.engine).schemas else ""
    ended, refusals = threading.Event(), []

    def read(number: int) -> None:
        chance = random.Random(number)
        while not ended.is_set():
            try:
                with engine.begin() as connection:
                    for name in chance.sample(READS, statements):
                        assert connection.execute(sa.text(f"SELECT count(*) FROM {schema}{name}")).scalar()
            except (sa.exc.SQLAlchemyError, AssertionError) as error:
                refusals.append(str(error))

    people = [threading.Thread(target=read, args=(number,)) for number in range(count)]
    for person in people:
        person.start()
    try:
        yield refusals
    finally:
        ended.set()
        for person in people:
            person.join()


@on_servers
def test_nobody_who_reads_is_refused_while_all_tables_change(warehouse):
    append(bulk(crowd(people=300, seed=2)), warehouse.uri)
    refresh(warehouse.uri, source="bulk")
    # MySQL ends one of two transactions that wait for each other at once, so there each has one statement.
    statements = {"postgresql": len(READS), "mysql": 1}[warehouse.engine]
    with reading(warehouse, 3, statements) as refusals:
        for _ in range(rounds(warehouse.engine, 3)):
            assert refresh(warehouse.uri, source="bulk", full=True).mode == "full"
    assert refusals == []


@on_servers
def test_a_reader_who_stays_is_named(warehouse):
    """Who holds a stored table for longer than the refresh waits keeps the old tables, and is told of."""
    append(bulk(crowd(people=20, seed=2)), warehouse.uri)
    refresh(warehouse.uri, source="bulk")
    before = stored_rows(warehouse)
    who = r": process \d+ of postgres \(the reader\), since \d\d:\d\d:\d\d"
    holder = {"postgresql": who, "mysql": ""}[warehouse.engine]
    arguments = {"connect_args": {"application_name": "the reader"}} if warehouse.engine == "postgresql" else {}
    engine = sa.create_engine(warehouse.uri, poolclass=sa.pool.NullPool, **arguments)
    schema = f"{DEFAULT_SCHEMA}." if get_engine(warehouse.engine).schemas else ""
    with engine.begin() as connection:
        connection.execute(sa.text(f"SELECT count(*) FROM {schema}campaign_email_records"))
        with pytest.raises(RefreshError, match=f"for 0.5 seconds without a pause{holder}.*--lock-wait"):
            refresh(warehouse.uri, source="bulk", full=True, lock_wait=0.5)
    assert stored_rows(warehouse) == before
    assert refresh(warehouse.uri, source="bulk", full=True).mode == "full"


@on_servers
def test_who_was_given_the_right_to_read_still_reads(warehouse):
    """Another account than the one that refreshes, as Superset's should be; also after all tables were made anew."""
    append(bulk(crowd(people=20, seed=2)), warehouse.uri)
    refresh(warehouse.uri, source="bulk")
    url = sa.engine.make_url(warehouse.uri)
    reader = f"reader_{url.database}"[:30]
    schema = f"{DEFAULT_SCHEMA}." if get_engine(warehouse.engine).schemas else f"{url.database}."
    if warehouse.engine == "postgresql":
        warehouse.execute(
            f'CREATE ROLE "{reader}" LOGIN',
            f'GRANT USAGE ON SCHEMA {DEFAULT_SCHEMA} TO "{reader}"',
            f'GRANT SELECT ON ALL TABLES IN SCHEMA {DEFAULT_SCHEMA} TO "{reader}"',
        )
    else:
        warehouse.execute(
            f"CREATE USER '{reader}'@'%'", f"GRANT SELECT ON {schema}campaign_report_performance TO '{reader}'@'%'"
        )
    try:
        for full in (False, True, True):
            refresh(warehouse.uri, source="bulk", full=full)
            with sa.create_engine(url.set(username=reader), poolclass=sa.pool.NullPool).connect() as connection:
                assert connection.execute(sa.text(f"SELECT count(*) FROM {schema}campaign_report_performance")).scalar()
    finally:
        if warehouse.engine == "postgresql":
            warehouse.execute(f'DROP OWNED BY "{reader}"', f'DROP ROLE "{reader}"')
        else:
            warehouse.execute(f"DROP USER '{reader}'@'%'")


@on_servers
@pytest.mark.parametrize("table", ["marketo_activity", "campaign_email_records"])
def test_a_locked_table_is_not_waited_for_without_end(warehouse, table):
    """The loader's, or one of the stored."""
    append(bulk(crowd(people=20, seed=2)), warehouse.uri)
    refresh(warehouse.uri, source="bulk")
    append(bulk(Log().send(1, 10, 9_000, "2024-03-01 10:00"), utc("2024-08-01")), warehouse.uri)
    schema = f"{DEFAULT_SCHEMA}." if get_engine(warehouse.engine).schemas and table != "marketo_activity" else ""
    lock = {"postgresql": "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", "mysql": "LOCK TABLES {} WRITE"}[warehouse.engine]
    with sa.create_engine(warehouse.uri, poolclass=sa.pool.NullPool).begin() as connection:
        connection.execute(sa.text(lock.format(schema + table)))
        with pytest.raises(RefreshError, match=r"has locked a table .* longer than 0.5 seconds.*--lock-wait"):
            refresh(warehouse.uri, source="bulk", lock_wait=0.5)
    assert refresh(warehouse.uri, source="bulk").mode == "incremental"


# ---------------------------------------------------------------------------------------------------------------
# All at once, killed and started again

# Writes without a pause: of each person a send, a delivery and an open, in transactions of few people or of many.
# Prints whom it has committed, by the first and how many.
_LOADER = """
import random, sqlite3, sys, time
from datetime import datetime, timezone
import duckdb
import sqlalchemy as sa
from layouts import bulk
from logs import Log, append
uri, person, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)
while True:
    people = chance.choice([1, 2, 30, 400])
    log = Log()
    for each in range(person, person + people):
        day = f"2024-03-{1 + each % 28:02} 10:00"
        log.send(1 + each % 3, 10, each, day).deliver(1 + each % 3, 10, each, day).open(1 + each % 3, 10, each, day)
    log.activities = [own._replace(id=3 * person + place) for place, own in enumerate(log.activities)]
    while True:
        try:
            append(bulk(log, datetime.now(timezone.utc).replace(tzinfo=None)), uri)
            break
        except (sa.exc.DBAPIError, duckdb.Error, sqlite3.Error):
            time.sleep(0.01)  # the file is read, or the disk is full
    print(person, people, flush=True)
    person += people
"""
_REFRESH = "from superset_campaign_plugin.cli import main; main()"
_SUMS = "SELECT sum(sent_count), sum(delivered_count), sum(opened_count) FROM {}campaign_report_performance"


class Loader:
    """A loader's process, which is killed and started again; `committed` are the people whom it said it committed."""

    def __init__(self, uri: str) -> None:
        self.committed: set[int] = set()
        self.begun = threading.Event()
        self._uri = uri
        self._starts = 0
        self._start()

    def _start(self) -> None:
        # What it committed last it may not have said, so the next one begins far beyond.
        person, self._starts = 1 + 1_000_000 * self._starts, self._starts + 1
        command = [sys.executable, "-c", _LOADER, self._uri, str(person), str(self._starts)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        self._reader = threading.Thread(target=self._read, args=(self._process,))
        self._reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            first, number = map(int, line.split())
            self.committed.update(range(first, first + number))
            self.begun.set()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def again(self) -> None:
        """Kill it, and start another."""
        self.kill()
        self._start()


@contextlib.contextmanager
def watching(uri: str, schema: str) -> Iterator[list[str]]:
    """Somebody who reads the report without a pause; gives what they were refused with, and halves that they saw."""
    ended, faults = threading.Event(), []
    place = sa.engine.make_url(stored_uri(uri))
    if place.get_backend_name() == "sqlite":
        place = place.update_query_dict({"timeout": "60"})
    arguments = {"connect_args": {"read_only": True}} if place.get_backend_name() == "duckdb" else {}
    engine = sa.create_engine(place, poolclass=sa.pool.NullPool, **arguments)

    def watch() -> None:
        while not ended.is_set():
            try:
                with engine.connect() as connection:
                    sums = connection.execute(sa.text(_SUMS.format(schema))).one()
                if len(set(sums)) != 1:
                    faults.append(f"half: {sums}")
            except sa.exc.SQLAlchemyError as error:
                faults.append(str(error))

    person = threading.Thread(target=watch)
    person.start()
    try:
        yield faults
    finally:
        ended.set()
        person.join()


def beside_a_loader(uri: str, number: int, fill: Callable[[float], None] | None = None) -> None:
    """Refresh so many times, killed now and then. `fill` fills the disk for so many seconds."""
    chance = random.Random(5)
    schema = f"{DEFAULT_SCHEMA}." if get_engine(sa.engine.make_url(uri).get_backend_name()).schemas else ""
    loader, outcomes, claimed = Loader(uri), [], []
    try:
        assert loader.begun.wait(60)
        while refresh_process(uri, []).wait():
            pass  # until the loader has let go of its file
        with watching(uri, schema) as faults:
            for _ in range(number):
                process = refresh_process(uri, ["--full"] if chance.random() < 0.4 else [])
                if fill is not None and chance.random() < 0.4:
                    fill(chance.random())
                if chance.random() < 0.4:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(chance.random() * 2.5)
                    process.kill()
                elif chance.random() < 0.3:
                    loader.again()
                _, told = process.communicate()
                outcomes.append(process.returncode)
                if process.returncode == 1:
                    claimed.append(told)
            assert faults == []
    finally:
        loader.kill()
    # A loader that never lets go of its file, or a full disk, are said; nothing else goes wrong.
    assert set(outcomes) <= {0, 1, -signal.SIGKILL}
    assert [told for told in claimed if len(told.splitlines()) != 1 or not told.startswith("Error: ")] == []
    assert outcomes.count(0) > 0, claimed
    refresh(uri, source="bulk")
    with sa.create_engine(uri, poolclass=sa.pool.NullPool).connect() as connection:
        rows = connection.execute(sa.text("SELECT lead_id, count(*) FROM marketo_activity GROUP BY lead_id")).fetchall()
    people = dict(map(tuple, rows))
    assert loader.committed - people.keys() == set()
    assert set(people.values()) == {3}


def filling(folder: Path) -> Callable[[float], None]:
    """Fills the disk of a folder, and frees it again."""

    def fill(seconds: float) -> None:
        filler = folder / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"0" * 65536)
        time.sleep(seconds)
        filler.unlink()

    return fill


def refresh_process(uri: str, options: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _REFRESH, "refresh", "--uri", uri, "--source", "bulk", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@writable
def test_all_at_once(warehouse):
    beside_a_loader(warehouse.uri, rounds(warehouse.engine, 3))
    kept = stored_rows(warehouse)
    refresh(warehouse.uri, source="bulk", full=True)
    assert stored_rows(warehouse) == kept


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_all_at_once_in_wal_mode(warehouse):
    warehouse.execute("PRAGMA journal_mode = WAL")
    test_all_at_once(warehouse)


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_all_at_once_on_a_disk_that_is_full_now_and_then(engine, disk):
    folder = disk(200_000)
    beside_a_loader(f"{engine}:///{folder}/log.db", rounds(engine, 3), filling(folder))

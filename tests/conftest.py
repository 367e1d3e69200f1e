"""The databases of the tests: `warehouse` hands every test an empty one on each engine."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import logs
import pytest
import servers
import sqlalchemy as sa
from deployment import address, deployment  # noqa: F401 - fixtures
from marketo_server import clock, marketo  # noqa: F401 - fixtures

# fakesnow cannot be installed beside Superset; `make soak` runs its test in an environment of its own.
collect_ignore = [] if importlib.util.find_spec("fakesnow") else ["engines/test_snowflake.py"]

# A query takes Spark seconds, whatever the data, so of the tests that load a log of their own it runs these: one for
# each thing in which an engine can differ. What is shared by many tests in one load (`test_rules`' drawings and season,
# the real rows) runs on Spark in full. `--all-on-spark` runs everything there.
ON_SPARK = {
    "test_a_missing_column",
    "test_a_healthy_log_has_nothing_to_mend",
    "test_a_merge_alone_is_noticed",
    "test_a_second_refresh_has_nothing_to_do",
    "test_a_missing_name_is_the_id",
    "test_a_text_that_is_no_id",
    "test_a_text_that_is_no_time",
    "test_a_time_of_a_wrong_type",
    "test_an_empty_database",
    "test_an_object_is_read_whatever_holds_it",
    "test_an_empty_send_table",
    "test_any_log_and_any_question",
    "test_any_types",
    "test_ids",
    "test_large_logs",
    "test_lists_of_ids",
    "test_names_are_taken_as_they_are",
    "test_neither_order_nor_replay_matters",
    "test_orphans_by_kind",
    "test_nothing_but_the_send_table",
    "test_no_ids",
    "test_no_times",
    "test_rows_that_arrive_later_are_in_the_next_report",
    "test_two_loaders_side_by_side",
    "test_an_error_is_told_in_our_words_alone",
    "test_no_filter_makes_the_database_convert_a_text",
    "test_the_newest_version_of_an_asset_gives_the_names",
    "test_times",
    "test_times_spelled_as_text",
    "test_times_spelled_as_text_with_an_offset",
    "test_times_with_a_zone",
    "test_what_would_convert_a_text_is_refused",
    "test_where_rows_cannot_be_changed_nothing_is_stored",
    "test_without_a_clock_it_is_now",
    "test_yes_and_no",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-on-spark", action="store_true", help="run every test of the engines on Spark, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests on Spark that `ON_SPARK` does not name."""
    if config.getoption("--all-on-spark"):
        return
    left_out = [
        item
        for item in items
        if isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and item.callspec.params.get("engine") == "hive"
        and item.originalname not in ON_SPARK
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


class Server(NamedTuple):
    """How databases of an engine's server are reached, made and removed."""

    maintenance: str  # the database to be in meanwhile
    create: str
    drop: str
    options: str = ""  # of the URI


SERVERS = {
    "postgresql": Server("postgres", 'CREATE DATABASE "{}"', 'DROP DATABASE IF EXISTS "{}" WITH (FORCE)'),
    "mysql": Server("mysql", "CREATE DATABASE {}", "DROP DATABASE IF EXISTS {}", "?charset=utf8mb4&local_infile=1"),
    "hive": Server("default", "CREATE DATABASE {}", "DROP DATABASE IF EXISTS {} CASCADE", "?auth=NOSASL"),
}


class Warehouse:
    """An empty database on one engine. Loading a log empties it first."""

    def __init__(self, engine: str, folder: Path, server: str | None = None) -> None:
        self.engine = engine
        self._folder = folder
        self._server = server
        self._count = 0
        self.uri = ""
        self.clear()

    def clear(self) -> None:
        """Leave the database of before behind: a new file, or a new database of the server."""
        self.drop()
        self._count += 1
        if self._server:
            name = f"{self._folder.name}_{self._count}"
            self._on_server(SERVERS[self.engine].create, name)
            self.uri = self._server_uri(name)
        else:
            self.uri = f"{self.engine}:///{self._folder}/log_{self._count}.db"

    def drop(self) -> None:
        """Remove the database; whoever still holds it open is cut off."""
        if self.uri and self._server:
            self._on_server(SERVERS[self.engine].drop, sa.engine.make_url(self.uri).database)
        elif self.uri:
            # With what lies beside it: DuckDB's log, the stored tables.
            for part in self._folder.glob(f"*log_{self._count}.*"):
                part.unlink()

    def _server_uri(self, database: str) -> str:
        return f"{self._server}/{database}{SERVERS[self.engine].options}"

    def _on_server(self, statement: str, database: str) -> None:
        engine = sa.create_engine(self._server_uri(SERVERS[self.engine].maintenance), poolclass=sa.pool.NullPool)
        if self.engine == "postgresql":  # which makes no database within a transaction
            engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.begin() as connection:
            connection.execute(sa.text(statement.format(database)))

    def load(self, log: logs.Log, **options: Any) -> Warehouse:
        """Hold exactly this log, by default in Fivetran's tables; options as `logs.write`."""
        self.clear()
        logs.write(log, self.uri, **options)
        return self

    def execute(self, *statements: str) -> None:
        engine = sa.create_engine(self.uri, poolclass=sa.pool.NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))
        engine.dispose()

    def report(self, **asked: Any) -> Any:
        """`run_report` over this database."""
        from superset_campaign_plugin.report.run import run_report

        return run_report(self.uri, **asked)

    def records(self, **asked: Any) -> list[dict[str, Any]]:
        """The rows of the report as dictionaries."""
        return self.report(**asked).records()


@pytest.fixture(scope="session")
def warehouse_on(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Warehouse]:
    """Makes an empty database on the named engine."""

    def make(engine: str) -> Warehouse:
        server = request.getfixturevalue(f"{engine}_server") if engine in SERVERS else None
        return Warehouse(engine, tmp_path_factory.mktemp(engine), server)

    return make


@pytest.fixture(params=logs.ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The engine of the test; parametrise it indirectly to run on some of them."""
    return request.param


@pytest.fixture
def warehouse(engine: str, warehouse_on: Callable[[str], Warehouse]) -> Iterator[Warehouse]:
    """An empty database on each engine in turn."""
    warehouse = warehouse_on(engine)
    yield warehouse
    warehouse.drop()


# ---------------------------------------------------------------------------------------------------------------
# Servers of our own, each started when a test first asks for it


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URI, without a database, of a PostgreSQL server that lives as long as the test session."""
    with servers.postgresql() as uri:
        yield uri


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[str]:
    """The same of MariaDB."""
    with servers.mariadb() as uri:
        yield uri


@pytest.fixture(scope="session")
def hive_server() -> Iterator[str]:
    """The same of Spark."""
    with servers.spark() as uri:
        yield uri


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes the folder of a disk of that many KB, or gives the same disk another size; only root may mount one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    with contextlib.ExitStack() as stack:

        def size(kilobytes: int) -> Path:
            mounted = folder.is_mount()
            options = f"{'remount,' * mounted}size={kilobytes}k"
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
            if not mounted:
                stack.callback(subprocess.run, ["umount", folder], check=True)
            return folder

        yield size

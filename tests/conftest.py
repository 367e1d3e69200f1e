"""The databases of the tests: `warehouse` hands every test an empty one on each engine."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import logs
import pytest
import sqlalchemy as sa
from deployment import address, deployment  # noqa: F401 - fixtures
from marketo_server import clock, marketo  # noqa: F401 - fixtures

from servers.mariadb import mariadb
from servers.postgresql import postgresql
from servers.spark import spark

# fakesnow cannot be installed beside Superset; `make soak` runs its test in an environment of its own.
collect_ignore = [] if importlib.util.find_spec("fakesnow") else ["engines/test_snowflake.py"]


# The files that take minutes. `make test` hands whole files to two workers; with these first, neither waits for the
# other at the end.
LONG_FILES = (
    *("superset/test_stock.py", "superset/test_flags.py", "superset/test_versions.py", "superset/test_upgrades.py"),
    *("superset/test_other_supersets.py", "superset/test_others_unchanged.py", "soundness/test_refresh.py"),
    *("browser/test_portal.py", "browser/test_dashboard.py", "superset/test_door.py", "browser/test_threats.py"),
    *("browser/test_on_other_engines.py", "browser/test_badges.py", "superset/test_row_access.py"),
    *("superset/test_people.py", "superset/test_subscriptions.py", "soundness/test_reconcile.py"),
    *("unit/test_pull_activities.py", "unit/test_snapshots.py", "engines/test_layouts.py", "unit/test_wheel.py"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-on-spark", action="store_true", help="run every test of the engines on Spark, too")
    parser.addoption("--all-engines", action="store_true", help="run every test of the engines on all others")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the long files, and leave out what other tests show on that engine, too.

    A query takes Spark seconds, whatever the data, so of the tests that load a log of their own those are marked
    `on_spark` that show one thing in which an engine can differ. What many tests share in one load (`test_rules`'
    drawings and season, the real rows) runs on Spark in full. `--all-on-spark` runs everything there.

    Of the other engines, a test that is not marked `on_every_engine` runs on DuckDB and on one more, which follows from
    the test's name, so that each engine sees a part of all that there is. `--all-engines` runs all on all.
    """
    places = {str(Path(__file__).parent / name): place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: places.get(str(item.path), len(places)))
    on_engines = [
        item
        for item in items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "engine" in item.callspec.params
    ]
    left_out = set()
    if not config.getoption("--all-on-spark"):
        left_out |= {item for item in on_engines if _engine(item) == "hive" and not item.get_closest_marker("on_spark")}
    if not config.getoption("--all-engines"):
        left_out |= set(_shown_on_another(on_engines))
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _engine(item: Any) -> str:
    return str(item.callspec.params["engine"])


def _shown_on_another(on_engines: list[Any]) -> Iterator[Any]:
    """Of the tests that run on DuckDB and on several more, all but one of these, for each set of other parameters."""
    same: dict[str, dict[str, Any]] = defaultdict(dict)
    for item in on_engines:
        if _engine(item) != "hive" and not item.get_closest_marker("on_every_engine"):
            others = [part for part in item.callspec.id.split("-") if part != _engine(item)]
            same[f"{item.nodeid.partition('[')[0]}[{'-'.join(others)}]"][_engine(item)] = item
    for name, found in same.items():
        if found.pop("duckdb", None) is not None and len(found) > 1:
            chosen = sorted(found)[zlib.crc32(name.encode()) % len(found)]
            yield from (item for engine, item in found.items() if engine != chosen)


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
        from superset_campaign_plugin.reporting.run_report import run_report

        return run_report(self.uri, **asked)

    def timing(self, **asked: Any) -> Any:
        """`run_timing` over this database."""
        from superset_campaign_plugin.reporting.run_timing import run_timing

        return run_timing(self.uri, **asked)

    def variants(self, **asked: Any) -> Any:
        """`run_variants` over this database."""
        from superset_campaign_plugin.reporting.run_variants import run_variants

        return run_variants(self.uri, **asked)

    def deliverability(self, **asked: Any) -> Any:
        """`run_deliverability` over this database."""
        from superset_campaign_plugin.reporting.run_deliverability import run_deliverability

        return run_deliverability(self.uri, **asked)

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
    with postgresql() as uri:
        yield uri


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[str]:
    """The same of MariaDB."""
    with mariadb() as uri:
        yield uri


@pytest.fixture(scope="session")
def hive_server() -> Iterator[str]:
    """The same of Spark."""
    with spark() as uri:
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

"""The databases of the tests: `warehouse` hands every test an empty one on each engine."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import logs
import pytest
import sqlalchemy as sa
from deployment import address, deployment  # noqa: F401 - fixtures


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
            self._on_server(f'CREATE DATABASE "{name}"')
            self.uri = f"{self._server}/{name}"
        else:
            self.uri = f"{self.engine}:///{self._folder}/log_{self._count}.db"

    def drop(self) -> None:
        """Remove the database; whoever still holds it open is cut off."""
        if self.uri and self._server:
            self._on_server(f'DROP DATABASE IF EXISTS "{sa.engine.make_url(self.uri).database}" WITH (FORCE)')
        elif self.uri:
            Path(sa.engine.make_url(self.uri).database).unlink(missing_ok=True)

    def _on_server(self, statement: str) -> None:
        engine = sa.create_engine(f"{self._server}/postgres", isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            connection.execute(sa.text(statement))

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
        server = request.getfixturevalue("postgresql_server") if engine == "postgresql" else None
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
# A PostgreSQL server of our own


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URI, without a database, of a PostgreSQL server that lives as long as the test session."""
    programs = _postgresql_programs()
    # Not below pytest's own folder: that one is closed to the account which the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="campaign-postgresql-"))
    account = None
    if os.geteuid() == 0:  # the server refuses to run as root
        account = "postgres"
        owner = pwd.getpwnam(account)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    port = _free_port()
    data = folder / "data"
    fast = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off"
    listen = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    try:
        initdb = (programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        _run(initdb, account, folder)
        start = ("-D", data, "-l", folder / "server.log", "-w", "-t", "60", "-o", f"{listen} {fast}", "start")
        _run((programs / "pg_ctl", *start), account, folder)
        try:
            yield f"postgresql+psycopg2://postgres@127.0.0.1:{port}"
        finally:
            _run((programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"), account, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _postgresql_programs() -> Path:
    """The folder of PostgreSQL's server programs; Debian keeps them off the path."""
    found = shutil.which("pg_ctl")
    if found:
        return Path(found).resolve().parent
    packaged = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"),
        key=lambda program: int(program.parts[-3]) if program.parts[-3].isdigit() else 0,
    )
    if packaged:
        return packaged[-1].parent
    pytest.fail(
        "PostgreSQL's server programs (initdb, pg_ctl) are not installed; "
        "`make test` installs them, as does `apt-get install postgresql`",
        pytrace=False,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _run(command: Sequence[object], account: str | None, folder: Path) -> None:
    """Run a server program, as another account where one is given; what it prints is shown when it fails."""
    as_account = ["runuser", "-u", account, "--"] if account else []
    with (folder / "output.txt").open("w+") as output:  # a pipe would be held open by the server
        done = subprocess.run(
            [*as_account, *map(str, command)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
        output.seek(0)
        if done.returncode:
            server_log = folder / "server.log"
            more = server_log.read_text() if server_log.exists() else ""
            pytest.fail(f"{command[0]} failed:\n{output.read()}{more}", pytrace=False)

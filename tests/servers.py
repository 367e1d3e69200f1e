"""Servers of our own for the tests: on the loopback alone, in temporary folders, gone with the test session.

Each is a context manager that gives the URI of the server without a database.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata")


# ---------------------------------------------------------------------------------------------------------------
# PostgreSQL


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    programs = _postgresql_programs()
    with _folder("postgresql", "postgres") as (folder, account):
        port = _free_port()
        data = folder / "data"
        fast = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off"
        listen = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        initdb = (programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        _run(initdb, account, folder)
        start = ("-D", data, "-l", folder / "server.log", "-w", "-t", "60", "-o", f"{listen} {fast}", "start")
        _run((programs / "pg_ctl", *start), account, folder)
        try:
            yield f"postgresql+psycopg2://postgres@127.0.0.1:{port}"
        finally:
            _run((programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"), account, folder)


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
    _missing("PostgreSQL's server programs (initdb, pg_ctl)", "postgresql")


# ---------------------------------------------------------------------------------------------------------------
# MariaDB


@contextlib.contextmanager
def mariadb() -> Iterator[str]:
    """In a time zone that is not UTC, with a collation that does not tell `a` from `A`, as an administrator's may
    be: the report must not show it."""
    server, client = _program("mariadbd"), _program("mariadb")
    with _folder("mariadb", "mysql") as (folder, account):
        port = _free_port()
        data, socket_file = folder / "data", folder / "server.sock"
        install = ("--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db")
        _run((_program("mariadb-install-db"), *install), account, folder)
        options = (
            "--no-defaults",
            f"--datadir={data}",
            "--bind-address=127.0.0.1",
            f"--port={port}",
            f"--socket={socket_file}",
            f"--pid-file={folder / 'server.pid'}",
            # Its own: a server that starts removes what it takes for leftovers from the folder for all.
            f"--tmpdir={folder}",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_general_ci",
            "--default-time-zone=-08:00",
            "--local-infile=1",
            "--skip-log-bin",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-doublewrite=0",
        )
        with _running((server, *options), account, folder, port, seconds=60):
            for zone in ZONES:
                zone_tables = subprocess.run(
                    (_program("mariadb-tzinfo-to-sql"), f"/usr/share/zoneinfo/{zone}", zone),
                    capture_output=True,
                    check=True,
                )
                load = (client, "--no-defaults", f"--socket={socket_file}", "--user=root", "mysql")
                subprocess.run(load, input=zone_tables.stdout, check=True)
            yield f"mysql+pymysql://root@127.0.0.1:{port}"


# ---------------------------------------------------------------------------------------------------------------
# Spark


@contextlib.contextmanager
def spark() -> Iterator[str]:
    """Spark's Thrift server over two executors of their own processes, with PySpark's jars."""
    import pyspark

    home = Path(pyspark.__file__).parent
    _program("java", package="default-jre-headless")
    with _folder("spark", None) as (folder, _):
        port = _free_port()
        settings = {
            "spark.hadoop.hive.server2.thrift.port": port,
            "spark.hadoop.hive.server2.thrift.bind.host": "127.0.0.1",
            "spark.hadoop.hive.server2.authentication": "NOSASL",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": "1g",
            "spark.executor.memory": "1g",
            "spark.ui.enabled": "false",
            "spark.log.level": "WARN",
            "spark.local.dir": folder / "local",
            "spark.sql.warehouse.dir": folder / "warehouse",
            "spark.sql.catalogImplementation": "in-memory",
            # A zone that is not UTC: the report must not show it.
            "spark.sql.session.timeZone": "America/Los_Angeles",
            # The data are tiny: what Spark does for large ones only costs time.
            "spark.sql.adaptive.enabled": "false",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.files.minPartitionNum": "1",
            "spark.sql.autoBroadcastJoinThreshold": "-1",
            "spark.sql.codegen.wholeStage": "false",
        }
        command = [home / "bin" / "spark-submit", "--master", "local-cluster[2,1,1024]"]
        command += ["--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"]
        for name, value in settings.items():
            command += ["--conf", f"{name}={value}"]
        more = {
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_WORKER_DIR": str(folder / "work"),
            "PYSPARK_PYTHON": sys.executable,
        }
        with _running((*command, "spark-internal"), None, folder, port, seconds=180, environment=more):
            yield f"hive://127.0.0.1:{port}"


# ---------------------------------------------------------------------------------------------------------------
# What they share


@contextlib.contextmanager
def _folder(name: str, account: str | None) -> Iterator[tuple[Path, str | None]]:
    """A folder of its own for a server, and the account to run it as: some refuse to run as root."""
    # Not below pytest's own folder: that one is closed to the account.
    folder = Path(tempfile.mkdtemp(prefix=f"campaign-{name}-"))
    try:
        if os.geteuid() or account is None:
            yield folder, None
        else:
            owner = pwd.getpwnam(account)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            yield folder, account
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str, package: str = "mariadb-server") -> str:
    # The servers' own folder is not on everybody's path.
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin")
    return found or _missing(name, package)


def _missing(what: str, package: str) -> str:
    message = f"{what} is not installed; `make test` installs it, as does `apt-get install {package}`"
    pytest.fail(message, pytrace=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _as_account(command: Sequence[object], account: str | None) -> list[str]:
    return [*(["runuser", "-u", account, "--"] if account else []), *map(str, command)]


def _run(command: Sequence[object], account: str | None, folder: Path) -> None:
    """Run a server program, as another account where one is given; what it prints is shown when it fails."""
    with (folder / "output.txt").open("w+") as output:  # a pipe would be held open by the server
        done = subprocess.run(
            _as_account(command, account),
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


@contextlib.contextmanager
def _running(
    command: Sequence[object],
    account: str | None,
    folder: Path,
    port: int,
    *,
    seconds: float,
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run a server that stays in the foreground until the block ends; begin once its port answers."""
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            _as_account(command, account),
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group of its own, so that it ends with all that it has started
        )
    try:
        end = time.monotonic() + seconds
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"{command[0]} does not answer:\n{log.read_text()[-5000:]}", pytrace=False)
            time.sleep(0.1)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0

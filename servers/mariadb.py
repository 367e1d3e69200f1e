"""MariaDB, as an administrator may have set it up: not in UTC, and with names that do not tell `a` from `A`."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from servers.folders import account_of, plain_environment, program, run_program, temporary_folder
from servers.ports import HOST, answers, free_port
from servers.processes import running

ZONES = ("Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kolkata")
_PACKAGE = "mariadb-server"


@contextlib.contextmanager
def mariadb() -> Iterator[str]:
    """A server without data, gone with the block; gives its URI without a database.

    The report must show neither the server's time zone nor its collation.
    """
    account = account_of("mysql")
    with temporary_folder("mariadb", account) as folder:
        port = free_port()
        data, socket_file = folder / "data", folder / "server.sock"
        install = ("--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db")
        run_program((program("mariadb-install-db", _PACKAGE), *install), folder, account)
        command = (
            program("mariadbd", _PACKAGE),
            "--no-defaults",
            f"--datadir={data}",
            f"--bind-address={HOST}",
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
        with running(
            "MariaDB",
            command,
            folder / "server.log",
            environment=plain_environment(),
            folder=folder,
            account=account,
        ) as server:
            server.wait_until(lambda: answers(port), seconds=60)
            _load_zones(socket_file)
            yield f"mysql+pymysql://root@{HOST}:{port}"


def _load_zones(socket_file: Path) -> None:
    """Give the server the time zones of the tests: without their tables it knows offsets alone."""
    load = (program("mariadb", _PACKAGE), "--no-defaults", f"--socket={socket_file}", "--user=root", "mysql")
    for zone in ZONES:
        tables = subprocess.run(
            (program("mariadb-tzinfo-to-sql", _PACKAGE), f"/usr/share/zoneinfo/{zone}", zone),
            capture_output=True,
            check=True,
        )
        subprocess.run(load, input=tables.stdout, check=True)

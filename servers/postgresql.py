"""PostgreSQL: a cluster and its server."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg2

from servers.errors import ServerError
from servers.folders import account_of, give, missing, plain_environment, run_program, temporary_folder
from servers.ports import HOST, free_port
from servers.processes import Service, running

ACCOUNT = "postgres"
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A server with an empty cluster, gone with the block; gives its URI without a database."""
    account = account_of(ACCOUNT)
    with temporary_folder("postgresql", account) as folder:
        create_cluster(folder, account, options=("--locale=C", "-N"))
        port = free_port()
        options = [part for setting in _FAST for part in ("-c", setting)]
        with serve_cluster(
            folder, account, port, folder / "server.log", options=options, stop=signal.SIGQUIT
        ) as server:
            server.wait_until(lambda: connects(port), seconds=60)
            yield f"postgresql+psycopg2://postgres@{HOST}:{port}"


def programs() -> Path:
    """The folder of the server's programs, which Debian keeps off the path. Raises `ServerError` where it is not."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda file: file.parts[-3].zfill(4))
    found = packaged[-1] if packaged else shutil.which("postgres")
    return Path(found or missing("PostgreSQL's server", "postgresql")).resolve().parent


def create_cluster(
    folder: Path, account: str | None, *, password: str | None = None, options: Sequence[str] = ()
) -> None:
    """Make `data` in the folder, with the owner `postgres`; who is on this machine gets in, unless there is a password.

    A cluster whose making was stopped is made from the start; one that is there stays.
    """
    data, partial, file = folder / "data", folder / "data.part", folder / "password"
    if (data / "PG_VERSION").exists():
        return
    for leftover in (data, partial):
        shutil.rmtree(leftover, ignore_errors=True)
    access: tuple[object, ...] = ("-A", "trust")
    if password is not None:
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(password)
        give(file, account)
        access = ("-A", "scram-sha-256", "--pwfile", file)
    run_program(
        (programs() / "initdb", "-D", partial, "-U", "postgres", "-E", "UTF8", *access, *options), folder, account
    )
    partial.rename(data)
    file.unlink(missing_ok=True)


@contextlib.contextmanager
def serve_cluster(
    folder: Path,
    account: str | None,
    port: int,
    log: Path,
    *,
    options: Sequence[str] = (),
    stop: signal.Signals = signal.SIGINT,
) -> Iterator[Service]:
    """Run the server over `data` in the folder. SIGINT ends its connections first, SIGQUIT loses what is in memory."""
    listen = ("-p", port, "-c", f"listen_addresses={HOST}", "-c", "unix_socket_directories=")
    with running(
        "PostgreSQL",
        (programs() / "postgres", "-D", folder / "data", *listen, *options),
        log,
        environment=plain_environment(),
        folder=folder,
        account=account,
        stop=stop,
    ) as server:
        yield server


def end_leftover(folder: Path, account: str | None) -> None:
    """End a server over `data` in the folder that outlived whoever started it."""
    data = folder / "data"
    if (data / "postmaster.pid").exists():
        with contextlib.suppress(ServerError):  # the file may be all that is left
            run_program((programs() / "pg_ctl", "-D", data, "-m", "fast", "-w", "stop"), folder, account)


def connects(port: int, password: str | None = None) -> bool:
    """Whether the owner of the cluster can connect."""
    try:
        psycopg2.connect(
            host=HOST, port=port, user="postgres", password=password, dbname="postgres", connect_timeout=5
        ).close()
    except psycopg2.OperationalError:
        return False
    return True

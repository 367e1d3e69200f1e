"""A PostgreSQL and a Redis of the stack's own, on the loopback alone."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import redis
from psycopg2 import sql

from demo.ports import HOST
from stack.errors import StackError
from stack.processes import running
from stack.settings import Settings, is_free

DATABASES = {"superset": "superset", "warehouse": "campaign"}  # with the account that owns each
PASSWORDS = {"superset": "metadata_password", "campaign": "warehouse_password"}


def require_servers() -> None:
    """Raise `StackError` where a server's program is not there."""
    if _postgresql_programs() is None or shutil.which("redis-server") is None:
        raise StackError(
            "PostgreSQL and Redis are needed; scripts/system.sh stack installs them from Debian's packages"
        )


# ---------------------------------------------------------------------------------------------------------------
# PostgreSQL


@contextlib.contextmanager
def postgresql(state: Path, settings: Settings) -> Iterator[None]:
    """Run the server with its databases, each with an account of its own; made at the first start."""
    programs = _postgresql_programs()
    assert programs is not None, "require_servers() was not called"  # noqa: S101
    account = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    place = _place(state, account)
    data = place / "data"
    if not (data / "PG_VERSION").exists():
        _create_cluster(programs, place, account, settings)
    _end_leftover(programs, data, account)
    _require_free(settings.postgresql_port, "PostgreSQL", state)
    listen = ("-p", settings.postgresql_port, "-c", f"listen_addresses={HOST}", "-c", "unix_socket_directories=")
    with running(
        "PostgreSQL",
        (programs / "postgres", "-D", data, *listen),
        state / "logs" / "postgresql.log",
        environment=_plain_environment(),
        folder=place,
        account=account,
        stop=signal.SIGINT,  # end connections, then the server
    ) as server:
        server.wait_until(lambda: _connects(settings), seconds=60)
        _create_databases(settings)
        yield


def connect(settings: Settings, database: str = "postgres") -> psycopg2.extensions.connection:
    """A connection as the server's owner."""
    return psycopg2.connect(
        host=HOST,
        port=settings.postgresql_port,
        user="postgres",
        password=settings.secrets["owner_password"],
        dbname=database,
        connect_timeout=5,
    )


def empty_database(settings: Settings, name: str) -> None:
    """Make the database anew."""
    connection = connect(settings)
    connection.autocommit = True  # PostgreSQL makes no database within a transaction
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        owner = sql.Identifier(DATABASES[name])
        cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), owner))
    connection.close()


def _postgresql_programs() -> Path | None:
    """The folder of the server's programs, which Debian keeps off the path."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda file: file.parts[-3].zfill(4))
    if packaged:
        return packaged[-1].parent
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found else None


def _place(state: Path, account: str | None) -> Path:
    """The server's folder. An account that cannot get into the checkout has its folder elsewhere, behind a link."""
    place = state / "postgresql"
    if place.exists():
        return place.resolve()
    place.unlink(missing_ok=True)  # a link to a folder that is gone
    if account is None or _can_reach(account, state):
        place.mkdir(mode=0o700)
    else:
        place.symlink_to(tempfile.mkdtemp(prefix="campaign-stack-", dir="/var/tmp"))
    if account is not None:
        owner = pwd.getpwnam(account)
        os.chown(place, owner.pw_uid, owner.pw_gid)
    return place.resolve()


def _can_reach(account: str, folder: Path) -> bool:
    done = subprocess.run(["test", "-x", str(folder)], user=account, group=account, extra_groups=[], check=False)  # noqa: S607
    return done.returncode == 0


def _create_cluster(programs: Path, place: Path, account: str | None, settings: Settings) -> None:
    data, password = place / "data", place / "password"
    shutil.rmtree(data, ignore_errors=True)  # of a first start that was stopped
    password.unlink(missing_ok=True)
    password.touch(mode=0o600)
    password.write_text(settings.secrets["owner_password"])
    if account is not None:
        owner = pwd.getpwnam(account)
        os.chown(password, owner.pw_uid, owner.pw_gid)
    partial = place / "data.part"
    shutil.rmtree(partial, ignore_errors=True)
    options = ("-U", "postgres", "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--locale=C.UTF-8")
    _run((programs / "initdb", "-D", partial, *options), place, account)
    partial.rename(data)
    password.unlink()


def _end_leftover(programs: Path, data: Path, account: str | None) -> None:
    """End a server over the same data that outlived its stack."""
    if (data / "postmaster.pid").exists():
        with contextlib.suppress(StackError):  # the file may be all that is left
            _run((programs / "pg_ctl", "-D", data, "-m", "fast", "-w", "stop"), data.parent, account)


def _run(command: tuple[object, ...], folder: Path, account: str | None) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=_plain_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        user=account,
        group=account,
        extra_groups=[] if account else None,
        check=False,
    )
    if done.returncode:
        raise StackError(f"{Path(str(command[0])).name} failed: {' '.join((done.stderr or done.stdout).split())}")


def _plain_environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _connects(settings: Settings) -> bool:
    try:
        connect(settings).close()
    except psycopg2.OperationalError:
        return False
    return True


def _create_databases(settings: Settings) -> None:
    connection = connect(settings)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles")
        roles = {name for (name,) in cursor.fetchall()}
        cursor.execute("SELECT datname FROM pg_database")
        databases = {name for (name,) in cursor.fetchall()}
        for role in PASSWORDS.keys() - roles:
            password = sql.Literal(settings.secrets[PASSWORDS[role]])
            cursor.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), password))
    connection.close()
    for name in DATABASES.keys() - databases:
        empty_database(settings, name)


# ---------------------------------------------------------------------------------------------------------------
# Redis


@contextlib.contextmanager
def redis_server(state: Path, settings: Settings) -> Iterator[None]:
    """Run the server. It keeps nothing on disk: what a queue and caches hold can be lost."""
    _require_free(settings.redis_port, "Redis", state)
    configuration = state / "redis.conf"
    configuration.unlink(missing_ok=True)
    configuration.touch(mode=0o600)  # others can read the arguments of a command, so the password is not there
    configuration.write_text(
        f"bind {HOST}\nport {settings.redis_port}\nrequirepass {settings.secrets['redis_password']}\n"
        f'save ""\nappendonly no\ndir {state}\n'
    )
    with running(
        "Redis",
        (shutil.which("redis-server"), configuration),
        state / "logs" / "redis.log",
        environment=_plain_environment(),
        folder=state,
    ) as server:
        server.wait_until(lambda: _answers(settings), seconds=30)
        yield


def _answers(settings: Settings) -> bool:
    client = redis.Redis(HOST, settings.redis_port, password=settings.secrets["redis_password"], socket_timeout=5)
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
    finally:
        client.close()


def _require_free(port: int, name: str, state: Path) -> None:
    if not is_free(port):
        raise StackError(
            f"port {port}, where this stack's {name} listens, is in use; end what runs there, or rm -rf {state} "
            "to start over on another port"
        )

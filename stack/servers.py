"""The PostgreSQL and the Redis of a stack, with its accounts and databases."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
from psycopg2 import sql

from servers.folders import account_of, give
from servers.ports import HOST, is_free
from servers.postgresql import ACCOUNT, connects, create_cluster, end_leftover, programs, serve_cluster
from servers.redis_server import redis_program
from servers.redis_server import redis_server as serve_redis
from stack.errors import StackError
from stack.settings import Settings

DATABASES = {"superset": "superset", "warehouse": "campaign"}  # with the account that owns each
PASSWORDS = {"superset": "metadata_password", "campaign": "warehouse_password"}


def require_servers() -> None:
    """Raise `ServerError` where a server's program is not there."""
    programs()
    redis_program()


@contextlib.contextmanager
def postgresql(state: Path, settings: Settings) -> Iterator[None]:
    """Run the server with its databases, each with an account of its own; made at the first start."""
    account = account_of(ACCOUNT)
    place = _place(state, account)
    password = settings.secrets["owner_password"]
    create_cluster(place, account, password=password, options=("--locale=C.UTF-8",))
    end_leftover(place, account)
    _require_free(settings.postgresql_port, "PostgreSQL", state)
    with serve_cluster(place, account, settings.postgresql_port, state / "logs" / "postgresql.log") as server:
        server.wait_until(lambda: connects(settings.postgresql_port, password), seconds=60)
        _create_databases(settings)
        yield


@contextlib.contextmanager
def redis_server(state: Path, settings: Settings) -> Iterator[None]:
    """Run the server until the block ends."""
    _require_free(settings.redis_port, "Redis", state)
    log = state / "logs" / "redis.log"
    with serve_redis(state, settings.redis_port, log, password=settings.secrets["redis_password"]):
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
    """Make the database, in the place of one that is there."""
    connection = connect(settings)
    connection.autocommit = True  # PostgreSQL makes no database within a transaction
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        owner = sql.Identifier(DATABASES[name])
        cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), owner))
    connection.close()


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
    give(place, account)
    return place.resolve()


def _can_reach(account: str, folder: Path) -> bool:
    done = subprocess.run(["test", "-x", str(folder)], user=account, group=account, extra_groups=[], check=False)  # noqa: S607
    return done.returncode == 0


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


def _require_free(port: int, name: str, state: Path) -> None:
    if not is_free(port):
        raise StackError(
            f"port {port}, where this stack's {name} listens, is in use; end what runs there, or rm -rf {state} "
            "to start over on another port"
        )

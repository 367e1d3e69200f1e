"""Redis, which keeps nothing on disk: what a queue and caches hold can be lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import redis

from servers.folders import plain_environment, program
from servers.ports import HOST
from servers.processes import Service, running


def redis_program() -> str:
    """The path of the server's program. Raises `ServerError` where it is not there."""
    return program("redis-server", "redis-server")


@contextlib.contextmanager
def redis_server(folder: Path, port: int, log: Path, *, password: str | None = None) -> Iterator[Service]:
    """Run the server until the block ends; begin once it answers."""
    configuration = folder / "redis.conf"
    configuration.unlink(missing_ok=True)
    configuration.touch(mode=0o600)  # others can read the arguments of a command, so the password is not there
    configuration.write_text(
        f'bind {HOST}\nport {port}\nsave ""\nappendonly no\ndir {folder}\n'
        + (f"requirepass {password}\n" if password else "")
    )
    with running(
        "Redis", (redis_program(), configuration), log, environment=plain_environment(), folder=folder
    ) as server:
        server.wait_until(lambda: _answers(port, password), seconds=30)
        yield server


def _answers(port: int, password: str | None) -> bool:
    with redis.Redis(HOST, port, password=password, socket_timeout=5) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

"""Locks between processes that do the same work in one database, so that they do it one after the other.

An engine with locks of its own (`Locks.take`) keeps them in its server, for all machines. For the others it is
the lock of a file in the folder for temporary files, which holds on one machine. Both end with their process,
however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from superset_campaign_plugin.database_files import PATIENCE, file_of
from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import BusyError, CampaignError, DatabaseError
from superset_campaign_plugin.warehouse import connect, parse_uri

_PAUSE = 0.1  # seconds


@contextlib.contextmanager
def one_at_a_time(
    uri: str, work: str, *, schema: str | None = None, in_batches: bool = False
) -> Iterator[tuple[Connection, Engine]]:
    """A connection that writes, as `connect` gives it, while no other process does the same `work` in the database.

    It waits some seconds for another one and then raises `BusyError`, before anything is read or written. The lock
    is held until the transaction has ended. `schema` is where the work writes, on engines on which that is a
    database of its own.
    """
    url, engine = parse_uri(uri)
    busy = BusyError(f"another {work} is running in this database; run this again when it is done")
    with (
        machine_lock(url, engine, work, busy),
        connect(uri, write=True, in_batches=in_batches) as (connection, engine),
    ):
        place = "" if engine.schemas else (schema or url.database or "").lower()
        server_lock(connection, engine, f"superset_campaign {work} {place}".strip(), busy)
        yield connection, engine


def server_lock(connection: Connection, engine: Engine, name: str, busy: CampaignError) -> None:
    """Take the lock of that name in the database's server, where it has locks; held until the connection ends.

    Raises `busy` if another connection still has it after some seconds.
    """
    if engine.locks.take is None:
        return
    # Some servers take no name of more than 64 characters.
    short = name if len(name) <= 64 else f"superset_campaign {hashlib.sha256(name.encode()).hexdigest()[:32]}"
    query = sa.text(engine.locks.take).bindparams(name=short)
    # Else the driver would be left within a transaction that nobody ends.
    own = contextlib.nullcontext() if connection.in_transaction() else connection.begin()
    with own:
        deadline = time.monotonic() + PATIENCE
        while not connection.execute(query).scalar():
            if time.monotonic() > deadline:
                raise busy
            time.sleep(_PAUSE)


@contextlib.contextmanager
def machine_lock(url: URL, engine: Engine, work: str, busy: CampaignError) -> Iterator[None]:
    """Hold the lock of a file of this machine, for an engine without locks in a server.

    Raises `busy` if another process, or another thread of this one, still has it after some seconds.
    """
    file = file_of(url)
    if engine.locks.take is not None or (file is None and engine.name in ("duckdb", "sqlite")):
        # The server has the lock, or the database is in the memory of this process alone.
        yield
        return
    with file_lock(lock_file(url, work), busy, "remove it, or set TMPDIR to a folder of your own"):
        yield


@contextlib.contextmanager
def file_lock(file: Path, busy: CampaignError, advice: str) -> Iterator[None]:
    """Hold a file that is there for this alone, and made if it is not.

    It stays: who removed it could not know whether somebody waits for it. Raises `busy` if another process, or another
    thread of this one, still has it after some seconds, and `DatabaseError` with the `advice` where it cannot be made.
    """
    descriptor = _open(file, advice)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _locked(descriptor):
            if time.monotonic() > deadline:
                raise busy
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def lock_file(url: URL, work: str) -> Path:
    """The file that stands for work in a database: the same one for every account and every spelling of the path."""
    file = file_of(url)
    place = f"{url.host}:{url.port or ''}/{url.database or ''}" if file is None else os.path.realpath(file)
    name = hashlib.sha256(os.fsencode(f"{url.get_backend_name()} {work} {place}")).hexdigest()[:32]
    return Path(tempfile.gettempdir()) / f"superset-campaign-{name}.lock"


def _open(file: Path, advice: str) -> int:
    """A descriptor of the file, made where there is none.

    One that is there may be another account's. Then it is opened only to read, which is enough for a lock: Linux
    refuses O_CREAT for it in a folder such as /tmp (`fs.protected_regular`).
    """
    reading = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        while True:
            with contextlib.suppress(FileNotFoundError):
                return os.open(file, reading)
            with contextlib.suppress(FileExistsError):  # another process has made it meanwhile
                return _make(file)
    except OSError as error:
        raise DatabaseError(f"cannot open the lock file {file}: {error.strerror}; {advice}") from error


def _make(file: Path) -> int:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    os.fchmod(descriptor, 0o644)  # whatever the umask says, other accounts must be able to open it
    return descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""Fetches the file of a job into a folder: piece by piece, from where it broke off, and compares its checksum."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from superset_campaign_plugin.errors import LoadError
from superset_campaign_plugin.marketo.client import Client
from superset_campaign_plugin.marketo.jobs import Job, file_path

PIECE = 32 * 2**20  # bytes that one call asks for
_CHUNK = 1 << 20


def fetch_file(client: Client, job: Job, target: Path) -> bool:
    """Bring the file of a completed job to `target`, and say whether it has the checksum that Marketo told.

    What is there already stays: a complete file is only compared, and a part of one is gone on with. A file of another
    checksum is removed. Raises `MarketoRefusalError` with the code 404 where Marketo has no such file any more,
    `LoadError` where it cannot be written, and the errors of `Client`.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        if not target.exists():
            _fetch_part(client, job, part)
            os.replace(part, target)
        if target.stat().st_size == job.size and _digest(target) == job.checksum:
            return True
        target.unlink()
        return False
    except OSError as error:
        raise LoadError(
            f"cannot write {error.filename or target}: {error.strerror or error}; free space there, or choose "
            "another folder with --directory"
        ) from error


def _fetch_part(client: Client, job: Job, part: Path) -> None:
    # Unbuffered, so that a process that is killed leaves what it has read.
    with part.open("r+b" if part.exists() else "w+b", buffering=0) as file:
        if file.seek(0, os.SEEK_END) > job.size:
            file.truncate(0)

        def take(place: int, chunk: bytes) -> None:
            file.seek(place)
            file.truncate()
            left = memoryview(chunk)
            while left:
                left = left[file.write(left) :]

        while (done := file.seek(0, os.SEEK_END)) < job.size:
            client.read_range(file_path(job.export_id), done, min(done + PIECE, job.size) - 1, take)
        os.fsync(file.fileno())


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

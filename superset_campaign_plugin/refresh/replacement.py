"""A DuckDB file that takes the place of another one in one step, once all of it is on the disk.

Whoever has the old file open keeps it; whoever opens the path afterwards gets the new one. A run that is killed
leaves the old file as it was, and beside it a part that the next run removes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from superset_campaign_plugin.errors import RefreshError


class Replacement:
    """The new file on its way. `part` is where it is made, `scratch` a folder for what does not fit into memory."""

    def __init__(self, file: Path) -> None:
        # A symbolic link stays one: what it points to is replaced.
        self._file = file.resolve()
        self.part = self._file.with_name(f".{self._file.name}.part")
        self.scratch = self._file.with_name(f".{self._file.name}.scratch")

    def put_in_place(self) -> None:
        """Replace the file. Raises `RefreshError` where the new one is not whole, or not certain to be on the disk."""
        if _log_of(self.part).exists():
            raise RefreshError(
                f"{self.part} was not written to its end, so {self._file} stays as it was; refresh again"
            )
        with _described(self._file):
            _to_disk(self.part)
            if self._file.exists():
                _take_over_owner(self._file, self.part)
            self.part.replace(self._file)
            _to_disk(self._file.parent)


@contextlib.contextmanager
def replacement(file: Path) -> Iterator[Replacement]:
    """A new file to be, which begins as a copy of the present one if there is one; its parts are gone afterwards.

    Raises `RefreshError` where the folder cannot be written, the disk is full, or something else writes to `file`.
    """
    new = Replacement(file)
    present = file.resolve()
    if _log_of(present).exists():
        raise RefreshError(
            f"{_log_of(present)} shows that another program writes to {present}, which holds stored tables alone; "
            "let it write elsewhere, and remove both files"
        )
    with _described(present):
        _remove(new)
    try:
        if present.exists():
            with _described(present):
                shutil.copyfile(present, new.part)
        yield new
    finally:
        # What cannot be removed now is removed by the next run, which also says why it cannot.
        with contextlib.suppress(OSError):
            _remove(new)


def _remove(new: Replacement) -> None:
    for part in (new.part, _log_of(new.part)):
        part.unlink(missing_ok=True)
    if new.scratch.exists():
        shutil.rmtree(new.scratch)


def _log_of(file: Path) -> Path:
    """DuckDB's own log beside a file, of what was committed and is not in it yet."""
    return file.with_name(f"{file.name}.wal")


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _take_over_owner(old: Path, new: Path) -> None:
    """Who could read the old file can read the new one."""
    known = old.stat()
    new.chmod(known.st_mode & 0o7777)
    made = new.stat()
    if (made.st_uid, made.st_gid) != (known.st_uid, known.st_gid):
        # An account other than root cannot give files away; the mode then decides alone.
        with contextlib.suppress(PermissionError):
            os.chown(new, known.st_uid, known.st_gid)


@contextlib.contextmanager
def _described(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RefreshError(
            f"cannot write {error.filename or file}: {error.strerror or error}; the stored tables are as they were. "
            f"A refresh needs the right to write in {file.parent}, and free space for the stored tables twice; "
            "--stored-file, or the setting stored_file, chooses another place"
        ) from error

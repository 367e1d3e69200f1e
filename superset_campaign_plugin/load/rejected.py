"""The rows of an extract that were set aside: a CSV file beside it, with line number, reason and the raw row."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from superset_campaign_plugin.errors import LoadError

SUFFIX = ".rejected.csv"
_HEADER = ("line", "reason", "row")


class NotSetAside(LoadError):
    """The rows of a batch cannot be set aside, so nothing of the batch is stored."""


class Rejection(NamedTuple):
    """A row that is no activity: the line it begins in (from 1), why, and as it stands in the file."""

    line: int
    reason: str
    row: str


class RejectedFile:
    """The rows of one extract that were set aside. There is no such file where there are none.

    `rows` is how many rows it is known to hold. Raises `NotSetAside` where it cannot be read or written.
    """

    def __init__(self, extract: Path, folder: Path | None) -> None:
        self.path = (folder or extract.parent) / f"{extract.name}{SUFFIX}"
        self.rows = 0

    def keep_before(self, line: int, count: int) -> list[Rejection]:
        """Forget the rows from `line` on: they were set aside, but what came with them was not stored.

        Returns the first `count` of the others.
        """
        self.rows, first = 0, []
        with _writing(self.path):
            if self.path.exists() and any(rejection is None or rejection.line >= line for rejection in self._read()):
                self._rewrite(line)
            for rejection in self._read() if self.path.exists() else ():
                if rejection:
                    self.rows += 1
                    first.append(rejection)
                    del first[count:]
        return first

    def append(self, rejections: list[Rejection]) -> None:
        """Add rows, and return once they are on the disk; where that fails the file stays as it was."""
        with _writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                before = file.tell()
                try:
                    _write(file, [*([] if before else [_HEADER]), *rejections])
                except OSError:
                    file.truncate(before)
                    if not before:
                        self.path.unlink()
                    raise
        self.rows += len(rejections)

    def _rewrite(self, line: int) -> None:
        part = self.path.with_name(f"{self.path.name}.part")
        kept = (rejection for rejection in self._read() if rejection and rejection.line < line)
        first = next(kept, None)
        if first is None:
            self.path.unlink()
            return
        try:
            with part.open("wb", buffering=0) as file:
                _write(file, itertools.chain((_HEADER, first), kept))
            part.replace(self.path)
        finally:
            part.unlink(missing_ok=True)

    def _read(self) -> Iterator[Rejection | None]:
        """The rows of the file; None for one that was half written when a load was broken off."""
        with self.path.open(encoding="utf-8", errors="replace", newline="") as file:
            for row in itertools.islice(csv.reader(file), 1, None):
                whole = len(row) == len(_HEADER) and row[0].isdecimal()
                yield Rejection(int(row[0]), row[1], row[2]) if whole else None


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, csv.Error) as error:
        raise NotSetAside(
            f"cannot write {path}, which takes the rows that are set aside: "
            f"{getattr(error, 'strerror', None) or error}; choose another folder with --rejected"
        ) from error


def _write(file: io.FileIO, rows: Iterable[Sequence[object]]) -> None:
    """Write rows, and return once they are on the disk."""
    for row in rows:
        line = io.StringIO(newline="")
        csv.writer(line).writerow(row)
        left = line.getvalue().encode("utf-8")
        while left:
            left = left[file.write(left) :]
    os.fsync(file.fileno())

"""The rows of an extract that were set aside: a CSV file beside it, with line number, reason and the raw row."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from superset_campaign_plugin.errors import LoadError

SUFFIX = ".rejected.csv"
_HEADER = ("line", "reason", "row")


class Rejection(NamedTuple):
    """A row that is no activity: the line it begins in (from 1), why, and as it stands in the file."""

    line: int
    reason: str
    row: str


class RejectedFile:
    """The rows of one extract that were set aside. There is no such file where there are none.

    Raises `LoadError` where it cannot be written.
    """

    def __init__(self, extract: Path, folder: Path | None) -> None:
        self.path = (folder or extract.parent) / f"{extract.name}{SUFFIX}"

    def keep_before(self, line: int, count: int) -> list[Rejection]:
        """Forget the rows from `line` on: they were set aside, but what came with them was not stored.

        Returns the first `count` of the others.
        """
        if not self.path.exists():
            return []
        if any(rejection is None or rejection.line >= line for rejection in self._read()):
            self._rewrite(line)
        kept = (rejection for rejection in self._read() if rejection) if self.path.exists() else iter(())
        return list(itertools.islice(kept, count))

    def append(self, rejections: list[Rejection]) -> None:
        """Add rows, and return once they are on the disk."""
        with _writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                if not file.tell():
                    writer.writerow(_HEADER)
                writer.writerows(rejections)
                _to_disk(file)

    def _rewrite(self, line: int) -> None:
        part = self.path.with_name(f"{self.path.name}.part")
        empty = True
        with _writing(self.path), part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_HEADER)
            for rejection in self._read():
                if rejection and rejection.line < line:
                    writer.writerow(rejection)
                    empty = False
            _to_disk(file)
        with _writing(self.path):
            if empty:
                self.path.unlink()
                part.unlink()
            else:
                part.replace(self.path)

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
    except OSError as error:
        raise LoadError(
            f"cannot write {path}, which takes the rows that are set aside: {error.strerror}; "
            "choose another folder with --rejected"
        ) from error


def _to_disk(file: io.TextIOWrapper) -> None:
    file.flush()
    os.fsync(file.fileno())

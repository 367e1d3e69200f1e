"""`load`: files into the warehouse, batch by batch; each batch and how far it got is one transaction."""

from __future__ import annotations

import contextlib
import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from superset_campaign_plugin.errors import LoadError
from superset_campaign_plugin.load.extract import Activity, Extract, Rejected, Row, open_extract
from superset_campaign_plugin.load.store import Store
from superset_campaign_plugin.warehouse import connect

BATCH = 20_000
# A file is known by its name, its size and its beginning.
_HEAD = 64 * 1024

Measure = Callable[[Path, int], None]


@dataclass
class Summary:
    """What was loaded. `rows` were read in this run: stored, already there, of other types, or rejected."""

    files: int = 0
    finished_before: int = 0
    rows: int = 0
    stored: int = 0
    already_there: int = 0
    other_types: int = 0
    rejected: int = 0
    rejected_files: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The summary for JSON."""
        return asdict(self)


def load(
    uri: str,
    files: Sequence[Path],
    *,
    schema: str | None = None,
    rejected: Path | None = None,
    max_rejected: int = 1000,
    measure: Measure = lambda _, __: None,
) -> Summary:
    """Load extracts; `measure` is told each file and how many of its bytes are done.

    Rows that cannot be read go to `<name>.rejected.csv`, beside the file or in the folder `rejected`. Loading a file
    again goes on where it stopped, and changes nothing where it is done. Raises `LoadError` for a file that is no
    extract, is cut, or has more than `max_rejected` such rows; what was stored until then stays.
    """
    for file in files:
        if not file.is_file():
            raise LoadError(f"{file} is {'a folder' if file.is_dir() else 'not there'}; name extract files")
    summary = Summary()
    with connect(uri, write=True) as (connection, engine):
        store = Store(engine, schema)
        store.prepare(connection)
    for file in files:
        _File(uri, store, file, rejected or file.parent, max_rejected, summary).load(measure)
    return summary


class _File:
    def __init__(self, uri: str, store: Store, file: Path, folder: Path, max_rejected: int, summary: Summary) -> None:
        self._uri = uri
        self._store = store
        self._file = file
        self._key = _identity(file)
        self._aside = folder / f"{file.name}.rejected.csv"
        self._max_rejected = max_rejected
        self._summary = summary
        self._last_line = 0

    def load(self, measure: Measure) -> None:
        self._summary.files += 1
        with connect(self._uri) as (connection, _):
            lines, finished = self._store.progress(connection, self._key)
        self._last_line = lines
        if finished:
            self._summary.finished_before += 1
            return
        self._keep_rejected(lines)
        with open_extract(self._file) as extract:
            rows = (row for row in extract if row.line > lines)
            fault = self._batches(rows, extract, measure)
        if fault is not None:
            raise fault
        with connect(self._uri, write=True) as (connection, _):
            self._store.advance(connection, self._key, self._last_line, finished=True)

    def _batches(self, rows: Iterator[Row], extract: Extract, measure: Measure) -> LoadError | None:
        """Store all rows; gives the fault that ends the file too early, after what came before is stored."""
        while True:
            batch, fault = _take(rows, BATCH)
            if batch:
                self._store_batch(batch)
                measure(self._file, extract.position)
            if fault is not None or len(batch) < BATCH:
                return fault

    def _store_batch(self, batch: list[Row]) -> None:
        activities = [row.content for row in batch if isinstance(row.content, Activity)]
        rejected = [row.content for row in batch if isinstance(row.content, Rejected)]
        self._set_aside(rejected)
        self._last_line = batch[-1].line
        with connect(self._uri, write=True) as (connection, _):
            stored = self._store.add(connection, activities)
            self._store.advance(connection, self._key, self._last_line, finished=False)
        self._summary.rows += len(batch)
        self._summary.stored += stored
        self._summary.already_there += len(activities) - stored
        self._summary.other_types += len(batch) - len(activities) - len(rejected)

    def _set_aside(self, rows: list[Rejected]) -> None:
        """Before the batch is stored: a row may be set aside twice, but not lost."""
        if not rows:
            return
        is_new = not self._aside.exists()
        try:
            with self._aside.open("a", newline="", encoding="utf-8") as output:
                writer = csv.writer(output)
                if is_new:
                    writer.writerow(["line", "reason", "row"])
                writer.writerows([row.line, row.reason, *row.fields] for row in rows)
        except OSError as error:
            raise LoadError(f"cannot set rows aside in {self._aside}: {error.strerror}; see --rejected") from error
        summary = self._summary
        summary.rejected += len(rows)
        summary.reasons += [f"{self._file}, line {row.line}: {row.reason}" for row in rows]
        if str(self._aside) not in summary.rejected_files:
            summary.rejected_files.append(str(self._aside))
        if summary.rejected > self._max_rejected:
            raise LoadError(
                f"{self._file}: more than {self._max_rejected} rows cannot be read, the last at line {rows[-1].line} "
                f"({rows[-1].reason}); they are in {self._aside}; check the file, or raise --max-rejected"
            )

    def _keep_rejected(self, lines: int) -> None:
        """Of the rows that were set aside before, keep those of the lines that are stored."""
        if not self._aside.exists():
            return
        with self._aside.open(newline="", encoding="utf-8") as before:
            kept = [row for row in csv.reader(before) if row and (row[0] == "line" or int(row[0]) <= lines)]
        if len(kept) < 2:
            self._aside.unlink()
            return
        with self._aside.open("w", newline="", encoding="utf-8") as output:
            csv.writer(output).writerows(kept)


def _take(rows: Iterator[Row], count: int) -> tuple[list[Row], LoadError | None]:
    """The next rows, and the fault that ends them."""
    batch: list[Row] = []
    try:
        for row in islice(rows, count):
            batch.append(row)
    except LoadError as error:
        return batch, error
    return batch, None


def _identity(file: Path) -> str:
    with contextlib.suppress(OSError), file.open("rb") as content:
        head = hashlib.sha256(content.read(_HEAD)).hexdigest()
        return f"{file.name} {file.stat().st_size} {head}"
    raise LoadError(f"cannot read {file}; name extract files")

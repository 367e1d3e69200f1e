"""Loads files: reads, stores batch after batch, sets bad rows aside, and goes on where it was broken off."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superset_campaign_plugin.errors import LoadError, UsageError
from superset_campaign_plugin.load.ahead import read_ahead
from superset_campaign_plugin.load.batch import Batch
from superset_campaign_plugin.load.extract import Fault, FileLayout, Form
from superset_campaign_plugin.load.file_records import Cut, Lines, Record, Records
from superset_campaign_plugin.load.files import Stream, open_stream
from superset_campaign_plugin.load.header import Header, read_header
from superset_campaign_plugin.load.rejected import SUFFIX, NotSetAside, RejectedFile, Rejection
from superset_campaign_plugin.load.store import FileProgress, Store
from superset_campaign_plugin.load.writers import many_batches
from superset_campaign_plugin.locking import one_at_a_time

if TYPE_CHECKING:
    from hashlib import _Hash

    from superset_campaign_plugin.load.vectors import Rows

# Rows of a transaction: as many as DuckDB keeps together, so that it writes them once, into the file.
BATCH = 122_880
SHOWN = 10  # rows set aside that a result names
# Without a limit of the caller's: a file with more bad rows than both is the wrong file.
_MANY, _SHARE = 100, 0.1
_CHUNK = 1 << 20
# Parts of a file that are read while others are stored: a few MB each.
_AHEAD = 3

_MENDED = (
    "null characters and bare carriage returns are left out, \ufffd stands for bytes that are no UTF-8 and for half "
    "characters"
)

_ID = "marketoGUID"

# (bytes read, bytes of all files)
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Extract:
    """A file whose header was found good, and its size in bytes."""

    path: Path
    size: int


@dataclass
class FileResult:
    """What became of a file: `loaded`, `skipped` or `failed` with an error.

    The counts are those of the whole file, also where an earlier load had stored a part of it, and hold nothing that
    is not stored. `rejected_file` is named if it is there, and `set_aside` is how many rows it holds. `absent` are the
    columns that the file does not have.
    """

    file: str
    status: str = "loaded"
    error: str | None = None
    counts: FileProgress = field(default_factory=FileProgress)
    rejected_file: str | None = None
    set_aside: int = 0
    absent: list[str] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)


@dataclass(frozen=True)
class LoadSummary:
    """The results of all files, in their order."""

    files: list[FileResult]

    @property
    def complete(self) -> bool:
        """Whether no file failed and no row of those that were loaded now was set aside."""
        return not any(file.error or (file.status == "loaded" and file.counts.rejected) for file in self.files)

    def totals(self) -> dict[str, int]:
        """The counts of the files that were not skipped."""
        names = ("rows_read", "stored", "already_there", "other_types", "rejected", "mended")
        read = [file.counts for file in self.files if file.status != "skipped"]
        return {name: sum(getattr(counts, name) for counts in read) for name in names}

    def notes(self) -> Iterator[str]:
        """Lines on what a person should know: files that were skipped, rows that were set aside, errors."""
        for file in self.files:
            if file.status == "skipped":
                own = file.file.endswith(SUFFIX)
                yield f"{file.file}: skipped, {'it holds rows that were set aside' if own else 'it is loaded already'}"
        read = [file for file in self.files if file.status != "skipped"]
        first = [(file.file, rejection) for file in read for rejection in file.rejections][:SHOWN]
        for name, rejection in first:
            yield f"{name}, line {rejection.line}: set aside: {rejection.reason}"
        more = self.totals()["rejected"] - len(first)
        if more > 0:
            yield f"... and {more} more"
        for file in read:
            if file.rejected_file:
                yield f"{file.file}: {file.set_aside} rows set aside in {file.rejected_file}"
        for file in read:
            if file.counts.mended:
                yield f"{file.file}: {file.counts.mended} rows mended: {_MENDED}"
        yield from self._absent(read)
        for file in self.files:
            if file.error:
                yield f"Error: {file.error}"

    def _absent(self, read: Sequence[FileResult]) -> Iterator[str]:
        """What the files lack, in one line for all that lack the same."""
        lacking: dict[tuple[str, ...], list[str]] = {}
        for file in read:
            columns = tuple(name for name in file.absent if name != _ID)
            if columns:
                lacking.setdefault(columns, []).append(file.file)
        for columns, names in lacking.items():
            yield f"{_first(names)}: no column {', '.join(columns)}, so these are empty"
        if names := [file.file for file in read if _ID in file.absent]:
            yield (
                f"{_first(names)}: no column {_ID}, so repeats cannot be found: of rows with the same content one is "
                "stored"
            )

    def text(self) -> str:
        """The totals in one line."""
        totals = self.totals()
        return (
            f"{totals['rows_read']} rows read: {totals['stored']} stored, {totals['already_there']} already there, "
            f"{totals['other_types']} of other types, {totals['rejected']} set aside"
            + (f", {totals['mended']} mended" if totals["mended"] else "")
        )

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        files = [
            {
                "file": file.file,
                "status": file.status,
                "error": file.error,
                **{name: value for name, value in asdict(file.counts).items() if name in self.totals()},
                "rejected_file": file.rejected_file,
            }
            for file in self.files
        ]
        return {"files": files, **self.totals()}


def _first(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


class TooManyRejected(LoadError):
    """So many rows are bad that it is the wrong file."""


class NotUtf8(LoadError):
    """So many rows hold bytes that are no UTF-8 that the file is in another encoding."""


def load_files(
    uri: str,
    files: Sequence[Path],
    *,
    schema: str | None = None,
    rejected: Path | None = None,
    max_rejected: int | None = None,
    form: Form = Form(),  # noqa: B008 - it is frozen
    on_progress: OnProgress = lambda done, total: None,
) -> LoadSummary:
    """Store the activities of the files, in batches of one transaction each.

    Bad rows go to a file beside each file, or in the folder `rejected`. A file with more than `max_rejected` of them
    fails; without that number, one where more than 100 and a tenth of the rows read so far are bad. A file that
    fails keeps the rows before the fault, but none of a gzip file that is damaged or cut, and does not keep the others
    from being loaded. `form` holds for all of them.

    Raises, before anything is written, `UsageError` for a file that cannot be read, `LoadError` for one that is no
    extract and `BusyError` while another load into the database is running; and `DatabaseError` where the database
    fails, which keeps the batches before.
    """
    paths = list(dict.fromkeys(files))
    extracts = [_examined(path, form) for path in paths if not path.name.endswith(SUFFIX)]
    set_aside = {path: RejectedFile(path, rejected) for path in paths}
    if len({file.path.resolve() for file in set_aside.values()}) < len({path.resolve() for path in paths}):
        raise UsageError("two of the files have the same name, so --rejected cannot hold the rows of both")
    results = {path: FileResult(str(path), status="skipped") for path in paths}
    done, total = 0, sum(extract.size for extract in extracts)
    with (
        one_at_a_time(uri, "load", schema=schema, in_batches=True) as (connection, engine),
        many_batches(connection, engine),
    ):
        store = Store(connection, engine, schema)
        for extract in extracts:

            def advance(read: int, before: int = done) -> None:
                on_progress(before + read, total)

            loading = _Loading(extract.path, store, set_aside[extract.path], max_rejected, form, advance)
            results[extract.path] = loading.run()
            done += extract.size
    return LoadSummary(list(results.values()))


def _examined(path: Path, form: Form) -> Extract:
    with open_stream(path, beginning=True) as stream:
        read_header(path, stream, form)
        return Extract(path, path.stat().st_size)


def _parts(path: Path, stream: Stream, header: Header, line: int) -> Generator[Record | Rows, None, None]:
    """What follows the header, from that line on: records, and where pyarrow is there, usual lines together."""
    lines = Lines(stream)
    records = Records(path, lines, header.delimiter, header.layout.width, line)
    try:
        from superset_campaign_plugin.load import vectors
    except ModuleNotFoundError:
        yield from records
        return
    usual = vectors.usual_lines(header.layout, header.delimiter)
    if usual is None:
        yield from records
        return
    with contextlib.closing(read_ahead(vectors.read_parts(lines, records, usual), _AHEAD)) as ahead:
        for parts in ahead:
            yield from parts


class _Loading:
    """The loading of one file."""

    def __init__(
        self,
        path: Path,
        store: Store,
        rejected: RejectedFile,
        max_rejected: int | None,
        form: Form,
        on_progress: Callable[[int], None],
    ) -> None:
        self._path = path
        self._store = store
        self._rejected = rejected
        self._max_rejected = max_rejected
        self._form = form
        self._on_progress = on_progress
        self._batch = Batch()
        self._rejections: list[Rejection] = []
        self._counts = FileProgress()
        self._undecoded = 0
        self._result = FileResult(str(path))

    def run(self) -> FileResult:
        """Load the file, from where an earlier load ended if it still begins with the same bytes."""
        result = self._result
        try:
            known = self._store.progress(self._path)
            if known is None or not self._go_on(known):
                self._begin()
        except (LoadError, UsageError) as error:
            result.status, result.error = "failed", str(error)
        except OSError as error:
            result.status, result.error = "failed", f"{self._path} cannot be read: {error.strerror or error}"
        if self._rejected.rows:
            result.rejected_file, result.set_aside = str(self._rejected.path), self._rejected.rows
        return result

    def _begin(self) -> None:
        with open_stream(self._path) as stream:
            header = read_header(self._path, stream, self._form)
            counts = FileProgress(bytes_read=len(header.raw), lines_read=1)
            self._read(stream, header, hashlib.sha256(header.raw), counts)

    def _go_on(self, known: FileProgress) -> bool:
        """Read on after what is stored; False where the file does not begin with that."""
        with open_stream(self._path) as stream:
            # Not the header that was looked at before: the file may be another one by now.
            header = read_header(self._path, stream, self._form)
            digest = hashlib.sha256(header.raw)
            left = known.bytes_read - len(header.raw)
            while left > 0 and (chunk := stream.reader.read(min(left, _CHUNK))):
                digest.update(chunk)
                left -= len(chunk)
            if left or digest.hexdigest() != known.digest:
                return False
            self._read(stream, header, digest, known)
        return True

    def _read(self, stream: Stream, header: Header, digest: _Hash, counts: FileProgress) -> None:
        layout = header.layout
        self._counts = counts
        self._result.absent = layout.absent
        self._result.rejections = self._rejected.keep_before(counts.lines_read + 1, SHOWN)
        self._result.counts = replace(counts)
        begun = counts.bytes_read

        def save() -> None:
            if self._rejections:
                self._rejected.append(self._rejections)
            counts.digest = digest.hexdigest()
            self._store.save(self._path, self._batch, counts)
            self._result.counts = replace(counts)
            self._tell_rejections()
            self._batch, self._rejections = Batch(), []
            self._on_progress(stream.done)

        parts = _parts(self._path, stream, header, counts.lines_read + 1)
        try:
            for part in parts:
                if isinstance(part, Record):
                    self._take(layout, part, digest)
                    if counts.rows_read - self._result.counts.rows_read >= BATCH:
                        save()
                    continue
                start = 0
                while start < len(part.lines):
                    end = min(start + BATCH - (counts.rows_read - self._result.counts.rows_read), len(part.lines))
                    self._take_rows(part.part(start, end), digest)
                    if counts.rows_read - self._result.counts.rows_read >= BATCH:
                        save()
                    start = end
        except NotSetAside:
            raise
        except TooManyRejected:
            # Its batch is not stored, but its rows are there to be looked at; the next load forgets them.
            self._rejected.append(self._rejections)
            self._result.counts.rows_read += len(self._rejections)
            self._result.counts.rejected += len(self._rejections)
            self._tell_rejections()
            raise
        except NotUtf8:
            raise
        except LoadError:
            save()
            raise
        finally:
            # While the file is still open.
            parts.close()
        if counts.bytes_read > begun or not counts.digest:
            save()
        else:
            self._result.status = "skipped"

    def _take_rows(self, rows: Rows, digest: _Hash) -> None:
        """Take usual lines."""
        counts = self._counts
        raw = b"".join(rows.lines)
        digest.update(raw)
        counts.bytes_read += len(raw)
        counts.lines_read += len(rows.lines)
        counts.rows_read += len(rows.lines)
        activities = rows.activities()
        counts.other_types += len(rows.lines) - activities.num_rows
        self._batch.add_table(activities)

    def _take(self, layout: FileLayout, record: Record, digest: _Hash) -> None:
        """Take a record, which may be a blank line."""
        if not record.ended and not layout.is_whole(record.text, record.fields):
            raise Cut(f"{self._path} is cut: it ends within line {record.line}")
        counts = self._counts
        digest.update(record.raw)
        counts.bytes_read += len(record.raw)
        counts.lines_read = record.line - 1 + record.raw.count(b"\n") + (not record.ended)
        if not record.fields and not record.fault:
            return
        counts.rows_read += 1
        if record.undecoded:
            self._undecoded += 1
            if self._undecoded > max(_MANY, _SHARE * counts.rows_read):
                raise NotUtf8(
                    f"{self._path}, line {record.line}: {self._undecoded} of {counts.rows_read} rows are not UTF-8 "
                    "text; export it as UTF-8"
                )
        try:
            if record.fault:
                raise Fault(record.fault)
            activity, mended = layout.read(record.fields, undecoded=record.undecoded)
        except Fault as fault:
            self._set_aside(Rejection(record.line, str(fault), record.text))
            return
        if activity is None:
            counts.other_types += 1
        else:
            counts.mended += mended or record.mended
            self._batch.add(activity)

    def _tell_rejections(self) -> None:
        """Name them in the result, now that they are set aside."""
        self._result.rejections = [*self._result.rejections, *self._rejections][:SHOWN]

    def _set_aside(self, rejection: Rejection) -> None:
        counts = self._counts
        counts.rejected += 1
        self._rejections.append(rejection)
        limit = max(_MANY, _SHARE * counts.rows_read) if self._max_rejected is None else self._max_rejected
        if counts.rejected > limit:
            raise TooManyRejected(
                f"{self._path}, line {rejection.line}: {counts.rejected} of {counts.rows_read} rows are bad, this one "
                f"because: {rejection.reason}; is it the right file? --max-rejected sets how many may be set aside"
            )

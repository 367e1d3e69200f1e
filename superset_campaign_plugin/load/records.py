"""Splits the bytes of a CSV or TSV file into records, and goes on after one whose quotes are broken."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from superset_campaign_plugin.errors import LoadError
from superset_campaign_plugin.load.files import Stream

# No row of Marketo comes near it. The bound keeps a stray quote from taking the rest of the file into memory.
MAX_RECORD = 1 << 20
# Python's own limit is smaller. A row that is set aside must be readable again, so it holds for both files.
csv.field_size_limit(4 * MAX_RECORD)
_BOM = b"\xef\xbb\xbf"
_QUOTE = b'"'

BROKEN_QUOTES = "the quotes are broken"


class Record(NamedTuple):
    """A record: its bytes with the line's end, the line it begins in (from 1), and its fields or what is wrong."""

    raw: bytes
    line: int
    fields: list[str]
    fault: str | None = None

    @property
    def text(self) -> str:
        """As it stands in the file, without the line's end."""
        text = self.raw.decode("utf-8")
        return text[: -2 if text.endswith("\r\n") else -1] if text.endswith("\n") else text

    @property
    def ended(self) -> bool:
        """Whether a line's end follows."""
        return self.raw.endswith(b"\n")


class Cut(LoadError):
    """The file ends within a record."""


def read_header(path: Path, stream: Stream) -> tuple[Record, str]:
    """The first line and its delimiter, comma or tab. Raises `LoadError` for an empty file and one that is no text."""
    raw = stream.reader.readline(MAX_RECORD)
    if not raw.strip():
        raise LoadError(f"{path} is empty: not even a header" if not raw else f"{path}, line 1: no header")
    if b"\0" in raw:
        raise LoadError(f"{path}, line 1: not UTF-8 text; export it as UTF-8")
    delimiter = "\t" if b"\t" in raw else ","
    fields, fault = _parse(_decode(path, 1, raw.removeprefix(_BOM)), _dialect(delimiter))
    if fault:
        raise LoadError(f"{path}, line 1: {fault}")
    return Record(raw, 1, fields), delimiter


class Records:
    """The records of a stream from `line` on, each of `width` fields; blank lines are records without fields.

    `line` is the one after the record that was read last.
    """

    def __init__(self, path: Path, stream: Stream, delimiter: str, width: int, line: int) -> None:
        self._path = path
        self._stream = stream
        self._dialect = _dialect(delimiter)
        self._width = width
        self.line = line
        self._again: deque[bytes] = deque()

    def __iter__(self) -> Iterator[Record]:
        """Raises `Cut` at the end of a file that ends within a record, `LoadError` for bytes that are not UTF-8.

        A line with an odd number of quotes goes on in the next lines up to another such line. Where that makes no
        record, the first of them alone is broken, and what follows is read as if it were not there.
        """
        while raw := self._next_line():
            line = self.line
            lines = [raw]
            if raw.count(_QUOTE) % 2:
                closed = self._close(lines)
                if not closed and self._is_cut(lines):
                    raise Cut(f"{self._path} is cut: it ends within the quotes that line {line} opens")
                raw = b"".join(lines)
                if not closed:
                    yield self._broken(lines)
                    continue
            fields, fault = _parse(_decode(self._path, line, raw), self._dialect)
            if fault and len(lines) > 1:
                yield self._broken(lines)
                continue
            if fields and not fault and len(fields) != self._width:
                fault = f"{len(fields)} instead of {self._width} fields"
            self.line += len(lines)
            yield Record(raw, line, fields, fault)

    def _next_line(self) -> bytes:
        if self._again:
            return self._again.popleft()
        raw = self._stream.reader.readline(MAX_RECORD)
        if len(raw) == MAX_RECORD and not raw.endswith(b"\n"):
            raise LoadError(f"{self._path}, from line {self.line}: a line of more than {MAX_RECORD} bytes; no extract")
        return raw

    def _close(self, lines: list[bytes]) -> bool:
        """Add the lines up to the one that closes the open quote; False where none does."""
        size = len(lines[0])
        while size <= MAX_RECORD and (raw := self._next_line()):
            lines.append(raw)
            size += len(raw)
            if raw.count(_QUOTE) % 2:
                return True
        return False

    def _is_cut(self, lines: list[bytes]) -> bool:
        """Whether the file ends in an open quote. A stray quote leaves whole records behind it."""
        if sum(map(len, lines)) > MAX_RECORD:
            return False
        return not any(
            len(_parse(raw.decode("utf-8", "replace"), self._dialect)[0]) == self._width for raw in lines[1:]
        )

    def _broken(self, lines: list[bytes]) -> Record:
        """The first of the lines as a broken record; the others are read again."""
        self._again.extendleft(reversed(lines[1:]))
        record = Record(lines[0], self.line, [], BROKEN_QUOTES)
        _decode(self._path, self.line, lines[0])
        self.line += 1
        return record


def _decode(path: Path, line: int, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line += raw.count(b"\n", 0, error.start)
        byte = raw[error.start]
        raise LoadError(f"{path}, line {line}: not UTF-8 text (byte 0x{byte:02x}); export it as UTF-8") from error


def _dialect(delimiter: str) -> csv.Dialect:
    # The reader's own object: making one from options for every record takes longer than reading the record.
    return csv.reader((), delimiter=delimiter, strict=True).dialect  # type: ignore[return-value]


def _parse(text: str, dialect: csv.Dialect) -> tuple[list[str], str | None]:
    """The fields of a record, or none and what is wrong with it."""
    try:
        return next(csv.reader((text,), dialect), []), None
    except csv.Error:
        return [], BROKEN_QUOTES

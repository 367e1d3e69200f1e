"""Splits the bytes of a delimited file into records, mends them, and goes on after one whose quotes are broken."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from superset_campaign_plugin.errors import LoadError
from superset_campaign_plugin.load.files import Stream

# No row of Marketo comes near it. The bound keeps a stray quote from taking the rest of the file into memory.
MAX_RECORD = 1 << 20
# Python's own limit is smaller. A row that is set aside must be readable again, so it holds for both files.
csv.field_size_limit(4 * MAX_RECORD)
BOM = b"\xef\xbb\xbf"
_QUOTE = b'"'
_CHUNK = 4 << 20
_FORGOTTEN_AT_ONCE = 4096
# One at the end of the file is the first half of a line's end.
_BARE_RETURN = re.compile(rb"\r(?!\n|\Z)")

BROKEN_QUOTES = "the quotes are broken"


class Record(NamedTuple):
    """A record: its bytes with the line's end, the line it begins in (from 1), and its fields or what is wrong.

    `text` is what the fields were read from, without the line's end. It is `mended` where it lacks characters of the
    bytes, or has others; `undecoded` where bytes were no UTF-8 and stand there as U+FFFD.
    """

    raw: bytes
    line: int
    text: str
    fields: list[str]
    fault: str | None = None
    mended: bool = False
    undecoded: bool = False

    @property
    def ended(self) -> bool:
        """Whether a line's end follows."""
        return self.raw.endswith(b"\n")


class Cut(LoadError):
    """The file ends within a record."""


def read_first_line(path: Path, stream: Stream) -> bytes:
    """The first line. Raises `LoadError` for an empty file and one that is no text in lines."""
    raw = stream.reader.readline(MAX_RECORD)
    if not raw.strip():
        raise LoadError(f"{path} is empty: not even a header" if not raw else f"{path}, line 1: no header")
    try:
        if b"\0" in raw:
            raise LoadError(f"{path}, line 1: not UTF-8 text; export it as UTF-8")
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        raise LoadError(f"{path}, line 1: not UTF-8 text (byte 0x{byte:02x}); export it as UTF-8") from error
    if _BARE_RETURN.search(raw.rstrip(b"\r\n")):
        raise LoadError(f"{path}, line 1: lines end in a carriage return alone; let them end in a line feed")
    return raw


def split_header(path: Path, raw: bytes, delimiter: str) -> list[str]:
    """The headings of the first line. Raises `LoadError` where its quotes are broken."""
    fields, fault = _parse(raw.removeprefix(BOM).rstrip(b"\r\n").decode("utf-8"), _dialect(delimiter))
    if fault:
        raise LoadError(f"{path}, line 1: {fault}")
    return fields


class Lines:
    """The lines of a stream with their ends, one after the other; those that were taken last can be given back."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._rest = b""
        self._lines: list[bytes] = []
        self._place = 0

    def next(self) -> bytes:
        """The next line; nothing at the end of the file. One that is far too long may come in parts."""
        if self._place == len(self._lines) and not self._fill():
            return b""
        self._place += 1
        return self._lines[self._place - 1]

    def give_back(self, count: int) -> None:
        """Let the last lines come again; no more than were taken since `forget` or `at_hand`."""
        self._place -= count

    def forget(self) -> None:
        """Those that were taken will not be given back."""
        if self._place > _FORGOTTEN_AT_ONCE:
            del self._lines[: self._place]
            self._place = 0

    def at_hand(self) -> list[bytes]:
        """The lines that come next, without taking them: a few MB; none at the end of the file."""
        del self._lines[: self._place]
        self._place = 0
        if not self._lines:
            self._fill()
        return self._lines[:]

    @property
    def place(self) -> int:
        """How many of the lines at hand were taken."""
        return self._place

    def take(self, count: int) -> None:
        """Take so many of the lines at hand."""
        self._place += count

    def _fill(self) -> bool:
        before = len(self._lines)
        while len(self._lines) == before and (chunk := self._stream.reader.read(_CHUNK)):
            parts = io.BytesIO(self._rest + chunk).readlines()
            self._rest = b"" if parts[-1].endswith(b"\n") or len(parts[-1]) > MAX_RECORD else parts.pop()
            self._lines += parts
        if len(self._lines) == before and self._rest:
            self._lines.append(self._rest)
            self._rest = b""
        return len(self._lines) > before


class Records:
    """The records of a stream from `line` on, each of `width` fields; blank lines are records without fields.

    `line` is the one after the record that was read last.
    """

    def __init__(self, path: Path, lines: Lines, delimiter: str, width: int, line: int) -> None:
        self._path = path
        self._lines = lines
        self._dialect = _dialect(delimiter)
        self._width = width
        self.line = line

    def __iter__(self) -> Iterator[Record]:
        """Raises as `next` does."""
        while record := self.next():
            yield record
            self._lines.forget()

    def next(self) -> Record | None:
        """The next record; None at the end of the file.

        A line with an odd number of quotes goes on in the next lines up to another such line. Where that makes no
        record, the first of them alone is broken, and what follows is read as if it were not there.
        Raises `Cut` where the file ends within a record, `LoadError` for a line that is too long.
        """
        raw = self._next_line()
        if not raw:
            return None
        lines = [raw]
        if raw.count(_QUOTE) % 2:
            closed = self._close(lines)
            if not closed and self._is_cut(lines):
                raise Cut(f"{self._path} is cut: it ends within the quotes that line {self.line} opens")
            if not closed:
                return self._broken(lines)
        record = self._read(b"".join(lines))
        if record.fault and len(lines) > 1:
            return self._broken(lines)
        if record.fields and len(record.fields) != self._width:
            record = record._replace(fault=f"{len(record.fields)} instead of {self._width} fields")
        self.line += len(lines)
        return record

    def _read(self, raw: bytes) -> Record:
        text, mended, undecoded = _decode(raw)
        fields, fault = _parse(text, self._dialect)
        return Record(raw, self.line, text.removesuffix("\n").removesuffix("\r"), fields, fault, mended, undecoded)

    def _next_line(self) -> bytes:
        raw = self._lines.next()
        if len(raw) > MAX_RECORD:
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
        return not any(len(_parse(_decode(raw)[0], self._dialect)[0]) == self._width for raw in lines[1:])

    def _broken(self, lines: list[bytes]) -> Record:
        """The first of the lines as a broken record; the others are read again."""
        self._lines.give_back(len(lines) - 1)
        record = self._read(lines[0])._replace(fields=[], fault=BROKEN_QUOTES)
        self.line += 1
        return record


def _decode(raw: bytes) -> tuple[str, bool, bool]:
    """The text of a record without null characters and bare carriage returns; whether it is mended, and undecoded."""
    clean = raw.replace(b"\0", b"") if b"\0" in raw else raw
    if b"\r" in clean:
        clean = _BARE_RETURN.sub(b"", clean)
    try:
        return clean.decode("utf-8"), len(clean) < len(raw), False
    except UnicodeDecodeError:
        return clean.decode("utf-8", "replace"), True, True


def _dialect(delimiter: str) -> csv.Dialect:
    # The reader's own object: making one from options for every record takes longer than reading the record.
    return csv.reader((), delimiter=delimiter, strict=True).dialect  # type: ignore[return-value]


def _parse(text: str, dialect: csv.Dialect) -> tuple[list[str], str | None]:
    """The fields of a record, or none and what is wrong with it."""
    try:
        return next(csv.reader((text,), dialect), []), None
    except csv.Error:
        return [], BROKEN_QUOTES

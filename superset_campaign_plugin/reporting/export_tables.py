"""The cells of a file that a spreadsheet program or Marketo wrote: CSV in its many forms, and XLSX.

Nothing of a file is evaluated. A formula is a `Formula`, whatever value the file keeps beside it.
"""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

from superset_campaign_plugin.errors import ExportError

# An export has a few thousand rows. Far larger files are none, or are made to fill the memory.
MAX_BYTES = 100_000_000
MAX_UNPACKED = 200_000_000
MAX_ROWS = 200_000
_DELIMITERS = ",;\t|"
_ZIP, _OLD_OFFICE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# Of texts that are not Unicode; whichever shows headings is the one. The last reads any byte.
_ENCODINGS = ("utf-8-sig", "cp932", "cp1252", "latin-1")


@dataclass(frozen=True)
class Formula:
    """A cell whose value a spreadsheet program would compute."""


@dataclass(frozen=True)
class PercentNumber:
    """A number that its cell shows as a percentage: 0.123 for 12.3%."""

    fraction: float


# A cell is a text, a number as the file keeps it, or one of the above; None is an empty one.
Cell = Any
Row = Sequence[Cell]


@dataclass(frozen=True)
class Table:
    """The rows of a file or sheet; `made_at` (UTC) is when the file says that it was made."""

    rows: Sequence[Row]
    made_at: datetime | None = None


def read_tables(path: Path) -> Iterator[Table]:
    """The ways to read the file, the likely ones first: the sheets of a workbook, or a text by encoding and delimiter.

    Raises `ExportError` for a file that is not there, empty, too large, protected by a password, or neither text nor
    XLSX.
    """
    content = _content(path)
    if content.startswith(_OLD_OFFICE):
        raise ExportError(
            f"{path} is protected by a password or in Excel's format of before 2007; save it as XLSX without a "
            "password, or as CSV"
        )
    if content.startswith(_ZIP):
        yield from _sheets(path, content)
    else:
        yield from _texts(path, content)


def _content(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ExportError(f"{path} is a folder; give the file that Marketo exported")
        if path.stat().st_size > MAX_BYTES:
            raise ExportError(f"{path} has more than {MAX_BYTES // 1_000_000} MB, so it is no exported report")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ExportError(f"cannot read {path}: {reason}") from error
    if not content.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        raise ExportError(f"{path} is empty; export the report from Marketo again")
    return content


def _texts(path: Path, content: bytes) -> Iterator[Table]:
    found = False
    for encoding in _encodings(content):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            continue
        found = True
        for delimiter in sorted(_DELIMITERS, key=lambda each: -text.count(each)):
            rows = _rows(text, delimiter)
            if rows is not None:
                yield Table(rows)
    if not found:
        raise ExportError(f"{path} is neither text nor XLSX; export the report from Marketo as CSV or XLSX")


def _encodings(content: bytes) -> Sequence[str]:
    if content.startswith(_UTF_16):
        return ("utf-16",)
    head = content[:1000]
    # Without a mark: most letters of a heading are of one byte, so every other byte is null.
    if head[1::2].count(0) > len(head) // 4:
        return ("utf-16-le",)
    if head[::2].count(0) > len(head) // 4:
        return ("utf-16-be",)
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _ENCODINGS[1:]
    return _ENCODINGS[:1]


def _rows(text: str, delimiter: str) -> list[Row] | None:
    """The rows, None where the text is no table of that delimiter."""
    try:
        return [[cell.strip() or None for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    except csv.Error:
        return None


def _sheets(path: Path, content: bytes) -> list[Table]:
    try:
        import openpyxl
    except ImportError as error:
        raise ExportError(
            f"{path} is XLSX, which needs the package openpyxl; install it, or save the file as CSV"
        ) from error
    damaged = ExportError(f"{path} is damaged or no XLSX; export the report from Marketo again, or save it as CSV")
    too_large = ExportError(
        f"{path} has more than {MAX_ROWS:,} rows or unpacks to more than {MAX_UNPACKED // 1_000_000} MB, so it is no "
        "exported report"
    )
    tables = []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            if "xl/workbook.xml" not in parts.namelist():
                raise damaged
            if sum(part.file_size for part in parts.infolist()) > MAX_UNPACKED:
                raise too_large
        with warnings.catch_warnings():
            # Of styles and the like, which nobody looks at here.
            warnings.simplefilter("ignore")
            # With the formulas, not with the values that were kept beside them: nobody knows of when these are.
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=False)
            made_at = _utc(book.properties.modified or book.properties.created)
            for sheet in book.worksheets:
                # What a file says of its own size is often wrong.
                sheet.reset_dimensions()
                rows = [[_cell(cell) for cell in row] for row in islice(sheet.iter_rows(), MAX_ROWS + 1)]
                if len(rows) > MAX_ROWS:
                    raise too_large
                tables.append(Table(rows, made_at))
            book.close()
    except ExportError:
        raise
    except Exception as error:
        # openpyxl raises whatever its parsers do: of ZIP, XML, keys that are missing, numbers.
        raise damaged from error
    return tables


def _cell(cell: Any) -> Cell:
    value = cell.value
    if isinstance(value, str):
        return Formula() if getattr(cell, "data_type", "") == "f" else value.strip() or None
    if value is not None and type(value).__name__ in ("ArrayFormula", "DataTableFormula"):
        return Formula()
    if isinstance(value, (int, float)) and not isinstance(value, bool) and "%" in (cell.number_format or ""):
        return PercentNumber(float(value))
    return value


def _utc(moment: datetime | None) -> datetime | None:
    """A time of a workbook's properties, which are in UTC."""
    if moment is None or moment.tzinfo is None:
        return moment
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


def place_of(row: int, column: int) -> str:
    """Where a cell is, as spreadsheet programs show it; both are counted from 0."""
    letters, number = "", column + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"row {row + 1}, column {letters}"

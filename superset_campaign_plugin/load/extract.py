"""Reads a bulk activity extract: a CSV or TSV file, plain or gzipped, one activity a row.

    marketoGUID,leadId,activityDate,activityTypeId,campaignId,primaryAttributeValueId,primaryAttributeValue,attributes

The columns may come in any order, with others among them. `attributes` is JSON keyed by display name. Source:
Marketo's developer documentation, Bulk Activity Extract.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO

from superset_campaign_plugin.errors import LoadError
from superset_campaign_plugin.sources.layout import ACTIVITY_TYPES, DELETE_TYPES, MERGE_TYPES

WANTED_TYPES = {*ACTIVITY_TYPES.values(), *MERGE_TYPES, *DELETE_TYPES}

_REQUIRED = (
    *("marketoguid", "leadid", "activitydate", "activitytypeid", "campaignid"),
    *("primaryattributevalueid", "primaryattributevalue", "attributes"),
)
_ID_RANGE = range(-(2**63), 2**63)
_GZIP = b"\x1f\x8b"
# The longest field that is read; Marketo's attributes are far below.
_LONGEST_FIELD = 16 * 1024 * 1024


@dataclass(frozen=True)
class Activity:
    """One row of the extract as it is stored; `activity_date` is UTC without a zone."""

    activity_id: str
    activity_type_id: int
    activity_date: datetime
    lead_id: int
    campaign_id: int | None
    email_id: int | None
    email_name: str | None
    action_result: str | None
    link: str | None
    is_bot_activity: str | None
    user_agent: str | None
    merge_ids: str | None


@dataclass(frozen=True)
class Rejected:
    """A row that cannot be read: the last line of the file that it stands on, why, and its fields."""

    line: int
    reason: str
    fields: list[str]


@dataclass(frozen=True)
class Row:
    """One row of the file, up to `line`: an activity, a reason why not, or None for a type that is not stored."""

    line: int
    content: Activity | Rejected | None


class Extract:
    """An open extract. Iterating gives its rows; `position` is how many bytes of the file have been read."""

    def __init__(self, file: Path, raw: BinaryIO) -> None:
        self._file = file
        self._raw = raw
        head = raw.read(2)
        raw.seek(0)
        plain: Any = gzip.GzipFile(fileobj=raw) if head == _GZIP else raw
        self._text = io.TextIOWrapper(plain, encoding="utf-8-sig", newline="")

    @property
    def position(self) -> int:
        """Bytes of the file on disk that have been read."""
        return self._raw.tell()

    def __iter__(self) -> Iterator[Row]:
        """Raises `LoadError`, after the rows before, where the file is no extract or ends too early."""
        csv.field_size_limit(_LONGEST_FIELD)
        lines = _Lines(self._text)
        try:
            header = next(lines, "")
            delimiter = _delimiter(self._file, header)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            columns = _columns(self._file, next(csv.reader([header], delimiter=delimiter)), delimiter)
            yield from self._rows(reader, lines, columns)
        except UnicodeDecodeError as error:
            raise LoadError(f"{self._file}, after line {lines.count}: not UTF-8; save the file as UTF-8") from error
        except (EOFError, gzip.BadGzipFile) as error:
            raise LoadError(f"{self._file}, after line {lines.count}: the compressed file is cut or damaged") from error

    def _rows(self, reader: Any, lines: _Lines, columns: _Columns) -> Iterator[Row]:
        while True:
            try:
                fields = next(reader, None)
            except csv.Error as error:
                if "unexpected end" in str(error):
                    raise LoadError(
                        f"{self._file}, after line {lines.count}: the file ends within a quoted field, so it is cut; "
                        "fetch it again and load it, what is stored already stays"
                    ) from error
                yield Row(lines.count, Rejected(lines.count, f"broken quoting: {error}", [lines.last.rstrip("\r\n")]))
                continue
            if fields is None:
                return
            if not fields:
                continue
            if len(fields) < columns.count and not lines.last.endswith(("\n", "\r")):
                raise LoadError(f"{self._file}, line {lines.count}: the file ends within a row, so it is cut")
            yield Row(lines.count, _content(fields, columns, lines.count))


class _Lines:
    """The lines of a file, with their count and the last one."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.count = 0
        self.last = ""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline()
        if not line:
            raise StopIteration
        self.count += 1
        self.last = line
        return line


@dataclass(frozen=True)
class _Columns:
    place: dict[str, int]
    count: int

    def text(self, fields: list[str], name: str) -> str:
        place = self.place.get(name)
        return "" if place is None else fields[place].strip()


@contextmanager
def open_extract(file: Path) -> Iterator[Extract]:
    """The extract in `file`. Raises `LoadError` where it cannot be opened."""
    try:
        raw = file.open("rb")
    except OSError as error:
        raise LoadError(f"cannot read {file}: {error.strerror}") from error
    with raw:
        yield Extract(file, raw)


def _delimiter(file: Path, header: str) -> str:
    if not header.strip():
        raise LoadError(f"{file} is empty; an extract has at least its header")
    return "\t" if "\t" in header else ","


def _columns(file: Path, names: list[str], delimiter: str) -> _Columns:
    place = {_bare(name): number for number, name in enumerate(names)}
    missing = [name for name in _REQUIRED if name not in place]
    if missing:
        other = next((mark for mark in ";|" if mark in names[0]), None)
        hint = f"it looks separated by {other!r}; save it with commas or tabs" if other else "is it a bulk extract?"
        raise LoadError(f"{file}, line 1: no column {', '.join(missing)} in the header; {hint}")
    return _Columns(place, len(names))


def _bare(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _content(fields: list[str], columns: _Columns, line: int) -> Activity | Rejected | None:
    if len(fields) != columns.count:
        return Rejected(line, f"{len(fields)} fields where the header has {columns.count}", fields)
    try:
        number = _identifier(columns.text(fields, "activitytypeid"), "activityTypeId")
        if number is None:
            raise ValueError("no activityTypeId")
        return _activity(fields, columns, number) if number in WANTED_TYPES else None
    except ValueError as error:
        return Rejected(line, str(error), fields)


def _activity(fields: list[str], columns: _Columns, activity_type: int) -> Activity:
    def text(name: str) -> str | None:
        value = columns.text(fields, name)
        return None if value in ("", "null") else value

    attributes = _attributes(text("attributes"))
    activity_id = text("marketoguid")
    person = _identifier(text("leadid"), "leadId")
    if activity_id is None:
        raise ValueError("no marketoGUID")
    if person is None:
        raise ValueError("no leadId")
    bot = attributes.get("isbotactivity")
    return Activity(
        activity_id=activity_id,
        activity_type_id=activity_type,
        activity_date=_time(text("activitydate")),
        lead_id=person,
        campaign_id=_identifier(text("campaignid"), "campaignId"),
        email_id=_identifier(text("primaryattributevalueid"), "primaryAttributeValueId"),
        email_name=text("primaryattributevalue"),
        action_result=text("actionresult") or attributes.get("actionresult"),
        link=attributes.get("link"),
        is_bot_activity=bot.lower() if bot else None,
        user_agent=attributes.get("useragent"),
        merge_ids=attributes.get("mergeids"),
    )


def _identifier(text: str | None, name: str) -> int | None:
    if text in (None, "", "null"):
        return None
    try:
        number = int(str(text))
    except ValueError as error:
        raise ValueError(f"{name} is no whole number: {text}") from error
    if number not in _ID_RANGE:
        raise ValueError(f"{name} is out of range: {text}")
    return number


def _time(text: str | None) -> datetime:
    if text is None:
        raise ValueError("no activityDate")
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise ValueError(f"activityDate is no time: {text}") from error
    if moment.tzinfo is None:
        raise ValueError(f"activityDate has no time zone: {text}")
    try:
        return moment.astimezone(timezone.utc).replace(tzinfo=None)
    except OverflowError as error:
        raise ValueError(f"activityDate lies outside the calendar: {text}") from error


def _attributes(text: str | None) -> dict[str, str]:
    """The attributes by their bare names; nulls and empty texts left out."""
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("attributes are no JSON") from error
    if not isinstance(found, dict):
        raise ValueError("attributes are no JSON object")
    return {_bare(name): shown for name, value in found.items() if (shown := _shown(value))}


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)

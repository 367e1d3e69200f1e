"""Reads the usual lines of an extract many at a time, as Arrow tables.

A line is usual if one regular expression takes it: as many fields as the header, every one spelled as Marketo does,
its JSON without nesting. Such a line is a record by itself and an activity without a fault, whoever reads it; all
others are left to `records` and `extract`. Needs pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from superset_campaign_plugin.errors import LoadError
from superset_campaign_plugin.load.extract import (
    STORED_ATTRIBUTES,
    STORED_TYPES,
    Activity,
    FileLayout,
    read_attributes,
    stored_flag,
)
from superset_campaign_plugin.load.file_records import MAX_RECORD, Lines, Record, Records
from superset_campaign_plugin.report.activity_kinds import ATTRIBUTES

_TEXTS = ("email_name", *ATTRIBUTES)
SCHEMA = pa.schema(
    [
        ("activity_id", pa.string()),
        ("activity_type_id", pa.int32()),
        ("activity_date", pa.timestamp("us")),
        ("lead_id", pa.int64()),
        ("campaign_id", pa.int64()),
        ("email_id", pa.int64()),
        *((name, pa.string()) for name in _TEXTS),
    ]
)
# A delimiter that can stand in a number, a time or JSON as well would need expressions of its own.
_DELIMITERS = frozenset(",\t; |")

_MONTHS = (
    "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8])"
)
_LEAP_DAY = "20(?:[02468][048]|[13579][26])-02-29"
_DAY = f"(?:(?:19|20|21)[0-9]{{2}}-(?:{_MONTHS})|{_LEAP_DAY})"
_TIME = f"{_DAY}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
_NUMBER = "[0-9]{1,18}"
_OR_NONE = f"(?:{_NUMBER}|null)?"
_HEX = "[0-9a-fA-F]"
# Neither the null character nor half a character; a pair of halves is a whole one.
_ESCAPED = (
    f"u(?:[1-9a-cefA-CEF]{_HEX}{{3}}|0[1-9a-fA-F]{_HEX}{{2}}|00[1-9a-fA-F]{_HEX}|000[1-9a-fA-F]|[dD][0-7]{_HEX}{{2}}"
    f"|[dD][89abAB]{_HEX}{{2}}\\\\u[dD][c-fC-F]{_HEX}{{2}})"
)
# The name of an attribute that is stored, as it may be spelled, and what follows a name in JSON.
_STORED_NAMES = "|".join("[ _]*".join(name) for name in STORED_ATTRIBUTES)
_STORED_NAME = f'(?i)"[ _]*(?:{_STORED_NAMES})[ _]*" *:'


class Rows(NamedTuple):
    """Usual lines with their ends, and the activities of those whose type is stored."""

    lines: list[bytes]
    types_are_stored: pa.Array
    table: pa.Table

    def part(self, start: int, end: int) -> Rows:
        """Some of the lines."""
        size = end - start
        return Rows(self.lines[start:end], self.types_are_stored.slice(start, size), self.table.slice(start, size))

    def activities(self) -> pa.Table:
        """The activities."""
        return self.table.filter(self.types_are_stored)


def as_table(activities: Sequence[Activity]) -> pa.Table:
    """Activities as a table."""
    columns = zip(*activities, strict=True)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, SCHEMA.types, strict=True)]
    return pa.table(arrays, schema=SCHEMA)


class UsualLines:
    """Knows the usual lines of a file by its layout and delimiter."""

    def __init__(self, layout: FileLayout, delimiter: str) -> None:
        self._places = layout.places
        self._activity_type = layout.activity_type
        self._pattern = _line(layout, delimiter)
        self._names = [str(place) for place in range(layout.width)]
        self._parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=False, ignore_empty_lines=False)
        kinds = {
            "marketoGUID": pa.string(),
            "leadId": pa.int64(),
            "activityDate": pa.timestamp("us", "UTC"),
            "activityTypeId": pa.int32(),
            "campaignId": pa.int64(),
            "primaryAttributeValueId": pa.int64(),
        }
        types = {str(place): kinds.get(name, pa.string()) for name, place in self._places.items()}
        self._convert = csv.ConvertOptions(
            column_types=types,
            include_columns=list(types),
            null_values=["", "null"],
            strings_can_be_null=False,
        )

    def read(self, lines: list[bytes]) -> tuple[Rows, list[int]]:
        """What the usual ones among some lines say, and where the others stand."""
        others = self._others(lines)
        chosen = lines
        if others:
            unusual = set(others)
            chosen = [line for place, line in enumerate(lines) if place not in unusual]
        try:
            return self._read(chosen), others
        except pa.ArrowInvalid:
            # Whatever pyarrow takes for no number or time, the other way says what it is.
            return self._read([]), list(range(len(lines)))

    def _others(self, lines: list[bytes]) -> list[int]:
        array = pa.array(lines, pa.binary())
        usual = pc.match_substring_regex(array, self._pattern)
        if pc.max(pc.binary_length(array)).as_py() > MAX_RECORD:
            usual = pc.and_(usual, pc.less_equal(pc.binary_length(array), MAX_RECORD))
        try:
            array.cast(pa.string())
        except pa.ArrowInvalid:
            usual = pc.and_(usual, pa.array([_is_utf8(line) for line in lines]))
        others: list[int] = pc.indices_nonzero(pc.invert(usual)).to_pylist()
        return others

    def _read(self, lines: list[bytes]) -> Rows:
        if not lines:
            return Rows([], pa.array([], pa.bool_()), SCHEMA.empty_table())
        text = pa.py_buffer(b"".join(lines))
        options = csv.ReadOptions(column_names=self._names, block_size=text.size)
        found = csv.read_csv(pa.BufferReader(text), options, self._parse, self._convert).combine_chunks()
        if found.num_rows != len(lines):
            raise pa.ArrowInvalid(f"{found.num_rows} records of {len(lines)} lines")
        size = len(lines)

        def column(name: str, kind: pa.DataType) -> pa.Array:
            place = self._places.get(name)
            return pa.nulls(size, kind) if place is None else found[str(place)].combine_chunks()

        types = column("activityTypeId", pa.int32())
        if "activityTypeId" not in self._places:
            types = pa.repeat(pa.scalar(self._activity_type, pa.int32()), size)
        stored = pc.is_in(types, pa.array(sorted(STORED_TYPES), pa.int32()))
        attributes = self._attributes(column("attributes", pa.string()), stored)
        result = _without_null(column("actionResult", pa.string()))
        columns = [
            column("marketoGUID", pa.string()),
            types,
            column("activityDate", pa.timestamp("us", "UTC")).cast(pa.timestamp("us")),
            column("leadId", pa.int64()),
            column("campaignId", pa.int64()),
            column("primaryAttributeValueId", pa.int64()),
            _without_null(column("primaryAttributeValue", pa.string())),
            pc.coalesce(result, attributes["actionresult"]),
            *(attributes[name] for name in STORED_ATTRIBUTES[1:]),
        ]
        return Rows(lines, stored, pa.table(columns, schema=SCHEMA))

    def _attributes(self, texts: pa.Array, stored: pa.Array) -> dict[str, pa.Array]:
        """Those that are stored, by plain name. Few activities have one, so JSON is read only for these."""
        chosen = pc.fill_null(pc.and_(stored, pc.match_substring_regex(texts, _STORED_NAME)), False)
        found = [read_attributes(text)[0] for text in texts.filter(chosen).to_pylist()]
        values = {name: [each.get(name) for each in found] for name in STORED_ATTRIBUTES}
        values["isbotactivity"] = list(map(stored_flag, values["isbotactivity"]))
        nothing = pa.nulls(len(texts), pa.string())
        return {
            name: pc.replace_with_mask(nothing, chosen, pa.array(each, pa.string())) for name, each in values.items()
        }


def read_parts(lines: Lines, records: Records, usual: UsualLines) -> Iterator[list[Record | Rows]]:
    """All of a file in its order, a few MB at once: usual lines together, other records one by one.

    Raises as `Records.next` does, after what is before.
    """
    while window := lines.at_hand():
        rows, others = usual.read(window)
        parts: list[Record | Rows] = []
        try:
            for before, place in enumerate([*others, len(window)]):
                # A record that began before may reach beyond this line.
                if (start := lines.place) > place:
                    continue
                if start < place:
                    lines.take(place - start)
                    records.line += place - start
                    parts.append(rows.part(start - before, place - before))
                if place < len(window) and (record := records.next()):
                    parts.append(record)
        except LoadError:
            yield parts
            raise
        yield parts


def _line(layout: FileLayout, delimiter: str) -> str:
    """The expression of a usual line with its end, for bytes."""
    between = f"\\x{ord(delimiter):02x}"
    text = f'(?:[^"\\x00\\r\\n{between}]*|"(?:[^"\\x00\\r\\n]|"")*")'
    fields = {
        # Not what begins as the word null does.
        "marketoGUID": _quoted_or_not("[0-9A-Za-mo-z_][0-9A-Za-z_.:=+/-]{0,254}"),
        "leadId": _quoted_or_not(_NUMBER),
        "activityDate": _quoted_or_not(_TIME),
        "activityTypeId": _quoted_or_not("[0-9]{1,9}"),
        "campaignId": _quoted_or_not(_OR_NONE),
        "primaryAttributeValueId": _quoted_or_not(_OR_NONE),
        "attributes": _json(between),
    }
    names = {place: name for name, place in layout.places.items()}
    spelled = [fields.get(names.get(place, ""), text) for place in range(layout.width)]
    return f"\\A{between.join(spelled)}\\r?\\n\\z"


def _quoted_or_not(pattern: str) -> str:
    return f'(?:{pattern}|"{pattern}")'


def _json(between: str) -> str:
    """A flat object, in quotes of the file or, where the delimiter does not occur in it, as it is."""
    quoted = f'"{_object(chr(34) * 2, "")}"'
    return f'(?:(?:null)?|"(?:null)?"|{quoted}|{_object(chr(34), between)})'


def _object(quote: str, between: str) -> str:
    space, blank = ("", "") if between == r"\x20" else (" *", " ")
    escaped = rf"\\(?:{quote}|[\\/bfnrt]|{_ESCAPED})"
    # Control characters are left to the reader of JSON.
    text = rf'{quote}(?:[^"\\\x00-\x1f{between}]|{escaped})*{quote}'
    name = f"{quote}[0-9A-Za-z_./()#&+{blank}-]*{quote}"
    value = rf"(?:{text}|-?(?:0|[1-9][0-9]{{0,17}})(?:\.[0-9]{{1,17}})?|true|false|null)"
    member = f"{name}{space}:{space}{value}"
    more = "" if between == r"\x2c" else f"(?:{space},{space}{member})*"
    return rf"\{{{space}(?:{member}{more})?{space}\}}"


def _without_null(texts: pa.Array) -> pa.Array:
    """Marketo writes nothing, or the word null, where it has no value."""
    return pc.if_else(pc.is_in(texts, pa.array(["", "null"])), pa.scalar(None, pa.string()), texts)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def usual_lines(layout: FileLayout, delimiter: str) -> UsualLines | None:
    """What knows the usual lines of a file; None for a file whose lines are all left to the other way."""
    if "marketoGUID" not in layout.places or delimiter not in _DELIMITERS:
        return None
    return UsualLines(layout, delimiter)

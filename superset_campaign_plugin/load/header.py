"""The first line of an extract: by which character its fields are separated, and where they stand."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from superset_campaign_plugin.errors import LoadError
from superset_campaign_plugin.load.extract import DELIMITERS, FileLayout, Form
from superset_campaign_plugin.load.file_records import read_first_line, split_header
from superset_campaign_plugin.load.files import Stream


class Header(NamedTuple):
    """A header that was found good: its bytes with the line's end, the delimiter, and where the fields stand."""

    raw: bytes
    delimiter: str
    layout: FileLayout


def read_header(path: Path, stream: Stream, form: Form) -> Header:
    """Read the first line. Raises `LoadError` where it is none of a bulk activity extract."""
    raw = read_first_line(path, stream)
    if form.delimiter is not None:
        return Header(raw, form.delimiter, FileLayout(path, split_header(path, raw, form.delimiter), form))
    found: list[Header] = []
    refused: list[tuple[int, LoadError]] = []
    for delimiter in DELIMITERS.values():
        fields: list[str] = []
        try:
            fields = split_header(path, raw, delimiter)
            found.append(Header(raw, delimiter, FileLayout(path, fields, form)))
        except LoadError as error:
            refused.append((len(fields), error))
    if not found:
        # The one that separates something tells most of what is wrong.
        raise max(refused, key=lambda each: each[0])[1]
    return max(found, key=lambda header: len(header.layout.places))

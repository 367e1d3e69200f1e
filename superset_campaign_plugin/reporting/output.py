"""The report as text: a table for people, CSV and JSON for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from wcwidth import wcswidth

from superset_campaign_plugin.reporting.query import Report
from superset_campaign_plugin.semantics import load_semantics


def as_csv(report: Report) -> str:
    """Field names, then the rows: ratios as fractions, times in UTC, empty for null."""
    buffer = io.StringIO()
    # Python quotes the letters of the line terminator alone, and a name may hold a lone carriage return.
    writer = csv.writer(_Lines(buffer), lineterminator="\r\n")
    writer.writerow(report.columns)
    writer.writerows([plain_text(value) for value in row] for row in report.rows)
    return buffer.getvalue()


class _Lines:
    """Writes each CSV line with the newline of this format in place of the writer's."""

    def __init__(self, buffer: io.StringIO) -> None:
        self._buffer = buffer

    def write(self, line: str) -> int:
        return self._buffer.write(line.removesuffix("\r\n") + "\n")


def as_json(report: Report) -> str:
    """A list of objects by field name."""
    records = [{name: _json(value) for name, value in record.items()} for record in report.records()]
    return json.dumps(records, indent=2, ensure_ascii=False) + "\n"


def as_table(report: Report) -> str:
    """Titles, then the rows, aligned for a terminal; percentages with one digit."""
    dataset = load_semantics().datasets[report.dataset]
    titles = {metric.name: metric.title for metric in dataset.metrics}
    titles |= {dimension.name: dimension.title for dimension in dataset.dimensions}
    ratios = {metric.name for metric in dataset.metrics if metric.is_share}
    numeric = {metric.name for metric in dataset.metrics if metric.format is not None}
    head = [titles.get(name, name.capitalize()) for name in report.columns]
    body = [
        [_shown(value, name in ratios) for name, value in zip(report.columns, row, strict=True)] for row in report.rows
    ]
    lines = aligned(head, body, [name in numeric for name in report.columns])
    if not report.rows:
        lines.append("no email was sent in this selection")
    return "\n".join(lines) + "\n"


def aligned(head: list[str], body: list[list[str]], right: list[bool]) -> list[str]:
    """The lines of a table: heading, rule, rows. Numbers stand at the right: the columns of which `right` says so."""
    widths = [max(map(_width, column)) for column in zip(head, *body, strict=True)]

    def line(cells: list[str]) -> str:
        placed = []
        for cell, width, at_end in zip(cells, widths, right, strict=True):
            blank = " " * (width - _width(cell))
            placed.append(blank + cell if at_end else cell + blank)
        return "  ".join(placed).rstrip()

    return [line(head), line(["-" * width for width in widths]), *map(line, body)]


def _width(text: str) -> int:
    """How many columns of a terminal a text takes: a Japanese letter takes two, a combining accent none."""
    return max(wcswidth(text), 0)


def plain_text(value: Any) -> str:
    """A value for a program: ratios as fractions, times in UTC, empty for null."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10f}"
    return _time(value) if isinstance(value, datetime) else str(value)


def _json(value: Any) -> Any:
    return _time(value) if isinstance(value, datetime) else value.isoformat() if isinstance(value, date) else value


def _shown(value: Any, is_ratio: bool) -> str:
    if value is None:
        return ""
    if is_ratio:
        return f"{value:.1%}"
    return shown_time(value) if isinstance(value, datetime) else shown_text(str(value))


def shown_time(moment: datetime) -> str:
    """A time for a person, to the minute."""
    return _time(moment)[:16]


def shown_text(text: str) -> str:
    """A text for a terminal: a name may hold control characters, which would act on it."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _time(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="milliseconds" if moment.microsecond else "seconds")


FORMATS: dict[str, Callable[[Report], str]] = {"table": as_table, "csv": as_csv, "json": as_json}

"""Reports as Marketo exports them, written from figures: in its languages, and in the forms of spreadsheet programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from oracle import RATIOS

from superset_campaign_plugin.reporting.marketo_headings import COUNTS, HEADINGS, SHARES

FIELDS = (*COUNTS, *SHARES.values(), "clicked_to_opened_ratio")


class Form(NamedTuple):
    """How a file is written. `thousands` and `decimal` separate the parts of numbers, `percent` follows a share."""

    language: str = "en"
    delimiter: str = ","
    encoding: str = "utf-8"
    thousands: str = ","
    decimal: str = "."
    percent: str = "%"
    digits: int = 1
    titles: int = 0
    totals: bool = False

    def count(self, number: int) -> str:
        return f"{number:,}".replace(",", self.thousands)

    def share(self, ratio: float | None) -> str:
        return f"{100 * (ratio or 0):.{self.digits}f}".replace(".", self.decimal) + self.percent


def heading(column: str, language: str) -> str:
    """What a column is called in a language; a share has the percent sign before its figure's name."""
    figure = column.removeprefix("pct_")
    spoken = HEADINGS[figure].get(language, HEADINGS[figure]["en"])[0]
    return spoken if column == figure else f"% {spoken}"


def table(
    rows: Iterable[Mapping[str, Any]], form: Form, *, by_campaign: bool = True, ids: bool = False
) -> list[list[Any]]:
    """The cells: headings, a row for each of the report's rows, and sums, if the form has them."""
    names = ["campaign", "email"] if by_campaign else ["email"]
    names += [f"{name}_id" for name in names] if ids else []
    cells: list[list[Any]] = [["Report", "of", "a", "month"]] * form.titles
    cells.append([heading(name, form.language) for name in (*names, *FIELDS)])
    values = {"campaign": "campaign_name", "email": "email_name"}
    rows = list(rows)
    for row in rows:
        cells.append(
            ["" if row[values.get(n, n)] is None else row[values.get(n, n)] for n in names] + _figures(row, form)
        )
    if form.totals:
        total: dict[str, Any] = {name: sum(row[name] for row in rows) for name in COUNTS}
        total |= {
            name: total[top] / total[low] if total[low] else None
            for name, (top, low) in RATIOS.items()
            if name in FIELDS
        }
        cells.append(["Total"] + [""] * (len(names) - 1) + _figures(total, form))
    return cells


def _figures(row: Mapping[str, Any], form: Form) -> list[str]:
    return [form.count(row[name]) if name in COUNTS else form.share(row[name]) for name in FIELDS]


def write_csv(path: Path, cells: list[list[Any]], form: Form) -> Path:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=form.delimiter).writerows(cells)
    path.write_bytes(text.getvalue().encode(form.encoding))
    return path


def write_xlsx(path: Path, cells: list[list[Any]], number_format: Callable[[Any], str | None] = lambda _: None) -> Path:
    """A workbook of these cells; `number_format` says in which format a cell shows its value."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    for row in cells:
        sheet.append([cell if cell != "" else None for cell in row])
    for line in sheet.iter_rows():
        for cell in line:
            if found := number_format(cell.value):
                cell.number_format = found
    book.save(path)
    return path

"""A report that Marketo exported, from its file to rows of names and figures.

Both of the reports are read: *Email Performance*, a row for each email, and *Campaign Email Performance*, a row for
each email of each campaign. What of the file is not a figure of the report is passed over, and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from superset_campaign_plugin.errors import ExportError, unknown
from superset_campaign_plugin.reporting.export_numbers import Share, is_blank, read_count, read_share
from superset_campaign_plugin.reporting.export_tables import (
    Cell,
    Formula,
    PercentNumber,
    Row,
    Table,
    place_of,
    read_tables,
)
from superset_campaign_plugin.reporting.marketo_headings import (
    CAMPAIGN,
    CAMPAIGN_ID,
    COUNTS,
    EMAIL,
    EMAIL_ID,
    HEADINGS,
    NAMES,
    SHARES,
    TOTAL_KEYS,
    column_of,
    key_of,
)
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.wording import counted, listed

# Titles may stand above the headings, as the report's name and its days.
_ROWS_OF_TITLES = 50
_LONGEST_SHOWN = 60

# Whole numbers, and shares in hundredths with as many decimals as they are written with.
Figure = int | Decimal


@dataclass(frozen=True)
class ExportRow:
    """A row: what it is of, and its figures by the report's field names. `place` is its number in the file, from 1."""

    place: int
    email: str
    campaign: str | None
    email_id: int | None
    campaign_id: int | None
    figures: Mapping[str, Figure]


@dataclass(frozen=True)
class Export:
    """What was exported.

    `by_campaign` tells the two reports apart, `fields` are the figures that the file has, in the report's order, and
    `totals` those of its row of sums, if it has one. `made_at` (UTC) is when the file was made, as far as it tells.
    """

    name: str
    by_campaign: bool
    fields: tuple[str, ...]
    rows: tuple[ExportRow, ...]
    totals: Mapping[str, Figure] | None
    made_at: datetime | None
    notes: tuple[str, ...] = field(default=())


def read_export(file: str, headings: Mapping[str, str] | None = None) -> Export:
    """The report in the file. `headings` maps columns to what this file calls them, where it is another word.

    Raises `ExportError` for a file that is none, and for a row that cannot be read, with its place.
    """
    own = _own_headings(headings or {})
    path = Path(file)
    best: _Headed | None = None
    for table in read_tables(path):
        headed = _headed(table, own)
        if headed is not None and (best is None or len(headed.columns) > len(best.columns)):
            best = headed
    if best is None:
        raise ExportError(
            f"{path} has no row of headings with an email's name and a figure such as Sent in its first "
            f"{_ROWS_OF_TITLES} rows; export the report from Marketo as CSV or XLSX, or name its columns by --heading"
        )
    return _Reading(path, best).export()


def _own_headings(headings: Mapping[str, str]) -> dict[str, str]:
    known = [*NAMES, *_fields()]
    for column in headings:
        if column not in known:
            raise unknown("column", column, known)
    return {key_of(heading) + "%" * ("%" in heading): column for column, heading in headings.items()}


def _fields() -> list[str]:
    """The figures that are compared, in the report's order."""
    comparable = {*COUNTS, *SHARES.values(), *HEADINGS}
    return [metric.name for metric in load_semantics().metrics if metric.name in comparable]


@cache
def ratio_parts() -> dict[str, tuple[str, str]]:
    """The figures that are shares, each with the figures that it is a ratio of."""
    return {
        metric.name: metric.ratio for metric in load_semantics().metrics if metric.ratio and metric.name in _fields()
    }


@dataclass(frozen=True)
class _Headed:
    """A table with its row of headings: the columns that are known, by name, and the headings of the others."""

    table: Table
    row: int
    columns: dict[str, int]
    repeated: list[tuple[str, int]]
    others: list[str]


def _headed(table: Table, own: Mapping[str, str]) -> _Headed | None:
    for number, row in enumerate(table.rows[:_ROWS_OF_TITLES]):
        columns: dict[str, int] = {}
        repeated, others = [], []
        for place, cell in enumerate(row):
            if not isinstance(cell, str):
                continue
            column = own.get(key_of(cell) + "%" * ("%" in cell)) or column_of(cell)
            if column is None:
                others.append(cell)
            elif column in columns:
                repeated.append((column, place))
            else:
                columns[column] = place
        if (EMAIL in columns or EMAIL_ID in columns) and any(name in columns for name in _fields()):
            return _Headed(table, number, columns, repeated, others)
    return None


class _Reading:
    """Reads the rows below the headings."""

    def __init__(self, path: Path, headed: _Headed) -> None:
        self._path = path
        self._columns = headed.columns
        self._table = headed.table
        self._first = headed.row + 1
        self._notes: list[str] = []
        if headed.repeated:
            column, place = headed.repeated[0]
            raise ExportError(
                f"{path} has two columns for {column}, {place_of(headed.row, headed.columns[column])} and "
                f"{place_of(headed.row, place)}; take one of them out"
            )
        if headed.others:
            self._notes.append(f"columns that are not compared: {listed(_shown(headed.others))}")
        self._fields = tuple(name for name in _fields() if name in headed.columns)

    def export(self) -> Export:
        rows: list[ExportRow] = []
        raw: list[dict[str, Figure | Share]] = []
        totals: dict[str, Figure | Share] | None = None
        places = [place for place, row in self._rows()]
        above: str | None = None
        continued = subtotals = 0
        for place, row in self._rows():
            campaign, email = self._text(row, CAMPAIGN), self._text(row, EMAIL)
            names = [name for name in (campaign, email) if name]
            is_last = place == places[-1]
            ids = {name: self._id(row, place, name) for name in (EMAIL_ID, CAMPAIGN_ID)}
            if is_last and rows and self._is_total(names, any(value is not None for value in ids.values())):
                totals = self._figures(row, place, formulas=True)
                continue
            if email is None and ids[EMAIL_ID] is None:
                if campaign is None or CAMPAIGN not in self._columns:
                    raise ExportError(
                        f"{self._path}, {place_of(place, self._columns.get(EMAIL, 0))}: no email is named"
                    )
                # The row of a campaign, above those of its emails.
                above, subtotals = campaign, subtotals + 1
                continue
            if campaign is None and CAMPAIGN in self._columns and ids[CAMPAIGN_ID] is None:
                if above is None:
                    raise ExportError(f"{self._path}, {place_of(place, self._columns[CAMPAIGN])}: no campaign is named")
                campaign, continued = above, continued + 1
            above = campaign
            raw.append(self._figures(row, place))
            rows.append(ExportRow(place + 1, email or "", campaign, ids[EMAIL_ID], ids[CAMPAIGN_ID], {}))
        if not rows:
            raise ExportError(f"{self._path} has headings and no row below them; export the report with its rows")
        if continued:
            self._notes.append(f"{counted(continued, 'row')} without a campaign belong to the campaign above them")
        if subtotals:
            self._notes.append(f"{counted(subtotals, 'row')} of a campaign without an email are passed over")
        percent = {name: self._is_percent(name, raw) for name in ratio_parts() if name in self._fields}
        rows = [
            ExportRow(**{**vars(row), "figures": _settled(figures, percent)})
            for row, figures in zip(rows, raw, strict=True)
        ]
        settled = None if totals is None else _settled(totals, percent)
        self._check_totals(rows, settled)
        return Export(
            name=self._path.name,
            by_campaign=CAMPAIGN in self._columns or CAMPAIGN_ID in self._columns,
            fields=self._fields,
            rows=tuple(rows),
            totals=settled,
            made_at=self._table.made_at or _written_at(self._path),
            notes=tuple(self._notes),
        )

    def _rows(self) -> Iterator[tuple[int, Row]]:
        """The rows below the headings that are not blank, with their numbers from 0."""
        for place, row in enumerate(self._table.rows[self._first :], start=self._first):
            if any(cell is not None for cell in row):
                yield place, row

    def _is_total(self, names: Sequence[str], has_id: bool) -> bool:
        return not has_id and (not names or (len(names) == 1 and key_of(names[0]) in TOTAL_KEYS))

    def _cell(self, row: Row, name: str) -> Cell:
        place = self._columns.get(name)
        return None if place is None or place >= len(row) else row[place]

    def _text(self, row: Row, name: str) -> str | None:
        value = self._cell(row, name)
        # A spreadsheet program makes a number of a name that is one.
        return None if value is None or isinstance(value, Formula) else str(value).strip() or None

    def _id(self, row: Row, place: int, name: str) -> int | None:
        value = self._cell(row, name)
        return None if value is None else self._read(value, place, name, _count)

    def _figures(self, row: Row, place: int, *, formulas: bool = False) -> dict[str, Figure | Share]:
        found: dict[str, Figure | Share] = {}
        for name in self._fields:
            value = self._cell(row, name)
            if value is None or (isinstance(value, str) and is_blank(value)):
                continue
            if formulas and isinstance(value, Formula):
                continue
            found[name] = self._read(value, place, name, _share if name in ratio_parts() else _count)
        return found

    def _read(self, value: Cell, place: int, name: str, read: Any) -> Any:
        try:
            return read(value)
        except (ValueError, OverflowError, ArithmeticError) as error:
            where = f"{self._path}, {place_of(place, self._columns[name])} ({name})"
            if isinstance(value, Formula):
                raise ExportError(
                    f"{where}: a formula, which is not computed; save the file with its values"
                ) from error
            expected = "a share such as 12.3%" if read is _share else "a whole number"
            shown = value.isoformat() if isinstance(value, date) else str(value)
            raise ExportError(f"{where}: {shown[:_LONGEST_SHOWN]!r} is not {expected}; correct the cell") from error

    def _is_percent(self, name: str, rows: Sequence[Mapping[str, Figure | Share]]) -> bool:
        """Whether the numbers of a column without percent signs count hundredths.

        The counts of the rows tell, where the file has them: 0.5 of 1 in 2 is a fraction. Otherwise a number above 1
        does, since no share is above the whole.
        """
        top, bottom = ratio_parts()[name]
        bare = [row for row in rows if isinstance(share := row.get(name), Share) and share.percent is None]
        votes = 0
        for row in bare:
            share, part, whole = row[name], row.get(top), row.get(bottom)
            if isinstance(share, Share) and isinstance(part, int) and isinstance(whole, int) and part and whole:
                is_percent, is_fraction = (
                    is_share(share.in_percent(percent), part / whole) for percent in (True, False)
                )
                votes += is_percent - is_fraction
        if votes:
            return votes > 0
        return any(isinstance(share := row[name], Share) and share.number > 1 for row in bare)

    def _check_totals(self, rows: Sequence[ExportRow], totals: Mapping[str, Figure] | None) -> None:
        if totals is None:
            return
        for name in COUNTS:
            if name in totals and (found := sum(int(row.figures.get(name, 0)) for row in rows)) != totals[name]:
                self._notes.append(
                    f"the file's row of totals has {totals[name]:,} for {name}, and its rows add up to {found:,}: rows "
                    "may be missing in it"
                )
                return


def is_share(written: Decimal, ratio: float | None) -> bool:
    """Whether a share, as it is written in hundredths, is the ratio when that is rounded to as many digits."""
    if ratio is None:
        return written == 0
    exponent = written.as_tuple().exponent
    half = 0.5 * 10.0 ** int(exponent if isinstance(exponent, int) else 0)
    # A file keeps no more than 15 digits of a number, and a ratio may lie on the edge between two roundings.
    return abs(float(written) - 100 * ratio) <= max(half, 1e-7) + 1e-9


def _settled(figures: Mapping[str, Figure | Share], percent: Mapping[str, bool]) -> dict[str, Figure]:
    return {
        name: value.in_percent(percent[name]) if isinstance(value, Share) else value for name, value in figures.items()
    }


def _count(value: Cell) -> int:
    if isinstance(value, str):
        return read_count(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value) or value < 0:
        raise ValueError(value)
    return int(value)


def _share(value: Cell) -> Share:
    if isinstance(value, str):
        return read_share(value)
    if isinstance(value, PercentNumber):
        return Share(_decimal(value.fraction), False)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(value)
    return Share(_decimal(value), None)


def _decimal(number: float) -> Decimal:
    # A workbook keeps 15 digits that mean something; what a computer puts behind them would make 95.7 % another number.
    found = Decimal(f"{number:.15g}")
    if not found.is_finite() or found < 0:
        raise ValueError(number)
    return found


def _written_at(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).replace(tzinfo=None)
    except (OSError, OverflowError, ValueError):
        return None


def _shown(headings: Sequence[str]) -> list[str]:
    return [" ".join(heading.split())[:_LONGEST_SHOWN] for heading in headings[:20]]

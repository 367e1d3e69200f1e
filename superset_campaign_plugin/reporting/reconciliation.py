"""A report that Marketo exported beside the plugin's: every figure that differs, with the cause where one is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import Any

from superset_campaign_plugin.report.checks import HARMLESS, effect_of
from superset_campaign_plugin.report.rules import Rules, check_time_zone
from superset_campaign_plugin.reporting.cause_search import Causes, Search
from superset_campaign_plugin.reporting.causes import (
    ZONES,
    Cause,
    Counting,
    Counts,
    Figures,
    Setting,
    applied,
    candidates,
)
from superset_campaign_plugin.reporting.marketo_export import (
    Export,
    ExportRow,
    Figure,
    is_share,
    ratio_parts,
    read_export,
)
from superset_campaign_plugin.reporting.matching import Key, Match, match_rows, shown_name
from superset_campaign_plugin.reporting.query import ReportRequest
from superset_campaign_plugin.reporting.run_report import to_utc
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect

# In the place of a figure's name: the row as a whole, which only one of the two has.
ROW = "row"

# A figure as the report has it: a count, a share from 0 to 1, or None where a share has nothing to be of.
Own = int | float | None


@dataclass(frozen=True)
class Difference:
    """A figure that differs. `place` is the row in the file, None for a row that it lacks.

    `field` is the figure's name, or `ROW` where only the export or only the report has the row: then `exported` or
    `reported` is None and the other one is what it has for Sent. `causes` are alternatives, each a set of causes that
    act together; empty is unexplained.
    """

    name: str
    place: int | None
    field: str
    exported: Figure | None
    reported: Own
    causes: tuple[tuple[Cause, ...], ...]


@dataclass(frozen=True)
class Reconciliation:
    """What was found.

    The differences are in the order of the file, those that are unexplained before the others.
    `compared` counts figures of rows that both have, `equal` those of them that are the same. `unmatched` are rows of
    the export that are no row of the report by any reading, `lacks` what the log lacks and what that does.
    """

    export: Export
    setting: Setting
    request: ReportRequest
    made_at: datetime | None
    compared: int
    equal: int
    differences: tuple[Difference, ...]
    unmatched: tuple[Match, ...]
    lacks: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def explained(self) -> list[Difference]:
        """The differences with a cause."""
        return [each for each in self.differences if each.causes]

    @property
    def unexplained(self) -> int:
        """How many figures and rows differ for no cause that was found."""
        return len(self.differences) - len(self.explained) + len(self.unmatched)


def reconcile(
    file: str,
    uri: str,
    *,
    source: str = "fivetran",
    schema: str | None = None,
    as_of: datetime | None = None,
    made_at: datetime | None = None,
    date_from: date | None = None,
    date_to: date | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
    rules: Rules | None = None,
    zones: Sequence[str] = ZONES,
    headings: Mapping[str, str] | None = None,
) -> Reconciliation:
    """Lay an exported report beside the report of a warehouse, and find the causes of what differs.

    `made_at` is when the export was made, by default what its file says; `zones` are the time zones to try for the
    days, and `headings` is as in `read_export`. The other arguments are those of `run_report`.

    Raises `ExportError` for a file that is no exported report, and what `run_report` raises.
    """
    for zone in zones:
        check_time_zone(zone)
    by = ("source", "program", "campaign", "email")
    request = ReportRequest(by=by, date_from=date_from, date_to=date_to, where=where)
    export = read_export(file, headings)
    resolved = resolve(source, schema)
    clock = datetime.now(timezone.utc).replace(tzinfo=None) if as_of is None else to_utc(as_of)
    setting = Setting(rules or Rules(), clock)
    exported_at = export.made_at if made_at is None else to_utc(made_at)
    with connect(uri) as (connection, engine):
        logs = resolved.live_logs(connection, engine)
        for log in logs:
            log.check_values(connection)
        if setting.rules.time_zone != "UTC":
            engine.check_zone(connection, setting.rules.time_zone)
        counting = Counting(connection, engine, logs, request, by_campaign=export.by_campaign)
        causes = candidates(
            setting,
            zones=zones,
            has_days=bool(date_from or date_to),
            made_at=exported_at,
            has_aborted="aborted" in export.fields,
        )
        return _Comparison(export, setting, counting, causes, exported_at).result(request)


class _Comparison:
    """Lays the rows beside each other, and asks for the causes."""

    def __init__(
        self,
        export: Export,
        setting: Setting,
        counting: Counting,
        causes: Sequence[Cause],
        made_at: datetime | None,
    ) -> None:
        self._export = export
        self._setting = setting
        self._counting = counting
        self._made_at = made_at
        self._own = counting.figures(setting)
        refused = {cause: error for cause in causes if (error := counting.can_count(cause)) is not None}
        self._causes = [cause for cause in causes if cause not in refused]
        self._refused = tuple(dict.fromkeys(f"not tried: {error}" for error in refused.values()))

    def result(self, request: ReportRequest) -> Reconciliation:
        matches = match_rows(self._export, self._counting.named)
        if not self._all_equal(matches):
            # A row that the report has by another reading alone can be matched, too.
            for cause in self._causes:
                self._counting.figures(cause.apply(self._setting))
            matches = match_rows(self._export, self._counting.named)
        rows, cells = self._laid_beside(matches)
        search = Search(
            self._causes,
            lambda causes: self._exact(causes, cells, rows),
            lambda causes: self._changed(causes, cells),
            len(cells),
        )
        found = self._of_whole_exports(search.run(), cells, rows)
        compared = [cell for cell in cells if cell[1] != ROW]
        every = [self._difference(*cells[number], rows, sets) for number, sets in found.items()]
        differences = (*(each for each in every if not each.causes), *(each for each in every if each.causes))
        differing = sum(each.field != ROW for each in differences)
        unmatched = tuple(match for match in matches if match.key is None)
        return Reconciliation(
            export=self._export,
            setting=self._setting,
            request=request,
            made_at=self._made_at,
            compared=len(compared),
            equal=len(compared) - differing,
            differences=differences,
            unmatched=unmatched,
            lacks=tuple(self._lacks()),
            notes=(*self._export.notes, *self._counting.notes, *(self._refused if differences else ())),
        )

    def _of_whole_exports(
        self, found: dict[int, list[Causes]], cells: Sequence[tuple[Key, str]], rows: Mapping[Key, ExportRow]
    ) -> dict[int, list[Causes]]:
        """The findings without causes of rows that the export lacks, where these do not take away nine of ten of them.

        An export of a part of the emails lacks the others, whatever these are: that some of them are operational then
        explains nothing.
        """
        lacking = [number for number in found if cells[number][0] in self._own and cells[number][0] not in rows]
        explained = [number for number in lacking if found[number]]
        if 10 * len(explained) >= 9 * len(lacking):
            return found
        return {number: [] if number in explained else sets for number, sets in found.items()}

    def _all_equal(self, matches: Sequence[Match]) -> bool:
        rows, cells = self._laid_beside(matches)
        everything = all(match.key is not None for match in matches)
        return everything and len(self._exact(frozenset(), cells, rows)) == len(cells)

    def _laid_beside(self, matches: Sequence[Match]) -> tuple[dict[Key, ExportRow], list[tuple[Key, str]]]:
        rows = {match.key: match.row for match in matches if match.key is not None}
        aside = {key for match in matches for key in match.aside}
        return rows, list(self._cells(rows, aside))

    def _cells(self, rows: Mapping[Key, ExportRow], aside: Set[Key]) -> Iterator[tuple[Key, str]]:
        """What is compared: the figures of rows that both have, and the rows that one of them has alone.

        So are rows that neither has: a cause may bring them, and then it is not what made the export.
        """
        for key, row in rows.items():
            if key in self._own:
                for name in row.figures:
                    yield key, name
            else:
                yield key, ROW
        for key in self._counting.named:
            if key not in rows and key not in aside:
                yield key, ROW

    def _exact(self, causes: Causes, cells: Sequence[tuple[Key, str]], rows: Mapping[Key, ExportRow]) -> frozenset[int]:
        figures = self._counting.figures(applied(self._setting, causes))
        return frozenset(number for number, cell in enumerate(cells) if _is_exact(*cell, rows, figures))

    def _changed(self, causes: Causes, cells: Sequence[tuple[Key, str]]) -> frozenset[int]:
        figures = self._counting.figures(applied(self._setting, causes))
        return frozenset(
            number
            for number, (key, name) in enumerate(cells)
            if _of(name, figures.get(key)) != _of(name, self._own.get(key))
        )

    def _difference(self, key: Key, name: str, rows: Mapping[Key, ExportRow], sets: Sequence[Causes]) -> Difference:
        row, own, named = rows.get(key), self._own.get(key), self._counting.named[key]
        shown = "sent" if name == ROW else name
        return Difference(
            name=shown_name(named.campaign, named.email)
            if row is None
            else shown_name(row.campaign, row.email or named.email),
            place=None if row is None else row.place,
            field=name,
            exported=None if row is None else row.figures.get(shown),
            reported=None if own is None else value_of(shown, own),
            causes=tuple(tuple(cause for cause in self._causes if cause in causes) for causes in sets),
        )

    def _lacks(self) -> Iterator[str]:
        said = set()
        for relations in self._counting.relations:
            for absent in relations.absent:
                if absent.part in HARMLESS:
                    continue
                what = ".".join(filter(None, (absent.table, absent.column))) or str(
                    getattr(absent.part, "value", absent.part)
                )
                sentence = f"{what} is missing: {effect_of(absent.part, self._setting.rules)}"
                if sentence not in said:
                    said.add(sentence)
                    yield sentence


def _is_exact(key: Key, name: str, rows: Mapping[Key, ExportRow], figures: Figures) -> bool:
    row, own = rows.get(key), figures.get(key)
    if row is None or own is None:
        return row is None and own is None
    # A row that one of the two has alone is explained where the whole row agrees.
    names = row.figures if name == ROW else (name,)
    return all(_agrees(each, row.figures[each], own) for each in names)


def _of(name: str, own: Counts | None) -> Any:
    return own if own is None or name == ROW else value_of(name, own)


def _agrees(name: str, exported: Figure, own: Counts) -> bool:
    value: Any = value_of(name, own)
    return is_share(exported, value) if name in ratio_parts() else exported == value  # type: ignore[arg-type]


def value_of(name: str, own: Counts) -> Own:
    """The figure of that name: a count, or a share from 0 to 1 of the counts."""
    parts = ratio_parts().get(name)
    if parts is None:
        return own[name]
    top, bottom = parts
    return own[top] / own[bottom] if own[bottom] else None

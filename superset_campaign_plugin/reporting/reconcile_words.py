"""The words and numbers of a reconciliation that its table and its page share."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.rules_in_words import options_of
from superset_campaign_plugin.reporting.causes import Cause
from superset_campaign_plugin.reporting.marketo_export import Figure, ratio_parts
from superset_campaign_plugin.reporting.matching import Match, shown_name
from superset_campaign_plugin.reporting.output import shown_time
from superset_campaign_plugin.reporting.reconciliation import ROW, Difference, Own, Reconciliation
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.wording import counted, listed

UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class NamedCause:
    """A cause with the letter by which rows name it; `explains` figures and rows, alone or with others."""

    letter: str
    cause: Cause
    explains: int


def named_causes(found: Reconciliation) -> list[NamedCause]:
    """The causes that are named anywhere, those that explain the most first."""
    explains: dict[Cause, int] = {}
    for difference in found.differences:
        for cause in dict.fromkeys(cause for causes in difference.causes for cause in causes):
            explains[cause] = explains.get(cause, 0) + 1
    ordered = sorted(explains.items(), key=lambda item: -item[1])
    return [NamedCause(_letter(place), cause, number) for place, (cause, number) in enumerate(ordered)]


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else f"{_letter(place // 26 - 1)}{_letter(place % 26)}"


def causes_of(difference: Difference, named: list[NamedCause]) -> str:
    """The letters of what explains a difference: `A + B` act together, `A or B` are alternatives."""
    letters = {each.cause: each.letter for each in named}
    sets = [" + ".join(sorted(letters[cause] for cause in causes)) for causes in difference.causes]
    return " or ".join(sorted(sets, key=lambda text: (len(text), text))) or UNEXPLAINED


def title_of(field: str) -> str:
    """What the report calls a figure."""
    if field == ROW:
        return "the whole row"
    return next(metric.title for metric in load_semantics().metrics if metric.name == field)


def shown_export(field: str, value: Figure | None) -> str:
    """A figure of the export, with as many decimals as it has there; a dash where the export has no such row."""
    if value is None:
        return "–"
    if field in ratio_parts():
        # A number of a workbook has as many digits as a computer keeps.
        exponent = value.as_tuple().exponent if isinstance(value, Decimal) else 0
        return f"{round(value, 4) if isinstance(exponent, int) and exponent < -4 else value:f}%"
    return f"{value:,}"


def shown_own(field: str, value: Own, exported: Figure | None) -> str:
    """A figure of the report; a share with the decimals of the export's."""
    if field in ratio_parts():
        if value is None:
            return ""
        exponent = exported.as_tuple().exponent if isinstance(exported, Decimal) else -1
        decimals = min(max(-exponent, 0), 4) if isinstance(exponent, int) else 1
        return f"{100 * value:.{decimals}f}%"
    return "–" if value is None else f"{value:,}"


def headline(found: Reconciliation) -> str:
    """The report's kind and size, and how it compares, in a sentence each."""
    kind = "Campaign Email Performance" if found.export.by_campaign else "Email Performance"
    return f"{found.export.name}: {kind}, {counted(len(found.export.rows), 'row')}"


def summary(found: Reconciliation) -> str:
    """How many figures agree, and what became of the others."""
    parts = [f"{found.equal:,} of {counted(found.compared, 'figure')} are equal"]
    if found.explained:
        parts.append(f"{counted(len(found.explained), 'difference')} explained")
    return f"{', '.join(parts)}, unexplained: {found.unexplained:,}"


def basis(found: Reconciliation) -> str:
    """How the report was counted, to read the causes as departures from it."""
    request, setting = found.request, found.setting
    days = [f"from {request.date_from}"] * bool(request.date_from)
    days += [f"to {request.date_to} (exclusive)"] * bool(request.date_to)
    rules = "by the default rules" if setting.rules == Rules() else options_of(setting.rules)
    sends = f"what was sent {' '.join(days)}" if days else "what was sent on any day"
    return f"The report counts {sends}, at {shown_time(setting.as_of)} UTC, {rules}."


def remarks(found: Reconciliation) -> list[str]:
    """What else a reader has to know: how the file was read, what could not be tried, and what the log lacks."""
    notes = [*found.notes]
    if any(each.exported is None and not each.causes and each.field == ROW for each in found.differences):
        notes.append("if the export is of a part of the emails, choose the same part by --where, --from and --to")
    if found.unexplained:
        notes += [f"the log lacks something, by which no figure could be counted: {lack}" for lack in found.lacks]
        if found.made_at is None:
            notes.append("the file does not say when it was exported; --exported-at does")
    return notes


def unmatched_words(match: Match) -> str:
    """A row of the export that is none of the report, why, and what it may be."""
    near = f"; near it: {listed([repr(name) for name in match.near])}" if match.near else ""
    return f"row {match.row.place}, {shown_name(match.row.campaign, match.row.email)!r}: {match.why}{near}"

"""Turns an email's values into the words and figures of its page. Knows neither Flask nor Superset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from superset_campaign_plugin.semantics import Metric

# The figures on the cards: a count, and the share shown with it.
_CARDS = (
    ("sent", None),
    ("delivered", "pct_delivered"),
    ("opened", "pct_opened"),
    ("clicked_link", "pct_clicked_link"),
    ("unsubscribed", "pct_unsubscribed"),
    ("hard_bounced", "pct_hard_bounced"),
    ("soft_bounced", "pct_soft_bounced"),
)
UNKNOWN = "–"


@dataclass(frozen=True)
class Figure:
    """A figure in words; `share` is the percentage that goes with it, as text with its title."""

    name: str
    title: str
    text: str
    description: str
    share: str | None = None
    share_title: str | None = None


@dataclass(frozen=True)
class Sender:
    """A sender in parts; `initial` is a letter for the picture."""

    name: str
    address: str | None
    initial: str


def cards(figures: Mapping[str, Any], metrics: Iterable[Metric]) -> list[Figure]:
    """The most important figures, each count with its share."""
    by_name = {metric.name: metric for metric in metrics}
    made = []
    for name, share in _CARDS:
        if name not in by_name or name not in figures:
            continue
        figure = as_figure(by_name[name], figures)
        if share in by_name and share in figures:
            part = as_figure(by_name[share], figures)
            figure = Figure(figure.name, figure.title, figure.text, figure.description, part.text, part.title)
        made.append(figure)
    return made


def further_figures(figures: Mapping[str, Any], metrics: Iterable[Metric]) -> list[Figure]:
    """All figures that no card shows, in the report's order."""
    on_cards = {name for pair in _CARDS for name in pair}
    return [as_figure(metric, figures) for metric in metrics if metric.name in figures and metric.name not in on_cards]


def as_figure(metric: Metric, figures: Mapping[str, Any]) -> Figure:
    """One figure in words."""
    return Figure(metric.name, metric.title, as_text(figures.get(metric.name), metric.format), metric.description)


def as_text(value: Any, form: str | None) -> str:
    """A value by the two d3 formats that the report uses, `,d` and `.1%`; a time as `12 Mar 2026, 09:30`."""
    if value is None:
        return UNKNOWN
    if isinstance(value, datetime):
        return f"{value.day} {value:%b %Y, %H:%M} UTC"
    if form is not None and form.endswith(("%", "d")):
        return format(int(value) if form.endswith("d") else value, form)
    return str(value)


def days(first: date | None, last: date | None) -> str | None:
    """A range of days in words, as `28 Aug – 25 Nov 2026`; either end may be open. None where both are."""
    if first is None:
        return f"until {_day(last)}" if last else None
    if last is None:
        return f"since {_day(first)}"
    if first == last:
        return _day(last)
    same_year = first.year == last.year
    return f"{_day(first).removesuffix(f' {last.year}') if same_year else _day(first)} – {_day(last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def parse_sender(sender: str | None) -> Sender | None:
    """`Name <address>` in parts; either alone is the name."""
    if not sender or not sender.strip():
        return None
    name, mark, address = sender.strip().rpartition(" <")
    if not mark or not address.endswith(">"):
        name, address = sender.strip(), ""
    initial = next((letter for letter in name if letter.isalnum()), "@").upper()[:1]
    return Sender(name, address.rstrip(">") or None, initial)

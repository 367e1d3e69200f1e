"""An explanation as text: for people in a terminal, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from superset_campaign_plugin.report.recipients import COUNTS
from superset_campaign_plugin.reporting.explain import Explanation, Line
from superset_campaign_plugin.reporting.output import aligned, shown_text, shown_time
from superset_campaign_plugin.semantics import load_semantics

_HEADINGS = ("Time (UTC)", "Activity", "Campaign", "What it does", "Rule")


def as_table(explanations: list[Explanation]) -> str:
    """Each line of the log in its order, then the outcome of each campaign in a sentence, with its figures."""
    return "\n".join(map(_explained, explanations))


def _explained(explanation: Explanation) -> str:
    lines = [] if explanation.source_name is None else [f"The Marketo instance {explanation.source_name}"]
    lines += explanation.notes
    rows = [_cells(line) for line in explanation.lines]
    lines += aligned(list(_HEADINGS), rows, [False] * len(_HEADINGS))
    for outcome in explanation.outcomes:
        lines += ["", f"{_campaign(outcome)}: {outcome['status']}", f"  {outcome['reason']}  [{outcome['rule']}]"]
        lines.append(f"  counts in: {', '.join(counted_in(outcome))}")
    if not explanation.outcomes:
        lines += ["", "No email record: the person is in no figure of this email."]
    return "\n".join(lines) + "\n"


def _cells(line: Line) -> list[str]:
    return [
        "" if line.activity_at is None else shown_time(line.activity_at),
        line.activity.capitalize(),
        "" if line.campaign is None else str(line.campaign),
        line.effect,
        line.rule or "",
    ]


def _campaign(outcome: dict[str, Any]) -> str:
    email = f"{shown_text(outcome['email_name'])} ({outcome['email_id']})"
    campaign, name = outcome["campaign_id"], shown_text(outcome["campaign_name"])
    return f"{name}, {email}" if campaign is None else f"{name} ({campaign}), {email}"


def counted_in(outcome: dict[str, Any]) -> list[str]:
    """The titles of the counts of the report that the outcome is in."""
    titles = {metric.name: metric.title for metric in load_semantics().metrics}
    return [titles[name] for name in COUNTS if outcome[name]]


def as_json(explanations: list[Explanation]) -> str:
    """A list of objects, one a Marketo instance: source_name, lines, outcomes, notes."""
    return json.dumps([asdict(each) for each in explanations], indent=2, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> str:
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)


FORMS: dict[str, Callable[[list[Explanation]], str]] = {"table": as_table, "json": as_json}

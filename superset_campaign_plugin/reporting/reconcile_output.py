"""The reconciliation as text: a table for people, JSON for programs, a page for a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from superset_campaign_plugin.reporting.causes import Cause
from superset_campaign_plugin.reporting.output import aligned, shown_text
from superset_campaign_plugin.reporting.reconcile_page import as_html
from superset_campaign_plugin.reporting.reconcile_words import (
    basis,
    causes_of,
    headline,
    named_causes,
    remarks,
    shown_export,
    shown_own,
    summary,
    title_of,
    unmatched_words,
)
from superset_campaign_plugin.reporting.reconciliation import Difference, Reconciliation


def as_table(found: Reconciliation) -> str:
    """The summary, the causes by letters, the differences with these letters, and what is left to say."""
    lines = [headline(found), basis(found), summary(found)]
    named = named_causes(found)
    if named:
        body = [[each.letter, f"{each.explains:,}", each.cause.words, each.cause.option or ""] for each in named]
        lines += ["", *aligned(["", "Explains", "How Marketo counted", "Option"], body, [False, True, False, False])]
    if found.unmatched:
        lines += ["", "Rows of the export that are not matched:"]
        lines += [f"  {shown_text(unmatched_words(match))}" for match in found.unmatched]
    if found.differences:
        body = [
            [
                "" if each.place is None else str(each.place),
                each.name,
                title_of(each.field),
                shown_export(each.field, each.exported),
                shown_own(each.field, each.reported, each.exported),
                causes_of(each, named),
            ]
            for each in found.differences
        ]
        right = [True, False, False, True, True, False]
        head = ["Row", "Name", "Figure", "Marketo", "Report", "Cause"]
        lines += ["", *aligned(head, [[shown_text(cell) for cell in row] for row in body], right)]
    if notes := remarks(found):
        lines += ["", *(f"- {shown_text(note)}" for note in notes)]
    return "\n".join(lines) + "\n"


def as_json(found: Reconciliation) -> str:
    """One object; shares are fractions as in the other commands, times UTC."""
    whole = {
        "export": {
            "file": found.export.name,
            "report": "campaign_email_performance" if found.export.by_campaign else "email_performance",
            "rows": len(found.export.rows),
            "made_at": None if found.made_at is None else found.made_at.isoformat(sep=" ", timespec="seconds"),
        },
        "figures": found.compared,
        "equal": found.equal,
        "explained": len(found.explained),
        "unexplained": found.unexplained,
        "causes": [{**_cause(each.cause), "explains": each.explains} for each in named_causes(found)],
        "differences": [_difference(each) for each in found.differences],
        "unmatched": [
            {
                "row": match.row.place,
                "campaign": match.row.campaign,
                "email": match.row.email,
                "why": match.why,
                "near": list(match.near),
            }
            for match in found.unmatched
        ],
        "notes": remarks(found),
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _cause(cause: Cause) -> dict[str, Any]:
    return {"cause": cause.name, "value": cause.value, "words": cause.words, "option": cause.option}


def _difference(each: Difference) -> dict[str, Any]:
    exported = each.exported
    return {
        "row": each.place,
        "name": each.name,
        "figure": each.field,
        "marketo": float(exported / 100) if isinstance(exported, Decimal) else exported,
        "report": each.reported,
        "causes": [[{"cause": cause.name, "value": cause.value} for cause in causes] for causes in each.causes],
    }


FORMS: dict[str, Callable[[Reconciliation], str]] = {"table": as_table, "json": as_json, "html": as_html}

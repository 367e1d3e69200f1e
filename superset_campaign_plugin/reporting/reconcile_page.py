"""The reconciliation as one HTML page: no scripts, nothing from elsewhere, light and dark, for screen and print."""

from __future__ import annotations

from html import escape

from superset_campaign_plugin.reporting.output import shown_text, shown_time
from superset_campaign_plugin.reporting.reconcile_words import (
    NamedCause,
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
from superset_campaign_plugin.reporting.reconciliation import Reconciliation

# The page needs nothing of the network, and a name in it can bring nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #55606e; --back: #f5f6f8; --card: #fff; --line: #dde2e8;
  --good: #1d7a46; --known: #1f5fae; --open: #b3261e; --open-back: #fdecea; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #a3adba; --back: #14181d; --card: #1d232a;
  --line: #333c47; --good: #6fcf97; --known: #86b7f5; --open: #ff8a80; --open-back: #3a1f1f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI",
  Roboto, "Noto Sans", sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 36px 0 12px; }
p { margin: 0 0 8px; color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 24px 0 0;
  padding: 0; list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px;
  color: var(--soft); }
.tiles b { display: block; font-size: 28px; line-height: 1.2; color: var(--ink); font-variant-numeric: tabular-nums; }
.tiles .good b { color: var(--good); } .tiles .known b { color: var(--known); } .tiles .open b { color: var(--open); }
.box { background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 8px 14px; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; font-weight: 600; color: var(--soft); white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.name { min-width: 200px; overflow-wrap: anywhere; }
tr.open td { background: var(--open-back); } tr.open td:last-child { color: var(--open); font-weight: 600; }
.letter { display: inline-block; min-width: 24px; padding: 0 6px; border-radius: 6px; text-align: center; color: #fff;
  background: #1f5fae; font-weight: 600; }
td.cause, td.figure { white-space: nowrap; }
code { font: 13px/1.4 ui-monospace, "SF Mono", Menlo, Consolas, monospace; white-space: nowrap; }
ul.plain { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: 0;
  padding: 12px 16px 12px 34px; }
ul.plain li { margin: 4px 0; overflow-wrap: anywhere; }
@media (max-width: 600px) { main { padding: 20px 12px 40px; } th, td { padding: 7px 9px; } }
@media print { body { background: #fff; } .box { overflow: visible; } tr { break-inside: avoid; } }
"""

_OPEN_ROW = '<tr class="open">'
_HEAD = (
    '<tr><th scope="col" class="number">Row</th><th scope="col">Name</th><th scope="col">Figure</th>'
    '<th scope="col" class="number">Marketo</th><th scope="col" class="number">Report</th>'
    '<th scope="col">Cause</th></tr>'
)


def as_html(found: Reconciliation) -> str:
    """The page. Names are data: all of it is escaped."""
    named = named_causes(found)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(found.export.name)} and the report</title>",
        f"<style>{_STYLE}</style></head><body><main>",
        f"<h1>{_text(headline(found))}</h1>",
        f"<p>{_text(basis(found))}</p>",
        *([f"<p>Exported {_text(shown_time(found.made_at))} UTC.</p>"] if found.made_at is not None else []),
        _tiles(found),
        *_causes(named),
        *_list("Rows of the export that are not matched", [unmatched_words(each) for each in found.unmatched]),
        *_differences(found, named),
        *_list("Notes", remarks(found)),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _text(text: str) -> str:
    return escape(shown_text(text))


def _tiles(found: Reconciliation) -> str:
    tiles = (
        ("good", found.equal, f"of {found.compared:,} figures equal"),
        ("known", len(found.explained), "differences explained"),
        ("open" if found.unexplained else "good", found.unexplained, "unexplained"),
    )
    items = "".join(f'<li class="{kind}"><b>{number:,}</b>{words}</li>' for kind, number, words in tiles)
    return f'<ul class="tiles" aria-label="{_text(summary(found))}">{items}</ul>'


def _causes(named: list[NamedCause]) -> list[str]:
    if not named:
        return []
    rows = [
        f'<tr><td><span class="letter">{each.letter}</span></td><td>{_text(each.cause.words)}</td>'
        f'<td class="number">{each.explains:,}</td>'
        f"<td>{f'<code>{_text(each.cause.option)}</code>' if each.cause.option else ''}</td></tr>"
        for each in named
    ]
    head = (
        '<tr><th scope="col"></th><th scope="col">How Marketo counted</th><th scope="col" class="number">Explains</th>'
        '<th scope="col">Option that counts so</th></tr>'
    )
    return ["<h2>Causes</h2>", f'<div class="box"><table><thead>{head}</thead><tbody>', *rows, "</tbody></table></div>"]


def _differences(found: Reconciliation, named: list[NamedCause]) -> list[str]:
    if not found.differences:
        return []
    rows = []
    for each in found.differences:
        cells = (
            ("number", "" if each.place is None else str(each.place)),
            ("name", each.name),
            ("figure", title_of(each.field)),
            ("number", shown_export(each.field, each.exported)),
            ("number", shown_own(each.field, each.reported, each.exported)),
            ("cause", causes_of(each, named)),
        )
        inner = "".join(f'<td class="{kind}">{_text(text)}</td>' for kind, text in cells)
        rows.append(f"{'<tr>' if each.causes else _OPEN_ROW}{inner}</tr>")
    return [
        "<h2>Differences</h2>",
        f'<div class="box"><table><thead>{_HEAD}</thead><tbody>',
        *rows,
        "</tbody></table></div>",
    ]


def _list(title: str, sentences: list[str]) -> list[str]:
    if not sentences:
        return []
    items = "".join(f"<li>{_text(sentence)}</li>" for sentence in sentences)
    return [f"<h2>{title}</h2>", f'<ul class="plain">{items}</ul>']

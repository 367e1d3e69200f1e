"""The load's part of the page of results."""

from __future__ import annotations

from typing import Any

LIMIT = 5.0
_TEXT = """## People at once

`make load` starts the stack of production (PostgreSQL, Redis, {workers} web processes, a worker, beat) on {cores}
cores, which the people share, and writes this section and `load.json`. {guests} guests of the portal and {users}
users come within a minute, and stay for {seconds} seconds more. Each opens the dashboard once, with an empty
browser cache, and then changes a filter every 10 to 20 seconds. They ask for exactly what Chromium was recorded to
ask for at the start of the run, six requests at a time: an opening is {opening} requests, a change at least the six
charts.

How they choose: a quarter picks another program, a sixth a campaign, others an email, last week, month, quarter or
year, some weeks of their own, operational emails or not, or clear it all. Half of the users and all guests see one
workspace. A third of them visit first, and then all. Every answer is kept, and checked after the load: no name of
another workspace, and the figures of each chart are those computed from the loader's tables. One alone is a user, then
a guest, with the same program.

| | one alone | {third[people]} at once | ratio | {together[people]} at once | ratio (limit {limit:g}) |
| --- | ---: | ---: | ---: | ---: | ---: |
"""


def section(load: dict[str, Any]) -> str:
    """The section in Markdown, of what `load.json` holds."""
    parts = (load["alone"], load["third"], load["together"])
    opening = max(sum(calls.values()) for calls in load["calls"].values())
    text = [_TEXT.format(**load, opening=opening, limit=LIMIT)]
    for key, title in (
        ("change", "from a change to the last chart"),
        ("request", "one chart's request"),
        ("opening", "opening"),
    ):
        for share, name in (("p50", "median"), ("p95", "95th percentile")):
            one, *others = (part[key][share] for part in parts)
            cells = [_seconds(one), *(cell for other in others for cell in (_seconds(other), _ratio(other, one)))]
            text.append(f"| {title}, {name}, s | {' | '.join(cells)} |\n")
    rows = (
        ("changes", lambda part: part["change"]["count"]),
        ("requests", lambda part: part["answers"]),
        ("charts from the cache", lambda part: f"{part['cached']:.0%}"),
        ("errors", lambda part: part["errors"]),
        ("wrong answers", lambda part: len(part["wrong"])),
    )
    for title, figure in rows:
        one, few, all_ = map(figure, parts)
        text.append(f"| {title} | {one} | {few} | | {all_} | |\n")
    ratio = _ratio(load["together"]["change"]["p95"], load["alone"]["change"]["p95"])
    held = "is held" if ratio and float(ratio) <= LIMIT else "is NOT held: the processors are what all wait for"
    text.append(f"\nAll at once, the limit {held}.\n")
    if "faults" in load:
        text.append(_faults(load["faults"]))
    return "".join(text) + "\n"


def _faults(found: dict[str, Any]) -> str:
    lines = [
        "\n## Faults\n",
        "Under the same load each is killed (`kill -9`), and started again five seconds later as Compose would; the "
        "web\nserver starts its process again by itself.\n",
        "| killed | back after, s | requests until the next | errors | last error after it was back, s |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for each in found["each"]:
        last = each["last_error_after_back"]
        lines.append(
            f"| {each['name']} | {each['seconds_until_back']:.1f} | {each['requests']} | {each['errors']} | "
            f"{'' if last is None else f'{last:.1f}'} |"
        )
    refresh = found["refresh_after"]
    lines.append(
        f"\nAnswers that were wrong: {len(found['wrong'])}. Figures of the warehouse afterwards: "
        f"{'the same' if found['same_figures'] else 'CHANGED'}. The next scheduled refresh "
        + (f"ended after {refresh:.0f} s." if refresh is not None else "did NOT end within 150 s.")
    )
    return "\n".join(lines) + "\n"


def _ratio(all_: float | None, one: float | None) -> str:
    return "" if not one or all_ is None else f"{all_ / one:.1f}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"

"""The results as a page with ratios and a plot."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.load_page import section

_HEAD = """\
`make bench` makes the data, measures, and writes this page, `results.json` and `compared.svg`. Medians of {repeat} on
{cores} cores (the direct queries over more than 20 million activities once). The data are in `benchmarks/data.py`.

"""
# What the largest log of each engine is held to: the ratios of the full refresh, of the next one, and of the queries.
_LIMITS = {"duckdb": ("2.0", "10 %", "5 %"), "postgresql": ("2.5", "10 %", "5 %")}
_NO_LIMITS = ("", "", "")


def write(folder: Path) -> None:
    """Write README.md of the results that lie beside it: those of `make bench`, of `make load`, or both."""
    parts = ["# Benchmarks\n\n"]
    for name, make in (
        ("results.json", readme),
        ("refreshing.json", refreshing),
        ("loading.json", loading),
        ("load.json", section),
    ):
        if (folder / name).exists():
            parts.append(make(json.loads((folder / name).read_text())))
    (folder / "README.md").write_text("".join(parts).rstrip("\n") + "\n")


def readme(results: dict[str, Any]) -> str:
    """The part of `make bench` in Markdown."""
    parts = [_HEAD.format(**results)]
    for engine, title in (("duckdb", "DuckDB"), ("postgresql", "PostgreSQL")):
        for found in results[engine]:
            limits = _LIMITS[engine] if found is results[engine][-1] else _NO_LIMITS
            parts.append(_warehouse(title, found, limits))
    parts.append(_against_size(results["duckdb"]))
    return "".join(parts)


_TITLES = {"duckdb": "DuckDB", "postgresql": "PostgreSQL", "sqlite": "SQLite"}
# (what, of what, the highest ratio that is wanted)
_RATIOS = (
    ("full", "plain", 1.5),
    ("a further 1 %", "full", 0.1),
    ("50,000 rows", "full", None),
    ("nothing new", "full", None),
)


def refreshing(results: dict[str, Any]) -> str:
    """The part of the refresh by size in Markdown."""
    lines = [
        "\n## What a refresh costs\n",
        f"Seconds, the median of {results['repeat']} with the least and the most, on {results['cores']} cores. *Plain*",
        "is a `GROUP BY` of campaign, email and person over all activities, written to a table. PostgreSQL has an",
        "index on the sync column. The load is the processes that wanted a processor, of other programs too.\n",
        "| log | what | seconds | ratio | goal | load |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for found in results["logs"]:
        log = f"{_TITLES[found['engine']]}, {found['activities']:,}"
        load = f"{found['load']['least']} to {found['load']['most']}"
        lines.append(f"| {log} | plain | {_seconds(found['plain'])} | | | {load} |")
        for what, base, goal in _RATIOS:
            ratio = found[what]["median"] / found[base]["median"]
            missed = goal is not None and ratio > goal
            told = f"**{ratio:.2f}** of {base}, missed" if missed else f"{ratio:.2f} of {base}"
            lines.append(f"| {log} | {what} | {_seconds(found[what])} | {told} | {goal or ''} | |")
        if "blocks" in found:
            share = found["blocks"]["a further 1 %"] / max(1, found["blocks"]["full"])
            lines.append(f"| {log} | blocks of the log that 1 % reads | | {share:.3f} of full | 0.05 | |")
    return "\n".join(lines) + "\n\n"


def _seconds(spread: dict[str, float]) -> str:
    return f"{spread['median']:.2f} ({spread['least']:.2f} to {spread['most']:.2f})"


def loading(results: dict[str, Any]) -> str:
    """The part of the loading in Markdown."""
    lines = [
        "## Loading an extract\n",
        "`load` into DuckDB, with the start of the command, and DuckDB's own `read_csv`, which is told the columns\n"
        "and their types, into a table of these columns without a key: on the same file, in turn, medians, on "
        f"{results['cores']} cores.\n",
        "Seconds of the processors tell more than rows a second where other programs run at the same time.\n",
        "| rows | MB | runs | read_csv, rows a second | load, rows a second | ratio (goal 33%) "
        "| read_csv, s of processors | load, s of processors | memory of load, GB |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for found in results["files"]:
        plain, load = found["rows"] / found["read_csv"], found["rows"] / found["load"]
        lines.append(
            f"| {found['rows']:,} | {found['megabytes']:,} | {found['runs']} "
            f"| {round(plain, -3):,.0f} | {round(load, -3):,.0f} | "
            f"{load / plain:.0%} | {found['read_csv_cpu']:.1f} | {found['load_cpu']:.1f} | {found['load_gb']:.2f} |"
        )
    return "\n".join(lines) + "\n\n"


def _warehouse(title: str, found: dict[str, Any], limits: tuple[str, str, str]) -> str:
    full_limit, more_limit, query_limit = limits
    full = found["full_refresh"] / found["plain_group_by"]
    more = found["more_refresh"] / found["full_refresh"]
    lines = [
        f"## {title}, {found['activities']:,} activities\n",
        f"{found['records']:,} records, {found['daily_rows']:,} daily rows.\n",
        "| | seconds | ratio | limit |",
        "| --- | ---: | ---: | ---: |",
        f"| plain GROUP BY campaign, email, person | {found['plain_group_by']:.2f} | | |",
        f"| full refresh | {found['full_refresh']:.2f} | {full:.2f} of the plain one | {full_limit} |",
        f"| refresh of a further 1 % | {found['more_refresh']:.2f} | {more:.1%} of the full one | {more_limit} |",
        # A server does the work in processes of its own.
        (f"\nMemory of the full refresh: at most {found['full_refresh_gb']:.1f} GB. " if title == "DuckDB" else "\n")
        + f"Starting the command takes {found['start']:.1f} s more.\n",
        "| query of the dashboard | direct SQL, s | stored tables, s | ratio | limit |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, direct in found["direct"].items():
        stored = found["stored"][name]
        lines.append(f"| {name} | {direct:.2f} | {stored:.3f} | {stored / direct:.1%} | {query_limit} |")
    return "\n".join(lines) + "\n\n"


def _against_size(found: list[dict[str, Any]]) -> str:
    """How the queries grow with the log, and from where a refresh is worth it."""
    small, large = found[-2], found[-1]
    lines = [
        "## By size\n",
        "![Seconds of the slowest query by size of the log](compared.svg)\n",
        f"| query on stored tables | {small['activities']:,} | {large['activities']:,} | ratio (limit 1.5) |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, seconds in large["stored"].items():
        before = small["stored"][name]
        lines.append(f"| {name} | {before:.3f} | {seconds:.3f} | {seconds / before:.2f} |")
    more = large["daily_rows"] / small["daily_rows"]
    lines.append(f"\nThe rollup of the larger log has {more:.1f} times the rows of the smaller one's.")
    size = _waiting_size(found)
    lines.append(
        f"\nA person waits more than a second for the slowest direct query from about {round(size, -5):,} activities "
        "on: from there on, refresh.\n"
        if size
        else "\nNo direct query takes a second at these sizes.\n"
    )
    return "\n".join(lines)


def _waiting_size(found: list[dict[str, Any]]) -> int | None:
    """The activities at which the slowest direct query takes a second, on the line between two measured sizes."""
    points = [(each["activities"], max(each["direct"].values())) for each in found]
    if points[-1][1] <= 1:
        return None
    if points[0][1] > 1:
        return int(points[0][0] / points[0][1])
    for (size, seconds), (next_size, next_seconds) in pairwise(points):
        if seconds <= 1 < next_seconds:
            return int(size + (next_size - size) * (1 - seconds) / (next_seconds - seconds))
    return None


def plot(found: list[dict[str, Any]]) -> str:
    """Seconds of the slowest query by size, both axes logarithmic, as SVG."""
    width, height, left, bottom = 640, 320, 70, 40
    sizes = [each["activities"] for each in found]
    low, high = math.log10(min(sizes)) - 0.1, math.log10(max(sizes)) + 0.1

    def place(size: float, seconds: float) -> tuple[float, float]:
        x = left + (math.log10(size) - low) / (high - low) * (width - left - 20)
        y = height - bottom - (math.log10(seconds) + 2) / 4 * (height - bottom - 20)
        return x, y

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for power in range(-2, 3):
        _, y = place(sizes[0], 10**power)
        parts.append(f'<line x1="{left}" x2="{width - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#444">{10**power:g} s</text>')
    for size in sizes:
        x, _ = place(size, 1)
        parts.append(f'<text x="{x:.1f}" y="{height - 15}" text-anchor="middle" fill="#444">{size / 1e6:g} M</text>')
    for name, title, colour in (("direct", "direct SQL", "#b3261e"), ("stored", "stored tables", "#1a73a8")):
        points = [place(each["activities"], max(each[name].values())) for each in found]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points]
        parts.append(f'<text x="{points[0][0]:.1f}" y="{points[0][1] - 10:.1f}" fill="{colour}">{title}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"

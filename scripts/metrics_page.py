"""Writes docs/metrics.md from datasets/: `make docs`. A test holds the page to what this renders."""

from __future__ import annotations

from pathlib import Path

from superset_campaign_plugin.semantics import Metric, load_semantics

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"


def render() -> str:
    """The page as Markdown."""
    semantics = load_semantics()
    lines = [
        "# Dimensions and metrics",
        "",
        "<!-- Written by `make docs` from datasets/; change it there. -->",
        "",
        "The names are those of the command line, the datasets and the API. How the figures come about is told in",
        "[numbers.md](numbers.md).",
        "",
        "## Metrics",
        "",
        "| field | title | how | meaning |",
        "| --- | --- | --- | --- |",
        *(f"| `{item.name}` | {item.title} | {_how(item)} | {item.description} |" for item in semantics.metrics),
        "",
        "A ratio is a fraction from 0 to 1, empty where it would divide by nothing; of a group it is the ratio of the",
        "sums.",
        "",
        "## Dimensions",
        "",
        "| field | title | meaning |",
        "| --- | --- | --- |",
        *(f"| `{item.name}` | {item.title} | {item.description} |" for item in semantics.dimensions),
        "",
        "## Datasets",
        "",
    ]
    for dataset in semantics.datasets.values():
        own = [metric for metric in dataset.metrics if metric.name not in {shared.name for shared in semantics.metrics}]
        lines += [f"**{dataset.name}**: {dataset.description}", ""]
        if own:
            lines += [*(f"- `{metric.name}`, {metric.title}: {metric.description}" for metric in own), ""]
    return "\n".join(lines)


def _how(metric: Metric) -> str:
    if metric.ratio:
        return f"`{metric.ratio[0]}` / `{metric.ratio[1]}`"
    return "count of people" if metric.kind == "count" else "time, UTC"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")

"""Writes the list of what to look at for a new Superset into docs/superset-versions.md: `make docs`.

A test holds the page to what this renders.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path

from superset_campaign_plugin.host import endpoints
from superset_campaign_plugin.host.records import PATCHES, PRIVATE_NAMES, Patch, Target

PAGE = Path(__file__).resolve().parent.parent / "docs" / "superset-versions.md"
BEGIN = "<!-- Written by `make docs` from superset_campaign_plugin/host/; change it there. -->"
END = "<!-- End of what is written. -->"


def render() -> str:
    """The list as Markdown, with the marks around it."""
    parts = [
        BEGIN,
        "**Required patches.** Where a method is missing or has other parameters, Superset does not start.",
        _table(patch for patch in PATCHES if patch.required),
        "**Optional patches.** Where a method is missing or has other parameters, it is left alone, as the log says.",
        _table(patch for patch in PATCHES if not patch.required),
        "**Parameters**, in their order:",
        "\n".join(_parameters()),
        "**Endpoints by whose names something is refused.** Without one of them Superset does not start:",
        _names(endpoints.PICTURES | endpoints.PICTURES_BY_KEY),
        "**Endpoints at which guests of the report are answered.** Without one of them its part of the page is closed, "
        "and the log says so:",
        _names(endpoints.ANSWERED | endpoints.OPEN),
        "**Private names that are read:**",
        "\n".join(f"- `{_shown(each.owner)}.{each.name}`: {each.why}" for each in PRIVATE_NAMES),
        END,
    ]
    wrapped = [part if part.startswith(("|", "-", "<!--")) else textwrap.fill(part, 120) for part in parts]
    return "\n\n".join(wrapped)


def _table(patches: Iterable[Patch]) -> str:
    lines = ["| patch | method | releases | what for | can go when |", "| --- | --- | --- | --- | --- |"]
    for patch in patches:
        methods = "; ".join(map(_methods, patch.targets))
        releases = "; ".join(map(_releases, patch.targets))
        lines.append(f"| `{patch.name}` | {methods} | {releases} | {patch.why} | {patch.until} |")
    return "\n".join(lines)


def _parameters() -> list[str]:
    found = {
        f"- `{target.method}({', '.join(target.parameters)})`": None for patch in PATCHES for target in patch.targets
    }
    return [textwrap.fill(line, 120, subsequent_indent="  ", break_on_hyphens=False) for line in sorted(found)]


def _methods(target: Target) -> str:
    return ", ".join(f"`{_shown(owner)}.{target.method}`" for owner in target.owners)


def _releases(target: Target) -> str:
    return ", ".join(f"{major}.{minor}" for major, minor in target.releases)


def _shown(path: str) -> str:
    module, _, name = path.partition(":")
    return name or module


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) + "."


def main() -> None:
    """Put the list into the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN)], text[text.index(END) + len(END) :]
    PAGE.write_text(before + render() + after, encoding="utf-8")


if __name__ == "__main__":
    main()

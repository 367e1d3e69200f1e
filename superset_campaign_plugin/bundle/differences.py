"""What of the installed assets is not as shipped, for people to read and as JSON."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any

from superset_campaign_plugin.bundle.manifest import read_manifest
from superset_campaign_plugin.bundle.plan import installed_request, make_plan
from superset_campaign_plugin.bundle.stored import MODELS, find, title
from superset_campaign_plugin.errors import unknown

_SIDES = {"shipped_before": "shipped before", "shipped_now": "shipped now", "there": "there"}
_WORDS = {
    "kept": "people changed it; it stays",
    "conflict": "people changed it, and so does this release; what people made of it stays",
    "replaced": "people changed it; install replaces it, since all figures follow one rule",
    "updated": "nobody changed it; install brings it up to date",
    "restored": "charts need it; install puts it back",
    "overwritten": "people changed it; install replaces it, as asked",
}


def differing_assets(names: Collection[str] = ()) -> list[dict[str, Any]]:
    """Each asset that is not as this release ships it, with its fields; those of these `names`, or all.

    Raises `InstallError` where nothing is installed, and `UsageError` for an unknown name.
    """
    assets = make_plan(installed_request()).assets
    known = {asset.name for asset in assets}
    for name in names:
        if name not in known:
            raise unknown("dataset, chart or dashboard", name, known)
    wanted = [asset for asset in assets if not names or asset.name in names]
    return [asset.change.as_dict() for asset in wanted if asset.action != "unchanged"]


def replaced_values(names: Collection[str] = ()) -> list[dict[str, Any]]:
    """What people had made of a field that an upgrade has replaced since, with the time of that."""
    manifest = read_manifest()
    found = []
    for uuid, record in (manifest.assets if manifest else {}).items():
        asset = find(MODELS[record["kind"]], uuid) if record.get("replaced") else None
        if asset is None or (names and title(asset) not in names):
            continue
        found.append({"kind": record["kind"].removesuffix("s"), "name": title(asset), "fields": record["replaced"]})
    return found


def as_text(assets: list[dict[str, Any]], *, replaced: bool = False) -> str:
    """The same for people; long texts as a difference of lines."""
    if not assets:
        return "nothing was replaced\n" if replaced else "everything is as shipped\n"
    lines = []
    for asset in assets:
        action = f" ({asset['action']})" if "action" in asset else ""
        lines.append(f"{asset['kind']} {asset['name']}{action}")
        for field in asset["fields"]:
            lines += _replaced_lines(field) if replaced else _lines(field)
    return "\n".join(lines) + "\n"


def _replaced_lines(field: dict[str, Any]) -> list[str]:
    return [
        f"  {field['field']}, replaced at {field['at']}; it was",
        *(f"    {each}" for each in _text(field["value"])),
    ]


def _lines(field: dict[str, Any]) -> list[str]:
    lines = [f"  {field['field']}: {_WORDS[field['outcome']]}"]
    now, there = _text(field["shipped_now"]), _text(field["there"])
    if len(now) > 1 and len(there) > 1:
        return lines + [f"    {each}" for each in difflib.unified_diff(now, there, "shipped", "there", "", "", 2, "")]
    return lines + [f"    {title:<15} {' / '.join(_text(field[side])) or '-'}" for side, title in _SIDES.items()]


def _text(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, dict):  # a column, a metric, a filter as a whole
        return [str(value.get("name") or value.get("verbose_name") or value)]
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return [str(each) for each in value]
    return str(value).splitlines()

"""What of the installed assets is not as shipped, for people to read and as JSON."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import Any

from superset_campaign_plugin.advice import installed_tables
from superset_campaign_plugin.bundle.install_plan import installed_request, make_plan
from superset_campaign_plugin.errors import unknown
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.superset_assets.definitions import load_dashboards
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dashboard_uuid, dataset_uuid
from superset_campaign_plugin.superset_assets.manifest import Manifest, read_manifest

_SIDES = {"shipped_before": "shipped before", "shipped_now": "shipped now", "there": "there"}
_WORDS = {
    "kept": "people changed it; it stays",
    "conflict": "people changed it, and so does this release; what people made of it stays",
    "replaced": "people changed it; install replaces it, since all figures follow one rule",
    "updated": "nobody changed it; install brings it up to date",
    "restored": "charts need it; install puts it back",
    "overwritten": "people changed it; install replaces it, as asked",
}
# Of a bundle that was imported, for one, nothing tells what was in it.
_UNKNOWN = "it differs, and what was shipped before is not known"
_WORDS_OF_UNKNOWN = {
    **dict.fromkeys(("kept", "conflict"), f"{_UNKNOWN}; it stays"),
    "replaced": f"{_UNKNOWN}; install replaces it, since all figures follow one rule",
    "updated": f"{_UNKNOWN}; install brings it up to date",
    "overwritten": f"{_UNKNOWN}; install replaces it, as asked",
}


def differing_assets(names: Collection[str] = ()) -> list[dict[str, Any]]:
    """Each asset that is not as this release ships it, with its fields; those of these `names`, or all.

    Raises `InstallError` where nothing is installed, and `UsageError` for an unknown name.
    """
    with installed_tables():
        assets = {(asset.kind, asset.name): asset for asset in make_plan(installed_request()).assets}
    wanted = _named(assets, names)
    return [assets[each].change.as_dict() for each in wanted if assets[each].action != "unchanged"]


def replaced_values(names: Collection[str] = ()) -> list[dict[str, Any]]:
    """What people had made of a field that an upgrade has replaced since, with the time of that.

    The warehouse is not asked. Raises `UsageError` for an unknown name.
    """
    manifest = read_manifest()
    called = _shipped_names(manifest)
    records = {called[uuid]: record for uuid, record in (manifest.assets if manifest else {}).items() if uuid in called}
    return [
        {"kind": kind.removesuffix("s"), "name": name, "fields": records[kind, name]["replaced"]}
        for kind, name in _named(records, names)
        if records[kind, name].get("replaced")
    ]


def _shipped_names(manifest: Manifest | None) -> dict[str, tuple[str, str]]:
    """The kind and the file's name of everything that this release ships, by UUID."""
    found = {str(dataset_uuid(name)): ("datasets", name) for name in load_semantics().datasets}
    for dashboard in load_dashboards(bool(manifest and manifest.instances), people=True):
        found[str(dashboard_uuid(dashboard.name))] = ("dashboards", dashboard.name)
        found |= {str(chart_uuid(dashboard.name, name)): ("charts", name) for name in dashboard.charts}
    return found


def _named(assets: Iterable[tuple[str, str]], names: Collection[str]) -> list[tuple[str, str]]:
    """The assets, each of a kind and a name, that people call so: by the name, or with the kind before it."""
    called = {(kind, name): {name, f"{kind.removesuffix('s')}/{name}"} for kind, name in assets}
    known = {each for both in called.values() for each in both}
    for name in names:
        if name not in known:
            raise unknown("dataset, chart or dashboard", name, {name for _, name in called})
    return [asset for asset, both in called.items() if not names or not both.isdisjoint(names)]


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
    words = _WORDS if field["shipped_before_known"] else {**_WORDS, **_WORDS_OF_UNKNOWN}
    lines = [f"  {field['field']}: {words[field['outcome']]}"]
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

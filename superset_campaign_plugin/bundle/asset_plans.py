"""What an installation would do with one asset: create it, merge it with what people made of it, or remove it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from superset_campaign_plugin.bundle.assemble import Bundle
from superset_campaign_plugin.bundle.asset_changes import Change
from superset_campaign_plugin.bundle.dependents import dependents
from superset_campaign_plugin.bundle.first_release import as_first_stored
from superset_campaign_plugin.bundle.merging import charts, dashboards, datasets
from superset_campaign_plugin.bundle.merging.dashboard_layout import Position, chart_metas, charts_of, merge_layout
from superset_campaign_plugin.bundle.merging.three_way import RESTORED, Document, FieldDifference, merge, same
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.superset_assets.identity import dataset_uuid
from superset_campaign_plugin.superset_assets.installed_assets import MODELS, find, title
from superset_campaign_plugin.superset_assets.manifest import Manifest


@dataclass(frozen=True)
class AssetPlan:
    """One asset: its configuration and document as shipped (None where it is shipped no more), and what differs.

    `action` is created, updated, unchanged, kept (people's values stay, nothing else is to be done) or removed.
    """

    kind: str
    name: str
    uuid: str
    action: str
    config: dict[str, Any] | None = None
    document: Document | None = None
    differences: tuple[FieldDifference, ...] = ()
    position: Position | None = None

    @property
    def change(self) -> Change:
        """What the installation says of it."""
        return Change(self.action, self.kind, self.name, self.differences)


def known_ids(manifest: Manifest) -> dashboards.Ids:
    """The ids by which dashboards know what there is, and the former ids of what was deleted."""
    former: dict[str, dict[int, str]] = {"charts": {}, "datasets": {}}
    for uuid, record in manifest.assets.items():
        kind = record.get("kind")  # which the first release did not keep
        if kind in former and _gone(kind, uuid):
            former[kind][record["id"]] = uuid
    return dashboards.ids_here(former["charts"], former["datasets"])


def plan_asset(
    kind: str, name: str, config: dict[str, Any], manifest: Manifest, ids: dashboards.Ids, overwrite: bool
) -> AssetPlan:
    """What an installation does with an asset of the bundle; with `overwrite` people's changes are replaced."""
    asset = find(MODELS[kind], config["uuid"])
    now = _SHIPPED[kind](config)
    if asset is None:
        return AssetPlan(kind, name, config["uuid"], "created", config, now)
    there = _read(kind, asset, ids)
    before = _shipped_before(kind, asset, config, manifest, there)
    position, differences = _merge(kind, asset, before, now, there, manifest, overwrite)
    known = manifest.assets.get(config["uuid"], {})
    told = tuple(replace(each, known=before is not None and not _taken_over(each, known)) for each in differences)
    return AssetPlan(kind, name, config["uuid"], _action(differences), config, now, told, position)


def _taken_over(difference: FieldDifference, record: dict[str, Any]) -> bool:
    """Whether a field is still as the first installation found it, so that people need not have changed it since."""
    return any(
        tuple(path) == difference.path and same(value, difference.there) for path, value in record.get("unknown", [])
    )


def _merge(
    kind: str,
    asset: Any,
    before: Document | None,
    now: Document,
    there: Document,
    manifest: Manifest,
    overwrite: bool,
) -> tuple[Position | None, list[FieldDifference]]:
    """What differs of an asset, and of a dashboard its merged position."""
    if kind == "datasets":
        return None, merge(before, now, there, datasets.policy(asset), overwrite=overwrite)
    if kind == "charts":
        return None, merge(before, now, there, charts.policy(asset), overwrite=overwrite)
    return _merge_dashboard(before, now, there, manifest, overwrite)


def _merge_dashboard(
    before: Document | None, now: Document, there: Document, manifest: Manifest, overwrite: bool
) -> tuple[Position, list[FieldDifference]]:
    position, moved = merge_layout(
        before[_POSITION] if before else None,
        now[_POSITION],
        there[_POSITION],
        # What a former installation made and is no more: it is made anew before the dashboard is written.
        [uuid for uuid, record in manifest.assets.items() if record.get("kind") == "charts" and _gone("charts", uuid)],
        known=list(manifest.assets),
        overwrite=overwrite,
    )
    differences = dashboards.order_difference(before, now, there)
    old = _fields(before) if before else None
    differences += merge(old, _fields(now), _fields(there), dashboards.POLICY, overwrite=overwrite)
    used = _used(now)
    back = [uuid for uuid in manifest.assets if uuid in used and _gone(used[uuid], uuid)]
    differences += [FieldDifference(("made anew", uuid), RESTORED, uuid, uuid, None) for uuid in back]
    return position, [*(_labelled(each, now, there) for each in differences), *moved]


def _fields(dashboard: Document) -> Document:
    """What is compared field by field; the grid and the order of the filters have ways of their own."""
    return {name: value for name, value in dashboard.items() if name not in (_POSITION, *dashboards.ORDER)}


def _labelled(difference: FieldDifference, now: Document, there: Document) -> FieldDifference:
    """With the name of the filter, chart or dataset in place of its id."""
    kind, *rest = difference.path
    if kind == "filters":
        found = now["filters"].get(rest[0]) or there["filters"].get(rest[0]) or {}
        return replace(difference, label=".".join([kind, str(found.get("name", rest[0])), *rest[1:]]))
    if kind == "made anew":
        names = {dataset_uuid(name): name for name in load_semantics().datasets}
        names |= {UUID(meta["uuid"]): meta["sliceName"] for meta in chart_metas(now[_POSITION])}
        return replace(difference, label=f"{kind}.{names.get(UUID(rest[0]), rest[0])}")
    return difference


def _used(dashboard: Document) -> dict[str, str]:
    """The kinds of the charts and datasets that a dashboard is made of, by their UUIDs."""
    targets = [target for each in dashboard["filters"].values() for target in each.get("targets", [])]
    return {
        **dict.fromkeys(charts_of(dashboard[_POSITION]), "charts"),
        **{target["datasetUuid"]: "datasets" for target in targets if "datasetUuid" in target},
    }


def _gone(kind: str, uuid: str) -> bool:
    return find(MODELS[kind], uuid) is None


def _shipped_before(
    kind: str, asset: Any, config: dict[str, Any], manifest: Manifest, there: Document
) -> Document | None:
    """What a former installation shipped; None where that is not known, as of a bundle that was imported."""
    record = manifest.assets.get(config["uuid"])
    if record is None:
        return None
    known: Document | None = record.get("shipped")
    if known is None and as_first_stored(kind, asset, config, record):
        return there
    return known


def shipped_no_more(manifest: Manifest, bundle: Bundle, ids: dashboards.Ids) -> list[AssetPlan]:
    """Assets of a former release: they go, unless people have changed them or built on them."""
    shipped = {config["uuid"] for _, _, config in bundle.assets()}
    found = []
    for uuid, record in manifest.assets.items():
        kind = str(record.get("kind"))
        asset = find(MODELS[kind], uuid) if kind in MODELS and uuid not in shipped else None
        if asset is None:
            continue
        before, there = record["shipped"], _read(kind, asset, ids)
        _, changed = _merge(kind, asset, before, before, there, manifest, overwrite=False)
        used = dependents({kind: [asset]}, set(manifest.assets))
        edited = any(not difference.written for difference in changed)
        found.append(AssetPlan(kind, title(asset), uuid, "kept" if edited or used else "removed"))
    # Charts before the datasets that they read.
    return sorted(found, key=lambda asset: asset.kind)


def _action(differences: list[FieldDifference]) -> str:
    if any(difference.written for difference in differences):
        return "updated"
    return "kept" if differences else "unchanged"


_POSITION = "position"


def _shipped_dashboard(config: dict[str, Any]) -> Document:
    return {**dashboards.shipped(config), _POSITION: dashboards.shipped_position(config)}


def _read(kind: str, asset: Any, ids: dashboards.Ids) -> Document:
    if kind == "datasets":
        return datasets.read(asset)
    if kind == "charts":
        return charts.read(asset)
    return {**dashboards.read(asset, ids), _POSITION: dashboards.read_position(asset, ids)}


_SHIPPED = {"datasets": datasets.shipped, "charts": charts.shipped, "dashboards": _shipped_dashboard}

"""A dashboard as a document and a position, and changes of both written."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from superset import db
from superset.connectors.sqla.models import SqlaTable
from superset.models.dashboard import Dashboard
from superset.models.slice import Slice

from superset_campaign_plugin.bundle.merging.dashboard_layout import Position, charts_of
from superset_campaign_plugin.bundle.merging.three_way import KEPT, UPDATED, Document, FieldDifference, Policy, put

_FIELDS = ("dashboard_title", "description", "slug", "css", "published")
_FILTERS = "native_filter_configuration"
# What the browser works out of a filter's scope.
_DERIVED = frozenset(("chartsInScope", "tabsInScope"))
ORDER = ("filter_order",)

POLICY = Policy(records=frozenset(("filters",)))


@dataclass(frozen=True)
class Ids:
    """The UUIDs of charts and datasets by the ids that a dashboard knows them by; `back` is the other way round."""

    charts: dict[int, str]
    datasets: dict[int, str]

    def back(self) -> tuple[dict[str, int], dict[str, int]]:
        """The ids of charts, and of datasets, by their UUIDs."""
        return {uuid: id_ for id_, uuid in self.charts.items()}, {uuid: id_ for id_, uuid in self.datasets.items()}


def shipped(config: dict[str, Any]) -> Document:
    """The document of a dashboard's configuration."""
    ids = Ids({id_: uuid for uuid, id_ in charts_of(config["position"]).items()}, {})
    return {**{name: config[name] for name in _FIELDS}, **_metadata(config["metadata"], ids)}


def shipped_position(config: dict[str, Any]) -> Position:
    """The position of a dashboard's configuration, without the ids that stand in for a deployment's."""
    position: Position = copy.deepcopy(config["position"])
    for cell in _chart_cells(position):
        del cell["meta"]["chartId"]
    return position


def read(dashboard: Dashboard, ids: Ids) -> Document:
    """The document of a dashboard that is installed, which knows charts and datasets by these ids."""
    metadata = _metadata(json.loads(dashboard.json_metadata or "{}"), ids)
    return {**{name: getattr(dashboard, name) for name in _FIELDS}, **metadata}


def read_position(dashboard: Dashboard, ids: Ids) -> Position:
    """The position of a dashboard that is installed, with the UUID of every chart that is known."""
    position: Position = json.loads(dashboard.position_json or "{}")
    for cell in _chart_cells(position):
        uuid = ids.charts.get(cell["meta"].get("chartId")) or cell["meta"].get("uuid")
        if uuid:
            cell["meta"]["uuid"] = uuid
    return position


def order_difference(before: Document | None, now: Document, there: Document) -> list[FieldDifference]:
    """What differs in the order of the filters, of those that all sides have."""
    old = [] if before is None else before[ORDER[0]]
    common = [name for name in now[ORDER[0]] if name in there[ORDER[0]]]
    theirs = [name for name in there[ORDER[0]] if name in common]
    if theirs == common:
        return []
    untouched = [name for name in old if name in common] == [name for name in theirs if name in old]
    outcome = UPDATED if untouched else KEPT
    return [FieldDifference(ORDER, outcome, _filter_names(before), _filter_names(now), _filter_names(there))]


def _filter_names(document: Document | None) -> list[str] | None:
    """The names of the filters in their order."""
    if document is None:
        return None
    return [str(document["filters"][name].get("name", name)) for name in document[ORDER[0]]]


def write(
    dashboard: Dashboard, differences: Iterable[FieldDifference], now: Document, position: Position, ids: Ids
) -> None:
    """Write the fields that the installation writes and the merged position, and leave the rest as it is.

    What the filters know by one of the `ids` they know by its present one afterwards.
    """
    charts, datasets = ids_here().back()
    metadata = json.loads(dashboard.json_metadata or "{}")
    there = [each["id"] for each in metadata.get(_FILTERS) or []]
    filters = {each["id"]: each for each in metadata.get(_FILTERS) or []}
    for each in filters.values():
        _follow(each, ids, charts, datasets)
    reordered = False
    for difference in differences:
        if not difference.written:
            continue
        kind, *way = difference.path
        if kind == "filters":
            _write_filter(filters, difference, charts, datasets)
        elif kind == "metadata":
            put(metadata, tuple(way), difference.now)
        elif difference.path == ORDER:
            reordered = True
        elif kind in _FIELDS:
            setattr(dashboard, kind, difference.now)
    metadata[_FILTERS] = [filters[name] for name in _ordered(filters, there, now[ORDER[0]], reordered)]
    dashboard.json_metadata = json.dumps(metadata)
    for cell in _chart_cells(position):
        id_ = charts.get(cell["meta"].get("uuid"))
        if id_ is not None:
            cell["meta"]["chartId"] = id_
    dashboard.position_json = json.dumps(position)
    standing = [cell["meta"].get("chartId") for cell in _chart_cells(position)]
    dashboard.slices = db.session.query(Slice).filter(Slice.id.in_(standing)).all()


def ids_here(
    charts: Mapping[int, str] = MappingProxyType({}), datasets: Mapping[int, str] = MappingProxyType({})
) -> Ids:
    """The charts and datasets of this deployment, and the former ids of some that were deleted."""
    return Ids(
        {**{id_: str(uuid) for id_, uuid in db.session.query(Slice.id, Slice.uuid)}, **charts},
        {**{id_: str(uuid) for id_, uuid in db.session.query(SqlaTable.id, SqlaTable.uuid)}, **datasets},
    )


def _metadata(metadata: dict[str, Any], ids: Ids) -> Document:
    filters = metadata.get(_FILTERS) or []
    return {
        "metadata": {name: value for name, value in metadata.items() if name != _FILTERS},
        "filters": {each["id"]: _filter(each, ids) for each in filters},
        ORDER[0]: [each["id"] for each in filters],
    }


def _filter(config: dict[str, Any], ids: Ids) -> dict[str, Any]:
    """A filter with the UUIDs of charts and datasets."""
    found = {name: copy.deepcopy(value) for name, value in config.items() if name not in _DERIVED}
    if "excluded" in found.get("scope", {}):
        found["scope"]["excluded"] = sorted(ids.charts.get(id_, "") for id_ in found["scope"]["excluded"])
        # A chart that was deleted is nowhere.
        found["scope"]["excluded"] = [uuid for uuid in found["scope"]["excluded"] if uuid]
    for target in found.get("targets", []):
        if "datasetId" in target:
            target["datasetUuid"] = ids.datasets.get(target.pop("datasetId"), "")
    return found


def _follow(config: dict[str, Any], ids: Ids, charts: dict[str, int], datasets: dict[str, int]) -> None:
    """Let a filter know by their present ids what was deleted and made anew."""
    scope = config.get("scope") or {}
    if "excluded" in scope:
        scope["excluded"] = [charts.get(ids.charts.get(id_, ""), id_) for id_ in scope["excluded"]]
    for target in config.get("targets") or []:
        if "datasetId" in target:
            target["datasetId"] = datasets.get(ids.datasets.get(target["datasetId"], ""), target["datasetId"])


def _write_filter(
    filters: dict[str, dict[str, Any]], difference: FieldDifference, charts: dict[str, int], datasets: dict[str, int]
) -> None:
    _, name, *way = difference.path
    if not way:
        if difference.now is None:
            del filters[name]
        else:
            filters[name] = _with_ids(copy.deepcopy(difference.now), charts, datasets)
        return
    part: dict[str, Any] = {}
    put(part, tuple(way), copy.deepcopy(difference.now))
    part = _with_ids(part, charts, datasets)
    value: Any = part
    for key in way:
        value = value.get(key) if isinstance(value, dict) else None
    put(filters[name], tuple(way), value)
    if way[0] == "scope":
        for derived in _DERIVED:
            filters[name].pop(derived, None)


def _with_ids(config: dict[str, Any], charts: dict[str, int], datasets: dict[str, int]) -> dict[str, Any]:
    if "excluded" in config.get("scope", {}):
        config["scope"]["excluded"] = [charts[uuid] for uuid in config["scope"]["excluded"] if uuid in charts]
    for target in config.get("targets", []):
        if "datasetUuid" in target:
            target["datasetId"] = datasets[target.pop("datasetUuid")]
    return config


def _ordered(present: Collection[str], there: list[str], now: list[str], reordered: bool) -> list[str]:
    """The order of the filters that are `present`: people's, or the shipped one where nobody has changed it.

    Those that the order does not know stand behind the one that they stand behind on the other side.
    """
    sides = (now, there) if reordered else (there, now)
    order = [name for name in sides[0] if name in present]
    for place, name in enumerate(sides[1]):
        if name in present and name not in order:
            behind = next((order.index(each) + 1 for each in reversed(sides[1][:place]) if each in order), 0)
            order.insert(behind, name)
    return order


def _chart_cells(position: Position) -> list[dict[str, Any]]:
    return [
        cell for cell in position.values() if isinstance(cell, dict) and cell.get("type") == "CHART" and "meta" in cell
    ]

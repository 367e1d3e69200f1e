"""The three-way merge of a dashboard's layout: what stands where.

A position is what Superset stores as `position_json`: components by their ids, each with its children. Charts are known
by their UUIDs, so that a chart that somebody took out and put in again is the same one; tabs are known by their ids.
The order of the charts comes from one side as a whole, since two orders cannot both hold. Where people have made an
order of their own, charts that are new, or were deleted and come back, are put into a new row of the tab in which they
are shipped. A new tab is added; where the layout has no such tabs, the row is the last of the first tab or of the grid.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from typing import Any
from uuid import uuid5

from superset_campaign_plugin.bundle.merging.three_way import (
    CONFLICT,
    KEPT,
    OVERWRITTEN,
    UPDATED,
    FieldDifference,
    Policy,
    merge,
)
from superset_campaign_plugin.superset_assets.identity import position_uuid

Position = dict[str, Any]

_ROOT, _GRID, _ROW, _CHART, _TAB = "ROOT_ID", "GRID_ID", "ROW", "CHART", "TAB"
# Nobody sees one of these without anything in it.
_UNSEEN_WHEN_EMPTY = (_ROW, "COLUMN", "GRID")
_COLUMNS = 12
PATH = ("layout",)
# What the grid knows of a component and Superset derives.
_DERIVED = frozenset(("chartId", "uuid"))


def merge_layout(
    before: Position | None,
    now: Position,
    there: Position,
    returned: Collection[str] = (),
    *,
    known: Collection[str] = (),
    overwrite: bool = False,
) -> tuple[Position, list[FieldDifference]]:
    """The merged position, and what differs from the shipped one.

    `before` is None where it is not known, and then `known` are the UUIDs of the charts that it had; `returned` are
    those of charts that were deleted and are made anew. The charts of `there` have their UUIDs in `meta`.
    """
    gone = set(returned) - set(_charts(there))
    shapes = {
        "before": None if before is None else _shape(before, without=gone),
        "now": _shape(now),
        "there": _shape(there),
    }
    differences: list[FieldDifference] = []
    if shapes["now"] == shapes["there"]:
        ours = False
    else:
        outcome = _outcome(shapes, None if before is None else _shape(before), overwrite)
        ours = outcome in (UPDATED, OVERWRITTEN)
        old = None if before is None else _outline(before)
        differences.append(FieldDifference(PATH, outcome, old, _outline(now), _outline(there)))
    metas = merge(
        {"cells": {} if before is None else _metas(before)},
        {"cells": _metas(now)},
        {"cells": {name: meta for name, meta in _metas(there).items() if name in _metas(now)}},
        Policy(),
        overwrite=overwrite,
    )
    if ours:
        merged = _in_places_of(now, there)
    else:
        merged = copy.deepcopy(there)
        if _add_missing(merged, before, now, known if before is None else set(_charts(before)), gone) | _take_out(
            merged, before, now
        ):
            differences = [] if _shape(merged) == shapes["now"] else differences
            differences.insert(
                0, FieldDifference(PATH, UPDATED, _outline(before or {}), _outline(now), _outline(there))
            )
    differences += _write_metas(merged, now, [each for each in metas if each.there is not None or ours], ours, there)
    _write_parents(merged)
    return merged, differences


def _outcome(shapes: dict[str, Any], before: Any, overwrite: bool) -> str:
    if shapes["there"] == shapes["before"]:
        return UPDATED
    if overwrite:
        return OVERWRITTEN
    return KEPT if before is None or before == shapes["now"] else CONFLICT


def charts_of(position: Position) -> dict[str, Any]:
    """The ids of the charts that stand in a position, by their UUIDs; without a UUID by the id itself."""
    return {str(meta.get("uuid") or meta.get("chartId")): meta.get("chartId") for meta in chart_metas(position)}


def chart_metas(position: Position) -> list[dict[str, Any]]:
    """What a position says of each chart that stands in it."""
    return [cell["meta"] for cell in _reachable(position) if cell["type"] == _CHART]


def _charts(position: Position) -> dict[str, str]:
    """The ids of the cells of charts by the charts' UUIDs."""
    cells = [cell for cell in _reachable(position) if cell["type"] == _CHART]
    return {cell["meta"]["uuid"]: cell["id"] for cell in reversed(cells) if cell["meta"].get("uuid")}


def _reachable(position: Position, start: str = _ROOT) -> Iterator[dict[str, Any]]:
    cell = position.get(start)
    if isinstance(cell, dict):
        yield cell
        for child in cell.get("children", []):
            yield from _reachable(position, child)


def _name(cell: dict[str, Any]) -> str:
    """How a component is known on every side."""
    uuid = cell.get("meta", {}).get("uuid") if cell["type"] == _CHART else None
    return str(uuid or cell["id"])


def _shape(position: Position, start: str = _ROOT, without: Collection[str] = ()) -> Any:
    """The nesting of everything that is seen; a row without anything in it is not."""
    cell = position.get(start)
    if not isinstance(cell, dict):
        return None
    inner = [_shape(position, child, without) for child in cell.get("children") or []]
    inner = [each for each in inner if each is not None]
    if not inner and cell["type"] in _UNSEEN_WHEN_EMPTY:
        return None
    if inner or cell["type"] == _TAB:
        return [cell["type"], inner]
    return None if _name(cell) in without else _name(cell)


def _outline(position: Position, start: str = _ROOT, tab: str = "") -> list[str]:
    """The rows as a person reads them, with the titles of their tabs."""
    cell = position.get(start)
    if not isinstance(cell, dict):
        return []
    if cell["type"] == _ROW:
        return [tab + " | ".join(_title(each) for each in _reachable(position, start) if each is not cell)]
    if cell["type"] == _TAB:
        tab = f"{tab}{_title(cell)}: "
    return [row for child in cell.get("children") or [] for row in _outline(position, child, tab)]


def _title(cell: dict[str, Any]) -> str:
    meta = cell.get("meta", {})
    return str(meta.get("sliceNameOverride") or meta.get("sliceName") or meta.get("text") or cell["type"].lower())


def _metas(position: Position) -> dict[str, dict[str, Any]]:
    """What is known of each component that is shipped, without what Superset derives."""
    found = [*_reachable(position), *([position["HEADER_ID"]] if "HEADER_ID" in position else [])]
    return {
        _name(cell): {key: value for key, value in cell["meta"].items() if key not in _DERIVED}
        for cell in found
        if "meta" in cell
    }


def _in_places_of(now: Position, there: Position) -> Position:
    """The shipped position, with the ids and the properties that the components have there."""
    cells, merged = _charts(there), copy.deepcopy(now)
    renamed = {id_: cells[uuid] for uuid, id_ in _charts(now).items() if uuid in cells}
    for cell in [each for each in merged.values() if isinstance(each, dict) and each.get("children")]:
        cell["children"] = [renamed.get(child, child) for child in cell["children"]]
    for old, new in renamed.items():
        merged[new] = {**merged.pop(old), "id": new, "meta": copy.deepcopy(there[new]["meta"])}
    for tab in _tabs(now) & _tabs(there):
        merged[tab]["meta"] = copy.deepcopy(there[tab].get("meta", {}))
    return merged


def _write_metas(
    merged: Position, now: Position, differences: list[FieldDifference], ours: bool, there: Position
) -> list[FieldDifference]:
    cells = {_name(cell): cell for cell in merged.values() if isinstance(cell, dict)}
    known = {_name(cell) for cell in there.values() if isinstance(cell, dict)}
    told = []
    for difference in differences:
        _, name, key = difference.path[0], difference.path[1], difference.path[-1]
        if name not in cells or name not in known:
            continue
        if difference.written:
            cells[name].setdefault("meta", {})[key] = difference.now
        told.append(FieldDifference((*PATH, _title(cells[name]), key), *_values(difference)))
    _keep_widths(merged, now)
    return told


def _values(difference: FieldDifference) -> tuple[str, Any, Any, Any]:
    return difference.outcome, difference.before, difference.now, difference.there


def _keep_widths(merged: Position, now: Position) -> None:
    """Superset cannot show a row that is wider than its grid: the shipped widths hold there."""
    widths = {_name(cell): cell["meta"]["width"] for cell in _reachable(now) if "width" in cell.get("meta", {})}
    for row in [cell for cell in _reachable(merged) if cell["type"] == _ROW]:
        cells = [merged[child] for child in row.get("children", []) if child in merged]
        if sum(cell.get("meta", {}).get("width", 0) for cell in cells) > _COLUMNS:
            for cell in cells:
                if _name(cell) in widths:
                    cell["meta"]["width"] = widths[_name(cell)]


def _add_missing(
    merged: Position, before: Position | None, now: Position, known: Collection[str], gone: Collection[str]
) -> bool:
    """Put charts that are new, or come back, into new rows below the others, as they stand side by side in `now`."""
    there = set(_charts(merged))
    wanted = {uuid for uuid in _charts(now) if uuid not in there and (uuid in gone or uuid not in known)}
    for row in [cell for cell in _reachable(now) if cell["type"] == _ROW]:
        cells = [copy.deepcopy(now[child]) for child in row["children"] if _name(now[child]) in wanted]
        if not cells:
            continue
        place = _place_for_rows(merged, before, now, row["id"])
        added = {**copy.deepcopy(row), "id": f"ROW-{uuid5(position_uuid(), '/'.join(map(_name, cells)))}"}
        added["children"] = [cell["id"] for cell in cells]
        merged |= {added["id"]: added} | {cell["id"]: cell for cell in cells}
        place["children"] = [*(place.get("children") or []), added["id"]]
    return bool(wanted)


def _place_for_rows(merged: Position, before: Position | None, now: Position, row: str) -> dict[str, Any]:
    """Where a shipped row goes: into its own tab, which is added if it is new, else into the first tab or the grid."""
    standing = {cell["id"]: cell for cell in _reachable(merged)}
    tab = _tab_of(now, row)
    if tab is not None and tab["id"] in standing:
        return standing[tab["id"]]
    if tab is not None and (before is None or tab["id"] not in _tabs(before)):
        added = _add_tab(merged, now, tab)
        if added is not None:
            return added
    tabs = [cell for cell in standing.values() if cell["type"] == _TAB]
    place: dict[str, Any] = tabs[0] if tabs else merged[_GRID]
    return place


def _add_tab(merged: Position, now: Position, tab: dict[str, Any]) -> dict[str, Any] | None:
    """Put an empty tab behind those that it is shipped behind; None where its group of tabs is not there."""
    group = next(cell for cell in _reachable(now) if tab["id"] in (cell.get("children") or []))
    if all(cell["id"] != group["id"] for cell in _reachable(merged)):
        return None
    children = merged[group["id"]]["children"]
    earlier = group["children"][: group["children"].index(tab["id"])]
    children.insert(max((children.index(each) + 1 for each in earlier if each in children), default=0), tab["id"])
    added = merged[tab["id"]] = {**copy.deepcopy(tab), "children": []}
    return added


def _tab_of(position: Position, row: str) -> dict[str, Any] | None:
    """The tab that holds a row, if any."""
    tabs = [cell for cell in _reachable(position) if cell["type"] == _TAB]
    return next((tab for tab in tabs if any(each["id"] == row for each in _reachable(position, tab["id"]))), None)


def _take_out(merged: Position, before: Position | None, now: Position) -> bool:
    """Take out the charts that are shipped no more, and the rows and shipped tabs that hold nothing then."""
    shipped_no_more = set() if before is None else set(_charts(before)) - set(_charts(now))
    tabs = set() if before is None else _tabs(before) - _tabs(now)
    cells = {id_ for uuid, id_ in _charts(merged).items() if uuid in shipped_no_more}
    taken = bool(cells)
    for id_ in cells:
        del merged[id_]
    while cells:
        holders = [each for each in merged.values() if isinstance(each, dict) and cells & set(each.get("children", []))]
        for holder in holders:
            holder["children"] = [child for child in holder["children"] if child not in cells]
        empty = [each for each in holders if not each["children"]]
        cells = {each["id"] for each in empty if each["type"] in (_ROW, "COLUMN") or each["id"] in tabs}
        for id_ in cells:
            del merged[id_]
    return taken


def _tabs(position: Position) -> set[str]:
    return {cell["id"] for cell in _reachable(position) if cell["type"] == _TAB}


def _write_parents(position: Position) -> None:
    def walk(id_: str, parents: list[str]) -> None:
        cell = position.get(id_)
        if isinstance(cell, dict):
            if parents:
                cell["parents"] = parents
            for child in cell.get("children", []):
                walk(child, [*parents, id_])

    walk(_ROOT, [])

"""The merge of a dashboard's grid: whatever people moved and a release moved, it is whole and nothing is lost."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from superset_campaign_plugin.bundle.merging.dashboard_layout import charts_of, merge_layout

CHARTS = ["a", "b", "c", "d", "e"]
THEIRS = ["x", "y"]


def position(rows: list[list[str]], widths: dict[str, int] | None = None, tabs: bool = False) -> dict[str, Any]:
    """A grid of rows of charts; a name in capitals is a text."""
    place = {"id": "TAB-1", "type": "TAB", "meta": {"text": "First"}} if tabs else {"id": "GRID_ID", "type": "GRID"}
    made: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"id": "ROOT_ID", "type": "ROOT", "children": ["TABS-1" if tabs else "GRID_ID"]},
        "GRID_ID": {"id": "GRID_ID", "type": "GRID", "children": []},
        "HEADER_ID": {"id": "HEADER_ID", "type": "HEADER", "meta": {"text": "Report"}},
    }
    if tabs:
        made["TABS-1"] = {"id": "TABS-1", "type": "TABS", "children": ["TAB-1"], "meta": {}}
    made[place["id"]] = {**place, "children": [f"ROW-{number}" for number, _ in enumerate(rows)]}
    for number, row in enumerate(rows):
        made[f"ROW-{number}"] = {"id": f"ROW-{number}", "type": "ROW", "children": [f"CHART-{name}" for name in row]}
        for name in row:
            made[f"CHART-{name}"] = (
                {"id": f"CHART-{name}", "type": "MARKDOWN", "children": [], "meta": {"code": name, "width": 2}}
                if name.isupper()
                else {
                    "id": f"CHART-{name}",
                    "type": "CHART",
                    "children": [],
                    "meta": {"uuid": name, "sliceName": name, "width": (widths or {}).get(name, 4), "height": 20},
                }
            )
    return made


def grid(names: list[str], least: int = 0) -> st.SearchStrategy[list[list[str]]]:
    """Rows of three charts at most, each chart once."""
    return st.lists(st.sampled_from(names), unique=True, min_size=least).map(
        lambda chosen: [chosen[place : place + 3] for place in range(0, len(chosen), 3)]
    )


def tabbed(tabs: dict[str, list[list[str]]]) -> dict[str, Any]:
    """Tabs with rows of charts, as a release ships them."""
    made = position([])
    made["ROOT_ID"]["children"] = ["TABS-1"]
    made["TABS-1"] = {"id": "TABS-1", "type": "TABS", "children": [f"TAB-{name}" for name in tabs], "meta": {}}
    for name, rows in tabs.items():
        below = {id_: cell for id_, cell in position(rows).items() if id_.startswith(("ROW", "CHART"))}
        named = json.loads(json.dumps(below).replace("ROW-", f"ROW-{name}-"))
        children = [id_ for id_ in named if id_.startswith("ROW")]
        made[f"TAB-{name}"] = {"id": f"TAB-{name}", "type": "TAB", "children": children, "meta": {"text": name}}
        made |= named
    return made


def sheets(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """One page, or up to three tabs; each chart stands once at most."""
    cut = st.lists(st.integers(0, len(names)), min_size=2, max_size=2).map(sorted)
    chosen = st.lists(st.sampled_from(names), unique=True, min_size=1)

    def lay(order: list[str], at: list[int], one_page: bool) -> dict[str, Any]:
        if one_page:
            return position([[name] for name in order])
        parts = (order[: at[0]], order[at[0] : at[1]], order[at[1] :])
        return tabbed({name: [[each] for each in part] for name, part in zip("pqr", parts, strict=True) if part})

    return st.builds(lay, chosen, cut, st.booleans())


def titles(found: dict[str, Any]) -> dict[str, list[str]]:
    """The charts of each tab, by its title."""
    return {
        tab["meta"]["text"]: [cell["meta"]["uuid"] for cell in walk(found, tab["id"]) if cell["type"] == "CHART"]
        for tab in walk(found)
        if tab["type"] == "TAB"
    }


def standing(found: dict[str, Any]) -> list[list[str]]:
    rows = [cell for cell in walk(found) if cell["type"] == "ROW"]
    return [
        [found[child]["meta"].get("uuid") or found[child]["meta"]["code"] for child in row["children"]] for row in rows
    ]


def walk(found: dict[str, Any], start: str = "ROOT_ID") -> list[dict[str, Any]]:
    cell = found[start]
    return [cell, *(each for child in cell.get("children", []) for each in walk(found, child))]


def check_whole(found: dict[str, Any]) -> None:
    """Every component has one place, knows the way to it, and fits into its row."""
    ids = [cell["id"] for cell in walk(found)]
    assert len(ids) == len(set(ids))
    assert {cell["id"] for cell in found.values() if isinstance(cell, dict)} <= {*ids, "HEADER_ID", "GRID_ID"}
    for cell in walk(found):
        for child in cell.get("children", []):
            assert found[child]["parents"] == [*cell.get("parents", []), cell["id"]]
        if cell["type"] == "ROW":
            assert cell["children"]
            assert sum(found[child]["meta"]["width"] for child in cell["children"]) <= 12


WIDTHS = st.dictionaries(st.sampled_from(CHARTS), st.sampled_from([2, 3, 4]))


@given(
    before=grid(CHARTS, 1),
    now=grid(CHARTS, 1),
    there=grid([*CHARTS, *THEIRS, "T"]),
    tabs=st.booleans(),
    widths=st.tuples(WIDTHS, WIDTHS, WIDTHS),
)
def test_nothing_is_lost_and_nothing_stands_twice(
    before: Any, now: Any, there: Any, tabs: bool, widths: tuple[Any, Any, Any]
) -> None:
    sides = [position(rows, own) for rows, own in zip((before, now), widths, strict=False)]
    merged, _ = merge_layout(*sides, position(there, widths[2], tabs))
    check_whole(merged)
    shown = {name for row in standing(merged) for name in row}
    old, new, theirs = ({name for row in rows for name in row} for rows in (before, now, there))
    # People's own stay, what a release brings comes, what it takes goes, and what people took out stays out.
    if standing(position(before)) != standing(position(there)) or tabs:
        assert shown == (theirs - (old - new)) | (new - old)
    else:
        assert standing(merged) == now
    again, second = merge_layout(sides[1], sides[1], copy.deepcopy(merged))
    assert again == merged
    assert not [each for each in second if each.written]


@given(before=grid(CHARTS, 1), now=grid(CHARTS, 1))
def test_a_grid_that_nobody_touched_is_as_shipped(before: Any, now: Any) -> None:
    # As Superset saves it: other ids of the charts' cells, and the charts' own ids.
    saved = json.loads(json.dumps(position(before)).replace("CHART-", "CHART-saved-"))
    merged, differences = merge_layout(position(before), position(now), saved)
    check_whole(merged)
    assert standing(merged) == now
    assert all(each.written for each in differences)


@given(before=grid(CHARTS, 2), now=grid(CHARTS, 2), data=st.data())
def test_a_chart_that_was_deleted_comes_back(before: Any, now: Any, data: st.DataObject) -> None:
    old = [name for row in before for name in row]
    deleted = data.draw(st.sampled_from(old))
    without = [[name for name in row if name != deleted] for row in before]
    merged, _ = merge_layout(position(before), position(now), position([row for row in without if row]), [deleted])
    check_whole(merged)
    assert standing(merged) == now


@given(before=sheets(CHARTS), now=sheets(CHARTS), there=sheets([*CHARTS, *THEIRS]))
def test_pages_and_tabs_are_whole_after_an_upgrade(before: Any, now: Any, there: Any) -> None:
    """Whichever side has tabs: no chart is lost, none stands twice, and a second upgrade changes nothing."""
    merged, _ = merge_layout(before, now, copy.deepcopy(there))
    check_whole(merged)
    old, new, theirs, shown = (set(charts_of(each)) for each in (before, now, there, merged))
    if nested(before) == nested(there):
        assert nested(merged) == nested(now)
    else:
        assert shown == (theirs - (old - new)) | (new - old)
    again, second = merge_layout(now, now, copy.deepcopy(merged))
    assert again == merged
    assert not [each for each in second if each.written]


def nested(found: dict[str, Any], start: str = "ROOT_ID") -> Any:
    """What holds what; nothing that holds nothing."""
    cell = found[start]
    if cell["type"] == "CHART":
        return cell["meta"]["uuid"]
    return cell["type"], [each for each in (nested(found, child) for child in cell.get("children", [])) if each]


def test_a_page_that_nobody_touched_gets_its_tabs() -> None:
    now = tabbed({"First": [["a", "b"]], "Second": [["c"]]})
    saved = json.loads(json.dumps(position([["a", "b"], ["c"]])).replace("CHART-", "CHART-saved-"))
    merged, differences = merge_layout(position([["a", "b"], ["c"]]), now, saved)
    check_whole(merged)
    assert titles(merged) == {"First": ["a", "b"], "Second": ["c"]}
    (layout,) = [each for each in differences if each.path == ("layout",)]
    assert (layout.outcome, layout.now) == ("updated", ["First: a | b", "Second: c"])


def test_a_page_that_people_changed_stays_one_and_gets_what_is_new() -> None:
    now = tabbed({"First": [["a", "b"]], "Second": [["c"]]})
    merged, differences = merge_layout(position([["a", "b"]]), now, position([["T"], ["b", "a"]]))
    check_whole(merged)
    assert standing(merged) == [["T"], ["b", "a"], ["c"]]
    assert [each.outcome for each in differences if each.path == ("layout",)] == ["updated", "conflict"]


def test_a_new_tab_comes_beside_those_that_people_changed() -> None:
    before = tabbed({"First": [["a"], ["b"]], "Last": [["c"]]})
    now = tabbed({"First": [["a"], ["b"], ["e"]], "New": [["d"]], "Last": [["c"]]})
    there = tabbed({"First": [["b"], ["a"], ["x"]], "Last": [["c"]]})
    there["TAB-Last"]["meta"]["text"] = "Our last"
    merged, _ = merge_layout(before, now, there)
    check_whole(merged)
    assert titles(merged) == {"First": ["b", "a", "x", "e"], "New": ["d"], "Our last": ["c"]}
    assert list(titles(merged)) == ["First", "New", "Our last"]
    again, _ = merge_layout(now, before, copy.deepcopy(merged))
    check_whole(again)
    assert titles(again) == {"First": ["b", "a", "x"], "Our last": ["c"]}


def test_a_tab_that_people_named_keeps_its_name_when_charts_move() -> None:
    before, now = tabbed({"First": [["a"], ["b"]]}), tabbed({"First": [["b"], ["a"]]})
    there = copy.deepcopy(before)
    there["TAB-First"]["meta"]["text"] = "Ours"
    merged, _ = merge_layout(before, now, there)
    assert titles(merged) == {"Ours": ["b", "a"]}


def test_a_tab_that_people_took_out_stays_out() -> None:
    before = tabbed({"First": [["a"]], "Last": [["c"]]})
    now = tabbed({"First": [["a"]], "Last": [["c"], ["d"]]})
    merged, _ = merge_layout(before, now, tabbed({"First": [["a"]]}))
    assert titles(merged) == {"First": ["a", "d"]}


def test_a_width_that_people_chose_stays_where_it_fits() -> None:
    before, now = position([["a", "b"]]), position([["a"], ["b", "c"]])
    merged, _ = merge_layout(before, now, position([["a", "b"]], {"b": 8}))
    assert standing(merged) == [["a"], ["b", "c"]]
    assert merged["CHART-b"]["meta"]["width"] == 8
    wider = position([["a"], ["b", "c"]], {"c": 6})
    merged, _ = merge_layout(before, wider, position([["a", "b"]], {"b": 8}))
    assert merged["CHART-b"]["meta"]["width"] == 4


def test_both_orders_are_named() -> None:
    _, differences = merge_layout(position([["a"], ["b"]]), position([["a", "b"]]), position([["b"], ["a"]]))
    (conflict,) = [each for each in differences if each.path == ("layout",)]
    assert (conflict.outcome, conflict.now, conflict.there) == ("conflict", ["a | b"], ["b", "a"])


def test_charts_are_known_by_their_uuid() -> None:
    assert charts_of(position([["a"], ["b"]])) == {"a": None, "b": None}

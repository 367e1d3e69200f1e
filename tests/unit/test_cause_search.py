"""The search for causes on made-up effects: each cause adds a number to some cells, and an export is made of some."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superset_campaign_plugin.reporting.cause_search import Causes, Search
from superset_campaign_plugin.reporting.causes import Cause


def cause(name: str, group: str | None = None) -> Cause:
    return Cause(group or name, name, "", name, None, ())


A, B, C, D = map(cause, "ABCD")
ZONES = [cause(f"zone {number}", "zone") for number in range(5)]
Effects = dict[Cause, list[int]]


def search(effects: Effects, export: list[int]) -> dict[int, list[Causes]]:
    def exact(causes: Causes) -> frozenset[int]:
        return frozenset(
            cell for cell, value in enumerate(export) if sum(effects[each][cell] for each in causes) == value
        )

    def changed(causes: Causes) -> frozenset[int]:
        return frozenset(cell for cell in range(len(export)) if sum(effects[each][cell] for each in causes))

    return Search([*effects], exact, changed, len(export)).run()


def made_with(effects: Effects, *causes: Cause) -> list[int]:
    return [sum(effects[each][cell] for each in causes) for cell in range(len(next(iter(effects.values()))))]


EFFECTS = {A: [1, 0, 0, 2, 3], B: [0, 10, 0, 20, 30], C: [0, 0, 100, 0, 300], D: [1, 1000, 0, 0, 0]}


def test_nothing_differs() -> None:
    assert search(EFFECTS, [0, 0, 0, 0, 0]) == {}


def test_one_cause() -> None:
    assert search(EFFECTS, made_with(EFFECTS, A)) == {0: [{A}], 3: [{A}], 4: [{A}]}


def test_a_cell_needs_as_few_causes_as_it_takes() -> None:
    assert search(EFFECTS, made_with(EFFECTS, A, B)) == {0: [{A}], 1: [{B}], 3: [{A, B}], 4: [{A, B}]}
    assert search(EFFECTS, made_with(EFFECTS, A, B, C)) == {0: [{A}], 1: [{B}], 2: [{C}], 3: [{A, B}], 4: [{A, B, C}]}


def test_causes_that_do_the_same_are_alternatives() -> None:
    effects = {A: [1, 2], B: [1, 2], C: [0, 7]}
    assert search(effects, [1, 2]) == {0: [{A}, {B}], 1: [{A}, {B}]}


def test_what_another_cell_speaks_against_is_not_named() -> None:
    """D would explain the first cell, but then the second one would differ, which is equal."""
    assert search({D: EFFECTS[D]}, [1, 0, 0, 0, 0]) == {0: []}
    assert search(EFFECTS, [1, 0, 0, 2, 3]) == {0: [{A}], 3: [{A}], 4: [{A}]}


def test_what_no_cause_explains_stays_so_beside_what_is_explained() -> None:
    found = search(EFFECTS, [1, 0, 5, 2, 3])
    assert found == {0: [{A}], 2: [], 3: [{A}], 4: [{A}]}


def test_of_a_group_one_holds() -> None:
    effects = {zone: [number, 10 * number] for number, zone in enumerate(ZONES, 1)}
    assert search(effects, [3, 30]) == {0: [{ZONES[2]}], 1: [{ZONES[2]}]}
    assert search(effects, [3, 40]) in ({0: [{ZONES[2]}], 1: [{ZONES[3]}]}, {0: [], 1: []})


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_set_is_found(size: int) -> None:
    for causes in itertools.combinations(EFFECTS, size):
        export = made_with(EFFECTS, *causes)
        found = search(EFFECTS, export)
        assert {each for sets in found.values() for one in sets for each in one} == {*causes}
        assert all(sets for sets in found.values())


@given(
    st.lists(st.lists(st.integers(-2, 2), min_size=5, max_size=5), min_size=4, max_size=4),
    st.lists(st.integers(-3, 3), min_size=5, max_size=5),
)
def test_what_is_named_makes_the_cell_exact_and_nothing_smaller_does(
    effects: list[list[int]], export: list[int]
) -> None:
    own = dict(zip((A, B, C, D), effects, strict=True))
    for cell, sets in search(own, export).items():
        assert export[cell] != 0
        for causes in sets:
            assert sum(own[each][cell] for each in causes) == export[cell]
            for size in range(1, len(causes)):
                for part in itertools.combinations(causes, size):
                    assert sum(own[each][cell] for each in part) != export[cell]

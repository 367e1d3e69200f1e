"""The three-way merge, against what it means: nobody's edit is lost, and nothing that nobody edited is outdated."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from superset_campaign_plugin.bundle.merging.three_way import CONFLICT, KEPT, UPDATED, WRITTEN, Policy, merge, put, same

NAMES = st.sampled_from(["title", "css", "limit"])
VALUES = st.one_of(st.none(), st.booleans(), st.integers(0, 2), st.sampled_from(["", "a", "b"]), st.just([1]))
FIELDS = st.dictionaries(NAMES, VALUES, max_size=3)
RECORDS = st.dictionaries(st.sampled_from(["one", "two", "three"]), st.fixed_dictionaries({"name": VALUES}), max_size=3)
DOCUMENTS = st.builds(lambda fields, params: {**fields, "params": params}, FIELDS, FIELDS)
PLAIN = Policy()
WITH_RECORDS = Policy(records=frozenset(("filters",)))


def applied(there: dict[str, Any], differences: list[Any]) -> dict[str, Any]:
    """The document after what the merge says was written."""
    document = copy.deepcopy(there)
    for difference in differences:
        if difference.written:
            put(document, difference.path, copy.deepcopy(difference.now))
    return document


def paths(*documents: dict[str, Any]) -> set[tuple[str, ...]]:
    return {
        (key, *inner)
        for document in documents
        for key, value in document.items()
        for inner in ([(each,) for each in value] if isinstance(value, dict) else [()])
    }


def get(document: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = document
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


@given(before=DOCUMENTS, now=DOCUMENTS, there=DOCUMENTS)
def test_each_field_is_of_who_changed_it(before: Any, now: Any, there: Any) -> None:
    differences = merge(before, now, there, PLAIN)
    after = applied(there, differences)
    outcomes = {difference.path: difference.outcome for difference in differences}
    for path in paths(before, now):
        old, new, theirs = (get(document, path) for document in (before, now, there))
        if same(theirs, old):
            assert same(get(after, path), new)
        else:
            assert get(after, path) == theirs
            assert same(theirs, new) or outcomes[path] == (KEPT if same(old, new) else CONFLICT)


@given(before=DOCUMENTS, now=DOCUMENTS, there=DOCUMENTS)
def test_what_nobody_ships_stays(before: Any, now: Any, there: Any) -> None:
    after = applied(there, merge(before, now, there, PLAIN))
    assert {path: get(after, path) for path in paths(there) - paths(before, now)} == {
        path: get(there, path) for path in paths(there) - paths(before, now)
    }


@given(before=st.none() | DOCUMENTS, now=DOCUMENTS, there=DOCUMENTS, overwrite=st.booleans())
def test_a_second_installation_writes_nothing(before: Any, now: Any, there: Any, overwrite: bool) -> None:
    after = applied(there, merge(before, now, there, PLAIN, overwrite=overwrite))
    assert not [each for each in merge(now, now, after, PLAIN) if each.outcome in WRITTEN]


@given(before=DOCUMENTS, now=DOCUMENTS, there=DOCUMENTS)
def test_overwriting_leaves_what_is_shipped(before: Any, now: Any, there: Any) -> None:
    after = applied(there, merge(before, now, there, PLAIN, overwrite=True))
    assert all(same(get(after, path), get(now, path)) for path in paths(before, now))


@given(before=RECORDS, now=RECORDS, there=RECORDS)
def test_records_come_and_go_as_a_whole(before: Any, now: Any, there: Any) -> None:
    differences = merge({"filters": before}, {"filters": now}, {"filters": there}, WITH_RECORDS)
    after = applied({"filters": there}, differences).get("filters", {})
    for name in {*before, *now, *there}:
        if name not in there:  # people removed it, or it was never there
            assert (name in after) == (name in now and name not in before)
        elif name in before and name not in now:  # it is shipped no more
            assert (name in after) == (not same(there[name], before[name]))
        elif name not in now:  # it is people's own
            assert after[name] == there[name]


def test_what_is_always_shipped_replaces_an_edit_and_names_it() -> None:
    policy = Policy(follows=lambda path: path == ("sql",), restored=lambda path: path == ("type",))
    differences = merge(
        {"sql": "1", "type": "time"}, {"sql": "2", "type": "time"}, {"sql": "theirs", "type": None}, policy
    )
    assert {(each.path, each.outcome, each.now, each.there) for each in differences} == {
        (("sql",), "replaced", "2", "theirs"),
        (("type",), "restored", "time", None),
    }
    # As long as no other SQL is shipped, theirs is not outdated.
    (kept,) = merge({"sql": "1"}, {"sql": "1"}, {"sql": "theirs"}, policy)
    assert kept.outcome == KEPT


def test_where_nothing_is_known_of_before_peoples_values_stay_but_for_the_figures() -> None:
    policy = Policy(follows=lambda path: path == ("sql",))
    found = merge(None, {"sql": "2", "title": "Ours"}, {"sql": "1", "title": "Theirs"}, policy)
    assert {(each.path[0], each.outcome) for each in found} == {("sql", "replaced"), ("title", "kept")}


def test_what_superset_writes_out_is_no_edit() -> None:
    shipped = {"subject": "day", "operator": "IN"}
    saved = {**shipped, "filterOptionName": "filter_1", "isExtra": False, "sqlExpression": None, "isNew": False}
    assert same([shipped], [saved])
    assert same("a\nb\n", "a\r\nb")
    assert same(None, {})
    assert not same([shipped], [{**saved, "operator": "NOT IN"}])


def test_an_option_that_is_shipped_off_is_written_where_it_was_absent() -> None:
    """Superset takes some absent options for on, such as that a column is shown; what is written once stays quiet."""
    before, now = {"params": {"column": {"width": 1}}}, {"params": {"column": {"width": 1, "visible": False}}}
    [difference] = merge(before, now, {"params": {"column": {"width": 1}}}, Policy())
    assert (difference.path, difference.outcome) == (("params", "column", "visible"), UPDATED)
    assert merge(now, now, {"params": {"column": {"width": 1}}}, Policy()) == []
    assert merge(now, now, now, Policy()) == []

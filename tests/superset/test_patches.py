"""Each patch wraps the method that its record names, once; another method stops the start, or is left as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from changed_superset import GONE, MORE, RENAMED, change
from deployment import Deployment

from superset_campaign_plugin.errors import HookError
from superset_campaign_plugin.host.patching import applied, apply, places
from superset_campaign_plugin.host.records import GUEST_RULES, PATCHES, SELECT, VALUES_ERRORS, Patch, Target
from superset_campaign_plugin.versions import superset_release

NAMES = [patch.name for patch in PATCHES]
REQUIRED = [patch for patch in PATCHES if patch.required]
OPTIONAL = [patch for patch in PATCHES if not patch.required]
named = pytest.mark.parametrize("patch", PATCHES, ids=NAMES)
in_every_way = pytest.mark.parametrize("way", [MORE, RENAMED, GONE])


def load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name) if name else import_module(module)


def target_of(patch: Patch) -> Target:
    target = patch.target(superset_release())
    if target is None:
        pytest.skip("this release has no such method")
    return target


def change_for_a_while(monkeypatch: pytest.MonkeyPatch, patch: Patch, way: str) -> None:
    def put(where: Any, name: str, method: Any) -> None:
        monkeypatch.setattr(where, name, method, raising=False)

    change(patch, way, put, monkeypatch.delattr)


def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **options: Any) -> Any:
        return method(*args, **options)

    return wrapper


def test_every_record_has_a_name_of_its_own() -> None:
    assert len(set(NAMES)) == len(NAMES)
    for patch in PATCHES:
        assert patch.required or patch.without, f"{patch.name}: what lacks a deployment without it?"


@pytest.mark.parametrize("patch", REQUIRED, ids=lambda patch: patch.name)
def test_each_that_is_required_is_in_place_once(deployment: Deployment, patch: Patch) -> None:
    target_of(patch)
    before = {where: vars(where)[name] for where, name in places(patch)}
    assert any(patch.name in applied(kept) for kept in before.values())
    assert apply(patch, wrap)
    assert {where: vars(where)[name] for where, name in places(patch)} == before


@in_every_way
@pytest.mark.parametrize("patch", REQUIRED, ids=lambda patch: patch.name)
def test_a_required_one_that_differs_stops_the_start(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, patch: Patch, way: str
) -> None:
    """In the mutator, by which Superset calls the plugin, and before anything of the plugin is registered."""
    from superset_campaign_plugin import init_app

    change_for_a_while(monkeypatch, patch, way)
    hooks = list(deployment.app.before_request_funcs[None])
    with pytest.raises(HookError) as error:
        init_app(deployment.app)
    text = str(error.value)
    assert f"Superset {superset_release()[0]}.{superset_release()[1]}" in text
    # Two patches may wrap one method, and the first of them speaks.
    same = [each.name for each in PATCHES if method_of(each) == target_of(patch).method]
    assert any(f"the patch {name} " in text for name in same), text
    assert target_of(patch).method in text
    assert "\n" not in text
    assert deployment.app.before_request_funcs[None] == hooks


def method_of(patch: Patch) -> str | None:
    target = patch.target(superset_release())
    return target.method if target else None


@in_every_way
@pytest.mark.parametrize("patch", OPTIONAL, ids=lambda patch: patch.name)
def test_an_optional_one_that_differs_is_left_out_and_logged(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, patch: Patch, way: str
) -> None:
    change_for_a_while(monkeypatch, patch, way)
    before = {where: vars(where).get(name) for where, name in places(patch)}
    with caplog.at_level(logging.WARNING):
        assert not apply(patch, wrap)
    assert {where: vars(where).get(name) for where, name in places(patch)} == before
    [record] = caplog.records
    assert f"the patch {patch.name} was not written" in record.getMessage()
    assert patch.without in record.getMessage()


def test_another_method_of_a_release_that_has_none_is_seen(deployment: Deployment) -> None:
    """A record that names no target for a release says that nothing is there to be wrapped."""
    names_none = Patch("test", (Target(SELECT.targets[0].owners, "values_for_column", (), ()),), True, "why", "until")
    with pytest.raises(HookError, match=r"has a method SqlaTable\.values_for_column"):
        apply(names_none, wrap)
    nothing = Patch("test", (Target(SELECT.targets[0].owners, "no_such_method", (), ()),), True, "why", "until")
    assert not apply(nothing, wrap)


def test_what_overrides_a_method_is_wrapped_as_well(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release may give the dataset a method of its own, which the wrapper of the general one would not see."""

    def values_for_column(self: Any, column_name: str, limit: int, denormalize_column: bool) -> None: ...

    table = load("superset.connectors.sqla.models:SqlaTable")
    monkeypatch.setattr(table, "values_for_column", values_for_column, raising=False)
    assert apply(VALUES_ERRORS, wrap)
    assert vars(table)["values_for_column"].__wrapped__ is values_for_column


def test_a_deployments_own_class_is_wrapped(deployment: Deployment) -> None:
    """A security manager of the deployment's own may make guests in its own way."""

    class Ours(load(GUEST_RULES.targets[0].owners[0])):  # type: ignore[misc]
        def get_guest_user_from_token(self, token: Any) -> str:
            return "theirs"

    made = vars(Ours)["get_guest_user_from_token"]
    assert apply(GUEST_RULES, wrap, Ours)
    assert vars(Ours)["get_guest_user_from_token"].__wrapped__ is made

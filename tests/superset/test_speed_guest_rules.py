"""A guest's row rules are those that Superset finds by itself, for every dataset, and cost no description of it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from deployment import Deployment


@pytest.fixture
def tables(deployment: Deployment) -> Iterator[list[Any]]:
    """The datasets of the plugin, within a request of nobody."""
    from superset_campaign_plugin.superset_assets.installed_assets import installed_datasets

    with deployment.app.test_request_context():
        yield installed_datasets()


def as_guest(monkeypatch: pytest.MonkeyPatch, rules: list[dict[str, Any]]) -> Any:
    from superset import security_manager

    guest = SimpleNamespace(rls=rules)
    monkeypatch.setattr(security_manager, "get_current_guest_user_if_guest", lambda: guest)
    return security_manager


def test_each_dataset_has_its_own_rules_and_those_of_all(tables: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tables[:2]
    rules = [
        {"clause": "for the first", "dataset": first.id},
        {"clause": "for the second", "dataset": str(second.id)},
        {"clause": "for all"},
        {"clause": "for none that is there", "dataset": 1_000_000},
    ]
    manager = as_guest(monkeypatch, rules)
    assert manager.get_guest_rls_filters(first) == [rules[0], rules[2]]
    assert manager.get_guest_rls_filters(second) == [rules[1], rules[2]]
    described = SimpleNamespace(id=first.id, data={"id": first.id})  # what is no dataset goes the way it went
    assert manager.get_guest_rls_filters(described) == [rules[0], rules[2]]


def test_no_dataset_is_described(tables: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from superset.connectors.sqla.models import SqlaTable

    def described(_: Any) -> None:
        raise AssertionError("the dataset was described")

    manager = as_guest(monkeypatch, [{"clause": "mine", "dataset": tables[0].id}])
    monkeypatch.setattr(SqlaTable, "data", property(described))
    assert [rule["clause"] for rule in manager.get_guest_rls_filters(tables[0])] == ["mine"]


def test_whoever_is_no_guest_has_none(tables: list[Any]) -> None:
    from superset import security_manager

    assert security_manager.get_guest_rls_filters(tables[0]) == []

"""A Superset that lacks a method by which people are kept to their rows does not start; the others are wrapped once."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from deployment import Deployment

from superset_campaign_plugin.errors import HookError

# The part of the plugin, and what it wraps where: every line of the table in docs/superset-versions.md.
WRAPPED = [
    ("conditions", "superset.models.helpers", "ExploreMixin", "get_sqla_query"),
    ("expressions", "superset.common.query_context_processor", "QueryContextProcessor", "get_native_annotation_data"),
    ("expressions", "superset.models.helpers", "ExploreMixin", "_process_orderby_expression"),
    ("expressions", "superset.models.helpers", "ExploreMixin", "_process_select_expression"),
    ("expressions", "superset.models.helpers", "ExploreMixin", "validate_expression"),
    ("failures", "superset.connectors.sqla.models", "SqlaTable", "external_metadata"),
    ("failures", "superset.connectors.sqla.models", "SqlaTable", "query"),
    ("failures", "superset.models.helpers", "ExploreMixin", "get_query_result"),
    ("failures", "superset.models.helpers", "ExploreMixin", "get_query_str_extended"),
    ("failures", "superset.models.helpers", "ExploreMixin", "validate_expression"),
    ("failures", "superset.models.helpers", "ExploreMixin", "values_for_column"),
]


def owner_of(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


def register(part: str) -> None:
    import_module(f"superset_campaign_plugin.embedding.{part}").register()


@pytest.mark.parametrize(("part", "module", "owner", "method"), WRAPPED)
def test_each_is_wrapped_once(deployment: Deployment, part: str, module: str, owner: str, method: str) -> None:
    where = owner_of(module, owner)
    once = vars(where)[method]
    assert f"superset_campaign_plugin.embedding.{part}" in getattr(once, "__func__", once).campaign_hooks
    register(part)
    assert vars(where)[method] is once


@pytest.mark.parametrize(("part", "module", "owner", "method"), WRAPPED)
def test_without_it_superset_does_not_start(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, part: str, module: str, owner: str, method: str
) -> None:
    processor = owner_of("superset.common.query_context_processor", "QueryContextProcessor")
    # A dataset has some from several classes, and one is in another place in 6.0, which is taken where it is not here.
    for each in (processor, *owner_of("superset.connectors.sqla.models", "SqlaTable").__mro__):
        if method in vars(each):
            monkeypatch.delattr(each, method)
    with pytest.raises(HookError) as error:
        register(part)
    assert f".{method}(" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_parameter_that_is_looked_at_must_be_there(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    def get_sqla_query(self: Any, filters: Any = None) -> None: ...

    monkeypatch.setattr(owner_of("superset.models.helpers", "ExploreMixin"), "get_sqla_query", get_sqla_query)
    with pytest.raises(HookError, match=r"get_sqla_query\(self, filter, "):
        register("conditions")


def test_what_overrides_a_method_is_wrapped_as_well(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release may give the dataset a method of its own, which the wrapper of the general one would not see."""

    def values_for_column(self: Any, *_: Any, **__: Any) -> None: ...

    table = owner_of("superset.connectors.sqla.models", "SqlaTable")
    monkeypatch.setattr(table, "values_for_column", values_for_column, raising=False)
    register("failures")
    assert vars(table)["values_for_column"].__wrapped__ is values_for_column

"""Each shortcut wraps one method of Superset once, and leaves a Superset without that method as it is."""

from __future__ import annotations

from importlib import import_module

import pytest
from deployment import Deployment

from superset_campaign_plugin.shortcuts import take_shortcuts

METHODS = [
    ("superset.models.core", "Database", "get_default_schema"),
    ("superset.security.manager", "SupersetSecurityManager", "get_guest_rls_filters"),
    ("superset.sql.parse", "SQLStatement", "_parse"),
    ("flask_appbuilder.security.sqla.manager", "SecurityManager", "exist_permission_on_roles"),
    ("superset.utils.date_parser", None, "datetime_eval"),
]


@pytest.mark.parametrize(("module", "owner", "method"), METHODS)
def test_once_or_not_at_all(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, module: str, owner: str | None, method: str
) -> None:
    where = import_module(module) if owner is None else getattr(import_module(module), owner)
    once = vars(where)[method]
    assert "superset_campaign_plugin" in getattr(once, "__func__", once).__module__
    take_shortcuts()
    assert vars(where)[method] is once
    monkeypatch.delattr(where, method)
    take_shortcuts()
    assert method not in vars(where)

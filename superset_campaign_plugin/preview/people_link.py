"""The link from an email's figures to the people behind them, for whoever may see these.

The dashboard about people takes the values of its filters from its address, in Superset's parameter `native_filters`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import prison  # type: ignore[import-untyped]
from flask import request
from superset import security_manager
from superset.connectors.sqla.models import SqlaTable
from superset.models.dashboard import Dashboard

from superset_campaign_plugin.emails.key import EmailKey
from superset_campaign_plugin.embedding import guests
from superset_campaign_plugin.preview.insight import dashboard_of
from superset_campaign_plugin.preview.scope import Scope
from superset_campaign_plugin.report.datasets import PEOPLE_DATASET
from superset_campaign_plugin.superset_assets.identity import dashboard_uuid, dataset_uuid, filter_id
from superset_campaign_plugin.superset_assets.installed_assets import find

# Superset's word for a range without ends.
_ALL_TIME = "No filter"
# How it shows a missing value.
_NULL = "<NULL>"


def people_link(key: EmailKey, scope: Scope) -> str | None:
    """The address that shows the people of the email's figures in that scope; None where the viewer may not see them.

    None as well where the dashboard is not installed, and for guests always.
    """
    if guests.is_guest():
        return None
    dataset = find(SqlaTable, str(dataset_uuid(PEOPLE_DATASET)))
    dashboard = find(Dashboard, str(dashboard_uuid(PEOPLE_DATASET)))
    if dataset is None or dashboard is None or not security_manager.can_access_dashboard(dashboard):
        return None
    if not security_manager.can_access_datasource(dataset) and dashboard_of(dataset) is None:
        return None
    return f"{request.script_root}{dashboard.url}?native_filters={quote(prison.dumps(_filters(key, scope)))}"


def _filters(key: EmailKey, scope: Scope) -> dict[str, Any]:
    """The values of the dashboard's filters, by their ids."""
    time_range = scope.time_range or _ALL_TIME
    found = {"Sent Date": _state({"time_range": time_range}, time_range), "Email ID": _one_of("email_id", key.email_id)}
    if key.source_name is not None:
        found["Marketo Instance"] = _one_of("source_name", key.source_name)
    if scope.campaign_id is not None:
        found["Campaign ID"] = _one_of("campaign_id", scope.campaign_id or None)
    named = {filter_id(PEOPLE_DATASET, name): state for name, state in found.items()}
    return {id_: {"id": id_, **state} for id_, state in named.items()}


def _one_of(column: str, value: int | str | None) -> dict[str, Any]:
    # Without a label Superset would offer to apply what is applied already.
    label = _NULL if value is None else str(value)
    return _state({"filters": [{"col": column, "op": "IN", "val": [value]}]}, [value], label=label)


def _state(form_data: dict[str, Any], value: Any, **more: Any) -> dict[str, Any]:
    return {"extraFormData": form_data, "filterState": {"value": value, **more}, "ownState": {}}

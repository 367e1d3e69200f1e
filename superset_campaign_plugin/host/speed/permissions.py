"""While a chart's data are asked for, no permission is looked up twice.

Superset 6.1 asks its metadata some eighteen times for each chart whether the roles of who asks have a permission, and
half of it is the same question again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import g, has_request_context, request

from superset_campaign_plugin.host import records
from superset_campaign_plugin.host.patching import apply

# It changes no role, so an answer holds until it ends.
ENDPOINT = "ChartDataRestApi.data"


def look_permissions_up_once() -> None:
    """Remember the answers within one request for a chart's data."""
    apply(records.PERMISSIONS_ONCE, _looking_up_once)


def _looking_up_once(look_up: Callable[..., Any]) -> Callable[..., Any]:
    def once(manager: Any, view_name: str, permission_name: str, role_ids: Sequence[int]) -> Any:
        if not has_request_context() or request.endpoint != ENDPOINT:
            return look_up(manager, view_name, permission_name, role_ids)
        answers: dict[Any, Any] = g.setdefault("campaign_permissions", {})
        question = (view_name, permission_name, frozenset(role_ids))
        if question not in answers:
            answers[question] = look_up(manager, view_name, permission_name, role_ids)
        return answers[question]

    return once

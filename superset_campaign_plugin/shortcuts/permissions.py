"""While a chart's data are asked for, no permission is looked up twice.

Superset 6.1 asks its metadata some eighteen times for each chart whether the roles of who asks have a permission, and
half of it is the same question again.
"""

# Superset's classes come without types.
# mypy: no-warn-return-any

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import g, has_request_context, request

# It changes no role, so an answer holds until it ends.
ENDPOINT = "ChartDataRestApi.data"


def look_permissions_up_once() -> None:
    """Remember the answers within one request for a chart's data; doing it again changes nothing."""
    from flask_appbuilder.security.sqla.manager import SecurityManager

    look_up = vars(SecurityManager).get("exist_permission_on_roles")
    if look_up is None or hasattr(look_up, "once"):
        return

    def once(manager: Any, view_name: str, permission_name: str, role_ids: Sequence[int]) -> Any:
        if not has_request_context() or request.endpoint != ENDPOINT:
            return look_up(manager, view_name, permission_name, role_ids)
        answers: dict[Any, Any] = g.setdefault("campaign_permissions", {})
        question = (view_name, permission_name, frozenset(role_ids))
        if question not in answers:
            answers[question] = look_up(manager, view_name, permission_name, role_ids)
        return answers[question]

    once.once = True  # type: ignore[attr-defined]
    SecurityManager.exist_permission_on_roles = once

"""The plugin's entries in Superset's log of events (Security → Action Log, the table `logs`)."""

from __future__ import annotations

from typing import Any

from flask import g, has_request_context, request
from superset.extensions import event_logger


def record(action: str, **facts: Any) -> None:
    """Log an event with who, where and these facts.

    Superset's own decorators would log every parameter of the address, hence the proof, and where the request came
    from, which may hold one.
    """
    user = g.get("user")
    is_guest = getattr(user, "is_guest_user", False)
    who = {"guest": user.username} if is_guest else {}
    event_logger.log(
        None if is_guest else getattr(user, "id", None),
        action,
        dashboard_id=None,
        duration_ms=None,
        slice_id=None,
        referrer=None,
        curated_payload={},
        curated_form_data={},
        # A worker that runs a query for somebody has no request.
        records=[{**({"path": request.path} if has_request_context() else {}), **who, **facts}],
    )

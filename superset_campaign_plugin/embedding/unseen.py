"""Looks at who asks without a trace in the answer.

Once anything has asked who asks, Flask-Login has read and changed the session, and Flask tells browsers and caches so.
Superset answers some requests without that, and other people's answers must be as they are without the plugin.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from flask import session

from superset_campaign_plugin.embedding import guests
from superset_campaign_plugin.host.private import forget_user, is_user_loaded

Hook = TypeVar("Hook", bound=Callable[..., Any])


def unseen(hook: Hook) -> Hook:
    """Let a hook of a request leave the session as it was, unless it refuses the request or guards who asks."""

    @functools.wraps(hook)
    def unseen_hook(*args: Any) -> Any:
        if is_user_loaded():
            return hook(*args)
        flags = session.accessed, session.modified
        kept = dict(session)
        result = hook(*args)
        # What a hook before the request gives is an answer, and that does depend on who asks.
        refuses = not args and result is not None
        if is_user_loaded() and not refuses and not guests.is_guarded():
            forget_user()
            session.clear()
            session.update(kept)
        if not refuses and not is_user_loaded():
            session.accessed, session.modified = flags
        return result

    return unseen_hook  # type: ignore[return-value]

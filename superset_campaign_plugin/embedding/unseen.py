"""Looks at who asks without a trace in the answer.

Once anything has read the session, Flask tells caches that the answer depends on the cookie. Superset answers some
requests without that, and other people's answers must be as they are without the plugin.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from flask import session

Hook = TypeVar("Hook", bound=Callable[..., Any])


def unseen(hook: Hook) -> Hook:
    """Let a hook of a request leave the session as unread as it was, unless it refuses the request."""

    @functools.wraps(hook)
    def unseen_hook(*args: Any) -> Any:
        was_read = session.accessed
        result = hook(*args)
        # What a hook before the request gives is an answer, and that does depend on who asks.
        if not was_read and (args or result is None):
            session.accessed = False
        return result

    return unseen_hook  # type: ignore[return-value]

"""Where guests of the report learn that a query of theirs is done, in a deployment with `GLOBAL_ASYNC_QUERIES`.

Superset 6.0 and 6.1 name the channel of a browser's events in a cookie. They cannot read the one that they give to a
guest, so every chart that is not in the cache answers 401; and browsers keep no cookie of a page in another site's
frame. So a guest of the report has a channel that follows from what their token says, and needs no cookie. Other guests
and people keep Superset's own.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import current_app, g

from superset_campaign_plugin.embedding import guests
from superset_campaign_plugin.host import records
from superset_campaign_plugin.host.patching import apply

_PURPOSE = b"superset campaign events "


def register() -> None:
    """Wrap the method by which Superset finds the channel of a request; a release without it has its own way."""
    apply(records.EVENTS_CHANNEL, _of_guests)


def _of_guests(find: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(find)
    def channel_of(manager: Any, req: Any) -> Any:
        return _channel(g.user.guest_token) if guests.is_guest_of_the_report() else find(manager, req)

    return channel_of


def _channel(token: dict[str, Any]) -> str:
    """The same for every token of one visitor with one set of rows: a page gets a new token every few minutes.

    Visitors whom a portal gives one name and the same rows share a channel, which tells nothing that they may not see.
    """
    said = json.dumps([token.get(name) for name in ("user", "resources", "rls_rules")], sort_keys=True)
    key = _PURPOSE + current_app.config["SECRET_KEY"].encode()
    return str(UUID(bytes=hmac.digest(key, said.encode(), hashlib.sha256)[:16]))

"""How often one person may open previews.

The counts lie where Superset keeps those of its own limits, `RATELIMIT_STORAGE_URI`; without it each server process
counts by itself. Superset's own limiter is not used: it is off unless `SUPERSET_ENV` says production.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import current_app, g, request
from limits import RateLimitItemPerMinute
from limits.storage import MovingWindowSupport, storage_from_string
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter

from superset_campaign_plugin.host.settings import current_settings

logger = logging.getLogger(__name__)

_NEWS = RateLimitItemPerMinute(1, namespace="campaign-email-refused")


@dataclass(frozen=True)
class Wait:
    """A refusal: `seconds` until there is room again; `is_news` for the visitor's first one within a minute."""

    seconds: int
    is_news: bool


def refused(account: str) -> Wait | None:
    """Count the request on the visitor's account of that name; None, or how long they have to wait.

    A visitor is a logged-in user, a guest at an address, or an address.
    """
    allowed = current_settings().previews_per_minute
    if not allowed:
        return None
    limit = RateLimitItemPerMinute(allowed, namespace="campaign-email")
    config = current_app.config
    options = config.get("RATELIMIT_STORAGE_OPTIONS") or {}
    try:
        limiter = _limiter(config.get("RATELIMIT_STORAGE_URI") or "memory://", tuple(sorted(options.items())))
        if limiter.hit(limit, account, *_visitor()):
            return None
        reset = limiter.get_window_stats(limit, account, *_visitor()).reset_time
        # Whoever sends a flood must not fill the log of events with it.
        is_news = limiter.hit(_NEWS, account, *_visitor())
    except Exception:
        # Whatever the storage raises: previews go on without a limit, since the limit guards load and not access.
        logger.exception("The requests for previews cannot be counted; see RATELIMIT_STORAGE_URI")
        return None
    return Wait(max(1, math.ceil(reset - time.time())), is_news)


def _visitor() -> tuple[str, ...]:
    address = request.remote_addr or ""
    if not g.user.is_authenticated:
        return "address", address
    if getattr(g.user, "is_guest_user", False):
        # A portal may give all its visitors one name.
        return "guest", g.user.username, address
    return "user", str(g.user.id)


@lru_cache(maxsize=4)
def _limiter(uri: str, options: tuple[tuple[str, Any], ...]) -> RateLimiter:
    storage = storage_from_string(uri, **dict(options))
    moving = isinstance(storage, MovingWindowSupport)
    return MovingWindowRateLimiter(storage) if moving else FixedWindowRateLimiter(storage)

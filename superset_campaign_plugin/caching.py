"""A cache in Redis without which Superset still answers.

    DATA_CACHE_CONFIG = {"CACHE_TYPE": "superset_campaign_plugin.caching.ForgivingRedisCache", …}

Flask-Caching's own raises where Redis is gone, so every page would be an error until it is back. This one then holds
nothing: what is asked of it is computed, and is logged once a minute.
"""

# Flask-Caching comes without types.
# mypy: no-warn-return-any

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

from flask_caching.backends.rediscache import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
_LOG_EVERY = 60.0


class ForgivingRedisCache(RedisCache):
    """The same cache with the same settings; where Redis fails it has nothing, and keeps nothing."""


_logged_at = -_LOG_EVERY


def _forgiving(method: Callable[..., Any], nothing: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def forgiving(self: ForgivingRedisCache, *args: Any, **named: Any) -> Any:
        try:
            return method(self, *args, **named)
        except RedisError as error:
            _log(error)
            return nothing(*args)

    return forgiving


def _log(error: RedisError) -> None:
    global _logged_at
    if time.monotonic() - _logged_at >= _LOG_EVERY:
        _logged_at = time.monotonic()
        logger.error("The cache cannot be reached, so everything is computed: %s", error)


for _name, _nothing in {
    "get": lambda *_: None,
    "get_many": lambda *keys: [None] * len(keys),
    "has": lambda *_: False,
    "set": lambda *_: False,
    "set_many": lambda *_: [],
    "add": lambda *_: False,
    "delete": lambda *_: False,
    "delete_many": lambda *_: [],
    "clear": lambda *_: False,
}.items():
    setattr(ForgivingRedisCache, _name, _forgiving(getattr(RedisCache, _name), _nothing))

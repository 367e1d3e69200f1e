"""What a database says when a query of somebody held to some rows fails goes to the log, and to nobody else.

The first line of such an error is often the value of a row that the database read before it came to the row rules.
Superset hands it on in charts, exports, drilling, filters' values, cached results and events; so it is replaced where
the plugin's datasets run their queries, before any of these.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from superset.exceptions import OAuth2RedirectError, QueryObjectValidationError
from superset.models.helpers import QueryResult
from werkzeug.exceptions import BadRequest

from superset_campaign_plugin.embedding.held import is_held_in
from superset_campaign_plugin.embedding.refusals import FAILED, RefusedError, UnansweredError
from superset_campaign_plugin.host import records
from superset_campaign_plugin.host.patching import apply
from superset_campaign_plugin.host.private import dataset_of

logger = logging.getLogger(__name__)

# A mistake in what was asked, and the way to a database that people reach as themselves.
_OWN_WORDS: tuple[type[Exception], ...] = (QueryObjectValidationError, BadRequest, OAuth2RedirectError)

_MASKED = (
    *(records.QUERY_TEXT_ERRORS, records.QUERY_ERRORS, records.CHART_ERRORS),
    *(records.METADATA_ERRORS, records.VALIDATION_ERRORS),
)


def register() -> None:
    """Wrap the methods by which every query of a dataset is composed and run.

    Raises `HookError` in a release that lacks one of them.
    """
    for record in _MASKED:
        apply(record, _masked)
    # Its API takes a KeyError for an unknown column.
    apply(records.VALUES_ERRORS, functools.partial(_masked, error=UnansweredError, more=(KeyError,)))


def _masked(
    method: Callable[..., Any], error: type[Exception] = RefusedError, more: tuple[type[Exception], ...] = ()
) -> Callable[..., Any]:
    @functools.wraps(method)
    def masked(self: Any, *args: Any, **named: Any) -> Any:
        # Asked before: a failure may leave Superset's own session unusable.
        held = is_held_in(dataset_of(self))
        try:
            result = method(self, *args, **named)
        except (*_OWN_WORDS, *more):
            raise
        except Exception as failure:
            if not held:
                raise
            logger.exception("A query of %s failed", self)
            raise error(FAILED) from failure
        return _without_words(result) if held else result

    return masked


def _without_words(result: Any) -> Any:
    if isinstance(result, QueryResult):
        if result.error_message:
            result.error_message = FAILED
        for each in result.errors or ():
            each.update(message=FAILED, extra={})
    elif isinstance(result, dict):
        for each in result.get("errors") or ():
            each["message"] = FAILED
    return result

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

from superset.common.query_context_processor import QueryContextProcessor
from superset.connectors.sqla.models import SqlaTable
from superset.exceptions import OAuth2RedirectError, QueryObjectValidationError
from superset.models.helpers import QueryResult
from werkzeug.exceptions import BadRequest

from superset_campaign_plugin.embedding.expressions import validates_expressions
from superset_campaign_plugin.embedding.held import is_held_in
from superset_campaign_plugin.embedding.hooks import hook
from superset_campaign_plugin.embedding.refusals import FAILED, RefusedError, UnansweredError

logger = logging.getLogger(__name__)

# A mistake in what was asked, and the way to a database that people reach as themselves.
_OWN_WORDS: tuple[type[Exception], ...] = (QueryObjectValidationError, BadRequest, OAuth2RedirectError)


def register() -> None:
    """Hook into the methods by which every query of a dataset is composed and run.

    Raises `HookError` in a release that lacks one of them.
    """
    masked: list[tuple[type, str]] = [
        *((SqlaTable, "get_query_str_extended"), (SqlaTable, "query"), (SqlaTable, "external_metadata")),
        # In 6.0 this is in the processor of a chart's queries alone; later that one asks the dataset.
        (SqlaTable if hasattr(SqlaTable, "get_query_result") else QueryContextProcessor, "get_query_result"),
    ]
    if validates_expressions():
        masked.append((SqlaTable, "validate_expression"))
    for owner, name in masked:
        hook(owner, name, _masked, by=__name__, reads=("self",))
    # Its API takes a KeyError for an unknown column.
    values = functools.partial(_masked, error=UnansweredError, more=(KeyError,))
    hook(SqlaTable, "values_for_column", values, by=__name__, reads=("self",))


def _masked(
    method: Callable[..., Any], error: type[Exception] = RefusedError, more: tuple[type[Exception], ...] = ()
) -> Callable[..., Any]:
    @functools.wraps(method)
    def masked(self: Any, *args: Any, **named: Any) -> Any:
        # Asked before: a failure may leave Superset's own session unusable.
        held = is_held_in(self._qc_datasource if isinstance(self, QueryContextProcessor) else self)
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

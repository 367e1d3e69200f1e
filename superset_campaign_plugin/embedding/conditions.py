"""Filters of people who are held to some rows never make a database convert the text of a row.

A database may look at a filter before it looks at the row rules. A text column that is compared with a number, taken
for a time or for a truth value is converted row by row, and one row that cannot be makes the query fail: with that
row's value in the error, and even without a word it tells that there is such a row. PostgreSQL does the same to a
pattern that ends in its escape character. So values for text reach the database as text, and the rest is refused.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from superset.utils.core import DTTM_ALIAS, FilterOperator, GenericDataType

from superset_campaign_plugin.embedding.held import is_held_in
from superset_campaign_plugin.embedding.refusals import (
    BAD_AGGREGATE,
    BAD_PATTERN,
    BAD_REQUEST,
    NOT_A_FLAG,
    NOT_A_TIME,
    NOT_A_VALUE,
    RefusedError,
)
from superset_campaign_plugin.host import records
from superset_campaign_plugin.host.patching import apply

# 6.0 has two of them, 6.1 these and their opposites.
_PATTERNS = {each for each in FilterOperator if each.name.endswith("LIKE")}
_FLAGS = {FilterOperator.IS_TRUE, FilterOperator.IS_FALSE}
_PATTERN = re.compile(r"(?:[^\\]|\\[%_\\])*", re.DOTALL)

_OF_NUMBERS = ("SUM", "AVG")
_OF_ALL = ("COUNT", "COUNT_DISTINCT", "MIN", "MAX")

# Superset takes a number for milliseconds since 1970; Python's times go from year 1 to 9999.
_FIRST_MOMENT, _LAST_MOMENT = -62_135_596_800_000, 253_402_300_799_000
_LARGEST = 2**63 - 1  # of an engine's whole numbers


def register() -> None:
    """Wrap the method that composes every query of a dataset, whichever way it was asked for.

    Raises `HookError` in a release that lacks it.
    """
    apply(records.FILTERS, _held_composition)


def _held_composition(compose: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(compose)
    def held_compose(self: Any, **query: Any) -> Any:
        return compose(self, **(held_query(self, query) if is_held_in(self) else query))

    return held_compose


def held_query(dataset: Any, query: Mapping[str, Any]) -> dict[str, Any]:
    """The query with values for text as text. Raises `RefusedError` for what would make the database convert a row."""
    granularity = query.get("granularity")
    if granularity is not None:
        name = granularity if granularity in dataset.dttm_cols else dataset.main_dttm_col
        if not _is_time(dataset, _column(dataset, name)):
            raise RefusedError(NOT_A_TIME)
    limits = [query.get(name) for name in ("series_limit_metric", "timeseries_limit_metric")]
    for metric in (*(query.get("metrics") or ()), *(each for each, _ in query.get("orderby") or ()), *limits):
        _check_metric(dataset, metric)
    return {**query, "filter": [_held_filter(dataset, each, query) for each in query.get("filter") or ()]}


def _check_metric(dataset: Any, metric: Any) -> None:
    if not isinstance(metric, dict) or metric.get("expressionType") != "SIMPLE":
        return
    aggregate, column = metric.get("aggregate"), metric.get("column")
    found = _column(dataset, column.get("column_name")) if isinstance(column, dict) else None
    is_of_numbers = aggregate in _OF_NUMBERS and _kind(dataset, found) == GenericDataType.NUMERIC
    if not (aggregate in _OF_ALL or is_of_numbers):
        raise RefusedError(BAD_AGGREGATE)


def _held_filter(dataset: Any, condition: Any, query: Mapping[str, Any]) -> Any:
    name, operator, value = condition.get("col"), condition.get("op"), condition.get("val")
    if not name or not operator:
        return condition  # which Superset leaves out
    try:
        operator = FilterOperator(str(operator).upper())
    except ValueError as error:
        raise RefusedError(BAD_REQUEST) from error
    column = _filtered(dataset, name, query)
    if (operator == FilterOperator.TEMPORAL_RANGE or condition.get("grain")) and not _is_time(dataset, column):
        raise RefusedError(NOT_A_TIME)
    if operator == FilterOperator.TEMPORAL_RANGE:
        if not isinstance(value, str):
            raise RefusedError(NOT_A_VALUE)
        return condition
    kind = _kind(dataset, column)
    if operator in _FLAGS and kind != GenericDataType.BOOLEAN:
        raise RefusedError(NOT_A_FLAG)
    # A saved metric is compared with after the rows of others are left out.
    is_metric = column is None and any(each.metric_name == name for each in dataset.metrics)
    held = [_held_value(each, None if is_metric else kind) for each in (value if _is_list(value) else [value])]
    if operator in _PATTERNS and not all(_PATTERN.fullmatch(str(each)) for each in held):
        raise RefusedError(BAD_PATTERN)
    return {**condition, "val": held if _is_list(value) else held[0]}


def _held_value(value: Any, kind: GenericDataType | None) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return value if kind in (None, GenericDataType.BOOLEAN) else str(value).lower()
    if not isinstance(value, (int, float)) or not math.isfinite(value) or abs(value) > _LARGEST:
        raise RefusedError(NOT_A_VALUE)
    if kind == GenericDataType.TEMPORAL and not _FIRST_MOMENT <= value <= _LAST_MOMENT:
        raise RefusedError(NOT_A_VALUE)
    return str(value) if kind == GenericDataType.STRING else value


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _filtered(dataset: Any, name: Any, query: Mapping[str, Any]) -> Any:
    """The column that Superset will take the filter's for; None for a metric, an expression, and what is unknown."""
    if name == DTTM_ALIAS and query.get("is_timeseries", True) and query.get("granularity"):
        return _column(dataset, query["granularity"]) or _column(dataset, dataset.main_dttm_col)
    if isinstance(name, dict):
        return _column(dataset, name.get("sqlExpression"))
    if not isinstance(name, str):
        raise RefusedError(BAD_REQUEST)
    titled = (each for each in dataset.columns if each.verbose_name == name)
    return _column(dataset, name) or next(titled, None)


def _column(dataset: Any, name: Any) -> Any:
    return next((each for each in dataset.columns if each.column_name == name), None)


def _kind(dataset: Any, column: Any) -> GenericDataType:
    """As Superset composes by: what it does not know is text, as is what a deployment converts in its own way."""
    found: Callable[..., Any] = dataset.db_engine_spec.get_column_spec
    spec = found(native_type=column.type) if column is not None and not column.advanced_data_type else None
    return GenericDataType.STRING if spec is None else spec.generic_type


def _is_time(dataset: Any, column: Any) -> bool:
    return column is not None and (column.is_dttm or _kind(dataset, column) == GenericDataType.TEMPORAL)

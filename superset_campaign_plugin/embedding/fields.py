"""What a guest may hold of each JSON answer: the fields that the embedded page reads, and of no other a value.

A `Told` is a function from a value to what may be told of it. Superset's page reads owners, roles and tags as lists,
so they are there, and empty.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from superset_campaign_plugin.embedding.refusals import told
from superset_campaign_plugin.host import endpoints

Told = Callable[[Any], Any]


def _all(value: Any) -> Any:
    return value


def _none(_: Any) -> None:
    return None


def _no_list(_: Any) -> list[Any]:
    return []


def _no_mapping(_: Any) -> dict[str, Any]:
    return {}


def _no_text(_: Any) -> str:
    return ""


def _error(value: Any) -> Any:
    return None if value is None else told(value, 400)


def _of(names: str = "", /, **others: Told) -> Told:
    """Of a mapping, or of each in a list, the fields of these names, and others as they say."""
    wanted = {**dict.fromkeys(names.split(), _all), **others}

    def tell(value: Any) -> Any:
        if isinstance(value, list):
            return [tell(each) for each in value]
        if isinstance(value, dict):
            return {name: wanted[name](each) for name, each in value.items() if name in wanted}
        return None

    return tell


def _json(**changed: Told) -> Told:
    """Of a mapping as JSON text everything, but these fields as they say."""

    def tell(value: Any) -> Any:
        try:
            parsed = json.loads(value or "{}")
        except (TypeError, ValueError):
            return "{}"
        if not isinstance(parsed, dict):
            return "{}"
        return json.dumps({name: changed.get(name, _all)(each) for name, each in parsed.items()})

    return tell


def _without(*names: str) -> Told:
    """Everything of a mapping but these fields."""

    def tell(value: Any) -> Any:
        return {name: each for name, each in value.items() if name not in names} if isinstance(value, dict) else value

    return tell


# Superset keeps the colours that whoever looked at the dashboard saw, by the names that were on it: of all workspaces.
_METADATA = _json(shared_label_colors=_no_list, map_label_colors=_no_mapping, owners=_no_list, roles=_no_list)

_COLUMN = _of(
    "advanced_data_type certification_details column_name description filterable groupby id is_certified is_dttm"
    " python_date_format type type_generic uuid verbose_name warning_markdown",
    expression=_no_text,
)
_METRIC = _of(
    "certification_details currency d3format description id is_certified metric_name uuid verbose_name"
    " warning_markdown warning_text",
    expression=_no_text,
)
# Of a dataset; the page looks whether they are there.
_HIDDEN = (
    *("default_endpoint", "edit_url", "fetch_values_predicate", "health_check_message", "params", "perm", "schema"),
    *("select_star", "sql", "template_params"),
)

_QUERY = _of(
    "annotation_data applied_filters applied_template_filters cache_key cache_timeout cached_dttm colnames coltypes"
    " data detected_currency from_dttm indexnames is_cached label_map page per_page queried_dttm rejected_filters"
    " result_format rowcount sql_rowcount status to_dttm total_count",
    error=_error,
    query=_none,
    stacktrace=_none,
)
_JOB = {
    **dict.fromkeys(("channel_id", "job_id", "user_id", "status", "result_url"), _all),
    "errors": _of("error_type level", message=_error, extra=_no_mapping),
}

_RESULT = _of("result")
_ROLES = _of(result=_of("firstName isActive isAnonymous lastName permissions roles username"))
_DASHBOARD = _of(
    result=_of(
        "certification_details changed_on changed_on_delta_humanized charts created_on_delta_humanized css"
        " dashboard_title id is_managed_externally position_json published slug theme url uuid",
        certified_by=_none,
        json_metadata=_METADATA,
        owners=_no_list,
        roles=_no_list,
        tags=_no_list,
        thumbnail_url=_none,
    )
)
_CHARTS = _of(
    result=_of(
        "cache_timeout certification_details changed_on description description_markeddown id slice_name",
        certified_by=_none,
        form_data=_without("certified_by", "owners"),
        slice_url=_no_text,
    )
)


def _datasets(value: Any) -> Any:
    """Without the schemas that stand in the datasets' full names."""
    answer = _DATASETS(value)
    for each in answer.get("result") or () if isinstance(answer, dict) else ():
        each["name"] = each.get("table_name")
    return answer


_DATASETS = _of(
    result=_of(
        "always_filter_main_dttm cache_timeout column_formats column_names column_types currency_code_column"
        " currency_formats datasource_name filter_select filter_select_enabled granularity_sqla id is_sqllab_view"
        " main_dttm_col name normalize_columns offset order_by_choices table_name time_grain_sqla type uid verbose_map",
        columns=_COLUMN,
        metrics=_METRIC,
        owners=_no_list,
        **dict.fromkeys(_HIDDEN, _none),
    )
)
_DRILL_INFO = _of(result=_of("id", columns=_of("column_name verbose_name")))
_CHART_DATA = _of(result=_QUERY, **_JOB)
_SAMPLES = _of(result=_QUERY)
_EVENTS = _of(result=_of("id", **_JOB))
_LINK = _of("key url dashboardId state")

# By endpoint, what a guest may hold of its answer.
ANSWERS: Mapping[str, Told] = {
    endpoints.OWN_ROLES: _ROLES,
    endpoints.CSRF_TOKEN: _RESULT,
    endpoints.DASHBOARD: _DASHBOARD,
    endpoints.DASHBOARD_CHARTS: _CHARTS,
    endpoints.DASHBOARD_DATASETS: _datasets,
    endpoints.DRILL_INFO: _DRILL_INFO,
    endpoints.TIME_RANGE: _RESULT,
    endpoints.LOG: _none,
    endpoints.CHART_DATA: _CHART_DATA,
    endpoints.CACHED_CHART_DATA: _CHART_DATA,
    endpoints.SAMPLES: _SAMPLES,
    endpoints.EVENTS: _EVENTS,
    endpoints.NEW_LINK: _LINK,
    endpoints.LINK: _LINK,
}

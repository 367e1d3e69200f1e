"""Whether a guest's request for rows has the form that the embedded page sends; Superset takes others, and breaks."""

from __future__ import annotations

from typing import Any

import prison  # type: ignore[import-untyped]
from flask import Request
from marshmallow import INCLUDE, Schema, ValidationError, fields, validate
from superset import db
from superset.common.utils.time_range_utils import get_since_until_from_time_range
from superset.connectors.sqla.models import SqlaTable
from superset.models.dashboard import Dashboard
from superset.utils import json

from superset_campaign_plugin.host import endpoints


def _id(least: int = 1, **options: Any) -> fields.Integer:
    return fields.Integer(validate=validate.Range(min=least, max=endpoints.LARGEST_ID), **options)


class _Part(Schema):
    class Meta:
        unknown = INCLUDE


class _Dataset(_Part):
    id = _id(required=True)
    type = fields.String(required=True, validate=validate.Equal("table"))


def _check_time_range(text: str) -> None:
    try:
        get_since_until_from_time_range(time_range=text)
    except Exception as error:
        # Whatever the parser raises, of which Superset's own API knows some.
        raise ValidationError("no time range") from error


class _Query(_Part):
    time_range = fields.String(allow_none=True, validate=_check_time_range)


class _FormData(_Part):
    dashboardId = _id(allow_none=True)
    slice_id = _id(0, allow_none=True)  # 0 for a figure that is drilled by a column
    chart_id = _id(allow_none=True)
    parent_slice_id = _id(allow_none=True)


class _ChartData(_Part):
    datasource = fields.Nested(_Dataset, required=True)
    queries = fields.List(fields.Nested(_Query), required=True)
    form_data = fields.Nested(_FormData, allow_none=True)


class _Samples(_Part):
    datasource_id = _id(required=True)
    datasource_type = fields.String(required=True, validate=validate.Equal("table"))
    dashboard_id = _id(required=True)


# Superset takes these out of what a guest asked for, and breaks where they were not asked for.
_TAKEN_OUT = frozenset({"owners", "changed_by", "changed_by_name"})


def _check_columns(names: list[str]) -> None:
    if not set(names) >= _TAKEN_OUT:
        raise ValidationError("not the page's columns")


class _Dashboard(Schema):
    columns = fields.List(fields.String(), required=True, validate=_check_columns)


class _DrillInfo(_Part):
    dashboard_id = _id(required=True)


class _TimeRange(_Part):
    timeRange = fields.String(required=True)
    shift = fields.String(allow_none=True)


class _TimeRanges(Schema):
    ranges = fields.List(fields.Nested(_TimeRange), required=True)


def is_of_the_page(request: Request) -> bool:
    """Whether the request can be one of the embedded page's."""
    if any(_is_above(value) for value in (request.view_args or {}).values()):
        return False
    # What the lists and objects of Superset's APIs read as the wanted fields and filters.
    if "q" in request.args and request.endpoint not in endpoints.WITH_PARAMETERS:
        return False
    if request.endpoint == endpoints.CHART_DATA:
        return not _ChartData().validate(_body(request))
    if request.endpoint == endpoints.TIME_RANGE:
        return not _TimeRanges().validate({"ranges": _time_ranges(request)})
    if request.endpoint == endpoints.DASHBOARD:
        return "q" not in request.args or not _Dashboard().validate(_parameters(request) or {})
    if request.endpoint == endpoints.DRILL_INFO:
        return not _DrillInfo().validate(_parameters(request) or {})
    if request.endpoint == endpoints.SAMPLES:
        return isinstance(_body(request), (dict, type(None))) and not _Samples().validate(request.args.to_dict())
    return True


def is_about_something(request: Request) -> bool:
    """Whether the dataset and the dashboard that the request names are there. Superset tells that by its refusals."""
    if request.endpoint == endpoints.CHART_DATA:
        body = _body(request)
        named = (body["datasource"]["id"], (body.get("form_data") or {}).get("dashboardId"))
    elif request.endpoint == endpoints.SAMPLES:
        named = (request.args["datasource_id"], request.args["dashboard_id"])
    elif request.endpoint == endpoints.DRILL_INFO:
        named = ((request.view_args or {})["pk"], _parameters(request)["dashboard_id"])
    else:
        return True
    wanted = zip((SqlaTable, Dashboard), named, strict=True)
    return all(number is None or db.session.get(kind, int(number)) is not None for kind, number in wanted)


def _parameters(request: Request) -> Any:
    """What stands in the request's address in Superset's own notation; None for what is none."""
    try:
        return prison.loads(request.args.get("q", ""))
    except Exception:
        # Whatever the parser raises, of which Superset knows some.
        return None


def _time_ranges(request: Request) -> Any:
    asked = _parameters(request)
    return [{"timeRange": asked}] if isinstance(asked, str) else asked


def _body(request: Request) -> Any:
    if request.is_json:
        return request.get_json(silent=True)
    try:
        return json.loads(request.form.get("form_data", ""))
    except ValueError:
        return None


def _is_above(value: Any) -> bool:
    return str(value).isdecimal() and int(value) > endpoints.LARGEST_ID

"""Private names of Superset and Flask-Login that the plugin reads; nothing else of the package may."""

# Superset's classes come without types.
# mypy: no-warn-return-any

from __future__ import annotations

from typing import Any

from flask import g
from superset.commands.report.execute import BaseReportState
from superset.common.query_context_processor import QueryContextProcessor


def dataset_of(asked: Any) -> Any:
    """The dataset that a processor of a chart's queries asks; what is no processor as it is."""
    return asked._qc_datasource if isinstance(asked, QueryContextProcessor) else asked


def own_time_grain(engine_spec: Any, duration: str) -> str | None:
    """The SQL by which Superset itself cuts times to that duration (as "P1W"), whatever a deployment configures."""
    return engine_spec._time_grain_expressions.get(duration)


# By which Flask-Login remembers in a request who asks.
_LOGIN_USER = "_login_user"


def is_user_loaded() -> bool:
    """Whether anything in this request has asked who asks."""
    return _LOGIN_USER in g


def forget_user() -> None:
    """Let the next one who asks load who asks anew."""
    g.pop(_LOGIN_USER, None)


def make_addresses(report: BaseReportState) -> None:
    """Let Superset make all addresses that it makes while it sends the report: of its pages, and for its mail."""
    report.get_dashboard_urls()
    report._get_url(user_friendly=True)

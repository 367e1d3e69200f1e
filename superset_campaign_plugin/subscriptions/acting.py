"""As whom Superset's commands run, and its reports. Needs a Superset application context."""

from __future__ import annotations

from typing import Any

from flask import current_app
from superset import security_manager
from superset.reports.models import ReportSchedule
from superset.tasks.exceptions import ExecutorNotFoundError, InvalidExecutorError
from superset.tasks.utils import get_executor

from superset_campaign_plugin.errors import InstallError


def administrators() -> list[Any]:
    """The administrators that can sign in."""
    role = security_manager.find_role(security_manager.auth_role_admin)
    return [user for user in (role.user if role else ()) if user.is_active]


def executor_of(schedule: ReportSchedule) -> Any:
    """The user as whom Superset will make the report. Raises `InstallError` where it has none."""
    try:
        _, name = get_executor(executors=current_app.config["ALERT_REPORTS_EXECUTORS"], model=schedule)
    except (ExecutorNotFoundError, InvalidExecutorError) as error:
        raise InstallError(
            "Superset has nobody as whom to make a report; correct ALERT_REPORTS_EXECUTORS in superset_config.py"
        ) from error
    user = security_manager.find_user(name)
    if user is None:
        raise InstallError(
            f"ALERT_REPORTS_EXECUTORS in superset_config.py names the user {name!r}, who is not there; create them"
        )
    return user

"""Who is held to some rows of the report: guests, and people with row-level rules on one of the plugin's datasets.

People who have access to a database itself are held by nothing there.
"""

# Superset's classes and functions come without types.
# mypy: no-warn-return-any

from __future__ import annotations

from typing import Any

from flask import g, has_request_context, request
from superset import security_manager
from superset.connectors.sqla.models import SqlaTable
from werkzeug.local import LocalProxy

from superset_campaign_plugin.bundle.stored import installed_datasets
from superset_campaign_plugin.embedding import guests
from superset_campaign_plugin.host.endpoints import CHART_DATA

_ANSWERS = "superset_campaign_held"


def has_row_rules() -> bool:
    """Whether who asks has row-level rules on one of the plugin's datasets; a guest of the report counts as one."""
    if g.get("user") is None:
        return False
    if guests.is_guest():
        return guests.is_guest_of_the_report()
    return any(security_manager.get_rls_filters(each) for each in installed_datasets())


def is_held(database: Any) -> bool:
    """Whether who asks sees some rows alone of a dataset of the plugin, and this is the database of one of them."""
    if g.get("user") is None or all(each.database_id != database.id for each in installed_datasets()):
        return False
    return guests.is_guest() or (not security_manager.can_access_database(database) and has_row_rules())


def is_held_in(dataset: Any) -> bool:
    """Whether who asks sees some rows alone of this dataset. A guest of the plugin's dashboards does of every one."""
    if not isinstance(dataset, SqlaTable) or dataset.database is None:
        return False
    if not has_request_context() or request.endpoint != CHART_DATA:
        return _is_held_in(dataset)
    # A chart asks some ten times, and changes no role: the answer holds until the request ends.
    user = g.get("user")
    person = user._get_current_object() if isinstance(user, LocalProxy) else user
    answers: dict[Any, bool] = g.setdefault(_ANSWERS, {})
    question = (id(person), dataset.id)
    if question not in answers:
        answers[question] = _is_held_in(dataset)
    return answers[question]


def _is_held_in(dataset: SqlaTable) -> bool:
    if guests.is_guest_of_the_report():
        return True
    return any(each.id == dataset.id for each in installed_datasets()) and is_held(dataset.database)

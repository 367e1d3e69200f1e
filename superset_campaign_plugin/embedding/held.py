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

from superset_campaign_plugin.embedding import guests
from superset_campaign_plugin.host.endpoints import CHART_DATA
from superset_campaign_plugin.host.settings import current_settings
from superset_campaign_plugin.superset_assets.installed_assets import datasets_and_copies, installed_datasets

_ANSWERS = "superset_campaign_held"


def has_row_rules() -> bool:
    """Whether who asks has row-level rules on one of the plugin's datasets; a guest of the report counts as one."""
    if g.get("user") is None:
        return False
    if guests.is_guest():
        return guests.is_guarded()
    return any(security_manager.get_rls_filters(each) for each in installed_datasets())


def is_held_over(dataset: Any) -> bool:
    """Whether who asks may run no SQL of their own over the database of this dataset, or of the query in its place.

    So are all who see some rows alone of a dataset of the plugin, in the databases of these datasets; guests of other
    dashboards over the plugin's datasets alone. With `harden_all_guests` no guest may, in any database.
    """
    database = getattr(dataset, "database", None)
    if g.get("user") is None or database is None:
        return False
    if guests.is_guest() and current_settings().harden_all_guests:
        return True
    if all(each.database_id != database.id for each in installed_datasets()):
        return False
    if guests.is_guest():
        return guests.is_guarded() or _is_of_the_plugin(dataset)
    return not security_manager.can_access_database(database) and has_row_rules()


def is_held_in(dataset: Any) -> bool:
    """Whether who asks sees some rows alone of this dataset. A guest whom the plugin guards does of every one."""
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
    if guests.is_guest():
        return guests.is_guarded() or _is_of_the_plugin(dataset)
    return any(each.id == dataset.id for each in installed_datasets()) and is_held_over(dataset)


def _is_of_the_plugin(dataset: Any) -> bool:
    """Whether it is a dataset of the plugin, or a copy of one."""
    return isinstance(dataset, SqlaTable) and dataset.id in datasets_and_copies()

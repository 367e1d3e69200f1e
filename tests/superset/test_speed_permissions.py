"""A permission is looked up once while a chart's data are asked for, and each time everywhere else."""

from __future__ import annotations

from typing import Any

import pytest
from deployment import Deployment

from superset_campaign_plugin.host.speed.permissions import look_permissions_up_once

CHART_DATA = "/api/v1/chart/data"


@pytest.fixture
def asked(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the metadata are asked; they say yes to role 1 alone."""
    from flask_appbuilder.security.sqla.manager import SecurityManager

    questions: list[Any] = []

    def look_up(self: Any, view_name: str, permission_name: str, role_ids: list[int]) -> bool:
        questions.append((view_name, permission_name, role_ids))
        return 1 in role_ids

    monkeypatch.setattr(SecurityManager, "exist_permission_on_roles", look_up)
    look_permissions_up_once()
    return questions


def look_up(view_name: str, permission_name: str, role_ids: list[int]) -> bool:
    from superset import security_manager

    answer: bool = security_manager.exist_permission_on_roles(view_name, permission_name, role_ids)
    return answer


def test_within_a_request_for_a_chart_it_is_asked_once(deployment: Deployment, asked: list[Any]) -> None:
    for number in (1, 2):
        with deployment.app.test_request_context(CHART_DATA, method="POST"):
            assert [look_up("Chart", "can_read", [1, 2]) for _ in range(3)] == [True] * 3
        assert len(asked) == number  # the next request asks anew


@pytest.mark.parametrize(
    "other", [("Dashboard", "can_read", [2]), ("Chart", "can_write", [2]), ("Chart", "can_read", [2])]
)
def test_another_question_has_its_own_answer(deployment: Deployment, asked: list[Any], other: Any) -> None:
    with deployment.app.test_request_context(CHART_DATA, method="POST"):
        assert look_up("Chart", "can_read", [1])
        assert not look_up(*other)
    assert len(asked) == 2


def test_elsewhere_it_is_asked_each_time(deployment: Deployment, asked: list[Any]) -> None:
    with deployment.app.test_request_context("/api/v1/chart/"):
        look_up("Chart", "can_read", [1])
        look_up("Chart", "can_read", [1])
    with deployment.app.app_context():
        look_up("Chart", "can_read", [1])
    assert len(asked) == 3

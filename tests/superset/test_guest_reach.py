"""How far a guest gets in Superset beyond the embedded dashboard: nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from deployment import Deployment

from superset_campaign_plugin.cli import campaign

GUEST_ROLE = "Campaign Report Guest"

# What the embedded page asks for in a browser, and the preview behind its links.
NEEDED = {
    ("can_read", "Dashboard"),
    ("can_read", "Chart"),
    ("can_time_range", "Api"),
    ("can_read", "CurrentUserRestApi"),
    ("can_log", "Superset"),
    ("can_drill", "Dashboard"),
    ("can_samples", "Datasource"),
    ("can_get_drill_info", "Dataset"),
    ("can_csv", "Superset"),
    ("can_read", "CampaignEmail"),
}


@pytest.fixture(scope="module")
def embedding(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """What a portal is told of the embedded dashboard; the guest role is new."""
    from superset import db, security_manager

    from superset_campaign_plugin.embedding.roles import delete_role

    with deployment.app.app_context():
        if security_manager.find_permission_view_menu("can_read", "CurrentUserRestApi") is None:
            NEEDED.discard(("can_read", "CurrentUserRestApi"))  # 6.0 asks for none
        delete_role(GUEST_ROLE)
        db.session.commit()
    with deployment.embedded() as told:
        yield told


@pytest.fixture(scope="module")
def guest(deployment: Deployment, embedding: dict[str, Any]) -> dict[str, str]:
    """The header of a guest of EMEA."""
    return deployment.guest(embedding, workspaces=["EMEA"])


def test_the_role_is_what_the_page_needs_and_no_more(deployment: Deployment, embedding: dict[str, Any]) -> None:
    from superset import security_manager

    with deployment.app.app_context():
        role = security_manager.find_role(GUEST_ROLE)
        assert {(each.permission.name, each.view_menu.name) for each in role.permissions} == NEEDED


def test_a_wider_role_is_told_of_and_narrowed_when_asked(deployment: Deployment, embedding: dict[str, Any]) -> None:
    from superset import db, security_manager

    def held() -> set[tuple[str, str]]:
        role = security_manager.find_role(GUEST_ROLE)
        return {(each.permission.name, each.view_menu.name) for each in role.permissions}

    command = ["embed", "--allow-domain", "https://portal.example.com"]
    with deployment.app.app_context():
        run = CliRunner().invoke
        assert "guests" not in run(campaign, command).stderr
        wider = security_manager.find_permission_view_menu("can_write", "Dashboard")
        assert wider is not None
        role = security_manager.find_role(GUEST_ROLE)
        role.permissions = [*role.permissions, wider]
        db.session.commit()
        told = run(campaign, command)
        assert "lets guests do more than the report needs: can write on Dashboard; --narrow-role" in told.stderr
        assert told.stdout.strip() == embedding["dashboard"]
        assert held() == NEEDED | {("can_write", "Dashboard")}
        assert "guests may no longer: can write on Dashboard" in run(campaign, [*command, "--narrow-role"]).stderr
        assert held() == NEEDED
        again = run(campaign, [*command, "--narrow-role"]).stderr
        assert "guests may do no more than they need, so nothing was taken from their role" in again


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/annotation_layer/",
        "/api/v1/annotation_layer/1",
        "/api/v1/annotation_layer/1/annotation/",
        "/api/v1/css_template/",
        "/api/v1/css_template/1",
        "/api/v1/theme/",
        "/api/v1/theme/1",
        "/api/v1/dataset/",
        "/api/v1/dataset/1",
        "/api/v1/dataset/export/?q=!(1)",
        "/api/v1/chart/export/?q=!(1)",
        "/api/v1/dashboard/export/?q=!(1)",
        "/api/v1/dashboard/1/filter_state/x",
        "/api/v1/dashboard/permalink/x",
        "/api/v1/database/",
        "/api/v1/rowlevelsecurity/",
        "/api/v1/security/roles/",
        "/api/v1/security/users/",
        "/api/v1/log/",
        "/api/v1/saved_query/",
        "/api/v1/query/",
        "/api/v1/tag/",
        "/api/v1/_openapi",
        "/api/v1/sqllab/",
    ],
)
def test_what_is_not_of_the_dashboard_is_forbidden(deployment: Deployment, guest: dict[str, str], address: str) -> None:
    assert deployment.app.test_client().get(address, headers=guest).status_code == 403


@pytest.mark.parametrize(
    "address",
    [
        "/superset/dashboard/campaign-email-performance/",
        "/superset/welcome/",
        "/explore/",
        "/sqllab/",
        "/csstemplates/",
    ],
)
def test_pages_of_superset_are_not_a_guests(deployment: Deployment, guest: dict[str, str], address: str) -> None:
    answer = deployment.app.test_client().get(address, headers=guest)
    assert answer.status_code in (302, 401, 403, 404), answer.status_code


def test_no_dashboard_but_the_embedded_one_answers(deployment: Deployment, guest: dict[str, str]) -> None:
    client = deployment.app.test_client()
    for kind in ("dashboard", "chart"):
        assert client.get(f"/api/v1/{kind}/", headers=guest).status_code == 403
    for slug, status in (("campaign-email-performance", 200), ("theirs", 403), ("campaign-data-quality", 403)):
        for part in ("", "/charts", "/datasets"):
            assert client.get(f"/api/v1/dashboard/{slug}{part}", headers=guest).status_code in (status, 404), slug


def test_somebody_elses_chart_gives_a_guest_nothing(deployment: Deployment, guest: dict[str, str]) -> None:
    from superset import db
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    with deployment.app.app_context():
        chart = db.session.query(Slice).filter_by(slice_name="Theirs").one()
        ours = db.session.query(Dashboard).filter_by(slug="campaign-email-performance").one()
        body = {
            "datasource": {"id": chart.datasource_id, "type": "table"},
            "queries": [{"metrics": ["count"], "columns": ["one"]}],
            "form_data": {"slice_id": chart.id, "dashboardId": ours.id},
        }
        place = f"/api/v1/chart/{chart.id}"
    client = deployment.app.test_client()
    for form_data in (body["form_data"], {"dashboardId": body["form_data"]["dashboardId"]}, {}):
        answer = client.post("/api/v1/chart/data", json={**body, "form_data": form_data}, headers=guest)
        assert answer.status_code == 403, answer.get_data(as_text=True)
    assert client.get(place, headers=guest).status_code == 403
    assert client.get(f"{place}/data/", headers=guest).status_code in (403, 404)


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("POST", "/api/v1/dashboard/"),
        ("PUT", "/api/v1/dashboard/1"),
        ("DELETE", "/api/v1/dashboard/1"),
        ("POST", "/api/v1/chart/"),
        ("PUT", "/api/v1/chart/1"),
        ("DELETE", "/api/v1/chart/1"),
        ("PUT", "/api/v1/dataset/1"),
        ("POST", "/api/v1/database/"),
        ("POST", "/api/v1/sqllab/execute/"),
        ("POST", "/api/v1/security/guest_token/"),
        ("POST", "/api/v1/dashboard/1/filter_state"),
        ("POST", "/api/v1/dashboard/1/permalink"),
        ("POST", "/api/v1/dashboard/1/embedded"),
        ("DELETE", "/api/v1/dashboard/1/embedded"),
    ],
)
def test_a_guest_changes_nothing(
    deployment: Deployment, guest: dict[str, str], method: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else each would be refused for want of a token against forged requests, which no guest can get.
    monkeypatch.setitem(deployment.app.config, "WTF_CSRF_ENABLED", False)
    answer = deployment.app.test_client().open(address, method=method, json={}, headers=guest)
    assert answer.status_code == 403, answer.get_data(as_text=True)


def test_a_token_of_another_key_is_no_guest(deployment: Deployment, embedding: dict[str, Any]) -> None:
    import jwt

    claims = {
        "user": {"username": "eve"},
        "resources": [{"type": "dashboard", "id": embedding["dashboard"]}],
        "rls_rules": [],
        "iat": 0,
        "exp": 2**33,
        "aud": "http://localhost/",
        "type": "guest",
    }
    client = deployment.app.test_client()
    for token in (
        jwt.encode(claims, "another key of thirty-two characters", "HS256"),
        jwt.encode(claims, None, "none"),
    ):
        headers = {"X-GuestToken": token}
        assert client.get("/api/v1/dashboard/campaign-email-performance", headers=headers).status_code in (401, 404)
        assert client.post("/api/v1/chart/data", json={}, headers=headers).status_code == 401

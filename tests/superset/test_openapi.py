"""The plugin's part of Superset's OpenAPI document, tried by schemathesis: what it says is what the API does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from deployment import PASSWORD, SCHEMA, Deployment
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.schemas import OpenApiSchema

from superset_campaign_plugin.config import EXTENSION
from superset_campaign_plugin.reporting.run_report import run_report

CALLERS = ("viewer", "outsider", "stranger")
OURS = "/api/v1/campaign_email"
EMAIL = f"{OURS}/{{email_id}}"


def bearer(deployment: Deployment, user: str) -> dict[str, str]:
    """What a program that logged in as `user` sends with every request."""
    answer = deployment.app.test_client().post(
        "/api/v1/security/login",
        json={"username": user, "password": PASSWORD, "provider": "db", "refresh": False},
    )
    return {"Authorization": f"Bearer {answer.get_json()['access_token']}"}


def validated(case: Case, headers: dict[str, str]) -> Any:
    """The answer, if it is as documented."""
    # Tokens that schemathesis makes up are none at all, and to these Superset answers 422 everywhere, where it expects
    # 401 or 403.
    left_out = [schemathesis.checks.ignored_auth, schemathesis.checks.positive_data_acceptance]
    return case.call_and_validate(headers={"Accept-Encoding": "identity", **headers}, excluded_checks=left_out)


@pytest.fixture(scope="module")
def document(deployment: Deployment) -> OpenApiSchema:
    """Superset's document, of it the plugin's addresses."""
    headers = bearer(deployment, "admin")
    whole = schemathesis.openapi.from_wsgi("/api/v1/_openapi", deployment.app, headers=headers)
    return whole.include(path_regex=f"^{OURS}")


@pytest.fixture(scope="module")
def callers(deployment: Deployment) -> dict[str, dict[str, str]]:
    """The headers of a viewer, of somebody without access to the report, and of a stranger."""
    return {"viewer": bearer(deployment, "viewer"), "outsider": bearer(deployment, "outsider"), "stranger": {}}


def test_the_document_has_every_address_of_the_plugin(deployment: Deployment, document: OpenApiSchema) -> None:
    registered = {
        str(rule).replace("<int:email_id>", "{email_id}")
        for rule in deployment.app.url_map.iter_rules()
        if rule.endpoint.startswith("CampaignEmailRestApi.") and not str(rule).endswith("/_info")
    }
    assert {operation.ok().full_path for operation in document.get_all_operations()} == registered == {EMAIL}


@pytest.mark.parametrize("mode", GenerationMode)
def test_any_request_gets_a_documented_answer(
    document: OpenApiSchema, callers: dict[str, dict[str, str]], mode: GenerationMode
) -> None:
    """Requests as the document has them, and requests that break it, of each caller."""
    [operation] = [found.ok() for found in document.get_all_operations()]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode), caller=st.sampled_from(CALLERS))
    def tried(case: Case, caller: str) -> None:
        validated(case, callers[caller])

    tried()


@pytest.fixture
def ask(document: OpenApiSchema) -> Callable[..., Any]:
    """Ask for an email; the answer is checked against the document."""

    def get(email_id: int, headers: dict[str, str], **query: Any) -> Any:
        case = document[EMAIL]["GET"].Case(path_parameters={"email_id": email_id}, query=query)
        return validated(case, headers)

    return get


def test_every_email_of_the_report_is_as_documented(
    deployment: Deployment, ask: Callable[..., Any], callers: dict[str, dict[str, str]]
) -> None:
    rows = run_report(deployment.warehouse, schema=SCHEMA, by=["email"]).records()
    assert len(rows) > 20
    for row in rows[:20]:
        answer = ask(row["email_id"], callers["viewer"])
        assert answer.status_code == 200
        assert answer.json()["result"]["figures"]["sent"] == row["sent"]
    campaign = answer.json()["result"]["campaigns"][0]["campaign_id"]
    assert ask(row["email_id"], callers["viewer"], campaign_id=campaign).status_code == 200
    assert ask(row["email_id"], callers["outsider"]).status_code == 404
    assert ask(row["email_id"], callers["stranger"]).status_code == 401


def test_too_many_requests_are_answered_as_documented(
    deployment: Deployment, ask: Callable[..., Any], callers: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(deployment.app.extensions[EXTENSION], previews_per_minute=1)
    monkeypatch.setitem(deployment.app.extensions, EXTENSION, few)
    answers = [ask(1, callers["viewer"]) for _ in range(3)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"][0]) >= 1

"""The sample portal by itself: who may sign a visitor in and out. `browser/test_portal.py` has it with Superset."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

FILE = Path(__file__).resolve().parents[2] / "docker" / "portal" / "portal.py"


@pytest.fixture
def portal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The portal, beside a Superset that is not there."""
    embedding = {"dashboard": "d", "datasets": {}, "instances": [], "backslash_escapes": False}
    (tmp_path / "embedding.json").write_text(json.dumps(embedding))
    for name, value in {
        "PORTAL_SECRET_KEY": "k" * 42,
        "CAMPAIGN_EMBEDDING_FILE": str(tmp_path / "embedding.json"),
        "PORTAL_SUPERSET_PUBLIC_URL": "http://127.0.0.1:1",
        "PORTAL_SUPERSET_URL": "http://127.0.0.1:1",
        "CAMPAIGN_PORTAL_USER": "portal",
        "CAMPAIGN_PORTAL_PASSWORD": "password",
    }.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("portal", FILE)
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look their module up.
    monkeypatch.setitem(sys.modules, "portal", module)
    spec.loader.exec_module(module)
    return module.create_app()


def token_of(client: FlaskClient) -> str:
    """The token of the form on the page."""
    [token] = re.findall(r'name="form_token" value="([\w-]{43})"', client.get("/").get_data(as_text=True))
    return token


def is_signed_in(client: FlaskClient) -> bool:
    return "Sign out" in client.get("/").get_data(as_text=True)


def sign_in(client: FlaskClient) -> None:
    answer = client.post("/sign-in", data={"customer": "alder", "form_token": token_of(client)})
    assert answer.status_code == 302


def test_a_visitor_signs_in_and_out_by_the_portals_own_forms(portal: Flask) -> None:
    client = portal.test_client()
    sign_in(client)
    assert is_signed_in(client)
    assert client.post("/sign-out", data={"form_token": token_of(client)}).status_code == 302
    assert not is_signed_in(client)


@pytest.mark.parametrize("token", [None, "", "x" * 43, "\u00e9"])
def test_a_form_without_the_token_of_its_session_does_nothing(portal: Flask, token: str | None) -> None:
    data = {"customer": "alder"} if token is None else {"customer": "alder", "form_token": token}
    # A browser that was never here, and one that was.
    for client in (portal.test_client(), portal.test_client()):
        assert client.post("/sign-in", data=data).status_code == 403
        assert not is_signed_in(client)
        sign_in(client)
        assert client.post("/sign-out", data=data).status_code == 403
        assert is_signed_in(client)


def test_a_token_is_of_one_session(portal: Flask) -> None:
    visitor, other = portal.test_client(), portal.test_client()
    before = token_of(visitor)
    assert other.post("/sign-in", data={"customer": "alder", "form_token": before}).status_code == 403
    sign_in(visitor)
    assert token_of(visitor) != before
    assert visitor.post("/sign-out", data={"form_token": before}).status_code == 403


def test_the_session_is_sent_to_this_site_alone_and_no_page_with_a_token_is_kept(portal: Flask) -> None:
    answer = portal.test_client().get("/")
    cookie = answer.headers["Set-Cookie"]
    assert "SameSite=Lax" in cookie
    assert "HttpOnly" in cookie
    assert answer.headers["Cache-Control"] == "no-store"

"""The portal's helper against slips of the portal, and servers that do not answer as Superset does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from superset_campaign_plugin.embedding.portal import Superset, guest_token_request
from superset_campaign_plugin.errors import PortalError, UsageError

EMBEDDING = {"dashboard": "d", "datasets": {}, "instances": [], "backslash_escapes": False}


class Redirecting(BaseHTTPRequestHandler):
    """Logs anybody in, and sends every other request on; `seen` keeps who came with a token."""

    seen: list[str | None] = []  # noqa: RUF012 - one server at a time

    def do_POST(self) -> None:
        self._answer(200, json.dumps({"access_token": "secret"}).encode())

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self._answer(302 if self.path != "/elsewhere" else 200, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"http://localhost:{self.server.server_port}/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def redirecting() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Redirecting.seen.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_token_is_not_carried_to_where_an_answer_points(redirecting: str) -> None:
    with pytest.raises(PortalError, match=r"answered 302 .* it is at http://localhost:[0-9]+/elsewhere now"):
        Superset(redirecting, "portal", "password", EMBEDDING).guest_token("ann", workspaces=["EMEA"])
    assert Redirecting.seen == ["/api/v1/security/csrf_token/"]


@pytest.mark.parametrize(
    "rows",
    [
        {"workspaces": ["EMEA"], "programs": []},
        {"workspaces": ["EMEA"], "programs": [None]},
        {"workspaces": ["EMEA"], "programs": [""]},
        {"workspaces": ["EMEA"], "programs": "Spring"},
        {"workspaces": ["EMEA"], "instances": []},
        {"workspaces": ["EMEA"], "instances": [None]},
        {"workspaces": "EMEA"},
        {"workspaces": [None]},
        {"workspaces": [["EMEA"]]},
        {"workspaces": ["EMEA"], "everything": "no"},
        {"workspaces": [], "everything": 1},
        {"workspaces": ["EMEA"], "everything": 0},
    ],
)
def test_what_may_be_a_mistake_of_the_portal_shows_nothing(rows: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        guest_token_request(EMBEDDING, username="ann", **rows)

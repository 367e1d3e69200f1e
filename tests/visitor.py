"""Somebody who uses a Superset over HTTP, as a browser and its pages do."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import requests
from deployment import PASSWORD


class Visitor:
    """A session at the Superset of `address`: of a user by name, or of a guest by token."""

    def __init__(self, address: str, user: str | None = None, *, token: str | None = None) -> None:
        self.address = address
        self.session = requests.Session()
        self._events: dict[str, dict[str, Any]] = {}
        self._last_event = ""
        self._headers = {"Referer": f"{address}/", **({"X-GuestToken": token} if token else {})}
        if user is not None:
            form = {"csrf_token": self._form_token(), "username": user, "password": PASSWORD}
            answer = self.session.post(f"{address}/login/", form, headers=self._headers, allow_redirects=False)
            assert answer.status_code == 302, answer.text[:500]
            assert "login" not in answer.headers["Location"]
            self._headers["X-CSRFToken"] = form["csrf_token"]

    def _form_token(self) -> str:
        page = self.session.get(f"{self.address}/login/").text
        found = re.search(r'id="csrf_token"\s+value="([^"]+)"', page)
        assert found, page[:500]
        return found[1]

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.address + path, headers=self._headers, timeout=120, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.session.post(self.address + path, headers=self._headers, timeout=120, **options)

    def put(self, path: str, **options: Any) -> requests.Response:
        return self.session.put(self.address + path, headers=self._headers, timeout=120, **options)

    def delete(self, path: str) -> requests.Response:
        return self.session.delete(self.address + path, headers=self._headers, timeout=120)

    def json(self, path: str) -> Any:
        """What the API answers, which must be a success."""
        answer = self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def charts(self, slug: str) -> dict[str, int]:
        """The ids of a dashboard's charts, by title."""
        found = self.json(f"/api/v1/dashboard/{slug}/charts")["result"]
        return {chart["slice_name"]: chart["id"] for chart in found}

    def ask(self, context: dict[str, Any]) -> list[list[dict[str, Any]]]:
        """The rows of each query of a chart's request, which a worker may run."""
        answer = self.post("/api/v1/chart/data", json={**context, "force": True})
        if answer.status_code == 202:
            event = self.event(answer.json())
            assert event["status"] == "done", event
            answer = self.get(event["result_url"])
        assert answer.status_code == 200, answer.text[:2000]
        return [query["data"] for query in answer.json()["result"]]

    def event(self, job: dict[str, Any]) -> dict[str, Any]:
        """How the job of an asynchronous query has ended, as the page learns it."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            after = f"?last_id={self._last_event}" if self._last_event else ""
            for event in self.json(f"/api/v1/async_event/{after}")["result"]:
                self._last_event = event["id"]
                self._events[event["job_id"]] = event
            if self._events.get(job["job_id"], {}).get("status") in ("done", "error"):
                return self._events.pop(job["job_id"])
            time.sleep(0.02)
        raise AssertionError(f"no worker has run {job}")


def contexts(admin: Visitor, slug: str) -> dict[str, dict[str, Any]]:
    """The request by which the page of a dashboard asks for each of its charts, by title, without a range of time."""
    dashboard = admin.json(f"/api/v1/dashboard/{slug}")["result"]["id"]
    found = {}
    for title, id_ in admin.charts(slug).items():
        context = json.loads(admin.json(f"/api/v1/chart/{id_}")["result"]["query_context"])
        context["form_data"] = {**context["form_data"], "slice_id": id_, "dashboardId": dashboard}
        found[title] = context
    return found


def one_of_each(requests: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of the charts' requests those of the first chart of each dataset, by title: what differs is the datasets' SQL."""
    first = {context["datasource"]["id"]: title for title, context in reversed(requests.items())}
    return {title: requests[title] for title in first.values()}

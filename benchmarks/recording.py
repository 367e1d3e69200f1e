"""What a browser asks for when somebody opens the dashboard, recorded from Chromium, for people to ask again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Frame, Page, Request, expect, sync_playwright

from stack.start import Stack

CHROMIUM = "/usr/bin/chromium"
# What a request says about the one who sends it is set for each person.
_KEPT_HEADERS = ("accept", "content-type", "referer", "x-csrftoken", "x-guesttoken")
_LONG = 120_000  # milliseconds; a cold server on a busy machine
_CHARTS = 6  # of the tab that opens


@dataclass(frozen=True)
class Call:
    """A request as the browser sent it; `path` with its query."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None

    @property
    def is_static(self) -> bool:
        """A file that every visitor gets the same."""
        return self.path.startswith("/static/")

    @property
    def asks_for_data(self) -> bool:
        """The data of a chart, or the values that a filter offers."""
        return self.path.startswith("/api/v1/chart/data")

    @property
    def is_list(self) -> bool:
        """The values that a filter offers."""
        return self.asks_for_data and "?" not in self.path


@dataclass(frozen=True)
class Recording:
    """All calls of one opening: first the page, then the rest in the order in which they were sent."""

    calls: list[Call]
    secret: str  # the guest's token or nothing, where it stands in bodies

    @property
    def charts(self) -> list[Call]:
        """The calls for the charts."""
        return [call for call in self.calls if call.asks_for_data and not call.is_list]

    @property
    def lists(self) -> list[Call]:
        """The calls for the values of filters."""
        return [call for call in self.calls if call.is_list]


def record(stack: Stack, user: str, password: str) -> tuple[Recording, Recording]:
    """The opening by a user and by a guest of the portal."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            users = _opening(browser.new_context, stack, lambda page: _open_as_user(page, stack, user, password))
            guests = _opening(browser.new_context, stack, lambda page: _open_as_guest(page, stack))
        finally:
            browser.close()
    return users, guests


def _opening(new_context: Callable[..., BrowserContext], stack: Stack, enter: Callable[[Page], Frame]) -> Recording:
    """What is asked for from the page of the dashboard on, until all charts are there."""
    context = new_context(viewport={"width": 1440, "height": 3000})  # all charts are in view, so that all load
    context.set_default_timeout(_LONG)
    page = context.new_page()
    sent: list[Request] = []
    context.on("request", lambda request: sent.append(request))
    frame = enter(page)
    titles = frame.locator("[data-test-chart-name]")
    expect(titles).to_have_count(_CHARTS, timeout=_LONG)
    frame.wait_for_timeout(1000)
    expect(frame.locator("[data-test=loading-indicator], .loading")).to_have_count(0, timeout=_LONG)
    frame.wait_for_timeout(2000)  # the last entries of the log of events
    base = stack.dashboard.split("/superset/")[0]
    calls = [_call(request, base) for request in sent if request.url.startswith(base + "/")]
    context.close()
    first = next(n for n, call in enumerate(calls) if call.path.startswith(("/superset/dashboard/", "/embedded/")))
    calls = calls[first:]
    if len([call for call in calls if call.asks_for_data and not call.is_list]) != _CHARTS:
        raise SystemExit(f"Chromium asked for other charts than the dashboard's {_CHARTS}; record again")
    secret = next((call.headers["x-guesttoken"] for call in calls if "x-guesttoken" in call.headers), "")
    return Recording(calls, secret)


def _call(request: Request, base: str) -> Call:
    headers = {name: value for name, value in request.headers.items() if name in _KEPT_HEADERS}
    parts = urlsplit(request.url)
    path = request.url.removeprefix(base) if not parts.fragment else parts.path
    body = request.post_data_buffer
    return Call(request.method, path, headers, None if body is None else body.decode())


def _open_as_user(page: Page, stack: Stack, user: str, password: str) -> Frame:
    # Beside the form: its page's late requests can bring back a stranger's cookie.
    address = stack.dashboard.split("/superset/")[0] + "/login/"
    form = page.context.request.get(address).text()
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    fields = {"username": user, "password": password, "csrf_token": found.group(1) if found else ""}
    page.context.request.post(address, form=fields, headers={"Referer": address})
    page.goto(stack.dashboard)
    return page.main_frame


def _open_as_guest(page: Page, stack: Stack) -> Frame:
    page.goto(stack.portal or "")
    page.get_by_role("button").first.click()
    page.frame_locator("#report iframe").locator("[data-test-chart-name]").first.wait_for()
    return next(frame for frame in page.frames if "/embedded/" in frame.url)


def narrowed(body: str, chosen: dict[str, list[str]], period: str) -> str:
    """The body of a call for data after somebody has chosen: column → values, and the range of time.

    As the browser does it: in each query before the chart's own conditions, and in the form for the record.
    """
    asked = json.loads(body)
    filters = [{"col": column, "op": "IN", "val": values} for column, values in chosen.items()]
    form = asked["form_data"].setdefault("extra_form_data", {})
    for query in asked["queries"]:
        query["filters"] = [*filters, *query["filters"]]
        if "time_range" in query:
            query["time_range"] = period
    if filters:
        form["filters"] = [*filters, *form.get("filters", [])]
    if "time_range" in form:
        form["time_range"] = period
    return json.dumps(asked)

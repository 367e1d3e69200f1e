"""The dashboard in a browser, as a page of Superset or in a portal's frame: what tests do and read there."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from deployment import PASSWORD
from playwright.sync_api import Frame, Locator, Page, Request, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

DASHBOARD = "/superset/dashboard/campaign-email-performance/"
LONG = 60_000  # milliseconds; a cold server on a busy machine
LINKS = "Links clicked, in the emails sent on the chosen days"
# A table is invisible until Superset has measured it.
TABLES_ARE_DRAWN = """() => [...document.querySelectorAll("[data-test-viz-type=table]")].every(chart => {
    if (chart.closest("[role=tabpanel][aria-hidden=true]")) return true;
    const cells = [...chart.querySelectorAll("tbody td")];
    return !cells.length || cells.some(cell => getComputedStyle(cell).visibility === "visible");
})"""
LOADING = "[data-test=loading-indicator], .loading"


def log_in(page: Page, name: str = "viewer") -> None:
    """Log in through Superset's form, and be sure of it.

    A late answer to a request from before the login can bring back the stranger's cookie, so the page is left to
    fall silent first, and a login that did not last is done again.
    """
    for _ in range(3):
        page.goto("/login/")
        page.wait_for_load_state("networkidle")
        page.fill("#username", name)
        page.fill("#password", PASSWORD)
        page.click("[type=submit]")
        page.wait_for_load_state("networkidle")
        page.goto(DASHBOARD)
        if "/login" not in page.url:
            return
    pytest.fail(f"{name} cannot log in")


def until(view: Page | Frame, holds: Callable[[], bool]) -> None:
    """Wait until something is so. Fails where it is not after a minute."""
    deadline = time.monotonic() + LONG / 1000
    while not holds():
        assert time.monotonic() < deadline, f"not so within {LONG / 1000:.0f} seconds"
        view.wait_for_timeout(50)  # in which the page's events are heard


def settle(view: Page | Frame, last: str = "Campaigns") -> None:
    """Wait until every chart of a tab that opens has its data: it shows from the start that it is loading.

    `last` is the title of the tab's last chart.
    """
    expect(chart(view, last)).to_be_visible(timeout=LONG)
    expect(view.locator(LOADING)).to_have_count(0, timeout=LONG)
    until(view, lambda: view.evaluate(TABLES_ARE_DRAWN))


# The last chart of each tab.
TABS = {
    "Overview": "Campaigns",
    "Emails": "Report with the columns you pick",
    "Variants": "Which variant does better",
    "Links": LINKS,
    "Timing": "Emails at the same age",
    "People and machines": "Emails by people and machines",
    "Deliverability": "Why emails bounce",
}


def open_tab(view: Page | Frame, title: str) -> None:
    """Open a tab of the dashboard, and wait until its charts have their data."""
    tab = view.locator("[role=tab]").filter(has_text=title)
    tab.click()
    expect(tab).to_have_attribute("aria-selected", "true")
    settle(view, TABS[title])


@contextmanager
def answered(view: Page | Frame) -> Iterator[None]:
    """Do something that makes charts ask, and wait until each of them has its answer and shows it."""
    page = view.page if isinstance(view, Frame) else view
    asked: set[Request] = set()
    done: set[Request] = set()

    def ask(request: Request) -> None:
        if "/api/v1/chart/data" in request.url:
            asked.add(request)

    def end(request: Request) -> None:
        done.add(request)

    page.on("request", ask)
    page.on("requestfinished", end)
    page.on("requestfailed", end)
    try:
        yield
        until(view, lambda: bool(asked) and asked <= done and view.locator(LOADING).count() == 0)
    finally:
        page.remove_listener("request", ask)
        page.remove_listener("requestfinished", end)
        page.remove_listener("requestfailed", end)


def chart(view: Page | Frame, title: str) -> Locator:
    """The chart of that title."""
    return view.locator(f'[data-test-chart-name="{title}"]')


def choose(view: Page | Frame, name: str, *options: str, clear: bool = False) -> None:
    """Set a value filter, after clearing it if asked, and apply it."""
    control = filter_control(view, name)
    if clear:
        control.hover()
        control.locator(".ant-select-clear").click()
    control.locator(".ant-select").first.click()
    search = control.locator("input")
    for option in options:
        offered = view.locator(".ant-select-item-option").filter(has_text=re.compile(f"^{re.escape(option)}$"))
        search_for(search, option, offered)
        offered.first.click()
        expect(search).to_have_value("")  # the search field empties itself
        expect(control).to_contain_text(option)
    page = view.page if isinstance(view, Frame) else view
    page.keyboard.press("Escape")
    with answered(view):
        view.locator("[data-test=filter-bar__apply-button]").click()


def search_for(search: Locator, option: str, offered: Locator) -> None:
    """Have the list show the option: only a part of a long list is there, so it is searched for.

    The list may still follow an earlier search, and the search field empties itself some time after a choice, so what
    was written may have to be written again. Fails where the option is not there after a minute.
    """
    deadline = time.monotonic() + LONG / 1000
    while time.monotonic() < deadline:
        if search.is_editable():  # a short list has no search
            search.fill("")
            search.fill(option)
        with suppress(PlaywrightTimeoutError):
            offered.first.wait_for(timeout=3_000)
            return
    pytest.fail(f"the list does not offer {option} within {LONG / 1000:.0f} seconds")


def fits(page: Page, width: int, height: int) -> None:
    """Give the window another size, and wait until nothing of the page is wider than it. Fails where that stays."""
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function("width => innerWidth === width", arg=width)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    until(page, lambda: page.evaluate(overflow) <= 0)


def filter_control(view: Page | Frame, name: str) -> Locator:
    """The control of the filter of that name."""
    bar = view.locator("[data-test=filter-bar]")
    place = bar.locator("[data-test=filter-control-name]").all_inner_texts().index(name)
    return bar.locator("[data-test=form-item-value]").nth(place)


def report_columns(view: Page | Frame) -> list[str]:
    """The columns of the report, from left to right."""
    heads = chart(view, "Report with the columns you pick").locator("th.pvtColLabel")
    return [" ".join(text.split()) for text in heads.all_inner_texts()]

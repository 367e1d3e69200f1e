"""The dashboard in a browser, as a page of Superset or in a portal's frame: what tests do and read there."""

from __future__ import annotations

import re

import pytest
from deployment import PASSWORD
from playwright.sync_api import Frame, Locator, Page, expect

DASHBOARD = "/superset/dashboard/campaign-email-performance/"
LONG = 60_000  # milliseconds; a cold server on a busy machine


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


def settle(view: Page | Frame) -> None:
    """Wait until every chart has its data."""
    expect(chart(view, "Report with the columns you pick")).to_be_visible(timeout=LONG)
    view.wait_for_timeout(500)
    expect(view.locator("[data-test=loading-indicator], .loading")).to_have_count(0, timeout=LONG)


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
    for option in options:
        if control.locator("input").is_editable():  # a short list has no search
            control.locator("input").fill(option)
        view.locator(".ant-select-item-option").filter(has_text=re.compile(f"^{re.escape(option)}$")).first.click()
        view.wait_for_timeout(500)  # the search field empties itself
    page = view.page if isinstance(view, Frame) else view
    page.keyboard.press("Escape")
    view.locator("[data-test=filter-bar__apply-button]").click()
    view.wait_for_timeout(500)
    settle(view)


def filter_control(view: Page | Frame, name: str) -> Locator:
    """The control of the filter of that name."""
    bar = view.locator("[data-test=filter-bar]")
    place = bar.locator("[data-test=filter-control-name]").all_inner_texts().index(name)
    return bar.locator("[data-test=form-item-value]").nth(place)


def report_columns(view: Page | Frame) -> list[str]:
    """The columns of the report, from left to right."""
    heads = chart(view, "Report with the columns you pick").locator("th.pvtColLabel")
    return [" ".join(text.split()) for text in heads.all_inner_texts()]

"""A business user in a real browser: opens the dashboard, filters it, picks columns, and sees an email."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from dashboard_page import DASHBOARD, LONG, answered, chart, choose, fits, log_in, report_columns, settle, until
from deployment import HOSTILE_NAMES, SCHEMA, Deployment
from playwright.sync_api import Browser, Page, expect

from superset_campaign_plugin.reporting.run_report import run_report


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The dashboard as the viewer sees it, in a window that is tall enough for all of it."""
    context = browser.new_context(viewport={"width": 1440, "height": 3000}, base_url=address)
    page = context.new_page()
    page.set_default_timeout(LONG)
    log_in(page)
    # A dialog would mean that a name was executed.
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    reload(page)
    yield page
    context.close()


def reload(page: Page) -> None:
    page.goto(DASHBOARD)
    settle(page)


def test_every_chart_shows_its_data(page: Page) -> None:
    expect(page.get_by_text("Data error")).to_have_count(0)
    expect(page.get_by_text("Unexpected error")).to_have_count(0)
    expect(chart(page, "Key figures")).to_contain_text("% Delivered")
    for title in ("Campaigns", "Emails"):
        expect(chart(page, title)).to_contain_text("Summary")
    expect(chart(page, "Sends and engagement over time").locator("canvas")).to_have_count(1)
    expect(chart(page, "How the sends ended").locator("canvas")).to_have_count(1)


def test_the_report_shows_the_default_columns_in_marketos_order(page: Page) -> None:
    assert report_columns(page) == [
        *("Sent", "% Delivered", "Hard Bounced", "Soft Bounced", "Opened", "% Opened", "Clicked Link"),
        *("% Clicked Link", "Clicked to Opened Ratio", "Unsubscribed"),
    ]


def test_the_columns_filter_decides_the_columns(page: Page) -> None:
    reload(page)
    choose(page, "Columns", "% Unsubscribed", "Sent", clear=True)
    assert report_columns(page) == ["Sent", "% Unsubscribed"]


def test_a_workspace_narrows_everything(page: Page, deployment: Deployment) -> None:
    reload(page)
    choose(page, "Workspace", "EMEA")
    shown = chart(page, "Campaigns").locator("tbody tr").first
    expect(shown).to_be_visible()
    names = {row["campaign_name"] for row in report(deployment, "EMEA")}
    for text in chart(page, "Campaigns").locator("tbody td:nth-child(2)").all_inner_texts():
        assert text in names


def report(deployment: Deployment, workspace: str) -> list[dict[str, object]]:
    found = run_report(deployment.warehouse, schema=SCHEMA, by=["campaign"], where={"workspace": [workspace]})
    return found.records()


def test_a_click_on_a_campaign_narrows_the_emails(page: Page) -> None:
    reload(page)
    first = chart(page, "Campaigns").locator("tbody tr").first.locator("td").nth(1)
    name = first.inner_text()
    with answered(page):
        first.click()
    campaigns = set(chart(page, "Emails").locator("tbody td:nth-child(1)").all_inner_texts())
    assert campaigns == {name}


def test_an_emails_name_opens_its_preview(page: Page) -> None:
    reload(page)
    link = chart(page, "Emails").locator("tbody a").first
    name = link.inner_text()
    with page.context.expect_page() as opened:
        link.click()
    preview = opened.value
    preview.wait_for_load_state()
    assert re.search(r"/campaign-email/\d+/$", preview.url)
    expect(preview.get_by_text(name).first).to_be_visible()
    expect(preview.get_by_text("% Delivered").or_(preview.get_by_text("Delivered")).first).to_be_visible()
    preview.close()


def test_hostile_names_stay_text(page: Page) -> None:
    reload(page)
    choose_all_time(page)
    search = chart(page, "Campaigns").locator("input[aria-label^=Search]")
    for name, part in zip(HOSTILE_NAMES, ("window.hacked", "onerror", "Brien", "عرض"), strict=True):
        search.fill(part)
        cells = chart(page, "Campaigns").locator("tbody td:nth-child(2)")
        until(page, lambda name=name, cells=cells: name in cells.all_inner_texts())
    search.fill("")
    assert page.evaluate("window.hacked") is None


def choose_all_time(page: Page) -> None:
    """Empty the time filter, so that every campaign shows."""
    page.locator("[data-test=time-range-trigger]").click()
    page.locator(".ant-popover .ant-select").first.click()
    page.locator(".ant-select-item-option").filter(has_text="No filter").click()
    page.locator("[data-test=date-filter-control__apply-button]").click()
    with answered(page):
        page.locator("[data-test=filter-bar__apply-button]").click()


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_overflows_the_page(page: Page, width: int) -> None:
    fits(page, width, 3000)
    page.set_viewport_size({"width": 1440, "height": 3000})

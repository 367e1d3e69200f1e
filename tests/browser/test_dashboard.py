"""A business user in a real browser: opens the dashboard, filters it, picks columns, and sees an email."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from dashboard_page import (
    DASHBOARD,
    LINKS,
    LONG,
    TABS,
    answered,
    chart,
    choose,
    filter_control,
    fits,
    log_in,
    open_tab,
    report_columns,
    settle,
    until,
)
from deployment import HOSTILE_NAMES, SCHEMA, Deployment
from PIL import Image
from playwright.sync_api import Browser, Page, Request, expect

from superset_campaign_plugin.reporting.run_report import run_report

EMAIL_COLUMNS = (
    *("Campaign", "Email", "Last Sent", "Sent", "% Delivered", "% Opened", "% Opened vs. Average", "% Clicked Link"),
    *("% Clicked Link vs. Average", "% Unsubscribed", "Opened", "Clicked Link"),
)


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


def test_every_chart_of_every_tab_shows_its_data(page: Page) -> None:
    reload(page)
    for title in TABS:
        open_tab(page, title)
        expect(page.get_by_text("Data error")).to_have_count(0)
        expect(page.get_by_text("Unexpected error")).to_have_count(0)
    expect(chart(page, "Key figures")).to_contain_text("% Delivered")
    for title in ("Campaigns", "Emails"):
        expect(chart(page, title)).to_contain_text("% Delivered")
    expect(chart(page, LINKS)).to_contain_text("% of Clicks")
    for title in ("Campaigns", "Emails", LINKS):
        expect(chart(page, title).locator("tfoot tr")).to_have_count(0)  # sums of percentages, once somebody searches
    expect(chart(page, "Sends and engagement over time").locator("canvas")).to_have_count(1)
    expect(chart(page, "How the sends ended").locator("canvas")).to_have_count(1)


def test_the_charts_of_a_tab_are_asked_for_when_it_is_opened(page: Page, deployment: Deployment) -> None:
    asked: list[str] = []
    titles = titles_by_id(deployment)

    def note(request: Request) -> None:
        if "/api/v1/chart/data" in request.url:
            form_data = request.post_data_json["form_data"]
            if title := titles.get(form_data.get("slice_id")):
                asked.append(title)

    page.on("request", note)
    reload(page)
    overview = {"Period", "Data until", "Key figures", "Last twelve months", "Sends and engagement over time"}
    assert set(asked) == {*overview, "How the sends ended", "Campaigns"}
    for tab, charts in (
        ("Emails", {"Emails", "Report with the columns you pick"}),
        ("Links", {LINKS}),
        ("Overview", set()),
    ):
        asked.clear()
        open_tab(page, tab)
        assert set(asked) == charts
    page.remove_listener("request", note)


def titles_by_id(deployment: Deployment) -> dict[int, str]:
    from superset import db
    from superset.models.slice import Slice

    with deployment.app.app_context():
        return {chart.id: chart.slice_name for chart in db.session.query(Slice)}


def test_the_columns_filter_is_of_the_tab_with_its_report_and_decides_the_columns(page: Page) -> None:
    reload(page)
    names = page.locator("[data-test=filter-bar] [data-test=filter-control-name]:visible")
    expect(page.get_by_text("Filters out of scope (1)")).to_be_visible()
    assert "Columns" not in names.all_inner_texts()
    open_tab(page, "Emails")
    expect(filter_control(page, "Columns")).to_be_visible()
    expect(page.get_by_text("Filters out of scope")).to_have_count(0)
    assert report_columns(page) == [  # in Marketo's order
        *("Sent", "% Delivered", "Hard Bounced", "Soft Bounced", "Opened", "% Opened", "Clicked Link"),
        *("% Clicked Link", "Clicked to Opened Ratio", "Unsubscribed"),
    ]
    choose(page, "Columns", "% Unsubscribed", "Sent", clear=True)
    assert report_columns(page) == ["Sent", "% Unsubscribed"]


def test_links_are_those_of_the_workspace_with_their_shares(page: Page, deployment: Deployment) -> None:
    reload(page)
    choose_all_time(page)
    choose(page, "Workspace", "EMEA")
    open_tab(page, "Links")
    rows = [row.locator("td").all_inner_texts() for row in chart(page, LINKS).locator("tbody tr").all()]
    [total] = run_report(deployment.warehouse, schema=SCHEMA, by=[], where={"workspace": ["EMEA"]}).records()
    assert rows
    for _, _, _, people, share, _ in rows:
        assert share == f"{int(people.replace(',', '')) / total['clicked_link']:.1%}"


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


def test_a_click_on_a_campaign_narrows_the_other_tabs(page: Page) -> None:
    reload(page)
    open_tab(page, "Links")
    links = chart(page, LINKS).locator("tbody tr:visible")
    before = links.count()
    open_tab(page, "Emails")  # opened before, so its table is asked for and drawn while it is closed
    open_tab(page, "Overview")
    first = chart(page, "Campaigns").locator("tbody tr").first.locator("td").nth(1)
    name = first.inner_text()
    with answered(page):
        first.click()
    open_tab(page, "Emails")
    campaigns = set(chart(page, "Emails").locator("tbody td:nth-child(1)").all_inner_texts())
    assert campaigns == {name}
    open_tab(page, "Links")
    until(page, lambda: 0 < links.count() < before)


def test_an_emails_name_opens_its_preview(page: Page) -> None:
    reload(page)
    open_tab(page, "Emails")
    link = chart(page, "Emails").locator("tbody a").first
    name = link.inner_text()
    row = dict(zip(EMAIL_COLUMNS, link.locator("xpath=ancestor::tr/td").all_inner_texts(), strict=True))
    with page.context.expect_page() as opened:
        link.click()
    preview = opened.value
    preview.wait_for_load_state()
    assert re.search(r"/campaign-email/\d+/\?campaign_id=\d+&sent_from=[\d-]+&sent_to=[\d-]+$", preview.url)
    assert preview.locator(".card.sent .value").inner_text() == row["Sent"]
    assert preview.locator(".card.opened .value").inner_text() == row["Opened"]
    # The click opened the preview, and filtered nothing.
    expect(page.get_by_text("<a title")).to_have_count(0)
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


def test_tables_fit_a_laptop(page: Page) -> None:
    reload(page)
    over = "table => { const box = table.closest('[role=table]'); return table.scrollWidth - box.clientWidth }"
    for tab, title in (("Overview", "Campaigns"), ("Emails", "Emails"), ("Links", LINKS)):
        open_tab(page, tab)
        page.set_viewport_size({"width": 1280, "height": 3000})
        page.wait_for_timeout(1500)
        assert chart(page, title).locator("table").last.evaluate(over) <= 0, title
    page.set_viewport_size({"width": 1440, "height": 3000})


def test_changes_are_in_points_and_a_dash_stands_where_nothing_was_before(page: Page) -> None:
    reload(page)
    figures = chart(page, "Key figures")
    after = figures.locator("tbody td:nth-child(7)").evaluate("cell => getComputedStyle(cell, '::after').content")
    assert after == '" pts"'
    choose_all_time(page)
    before = "cell => getComputedStyle(cell, '::before').content"
    assert figures.locator("tbody td:nth-child(6)").evaluate(before) == '"was –"'
    expect(figures.locator("tbody td:nth-child(7)")).to_have_css("visibility", "hidden")


def test_a_line_says_the_days_and_the_end_of_the_data(page: Page, deployment: Deployment) -> None:
    reload(page)
    choose_all_time(page)
    days = [str(row["day"]) for row in run_report(deployment.warehouse, schema=SCHEMA, by=["day"]).records()]
    assert chart(page, "Period").locator("tbody td").all_inner_texts() == [days[0], days[-1], "UTC", ""]
    [everything] = run_report(deployment.warehouse, schema=SCHEMA, by=[]).records()
    until = chart(page, "Data until").locator("tbody td").first
    expect(until).to_have_text(str(everything["last_activity"])[:16])


# What Superset draws of the page, in the copy that it makes of it: how the cells of the key figures that can be seen
# stand, and whether the headings that are not shown can be seen.
DRAWN = """copy => {
    const cells = [...copy.querySelectorAll("[data-test-chart-name='Key figures'] tbody td")];
    const line = copy.querySelector("[data-test-chart-name=Period]");
    return {
        cells: cells.filter(cell => cell.style.opacity !== "0").map(cell => cell.style.position),
        headings: [line.firstElementChild, line.querySelector("thead")].map(each => each.style.opacity),
    };
}"""


def test_download_as_image_is_as_wide_as_the_page_and_shows_no_more(page: Page, tmp_path: Path) -> None:
    reload(page)
    page.evaluate("""() => {
        const removeChild = Node.prototype.removeChild;
        Node.prototype.removeChild = function (child) {
            if (child.style?.left === "-20000px") window.drawn = child;
            return removeChild.call(this, child);
        };
    }""")
    page.locator("[data-test=actions-trigger]").first.click()
    page.get_by_role("menuitem", name="Download").hover()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Download as Image").click()
    file = tmp_path / "dashboard.jpg"
    download.value.save_as(file)
    with Image.open(file) as image:
        assert image.width == page.locator(".dashboard").first.evaluate("page => page.clientWidth")
    drawn = page.evaluate(f"({DRAWN})(window.drawn)")
    # Seven figures with three cells each.
    assert drawn == {"cells": ["absolute"] * 21, "headings": ["0", "0"]}


def test_a_phone_has_the_key_figures_first_and_filters_folded(browser: Browser, address: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, base_url=address
    )
    page = context.new_page()
    page.set_default_timeout(LONG)
    log_in(page)
    reload(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    first = chart(page, "Key figures").locator("tbody td").first.bounding_box()
    assert first is not None
    assert first["y"] < 844
    date = page.locator("[data-test=time-range-trigger]")
    expect(date).to_be_hidden()
    page.locator("[data-test=filter-bar__collapse-button]").tap()
    expect(date).to_be_visible()
    expect(page.locator("[data-test=filter-bar__apply-button]")).to_be_in_viewport()
    page.locator("[data-test=filter-bar__collapsable]").tap()
    expect(date).to_be_hidden()
    for tab, title, columns in (
        ("Emails", "Emails", ["Email", "% Delivered", "% Opened", "% Clicked Link"]),
        ("Links", LINKS, ["Link", "Clicks", "People"]),
    ):
        open_tab(page, tab)
        shown = chart(page, title).locator("thead th:visible").all_inner_texts()
        assert [" ".join(text.split()) for text in shown] == columns
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_overflows_the_page(page: Page, width: int, tab: str) -> None:
    open_tab(page, tab)
    fits(page, width, 3000)
    page.set_viewport_size({"width": 1440, "height": 3000})

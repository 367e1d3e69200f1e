"""Two customers of the sample portal in a real browser, over the stack that `make portal` starts."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import celery
import pytest
import redis
from dashboard_page import LINKS, LONG, answered, chart, choose, fits, open_tab, report_columns, settle, until
from playwright.sync_api import Browser, Frame, Page, Response, expect

from servers.ports import free_port
from stack.start import Stack, started
from superset_campaign_plugin.reporting.run_report import run_report

CUSTOMERS = {"Alder & Finch": "EMEA", "Redwood Supply": "North America"}
NAMES = ("program_name", "campaign_name", "email_name")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """What `make portal` starts, with less data."""
    state = tmp_path_factory.mktemp("stack")
    with started(state, port=free_port(), portal_port=free_port(), sends=4000) as stack:
        yield stack
    shutil.rmtree((state / "postgresql").resolve())  # PostgreSQL's own account has it outside of pytest's folder


@pytest.fixture(scope="module")
def names(stack: Stack) -> Callable[[str], set[str]]:
    """Every name that stands in the rows of a workspace, and in no other's."""

    @functools.cache
    def of(workspace: str) -> set[str]:
        uri = stack.environment["CAMPAIGN_WAREHOUSE_URI"]
        rows = run_report(uri, schema="marketo", by=["workspace", "program", "campaign", "email"]).records()
        assert {row["workspace"] for row in rows} == set(CUSTOMERS.values())
        mine = {row[name] for row in rows for name in NAMES if row["workspace"] == workspace}
        return mine - {row[name] for row in rows for name in NAMES if row["workspace"] != workspace}

    return of


@dataclass
class Visit:
    """A customer at the portal, and every answer that their browser got."""

    page: Page
    workspace: str
    other: str
    answers: list[tuple[int, str]] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)

    @property
    def report(self) -> Frame:
        """The embedded dashboard."""
        return next(frame for frame in self.page.frames if "/embedded/" in frame.url)

    def note(self, response: Response) -> None:
        """Keep the answer, and the rows in it."""
        self.answers.append((response.status, urlsplit(response.url).path))
        if "/chart/data" in response.url and response.ok:
            self.rows.append(response.text())


@pytest.fixture(params=CUSTOMERS)
def visit(request: pytest.FixtureRequest, browser: Browser, stack: Stack) -> Iterator[Visit]:
    """Each customer in turn, signed in, with all of the report before them."""
    yield from _visit(browser, stack, request.param)


@pytest.fixture
def alder(browser: Browser, stack: Stack) -> Iterator[Visit]:
    """The first customer."""
    yield from _visit(browser, stack, "Alder & Finch")


def _visit(browser: Browser, stack: Stack, company: str) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1440, "height": 3000})
    context.set_default_timeout(LONG)
    page = context.new_page()
    other = next(name for name in CUSTOMERS if name != company)
    visit = Visit(page, CUSTOMERS[company], CUSTOMERS[other])
    context.on("response", visit.note)
    sign_in(page, stack, company)
    settle(visit.report)
    yield visit
    context.close()


def sign_in(page: Page, stack: Stack, company: str) -> None:
    page.goto(stack.portal)
    page.get_by_role("button", name=company).click()
    page.frame_locator("#report iframe").locator("[data-test-chart-name='Key figures']").wait_for()


def open_preview(visit: Visit) -> Page:
    """Click on the name of the first email."""
    open_tab(visit.report, "Emails")
    with visit.page.context.expect_page() as opened:
        chart(visit.report, "Emails").locator("tbody a").first.click()
    opened.value.wait_for_load_state()
    return opened.value


def cells(visit: Visit, title: str, column: int) -> list[str]:
    return chart(visit.report, title).locator(f"tbody td:nth-child({column}):visible").all_inner_texts()


def test_a_customer_uses_all_of_the_report_and_sees_their_own_rows(
    visit: Visit, names: Callable[[str], set[str]]
) -> None:
    report = visit.report
    mine, theirs = names(visit.workspace), names(visit.other)
    expect(visit.page.get_by_text("Sign out")).to_be_visible()
    expect(report.get_by_text("Data error")).to_have_count(0)
    expect(report.get_by_text("Unexpected error")).to_have_count(0)
    assert set(cells(visit, "Campaigns", 2)) & mine
    # The dashboard to which it leads is not a guest's.
    expect(report.locator("a[href*=campaign-data-quality]")).to_be_hidden()

    program = cells(visit, "Campaigns", 1)[0]
    choose(report, "Program", program)
    assert set(cells(visit, "Campaigns", 1)) == {program}

    open_tab(report, "Emails")
    choose(report, "Columns", "% Unsubscribed", "Sent", clear=True)
    assert report_columns(report) == ["Sent", "% Unsubscribed"]
    open_tab(report, "Overview")

    campaigns = chart(report, "Campaigns")
    sent = campaigns.locator("th").filter(has_text=re.compile("^Sent$")).first

    def shown() -> list[int]:
        return [int(text.replace(",", "")) for text in cells(visit, "Campaigns", 4)]

    before = sorted(shown())
    orders = [before, before[::-1]]
    sent.click()
    until(report, lambda: shown() in orders)
    orders.remove(shown())
    sent.click()
    until(report, lambda: [shown()] == orders)

    # The largest: of a small one nobody may have clicked a link.
    largest = campaigns.locator("tbody tr:visible").nth(shown().index(before[-1])).locator("td").nth(1)
    campaign = largest.inner_text()
    with answered(report):
        largest.click()
    open_tab(report, "Emails")
    assert set(cells(visit, "Emails", 1)) == {campaign}
    open_tab(report, "Links")
    assert chart(report, LINKS).locator("tbody tr").count()

    email = chart(report, "Emails").locator("tbody a").first.inner_text()
    preview = open_preview(visit)
    assert re.search(r"/campaign-email/\d+/\?campaign_id=.*&proof=", preview.url)
    expect(preview.get_by_text(email).first).to_be_visible()
    preview.close()

    everything = "".join(visit.rows)
    assert any(name in everything for name in mine)
    assert not [name for name in theirs if f'"{name}"' in everything or f">{name}<" in everything]
    refused = [answer for answer in visit.answers if answer[0] in (403, 429) or answer[0] >= 500]
    assert refused == []


def test_signing_out_ends_it(alder: Visit, stack: Stack) -> None:
    alder.page.get_by_role("button", name="Sign out").click()
    expect(alder.page.get_by_role("button", name="Redwood Supply")).to_be_visible()
    assert alder.page.request.get(f"{stack.portal}guest-token").status == 401


def test_a_link_that_is_altered_to_another_email_is_refused_and_says_why(alder: Visit, stack: Stack) -> None:
    preview = open_preview(alder)
    found = re.search(r"/campaign-email/(\d+)/", preview.url)
    uri = stack.environment["CAMPAIGN_WAREHOUSE_URI"]
    rows = run_report(uri, schema="marketo", by=["email"], where={"workspace": [alder.other]}).records()
    altered = preview.url.replace(found[1], str(rows[0]["email_id"]))
    answer = preview.goto(altered)
    assert answer.status == 403
    expect(preview.get_by_role("heading")).to_contain_text("link")
    expect(preview.get_by_text(rows[0]["email_name"])).to_have_count(0)


@pytest.fixture
def elsewhere(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """A page of another origin that frames the dashboard as a portal would; gives its address."""
    superset = stack.environment["PORTAL_SUPERSET_PUBLIC_URL"]
    dashboard = re.search(r'"dashboard": "([^"]+)"', Path(stack.environment["CAMPAIGN_EMBEDDING_FILE"]).read_text())[1]
    frames = "".join(f'<iframe src="{superset}{path}"></iframe>' for path in (f"/embedded/{dashboard}", "/login/"))
    (tmp_path / "index.html").write_text(f"<!doctype html><title>Elsewhere</title>{frames}")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_page_of_another_origin_cannot_frame_it(browser: Browser, elsewhere: str, stack: Stack) -> None:
    page = browser.new_page()
    answers: dict[str, Response] = {}
    page.on("response", lambda response: answers.setdefault(urlsplit(response.url).path.split("/")[1], response))
    page.goto(elsewhere)
    # What the policy forbids the browser puts an error in place of.
    until(page, lambda: {frame.url for frame in page.frames[1:]} == {"chrome-error://chromewebdata/"})
    until(page, lambda: answers.keys() >= {"embedded", "login"})
    assert answers["embedded"].status == 403
    assert answers["login"].status == 200
    for answer in (answers["embedded"], answers["login"]):
        policy = answer.header_value("content-security-policy")
        assert f"frame-ancestors 'self' {stack.portal.rstrip('/')};" in f"{policy};"
    page.close()


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_overflows_the_portal(alder: Visit, width: int) -> None:
    fits(alder.page, width, 844)
    frame = alder.page.locator("#report iframe").bounding_box()
    header = alder.page.locator("header").bounding_box()
    assert (frame["width"], frame["height"]) == (width, 844 - header["height"])


def test_a_worker_takes_the_refresh_from_the_queue(stack: Stack) -> None:
    address = stack.environment["REDIS_URL"]
    queue = celery.Celery(broker=f"{address}/0", backend=f"{address}/1")
    summary = queue.send_task("superset_campaign.refresh").get(timeout=120)
    assert summary["mode"] in ("unchanged", "incremental")


def test_caches_and_limits_are_in_redis_and_no_log_holds_a_proof(alder: Visit, stack: Stack) -> None:
    open_preview(alder)
    address = stack.environment["REDIS_URL"]
    for database, prefix in ((2, b"superset_data_"), (3, b"LIMITS:campaign-email")):
        keys = redis.Redis.from_url(f"{address}/{database}").keys()
        assert any(key.startswith(prefix) for key in keys), (database, keys[:5])
    for service in stack.services:
        assert "proof=" not in service.log.read_text(), service.name

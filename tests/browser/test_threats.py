"""Hostile emails in a real Chromium. Each layer of the defence is tried alone, with the others taken away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from dashboard_page import log_in
from deployment import SCHEMA, Deployment
from hostile import HOSTILE
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route

from superset_campaign_plugin.preview.sanitize import clean_html
from superset_campaign_plugin.reporting.run_report import run_report

WORD = "7331"  # what a script that ran says on the console
AROUND = ("{}", "<table><tr><td>{}</td></tr></table>", "<p>before {} after</p>", "<div {}")

# What people and browsers do to whatever an email holds.
TOUCH_EVERYTHING = """() => {
    for (const element of document.querySelectorAll("body *")) {
        for (const name of ["mouseover", "focus", "error", "load", "toggle", "animationend", "click"])
            element.dispatchEvent(new Event(name, {bubbles: true, cancelable: true}));
        if (element.click) element.click();
    }
}"""


# After whatever the page has to do now.
DRAWN = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"


@dataclass
class Evil:
    """A server that emails try to reach, and what reached it."""

    address: str
    asked: list[str] = field(default_factory=list)

    def armed(self, html: str) -> str:
        """The email with this server and a script that tells."""
        return html.replace("evil.example", self.address).replace("alert(1)", f"console.log({WORD})")


@pytest.fixture(scope="module")
def evil() -> Iterator[Evil]:
    """A server of another origin, on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/favicon.ico":
                found.asked.append(self.path)
            page = self.path.partition("?frame=")[2]
            body = f'<!DOCTYPE html><iframe src="{page}"></iframe>'.encode() if page else b""
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing is to be printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Evil(f"127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


class Watch:
    """Counts the scripts that ran in a page."""

    def __init__(self, page: Page) -> None:
        self.ran = 0
        page.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        self.ran += message.text == WORD


@pytest.fixture
def unguarded(browser: Browser, evil: Evil) -> Iterator[Page]:
    """A page without policy or sandbox: whatever can run there runs, and whatever it asks for is seen."""
    page = browser.new_page()
    page.goto(f"http://{evil.address}/")
    evil.asked.clear()
    yield page
    page.close()


@pytest.fixture(scope="module")
def viewer(browser: Browser, address: str) -> Iterator[BrowserContext]:
    """A browser in which the viewer is logged in."""
    context = browser.new_context(base_url=address)
    page = context.new_page()
    log_in(page)
    page.close()
    yield context
    context.close()


@pytest.fixture(scope="module")
def email_id(deployment: Deployment) -> int:
    """An email with content."""
    rows = run_report(deployment.warehouse, schema=SCHEMA, by=["email"]).records()
    return int(max(rows, key=lambda row: row["sent"])["email_id"])


def test_the_corpus_is_hostile(browser: Browser, evil: Evil) -> None:
    """Where nothing defends, the emails run and load: what follows can fail."""
    evil.asked.clear()
    ran = 0
    for hostile in HOSTILE:
        page = browser.new_page()
        page.goto(f"http://{evil.address}/")
        watch = Watch(page)
        page.set_content(evil.armed(hostile))  # until it is loaded, with its images, frames and scripts
        ran += bool(watch.ran)
        page.close()
    assert ran >= 10
    assert len({path for path in evil.asked if path != "/"}) >= 5


@pytest.mark.parametrize("around", AROUND)
def test_a_cleaned_email_is_harmless_without_any_other_defence(unguarded: Page, evil: Evil, around: str) -> None:
    watch = Watch(unguarded)
    here = unguarded.url
    for hostile in HOSTILE:
        unguarded.set_content(clean_html(evil.armed(around.format(hostile)), remote_images=False).html)
        unguarded.evaluate(TOUCH_EVERYTHING)
        assert watch.ran == 0, hostile
        assert unguarded.url == here
        assert len(unguarded.frames) == 1
    # Asked last, and so answered after whatever the emails have asked for.
    unguarded.evaluate("fetch('/last')")
    assert evil.asked == ["/last"]


def test_frame_and_policy_hold_an_email_that_nobody_cleaned(viewer: BrowserContext, evil: Evil, email_id: int) -> None:
    page = viewer.new_page()
    watch = Watch(page)
    evil.asked.clear()
    raw = ""

    # The answer to the frame, with an email that nobody cleaned in it.
    headers = viewer.request.get(f"/campaign-email/{email_id}/body").headers
    headers = {name: value for name, value in headers.items() if name not in ("content-length", "content-encoding")}
    assert "sandbox" in headers["content-security-policy"]

    def uncleaned(route: Route) -> None:
        route.fulfill(headers=headers, body=raw.encode("utf-8", "replace"))

    page.route("**/campaign-email/*/body*", uncleaned)
    page.goto(f"/campaign-email/{email_id}/")
    here = page.url
    breakouts = [
        "<script>top.location='http://evil.example/out'</script>",
        "<a id=out href=http://evil.example/out target=_top>x</a>",
        "<a id=out href=http://evil.example/out target=_blank>x</a>",
        "<a id=out href=http://evil.example/out>x</a>",
        "<form action=http://evil.example/out target=_top><input type=submit id=out></form>",
    ]
    for hostile in [*HOSTILE, *breakouts]:
        raw = evil.armed(hostile)
        page.evaluate(
            "() => new Promise(done => { const frame = document.querySelector('.stage iframe');"
            " frame.onload = done; frame.src = frame.src })"
        )
        way_out = page.frame_locator(".stage iframe").locator("#out")
        if hostile in breakouts[1:]:
            way_out.click()
            page.evaluate(DRAWN)
        assert watch.ran == 0, hostile
        assert page.url == here, hostile
        assert len(viewer.pages) == 1, hostile
    assert evil.asked == []
    # Asked last by the same browser, and so answered after whatever the emails have asked for.
    page.goto(f"http://{evil.address}/last")
    assert evil.asked == ["/last"]
    page.close()


@pytest.mark.parametrize("place", ["", "body"])
def test_no_other_origin_frames_a_preview(
    viewer: BrowserContext, evil: Evil, address: str, email_id: int, place: str
) -> None:
    page = viewer.new_page()
    page.goto(f"http://{evil.address}/?frame={address}/campaign-email/{email_id}/{place}")
    [framed] = [frame for frame in page.frames if frame.parent_frame]
    assert "campaign-email" not in framed.url
    assert framed.locator("body *").get_by_text("preview", exact=False).count() == 0
    page.close()

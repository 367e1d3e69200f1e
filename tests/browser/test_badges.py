"""The clicks at the links of hostile emails, in a real Chromium: each badge is there, whole and readable."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from deployment import Deployment
from PIL import Image
from playwright.sync_api import Browser, Page

from superset_campaign_plugin.preview.click_marks import ClickMark
from superset_campaign_plugin.preview.sanitize import clean_html

BADGE, FRAME, WHITE = (0x9A, 0x34, 0x12), (0xC2, 0x41, 0x0C), (255, 255, 255)
WIDTH, HEIGHT = 400, 240
MARK = ClickMark("7,111 · 100%", "7,111 clicks", 5)


Place = tuple[int, int, int, int]
RECTANGLES = """boxes => boxes.map(box => { const at = box.getBoundingClientRect();
    return [at.left, at.top, at.right, at.bottom].map(Math.round) })"""


@dataclass(frozen=True)
class Shown:
    """An email as a browser draws it; `badges` are left, top, right and bottom of each."""

    page: Page
    image: Image.Image
    badges: list[Place]

    def figures(self, place: Place) -> Image.Image:
        """The badge at the place without its round corners, which show what is behind them."""
        left, top, right, bottom = place
        return self.image.crop((left + 7, top + 2, right - 7, bottom - 2))

    def colours(self, place: Place | None = None) -> Counter[tuple[int, ...]]:
        """How many pixels a colour has in the badge at the place, or anywhere."""
        image = self.figures(place) if place else self.image
        return Counter({colour: count for count, colour in image.getcolors(image.width * image.height)})


Show = Callable[..., Shown]


@pytest.fixture
def show(deployment: Deployment, browser: Browser) -> Iterator[Show]:
    """Draws an email whose links were clicked; without `anchors`, as a browser does that does not know them."""
    # Superset's classes can be imported once there is a deployment.
    from superset_campaign_plugin.preview.email import Body
    from superset_campaign_plugin.preview.pages import Look, body_document

    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})

    def draw(html: str, *, mark: Callable[[str], ClickMark] = lambda _: MARK, anchors: bool = True) -> Shown:
        body = Body(html, clean_html(html, remote_images=False, marks=mark))
        document = body_document(body, Look()).get_data(as_text=True)
        page.set_content(document if anchors else document.replace("anchor(top)", "unknown(top)", 1))
        image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        return Shown(page, image, [tuple(place) for place in page.locator("[data-badge]").evaluate_all(RECTANGLES)])

    yield draw
    page.close()


def assert_readable(shown: Shown, plain: Shown) -> None:
    """The one badge is wholly within the page, and has its figures as on a plain email."""
    [place], [usual] = shown.badges, plain.badges
    assert place[0] >= 0
    assert place[1] >= 0
    assert place[2] <= WIDTH
    assert place[3] <= HEIGHT
    seen, wanted = shown.colours(place), plain.colours(usual)
    for colour in (BADGE, WHITE):
        assert seen[colour] == pytest.approx(wanted[colour], rel=0.2), colour


PLAIN = "<div style='padding: 60px'><a href=http://x.example/>A link of the email</a></div>"

# What lies around the link and what follows it.
AROUND = {
    "plain": ("", ""),
    "faded": ("opacity: 0.99", ""),
    "invisible": ("opacity: 0 !important", ""),
    "hidden": ("visibility: hidden", ""),
    "a shadow after it": ("opacity: 0.99", "box-shadow: 0 -60px 0 120px #fff; opacity: 0.99"),
    "a shadow after it, within no layer": ("", "box-shadow: 0 -60px 0 120px #fff; opacity: 0.99"),
    "an outline after it": ("opacity: 0.99", "outline: 150px solid #fff; opacity: 0.99"),
    "letters after it": ("opacity: 0.99", "text-shadow: 0 -40px 0 #fff; font-size: 90px; opacity: 0.99"),
    "a low line": ("opacity: 0.99", "line-height: 0; font-size: 200px; opacity: 0.99; overflow: visible"),
    "cut off": ("overflow: hidden; height: 4px; padding: 0; margin: 60px", ""),
    "cut off without height": ("overflow: hidden; max-height: 0; padding: 0; margin: 60px", ""),
    "cut off to the side": ("overflow-x: hidden; width: 0; padding: 0; margin: 60px; white-space: nowrap", ""),
    "a box that scrolls": ("overflow: scroll; height: 10px; padding: 0; margin: 60px", ""),
    "out of the page": ("text-indent: -9999px", ""),
    "tiny": ("font-size: 0; line-height: 0; letter-spacing: -9px", ""),
    "moved by its neighbours": ("float: right; opacity: 0.99", "clear: none; outline: 150px solid #fff"),
    "reordered": ("display: flex; flex-direction: column-reverse; order: 9; opacity: 0.99", "outline: 99px solid #fff"),
}


@pytest.mark.parametrize("name", AROUND)
def test_nothing_around_a_link_covers_cuts_or_fades_its_badge(show: Show, name: str) -> None:
    plain = show(PLAIN)
    around, after = AROUND[name]
    html = (
        f"<div style='padding: 60px; {around}'><a href=http://x.example/>A link of the email</a></div>"
        f"<div style='{after}'>x</div>"
    )
    for body in (html, html.replace("style='padding", "title=x style='padding").replace("</a>", "</a><br>z")):
        assert_readable(show(body), plain)


SHEETS = [
    "",
    "a::after { display: none !important }",
    "a { outline: none !important; opacity: 0 !important; visibility: hidden !important }",
    "a[data-clicks]::after { content: '1' !important; background: none !important; color: transparent !important }",
    "a { position: static !important; display: contents !important; overflow: hidden; zoom: 0.01 }",
    "i { position: fixed; top: 0; left: 0; width: 100%; height: 100%; z-index: 99; background: #fff }",
    "i { display: block; margin-top: -90px; height: 90px; background: #fff }",
    "* { opacity: 0.01 !important; visibility: hidden !important; overflow: hidden !important }",
    "span { display: none !important; color: transparent !important; width: 0 !important; font-size: 0 !important }",
    "html, body { display: none !important; opacity: 0 !important }",
    "body, :root { height: 0 !important; max-height: 0; overflow: hidden !important; opacity: 0 }",
    "body > :last-child, html :nth-child(4) { display: none !important; margin: 999px !important }",
    "div { opacity: 0.99 !important } i { display: block; opacity: 0.9; box-shadow: 0 -60px 0 120px #fff }",
    "@media (min-width: 1px) { * { opacity: 0 !important } }",
]


@pytest.mark.parametrize("anchors", [True, False])
@pytest.mark.parametrize("own", ["", "opacity:0!important;outline:none!important"])
@pytest.mark.parametrize("css", SHEETS)
def test_no_style_of_an_email_hides_the_clicks_at_its_links(show: Show, css: str, own: str, anchors: bool) -> None:
    html = (
        f"<style>{css}</style><div style='padding:40px'><a href=http://x.example/ style='{own}'>A link of the email</a>"
        "</div><div><i>&nbsp;</i></div>"
    )
    shown = show(html, anchors=anchors)
    assert shown.colours()[BADGE] > 200
    assert shown.colours()[FRAME] > 200
    if anchors:
        assert_readable(shown, show(PLAIN))


@pytest.mark.parametrize("align", ["left", "right", "center"])
@pytest.mark.parametrize("words", ["Go", "A link of the email"])
def test_a_badge_at_the_edge_of_the_page_is_whole(show: Show, align: str, words: str) -> None:
    shown = show(f"<div style='text-align: {align}'><a href=http://x.example/>{words}</a></div>")
    assert_readable(shown, show(PLAIN))
    assert shown.page.evaluate("document.documentElement.scrollWidth") == WIDTH


def test_a_link_at_the_left_edge_has_its_figures_without_anchors_too(show: Show) -> None:
    html = "<br><br><a href=http://x.example/>Go</a>"
    whole = show(html.replace("<a", "<span style='padding: 60px'></span><a"), anchors=False).colours()[BADGE]
    assert show(html, anchors=False).colours()[BADGE] == pytest.approx(whole, rel=0.05)


def test_a_link_that_is_not_shown_has_no_badge(show: Show) -> None:
    shown = show("<div style='display: none'><a href=http://x.example/>A link</a></div>Hello")
    assert shown.colours()[BADGE] == 0
    assert shown.page.evaluate("document.documentElement.scrollWidth") == WIDTH
    assert shown.page.evaluate("document.documentElement.scrollHeight") == HEIGHT


def test_of_badges_at_one_place_that_of_the_more_clicks_is_in_front(show: Show) -> None:
    marks = {"http://x.example/1": MARK, "http://x.example/2": ClickMark("1 · 0%", "1 click", 1)}
    links = [
        f"<div style='max-height: 0; margin: 0 80px'><a href={address}>A link of the email</a></div>"
        for address in marks
    ]
    both, alone = (show(f"<br><br>{''.join(some)}", mark=marks.__getitem__) for some in (links, links[:1]))
    assert both.badges[0] == alone.badges[0]
    assert both.figures(both.badges[0]).tobytes() == alone.figures(alone.badges[0]).tobytes()


@pytest.mark.parametrize("page", ["", "body { direction: rtl }", "html { direction: rtl }"])
def test_badges_are_at_their_own_links(show: Show, page: str) -> None:
    html = f"<style>{page}</style>" + "".join(
        f"<div style='padding: 20px 60px; text-align: {side}'><a href=http://x.example/{side}>A {side} link</a></div>"
        for side in ("left", "right")
    )
    shown = show(html)
    links = [link.bounding_box() for link in shown.page.locator("a").all()]
    for link, (_, top, right, bottom) in zip(links, shown.badges, strict=True):
        assert right == pytest.approx(link["x"] + link["width"] + 8, abs=2)
        assert top < link["y"] < bottom

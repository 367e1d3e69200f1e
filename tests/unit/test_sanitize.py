"""The preview's sanitiser: nothing of an email runs, loads unasked, or leads anywhere, and its looks stay."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import nh3
import pytest
from hostile import HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st

from superset_campaign_plugin.preview.click_marks import ClickMark
from superset_campaign_plugin.preview.parse_budget import are_too_many
from superset_campaign_plugin.preview.sanitize import CleanBody, EmailTooLarge, Link, clean_html, text_of

PNG = "data:image/png;base64,iVBORw0KGgo="
REMOTE = "http://evil.example/i.png"


def words(text: str) -> list[str]:
    return text.split()


FORBIDDEN_TAGS = set(
    words(
        """script iframe object embed applet base meta link form input button select option textarea svg math image
        noscript template video audio source track picture frame frameset title xmp plaintext noembed noframes portal
        marquee dialog details slot"""
    )
)


class Reader(HTMLParser):
    """Collects every tag and attribute of a cleaned body."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words = ""
        self.styles = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        if self.lasttag == "style" and self.cdata_elem == "style":
            self.styles += data
        else:
            self.words += data


def assert_harmless(body: CleanBody, *, remote_images: bool = False) -> None:
    """Every tag, attribute and style is of a kind that runs nothing and loads only what was asked for."""
    read = Reader(body.html)
    assert not FORBIDDEN_TAGS & set(read.tags)
    assert read.tags.count("style") <= 1
    css = read.styles
    for tag, name, value in read.attributes:
        assert not name.startswith("on")
        assert name not in {"href", "srcset", "srcdoc", "action", "formaction", "poster", "data", "xlink:href", "ping"}
        if name in ("src", "background"):
            allowed = value.startswith("data:image/") and "svg" not in value
            assert allowed or (remote_images and re.match(r"https?://", value)), (tag, name, value)
        if name == "style":
            css += f"\n{value}"
    lowered = css.lower()
    for word in ("@import", "expression(", "behavior", "-moz-binding", "javascript:", "\\", "<", "/*", "@font-face"):
        assert word not in lowered
    for url in re.findall(r"url\(([^)]*)\)", lowered):
        target = url.strip("\"'")
        assert target.startswith("data:image/") or (remote_images and re.match(r"https?://", target))


def without_targets(html: str) -> str:
    """A cleaned body without what is said of its links, which have no address when it is cleaned again."""
    return re.sub(r' title="[^"]*"', "", html)


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("around", ["{}", "<table><tr><td>{}</td></tr></table>", "<p>before {} after</p>", "<div {}"])
@pytest.mark.parametrize("remote_images", [False, True])
def test_hostile_html_is_harmless(hostile, around, remote_images):
    body = clean_html(around.format(hostile), remote_images=remote_images)
    assert_harmless(body, remote_images=remote_images)
    assert clean_html(body.html, remote_images=remote_images).html == without_targets(body.html)


# ------------------------------------------------------------------------------------------------------ arbitrary HTML

PIECES = st.sampled_from(
    [
        *HOSTILE,
        *[
            "<p>",
            "</p>",
            "<b>",
            "</b>",
            "<font",
            "color=red>",
            "</font>",
            "<table>",
            "</table>",
            "<tr>",
            "<td>",
            "</td>",
            "<div>",
            "</div>",
            "<ul>",
            "<li>",
            "<h1>",
        ],
        *[
            "<svg>",
            "</svg>",
            "<math>",
            "<mtext>",
            "<style>",
            "</style>",
            "<!--",
            "-->",
            "--!>",
            "<title>",
            "</title>",
            "<select>",
            "<option>",
            "<pre>",
        ],
        *[
            "<img>",
            "<br>",
            "<center>",
            "<caption>",
            "<colgroup>",
            "<col>",
            "<nobr>",
            "<a>",
            "</a>",
            "<body>",
            "<html>",
            "<head>",
            "</head>",
            "&lt;",
            "&#13;",
        ],
        "\n",
        " ",
        "\0",
        "\r\n",
        '"',
        "'",
        "{",
        "}",
        "/*",
        "*/",
        '<a href="http://x/?a&amp;b">',
        '<div style="',
        "@media (max-width:9px){",
        "p{color:red}",
    ]
)
HTML = st.lists(st.one_of(PIECES, PIECES, st.text(max_size=6)), max_size=20).map("".join)


@settings(max_examples=400, deadline=None)
@given(HTML, st.booleans())
def test_cleaning_twice_takes_no_more_than_the_targets(html, remote_images):
    once = clean_html(html, remote_images=remote_images)
    assert_harmless(once, remote_images=remote_images)
    assert clean_html(once.html, remote_images=remote_images).html == without_targets(once.html)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=200), st.booleans())
def test_no_text_makes_it_fail(text, remote_images):
    assert_harmless(clean_html(text, remote_images=remote_images), remote_images=remote_images)


# ------------------------------------------------------------------------------------------------------------- images


@pytest.mark.parametrize(
    ("html", "blocked"),
    [
        (f"<img src={REMOTE} alt=Logo width=120 height=40>", 1),
        ("<img src=//evil.example/i.png>", 1),
        (f"<img src={REMOTE}><img src={REMOTE}>", 2),
        (f"<table background={REMOTE}><tr><td background={REMOTE}>x</td></tr></table>", 2),
        (f"<body background={REMOTE}>x</body>", 1),
        (f"<p style='background:#fff url({REMOTE}) no-repeat'>x</p>", 1),
        (f"<p style='background-image:url({REMOTE}),url({REMOTE})'>x</p>", 2),
        (f"<style>.hero{{background-image:url('{REMOTE}')}}</style>", 1),
        (f"<style>@media (min-width:1px){{.hero{{background:url({REMOTE})}}}}</style>", 1),
        (f"<picture><source srcset={REMOTE}><img src={REMOTE}></picture>", 1),
        (f"<img src={PNG}>", 0),
        ("<img src=images/local.png><img src=cid:1>", 0),
    ],
)
def test_remote_images_load_only_when_asked(html, blocked):
    hidden = clean_html(html, remote_images=False)
    assert hidden.blocked_images == blocked
    assert "evil.example" not in hidden.html
    shown = clean_html(html, remote_images=True)
    assert shown.blocked_images == 0
    assert shown.html.count("evil.example") == blocked


def test_a_blocked_image_keeps_its_words_and_its_place():
    html = f"<img src={REMOTE} alt='Our logo' width=120 height=40 class=logo style='display:block'>"
    body = clean_html(html, remote_images=False)
    assert body.html == '<img alt="Our logo" class="logo" height="40" style="display: block" width="120">'


@pytest.mark.parametrize("kind", ["png", "gif", "jpeg", "jpg", "webp", "PNG"])
def test_images_within_the_email_stay(kind):
    body = clean_html(f"<img src='data:image/{kind};base64,AAAA' alt=x>", remote_images=False)
    assert f"data:image/{kind};base64,AAAA" in body.html


@pytest.mark.parametrize(
    "pixel",
    [
        f"<img src={REMOTE} width=1 height=1>",
        f"<img src={REMOTE} width=0>",
        f"<img src={REMOTE} height='1px'>",
        f"<img src={REMOTE} width='0%'>",
        f"<img src={REMOTE} style='display:none'>",
        f"<img src={REMOTE} style='display : NONE !important; width: 300px'>",
        f"<img src={REMOTE} style='width:1px;height:1px'>",
        f"<img src={REMOTE} style='max-height:0'>",
        f"<img src={REMOTE} style='visibility:hidden'>",
        f"<img src={REMOTE} style='opacity:0'>",
        f"<div style='display:none'><img src={REMOTE} width=600></div>",
        f"<div style='max-height:0;overflow:hidden'><p><img src={REMOTE}></p></div>",
        f"<div style='display:none'><p style='background:url({REMOTE})'>x</p></div>",
        f"<table style='display:none'><tr><td background={REMOTE}>x</td></tr></table>",
    ],
)
def test_tracking_pixels_never_load(pixel):
    for remote_images in (False, True):
        body = clean_html(pixel, remote_images=remote_images)
        assert "evil.example" not in body.html
        assert body.blocked_images == 0
        assert body.tracking_pixels == pixel.count("<img")


def test_what_comes_after_something_hidden_is_not_hidden():
    body = clean_html(f"<div style='display:none'>x</div><img src={REMOTE} width=600>", remote_images=True)
    assert REMOTE in body.html


@pytest.mark.parametrize("size", ["width=100%", "width=2", "style='width:100%'", "style='max-width:520px;height:auto'"])
def test_pictures_are_no_pixels(size):
    assert clean_html(f"<img src={REMOTE} {size}>", remote_images=True).tracking_pixels == 0


# -------------------------------------------------------------------------------------------------------------- links


def test_links_lead_nowhere_and_say_where_they_led():
    html = (
        "<a href='https://shop.example/?a=1&amp;b=2' title='https://bank.example' target=_blank>Buy <b>now</b></a>"
        f"<a href='https://logo.example'><img src={REMOTE} alt='Our logo'></a>"
        "<a href='mailto:us@example.com'>Write</a> <a href='{{my.link}}'>Token</a> <a href='#top'>Up</a>"
        "<a href='https://shop.example/?a=1&amp;b=2'>Buy\n now</a><a href='javascript:alert(1)'>js</a><a name=x>y</a>"
        "<map name=m><area href='https://map.example' alt='Here' shape=rect coords=0,0,1,1></map>"
    )
    body = clean_html(html, remote_images=False)
    assert "href" not in body.html
    assert '<a title="https://shop.example/?a=1&amp;b=2">Buy <b>now</b></a>' in body.html
    assert "bank.example" not in body.html
    assert body.links == (
        Link("Buy now", "https://shop.example/?a=1&b=2"),
        Link("Our logo", "https://logo.example"),
        Link("Write", "mailto:us@example.com"),
        Link("Token", "{{my.link}}"),
        Link("Here", "https://map.example"),
    )


def test_the_title_of_a_link_has_what_is_unseen_in_its_address():
    body = clean_html("<a href='https://evil.example/\u202emoc.knab'>x</a>", remote_images=False)
    assert body.html == '<a title="https://evil.example/%E2%80%AEmoc.knab">x</a>'
    marked = clean_html(
        "<a href='https://x/\u200b'>x</a>", remote_images=False, marks=lambda _: ClickMark("1", "1 click", 1)
    )
    assert 'title="https://x/%E2%80%8B – 1 click"' in marked.html


# -------------------------------------------------------------------------------------------------------------- looks


def test_the_looks_of_an_email_stay():
    html = """<!DOCTYPE html><html lang="de"><head><meta charset="utf-8"><title>No</title>
      <style type="text/css">
        /* phones */ @media only screen and (max-width: 600px) { .col, td[class="x"] { width: 100% !important; } }
        a:link { color: #123456 } @charset "x"; table td > p:first-child { margin: 0 0 1em }
      </style></head>
      <body bgcolor="#eeeeee" style="margin:0;font-family:'Segoe UI', Arial, sans-serif">
      <center><table width="600" cellpadding="0" cellspacing="0" border="0" align="center" role="presentation">
      <tr><td valign="top" bgcolor="#fff" colspan="2" style="padding:10px 20px;mso-line-height-rule:exactly">
      <font face="Arial" color="#ff0000" size="2">Hi</font> <b style="color:rgb(1, 2, 3)">you</b></td></tr>
      </table></center></body></html>"""
    read = clean_html(html, remote_images=False).html
    for kept in (
        '@media only screen and (max-width: 600px) {\n.col, td[class="x"] { width: 100% !important }\n}',
        "a { color: #123456 }",
        "table td > p:first-child { margin: 0 0 1em }",
        "background-color: #eeeeee; margin: 0; font-family: &quot;Segoe UI&quot;, Arial, sans-serif",
        '<font color="#ff0000" face="Arial" size="2">Hi</font>',
        '<b style="color: rgb(1, 2, 3)">you</b>',
        '<table align="center" border="0" cellpadding="0" cellspacing="0" role="presentation" width="600">',
        "<center>",
        'lang="de"',
    ):
        assert kept in read
    assert "No" not in Reader(read).words


def test_styles_for_outlook_alone_are_left_out():
    html = "<!--[if mso]><style>.x{display:none}</style><![endif]--><style><!-- .y{color:red} --></style><p>z</p>"
    assert clean_html(html, remote_images=False).html == "<style>.y { color: red }</style><p>z</p>"


def test_a_style_for_some_media_stays_for_them():
    html = "<style media='screen and (max-width:400px)'>p{color:red}</style>"
    assert "@media screen and (max-width:400px) {\np { color: red }\n}" in clean_html(html, remote_images=False).html


# -------------------------------------------------------------------------------------------------------------- limits


def test_the_size_limit_is_in_bytes_and_typed():
    assert clean_html("ä" * 50, remote_images=False, max_bytes=100).html == "ä" * 50
    with pytest.raises(EmailTooLarge) as caught:
        clean_html("ä" * 51, remote_images=False, max_bytes=100)
    assert (caught.value.size, caught.value.limit) == (102, 100)


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 400_000,
        "<" * 2_000_000,
        "".join(f"<font title={number}><p>" for number in range(90_000)),
        "<!--" * 500_000,
        "<style>" * 280_000,
        "<style>" + "a{" * 900_000,
        "<style>" + "@media x{" * 200_000,
        "<style>" + "/*" * 900_000,
        f"<p style='{'(' * 1_900_000}'>",
        f"<p style='{'color:red;' * 180_000}'>",
        f"<p {'a=1 ' * 400_000}>",
        "&" * 2_000_000,
        "<a href=x>" * 9_000,
        "".join(f"<font title={number}><p>x" for number in range(9_000)),
        "<table><td>" * 9_000,
        "<a><table><td>" * 6_000,
    ],
)
def test_no_email_within_the_limit_takes_long(html):
    started = time.monotonic()
    body = clean_html(html[:2_000_000], remote_images=False)
    assert time.monotonic() - started < 20
    assert len(body.html) < 20_000_000


@pytest.mark.parametrize(
    "html",
    [
        f"<p><a href='http://x/{'A' * 100_000}'>x" + "<p>x" * 12_000,
        "<a href=http://x/1><table><td>" * 900 + "words " * 100_000,
        f"<p style='width:{'-' * 100_000}x'>",
        f"<p style='background:url({' ' * 100_000}x'>",
        f"<table width='1{' ' * 100_000}x'><td width='1{' ' * 100_000}x'>",
    ],
    ids=["reopened link", "nested links", "dashes", "spaces in an address", "spaces in a number"],
)
def test_a_small_email_stays_small_and_quick(html):
    """Each of these took minutes or gigabytes before its limit stood."""
    body = clean_html(html, remote_images=False)
    assert len(body.html) < 4 * len(html)
    assert sum(len(link.text) for link in body.links) <= 500 * len(body.links)


@pytest.mark.parametrize(
    "html",
    [
        f'<p style="background:url(//x/&amp;#{"1" * 5_000})">x</p>',
        f'<style media="&amp;#{"1" * 5_000}">p {{ color: red }}</style>x',
        f"&#{'1' * 5_000}",
    ],
)
def test_a_number_that_python_does_not_read_is_no_error(html):
    assert_harmless(clean_html(html, remote_images=True), remote_images=True)


MANY = " ".join(f"a{number}=1" for number in range(600))


@pytest.mark.parametrize(
    "html",
    [
        f"<p {MANY}>Hello",
        f"<p title='>' {MANY}>Hello",
        f"<p {MANY.replace('=1 ', '/')}>Hello",
        f"<!-- <p --><p {MANY}>Hello",
        f"<!----!><html {MANY}>Hello",
        f"<p title='<p {MANY}'>Hello",
        f"</p {MANY}>Hello",
    ],
)
def test_a_tag_with_more_attributes_than_any_parser_reads_quickly_is_not_parsed(html):
    assert clean_html(html, remote_images=False).text_only


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="ab\"'=<>/ \n\t\f\0", max_size=60))
def test_no_parser_sees_more_attributes_than_were_counted(inside):
    seen = 0

    def count(tag, name, value):
        nonlocal seen
        seen += 1
        return value

    html = f"<p {inside}"
    # A listed start of a name stands for all names that begin so.
    starts = {"a", "b", "<", '"', "'", "=", "\ufffd"}
    nh3.clean(html, tags={"p"}, generic_attribute_prefixes=starts, attribute_filter=count)
    tags = max(1, html.count("<"))
    if seen:
        assert are_too_many(html, -(-seen // tags))


def test_a_body_and_its_colours_are_found_wherever_they_stand():
    body = clean_html("<!-- <body> --><html><body bgcolor=#112233 text=#ffffff>x</body></html>", remote_images=False)
    assert "background-color: #112233; color: #ffffff" in body.html


def test_a_formatting_tag_within_a_value_does_not_end_it():
    body = clean_html('<img alt="a <b c" class="d">', remote_images=False)
    assert 'class="d"' in body.html


@pytest.mark.parametrize(
    "css",
    [
        *("position: fixed", "position: absolute", "top: 0", "z-index: 99", "transform: scale(0)", "zoom: 0.1"),
        *("margin: -40px 0 0", "margin-top: calc(0px - 9px)", "display: contents", "content: 'x'"),
    ],
)
def test_nothing_is_laid_over_anything_else(css):
    html = f"<style>a {{ color: red; {css} }}</style><p style='color: red; {css}'>x</p>"
    assert clean_html(html, remote_images=False).html == ('<style>a { color: red }</style><p style="color: red">x</p>')


@pytest.mark.parametrize(
    "css",
    [
        *("list-style-type: '9 clicks'", "list-style: '9 clicks' inside", "text-emphasis: '9'", "text-overflow: '9'"),
        *("text-emphasis-style: '9'", 'list-style-type: "9"', "quotes: '9' '9'", "hyphenate-character: '9'"),
        *("text-align: '9'", "list-style-type: symbols('9')"),
    ],
)
def test_css_writes_no_words(css):
    html = f'<style>li {{ color: red; {css} }}</style><p style="color: red; {css.replace(chr(34), chr(39))}">x</p>'
    assert clean_html(html, remote_images=False).html == ('<style>li { color: red }</style><p style="color: red">x</p>')


def test_a_font_may_have_a_name_in_quotes():
    html = '<p style=\'font: 14px "Segoe UI", sans-serif; font-family: "Open Sans"\'>x</p>'
    assert clean_html(html, remote_images=False).html.count("&quot;") == 4


@pytest.mark.parametrize(
    "selector",
    [
        *("a::after", "a:after", "a:BEFORE", "a::marker", "[data-clicks]", "a[DATA-heat='5']", "p, a[data-clicks]"),
        *("a:hover::after", "[data-clicks] b"),
    ],
)
def test_no_rule_of_an_email_is_about_the_marks(selector):
    assert clean_html(f"<style>{selector} {{ color: red }}</style>x", remote_images=False).html == "x"


def test_a_marked_links_own_style_is_not_important():
    mark = ClickMark("9 · 100%", "9 clicks", 5)
    html = "<a href=http://x/ style='opacity:0!important;color:red !important;outline:none'>x</a>"
    body = clean_html(html, remote_images=False, marks=lambda _: mark)
    assert 'style="opacity: 0; color: red; outline: none; anchor-name: --clicks-0"' in body.html


def test_nothing_fades_for_certain():
    html = "<style>p { opacity: .5 !important }</style><p style='opacity:0.5!important'>x</p>"
    assert clean_html(html, remote_images=False).html == '<style>p { opacity: .5 }</style><p style="opacity: 0.5">x</p>'


def test_each_mark_has_the_place_that_its_link_is_named_after():
    marks = {f"http://x/{place}": ClickMark(str(place), f"{place} clicks", 1) for place in range(3)}
    html = "<a href=http://x/2>Two</a><area href=http://x/0><a href=http://x/>None</a><a href=http://x/1>One</a>"
    body = clean_html(html, remote_images=False, marks=marks.get)
    assert body.marks == (marks["http://x/2"], marks["http://x/1"])
    assert re.findall('data-clicks="(.)".*?anchor-name: (--clicks-.)', body.html) == [
        ("2", "--clicks-0"),
        ("1", "--clicks-1"),
    ]


@pytest.mark.parametrize(
    "css", ["anchor-name: --clicks-0", "position-anchor: --clicks-0", "anchor-scope: all", "--heat: 9"]
)
def test_an_email_names_no_place(css):
    html = f"<style>a {{ color: red; {css} }}</style><p style='color: red; {css}'>x</p>"
    assert clean_html(html, remote_images=False).html == '<style>a { color: red }</style><p style="color: red">x</p>'


def test_a_link_without_its_end_leaves_the_next_one_its_own():
    body = clean_html("<p><a href=http://x/1>One <a href=http://x/2>Two</a> <b>and</b></p>", remote_images=False)
    assert body.links == (Link("One and", "http://x/1"), Link("Two", "http://x/2"))


def test_nothing_within_a_link_says_another_target():
    html = '<a href="http://evil.example/" title="Your bank"><span title="http://bank.example/">Your bank</span></a>'
    titles = [
        value for _, name, value in Reader(clean_html(html, remote_images=False).html).attributes if name == "title"
    ]
    assert titles == ["http://evil.example/"]


@pytest.mark.parametrize("tag", ["a", "area", "span", "b", "p", "td", "img", "abbr", "a name=x", "a href=#top"])
def test_what_has_no_address_says_none(tag):
    html = f'<table><tr><td><{tag} title="https://bank.example/">Your bank</table>'
    assert "title" not in clean_html(html, remote_images=False).html


def test_of_entangled_html_the_text_is_shown():
    body = clean_html("<div>" * 30_000 + "Hello <b>you</b> &amp; me", remote_images=False)
    assert body.text_only
    assert body.html == '<div style="white-space: pre-wrap">Hello you &amp; me</div>'
    assert clean_html(body.html, remote_images=False).html == body.html


@pytest.mark.parametrize(
    ("written", "kept"), [("2", True), ("99", True), ("100", False), ("1000", False), ("1e3", False)]
)
def test_a_cell_spans_no_more_than_an_emails_columns(written, kept):
    cell = f"<table><tr><td colspan={written} rowspan={written}>a</td></tr></table>"
    attributes = Reader(clean_html(cell, remote_images=False).html).attributes
    assert [name for _, name, _ in attributes] == (["colspan", "rowspan"] if kept else [])


def shown_text(html: str, **options: object) -> str:
    text = text_of(clean_html(html, remote_images=False, **options))  # type: ignore[arg-type]
    return text.removeprefix('<div style="white-space: pre-wrap">').removesuffix("</div>")


def test_the_text_has_paragraphs_and_the_addresses_of_links() -> None:
    html = (
        "<h1>Spring</h1><p>Dear you,<br>read <a href='https://x.example/?a=1&amp;b=2'>more</a> today.</p>"
        "<table><tr><td>Left</td><td>Right</td></tr></table>"
        "<a href='https://x.example/shop'><img src='https://x.example/i.png' alt='To the shop'></a>"
        "<a name='top'>End</a>"
    )
    assert shown_text(html) == (
        "Spring\n\nDear you,\nread more &lt;https://x.example/?a=1&amp;b=2&gt; today.\n\nLeft\nRight\n\n"
        "[To the shop] &lt;https://x.example/shop&gt; End"
    )


def test_the_clicks_of_a_link_are_no_part_of_its_address_in_the_text() -> None:
    def mark(address: str) -> ClickMark:
        return ClickMark("3 · 50%", "3 clicks, 50% of all, place 1 of 2", 5)

    html = "<a href='https://x.example/'>here</a>"
    assert shown_text(html, marks=mark) == "here &lt;https://x.example/&gt;"


@given(st.text(alphabet="<>a/p \"'&;=title-alt\n\x0c", max_size=60))
def test_the_text_of_any_email_has_no_markup(html: str) -> None:
    assert not re.search(r"[<>]", shown_text(html))

"""Clicks at the links of an email: matched however log and email spell an address, and never dropped."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from superset_campaign_plugin.preview.click_marks import is_malformed, link_key, link_rows, marks_of
from superset_campaign_plugin.preview.sanitize import Link, clean_html, text_of
from superset_campaign_plugin.report.rules import LinkRules

RULES = LinkRules()


class Clicked(NamedTuple):
    link: str | None
    clicks: int
    people: int


SHOP, BLOG = "https://example.com/shop", "https://example.com/blog"


@pytest.mark.parametrize(
    "spelled",
    [
        "https://example.com/shop/",
        "HTTPS://Example.COM/shop",
        "https://example.com/shop?mkt_tok=abc123",
        "https://example.com/sho%70",
        " https://example.com/shop ",
    ],
)
def test_one_link_however_it_is_spelled(spelled: str) -> None:
    assert link_key(spelled) == link_key(SHOP)
    [row] = link_rows([Clicked(spelled, 3, 2)], [Link("Shop now", SHOP)], 4, RULES)
    assert (row.words, row.clicks, row.share, row.people_share, row.note) == ("Shop now", 3, 1.0, 0.5, None)


@pytest.mark.parametrize("other", [f"{SHOP}?a=1", f"{SHOP}#top", "http://example.com/shop", "https://example.com/Shop"])
def test_links_that_lead_elsewhere_stay_apart(other: str) -> None:
    assert link_key(other) != link_key(SHOP)


def test_every_link_of_log_and_email_has_its_row() -> None:
    old = "https://old.example.com/"
    clicked = [Clicked(SHOP, 6, 3), Clicked(None, 1, 1), Clicked(old, 2, 2), Clicked("htp:/x y", 1, 1)]
    placed = [Link("Shop", SHOP), Link("Blog", BLOG), Link("Write", "mailto:a@example.com"), Link("Odd", "https://[x")]
    rows = [(row.address, row.words, row.clicks, row.share, row.note) for row in link_rows(clicked, placed, 5, RULES)]
    assert rows == [
        (SHOP, "Shop", 6, 0.6, None),
        (old, "", 2, 0.2, "not in this version of the email"),
        (None, "", 1, 0.1, None),
        ("htp:/x y", "", 1, 0.1, "malformed address"),
        (BLOG, "Blog", 0, 0.0, None),
        ("mailto:a@example.com", "Write", 0, None, "clicks here do not count"),
        ("https://[x", "Odd", 0, None, "malformed address"),
    ]


def test_nothing_is_said_of_the_email_where_it_is_not_known() -> None:
    [row] = link_rows([Clicked(SHOP, 1, 1)], None, None, RULES)
    assert (row.note, row.people_share) == (None, None)


def test_spellings_of_one_link_are_one_row() -> None:
    [row] = link_rows([Clicked(f"{SHOP}?mkt_tok=1", 2, 1), Clicked(f"{SHOP}/", 3, 2)], None, 3, RULES)
    assert (row.clicks, row.people, row.share) == (5, 3, 1.0)


@pytest.mark.parametrize(
    "address", ["example.com", "https://", "https://a b.com/", "//example.com", "https://[::1", "x"]
)
def test_malformed(address: str) -> None:
    assert is_malformed(address)


@pytest.mark.parametrize("address", [SHOP, "mailto:a@example.com", "https://user@example.com:8443/a?b#c", "tel:+49"])
def test_well_formed(address: str) -> None:
    assert not is_malformed(address)


def test_marks_stand_at_every_place_of_a_link_and_at_no_other() -> None:
    html = f'<a href="{SHOP}">Shop</a> <a href="{SHOP}/?mkt_tok=x"><img alt="Sale"></a> <a href="{BLOG}">Blog</a>'
    clean = clean_html(html, remote_images=False, marks=marks_of([Clicked(SHOP, 3, 2), Clicked(None, 1, 1)]))
    assert clean.html.count('data-clicks="3 · 75%"') == 2
    assert clean.html.count("data-heat") == 2
    assert "3 clicks, 75.0% of all, place 1 of 1" in clean.html
    assert "href" not in clean.html


def test_an_email_cannot_mark_its_own_links() -> None:
    clean = clean_html(f'<a href="{SHOP}" data-clicks="999" data-heat="5">Shop</a>', remote_images=False)
    assert "data-" not in clean.html


def test_the_strength_of_a_mark_grows_with_the_clicks() -> None:
    mark = marks_of([Clicked(SHOP, 100, 50), Clicked(BLOG, 50, 40), Clicked("https://example.com/", 1, 1)])
    assert [mark(address).level for address in (SHOP, BLOG, "https://example.com/")] == [5, 3, 1]
    assert mark("https://example.com/none") is None


def test_the_text_of_an_email_has_no_markup_and_no_styles() -> None:
    html = "<style>p { color: red }</style><h1>Hello</h1><p>Cheap &lt;b&gt; &amp; good</p><script>x()</script>"
    text = text_of(clean_html(html, remote_images=False))
    assert "Hello\n\nCheap &lt;b&gt; &amp; good" in text
    assert "color: red" not in text
    assert "x()" not in text


def test_a_link_has_the_words_that_people_read_before_those_of_an_image() -> None:
    html = (
        f"<a href='{SHOP}'><img src='https://example.com/i.png' alt='The kit'></a> <a href='{SHOP}'> Shop early </a>"
        f"<a href='{BLOG}'><img src='https://example.com/b.png' alt='Our blog'></a>"
    )
    placed = clean_html(html, remote_images=False).links
    rows = link_rows([Clicked(SHOP, 3, 2), Clicked(BLOG, 1, 1)], placed, 3, RULES)
    assert [row.words for row in rows] == ["Shop early", "Our blog"]

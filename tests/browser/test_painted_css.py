"""Chromium's own reading of cleaned CSS: a second way to what the filter says that it leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from css_pieces import STYLE_SHEETS
from hypothesis import given, settings
from playwright.sync_api import Browser, Page

from superset_campaign_plugin.preview.css import ImagePolicy, clean_stylesheet

# Every rule as [kind, selector, names of its properties, its text]; `@media` gives its rules beside it.
READ = """css => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    const found = [];
    const read = rules => {
        for (const rule of rules) {
            found.push([rule.constructor.name, rule.selectorText || "", Array.from(rule.style || []), rule.cssText]);
            read(rule.cssRules || []);
        }
    };
    read(sheet.cssRules);
    return found;
}"""
COVERING = re.compile(
    r"position|inset.*|top|left|bottom|right|transform.*|translate|rotate|scale|zoom|z-index|content|quotes|behavior"
    r"|-moz-binding|filter|backdrop-filter|mask.*|clip.*|cursor|animation.*|transition.*|anchor-.*|position-.*|counter-.*|--.*"
)


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """An empty page, which asks for nothing."""
    page = browser.new_page()
    yield page
    page.close()


@settings(max_examples=300, deadline=None)
@given(css=STYLE_SHEETS)
def test_chromium_reads_only_what_paints(page: Page, css: str) -> None:
    for kind, selector, names, text in page.evaluate(READ, clean_stylesheet(css, ImagePolicy(False))):
        assert kind in ("CSSStyleRule", "CSSMediaRule"), text
        assert not re.search(r"::|:before|:after|\[(data-|title)", selector), text
        assert not [name for name in names if COVERING.fullmatch(name)], text
        assert all(address.startswith('"data:image/') for address in re.findall(r"url\(([^)]*)", text)), text


def test_chromium_keeps_what_the_filter_keeps(page: Page) -> None:
    css = r"p > a:hover { c\6flor: r\65 d; font-family: 'Segoe UI'; position: fixed } a::after { content: 'x' }"
    cleaned = clean_stylesheet(css, ImagePolicy(False))
    assert page.evaluate(READ, cleaned) == [
        [
            "CSSStyleRule",
            "p > a:hover",
            ["color", "font-family"],
            'p > a:hover { color: red; font-family: "Segoe UI"; }',
        ]
    ]
    # Without the filter, the same reader finds what is not to be there.
    unfiltered = page.evaluate(READ, css)
    assert [names for _, _, names, _ in unfiltered] == [["color", "font-family", "position"], ["content"]]

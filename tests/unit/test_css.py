"""What stays of an email's CSS: only listed properties and tokens, however it is spelled."""

from __future__ import annotations

import re

import pytest
import tinycss2
from css_pieces import STYLE_SHEETS, STYLES, spelled
from hypothesis import example, given, settings
from hypothesis import strategies as st

from superset_campaign_plugin.preview.click_marks import ClickMark
from superset_campaign_plugin.preview.css import (
    MAX_MARKS,
    ImagePolicy,
    clean_declarations,
    clean_media,
    clean_stylesheet,
)
from superset_campaign_plugin.preview.sanitize import clean_html


@pytest.mark.parametrize(
    "importance",
    ["!important", "! important", "!IMPORTANT", "!/**/Important", " ! \n important "],
)
def test_importance_is_known_however_it_is_spelled(importance: str) -> None:
    """A browser takes each of these for the same, and an important style of a link would win over its clicks."""
    css = clean_declarations(f"outline: none{importance}; color: red", ImagePolicy(False))
    assert css.replace(" !", "!") == "outline: none!important; color: red"
    link = f'<a href="https://a.example/" style="outline: none{importance}; color: red">x</a>'
    shown = clean_html(link, remote_images=False, marks=lambda _: ClickMark("1", "one click", 1)).html
    assert "important" not in shown.lower()
    assert "color: red" in shown
    hidden = f'<img src="https://a.example/x.gif" style="display: none{importance}">'
    assert clean_html(hidden, remote_images=True).tracking_pixels == 1


@pytest.mark.parametrize("value", ["none ! !important important", "none !important !important", "none ! none", "!"])
def test_importance_stands_once_and_last(value: str) -> None:
    assert clean_declarations(f"outline: {value}", ImagePolicy(False)) == ""


@pytest.mark.parametrize("attribute", ["title", "TITLE", "data-clicks", "data-heat"])
def test_no_rule_of_an_email_reads_the_clicks(attribute: str) -> None:
    """With an image for each figure it would tell the sender what the report says."""
    css = f'a[{attribute}*="3 clicks"] {{ background: url(https://a.example/3) }} a[href] {{ color: red }}'
    assert clean_stylesheet(css, ImagePolicy(True)) == "a[href] { color: red }"


# ------------------------------------------------------------------------------------------------------ arbitrary CSS

# Written here a second time, and shorter, so that a list of the filter that grows by mistake is noticed.
PROPERTIES = re.compile(
    r"(background|border|margin|padding|outline|font|list-style|text|flex|align|justify)(-[a-z-]+)?"
    r"|((min|max)-)?(width|height)|box-(shadow|sizing)|aspect-ratio|object-(fit|position)|display|visibility|opacity"
    r"|overflow(-[xy]|-wrap)?|float|clear|vertical-align|color|line-height|letter-spacing|direction|unicode-bidi"
    r"|white-space|word-(break|spacing|wrap)|hyphens|table-layout|caption-side|empty-cells|order|(row-|column-)?gap"
    r"|-(webkit|ms)-text-size-adjust|-webkit-font-smoothing|mso-line-height-rule"
)
FUNCTIONS = {"rgb", "rgba", "hsl", "hsla", "calc", "min", "max", "clamp", "linear-gradient", "radial-gradient"}


def assert_only_paints(declarations, *, remote_images: bool) -> None:
    """Each declaration has a listed property, and a value of words, numbers, colours, listed functions and images."""
    for declaration in tinycss2.parse_blocks_contents(declarations, skip_whitespace=True):
        assert declaration.type == "declaration"
        name = declaration.lower_name
        assert PROPERTIES.fullmatch(name)
        tokens = list(declaration.value)
        while tokens:
            token = tokens.pop()
            if token.type == "string":
                assert name in ("font", "font-family")
            elif token.type == "function" and token.lower_name == "url":
                (address,) = token.arguments
                assert re.match(
                    "data:image/(png|gif|jpe?g|webp);" + ("|https?://" if remote_images else ""), address.value, re.I
                )
            elif token.type == "function":
                assert token.lower_name in FUNCTIONS
                tokens += token.arguments
            elif token.type == "literal":
                assert token.value in ",/+*-"
            else:
                assert token.type in ("whitespace", "ident", "number", "percentage", "dimension", "hash")


def assert_only_rules(rules, *, remote_images: bool) -> None:
    """Plain rules and `@media`, whose selectors name no pseudo-element and none of the preview's attributes."""
    for rule in tinycss2.parse_stylesheet(rules, skip_whitespace=True):
        if rule.type == "at-rule":
            assert rule.lower_at_keyword == "media"
            assert_only_rules(rule.content, remote_images=remote_images)
        else:
            assert rule.type == "qualified-rule"
            selector = tinycss2.serialize(rule.prelude).lower()
            assert "::" not in selector
            assert not re.search(r":(before|after)\b|\[\s*(data-|title\b)", selector)
            assert_only_paints(rule.content, remote_images=remote_images)


def assert_plain(css: str) -> None:
    assert not re.search(r"\\|/\*|<|@(?!media )", css)
    css.encode()


@settings(max_examples=300, deadline=None)
@given(STYLES, st.booleans())
def test_declarations_only_paint(css: str, remote_images: bool) -> None:
    once = clean_declarations(css, ImagePolicy(remote_images))
    assert_plain(once)
    assert_only_paints(once, remote_images=remote_images)
    assert clean_declarations(once, ImagePolicy(remote_images)) == once


@settings(max_examples=300, deadline=None)
@given(STYLE_SHEETS, st.booleans())
def test_style_sheets_only_paint(css: str, remote_images: bool) -> None:
    once = clean_stylesheet(css, ImagePolicy(remote_images))
    assert_plain(once)
    assert_only_rules(once, remote_images=remote_images)
    assert clean_stylesheet(once, ImagePolicy(remote_images)) == once


@settings(max_examples=200, deadline=None)
@given(STYLE_SHEETS, st.randoms(use_true_random=False))
def test_another_spelling_gives_the_same(css: str, random) -> None:
    """Escapes for letters, other case and comments between tokens change nothing, neither what stays nor what goes."""
    plain = clean_stylesheet(css, ImagePolicy(True))
    assert clean_stylesheet(spelled(css, random), ImagePolicy(True)).lower() == plain.lower()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
@example("screen and (max-width: 600px")
@example("screen){}@import url(x);(")
@example("print, s\\63reen")
def test_a_media_query_stays_one(text: str) -> None:
    query = clean_media(text)
    if query is not None:
        (rule,) = tinycss2.parse_stylesheet(query + "{}")
        assert (rule.type, rule.lower_at_keyword, rule.content) == ("at-rule", "media", [])
        assert clean_media(query.removeprefix("@media ")) == query


@pytest.mark.parametrize(
    ("css", "kept"),
    [
        # What a browser takes for the same, in other letters.
        (r"c\6flor: r\65 d", "color: red"),
        (r"\000063olor:red", "color: red"),
        ("color/**/:/**/red", "color: red"),
        (r"background: u\72l(https://a.example/x)", 'background: url("https://a.example/x")'),
        (r'background: url("https://a.example/\78")', 'background: url("https://a.example/x")'),
        # What comments and escapes do not join, or do not separate.
        ("background: u/**/rl(https://a.example/x)", ""),
        ("width: expre/**/ssion(alert(1))", ""),
        (r"width: \65xpression(alert(1))", ""),
        (r"width: 1\65+3px", ""),
        (r"color: red\3b position: fixed", ""),
        (r"color\3a red", ""),
        (r"font-family: 'a\22 ; position: fixed; x'", ""),
        (r"font-family: 'a\d800 '", ""),
        (r"background: url(https://a.example/\d800 )", "background: none"),
        (r"background: url('https://a.example/\29 ;x')", "background: none"),
        # What is broken ends where a browser ends it.
        ("font-family: 'a\n; color: red", "color: red"),
        ("background: url(a b); color: red", "color: red"),
        ("color: rgb(1, 2, 3", "color: rgb(1, 2, 3)"),
        ("} color: red", ""),
        ("color: red } body { color: blue", ""),
        ("a { color: blue } color: red", "color: red"),
        ("@import 'x'; color: red", "color: red"),
    ],
)
def test_what_a_browser_reads_is_what_is_checked(css: str, kept: str) -> None:
    assert clean_declarations(css, ImagePolicy(True)) == kept


@pytest.mark.parametrize("nested", [1_000, 20_000])
@pytest.mark.parametrize(
    "css", ["width: {calc}0{close}", "{round}: x", "color: {round}", "{calc}", "a{curly}", "@media {round} {{}}"]
)
def test_deep_nesting_is_no_error(css: str, nested: int) -> None:
    text = css.format(calc="calc(" * nested, close=")" * nested, round="(" * nested, curly="{" * nested)
    assert clean_declarations(text, ImagePolicy(True)) == ""
    assert clean_stylesheet(text, ImagePolicy(True)) == ""
    assert clean_media(text) is None


def test_css_with_more_marks_than_the_limit_is_left_out() -> None:
    rule = "a{color:red}"
    fitting = rule * (MAX_MARKS // 3)
    assert clean_stylesheet(fitting, ImagePolicy(False)).count("red") == MAX_MARKS // 3
    assert clean_stylesheet(fitting + rule, ImagePolicy(False)) == ""


def test_an_image_of_a_megabyte_is_no_reason_to_leave_css_out() -> None:
    image = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAA+/" * 24_000
    css = clean_declarations(f"background: url({image}); color: red", ImagePolicy(False))
    assert css == f'background: url("{image}"); color: red'

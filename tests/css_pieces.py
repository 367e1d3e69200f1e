"""CSS for property tests: pieces of styles, good and hostile, in any order, and other spellings of the same tokens."""

from __future__ import annotations

from random import Random

import tinycss2
from hypothesis import strategies as st

NAMES = [
    *("color", "background", "background-image", "font-family", "margin", "width", "display", "list-style", "opacity"),
]
HOSTILE_NAMES = ["position", "content", "behavior", "-moz-binding", "--x", "src", "z-index", "transform", "anchor-name"]
VALUES = [
    *("red", "#fff", "#12", "1px", "-1px", "+.5em", "50%", "1e3", "1e3px", "0", "none", "inherit", "contents", "_x"),
    *("'Segoe UI'", '"Arial"', "' a; b'", r"'\22 x'", "'</style>'", "rgb(1, 2, 3)", "calc(1px + (2px))"),
    "calc(1px*-2)",
    *("url(//evil.example/x)", "url('https://evil.example/y')", 'URL( "data:image/png;base64,AAAA" )', "url(x)"),
    *("url(data:image/svg+xml;base64,AAAA)", "url(javascript:alert(1))", "url( a b )", "url(https://evil.example/'x)"),
    *("expression(alert(1))", "var(--x)", "image-set('x' 1x)", "attr(title)"),
    *("linear-gradient(url(//evil.example/z), red)", r"u\72l(//evil.example/w)", "U+26", r"1\65+3"),
    *("!important", "! important", "!", ",", "/", "*", "+", "-", "\\", r"\9"),
]
SELECTORS = [
    *("a", "p > b", ".x", "#y", "*", "a:hover", "a:link", "li:nth-child(2n+1)", ":not(.x)", 'a[href="x"]', "td, th"),
    *("a::after", "a:before", "[data-clicks]", "a[title^='1']", ":not([data-heat])", "::slotted(a)"),
    *(r"a\:b", r"\61:\62 efore"),
]
MARKS = [*"{}()[];:,'\"\\<>@#!*/+-. \n\0", "/*", "*/", "<!--", "-->", "</style>", "\r\n", "\f", "\\d800 ", "é", "😀"]

_value = st.lists(st.sampled_from(VALUES), min_size=1, max_size=4).map(" ".join)
_declaration = st.builds("{}: {}".format, st.sampled_from(NAMES * 2 + HOSTILE_NAMES), _value)
_mark = st.sampled_from(MARKS)


def _mixed(pieces: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Pieces in order, now and then with a mark between them that changes how the rest is read."""
    return st.lists(st.one_of(pieces, pieces, pieces, _mark, st.text(max_size=4)), max_size=8).map("".join)


STYLES = st.one_of(st.lists(_declaration, max_size=6).map("; ".join), _mixed(_declaration.map("{};".format)))
_rule = st.builds("{}{{{}}}".format, st.sampled_from(SELECTORS), STYLES)
_at_rule = st.sampled_from(
    [
        "@import url(//evil.example/i);",
        "@import '//evil.example/j';",
        "@charset 'x';",
        "@namespace url(//evil.example/n);",
        "@font-face{font-family:x;src:url(//evil.example/f)}",
        "@supports(color:red){p{background:url(//evil.example/s)}}",
        "@page{margin:0}",
    ]
)
_media = st.builds(
    "@media {}{{{}}}".format, st.sampled_from(["screen", "(max-width:600px)", "x", "print,(a", "url(x)"]), _mixed(_rule)
)
STYLE_SHEETS = _mixed(st.one_of(_rule, _at_rule, _media))


def spelled(css: str, random: Random) -> str:
    """The same tokens in another spelling: letters as escapes or in the other case, comments between tokens."""
    return "".join(_spelled(tinycss2.parse_component_value_list(css, skip_comments=True), random))


def _spelled(tokens: list[tinycss2.ast.Node], random: Random) -> list[str]:
    written = []
    for token in tokens:
        if token.type == "ident":
            written.append(_name(token.value, random))
        elif token.type == "at-keyword":
            written.append("@" + _name(token.value, random))
        elif token.type == "function" and token.lower_name == "url":  # in which there are no comments
            written += [_name(token.name, random), "(", tinycss2.serialize(token.arguments), ")"]
        elif token.type == "function":
            written += [_name(token.name, random), "(", *_spelled(token.arguments, random), ")"]
        elif token.type.endswith("block"):
            written += [token.type[0], *_spelled(token.content, random), token.type[1]]
        else:
            written.append(token.serialize())
        # A browser keeps what stands beside a comment apart, as this comment keeps what an escape may else join.
        written.append(random.choice(["/**/", "/* ; } */", "/*\\*/"]))
    return written


def _name(name: str, random: Random) -> str:
    return "".join(_letter(letter, random) for letter in name)


def _letter(letter: str, random: Random) -> str:
    spellings = [f"\\{ord(letter):x} ", f"\\{ord(letter):06x}"]
    if letter.isascii() and letter.isalpha():
        spellings += [letter.lower(), letter.upper()]
    return random.choice(spellings)

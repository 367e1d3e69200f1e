"""Filters an email's CSS down to what can only paint.

tinycss2 reads the CSS as a browser does: comments, escapes and quotes are gone before anything here looks at it. A
declaration stays if its property is on the list and its value consists of listed tokens. A style sheet keeps plain
rules and `@media`. What stays is written again from these tokens, without comments, escapes or `<`, so that a browser
reads what was checked.

Nothing may cover something else, or show text that is not the email's: no position, transform, zoom, negative margin,
pseudo-element, generated content, and no string except the name of a font. Otherwise an email could cover or imitate
what the preview writes at its links. Large mail clients remove these as well, so emails do not depend on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import unescape as _unescape

import tinycss2
from tinycss2.ast import AtRule, Declaration, FunctionBlock, Node, QualifiedRule


def unescape(text: str) -> str:
    """The text with its character references resolved; as it is, where one has more digits than Python reads."""
    try:
        return _unescape(text)
    except ValueError:
        return text


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Of characters that are neither letters nor digits, in one style sheet or attribute. They bound the number of tokens,
# each of which takes memory; the data of an image has few of them.
MAX_MARKS = 100_000
_LETTERS_AND_DIGITS = re.compile(r"[a-z0-9]+", re.IGNORECASE | re.ASCII)

_PROPERTY = re.compile(
    r"""(?:
      background(?:-(?:attachment|clip|color|image|origin|position(?:-[xy])?|repeat|size))?
    | border(?:-[a-z-]+)? | (?:margin|padding)(?:-[a-z-]+)? | outline(?:-[a-z]+)?
    | (?:min-|max-)?(?:width|height) | box-(?:shadow|sizing) | aspect-ratio | object-(?:fit|position)
    | display | visibility | opacity | overflow(?:-[xy])? | float | clear | vertical-align
    | font(?:-(?:family|size|size-adjust|stretch|style|variant|weight))? | color | line-height | letter-spacing
    | direction | unicode-bidi | list-style(?:-[a-z]+)?
    | text-[a-z-]+ | white-space | word-(?:break|spacing|wrap) | overflow-wrap | hyphens
    | table-layout | caption-side | empty-cells
    | (?:align|justify)-[a-z]+ | flex(?:-[a-z]+)? | order | (?:row-|column-)?gap
    | -(?:webkit|ms)-text-size-adjust | -webkit-font-smoothing | mso-line-height-rule
    )""",
    re.VERBOSE,
)
# Elsewhere a browser shows the string: as a list's marker, at the end of a cut line, above the letters.
_NAMED_BY_STRINGS = frozenset({"font", "font-family"})
_FUNCTIONS = _names("rgb rgba hsl hsla calc min max clamp linear-gradient radial-gradient")
_MAX_NESTED_FUNCTIONS = 8
# What a token of a value may be, in the spelling of tinycss2: a character that needs an escape has one there.
_TOKENS = {
    kind: re.compile(pattern, re.IGNORECASE | re.ASCII)
    for kind, pattern in {
        "ident": r"-?[a-z_][\w-]*",
        "number": r"[+-]?[\d.]+(?:e[+-]?\d+)?",
        "percentage": r"[+-]?[\d.]+(?:e[+-]?\d+)?%",
        "dimension": r"[+-]?[\d.]+(?:e[+-]?\d+)?[a-z]+",
        "hash": r"\#[0-9a-f]{3,8}",
        "string": r'"[^"\'\\<>@(){};\x00-\x1f\x7f\ud800-\udfff]*"',
        "literal": r"[,/+*-]",
    }.items()
}
# These would be read as one token, or as another one, without a space between them.
_WORDS = _names("ident number percentage dimension hash function url")

# Of attributes not those into which the preview writes clicks: a rule for each figure would load another image.
_COMPOUND = re.compile(
    r"""(?:
      [\w*.\#-]+
    | :(?!:|before\b|after\b)[\w-]+(?:\([\w\s+.\#-]*\))?
    | \[(?!data-|title\b)[\w-]+(?:[~|^$*]?=(?:"[\w\s./:-]*"|[\w-]+))?\]
    | \s*[\s>+~,]\s*
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_MEDIA = re.compile(r"[\w\s:().,/%-]+", re.IGNORECASE | re.ASCII)
_MAX_MEDIA_DEPTH = 3
_MAX_NESTED_BLOCKS = 4

_DATA_IMAGE = re.compile(r"data:image/(?:png|gif|jpe?g|webp);base64,[a-z0-9+/]+={0,2}", re.IGNORECASE)
_REMOTE = re.compile(r"(?:https?:)?//[^\s\"'<>\\(){}\ud800-\udfff]+", re.IGNORECASE)
# Browsers drop these from addresses before they look at the scheme.
_IGNORED_IN_URLS = re.compile(r"[\x00-\x20\x7f]+")


class ImagePolicy:
    """Decides which images load, and counts in `blocked` the remote ones that do not."""

    def __init__(self, remote_images: bool) -> None:
        self.remote_images = remote_images
        self.blocked = 0

    def address(self, url: str, *, tracking: bool = False) -> str | None:
        """The address to load an image from, or None; a `tracking` image never loads, wherever it is."""
        url = _IGNORED_IN_URLS.sub("", url)
        if _DATA_IMAGE.fullmatch(url):
            return url
        # A relative address would be fetched from Superset itself, with the viewer's cookies.
        if tracking or not _REMOTE.fullmatch(url):
            return None
        if not self.remote_images:
            self.blocked += 1
            return None
        return f"https:{url}" if url.startswith("//") else url


def clean_declarations(css: str, images: ImagePolicy, *, tracking: bool = False) -> str:
    """The safe declarations of a `style` attribute, as `name: value; name: value`."""
    return _clean_declarations(_tokens(css), images, tracking=tracking)


def clean_stylesheet(css: str, images: ImagePolicy) -> str:
    """The safe rules of a style sheet, one a line: plain rules and `@media`, nothing else."""
    return "\n".join(_clean_rules(_tokens(css), images, depth=0))


def clean_media(query: str) -> str | None:
    """A media query as `@media …`, or None if it is not one."""
    return _clean_media(_tokens(query))


def is_hidden(declarations: str) -> bool:
    """Whether cleaned declarations hide their element, or shrink it to a dot."""
    for declaration in declarations.split("; "):
        name, _, value = declaration.partition(": ")
        value = value.replace("!important", "").strip().lower()
        if (name, value) in (("display", "none"), ("visibility", "hidden")):
            return True
        if name in ("width", "height", "max-width", "max-height", "opacity"):
            number = re.match(r"[+-]?(?:\d+\.?\d*|\.\d+)", value)
            limit = 0.0 if name == "opacity" or not value.endswith(("px", "pt")) else 1.0
            if number and float(number[0]) <= limit:
                return True
    return False


def _tokens(css: str) -> list[Node]:
    """The CSS as tokens; none where they would be too many, or a number has more digits than Python reads."""
    if len(css) > MAX_MARKS and len(_LETTERS_AND_DIGITS.sub("", css)) > MAX_MARKS:
        return []
    try:
        return list(tinycss2.parse_component_value_list(css, skip_comments=True))
    except ValueError:
        return []


# --------------------------------------------------------------------------------------------------------- declarations


def _clean_declarations(tokens: Iterable[Node], images: ImagePolicy, *, tracking: bool = False) -> str:
    kept = []
    for declaration in tinycss2.parse_blocks_contents(tokens, skip_comments=True, skip_whitespace=True):
        if isinstance(declaration, Declaration) and _PROPERTY.fullmatch(declaration.lower_name):
            name = declaration.lower_name
            value = _clean_value(name, declaration.value, images, tracking)
            if value and not _lays_over(name, value):
                # The preview decides last on opacity, and an important style attribute would win over it.
                important = " !important" if declaration.important and name != "opacity" else ""
                kept.append(f"{name}: {value}{important}")
    return "; ".join(kept)


def _lays_over(name: str, value: str) -> bool:
    """Whether a declaration takes its element out of the place that it has in the text."""
    if name.startswith("margin"):
        # What is calculated may be negative, too.
        return "-" in value or "(" in value
    return name == "display" and "contents" in value.lower()


class _Refused(Exception):
    """A value holds something that is on no list."""


class _Address(str):
    """The address of an image, about which nothing is decided yet."""


def _clean_value(name: str, tokens: Sequence[Node], images: ImagePolicy, tracking: bool) -> str | None:
    """The value, or None if one of its tokens is not listed. An image that must not load becomes `none`."""
    try:
        parts = list(_parts(tokens, with_strings=name in _NAMED_BY_STRINGS, depth=0))
    except _Refused:
        return None
    # Only now, so that a value which is dropped counts no image.
    written = []
    for part in parts:
        if isinstance(part, _Address):
            address = images.address(unescape(part), tracking=tracking)
            part = "none" if address is None else f'url("{address}")'
        written.append(part)
    return "".join(written).strip()


def _parts(tokens: Sequence[Node], *, with_strings: bool, depth: int) -> Iterator[str]:
    before = None
    for token in tokens:
        kind = token.type
        if before in _WORDS and kind in _WORDS:
            yield " "
        before = kind
        if kind == "whitespace":
            yield " "
        elif kind == "url" or (kind == "function" and token.lower_name == "url"):
            if depth:
                raise _Refused
            yield _Address(token.value if kind == "url" else _quoted_address(token))
        elif kind == "function":
            if token.lower_name not in _FUNCTIONS or depth == _MAX_NESTED_FUNCTIONS:
                raise _Refused
            yield f"{token.lower_name}("
            yield from _parts(token.arguments, with_strings=with_strings, depth=depth + 1)
            yield ")"
        else:
            listed = _TOKENS.get(kind)
            if listed is None or (kind == "string" and not with_strings):
                raise _Refused
            text: str = token.serialize()
            if not listed.fullmatch(text):
                raise _Refused
            yield text


def _quoted_address(function: FunctionBlock) -> str:
    """The address of `url("…")`."""
    arguments = [token for token in function.arguments if token.type != "whitespace"]
    if [token.type for token in arguments] != ["string"]:
        raise _Refused
    return str(arguments[0].value)


# ---------------------------------------------------------------------------------------------------------------- rules


def _clean_rules(tokens: Iterable[Node], images: ImagePolicy, *, depth: int) -> Iterator[str]:
    for rule in tinycss2.parse_stylesheet(tokens, skip_comments=True, skip_whitespace=True):
        if isinstance(rule, QualifiedRule):
            selector = _clean_selector(rule.prelude)
            declarations = _clean_declarations(rule.content, images) if selector else ""
            if declarations:
                yield f"{selector} {{ {declarations} }}"
        elif isinstance(rule, AtRule) and rule.lower_at_keyword == "media" and rule.content is not None:
            media = _clean_media(rule.prelude)
            if media and depth < _MAX_MEDIA_DEPTH:
                rules = "\n".join(_clean_rules(rule.content, images, depth=depth + 1))
                if rules:
                    yield f"{media} {{\n{rules}\n}}"


def _clean_media(tokens: Sequence[Node]) -> str | None:
    query = _text(tokens)
    return f"@media {query}" if query and _MEDIA.fullmatch(query) else None


def _clean_selector(tokens: Sequence[Node]) -> str | None:
    # Links lose their address in the preview, and with it :link; the rule is meant for them all the same.
    selector = re.sub(r"\b(a):link\b", r"\1", _text(tokens) or "", flags=re.IGNORECASE)
    position = 0
    while position < len(selector):
        part = _COMPOUND.match(selector, position)
        if part is None:
            return None
        position = part.end()
    return selector or None


def _text(tokens: Sequence[Node]) -> str | None:
    """The text of tokens on one line, in the spelling of tinycss2; None if they are nested deeply or in error."""
    return None if _is_odd(tokens, _MAX_NESTED_BLOCKS) else " ".join(tinycss2.serialize(tokens).split())


def _is_odd(tokens: Sequence[Node], levels: int) -> bool:
    return any(
        token.type == "error" or (content is not None and (levels == 0 or _is_odd(content, levels - 1)))
        for token in tokens
        for content in [getattr(token, "arguments", getattr(token, "content", None))]
    )

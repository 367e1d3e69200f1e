"""Filters an email's CSS down to what can only paint.

A declaration survives if its property is on the list and its value consists of known tokens; a style sheet keeps
plain rules and `@media`. What survives is written anew from those tokens: without comments, escapes, `<` or
unbalanced quotes, so that a browser cannot read it in another way than this module did.

Nothing can be laid over something else, or drawn that is no text of the email: no position, transform, zoom, negative
margin, pseudo-element, generated content, or string but the name of a font. Else an email could cover or forge what
the preview writes at its links. Large mail clients leave these out as well, so emails do without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape as _unescape


def unescape(text: str) -> str:
    """The text with its character references resolved; as it is, where one has more digits than Python reads."""
    try:
        return _unescape(text)
    except ValueError:
        return text


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


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
# Elsewhere a browser writes the string: as a list's marker, at the end of a cut line, above the letters.
_NAMED_BY_STRINGS = frozenset({"font", "font-family"})
_FUNCTIONS = _names("rgb rgba hsl hsla calc min max clamp linear-gradient radial-gradient")
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<url>url\(\s*(?:"(?P<double>[^"\\\n]*)"|'(?P<single>[^'\\\n]*)'|(?P<bare>[^"'()\\\s]*))\s*\))
    | (?P<function>-?[a-z][a-z-]*)\(
    | (?P<word>-?[a-z_][\w-]*)
    | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:%|[a-z]+)?)
    | (?P<hash>\#[0-9a-f]{3,8}\b)
    | (?P<string>"[^"'\\\n<>@(){};]*"|'[^"'\\\n<>@(){};]*')
    | (?P<close>\))
    | (?P<sign>[,/+*!-])""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
# Of attributes not those into which the preview writes clicks: a rule for each figure would load another image.
_COMPOUND = re.compile(
    r"""(?:
      [\w*.\#-]+
    | :(?!:|before\b|after\b)[\w-]+(?:\([\w\s+.\#-]*\))?
    | \[(?!data-|title\b)[\w-]+(?:[~|^$*]?=(?:"[\w\s./:-]*"|'[\w\s./:-]*'|[\w-]+))?\]
    | \s*[\s>+~,]\s*
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_MEDIA = re.compile(r"@media\b[\w\s:().,/%-]+", re.IGNORECASE | re.ASCII)
_MAX_MEDIA_DEPTH = 3
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)

_DATA_IMAGE = re.compile(r"data:image/(?:png|gif|jpe?g|webp);base64,[a-z0-9+/]+={0,2}", re.IGNORECASE)
_REMOTE = re.compile(r"(?:https?:)?//[^\s\"'<>\\(){}]+", re.IGNORECASE)
# Browsers drop these from addresses before they look at the scheme.
_IGNORED_IN_URLS = re.compile(r"[\x00-\x20\x7f]+")


class ImagePolicy:
    """Decides which images load, and counts in `blocked` the remote ones that do not."""

    def __init__(self, remote_images: bool) -> None:
        self.remote_images = remote_images
        self.blocked = 0

    def address(self, url: str, *, tracking: bool = False) -> str | None:
        """The address to load an image from, or None; a `tracking` image is not loaded wherever it lies."""
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
    """The safe declarations of a `style` attribute or a rule, as `name: value; name: value`."""
    kept = []
    for declaration in _split_declarations(_COMMENT.sub(" ", css)):
        name, colon, value = declaration.partition(":")
        name = name.strip().lower()
        if colon and _PROPERTY.fullmatch(name):
            cleaned = _clean_value(name, value, images, tracking)
            if cleaned and not _lays_over(name, cleaned):
                if name == "opacity":
                    # The preview has the last word on it, and an important style attribute would have it.
                    cleaned = cleaned.replace("!important", "").strip()
                kept.append(f"{name}: {cleaned}")
    return "; ".join(kept)


def clean_stylesheet(css: str, images: ImagePolicy) -> str:
    """The safe rules of a style sheet, one a line: plain rules and `@media`, nothing else."""
    text = _COMMENT.sub(" ", css).replace("<!--", " ").replace("-->", " ")
    return "\n".join(_clean_rules(text, images, depth=0))


def clean_media(query: str) -> str | None:
    """A media query as `@media …`, or None if it is not one."""
    words = " ".join(query.split())
    balanced = words.count("(") == words.count(")")
    return f"@media {words}" if words and balanced and _MEDIA.fullmatch(f"@media {words}") else None


def is_hidden(declarations: str) -> bool:
    """Whether cleaned declarations hide their element, or shrink it to a dot."""
    for declaration in _split_declarations(declarations):
        name, _, value = declaration.partition(":")
        name, value = name.strip(), value.replace("!important", "").strip().lower()
        if (name, value) in (("display", "none"), ("visibility", "hidden")):
            return True
        if name in ("width", "height", "max-width", "max-height", "opacity"):
            number = re.match(r"[+-]?(?:\d+\.?\d*|\.\d+)", value)
            limit = 0.0 if name == "opacity" or not value.endswith(("px", "pt")) else 1.0
            if number and float(number[0]) <= limit:
                return True
    return False


def _split_declarations(css: str) -> Iterator[str]:
    """Split at semicolons that are neither quoted nor in parentheses, where data: addresses have theirs."""
    start, depth, quote = 0, 0, ""
    for found in re.finditer(r"[;()\"']", css):
        mark = found[0]
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "\"'":
            quote = mark
        elif mark == "(":
            depth += 1
        elif mark == ")":
            depth = max(0, depth - 1)
        elif depth == 0:
            yield css[start : found.start()]
            start = found.end()
    yield css[start:]


def _lays_over(name: str, value: str) -> bool:
    """Whether a declaration takes its element out of the place that it has in the text."""
    if name.startswith("margin"):
        # What is calculated may be negative, too.
        return "-" in value or "(" in value
    return name == "display" and "contents" in value.lower()


def _clean_value(name: str, value: str, images: ImagePolicy, tracking: bool) -> str | None:
    """The value from known tokens alone, or None. An image that must not load becomes `none`."""
    parts: list[str] = []
    addresses: list[tuple[int, str]] = []
    position, depth = 0, 0
    # Long runs of spaces would be looked at once for each token that may end in spaces.
    value = " ".join(value.split())
    while position < len(value):
        token = _TOKEN.match(value, position)
        if token is None or (token["string"] and name not in _NAMED_BY_STRINGS):
            return None
        kind, text = token.lastgroup, token[0]
        if token["url"] is not None:
            if depth:
                return None
            addresses.append((len(parts), token["double"] or token["single"] or token["bare"] or ""))
            parts.append("none")
        elif kind == "space":
            parts.append(" ")
        elif kind == "function":
            if token["function"].lower() not in _FUNCTIONS:
                return None
            depth += 1
            parts.append(text.lower())
        elif kind == "close":
            depth -= 1
            if depth < 0:
                return None
            parts.append(text)
        else:
            parts.append(text)
        position = token.end()
    if depth or not _spell_importance(parts):
        return None
    # Only now, so that a value which is dropped counts no image.
    for index, url in addresses:
        address = images.address(unescape(url), tracking=tracking)
        if address is not None:
            parts[index] = f'url("{address}")'
    return "".join(parts).strip()


def _spell_importance(parts: list[str]) -> bool:
    """Spell a value's `! Important` as everybody does, for whoever takes it off; False if a mark stands elsewhere."""
    if "!" not in parts:
        return True
    mark = parts.index("!")
    if "".join(parts[mark + 1 :]).strip().lower() != "important":
        return False
    parts[mark:] = ["!important"]
    return True


def _clean_rules(text: str, images: ImagePolicy, *, depth: int) -> Iterator[str]:
    position = 0
    while mark := _search(r"[{};]", text, position):
        prelude = " ".join(text[position : mark.start()].split())
        position = mark.end()
        if mark[0] != "{":
            continue  # the end of @import, @charset and the like, or a stray brace
        if not prelude.startswith("@"):
            end = text.find("}", position)
            body = text[position:] if end < 0 else text[position:end]
            position = len(text) if end < 0 else end + 1
            selector = _clean_selector(prelude)
            declarations = clean_declarations(body, images) if selector else ""
            if declarations:
                yield f"{selector} {{ {declarations} }}"
            continue
        body, position = _block(text, position)
        media = clean_media(prelude[len("@media") :]) if prelude.lower().startswith("@media") else None
        if media and depth < _MAX_MEDIA_DEPTH:
            rules = "\n".join(_clean_rules(body, images, depth=depth + 1))
            if rules:
                yield f"{media} {{\n{rules}\n}}"


def _search(pattern: str, text: str, position: int) -> re.Match[str] | None:
    return re.compile(pattern).search(text, position)


def _block(text: str, position: int) -> tuple[str, int]:
    """The text up to the brace that closes the one before `position`, and where it goes on after it."""
    depth, start = 1, position
    while mark := _search(r"[{}]", text, position):
        position = mark.end()
        depth += 1 if mark[0] == "{" else -1
        if depth == 0:
            return text[start : mark.start()], position
    return text[start:], len(text)


def _clean_selector(selector: str) -> str | None:
    # Links lose their address in the preview, and with it :link; the rule is meant for them all the same.
    selector = re.sub(r"\b(a):link\b", r"\1", selector, flags=re.IGNORECASE)
    position = 0
    while position < len(selector):
        part = _COMPOUND.match(selector, position)
        if part is None:
            return None
        position = part.end()
    return selector or None

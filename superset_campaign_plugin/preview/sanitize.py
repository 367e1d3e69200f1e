"""Makes an email's HTML safe to show: it runs nothing, loads nothing unasked, and leads nowhere.

Three steps, each of which would do: nh3 parses the HTML as a browser does and keeps only listed elements and
attributes; the result is then written again, attribute by attribute; and the view sends it with a policy that forbids
everything else. Nothing here knows Flask or Superset.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser

import nh3

from superset_campaign_plugin.errors import CampaignError
from superset_campaign_plugin.preview.badges import anchor_name
from superset_campaign_plugin.preview.click_marks import ClickMark
from superset_campaign_plugin.preview.css import (
    ImagePolicy,
    clean_declarations,
    clean_media,
    clean_stylesheet,
    is_hidden,
    unescape,
)
from superset_campaign_plugin.preview.parse_budget import MAX_TAGS, are_too_many
from superset_campaign_plugin.preview.targets import SCHEMES, link_target, shown_address


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MAX_BYTES = 2_000_000

_MAX_PASSES = 6
# A browser ends a link where the next begins; written as plain spans they nest, and need not do so without end.
_MAX_NESTED_LINKS = 4
# What a link is called in the list of links; more of its words tell nobody anything.
_MAX_WORDS = 500

# A parser reopens these by itself after every block that they are left open in, which lets a small file grow to
# gigabytes. They are parsed as plain spans and get their names back afterwards.
_FORMATTING = _names("a b big code em font i nobr s small strike strong tt u")
_KEPT_NAME = "data-element"

_BLOCKS = _names(
    "address article aside blockquote center dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 "
    "header hr li main nav ol p pre section ul"
)
_INLINE = _names("abbr bdi bdo br cite del dfn img ins kbd map mark q samp span sub sup var wbr area")
_TABLES = _names("caption col colgroup table tbody td tfoot th thead tr")
_TAGS = _BLOCKS | _INLINE | _TABLES
_BREAKS = _BLOCKS | _TABLES | {"br"}
# Of these, what a text has an empty line before and after.
_PARAGRAPHS = _names("p h1 h2 h3 h4 h5 h6 ul ol blockquote table pre hr")
_PARAGRAPH_END = "\n\n"
# While a text is made, \f stands where a paragraph ends, and \v behind an address; the email's own are spaces.
_MARKS = str.maketrans("\f\v", "  ")
_WORD_AFTER_ADDRESS = re.compile(r"\v(?=[\w\[])")
_VOID = frozenset({"area", "br", "col", "hr", "img", "wbr"})
# Of all other elements only the tags go; of these the content too.
_DROPPED_WITH_CONTENT = _names(
    "script style title template svg math iframe noscript noembed noframes select datalist textarea xmp plaintext"
)

_NUMBER = re.compile(r"[+-]?\d{1,5}(?:\.\d{1,4})? ?(?:%|px)?", re.ASCII)
# A browser makes every column that a table is said to have: thousands of `<col span=1000>` would halt it.
_SPAN = re.compile(r"\d{1,2}", re.ASCII)
_WORD = re.compile(r"[\w.:#-]{1,64}", re.ASCII)
_COLOR = re.compile(r"#?[0-9a-z]{1,32}", re.IGNORECASE | re.ASCII)
_COORDS = re.compile(r"[\d\s,.]{1,2000}", re.ASCII)
_USEMAP = re.compile(r"#[\w-]{1,64}")
_TEXT = re.compile(r".*", re.DOTALL)

# No title among them: a link's says where it led, and nothing of the email may look as if it did.
_ATTRIBUTES: dict[str, re.Pattern[str]] = {
    **dict.fromkeys(("alt", "class", "face", "summary", "abbr", "aria-label"), _TEXT),
    **dict.fromkeys(("width", "height", "border", "cellpadding", "cellspacing", "hspace", "vspace"), _NUMBER),
    **dict.fromkeys(("colspan", "rowspan", "span"), _SPAN),
    **dict.fromkeys(("size", "start", "value"), _NUMBER),
    **dict.fromkeys(("align", "valign", "dir", "lang", "role", "type", "scope", "shape", "id", "name"), _WORD),
    **dict.fromkeys(("bgcolor", "color", "text"), _COLOR),
    "aria-hidden": _WORD,
    "coords": _COORDS,
    "nowrap": _WORD,
    "usemap": _USEMAP,
}
# These are decided on together with the rest of their element.
_JUDGED = frozenset({"style", "href", "src", "background", _KEPT_NAME})

_OPENING = re.compile(r"<(?:(!--)|(style|script)(?=[\s/>]))", re.IGNORECASE)
_SHEET = re.compile(r"<style>.*?</style>", re.DOTALL)
_RENAMED = re.compile(rf"<(?:(html|body)|(/?)({'|'.join(sorted(_FORMATTING))}))(?=[\s/>])", re.IGNORECASE)


class EmailTooLarge(CampaignError):
    """The email's HTML is larger than the limit for previews."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the email has {size:,} bytes; previews are limited to {limit:,}")
        self.size = size
        self.limit = limit


@dataclass(frozen=True)
class Link:
    """A link of the email: its words, or, where it is `pictured`, those for its image alone, and where it led."""

    text: str
    url: str
    pictured: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class CleanBody:
    """An email that is safe to show.

    html             a fragment: at most one <style>, then markup
    blocked_images   remote images and backgrounds that do not load but would with `remote_images`
    tracking_pixels  images of one pixel or none and hidden ones, which never load
    links            in the order of the email, every pair of text and address once
    marks            what stands at the clicked links, each at the place that its anchor's name has
    text_only        the HTML was too entangled to keep; `html` holds its text
    """

    html: str
    blocked_images: int = 0
    tracking_pixels: int = 0
    links: tuple[Link, ...] = ()
    marks: tuple[ClickMark, ...] = ()
    text_only: bool = False


def clean_html(
    html: str,
    *,
    remote_images: bool,
    max_bytes: int = MAX_BYTES,
    marks: Callable[[str], ClickMark | None] | None = None,
) -> CleanBody:
    """Clean an email's HTML; remote images are kept only with `remote_images`. `marks` says what stands at a link.

    Cleaning what is clean takes the targets off its links, which have no address any more, and changes nothing else.
    Raises `EmailTooLarge`, and nothing else, however broken the HTML is.
    """
    data = html.encode("utf-8", "replace")  # a lone surrogate has no place in any encoding
    if len(data) > max_bytes:
        raise EmailTooLarge(len(data), max_bytes)
    html = data.decode("utf-8")
    markup = _RENAMED.sub(_renamed, html)
    settled = None if are_too_many(markup) else _settle(markup)
    if settled is None:
        return CleanBody(_as_text(html), text_only=True)
    images = ImagePolicy(remote_images)
    css = "\n".join(filter(None, (_clean_sheet(media, text, images) for media, text in _stylesheets(html))))
    writer = _Writer(images, marks or (lambda _: None))
    writer.feed(settled)
    writer.close()
    body = (f"<style>{css}</style>" if css else "") + "".join(writer.parts)
    if body.count("<") > MAX_TAGS:
        return CleanBody(_as_text(html), text_only=True)
    return CleanBody(
        html=body,
        blocked_images=images.blocked,
        tracking_pixels=writer.tracking_pixels,
        links=tuple(dict.fromkeys(writer.links)),
        marks=tuple(writer.placed),
    )


def _stylesheets(html: str) -> list[tuple[str, str]]:
    """(media, CSS) of the <style> elements outside of comments; nh3 drops the elements themselves.

    Whatever this reads differently from a browser costs looks alone: the CSS is cleaned afterwards.
    """
    sheets: list[tuple[str, str]] = []
    end = 0
    while found := _OPENING.search(html, end):
        if found[1]:
            end = html.find("-->", found.end() - 2) + 3
            if end < 3:
                break
            continue
        name = found[2].lower()
        start = html.find(">", found.end()) + 1 or len(html)
        closing = re.compile(rf"</{name}", re.IGNORECASE).search(html, start)
        end = closing.start() if closing else len(html)
        if name == "style":
            media = re.search(r"\bmedia\s*=\s*[\"']?([^\"'>]*)", html[found.end() : start], re.IGNORECASE)
            sheets.append((media[1] if media else "", html[start:end]))
    return sheets


def _clean_sheet(media: str, text: str, images: ImagePolicy) -> str:
    css = clean_stylesheet(text, images)
    if not css or media.strip().lower() in ("", "all"):
        return css
    query = clean_media(unescape(media))
    return "" if query is None else f"{query} {{\n{css}\n}}"


def _renamed(tag: re.Match[str]) -> str:
    """Another tag in its place. <html> and <body> become a <div>, which keeps their colours: a parser would gather the
    attributes of all of them on one element."""
    if tag[1]:
        return "<div"
    # Without quotes, which would end the value of an attribute that this stands in.
    return "</span" if tag[2] else f"<span {_KEPT_NAME}={tag[3].lower()} "


def _settle(markup: str) -> str | None:
    """The listed elements and attributes, in a form that parsing leaves as it is; None if there is no such form."""
    for _ in range(_MAX_PASSES):
        cleaned = nh3.clean(
            markup,
            tags=set(_TAGS),
            clean_content_tags=set(_DROPPED_WITH_CONTENT),
            attributes={"*": {*_ATTRIBUTES, *_JUDGED}},
            link_rel=None,
            url_schemes={*SCHEMES, "data"},
        )
        if cleaned == markup:
            return cleaned
        markup = cleaned
    return None


def _as_text(html: str, *, clean: bool = False) -> str:
    """The text of the HTML, found without parsing it, with an empty line between paragraphs.

    Where it is clean, its attributes are what `_Writer` wrote: links have their addresses behind them, and images the
    words that stand for them.
    """
    first, *rest = html.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").translate(_MARKS).split("<")
    pieces = [first]
    addresses: list[str] = []
    for piece in rest:
        tag, _, words = piece.partition(">")
        found = re.match(r"/?(\w*)", tag)
        name = found[1].lower() if found else ""
        pieces.append("\f" if name in _PARAGRAPHS else "\n" if name in _BREAKS else "")
        if clean and name == "img" and (alt := _attribute(tag, "alt")):
            pieces.append(f"[{alt}]")
        elif clean and tag.startswith("/a") and name == "a" and addresses and (address := addresses.pop()):
            pieces.append(f" &lt;{address}&gt;\v")
        elif clean and name == "a" and not tag.startswith("/"):
            # Behind the address stand the clicks, if there are any.
            addresses.append(_attribute(tag, "title").partition(" – ")[0])
        pieces.append(words)
    text = _WORD_AFTER_ADDRESS.sub(" ", "".join(pieces)).replace("\v", "")
    paragraphs = ("\n".join(filter(None, map(_plain, part.splitlines()))) for part in text.split("\f"))
    return f'<div style="white-space: pre-wrap">{escape(_PARAGRAPH_END.join(filter(None, paragraphs)))}</div>'


def _plain(line: str) -> str:
    return " ".join(unescape(line).split())


def _attribute(tag: str, name: str) -> str:
    """An attribute of a tag that `_Writer` wrote, as it is written; empty where it has none."""
    found = re.search(rf' {name}="([^"]*)"', tag)
    return found[1] if found else ""


def text_of(body: CleanBody) -> str:
    """The text of a clean email as a fragment, as a reader without HTML gets it."""
    return body.html if body.text_only else _as_text(_SHEET.sub("", body.html, count=1), clean=True)


class _Writer(HTMLParser):
    """Writes settled markup again, so that the output holds only what is put into `parts` here."""

    def __init__(self, images: ImagePolicy, marks: Callable[[str], ClickMark | None]) -> None:
        super().__init__(convert_charrefs=True)
        self.images = images
        self.marks = marks
        self.parts: list[str] = []
        self.links: list[Link] = []
        self.placed: list[ClickMark] = []
        self.tracking_pixels = 0
        self._open: list[_Element] = []
        self._reading: list[_OpenLink] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(escape(data, quote=False))
        self._read(data, pictured=False)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        hidden = bool(self._open) and self._open[-1].hidden
        if tag == "img":
            self._image(given, hidden)
            return
        name = given.get(_KEPT_NAME) if tag == "span" else None
        name = name if name in _FORMATTING else tag
        if name == "a" and len(self._reading) == _MAX_NESTED_LINKS:
            name = tag
        style = clean_declarations(_with_body_colors(tag, given), self.images, tracking=hidden)
        hidden = hidden or is_hidden(style)
        written = _checked(given)
        if "background" in given:
            address = self.images.address(given["background"], tracking=hidden)
            if address is not None and tag in _TABLES:
                written["background"] = address
        if style:
            written["style"] = style
        target = link_target(given.get("href", "")) if name in ("a", "area") else None
        if target is not None:
            written["title"] = shown_address(target)
            mark = self.marks(target)
            if mark is not None:
                written["title"] += f" – {mark.words}"
                if name == "a":
                    self._place(mark, written)
        self._write(name, written)
        if tag == "area" and target is not None:
            self.links.append(Link(_one_line(given.get("alt", "")), target, pictured=True))
        if tag in _VOID:
            return
        link = None
        if name == "a" and target is not None:
            link = _OpenLink(target, len(self.links))
            self.links.append(Link("", target))
            self._reading.append(link)
        self._open.append(_Element(tag, name, hidden, link))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].tag != tag:
            return  # settled markup closes what is open, and nothing else
        element = self._open.pop()
        self.parts.append(f"</{element.name}>")
        if element.link is not None:
            self._reading.remove(element.link)
            read = element.link
            self.links[read.place] = Link(_one_line(read.words), read.url, read.pictured)

    def _place(self, mark: ClickMark, written: dict[str, str]) -> None:
        """Make the link with these attributes the place of the mark."""
        # An important style of the element itself would win over the mark's.
        style = written.get("style", "").replace("!important", "").replace(" ;", ";").strip()
        anchor = f"anchor-name: {anchor_name(len(self.placed))}"
        written["style"] = f"{style}; {anchor}" if style else anchor
        written["data-clicks"] = mark.badge
        written["data-heat"] = str(mark.level)
        self.placed.append(mark)

    def _image(self, given: dict[str, str], hidden: bool) -> None:
        style = clean_declarations(given.get("style", ""), self.images, tracking=hidden)
        source = given.get("src", "")
        if is_hidden(style) or any(_is_dot(given.get(side, "")) for side in ("width", "height")):
            # Whatever it is drawn for, it cannot be seen: to load it would only tell the sender.
            self.tracking_pixels += 1
            return
        if hidden and source:
            self.tracking_pixels += 1
        written = _checked(given)
        address = self.images.address(source, tracking=hidden)
        if address is not None:
            written["src"] = address
        written.setdefault("alt", "")
        if style:
            written["style"] = style
        self._read(f" {written['alt']} ", pictured=True)
        self._write("img", written)

    def _read(self, words: str, *, pictured: bool) -> None:
        """The words of the innermost link that is open; `pictured` for those that stand for an image."""
        if self._reading:
            self._reading[-1].read(words, pictured=pictured)

    def _write(self, name: str, attributes: dict[str, str]) -> None:
        # In one order always, so that cleaning twice changes nothing.
        written = "".join(f' {key}="{escape(value)}"' for key, value in sorted(attributes.items()))
        self.parts.append(f"<{name}{written}>")


@dataclass(eq=False)
class _OpenLink:
    """A link whose text is being read; `place` is its index among the links."""

    url: str
    place: int
    words: str = ""
    pictured: bool = True

    def read(self, words: str, *, pictured: bool) -> None:
        """Take in some more, as long as it tells something."""
        self.pictured = self.pictured and (pictured or not words.strip())
        self.words += words[: max(0, _MAX_WORDS - len(self.words))]


@dataclass(frozen=True)
class _Element:
    """An open element: its tag in the settled markup, its name in the output, whether it is hidden, its link."""

    tag: str
    name: str
    hidden: bool
    link: _OpenLink | None


def _checked(given: dict[str, str]) -> dict[str, str]:
    """The attributes that need no further judgement, and whose values are what they should be."""
    return {
        name: value
        for name, value in given.items()
        if name not in _JUDGED and (name == "nowrap" or _ATTRIBUTES[name].fullmatch(value.strip()))
    }


def _with_body_colors(tag: str, given: dict[str, str]) -> str:
    """The style of an element; a <div> that was the body gets its colours from the attributes only a body has."""
    style = given.get("style", "")
    if tag != "div":
        return style
    colors = (("background-color", given.pop("bgcolor", "")), ("color", given.pop("text", "")))
    extra = "".join(f"{name}: {value}; " for name, value in colors if _COLOR.fullmatch(value))
    background = given.pop("background", "")
    if background and not re.search(r"[\"'()\\]", background):
        extra += f'background-image: url("{background}"); '
    return extra + style


def _is_dot(size: str) -> bool:
    number = re.match(r"\s*([+-]?\d+(?:\.\d+)?)\s*(%?)", size)
    return number is not None and float(number[1]) <= (0 if number[2] else 1)


def _one_line(text: str) -> str:
    return " ".join(text.split())

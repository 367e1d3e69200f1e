"""Renders the e-mails of the catalogue as HTML, and knows how their links share the clicks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from demo.catalog import Email
from demo.logo import logo

TEMPLATES = Path(__file__).parent / "templates"
RIGHT_TO_LEFT = ("ar", "he")
UNSUBSCRIBE = "https://pages.example.com/UnsubscribePage.html?mkt_unsubscribe=1"

# How often the links of a place are clicked, relative to the button of the hero.
APPEAL = {
    "hero": 1.0,
    "button": 0.45,
    "item": 0.30,
    "picture": 0.12,
    "link": 0.14,
    "nav": 0.05,
    "logo": 0.04,
    "mail": 0.02,
    "footer": 0.01,
    "unsubscribe": 0.0,  # those clicks come with the unsubscriptions
}


@dataclass(frozen=True)
class Rendered:
    """An e-mail's HTML, and its links in order with their relative share of clicks."""

    html: str
    links: tuple[str, ...]
    appeal: tuple[float, ...]


class _Links:
    """Hands out the links of one e-mail to its template, and remembers them."""

    def __init__(self, email: Email) -> None:
        self.email = email
        self.found: dict[str, float] = {}

    def __call__(self, path: str, role: str, place: str) -> str:
        """The address of a page of the company with its utm parameters."""
        query = f"utm_source=marketo&utm_medium=email&utm_campaign={self.email.program.slug}&utm_content={place}"
        return self.raw(f"https://www.example.com{path}{'&' if '?' in path else '?'}{query}", role)

    def raw(self, url: str, role: str) -> str:
        """The address as it is. The first of a role is clicked most."""
        seen = sum(1 for link in self.found if link != url)
        self.found.setdefault(url, APPEAL[role] * 0.93**seen)
        return url


@cache
def _settings() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((TEMPLATES / "themes.yaml").read_text(encoding="utf-8"))
    return values


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_keep_together,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _keep_together(value: Any) -> Any:
    """Text whose numbers stay on one line with their unit."""
    return value.replace(" %", "\u00a0%").replace("€ ", "€\u00a0") if isinstance(value, str) else value


@cache
def _logo(background: str, bars: str) -> str:
    return logo(background, bars)


def render(email: Email) -> Rendered:
    """The e-mail in its theme and language. Raises jinja2.UndefinedError when a block lacks a value."""
    settings = _settings()
    theme: dict[str, Any] = {**settings["defaults"], **settings["themes"][email.theme]}
    right_to_left = email.language in RIGHT_TO_LEFT
    if right_to_left:
        theme |= {"heading": theme["rtl_font"], "font": theme["rtl_font"], "tracking": "normal"}
    links = _Links(email)
    html = (
        _environment()
        .get_template("layout.html")
        .render(
            email=email,
            t=theme,
            words=settings["words"][email.language],
            direction="rtl" if right_to_left else "ltr",
            start="right" if right_to_left else "left",
            end="left" if right_to_left else "right",
            url=links,
            logo=_logo(theme["logo_background"], theme["logo_bars"]),
            image_host=f"https://images.example.com/{email.program.slug}",
            unsubscribe=UNSUBSCRIBE,
        )
    )
    return Rendered(html, tuple(links.found), tuple(links.found.values()))

"""Where an email's links lead, and how that is written for a person: two different targets never look the same."""

from __future__ import annotations

import re

SCHEMES = frozenset({"http", "https", "mailto", "tel", "sms"})

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE | re.ASCII)
_CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f]+")
# Browsers take these out of an address, wherever they stand in it, and all controls and spaces off its ends.
_BREAKS = str.maketrans("", "", "\t\n\r")
_ENDS = "".join(map(chr, range(0x21)))
_UNSEEN = re.compile(r"[^\x21-\x7e]+")


def link_target(href: str) -> str | None:
    """The target of a link as a browser reads it; None for what leads nowhere outside, such as scripts and anchors."""
    # Not all browsers agree which controls they pass over before the scheme.
    target = _CONTROLS.sub("", href)
    scheme = _SCHEME.match(target)
    if not target or target.startswith("#") or (scheme and scheme[1].lower() not in SCHEMES):
        return None
    return href.translate(_BREAKS).strip(_ENDS).replace(" ", "%20")


def shown_address(url: str) -> str:
    """An address as it may be shown: of printable ASCII alone, the rest as its codes, as a browser sends it.

    What is invisible, turns letters around, or only looks like another letter is so told from it.
    """
    return _UNSEEN.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass")), url)


def without_utm(shown: str) -> tuple[str, int]:
    """The address without the parameters whose names begin with `utm_`, and how many these are.

    Nothing else of it changes: the rest is as it was shown, also where a parameter has no value or stands twice.
    """
    address, mark, fragment = shown.partition("#")
    path, asked, query = address.partition("?")
    parts = query.split("&")
    kept = [part for part in parts if not part.lower().startswith("utm_")]
    folded = len(parts) - len(kept)
    if not folded:
        return shown, 0
    return path + (asked + "&".join(kept) if kept else "") + mark + fragment, folded

"""The clicks as they are drawn on the email: a frame around each clicked link, and a badge with its figures.

The badges stand behind the email, as children of the document's body, and are laid over it at the places of their
links by CSS anchors. So nothing that an email does to what is around a link cuts, covers or fades a badge: an element
of the email is never in front of one, since its CSS knows neither position nor z-index. A browser that does not know
anchors yet draws the badge within the link, where it can be cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from superset_campaign_plugin.preview.click_marks import ClickMark

# What is important in a layer wins over whatever the email's own style sheet says, however it says it. Figures, so
# that no colour need be told from another; the frame's strength says the same once more.
# An element that fades is a layer of its own, with all that lies in it; what comes after it in the email could be
# drawn over a link there.
# A badge ends a little right of its link, where the page has room for that, and never begins left of or above the
# page, where nobody can scroll to. It aligns by its own direction, since an email may turn the page's around. A link
# that is not shown has no place: there the second value of anchor() puts the badge out of sight. Where two lie over
# each other, that of the more clicks is in front.
STYLE = """
@layer clicks {
html, body { display: block !important; visibility: visible !important; overflow: visible !important; }
:has(a[data-clicks]) { opacity: 1 !important; }
a[data-clicks] { position: relative !important; z-index: 8 !important; overflow: visible !important;
  visibility: visible !important; opacity: 1 !important; outline: calc(var(--heat) * 1px) solid #c2410c !important;
  outline-offset: 2px !important; }
[data-heat="1"] { --heat: 1; } [data-heat="2"] { --heat: 1.5; } [data-heat="3"] { --heat: 2; }
[data-heat="4"] { --heat: 3; } [data-heat="5"] { --heat: 4; }
a[data-clicks]::after, [data-badge] { all: initial !important; position: absolute !important; z-index: 9 !important;
  padding: 0 6px !important; border: 1px solid #fff !important; border-radius: 9px !important;
  background: #9a3412 !important; color: #fff !important; font: 700 11px/16px system-ui, sans-serif !important;
  white-space: nowrap !important; direction: ltr !important; unicode-bidi: isolate !important; }
a[data-clicks]::after { content: attr(data-clicks) !important; top: -11px !important; left: 0 !important; }
[data-badge] { display: none !important; }
@supports (top: anchor(top)) {
  a[data-clicks]::after { display: none !important; }
  [data-badge] { display: block !important; position-visibility: always !important; width: max-content !important;
    top: max(2px, anchor(top, 0px) - 13px) !important;
    right: max(min(0px, anchor(right, 0px)), anchor(right, 99999px) - 8px) !important;
    left: calc(2px + min(0px, anchor(left, -999999px) + 99999px)) !important; justify-self: safe self-end !important;
    z-index: calc(9 + 2 * var(--heat)) !important; }
}
}
"""


def anchor_name(place: int) -> str:
    """What CSS calls the link of the mark at this place. An email's own CSS can name nothing so."""
    return f"--clicks-{place}"


def badges(marks: Sequence[ClickMark]) -> str:
    """The badges of a body's marks, as elements to follow it. A link's title says the same to who does not see them."""
    return "".join(
        f'<span data-badge data-heat="{mark.level}" style="position-anchor: {anchor_name(place)} !important" '
        f'aria-hidden="true">{escape(mark.badge)}</span>'
        for place, mark in enumerate(marks)
    )

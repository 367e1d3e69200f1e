"""Where links lead, as it is shown: nothing of an address is invisible or looks like something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superset_campaign_plugin.preview.click_marks import link_key
from superset_campaign_plugin.preview.targets import link_target, shown_address, without_utm


@pytest.mark.parametrize(
    "href",
    ["javascript:alert(1)", " JaVa\tScript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "#top"],
)
def test_what_leads_nowhere_outside_is_no_target(href: str) -> None:
    assert link_target(href) is None


@pytest.mark.parametrize(
    ("href", "target"),
    [
        (" https://x.example/\n", "https://x.example/"),
        ("https://x.exa\r\n mple/\t1", "https://x.exa%20mple/1"),
        ("https://x.example/a b", "https://x.example/a%20b"),
        ("https://x.example/\x01", "https://x.example/"),
        ("https://x.example/\u200b", "https://x.example/\u200b"),
        ("https://m\u00fcller.example/", "https://m\u00fcller.example/"),
    ],
)
def test_a_target_is_what_a_browser_reads(href: str, target: str) -> None:
    assert link_target(href) == target


UNSEEN = {
    **{"zero width space": "\u200b", "joiner": "\u200d", "line separator": "\u2028", "byte order mark": "\ufeff"},
    **{"soft hyphen": "\u00ad", "no-break space": "\u00a0", "wide space": "\u3000", "filler": "\u3164"},
    **{"braille blank": "\u2800", "variation": "\ufe0f", "tag": "\U000e0061", "turned around": "\u202e"},
    **{"isolate": "\u2066", "accent": "\u0301", "grapheme joiner": "\u034f", "control": "\x85", "unpaired": "\ud800"},
    **{"private": "\ue000", "slash": "\u2215", "wide slash": "\uff0f", "cyrillic a": "\u0430", "kelvin": "\u212a"},
}


@pytest.mark.parametrize("name", UNSEEN)
def test_no_two_targets_look_the_same(name: str) -> None:
    shown = shown_address(f"https://bank.example/{UNSEEN[name]}a")
    assert shown.startswith("https://bank.example/%")
    assert shown.isascii()
    assert shown.isprintable()


@given(st.text(), st.text())
def test_what_is_shown_alike_is_one_address_to_a_browser(one: str, other: str) -> None:
    # Apart from what the writer has encoded already: a browser sends both the same.
    one, other = one.replace("%", ""), other.replace("%", "")
    assert (shown_address(one) == shown_address(other)) == (one == other)


def test_what_is_seen_stays_as_it_is() -> None:
    address = "https://x.example/%20?a=1&b={{my.token}}#c~!$'()*+,;:@[]|\\^`\"<>"
    assert shown_address(address) == address


def test_a_target_with_letters_of_other_alphabets_is_still_the_one_of_the_log() -> None:
    target = link_target("https://m\u00fcller.example/\u00fcber uns")
    assert target is not None
    assert link_key(target) == link_key("https://m\u00fcller.example/%C3%BCber%20uns")


@pytest.mark.parametrize(
    ("address", "short", "folded"),
    [
        ("https://x.example/a?utm_source=m&utm_medium=email", "https://x.example/a", 2),
        ("https://x.example/a?id=1&UTM_Source=m&b=2#utm_x=1", "https://x.example/a?id=1&b=2#utm_x=1", 1),
        ("https://x.example/utm_a?x=utm_source=1&&xutm_b=2", "https://x.example/utm_a?x=utm_source=1&&xutm_b=2", 0),
        ("https://x.example/a#b?utm_source=m", "https://x.example/a#b?utm_source=m", 0),
        ("https://x.example/?utm_source", "https://x.example/", 1),
        ("mailto:a@x.example?subject=utm_source", "mailto:a@x.example?subject=utm_source", 0),
    ],
)
def test_utm_parameters_are_folded_and_nothing_else(address: str, short: str, folded: int) -> None:
    assert without_utm(address) == (short, folded)

"""Numbers of exports: whatever form they are written in, the same number is read."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superset_campaign_plugin.reporting.export_numbers import is_blank, read_count, read_share

# A plain space, and those that French, Swiss and Swedish programs write.
THOUSANDS = ["", ",", ".", " ", "'", "’", "\u00a0", "\u2009", "\u202f"]


@given(st.integers(0, 10**12), st.sampled_from(THOUSANDS), st.sampled_from(["", " ", "\u00a0"]))
def test_a_count_is_read_as_it_was_written(number: int, thousands: str, around: str) -> None:
    assert read_count(around + f"{number:,}".replace(",", thousands) + around) == number


@given(st.integers(0, 10**6), st.integers(0, 4), st.sampled_from(".,"), st.sampled_from(["%", " %", "\u202f%", "％"]))
def test_a_share_is_read_as_it_was_written(number: int, digits: int, decimal: str, percent: str) -> None:
    written = Decimal(number).scaleb(-digits)
    share = read_share(f"{written:f}".replace(".", decimal) + percent)
    assert share.percent
    assert (share.number, share.number.as_tuple().exponent) == (written, -digits)


@given(st.integers(1000, 10**9), st.sampled_from([(",", "."), (".", ","), ("\u00a0", ","), ("'", ".")]))
def test_of_two_separators_the_last_is_the_decimal_sign(number: int, signs: tuple[str, str]) -> None:
    thousands, decimal = signs
    text = f"{number:,}".replace(",", thousands)
    assert read_share(f"{text}{decimal}25%").number == Decimal(f"{number}.25")
    assert read_count(f"{text}{decimal}0") == number


@pytest.mark.parametrize("text", ["1.5", "12,34", "-1", "1e3", "ten", "1,2345", "1.234.5", "½", "", "1" * 50])
def test_what_is_no_count(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whoever asks names the place
        read_count(text)


@pytest.mark.parametrize("text", ["-1%", "12.%", "a%", "%", "1.2.3%", "1" * 50 + "%"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_share(text)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    for read in (read_count, read_share):
        with contextlib.suppress(ValueError):
            read(text)


def test_a_dash_says_nothing() -> None:
    assert all(map(is_blank, ["", " ", "-", "--", "N/A"]))
    assert not is_blank("0")

"""The forms in which exports write numbers: `1,234`, `1.234`, `1 234` with any space, `12.3%`, `12,3 %`.

A count is a whole number, so a single separator in it stands between thousands. In a share it is the decimal sign;
where there are two kinds of separators, the last one is.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

# No figure of a report has more; longer texts are no numbers, and would take long to read as one.
_LONGEST = 40
_EMPTY = ("", "-", "--", "n/a", "na")
# Of the spaces only those that stand between thousands; NFKC has made the thin and fixed ones this one.
_SPACES = " "
_GROUPED = re.compile(r"\d{1,3}([.,' ’])\d{2,3}(?:\1\d{2,3})*")
_WHOLE = re.compile(r"\d+")


@dataclass(frozen=True)
class Share:
    """A share as it is written. `percent` says whether the number counts hundredths; None where it does not show."""

    number: Decimal
    percent: bool | None

    def in_percent(self, percent: bool) -> Decimal:
        """The share in hundredths, where a number without a percent sign is one in hundredths or not."""
        return self.number if (percent if self.percent is None else self.percent) else self.number.scaleb(2)


def is_blank(text: str) -> bool:
    """Whether a cell says nothing."""
    return _plain(text).casefold() in _EMPTY


def read_count(text: str) -> int:
    """A whole number in any of the forms. Raises `ValueError` for what is none."""
    plain = _plain(text)
    if len(plain) > _LONGEST:
        raise ValueError(text)
    if _WHOLE.fullmatch(plain):
        return int(plain)
    if _GROUPED.fullmatch(plain) and re.search(r"\d{3}$", plain):
        return int(re.sub(r"\D", "", plain))
    # A program may have written a fraction of nothing: 1,234.0 or 12,00.
    whole, separator, fraction = _split(plain)
    if separator and fraction and set(fraction) == {"0"} and len(fraction) < len("000"):
        return read_count(whole)
    raise ValueError(text)


def read_share(text: str) -> Share:
    """A share in any of the forms. Raises `ValueError` for what is none."""
    plain = _plain(text)
    if len(plain) > _LONGEST:
        raise ValueError(text)
    has_sign = plain.endswith("%") or plain.startswith("%")
    whole, separator, fraction = _split(plain.strip("% "))
    if not fraction.isascii() or (separator and not fraction.isdigit()):
        raise ValueError(text)
    number = Decimal(f"{read_count(whole)}.{fraction}") if separator else Decimal(read_count(whole))
    return Share(number, True if has_sign else None)


def _split(plain: str) -> tuple[str, str, str]:
    """What stands before the decimal sign, the sign, and what follows; the last separator is it."""
    place = max(plain.rfind("."), plain.rfind(","))
    return (plain, "", "") if place < 0 else (plain[:place], plain[place], plain[place + 1 :])


def _plain(text: str) -> str:
    """The text with narrow digits and signs, and every space a plain one."""
    return unicodedata.normalize("NFKC", text).replace("٪", "%").strip(_SPACES + "\t\r\n")

"""What Marketo's answers hold, as Python and the databases take it."""

from __future__ import annotations

import re
from datetime import datetime, timezone

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z?(?:([+-]\d\d):?(\d\d))?", re.ASCII)


def storable(text: str) -> str:
    """Without what a database does not store: null characters, and halves of a character."""
    return text.replace("\0", "\ufffd").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def parse_time(text: object) -> datetime | None:
    """Marketo's `2014-12-05T02:06:21Z+0000` as UTC without a zone; None for anything else."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    hours, minutes = found[2] or "+00", found[3] or "00"
    try:
        moment = datetime.fromisoformat(f"{found[1]}{hours}:{minutes}")
        return moment.astimezone(timezone.utc).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def spell_time(moment: datetime) -> str:
    """A time in UTC without a zone as Marketo reads it: ISO 8601, without fractions of a second."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"

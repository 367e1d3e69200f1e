"""What a record of Marketo's bulk activity extract says: its fields as an `Activity`, or why they are none.

The attributes are a JSON object keyed by display name, such as {"Link": "https://…", "Is Bot Activity": "true"}.
Header and attribute names are compared without case, spaces and underscores.
"""

from __future__ import annotations

import functools
import json
import operator
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from superset_campaign_plugin.errors import LoadError
from superset_campaign_plugin.flags import read_flag

STORED_TYPES = frozenset({6, 7, 8, 9, 10, 11, 27, 29, 32, 37})
MAX_ID = 2**63 - 1
MAX_ACTIVITY_ID = 255  # characters; Marketo's have at most 128

REQUIRED_COLUMNS = (
    "marketoGUID",
    "leadId",
    "activityDate",
    "activityTypeId",
    "campaignId",
    "primaryAttributeValueId",
    "primaryAttributeValue",
    "attributes",
)
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_SURELY_IN_RANGE = 19  # digits
_USUAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?\s?(?:(Z)|([+-])(\d\d):?([0-5]\d)?)?", re.ASCII | re.I
)


class Activity(NamedTuple):
    """A row of the table, all but when it was loaded. The time is UTC without a zone."""

    activity_id: str
    activity_type_id: int
    activity_date: datetime
    lead_id: int
    campaign_id: int | None
    email_id: int | None
    email_name: str | None
    action_result: str | None
    link: str | None
    is_bot_activity: str | None
    user_agent: str | None
    merge_ids: str | None


class Fault(Exception):
    """Why a record is no activity, in a few words."""


class Layout:
    """Where the fields of a file stand. Raises `LoadError` for a header that is none of an activity extract."""

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        names = [_plain(name) for name in header]
        missing = [name for name in REQUIRED_COLUMNS if _plain(name) not in names]
        if missing:
            known = len(REQUIRED_COLUMNS) - len(missing)
            hint = f"it lacks {', '.join(missing)}" if known else "expected marketoGUID,leadId,activityDate,…"
            raise LoadError(
                f"{path}, line 1: not the header of a bulk activity extract in CSV or TSV, UTF-8: {hint}; "
                f"found {_shown(', '.join(header))}"
            )
        used = (*REQUIRED_COLUMNS, "actionResult")
        twice = [name for name in used if names.count(_plain(name)) > 1]
        if twice:
            raise LoadError(f"{path}, line 1: column {twice[0]} stands there twice")
        self.width = len(names)
        self._pick = operator.itemgetter(*(names.index(_plain(name)) for name in REQUIRED_COLUMNS))
        self._result = names.index("actionresult") if "actionresult" in names else None
        self._last = next((name for name in used if names[-1] == _plain(name)), None)

    def activity(self, fields: Sequence[str]) -> Activity | None:
        """The activity of a record of `width` fields; None for one of a type that is not stored. Raises `Fault`."""
        guid, lead, date, kind, campaign, email, name, attributes = self._pick(fields)
        kind_id = _number("activityTypeId", kind)
        if kind_id is None:
            raise Fault("no activityTypeId")
        if kind_id not in STORED_TYPES:
            return None
        activity_id = _text(guid.strip())
        if activity_id is None:
            raise Fault("no marketoGUID")
        if len(activity_id) > MAX_ACTIVITY_ID:
            raise Fault(f"marketoGUID has more than {MAX_ACTIVITY_ID} characters")
        lead_id = _number("leadId", lead)
        if lead_id is None:
            raise Fault("no leadId")
        found = _attributes(attributes)
        result = None if self._result is None else _text(fields[self._result])
        if "\0" in activity_id or "\0" in name or (result and "\0" in result):
            raise Fault("a null character")
        return Activity(
            activity_id,
            kind_id,
            _time(date),
            lead_id,
            _number("campaignId", campaign),
            _number("primaryAttributeValueId", email),
            _text(name),
            result if result is not None else found.get("actionresult"),
            found.get("link"),
            _flag(found.get("isbotactivity")),
            found.get("useragent"),
            found.get("mergeids"),
        )

    def is_whole(self, text: str, fields: Sequence[str]) -> bool:
        """Whether a record that the file ends with, without a line's end, can be no part of a longer one."""
        if len(fields) < self.width:
            return False
        if self._last is None:
            return True
        try:
            if self._last == "attributes":
                _attributes(fields[-1])
                return bool(fields[-1].strip())  # without a word they may have been about to begin
            if self._last == "activityDate":
                _time(fields[-1])
                return fields[-1].endswith(("Z", "z"))  # another zone may lack its minutes
        except Fault:
            return False
        # Quotes end a number; in a text they may be the first of two that stand for one.
        return text.endswith('"') and self._last.endswith("Id")


@functools.lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    return re.sub(r"[\s_]", "", name).lower()


def _shown(text: str, length: int = 60) -> str:
    return repr(text if len(text) <= length else f"{text[:length]}…")


def _text(text: str) -> str | None:
    """A field; Marketo writes the word null where it has no value."""
    return None if text in ("", "null") else text


def _number(name: str, text: str) -> int | None:
    if text.isdigit() and text.isascii() and len(text) < _SURELY_IN_RANGE:
        return int(text)
    text = text.strip()
    if text in ("", "null"):
        return None
    if not _NUMBER.fullmatch(text):
        if re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
            raise Fault(f"{name} {_shown(text)} is out of range")
        raise Fault(f"{name} {_shown(text)} is no whole number")
    number = int(text)
    if not -MAX_ID <= number <= MAX_ID:
        raise Fault(f"{name} {_shown(text)} is out of range")
    return number


def _time(text: str) -> datetime:
    """An ISO 8601 time as UTC without a zone; what is finer than a microsecond is cut off."""
    try:
        if _USUAL_TIME.fullmatch(text):
            return datetime.fromisoformat(text[:-1])
        match = _TIME.fullmatch(text.strip())
        if match is None:
            raise Fault(f"activityDate {_shown(text)} is no ISO 8601 time")
        day, clock, fraction, utc, sign, hours, minutes = match.groups()
        if not utc and not sign:
            raise Fault(f"activityDate {_shown(text)} names no time zone")
        moment = datetime.fromisoformat(f"{day}T{clock}")
        if fraction:
            moment = moment.replace(microsecond=int(fraction[:6].ljust(6, "0")))
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
            moment = moment - offset if sign == "+" else moment + offset
    except (ValueError, OverflowError) as error:
        raise Fault(f"activityDate {_shown(text)} is no time of a calendar") from error
    return moment


def _attributes(text: str) -> dict[str, str | None]:
    """The attributes by plain name, as text; what is no text in the JSON is written as JSON."""
    if _text(text.strip()) is None:
        return {}
    try:
        attributes: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Fault("attributes are no valid JSON") from error
    if not isinstance(attributes, dict):
        raise Fault("attributes are no JSON object")
    found = {_plain(name): value if type(value) is str else _written(value) for name, value in attributes.items()}
    if "\\u" in text:
        # JSON can spell what a database does not take: half a character, and the null character.
        values = "".join(value for value in found.values() if value)
        if "\0" in values:
            raise Fault("a null character")
        try:
            values.encode("utf-8")
        except UnicodeEncodeError as error:
            raise Fault("attributes hold half a character") from error
    return found


def _written(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _flag(text: str | None) -> str | None:
    said = read_flag(text)
    return None if said is None else str(said).lower()

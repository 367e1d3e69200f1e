"""What a record of Marketo's bulk activity extract says: its fields as an `Activity`, or why they are none.

The attributes are a JSON object keyed by display name, such as {"Link": "https://…", "Is Bot Activity": "true"}.
Header and attribute names are compared without case, spaces and underscores.
"""

from __future__ import annotations

import functools
import hashlib
import json
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from superset_campaign_plugin.errors import LoadError
from superset_campaign_plugin.flags import read_flag
from superset_campaign_plugin.report.activity_kinds import ATTRIBUTES, DELETE_TYPES, KINDS, MERGE_TYPES

STORED_TYPES = frozenset({*(kind.number for kind in KINDS.values()), *MERGE_TYPES, *DELETE_TYPES})
MAX_ID = 2**63 - 1
MAX_ACTIVITY_ID = 255  # characters; Marketo's have at most 128

# Those that Marketo writes when `fields` is left out.
COLUMNS = (
    "marketoGUID",
    "leadId",
    "activityDate",
    "activityTypeId",
    "campaignId",
    "primaryAttributeValueId",
    "primaryAttributeValue",
    "attributes",
)
ALL_COLUMNS = (*COLUMNS, "actionResult")
# Without these the report knows nothing of a row.
REQUIRED_COLUMNS = ("leadId", "activityDate", "activityTypeId")
# By plain name.
STORED_ATTRIBUTES = tuple(name.replace("_", "") for name in ATTRIBUTES)
# By which a header is tried: Marketo's three formats, of which SSV is written with either of the last two.
DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";", "space": " "}
# The id of a row without one is made of what stands in it.
CONTENT_ID = "content-"
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_SURELY_IN_RANGE = 19  # digits
_USUAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?\s?(?:(Z)|([+-])(\d\d):?([0-5]\d)?)?", re.ASCII | re.I
)
# Not strict: line ends and tabs may stand in a text as they are.
_JSON = json.JSONDecoder(strict=False)
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")


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


@dataclass(frozen=True)
class Form:
    """What a file does not say of itself.

    `delimiter` is one character, or None to go by the header. `headings` has the headings of columns that are headed
    otherwise than Marketo does, by Marketo's name. `activity_type` is the type of all rows of a file without a column
    of types.
    """

    delimiter: str | None = None
    headings: Mapping[str, str] = field(default_factory=dict)
    activity_type: int | None = None


class FileLayout:
    """Where the fields of a file stand. Raises `LoadError` for a header that is none of an activity extract.

    `absent` are the columns that the file does not have.
    """

    def __init__(self, path: Path, header: Sequence[str], form: Form = Form()) -> None:
        names = [_plain(name) for name in header]
        wanted = {name: _plain(form.headings.get(name, name)) for name in ALL_COLUMNS}
        found = f"found {_shown(', '.join(header), 200)}"
        for name in form.headings:
            if wanted[name] not in names:
                raise LoadError(f"{path}, line 1: no heading {_shown(form.headings[name])} for {name}; {found}")
        given = {"activityTypeId"} if form.activity_type is not None else set()
        missing = [name for name in REQUIRED_COLUMNS if wanted[name] not in names and name not in given]
        if missing:
            advice = "--heading FIELD=HEADING names one that has another heading"
            if "activityTypeId" in missing:
                advice += ", --activity-type the type of all rows"
            raise LoadError(
                f"{path}, line 1: not the header of a bulk activity extract: it lacks {', '.join(missing)}; {found}; "
                f"{advice}"
            )
        twice = [name for name in ALL_COLUMNS if names.count(wanted[name]) > 1]
        if twice:
            raise LoadError(f"{path}, line 1: column {twice[0]} stands there twice")
        self.width = len(names)
        self.activity_type = form.activity_type
        self.places = {name: names.index(wanted[name]) for name in ALL_COLUMNS if wanted[name] in names}
        self.absent = [name for name in COLUMNS if name not in self.places and name not in given]
        self._last = next((name for name, place in self.places.items() if place == self.width - 1), None)
        # What is absent is taken from behind the fields: nothing, and the type of all rows.
        self._behind = ("", "" if form.activity_type is None else str(form.activity_type))
        instead = {"activityTypeId": self.width + 1}
        self._pick = operator.itemgetter(
            *(self.places.get(name, instead.get(name, self.width)) for name in ALL_COLUMNS)
        )

    def read(self, fields: Sequence[str], *, undecoded: bool = False) -> tuple[Activity | None, bool]:
        """The activity of a record of `width` fields, and whether its attributes are mended.

        None for a record of a type that is not stored. Raises `Fault`, also for an id that is `undecoded`.
        """
        picked = self._pick((*fields, *self._behind))
        guid, lead, date, kind, campaign, email, name, attributes, action_result = picked
        kind_id = _number("activityTypeId", kind)
        if kind_id is None:
            raise Fault("no activityTypeId")
        if kind_id not in STORED_TYPES:
            return None, False
        activity_id = _text(guid.strip()) if "marketoGUID" in self.places else content_id(picked)
        if activity_id is None:
            raise Fault("no marketoGUID")
        if len(activity_id) > MAX_ACTIVITY_ID:
            raise Fault(f"marketoGUID has more than {MAX_ACTIVITY_ID} characters")
        if undecoded and "\ufffd" in activity_id:
            raise Fault("marketoGUID is not UTF-8 text")
        lead_id = _number("leadId", lead)
        if lead_id is None:
            raise Fault("no leadId")
        found, mended = read_attributes(attributes)
        result = _text(action_result)
        activity = Activity(
            activity_id,
            kind_id,
            _time(date),
            lead_id,
            _number("campaignId", campaign),
            _number("primaryAttributeValueId", email),
            _text(name),
            result if result is not None else found.get("actionresult"),
            found.get("link"),
            stored_flag(found.get("isbotactivity")),
            found.get("useragent"),
            found.get("mergeids"),
        )
        return activity, mended

    def is_whole(self, text: str, fields: Sequence[str]) -> bool:
        """Whether a record that the file ends with, without a line's end, can be no part of a longer one."""
        if len(fields) < self.width:
            return False
        if self._last is None:
            return True
        try:
            if self._last == "attributes":
                read_attributes(fields[-1])
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
        raise Fault(f"{name} {_shown(text)} is not a whole number")
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
            raise Fault(f"activityDate {_shown(text)} is not an ISO 8601 time")
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
        raise Fault(f"activityDate {_shown(text)} is not a valid time") from error
    return moment


def content_id(picked: Sequence[str]) -> str:
    """The id of a row without one: the same for the same content of the columns of `ALL_COLUMNS`."""
    return CONTENT_ID + hashlib.sha256("\x1f".join(picked).encode("utf-8")).hexdigest()


def read_attributes(text: str) -> tuple[dict[str, str | None], bool]:
    """The attributes that are stored, by plain name, and whether they are mended; what is no text is written as JSON.

    JSON can spell what a database does not take. The null character is left out, and half a character becomes U+FFFD.
    Raises `Fault`.
    """
    text = text.strip()
    if _text(text) is None:
        return {}, False
    try:
        attributes, end = _JSON.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise Fault("attributes are not valid JSON") from error
    if end < len(text):
        raise Fault("attributes are not valid JSON")
    if not isinstance(attributes, dict):
        raise Fault("attributes are no JSON object")
    found = {
        plain: value if type(value) is str else _written(value)
        for name, value in attributes.items()
        if (plain := _plain(name)) in STORED_ATTRIBUTES
    }
    mended = False
    if "\\u" in text:
        for name, value in found.items():
            if value and (clean := _clean(value)) != value:
                found[name], mended = clean, True
    return found, mended


def _clean(text: str) -> str:
    return _HALF_A_CHARACTER.sub("\ufffd", text.replace("\0", ""))


def _written(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


@functools.lru_cache(maxsize=1024)
def stored_flag(text: str | None) -> str | None:
    """A word for yes or no as `true` or `false`; None for another one."""
    said = read_flag(text)
    return None if said is None else str(said).lower()

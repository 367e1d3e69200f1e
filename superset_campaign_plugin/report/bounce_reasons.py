"""Why a bounce happened, as a number that stands for words of this module.

Nothing of a bounce's own text goes further than this module's SQL: receiving servers repeat addresses in it. A bounce
becomes a category and a reason, both whole numbers:

    category   Marketo's: 1, 2, 3, 4 or 9; `NOT_STATED` where the log tells none of these
    reason     of an enhanced status code, as 5.1.1: class * 100,000 + subject * 1,000 + detail, with `ANY_DETAIL` for a
               detail that is not in `_DETAILS`; else the place of a phrase of `_PHRASES`, from 1; else the class of the
               reply code alone, 400,000 or 500,000; else `OTHER_WORDS`; `NOT_STATED` where the log has no text

Sources: Marketo's support article on bounce categories; RFC 3463 and IANA's registry of SMTP enhanced status codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, case, func, literal, or_, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, FromClause

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.steps import step

NOT_STATED = 0
OTHER_WORDS = 999
ANY_DETAIL = 999

CATEGORIES = {
    1: "Blocked as spam",
    2: "Invalid address",
    3: "Mailbox full or out of reach for now",
    4: "Technical problem",
    9: "Not known to Marketo",
    NOT_STATED: "Not stated in the log",
}

_DIGITS = tuple("0123456789")
_CLASSES = {"4": 400_000, "5": 500_000}
_SUBJECTS = {
    0: "Other problem",
    1: "Problem with the address",
    2: "Problem with the mailbox",
    3: "Problem of the mail server",
    4: "Problem of the network",
    5: "Servers did not understand each other",
    6: "Form of the message not supported",
    7: "Refused by a policy",
}
_DETAILS = {
    (1, 1): "No such mailbox",
    (1, 2): "No such domain",
    (1, 3): "Address not valid",
    (1, 6): "Mailbox has moved",
    (1, 8): "Sender's domain not accepted",
    (1, 10): "Domain takes no email",
    (2, 1): "Mailbox switched off",
    (2, 2): "Mailbox full",
    (2, 3): "Message too large for the mailbox",
    (3, 1): "Mail server full",
    (3, 2): "Mail server takes no messages now",
    (3, 4): "Message too large",
    (4, 1): "Mail server does not answer",
    (4, 2): "Connection broke off",
    (4, 4): "No way to the mail server",
    (4, 6): "Message went in a circle",
    (4, 7): "Not delivered in time",
    (7, 1): "Message refused by a policy",
    (7, 20): "No valid DKIM signature",
    (7, 23): "SPF check failed",
    (7, 25): "Sender's server has no name",
    (7, 26): "Sender not proven by SPF or DKIM",
    (7, 28): "Too many messages at once",
}
# What servers mostly mean by these, beside the registry's words.
_OF_CLASS = {
    ("4", 7, 1): "Asked to try again later",
    ("5", 4, 1): "Recipient refused, or no answer",
}
# (words, what the text holds in lower case), for texts without an enhanced status code; the first that holds.
_PHRASES = (
    ("Blocked as spam", ("spam",)),
    ("Blocked by the receiver", ("blocked", "blacklist", "blocklist", "block list")),
    (
        "No such mailbox",
        (
            *("user unknown", "unknown user", "no such user", "does not exist", "recipient is invalid"),
            *("invalid recipient", "unknown recipient", "recipient rejected", "recipient address rejected"),
        ),
    ),
    ("Mailbox full", ("quota", "mailbox full", "mailbox is full")),
    ("Asked to try again later", ("greylist", "graylist", "try again later")),
    ("Relaying refused", ("relay",)),
    ("No connection to the mail server", ("no valid hosts", "host not found", "connect", "timed out", "timeout")),
    ("Message too large", ("too large",)),
)
_REPLIES = {400_000: "4xx Refused for now, without a code", 500_000: "5xx Refused for good, without a code"}


def reason_words() -> dict[int, str]:
    """The words of each reason, by its number. A code stands before its words, as in 5.1.1 No such mailbox."""
    found = {NOT_STATED: "Not stated in the log", OTHER_WORDS: "Another reason"}
    found |= {place: words for place, (words, _) in enumerate(_PHRASES, 1)} | _REPLIES
    for digit, base in _CLASSES.items():
        for subject, words in _SUBJECTS.items():
            found[base + subject * 1000 + ANY_DETAIL] = f"{digit}.{subject}.x {words}"
        for (subject, detail), words in _DETAILS.items():
            own = _OF_CLASS.get((digit, subject, detail), words)
            found[base + subject * 1000 + detail] = f"{digit}.{subject}.{detail} {own}"
    return found


def in_words(number: ColumnElement[Any], words: Mapping[int, str], otherwise: str) -> ColumnElement[Any]:
    """The words of a number, or `otherwise` where there are none."""
    return case(*((number == literal(value), literal(text)) for value, text in words.items()), else_=literal(otherwise))


def with_reasons(bounces: FromClause, engine: Engine) -> CTE:
    """`bounces` with `category` and `reason` as numbers in the place of the texts `category` and `details`."""
    own = [column.name for column in bounces.c if column.name not in ("category", "details")]
    kept = (*own, "category")
    text = func.replace(func.lower(bounces.c.details), literal("smtp;"), literal(""))
    for mark, instead in (("#", ""), ("-", " "), (":", " "), (",", " ")):
        text = func.replace(text, literal(mark), literal(instead))
    texts = step(
        "bounce_texts",
        "What the receiving servers answered, in one form. It goes no further than the next two steps",
        select(*(bounces.c[name] for name in kept), func.trim(text).concat(literal(" ")).label("answer")),
    )
    answer = texts.c.answer
    replied = and_(
        func.substr(answer, 1, 1).in_(tuple(_CLASSES)),
        *(func.substr(answer, place, 1).in_(_DIGITS) for place in (2, 3)),
        func.substr(answer, 4, 1) == literal(" "),
    )
    code = func.trim(case((replied, func.substr(answer, 5)), else_=answer)).concat(literal(" "))
    codes = step(
        "bounce_codes",
        "An enhanced status code stands first, or behind the reply code",
        select(
            *(texts.c[name] for name in kept),
            answer,
            code.label("code"),
            case(*((func.substr(answer, 1, 1) == literal(digit), base) for digit, base in _CLASSES.items())).label(
                "reply"
            ),
            case((replied, 1), else_=0).label("replied"),
        ),
    )
    category = case(
        *((func.trim(codes.c.category) == literal(str(number)), literal(number)) for number in CATEGORIES if number),
        else_=literal(NOT_STATED),
    )
    return step(
        "bounce_reasons",
        "The category, and the reason as a number: of the enhanced status code, else of a phrase, else of the reply",
        select(*(codes.c[name] for name in own), category.label("category"), _reason(codes, engine).label("reason")),
    )


def _reason(codes: CTE, engine: Engine) -> ColumnElement[Any]:
    code = codes.c.code
    base = case(*((func.substr(code, 1, 2) == literal(f"{digit}."), literal(base)) for digit, base in _CLASSES.items()))
    known = [
        (
            func.substr(code, 3, len(f"{subject}.{detail} ")) == literal(f"{subject}.{detail} "),
            literal(1000 * subject + detail),
        )
        for subject, detail in _DETAILS
    ]
    any_detail = [
        (
            and_(func.substr(code, 3, 2) == literal(f"{subject}."), func.substr(code, 5, 1).in_(_DIGITS)),
            literal(1000 * subject + ANY_DETAIL),
        )
        for subject in _SUBJECTS
    ]
    phrases = [
        (or_(*(engine.contains(codes.c.answer, part) for part in parts)), literal(place))
        for place, (_, parts) in enumerate(_PHRASES, 1)
    ]
    return case(
        (codes.c.answer.is_(None), literal(NOT_STATED)),
        else_=func.coalesce(
            base + case(*known, *any_detail),
            case(*phrases),
            case((codes.c.replied == literal(1), codes.c.reply)),
            literal(OTHER_WORDS),
        ),
    )

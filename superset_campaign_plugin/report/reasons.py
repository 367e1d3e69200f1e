"""Why an email record has its status: one sentence in plain words, and the name of the rule that decided.

docs/numbers.md has the rules. The sentence names what did not count as well, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from superset_campaign_plugin.report.activity_kinds import Happening, Status
from superset_campaign_plugin.report.records import HUMAN_OPENS, PENDING_DAYS


@dataclass(frozen=True)
class Reason:
    """Why a record has its status: `words` for a person, and the name of the `rule` that decided."""

    words: str
    rule: str


# The sentences, which `reason_words.py` has in SQL, too. Of {on} and {of} the SQL leaves out the day.
CLICKED = "clicked a link{on}, so opened and delivered"
UNSUBSCRIBED = "unsubscribed{on}, so opened and delivered"
OPENED = "opened{on}, so delivered"
HARD_BOUNCED = "bounced hard{on}"
SOFT_BOUNCED = "bounced soft{on}"
DELIVERED = "delivered{on}, and not opened"
NOTHING = "the log has no delivery, bounce, open, click or unsubscribe"
ABORTED = f"sent{{on}}, and after {PENDING_DAYS} days {NOTHING}"
PENDING = f"sent{{on}}, and {NOTHING} yet; without one it is Aborted {{from_then}}"
PASSED_OVER = "; the {noun}{of} does not count: {why}"
NOUNS = {"delivered": "delivery", "hard_bounced": "hard bounce", "soft_bounced": "soft bounce"}
OPEN_FIRST = "an open beats a bounce"
HARD_FIRST = "a hard bounce goes before a soft one"
BOUNCE_FIRST = "a bounce goes before a delivery"
SOFT_FIRST = "a soft bounce goes before a delivery"
BY_BOT = "; Marketo marks it as a bot's, so no Human Opened"
BY_PROXY = "; Apple's privacy proxy loaded the images, read or not, so no Human Opened"

OF_OPEN = "status.open-beats-bounce"
OF_HARD_BOUNCE = "status.hard-bounce-beats-soft"
OF_SOFT_BOUNCE = "status.soft-bounce-beats-delivery"
OF_DELIVERY = "status.delivered"
OF_NOTHING = "status.aborted-after-three-days"


def reason(
    status: Status, sent_at: datetime | None, first: Mapping[str, datetime | None], happened: Happening
) -> Reason:
    """The reason of a record with this status.

    `first` has the first time (UTC) of each event of `recipients.EVENTS`, None or no entry where there was none, and
    `happened` the bits of all that happened.
    """
    if status is Status.DELIVERED and _was_opened(first):
        return _opened(first, happened)
    if status is Status.HARD_BOUNCED:
        words = HARD_BOUNCED.format(on=_on(first["hard_bounced"])) + _passed_over(first, "soft_bounced", HARD_FIRST)
        return Reason(words + _passed_over(first, "delivered", BOUNCE_FIRST), OF_HARD_BOUNCE)
    if status is Status.SOFT_BOUNCED:
        words = SOFT_BOUNCED.format(on=_on(first["soft_bounced"])) + _passed_over(first, "delivered", SOFT_FIRST)
        return Reason(words, OF_SOFT_BOUNCE)
    if status is Status.DELIVERED:
        return Reason(DELIVERED.format(on=_on(first["delivered"])), OF_DELIVERY)
    return _without_outcome(status, sent_at)


def day(moment: datetime | None) -> str:
    """A day as people write it, such as 3 March 2024; the moment is UTC."""
    return "an unknown day" if moment is None else f"{moment.day} {moment:%B %Y}"


def _on(moment: datetime | None) -> str:
    return f" on {day(moment)}"


def _was_opened(first: Mapping[str, datetime | None]) -> bool:
    return any(first.get(event) is not None for event in ("opened", "clicked", "unsubscribed"))


def _opened(first: Mapping[str, datetime | None], happened: Happening) -> Reason:
    events = {"clicked": CLICKED, "unsubscribed": UNSUBSCRIBED, "opened": OPENED}
    event = next(event for event in events if first.get(event) is not None)
    words = events[event].format(on=_on(first[event]))
    words += _passed_over(first, "hard_bounced", OPEN_FIRST)
    words += _passed_over(first, "soft_bounced", OPEN_FIRST)
    return Reason(words + _machine(happened), OF_OPEN)


def _machine(happened: Happening) -> str:
    """Whose open it was, where no person's is known. Of a bot's open and a proxy's, the proxy's is named."""
    if happened & HUMAN_OPENS:
        return ""
    by_proxy = happened & Happening.OPENED_BY_PRIVACY_PROXY and not happened & Happening.CLICKED_BY_BOT
    return BY_PROXY if by_proxy else BY_BOT


def _passed_over(first: Mapping[str, datetime | None], event: str, why: str) -> str:
    moment = first.get(event)
    return "" if moment is None else PASSED_OVER.format(noun=NOUNS[event], of=f" of {day(moment)}", why=why)


def _without_outcome(status: Status, sent_at: datetime | None) -> Reason:
    if status is Status.ABORTED:
        return Reason(ABORTED.format(on=_on(sent_at)), OF_NOTHING)
    until = None if sent_at is None else sent_at + timedelta(days=PENDING_DAYS)
    return Reason(PENDING.format(on=_on(sent_at), from_then=f"from {day(until)}"), OF_NOTHING)

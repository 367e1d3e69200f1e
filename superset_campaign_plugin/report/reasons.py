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
        words = f"bounced hard on {day(first['hard_bounced'])}"
        words += _passed_over(first, "soft_bounced", "a hard bounce goes before a soft one")
        return Reason(words + _passed_over(first, "delivered", "a bounce goes before a delivery"), "status.hard-bounce")
    if status is Status.SOFT_BOUNCED:
        words = f"bounced soft on {day(first['soft_bounced'])}"
        words += _passed_over(first, "delivered", "a soft bounce goes before a delivery")
        return Reason(words, "status.soft-bounce-beats-delivery")
    if status is Status.DELIVERED:
        return Reason(f"delivered on {day(first['delivered'])}, and not opened", "status.delivered")
    return _without_outcome(status, sent_at)


def day(moment: datetime | None) -> str:
    """A day as people write it, such as 3 March 2024; the moment is UTC."""
    return "an unknown day" if moment is None else f"{moment.day} {moment:%B %Y}"


def _was_opened(first: Mapping[str, datetime | None]) -> bool:
    return any(first.get(event) is not None for event in ("opened", "clicked", "unsubscribed"))


def _opened(first: Mapping[str, datetime | None], happened: Happening) -> Reason:
    if first.get("clicked") is not None:
        words = f"clicked a link on {day(first['clicked'])}, so opened and delivered"
    elif first.get("unsubscribed") is not None:
        words = f"unsubscribed on {day(first['unsubscribed'])}, so opened and delivered"
    else:
        words = f"opened on {day(first['opened'])}, so delivered"
    words += _passed_over(first, "hard_bounced", "an open beats a bounce")
    words += _passed_over(first, "soft_bounced", "an open beats a bounce")
    return Reason(words + _machine(happened), "status.open-beats-bounce")


def _machine(happened: Happening) -> str:
    """Whose open it was, where no person's is known."""
    if happened & HUMAN_OPENS:
        return ""
    if happened & (Happening.OPENED_BY_BOT | Happening.CLICKED_BY_BOT):
        return "; Marketo marks it as a bot's, so no Human Opened"
    return "; Apple's privacy proxy loaded the images, read or not, so no Human Opened"


_NOUNS = {"delivered": "delivery", "hard_bounced": "hard bounce", "soft_bounced": "soft bounce"}


def _passed_over(first: Mapping[str, datetime | None], event: str, why: str) -> str:
    moment = first.get(event)
    return "" if moment is None else f"; the {_NOUNS[event]} of {day(moment)} does not count: {why}"


def _without_outcome(status: Status, sent_at: datetime | None) -> Reason:
    rule = "status.aborted-after-three-days"
    nothing = "the log has no delivery, bounce, open, click or unsubscribe"
    if status is Status.ABORTED:
        return Reason(f"sent on {day(sent_at)}, and after {PENDING_DAYS} days {nothing}", rule)
    until = None if sent_at is None else sent_at + timedelta(days=PENDING_DAYS)
    words = f"sent on {day(sent_at)}, and {nothing} yet; without one it is Aborted from {day(until)}"
    return Reason(words, rule)

"""What counts, wherever Marketo's report or a company leaves a choice. The defaults count as Marketo does."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from superset_campaign_plugin.errors import UsageError


@dataclass(frozen=True)
class LinkRules:
    """Which clicks are no clicks on a link of the email: texts that a link starts with or contains (lower case)."""

    uncounted_prefixes: tuple[str, ...] = ("mailto:",)
    uncounted_parts: tuple[str, ...] = ("mkt_unsubscribe=1",)


@dataclass(frozen=True)
class AgentRules:
    """User agents (lower case) of machines that load an email's images.

    privacy_proxies   the whole user agent. Apple's Mail Privacy Protection loads the images of every email that
                      arrives, read or not, and says no more of itself than `Mozilla/5.0`
    image_proxies     a part of it. Gmail and Yahoo load images through a proxy, mostly when the reader opens
    """

    privacy_proxies: tuple[str, ...] = ("mozilla/5.0",)
    image_proxies: tuple[str, ...] = ("googleimageproxy", "yahoomailproxy")


@dataclass(frozen=True)
class DomainRules:
    """Whose domain is shown: those of at least `least_people` people. The others are told as one, as few people with an
    address in a domain of their own could be known by it."""

    least_people: int = 5


@dataclass(frozen=True)
class BounceLight:
    """From which share of bounces, in a thousand of those who were sent something, a domain is to be watched, and from
    which it refuses emails; below `least_sent` people nothing is said."""

    watch: int = 30
    refuse: int = 100
    least_sent: int = 20


class People(str, Enum):
    """Whom an activity of a person counts for who was merged into another, or deleted.

    AS_SENT   the person id that it was logged for. Source: Marketo's report is not changed by merges
    MERGED    the id that survived the merges, so that the person counts once
    HIDDEN    nobody: people who were merged into another, and people whose deletion is in the log, are left out.
              Source: the option "Hide Deleted/Merged People" of Marketo's report, which has to be turned on
    """

    AS_SENT = "as_sent"
    MERGED = "merged"
    HIDDEN = "hidden"

    def __repr__(self) -> str:
        # Stored tables keep their rules as this text, which is read as a literal.
        return repr(self.value)


@dataclass(frozen=True)
class Rules:
    """The choices of a report.

    people                   whom the activities of merged and deleted people count for
    leave_out_deleted        people whose deletion is in the log are left out, which HIDDEN implies
    leave_out_bots           opens and clicks that the log marks as bot activity are left out
    leave_out_operational    operational emails (receipts, confirmations) are left out
    leave_out_archived       campaigns and emails that are marked as archived or deleted are left out
    leave_out_domains        the domains of people's addresses are not read
    leave_out_addresses      people with one of these addresses, in lower case, are left out; `*` stands for any text
    time_zone                the IANA time zone of `sent_date`
    """

    people: People = People.AS_SENT
    leave_out_deleted: bool = False
    leave_out_bots: bool = False
    leave_out_operational: bool = False
    leave_out_archived: bool = False
    leave_out_domains: bool = False
    leave_out_addresses: tuple[str, ...] = ()
    time_zone: str = "UTC"
    links: LinkRules = field(default_factory=LinkRules)
    agents: AgentRules = field(default_factory=AgentRules)
    domains: DomainRules = field(default_factory=DomainRules)
    # No part of what stored tables are made of: the datasets say it beside them.
    light: BounceLight = field(default_factory=BounceLight, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "people", People(self.people))
        # One form for one meaning: stored tables are compared by it.
        object.__setattr__(self, "leave_out_deleted", self.leave_out_deleted or self.people is People.HIDDEN)


def check_address_pattern(pattern: str) -> None:
    """Raise `UsageError` for what `leave_out_addresses` does not take.

    An engine compares the beginning, the end or a part of an address alike; a pattern with a star at each end and one
    between them would be a language of its own on each.
    """
    parts = pattern.split("*")
    if not pattern.strip("*") or pattern != "".join(pattern.split()):
        raise UsageError(f"{pattern!r} is no address; write one, or a part of it as *@example.com")
    if len(parts) > 3 or (len(parts) == 3 and (parts[0] or parts[2])):
        raise UsageError(f"{pattern!r} has too many *; one may stand anywhere, or one at each end, as *@test.*")


def check_time_zone(name: str) -> None:
    """Raise `UsageError` for a zone that is not in the IANA database."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"{name!r} is not a valid time zone; write it as Europe/Berlin") from error

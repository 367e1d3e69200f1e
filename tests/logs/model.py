"""Activities, merges, deletions and assets: what a log is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

KINDS = ("send", "deliver", "bounce", "soft_bounce", "open", "click", "unsubscribe")


class Activity(NamedTuple):
    """One row of Marketo's activity log. Times are UTC without a zone."""

    kind: str
    id: int
    time: datetime
    campaign: int | None
    email: int | None
    person: int | None
    action_result: str | None = None  # of a send
    link: str | None = None  # of a click
    bot: bool | None = None  # of an open or a click: whether Marketo marked it as bot activity
    agent: str | None = None  # of an open or a click: the user agent
    named: str | None = None  # what the log calls the email
    category: str | None = None  # of a bounce: Marketo's number of it
    details: str | None = None  # of a bounce: what the receiving server answered
    address: str | None = None  # of a bounce: where the email went
    variant: int | str | None = None  # of a send: the variant of an email test, as the log has it


class Merge(NamedTuple):
    """People who went into another, by Marketo's Merge Leads activity."""

    survivor: int
    merged: tuple[int, ...]
    time: datetime


class Campaign(NamedTuple):
    id: int
    name: str | None
    program: int | None
    workspace: str | None
    updated_at: datetime


class Program(NamedTuple):
    id: int
    name: str | None
    workspace: str | None
    updated_at: datetime


class Address(NamedTuple):
    """A row of the loader's table of people."""

    person: int
    address: str | None
    updated_at: datetime


class Email(NamedTuple):
    id: int
    name: str | None
    workspace: str | None
    updated_at: datetime


def utc(text: str) -> datetime:
    """`2024-03-01`, `2024-03-01 10:00` or `2024-03-01 10:00:59.5` as a time without a zone."""
    whole, _, fraction = text.partition(".")
    return datetime.fromisoformat(whole) + timedelta(seconds=float(f"0.{fraction or 0}"))


@dataclass
class Log:
    """Activities in the order the loader wrote them, and the assets they name, one entry a version."""

    activities: list[Activity] = field(default_factory=list)
    campaigns: list[Campaign] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    emails: list[Email] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    deletions: list[int] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)

    def add(self, kind: str, campaign: int | None, email: int | None, person: int | None, at: str, **more: Any) -> Log:
        """An activity of one of `KINDS`, with the next id."""
        number = 1 + max((activity.id for activity in self.activities), default=0)
        self.activities.append(Activity(kind, number, utc(at), campaign, email, person, **more))
        return self

    def send(
        self,
        campaign: int | None,
        email: int | None,
        person: int | None,
        at: str,
        result: str | None = None,
        *,
        named: str | None = None,
        variant: int | str | None = None,
    ) -> Log:
        return self.add("send", campaign, email, person, at, action_result=result, named=named, variant=variant)

    def deliver(self, campaign: int | None, email: int | None, person: int | None, at: str) -> Log:
        return self.add("deliver", campaign, email, person, at)

    def bounce(self, campaign: int | None, email: int | None, person: int | None, at: str, **told: str) -> Log:
        return self.add("bounce", campaign, email, person, at, **told)

    def soft_bounce(self, campaign: int | None, email: int | None, person: int | None, at: str, **told: str) -> Log:
        return self.add("soft_bounce", campaign, email, person, at, **told)

    def open(
        self,
        campaign: int | None,
        email: int | None,
        person: int | None,
        at: str,
        *,
        bot: bool | None = None,
        agent: str | None = None,
    ) -> Log:
        return self.add("open", campaign, email, person, at, bot=bot, agent=agent)

    def click(
        self,
        campaign: int | None,
        email: int | None,
        person: int | None,
        at: str,
        link: str | None = "https://example.com/",
        *,
        bot: bool | None = None,
    ) -> Log:
        return self.add("click", campaign, email, person, at, link=link, bot=bot)

    def unsubscribe(self, campaign: int | None, email: int | None, person: int | None, at: str) -> Log:
        return self.add("unsubscribe", campaign, email, person, at)

    def merge(self, survivor: int, *merged: int, at: str = "2024-05-01") -> Log:
        """`merged` went into `survivor`."""
        self.merges.append(Merge(survivor, merged, utc(at)))
        return self

    def delete(self, *people: int) -> Log:
        self.deletions += people
        return self

    def address(self, person: int, address: str | None, *, updated: str = "2024-01-01") -> Log:
        """A row of the table of people."""
        self.addresses.append(Address(person, address, utc(updated)))
        return self

    def replay(self, times: int = 1) -> Log:
        """The loader writes every activity again, under the same id."""
        self.activities += self.activities * times
        return self

    def campaign(
        self,
        id: int,
        name: str | None,
        *,
        program: int | None = None,
        workspace: str | None = "Default",
        updated: str = "2024-01-01",
    ) -> Log:
        self.campaigns.append(Campaign(id, name, program, workspace, utc(updated)))
        return self

    def program(
        self, id: int, name: str | None, *, workspace: str | None = "Default", updated: str = "2024-01-01"
    ) -> Log:
        self.programs.append(Program(id, name, workspace, utc(updated)))
        return self

    def email(
        self, id: int, name: str | None, *, workspace: str | None = "Default", updated: str = "2024-01-01"
    ) -> Log:
        self.emails.append(Email(id, name, workspace, utc(updated)))
        return self

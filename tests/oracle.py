"""The Campaign Email Performance report, counted in plain Python: no SQL, only loops and dictionaries.

It is the second opinion on every number of the plugin, and it reads as the report's definition. Each rule stands at its
line by its name in docs/numbers.md. Marketo's Email Performance Report page numbers some of them, in our words:

1. every email activity record is exactly one of Delivered, Hard Bounced, Soft Bounced or Pending;
2. a click counts as an open, whether or not the image that reports opens was loaded;
3. an unsubscribe counts as an open, too;
4. an opened email was delivered, so its bounces are ignored;
5. an email that stays Pending for three days is Aborted.

What that page leaves open is settled by the report's own rules, written at the line that follows them.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from statistics import NormalDist
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from logs import Activity, Log, utc

from superset_campaign_plugin.report.rules import People as Choice
from superset_campaign_plugin.report.rules import Rules

if TYPE_CHECKING:
    from superset_campaign_plugin.reporting.query import Report

DEFAULTS = Rules()
STATUSES = ("delivered", "hard_bounced", "soft_bounced", "pending", "aborted")
FLAGS = {  # counts that add up a flag of the record
    "opened": "opened",
    "clicked_link": "clicked",
    "unsubscribed": "unsubscribed",
    "human_opened": "human_opened",
    "human_clicked_link": "human_clicked",
    "privacy_proxy_opened": "privacy_proxy_opened",
    "image_proxy_opened": "image_proxy_opened",
}
COUNTS = ("sent", *STATUSES, *FLAGS)
# The counts of the timing that go by the first time of a flag.
FIRST = {name: FLAGS[name] for name in ("opened", "clicked_link", "human_opened", "human_clicked_link")}
AGES = {"24h": timedelta(days=1), "3d": timedelta(days=3), "7d": timedelta(days=7)}
WEEKDAYS = ("1 Monday", "2 Tuesday", "3 Wednesday", "4 Thursday", "5 Friday", "6 Saturday", "7 Sunday")
BOUNCES = {"bounce": "Hard", "soft_bounce": "Soft"}
RATIOS = {
    "pct_delivered": ("delivered", "sent"),
    "pct_hard_bounced": ("hard_bounced", "sent"),
    "pct_soft_bounced": ("soft_bounced", "sent"),
    "pct_opened": ("opened", "delivered"),
    "pct_clicked_link": ("clicked_link", "delivered"),
    "clicked_to_opened_ratio": ("clicked_link", "opened"),
    "pct_unsubscribed": ("unsubscribed", "delivered"),
    "pct_human_opened": ("human_opened", "delivered"),
    "pct_human_clicked_link": ("human_clicked_link", "delivered"),
}
FIELDS = """
    sent delivered pct_delivered hard_bounced pct_hard_bounced soft_bounced pct_soft_bounced pending aborted
    opened pct_opened clicked_link pct_clicked_link clicked_to_opened_ratio unsubscribed pct_unsubscribed
    first_sent last_sent last_activity
    human_opened pct_human_opened human_clicked_link pct_human_clicked_link privacy_proxy_opened image_proxy_opened
""".split()  # noqa: SIM905
GROUP_COLUMNS = {
    "workspace": ("workspace",),
    "program": ("program_id", "program_name"),
    "campaign": ("campaign_id", "campaign_name"),
    "email": ("email_id", "email_name"),
    "day": ("day",),
    "week": ("week",),
    "month": ("month",),
}


# ---------------------------------------------------------------------------------------------------------------
# From activities to records: one (campaign, email, person) each


@dataclass
class Record:
    """Everything that the log knows of one email of one campaign to one person."""

    sent_at: datetime
    last_activity: datetime
    delivered: bool = False
    hard_bounced: bool = False
    soft_bounced: bool = False
    opened: bool = False
    clicked: bool = False
    unsubscribed: bool = False
    human_opened: bool = False
    human_clicked: bool = False
    privacy_proxy_opened: bool = False
    image_proxy_opened: bool = False
    first: dict[str, datetime] = field(default_factory=dict)  # when it first had a flag of FIRST
    links: dict[str | None, set[int]] = field(default_factory=dict)  # what was clicked: the activities by link
    bounces: list[Activity] = field(default_factory=list)
    variants: list[tuple[datetime, int]] = field(default_factory=list)  # that its sends name, and when

    def status(self, clock: datetime) -> str:
        """The first that holds (status.one-each). The order of events is of no account: receivers report any."""
        if self.opened:  # status.open-beats-bounce
            return "delivered"
        if self.hard_bounced:  # status.hard-bounce-beats-soft
            return "hard_bounced"
        if self.soft_bounced:  # status.soft-bounce-beats-delivery
            return "soft_bounced"
        if self.delivered:  # status.delivered
            return "delivered"
        if self.sent_at <= clock - timedelta(days=3):  # status.aborted-after-three-days
            return "aborted"
        return "pending"


def was_sent(send: Activity) -> bool:
    """Marketo logs a send that it held back, too: only the result tells. No result means it was sent."""
    return (send.action_result or "").strip().lower() not in ("skipped", "failed")


def counts_as_click(link: str | None) -> bool:
    """Clicks on the unsubscribe link and on email addresses are not clicked links. An empty link is one."""
    link = (link or "").strip().lower()
    return not (link.startswith("mailto:") or "mkt_unsubscribe=1" in link)


class People:
    """Who counts as whom, and who is left out.

    As sent, everybody counts as the id of the activity. Merged, a person counts as the survivor, who may have been
    merged in turn, eight times at most. Hidden, whoever went into another is left out, as is whoever was deleted.
    """

    def __init__(self, log: Log, rules: Rules) -> None:
        self.into: dict[int, int] = {}
        self.left_out: set[int] = set()
        if rules.people is Choice.MERGED:
            # The newest merge of a person speaks; of those in the same instant, that into the highest id.
            for merge in sorted(log.merges, key=lambda merge: (merge.time, merge.survivor)):
                self.into |= dict.fromkeys(merge.merged, merge.survivor)
        if rules.people is Choice.HIDDEN:
            for merge in log.merges:
                self.left_out |= {person for person in merge.merged if person != merge.survivor}
        if rules.people is Choice.HIDDEN or rules.leave_out_deleted:
            self.left_out |= set(log.deletions)
        self.left_out |= {
            person
            for person, address in newest_addresses(log).items()
            if any(is_like((address or "").strip(" ").lower(), pattern) for pattern in rules.leave_out_addresses)
        }

    def survivor(self, person: int | None) -> int | None:
        for _ in range(8):
            if person not in self.into:
                break
            person = self.into[person]
        return person


def newest_addresses(log: Log) -> dict[int, str | None]:
    return {one.person: one.address for one in sorted(log.addresses, key=lambda one: one.updated_at)}


def is_like(address: str, pattern: str) -> bool:
    """Whether the pattern, in which a star is any text, is the whole address."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), address, re.DOTALL) is not None


Key = tuple[int | None, int, int]


def email_records(log: Log, rules: Rules = DEFAULTS) -> dict[Key, Record]:
    """The records of a log, by (campaign, email, person). The campaign of a send that names none is None: unknown."""
    people = People(log, rules)
    records: dict[Key, Record] = {}
    sends: dict[tuple[int, int], list[tuple[datetime, int | None]]] = defaultdict(list)
    events = []
    for activity in log.activities:
        person = people.survivor(activity.person)
        if person in people.left_out or (rules.leave_out_bots and activity.bot):
            continue
        activity = activity._replace(person=person)
        kind, time, campaign, email = activity.kind, activity.time, activity.campaign, activity.email
        if kind != "send":
            events.append(activity)
        elif was_sent(activity) and email is not None and person is not None:
            # record.earliest-send: several sends of one campaign to one person are one record.
            sends[email, person].append((time, campaign))
            record = records.get((campaign, email, person))
            if record is None:
                records[campaign, email, person] = Record(sent_at=time, last_activity=time)
            else:
                record.sent_at = min(record.sent_at, time)
                record.last_activity = max(record.last_activity, time)
            if isinstance(activity.variant, int) and activity.variant > 0:  # variant.named-by-a-send
                records[campaign, email, person].variants.append((time, activity.variant))
    for history in sends.values():
        history.sort(key=lambda send: (send[0], send[1] or 0))

    for event in events:
        campaign = event.campaign
        if campaign is None:
            send = latest_send(sends.get((event.email, event.person), []), event.time)
            if send is None:
                continue  # an orphan: no send is in the log that it could follow
            campaign = send[1]
        record = records.get((campaign, event.email, event.person))
        if record is None:
            continue  # record.needs-a-send: it is an orphan
        record.last_activity = max(record.last_activity, event.time)
        note(record, event)
        if event.kind == "click" and counts_as_click(event.link):  # clicked.links-only
            record.links.setdefault(event.link, set()).add(event.id)
        if event.kind in BOUNCES:
            record.bounces.append(event)
        alone = Record(event.time, event.time)
        note(alone, event)
        for flag in FIRST.values():
            if getattr(alone, flag):  # timing.first-counts
                record.first[flag] = min(record.first.get(flag, event.time), event.time)
    return records


def note(record: Record, event: Activity) -> None:
    """What an event says of its record."""
    if event.kind == "deliver":
        record.delivered = True
    elif event.kind == "bounce":
        record.hard_bounced = True
    elif event.kind == "soft_bounce":
        record.soft_bounced = True
    elif event.kind == "open":
        record.opened = True
        if not event.bot:
            note_agent(record, (event.agent or "").strip().lower())
    elif event.kind == "click":
        record.opened = True  # opened.click-implies-open, whatever the link
        record.clicked = record.clicked or counts_as_click(event.link)  # clicked.links-only
        if not event.bot:
            record.human_opened = True
            record.human_clicked = record.human_clicked or counts_as_click(event.link)
    elif event.kind == "unsubscribe":
        record.opened = True  # opened.unsubscribe-implies-open
        record.human_opened = True
        record.unsubscribed = True


def note_agent(record: Record, agent: str) -> None:
    """Who opened. Apple's privacy proxy loads every email, read or not; Gmail's and Yahoo's load it for a reader."""
    if agent == "mozilla/5.0":
        record.privacy_proxy_opened = True
        return
    record.human_opened = True
    if "googleimageproxy" in agent or "yahoomailproxy" in agent:
        record.image_proxy_opened = True


def latest_send(history: Sequence[tuple[datetime, int | None]], time: datetime) -> tuple[datetime, int | None] | None:
    """An activity without a campaign belongs to the latest send of that email to that person at or before it; of
    sends in the same instant, to that of the highest campaign. `history` holds (time, campaign) in order."""
    place = bisect_right(history, time, key=lambda send: send[0])
    return history[place - 1] if place else None


# ---------------------------------------------------------------------------------------------------------------
# From records to the report


class Names:
    """What the assets say of a campaign and an email. The newest version of an asset is the one that speaks."""

    def __init__(self, log: Log) -> None:
        self.campaigns = newest(log.campaigns)
        self.programs = newest(log.programs)
        self.emails = newest(log.emails)
        self.logged = logged_names(log)

    def describe(self, campaign_id: int | None, email_id: int) -> dict[str, object]:
        campaign, email = self.campaigns.get(campaign_id), self.emails.get(email_id)
        program_id = campaign.program if campaign else None
        program = self.programs.get(program_id)
        workspaces = [asset.workspace for asset in (campaign, program, email) if asset and asset.workspace]
        return {
            # A missing name never hides a row: it shows the id.
            "workspace": workspaces[0] if workspaces else None,
            "program_id": program_id,
            "program_name": (program and program.name) or (None if program_id is None else str(program_id)),
            "campaign_id": campaign_id,
            "campaign_name": (campaign and campaign.name)
            or ("Unknown campaign" if campaign_id is None else str(campaign_id)),
            "email_id": email_id,
            "email_name": (email and email.name) or self.logged.get(email_id) or str(email_id),
        }


def logged_names(log: Log) -> dict[int | None, str]:
    """What the log calls each email: the name of its newest send; of several in one instant, the first by letters."""
    found: dict[int | None, tuple[datetime, str]] = {}
    for send in log.activities:
        name = (send.named or "").strip()
        if send.kind != "send" or not was_sent(send) or not name:
            continue
        known = found.get(send.email)
        if known is None or send.time > known[0] or (send.time == known[0] and name < known[1]):
            found[send.email] = (send.time, name)
    return {email: name for email, (_, name) in found.items()}


def newest(versions: Iterable) -> dict:
    return {version.id: version for version in sorted(versions, key=lambda version: version.updated_at)}


def local(moment: datetime, zone: str) -> datetime:
    """What the clocks of `zone` show at a UTC moment."""
    return moment.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def describe_day(day: date) -> dict[str, date]:
    return {
        "day": day,
        "week": day - timedelta(days=day.weekday()),  # its Monday
        "month": day.replace(day=1),
    }


def report(
    log: Log,
    *,
    as_of: datetime,
    date_from: date | None = None,
    date_to: date | None = None,
    by: Sequence[str] = ("campaign", "email"),
    where: Mapping[str, Sequence[str]] | None = None,
    rules: Rules = DEFAULTS,
) -> list[dict[str, object]]:
    """The report's rows, in no order. `as_of` is the clock, UTC; the dates are the first day and the day after
    the last of the days on which the records were sent; `where` keeps the records with one of the values."""
    names = Names(log)
    columns = [column for name in by for column in GROUP_COLUMNS[name]]
    descriptions: dict[tuple[int | None, int], dict[str, object]] = {}
    days: dict[date, dict[str, date]] = {}
    groups: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    for (campaign, email, _), record in email_records(log, rules).items():
        day = local(record.sent_at, rules.time_zone).date()
        if (date_from and day < date_from) or (date_to and day >= date_to):
            continue
        if (campaign, email) not in descriptions:
            descriptions[campaign, email] = names.describe(campaign, email)
        if day not in days:
            days[day] = describe_day(day)
        described, dated = descriptions[campaign, email], days[day]
        if any(str(described[field]) not in values for field, values in (where or {}).items()):
            continue
        key = tuple([dated[column] if column in dated else described[column] for column in columns])
        groups[key].append(record)
    if not by:
        groups[()]  # the grand total has its row even when nothing was sent
    return [dict(zip(columns, key, strict=True)) | figures(records, as_of) for key, records in groups.items()]


LinkKey = tuple[int | None, int, date]


def link_figures(log: Log, rules: Rules = DEFAULTS) -> dict[LinkKey, dict[str | None, tuple[int, int]]]:
    """The clicks on each link and the people who clicked it, by campaign, email and day of the send."""
    found: dict[LinkKey, dict[str | None, tuple[int, int]]] = defaultdict(dict)
    for (campaign, email, _), record in email_records(log, rules).items():
        links = found[campaign, email, local(record.sent_at, rules.time_zone).date()]
        for link, activities in record.links.items():
            clicks, people = links.get(link, (0, 0))
            links[link] = clicks + len(activities), people + 1
    return {key: links for key, links in found.items() if links}


def figures(records: Sequence[Record], clock: datetime) -> dict[str, object]:
    """The figures of a group of records."""
    row: dict[str, object] = dict.fromkeys(COUNTS, 0)
    row["sent"] = len(records)
    for record in records:
        row[record.status(clock)] += 1
        for count, flag in FLAGS.items():
            row[count] += getattr(record, flag)
    for ratio, (part, whole) in RATIOS.items():  # of a group, a ratio is the ratio of its sums
        row[ratio] = row[part] / row[whole] if row[whole] else None
    row["first_sent"] = min((record.sent_at for record in records), default=None)
    row["last_sent"] = max((record.sent_at for record in records), default=None)
    row["last_activity"] = max((record.last_activity for record in records), default=None)
    return {field: row[field] for field in FIELDS}


# ---------------------------------------------------------------------------------------------------------------
# When people opened and clicked

TIMING_COLUMNS = GROUP_COLUMNS | {
    "weekday": ("weekday_label",),
    "hour": ("sent_hour",),
    "hours": ("hours_since_send", "hours_label"),
}


def timing(
    log: Log,
    *,
    date_from: date | None = None,
    date_to: date | None = None,
    by: Sequence[str] = ("campaign", "email"),
    where: Mapping[str, Sequence[str]] | None = None,
    rules: Rules = DEFAULTS,
) -> list[dict[str, object]]:
    """The timing's rows, in no order; the arguments are those of `report`."""
    names = Names(log)
    records = email_records(log, rules)
    until = max((record.last_activity for record in records.values()), default=None)
    days: dict[tuple[int | None, int, date], datetime] = {}
    for (campaign, email, _), record in records.items():
        key = (campaign, email, local(record.sent_at, rules.time_zone).date())
        days[key] = max(days.get(key, record.sent_at), record.sent_at)

    columns = [column for name in by for column in TIMING_COLUMNS[name]]
    groups: dict[tuple[object, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (campaign, email, _), record in records.items():
        sent = local(record.sent_at, rules.time_zone)
        described = names.describe(campaign, email) | describe_day(sent.date())
        described |= {"weekday_label": WEEKDAYS[sent.weekday()], "sent_hour": sent.hour}
        if (date_from and sent.date() < date_from) or (date_to and sent.date() >= date_to):
            continue
        if any(str(described[field]) not in values for field, values in (where or {}).items()):
            continue
        # timing.old-enough: all sends of the email and campaign on that day are that old.
        old = [name for name, age in AGES.items() if days[campaign, email, sent.date()] + age <= until]
        if "hours" in by:
            for count, flag in FIRST.items():
                if flag in record.first:
                    described["hours_since_send"], described["hours_label"] = since(record, flag)
                    groups[tuple(described[column] for column in columns)][count] += 1
            continue
        figures = groups[tuple(described[column] for column in columns)]
        figures["sent"] += 1
        delivered = record.status(record.sent_at) == "delivered"
        figures["delivered"] += delivered
        for name in old:
            figures[f"delivered_{name}"] += delivered
        for count, flag in FIRST.items():
            figures[count] += flag in record.first
            for name in old:
                figures[f"{count}_{name}"] += flag in record.first and record.first[flag] < record.sent_at + AGES[name]
    if not by:
        groups[()]
    shown = _timed_people if "hours" in by else _timed_figures
    return [dict(zip(columns, key, strict=True)) | shown(figures) for key, figures in groups.items()]


def since(record: Record, flag: str) -> tuple[int, str]:
    """The first full hours since the send at which a time of the timing begins, and what it is called."""
    hours = (record.first[flag] - record.sent_at) // timedelta(hours=1)
    hours = max(hours, 0)  # timing.before-the-send-is-at-once
    if hours < 24:
        return hours, f"{hours:02} h"
    day = hours // 24
    return (day * 24, f"Day {day + 1}") if day < 7 else (168, "Later")


def _timed_people(counts: Mapping[str, int]) -> dict[str, object]:
    return {name: counts[name] for name in FIRST}


def _timed_figures(counts: Mapping[str, int]) -> dict[str, object]:
    row: dict[str, object] = {name: counts[name] for name in ("sent", "delivered", *FIRST)}
    row |= {f"delivered_{age}": counts[f"delivered_{age}"] for age in AGES}
    for name in FIRST:
        for age in AGES:
            whole = counts[f"delivered_{age}"]
            row[f"pct_{name}_{age}"] = counts[f"{name}_{age}"] / whole if whole else None
    return row


# ---------------------------------------------------------------------------------------------------------------
# Which domains take the emails, and why emails bounce

DELIVERABILITY_COLUMNS = GROUP_COLUMNS | {
    "domain": ("domain",),
    "reason": ("bounce_kind", "bounce_category", "bounce_reason"),
}
CATEGORY_WORDS = {
    "1": "Blocked as spam",
    "2": "Invalid address",
    "3": "Mailbox full or out of reach for now",
    "4": "Technical problem",
    "9": "Not known to Marketo",
}
NOT_STATED = "Not stated in the log"
# By hand, for the texts of `logs.small.DETAILS`: the number by which reasons of one instant are ordered, and the words.
REASONS: dict[str | None, tuple[int, str]] = {
    None: (0, NOT_STATED),
    "": (0, NOT_STATED),
    "550 5.1.1 <ann@example.com>: Recipient address rejected": (501_001, "5.1.1 No such mailbox"),
    "550-5.1.1 The email account does not exist": (501_001, "5.1.1 No such mailbox"),
    "550 #5.1.0 Address rejected ann@example.com": (501_999, "5.1.x Problem with the address"),
    "smtp; 5.3.0 - Other mail system problem": (503_999, "5.3.x Problem of the mail server"),
    "SMTP;550 5.7.26 not authenticated": (507_026, "5.7.26 Sender not proven by SPF or DKIM"),
    "554 5.7.264 something of its own": (507_999, "5.7.x Refused by a policy"),
    "5.1.10 null MX": (501_010, "5.1.10 Domain takes no email"),
    "452 4.2.2 over quota": (402_002, "4.2.2 Mailbox full"),
    "400 4.4.7: Message delayed": (404_007, "4.4.7 Not delivered in time"),
    "550 [internal] [oob] The recipient is invalid. ": (3, "No such mailbox"),
    "550 Rule imposed as it is blacklisted on SpamCop": (1, "Blocked as spam"),
    "421 mx.example.com closing connection": (7, "No connection to the mail server"),
    "451 please be patient": (400_000, "4xx Refused for now, without a code"),
    "554 no": (500_000, "5xx Refused for good, without a code"),
    "NO MATCH DETECTED": (999, "Another reason"),
    "5.1": (999, "Another reason"),
    "10.5.1.1 is not a code": (999, "Another reason"),
    "550 5.9.1 unknown subject": (500_000, "5xx Refused for good, without a code"),
    "4.x.y": (999, "Another reason"),
}


def domain_of(address: str | None) -> str | None:
    """domain.of-the-address: what stands behind the last @, unless it is none."""
    _, at, behind = (address or "").strip().lower().rpartition("@")
    return behind if at and re.fullmatch(r"[^\s<>()\[\]\"',;:/&=]{1,253}", behind) else None


def deciding(record: Record, kind: str) -> Activity:
    """bounce.the-last-decides; of those in the same instant, that of the lowest category and reason."""
    own = [event for event in record.bounces if event.kind == kind]
    last = max(event.time for event in own)
    return min((event for event in own if event.time == last), key=lambda event: (category(event), reason(event)[0]))


def category(bounce: Activity) -> int:
    number = (bounce.category or "").strip()
    return int(number) if number in CATEGORY_WORDS else 0


def reason(bounce: Activity) -> tuple[int, str]:
    return REASONS[bounce.details]


def deliverability(
    log: Log,
    *,
    as_of: datetime,
    date_from: date | None = None,
    date_to: date | None = None,
    by: Sequence[str] = ("domain",),
    where: Mapping[str, Sequence[str]] | None = None,
    rules: Rules = DEFAULTS,
) -> list[dict[str, object]]:
    """The rows of the deliverability, in no order; the arguments are those of `report`."""
    names = Names(log)
    records = email_records(log, rules)
    kinds = {"hard_bounced": "bounce", "soft_bounced": "soft_bounce"}
    # Of bounces whose record was opened, too: whose domain is rare does not depend on what counts.
    decided = {
        (key, kind): deciding(record, kind)
        for key, record in records.items()
        for kind in {event.kind for event in record.bounces}
    }
    known = {person: domain_of(address) for person, address in newest_addresses(log).items()}
    people: dict[str | None, set[int]] = defaultdict(set)
    if log.addresses:
        for person, domain in known.items():
            people[domain].add(person)
    else:
        for (key, _), bounce in decided.items():
            people[domain_of(bounce.address)].add(key[2])

    def shown(domain: str | None) -> str:
        if domain is None:
            return "Unknown"
        return domain if len(people[domain]) >= rules.domains.least_people else "Other domains"

    columns = [column for name in by for column in DELIVERABILITY_COLUMNS[name]]
    groups: dict[tuple[object, ...], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    by_bounce = False
    for key, record in records.items():
        campaign, email, person = key
        status = record.status(as_of)
        bounce = decided[key, kinds[status]] if status in kinds else None
        domain = known.get(person)
        if not log.addresses and bounce is not None and not rules.leave_out_domains:
            domain = domain_of(bounce.address)
            by_bounce = by_bounce or domain is not None
        sent = local(record.sent_at, rules.time_zone)
        described = names.describe(campaign, email) | describe_day(sent.date())
        described["domain"] = "Not shown" if rules.leave_out_domains else shown(domain)
        described |= dict.fromkeys(DELIVERABILITY_COLUMNS["reason"])
        if bounce is not None:
            words = CATEGORY_WORDS.get((bounce.category or "").strip(), NOT_STATED)
            described |= {"bounce_kind": BOUNCES[bounce.kind], "bounce_category": words}
            described["bounce_reason"] = reason(bounce)[1]
        if (date_from and sent.date() < date_from) or (date_to and sent.date() >= date_to):
            continue
        if any(str(described[field]) not in values for field, values in (where or {}).items()):
            continue
        if "reason" in by and bounce is None:
            continue
        figures = groups[tuple(described[column] for column in columns)]
        figures["sent"] += 1
        figures[status] += 1
    if not by:
        groups[()]
    shares = {
        "by_bounce": by_bounce,
        "all": sum(group["hard_bounced"] + group["soft_bounced"] for group in groups.values()),
    }
    return [
        dict(zip(columns, key, strict=True)) | _reached(figures, by, rules, **shares) for key, figures in groups.items()
    ]


def _reached(
    counts: Mapping[str, int], by: Sequence[str], rules: Rules, by_bounce: bool, all: int
) -> dict[str, object]:
    hard, soft, sent = counts["hard_bounced"], counts["soft_bounced"], counts["sent"]
    figures: dict[str, object] = {name: counts[name] for name in ("sent", *STATUSES)}
    if "reason" in by:
        return {"bounced": hard + soft, "pct_of_bounced": (hard + soft) / all if all else None}
    if "domain" not in by:
        ratios = {"pct_hard_bounced": hard, "pct_soft_bounced": soft}
        return figures | {name: part / sent if sent else None for name, part in ratios.items()}
    parts = {"domain_pct_bounced": hard + soft, "domain_pct_hard_bounced": hard, "domain_pct_soft_bounced": soft}
    shares = {name: None if by_bounce else part / sent for name, part in parts.items()}
    return {"light": verdict(hard + soft, sent, rules, by_bounce), **shares, **figures}


def verdict(bounced: int, sent: int, rules: Rules, by_bounce: bool) -> str:
    """light.share-of-bounces"""
    if by_bounce:
        return "Share not known"
    if sent < rules.light.least_sent:
        return "Too few to tell"
    if 1000 * bounced >= rules.light.refuse * sent:
        return "⛔ Refuses us"
    return "⚠️ Watch" if 1000 * bounced >= rules.light.watch * sent else "✅ Good"


# ---------------------------------------------------------------------------------------------------------------
# Which variant of a tested email does better

VARIANT_COLUMNS = GROUP_COLUMNS | {"variant": ("variant",)}
COMPARED = ("campaign", "email", "variant")


def variants(
    log: Log,
    *,
    as_of: datetime,
    date_from: date | None = None,
    date_to: date | None = None,
    by: Sequence[str] = COMPARED,
    where: Mapping[str, Sequence[str]] | None = None,
    rules: Rules = DEFAULTS,
) -> list[dict[str, object]]:
    """The rows of the variants, in no order; the arguments are those of `report`."""
    names = Names(log)
    columns = [column for name in by for column in VARIANT_COLUMNS[name]]
    groups: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    tests: dict[tuple[int | None, int], dict[int, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for (campaign, email, _), record in email_records(log, rules).items():
        day = local(record.sent_at, rules.time_zone).date()
        if not record.variants or (date_from and day < date_from) or (date_to and day >= date_to):
            continue
        _, variant = min(record.variants)  # variant.the-first-counts
        described = names.describe(campaign, email) | describe_day(day) | {"variant": variant}
        if any(str(described[field]) not in values for field, values in (where or {}).items()):
            continue
        groups[tuple(described[column] for column in columns)].append(record)
        tests[campaign, email][variant].append(record)
    if not by:
        groups[()]
    rows = [
        dict(zip(columns, key, strict=True)) | _of_variant(figures(records, as_of)) for key, records in groups.items()
    ]
    if compares(by):
        for row in rows:
            test = tests[row["campaign_id"], row["email_id"]]
            row["verdict"] = compared({number: figures(records, as_of) for number, records in test.items()})
    return rows


def compares(by: Sequence[str]) -> bool:
    """Whether the groups are the variants of each email."""
    return {*COMPARED} <= {*by} <= {*COMPARED, "workspace", "program"}


def _of_variant(row: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in (
        *("sent", "delivered", "opened", "pct_opened", "human_opened", "pct_human_opened"),
        *("clicked_link", "pct_clicked_link", "unsubscribed", "pct_unsubscribed"),
    ):
        found[name] = row[name]
        if name in ("pct_opened", "pct_clicked_link"):
            count = row["opened" if name == "pct_opened" else "clicked_link"]
            found[f"{name}_low"], found[f"{name}_high"] = wilson(count, row["delivered"])
    return found


def wilson(count: int, of: int) -> tuple[float | None, float | None]:
    """variant.interval: the shares that the 95 % score test does not refuse, as roots of its equation."""
    if not of:
        return None, None
    square = NormalDist().inv_cdf(0.975) ** 2
    share = count / of
    middle, width = share + square / (2 * of), math.sqrt(square * (share * (1 - share) / of + square / (4 * of * of)))
    low, high = ((middle - width) / (1 + square / of), (middle + width) / (1 + square / of))
    return low if count else 0.0, high


def compared(test: Mapping[int, Mapping[str, object]]) -> str:
    """variant.verdict"""
    if len(test) == 1:
        return "Only one variant"
    if min(row["delivered"] for row in test.values()) < 100:
        return "Too few people"
    shares = {number: (row["clicked_link"] + 1) / (row["delivered"] + 2) for number, row in test.items()}
    first, second, *_ = sorted(shares, key=lambda number: (-shares[number], number))
    variance = sum(
        shares[number] * (1 - shares[number]) / (test[number]["delivered"] + 2) for number in (first, second)
    )
    pairs = len(test) * (len(test) - 1) // 2 if len(test) <= 5 else 190
    sure = NormalDist().inv_cdf(1 - 0.05 / pairs / 2) * math.sqrt(variance)
    return f"✅ Variant {first} is ahead" if shares[first] - shares[second] > sure else "Too close to tell"


# ---------------------------------------------------------------------------------------------------------------
# Holding the plugin to it


def assert_variants(actual: Report, expected: Sequence[Mapping[str, object]], by: Sequence[str]) -> None:
    """The same of the variants as `assert_report`."""
    columns = [column for name in by for column in VARIANT_COLUMNS[name]]
    verdict = ["verdict"] if compares(by) else []
    assert actual.columns == [*columns, *_of_variant(figures([], utc("2024-01-01"))), *verdict]
    _assert_rows(actual, expected, columns)


def assert_deliverability(actual: Report, expected: Sequence[Mapping[str, object]], by: Sequence[str]) -> None:
    """The same of the deliverability as `assert_report`."""
    columns = [column for name in by for column in DELIVERABILITY_COLUMNS[name]]
    assert actual.columns == columns + list(_reached(defaultdict(int, sent=1), by, DEFAULTS, by_bounce=False, all=0))
    _assert_rows(actual, expected, columns)


def assert_timing(actual: Report, expected: Sequence[Mapping[str, object]], by: Sequence[str]) -> None:
    """The same of the timing as `assert_report`."""
    columns = [column for name in by for column in TIMING_COLUMNS[name]]
    fields = list((_timed_people if "hours" in by else _timed_figures)(defaultdict(int)))
    assert actual.columns == columns + fields
    _assert_rows(actual, expected, columns)


def assert_report(actual: Report, expected: Sequence[Mapping[str, object]], by: Sequence[str]) -> None:
    """The plugin's report has the expected rows, in any order, with every cell of the right type and value."""
    columns = [column for name in by for column in GROUP_COLUMNS[name]]
    assert actual.columns == columns + FIELDS
    _assert_rows(actual, expected, columns)


def _assert_rows(actual: Report, expected: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    actual_rows = {tuple(row[column] for column in columns): row for row in actual.records()}
    expected_rows = {tuple(row[column] for column in columns): row for row in expected}
    assert len(actual_rows) == len(actual.rows), "a group has several rows"
    assert actual_rows.keys() == expected_rows.keys()
    for key, row in expected_rows.items():
        wrong = {
            column: (actual_rows[key][column], value)
            for column, value in row.items()
            if not same(actual_rows[key][column], value)
        }
        assert not wrong, f"group {key}, as (the plugin's, ours): {wrong}"


def same(actual: object, expected: object) -> bool:
    if type(actual) is not type(expected):
        return False
    return math.isclose(actual, expected, rel_tol=1e-12) if isinstance(expected, float) else actual == expected

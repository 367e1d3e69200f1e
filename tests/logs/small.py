"""Random logs, small: few ids and few instants, so that everything collides with everything."""

from __future__ import annotations

import random
from datetime import timedelta

from hypothesis import strategies as st

from logs.model import KINDS, Activity, Campaign, Email, Log, Merge, Program, utc

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
# The first instant is a Sunday evening, the last day of a month and of an ISO week.
INSTANTS = [
    utc("2024-03-31 23:59:58") + after
    for after in (
        -3 * DAY,
        -SECOND,
        0 * SECOND,
        0.5 * SECOND,
        SECOND,
        2 * SECOND,
        DAY,
        3 * DAY - SECOND,
        3 * DAY,
        3 * DAY + SECOND,
        8 * DAY,
    )
]
CLOCKS = [instant + 3 * DAY for instant in INSTANTS] + [utc("2024-03-01"), utc("2024-06-01")]
ACTION_RESULTS = [None, None, None, "succeeded", "skipped", "failed", " Skipped ", "FAILED", "", "unskipped"]
LINKS = [
    None,
    "",
    "https://example.com/a?b=c",
    "mailto:sales@example.com",
    "  MAILTO:sales@example.com",
    "https://example.com/u?mkt_unsubscribe=1&mkt_tok=x",
    "https://example.com/u?MKT_UNSUBSCRIBE=1",
    "https://example.com/u?mktXunsubscribe=1",  # a wildcard match of the pattern, not the pattern
    "https://example.com/u?mkt_unsubscribe=0",
    "https://example.com/share?to=mailto:sales@example.com",
]
BOTS = [None, None, False, False, True]
APPLE_PROXY = "Mozilla/5.0"
GMAIL_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
AGENTS = [None, "", "Mozilla/5.0 (X11; Linux x86_64)", APPLE_PROXY, "mozilla/5.0", GMAIL_PROXY, "YahooMailProxy; x"]
NAMES = [None, "Spring", "Spring", 'O\'Brien & "Söhne"', "זהב 50%", "a_b\\c"]
LOGGED_NAMES = [None, None, "", "Program.Invitation", "Program.Reminder", "Program.reminder", " Ünï'ted <1> "]
WORKSPACES = [None, "Default", "EMEA"]


@st.composite
def random_logs(draw: st.DrawFn, max_size: int = 40) -> Log:
    """Logs with repeated, skipped, failed, disordered, orphaned and campaign-less activities, and torn assets."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(("send",) * 5 + KINDS[1:]),
                st.sampled_from(INSTANTS),
                st.sampled_from([1, 1, 2, 3, None]),
                st.sampled_from([10, 10, 10, 20, 20, None]),
                st.sampled_from([100, 100, 100, 200, 200, None]),
                st.sampled_from(ACTION_RESULTS),
                st.sampled_from(LINKS),
                st.sampled_from(BOTS),
                st.sampled_from(AGENTS),
                st.sampled_from(LOGGED_NAMES),
            ),
            max_size=max_size,
        )
    )
    activities = [
        Activity(
            kind,
            number,
            time,
            campaign,
            email,
            person,
            action_result=result if kind == "send" else None,
            link=link if kind == "click" else None,
            bot=bot if kind in ("open", "click") else None,
            agent=agent if kind in ("open", "click") else None,
            named=named,
        )
        for number, (kind, time, campaign, email, person, result, link, bot, agent, named) in enumerate(drawn, start=1)
    ]
    if activities:
        activities += draw(st.lists(st.sampled_from(activities), max_size=5))

    # Versions of one asset never carry the same time: which of two such versions is the newer is nobody's rule.
    updated = [utc("2024-01-01") + number * DAY for number in range(5)]
    campaigns = draw(
        st.lists(
            st.builds(
                Campaign,
                st.sampled_from([1, 2, 3, 4]),
                st.sampled_from(NAMES),
                st.sampled_from([None, 7, 8]),
                st.sampled_from(WORKSPACES),
                st.sampled_from(updated),
            ),
            unique_by=lambda campaign: (campaign.id, campaign.updated_at),
            max_size=5,
        )
    )
    programs = draw(
        st.lists(
            st.builds(
                Program,
                st.sampled_from([7, 9]),
                st.sampled_from(NAMES),
                st.sampled_from(WORKSPACES),
                st.sampled_from(updated),
            ),
            unique_by=lambda program: (program.id, program.updated_at),
            max_size=3,
        )
    )
    emails = draw(
        st.lists(
            st.builds(
                Email,
                st.sampled_from([10, 20, 30]),
                st.sampled_from(NAMES),
                st.sampled_from(WORKSPACES),
                st.sampled_from(updated),
            ),
            unique_by=lambda email: (email.id, email.updated_at),
            max_size=5,
        )
    )
    merges = draw(
        st.lists(
            st.builds(
                Merge,
                st.sampled_from([100, 200, 300]),
                st.lists(st.sampled_from([100, 200, 300, 400]), min_size=1, max_size=3, unique=True).map(tuple),
                st.sampled_from(INSTANTS),
            ),
            max_size=2,
        )
    )
    deletions = draw(st.lists(st.sampled_from([100, 200, 300]), max_size=1))
    return Log(activities, campaigns, programs, emails, merges, deletions)


def with_hours(log: Log) -> Log:
    """The same log with its activities at other hours: of two there are any number of hours up to a week between."""
    log.activities = [
        each._replace(time=each.time + timedelta(hours=each.id * 37 % 29 * (each.id % 3))) for each in log.activities
    ]
    return log


ADDRESSES = [
    None,
    "",
    "nobody",
    "ann@example.com",
    "Ann@Example.COM ",
    '"a@b"@mail.example.org',
    "ann@example.com, bob@example.com",
    "<ann@example.com>",
    "ann@",
]
CATEGORIES = [None, "", "1", "2", " 2 ", "3", "4", "9", "10", "x"]
DETAILS = [
    None,
    "",
    "550 5.1.1 <ann@example.com>: Recipient address rejected",
    "550-5.1.1 The email account does not exist",
    "550 #5.1.0 Address rejected ann@example.com",
    "smtp; 5.3.0 - Other mail system problem",
    "SMTP;550 5.7.26 not authenticated",
    "554 5.7.264 something of its own",
    "5.1.10 null MX",
    "452 4.2.2 over quota",
    "400 4.4.7: Message delayed",
    "550 [internal] [oob] The recipient is invalid. ",
    "550 Rule imposed as it is blacklisted on SpamCop",
    "421 mx.example.com closing connection",
    "451 please be patient",
    "554 no",
    "NO MATCH DETECTED",
    "5.1",
    "10.5.1.1 is not a code",
    "550 5.9.1 unknown subject",
    "4.x.y",
]


def with_bounces(log: Log, rng: random.Random) -> Log:
    """The same log with words of its bounces, and people's addresses: domains of many people, of few, and none."""
    log.activities = [
        each._replace(category=rng.choice(CATEGORIES), details=rng.choice(DETAILS), address=f"p{each.person}@by.bounce")
        if each.kind in ("bounce", "soft_bounce")
        else each
        for each in log.activities
    ]
    # A replayed row is the same row.
    first = {each.id: each for each in reversed(log.activities)}
    log.activities = [first[each.id] for each in log.activities]
    people = sorted({each.person for each in log.activities if each.person is not None})
    for person in people:
        for version in range(rng.randrange(3)):
            log.address(person, rng.choice(ADDRESSES), updated=f"2024-01-0{1 + version}")
    return log


VARIANTS = [None, None, 0, 0, 1, 1, 2, 2, 3, -1]


def with_variants(log: Log, rng: random.Random) -> Log:
    """The same log with variants of its sends: of some people several, of some none."""
    chosen = {each.id: rng.choice(VARIANTS) for each in log.activities}
    log.activities = [
        each._replace(variant=chosen[each.id]) if each.kind == "send" else each for each in log.activities
    ]
    return log


def crowd(people: int, seed: int) -> Log:
    """As many small random logs in one as there are people, each of whom lives through their own few activities."""
    rng = random.Random(seed)
    activities = []
    for person in range(1, people + 1):
        for _ in range(rng.randrange(15)):
            kind = rng.choice(("send",) * 5 + KINDS[1:])
            activity = Activity(
                kind,
                len(activities) + 1,
                rng.choice(INSTANTS),
                rng.choice([1, 1, 2, 3, None]),
                rng.choice([10, 10, 10, 20, None]),
                person if rng.randrange(50) else None,
                action_result=rng.choice(ACTION_RESULTS) if kind == "send" else None,
                link=rng.choice(LINKS) if kind == "click" else None,
                bot=rng.choice(BOTS) if kind in ("open", "click") else None,
                agent=rng.choice(AGENTS) if kind in ("open", "click") else None,
                named=rng.choice(LOGGED_NAMES),
            )
            activities += [activity] * rng.choice((1, 1, 1, 2))
    rng.shuffle(activities)
    log = Log(activities).program(7, "Webinars", workspace="EMEA").email(10, "Invitation").email(20, "Reminder")
    for person in range(3, people, 10):  # every tenth went into somebody, some by way of somebody else
        log.merge(person - 1, person, at="2024-05-01").merge(person - 2, person - 1, at="2024-05-02")
    log.delete(*range(5, people, 20))
    return log.campaign(1, "Spring", program=7, workspace=None).campaign(2, "Autumn")

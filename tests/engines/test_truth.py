"""What real logs hold and people decide: merged and deleted people, bots and machines, time zones, assets."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from logs import APPLE_PROXY, GMAIL_PROXY, Log, Merge

from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.report.datasets import REPORT_DATASET, Options
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.reporting.dataset_sql import dataset_sql
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect

DAY = "2024-03-01 10:00"
LATER = "2024-03-01 11:00"


def total(warehouse, log: Log, **rules: object) -> dict:
    [row] = warehouse.load(log).records(by=[], rules=Rules(**rules))
    return row


def counts(warehouse, log: Log, *names: str, **rules: object) -> tuple[int, ...]:
    row = total(warehouse, log, **rules)
    return tuple(row[name] for name in names)


# ---------------------------------------------------------------------------------------------------------------
# People


def _chain() -> Log:
    """Persons 100 to 108 got the same email, and 108 opened it; each then went into the one before."""
    log = Log()
    for person in range(100, 109):
        log.send(1, 10, person, DAY)
    for person in range(101, 109):
        log.merge(person - 1, person)
    return log.open(1, 10, 108, LATER)


def _at_once() -> Log:
    """26 people got the same email; 25 of them went into the first, by one merge."""
    log = Log()
    for person in range(100, 126):
        log.send(1, 10, person, DAY)
    return log.merge(100, *range(101, 126))


def _both_sent() -> Log:
    """Persons 100 and 101 got the same email, and 101 opened it."""
    return Log().send(1, 10, 100, DAY).send(1, 10, 101, DAY).open(1, 10, 101, LATER)


# (sent, opened) as sent, merged and hidden; then, with deleted people left out, as sent and merged.
PEOPLE = {
    "nobody was merged or deleted": (_both_sent(), [(2, 1), (2, 1), (2, 1)], [(2, 1), (2, 1)]),
    "a merge": (_both_sent().merge(100, 101), [(2, 1), (1, 1), (1, 0)], [(2, 1), (1, 1)]),
    "a merge into somebody who was sent nothing": (
        Log().send(1, 10, 101, DAY).open(1, 10, 101, LATER).merge(100, 101),
        [(1, 1), (1, 1), (0, 0)],
        [(1, 1), (1, 1)],
    ),
    "of somebody who was sent nothing": (
        Log().send(1, 10, 100, DAY).open(1, 10, 100, LATER).merge(100, 101),
        [(1, 1), (1, 1), (1, 1)],
        [(1, 1), (1, 1)],
    ),
    # The open is logged for the survivor, and the send for the id of before.
    "an open after a merge": (
        Log().send(1, 10, 101, DAY).open(1, 10, 100, "2024-05-02").merge(100, 101),
        [(1, 0), (1, 1), (0, 0)],
        [(1, 0), (1, 1)],
    ),
    "an open without a campaign": (
        Log().send(1, 10, 100, DAY).open(None, 10, 101, LATER).merge(100, 101),
        [(1, 0), (1, 1), (1, 0)],
        [(1, 0), (1, 1)],
    ),
    "a chain of merges": (_chain(), [(9, 1), (1, 1), (1, 0)], [(9, 1), (1, 1)]),
    "a merge of 25 people": (_at_once(), [(26, 0), (1, 0), (1, 0)], [(26, 0), (1, 0)]),
    # 102 went into 100, came back and went into 101.
    "two merges of one person": (
        _both_sent().send(1, 10, 102, DAY).merge(100, 102, at="2024-04-01").merge(101, 102, at="2024-04-02"),
        [(3, 1), (2, 1), (2, 1)],
        [(3, 1), (2, 1)],
    ),
    "a person into themself": (_both_sent().merge(101, 101), [(2, 1), (2, 1), (2, 1)], [(2, 1), (2, 1)]),
    "a deletion": (_both_sent().delete(101), [(2, 1), (2, 1), (1, 0)], [(1, 0), (1, 0)]),
    "the survivor deleted": (_both_sent().merge(100, 101).delete(100), [(2, 1), (1, 1), (0, 0)], [(1, 1), (0, 0)]),
    # Marketo deletes the record that went into another; the person goes on living as the survivor.
    "the merged deleted": (_both_sent().merge(100, 101).delete(101), [(2, 1), (1, 1), (1, 0)], [(1, 0), (1, 1)]),
    "the last of a chain deleted": (_chain().delete(100), [(9, 1), (1, 1), (0, 0)], [(8, 1), (0, 0)]),
}


def side_by_side(logs: Iterable[Log]) -> Log:
    """The logs in one, each with a campaign, an email and people of its own: the first has campaign 1."""
    whole = Log()
    for number, log in enumerate(logs, start=1):
        first = 1000 * number
        for each in log.activities:
            campaign = None if each.campaign is None else number
            moved = each._replace(id=each.id + first, campaign=campaign, email=number, person=each.person + first)
            whole.activities.append(moved)
        for merge in log.merges:
            merged = tuple(person + first for person in merge.merged)
            whole.merges.append(Merge(merge.survivor + first, merged, merge.time))
        whole.delete(*(person + first for person in log.deletions))
    return whole


@pytest.mark.parametrize("leave_out_deleted", [False, True])
def test_merged_and_deleted_people(warehouse, leave_out_deleted):
    warehouse.load(side_by_side(log for log, *_ in PEOPLE.values()))
    expected = {name: (without if leave_out_deleted else plainly) for name, (_, plainly, without) in PEOPLE.items()}
    for place, people in enumerate(("as_sent", "merged") if leave_out_deleted else ("as_sent", "merged", "hidden")):
        rules = Rules(people=people, leave_out_deleted=leave_out_deleted)
        rows = {row["campaign_id"]: row for row in warehouse.records(by=["campaign"], rules=rules)}
        found = {
            name: (rows[number]["sent"], rows[number]["opened"]) if number in rows else (0, 0)
            for number, name in enumerate(PEOPLE, start=1)
        }
        assert found == {name: figures[place] for name, figures in expected.items()}, people


def test_merges_change_nothing_unless_it_is_asked_for(warehouse):
    """As in Marketo's report. The query does not even name the table of merges."""
    log = _both_sent().merge(100, 101).delete(100)
    assert counts(warehouse, log, "sent", "opened") == (2, 1)
    with connect(warehouse.uri) as (connection, engine):
        sql = dataset_sql(connection, engine, resolve("fivetran", None), Options(), [REPORT_DATASET])[REPORT_DATASET]
    assert "activity_merge_leads" not in sql


# ---------------------------------------------------------------------------------------------------------------
# Bots and machines

FIGURES = ("opened", "clicked_link", "human_opened", "human_clicked_link", "privacy_proxy_opened", "image_proxy_opened")


@pytest.mark.parametrize(
    ("name", "events", "expected", "without_bots"),
    [
        ("a person", lambda log: log.open(1, 10, 100, LATER, agent="Thunderbird"), (1, 0, 1, 0, 0, 0), None),
        ("no agent", lambda log: log.open(1, 10, 100, LATER), (1, 0, 1, 0, 0, 0), None),
        ("bot open", lambda log: log.open(1, 10, 100, LATER, bot=True), (1, 0, 0, 0, 0, 0), (0,) * 6),
        ("bot click", lambda log: log.click(1, 10, 100, LATER, bot=True), (1, 1, 0, 0, 0, 0), (0,) * 6),
        ("human click", lambda log: log.click(1, 10, 100, LATER, bot=False), (1, 1, 1, 1, 0, 0), None),
        (
            "bot on the unsubscribe link",
            lambda log: log.click(1, 10, 100, LATER, "https://a.example/?mkt_unsubscribe=1", bot=True),
            (1, 0, 0, 0, 0, 0),
            (0,) * 6,
        ),
        ("Apple", lambda log: log.open(1, 10, 100, LATER, agent=APPLE_PROXY), (1, 0, 0, 0, 1, 0), None),
        ("Gmail", lambda log: log.open(1, 10, 100, LATER, agent=GMAIL_PROXY), (1, 0, 1, 0, 0, 1), None),
        (
            "Apple, then a person's click",
            lambda log: log.open(1, 10, 100, LATER, agent=APPLE_PROXY).click(1, 10, 100, LATER),
            (1, 1, 1, 1, 1, 0),
            None,
        ),
        (
            "a bot, then a person",
            lambda log: log.open(1, 10, 100, LATER, bot=True).open(1, 10, 100, LATER, agent="Thunderbird"),
            (1, 0, 1, 0, 0, 0),
            None,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_who_opened(warehouse, name, events, expected, without_bots):
    log = events(Log().send(1, 10, 100, DAY))
    assert counts(warehouse, log, *FIGURES) == expected
    assert counts(warehouse, log, *FIGURES, leave_out_bots=True) == (without_bots or expected)


# ---------------------------------------------------------------------------------------------------------------
# Days


def test_the_day_of_a_send_is_that_of_the_report_s_time_zone(warehouse):
    """23:30 UTC is the next day in Berlin, in winter (+1) and in summer (+2); 22:30 only in summer."""
    log = Log()
    for person, at in enumerate(["2024-01-10 23:30", "2024-01-10 22:30", "2024-07-10 22:30", "2024-07-10 21:30"]):
        log.send(1, 10, person, at)
    warehouse.load(log)
    if warehouse.engine == "sqlite":
        with pytest.raises(UsageError, match="knows no time zones"):
            warehouse.records(by=["day"], rules=Rules(time_zone="Europe/Berlin"))
        return
    rows = warehouse.records(by=["day"], rules=Rules(time_zone="Europe/Berlin"))
    assert [(str(row["day"]), row["sent"]) for row in rows] == [
        *(("2024-01-10", 1), ("2024-01-11", 1), ("2024-07-10", 1), ("2024-07-11", 1))
    ]


# ---------------------------------------------------------------------------------------------------------------
# Assets


@pytest.fixture
def assets(warehouse):
    """Email 20 is operational, campaign 2 deleted."""
    log = Log().campaign(1, "One").campaign(2, "Two")
    for email in (10, 20, 30):
        log.send(1, email, 100, DAY).email(email, f"Email {email}")
    log.send(2, 10, 100, DAY)
    warehouse.load(log)
    warehouse.execute("UPDATE email_template_history SET operational = (id = 20)")
    warehouse.execute("UPDATE campaign SET _fivetran_deleted = (id = 2)")
    return warehouse


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({}, {(1, 10), (1, 20), (1, 30), (2, 10)}),
        ({"leave_out_operational": True}, {(1, 10), (1, 30), (2, 10)}),
        ({"leave_out_archived": True}, {(1, 10), (1, 20), (1, 30)}),
        ({"leave_out_operational": True, "leave_out_archived": True}, {(1, 10), (1, 30)}),
    ],
    ids=str,
)
def test_operational_and_archived_assets(assets, rules, expected):
    rows = assets.records(rules=Rules(**rules))
    assert {(row["campaign_id"], row["email_id"]) for row in rows} == expected

"""What real logs hold and people decide: merged and deleted people, bots and machines, time zones, assets."""

from __future__ import annotations

import pytest
from logs import APPLE_PROXY, GMAIL_PROXY, Log

from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.report.rules import Rules

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


def test_merged_people_count_once(warehouse):
    """Persons 100 and 101 got the same email; 101 opened it. Then 101 went into 100."""
    log = Log().send(1, 10, 100, DAY).send(1, 10, 101, DAY).open(1, 10, 101, LATER).merge(100, 101)
    assert counts(warehouse, log, "sent", "opened", "delivered") == (1, 1, 1)
    assert counts(warehouse, log, "sent", "opened", "delivered", merge_people=False) == (2, 1, 1)


def test_a_chain_of_merges_is_followed_to_its_end(warehouse):
    log = Log()
    for person in range(100, 109):
        log.send(1, 10, person, DAY)
    for person in range(101, 109):  # each went into the one before: eight merges in a row
        log.merge(person - 1, person)
    assert counts(warehouse, log, "sent") == (1,)


def test_a_merge_of_25_people(warehouse):
    log = Log()
    for person in range(100, 126):
        log.send(1, 10, person, DAY)
    log.merge(100, *range(101, 126))
    assert counts(warehouse, log, "sent") == (1,)


def test_the_newest_merge_of_a_person_counts(warehouse):
    """Person 102 went into 100, came back and went into 101."""
    log = Log().send(1, 10, 102, DAY).send(1, 10, 101, DAY).send(1, 10, 100, DAY)
    log.merge(100, 102, at="2024-04-01").merge(101, 102, at="2024-04-02")
    log.open(1, 10, 102, LATER)
    assert counts(warehouse, log, "sent", "opened") == (2, 1)
    [row] = warehouse.records(by=[], where={"campaign_id": ["1"]})
    assert row["sent"] == 2


def test_events_before_a_merge_find_the_send_of_the_survivor(warehouse):
    """The open without a campaign is 101's; the send is 100's. They are one person."""
    log = Log().send(1, 10, 100, DAY).open(None, 10, 101, LATER).merge(100, 101)
    assert counts(warehouse, log, "opened") == (1,)
    assert counts(warehouse, log, "opened", merge_people=False) == (0,)


def test_deleted_people_stay_in_unless_left_out(warehouse):
    log = Log().send(1, 10, 100, DAY).send(1, 10, 101, DAY).open(1, 10, 101, LATER).delete(101)
    assert counts(warehouse, log, "sent", "opened") == (2, 1)
    assert counts(warehouse, log, "sent", "opened", leave_out_deleted=True) == (1, 0)


def test_who_was_merged_into_a_deleted_person_is_deleted(warehouse):
    log = Log().send(1, 10, 101, DAY).merge(100, 101).delete(100)
    assert counts(warehouse, log, "sent", leave_out_deleted=True) == (0,)


def test_who_was_merged_away_is_not_deleted(warehouse):
    """Marketo deletes the record that went into another; the person goes on living as the survivor."""
    log = Log().send(1, 10, 101, DAY).merge(100, 101).delete(101)
    assert counts(warehouse, log, "sent", leave_out_deleted=True) == (1,)


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

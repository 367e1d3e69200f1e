"""The report's rules, one by one and together, on every engine, against numbers counted by hand.

A test that asks for `rows` draws its activities in its docstring (see `logs.drawn`). All drawings are loaded into
one database, each with campaigns, emails and people of its own, and the report runs once an engine, at `NOW`.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from logs import ENGINES, Log, drawn, utc, write
from oracle import FIELDS

from superset_campaign_plugin.errors import UsageError

NOW = utc("2024-03-10 12:00")
COUNTS = (
    "sent",
    "delivered",
    "hard_bounced",
    "soft_bounced",
    "pending",
    "aborted",
    "opened",
    "clicked_link",
    "unsubscribed",
)
APART = 1000  # between the ids of one drawing and the next


def counts(row: dict) -> dict:
    """The counts of a row that are not 0."""
    return {name: row[name] for name in COUNTS if row[name] != 0}


def times(row: dict) -> tuple:
    return row["first_sent"], row["last_sent"], row["last_activity"]


@pytest.fixture(scope="module", params=ENGINES)
def all_rows(request, warehouse_on):
    """The rows of every drawing of this module: {test: {(campaign, email): row}}."""
    log = Log()
    tests = [
        name
        for name, test in vars(request.module).items()
        if name.startswith("test_") and "rows" in inspect.signature(test).parameters
    ]
    for place, test in enumerate(tests):
        for activity in drawn(vars(request.module)[test].__doc__).activities:
            ids = (activity.campaign, activity.email, activity.person)
            campaign, email, person = (None if id is None else id + place * APART for id in ids)
            log.activities.append(
                activity._replace(id=len(log.activities) + 1, campaign=campaign, email=email, person=person)
            )
    by_test = {test: {} for test in tests}
    for row in warehouse_on(request.param).load(log).records(as_of=NOW):
        assert row["email_id"] is not None, "a row of a send without an email"
        place = row["email_id"] // APART
        campaign = None if row["campaign_id"] is None else row["campaign_id"] % APART
        by_test[tests[place]][campaign, row["email_id"] % APART] = row
    return by_test


@pytest.fixture
def rows(request, all_rows):
    """The rows of the test's own drawing, {(campaign, email): row}."""
    return all_rows[request.node.originalname]


def only(rows: dict) -> dict:
    assert len(rows) == 1
    return next(iter(rows.values()))


# ---------------------------------------------------------------------------------------------------------------
# What is a record


def test_a_send_is_a_record(rows):
    """
    campaign  email  person  time              activity
    1         10     100     2024-03-10 11:00  send
    """
    assert counts(only(rows)) == {"sent": 1, "pending": 1}


def test_a_send_counts_whatever_its_result_but_skipped_and_failed(rows):
    """No result, or an empty or an unheard-of one, is a send that happened.

    campaign  email  person  time              activity  result
    1         10     100     2024-03-10 11:00  send
    1         10     101     2024-03-10 11:00  send      'succeeded'
    1         10     102     2024-03-10 11:00  send      ''
    1         10     103     2024-03-10 11:00  send      'unskipped'
    """
    assert counts(only(rows)) == {"sent": 4, "pending": 4}


def test_skipped_and_failed_sends_are_no_records(rows):
    """However they are spelled. The one send that did happen shows that the rest did not.

    campaign  email  person  time              activity  result
    1         10     100     2024-03-10 11:00  send      'skipped'
    1         10     101     2024-03-10 11:00  send      'failed'
    1         10     102     2024-03-10 11:00  send      'Skipped'
    1         10     103     2024-03-10 11:00  send      ' FAILED  '
    1         10     104     2024-03-10 11:00  send      'succeeded'
    2         10     105     2024-03-10 11:00  send      'skipped'
    """
    assert counts(only(rows)) == {"sent": 1, "pending": 1}


def test_events_of_a_skipped_send_are_orphans(rows):
    """
    campaign  email  person  time              activity  result
    1         10     100     2024-03-10 11:00  send      'skipped'
    1         10     100     2024-03-10 11:01  deliver
    1         10     100     2024-03-10 11:02  open
    """
    assert rows == {}


def test_a_skipped_send_takes_nothing_from_a_real_one(rows):
    """Neither its time: what was skipped at 10:00 was sent at 11:00, and nothing happened at 11:30.

    campaign  email  person  time              activity  result
    1         10     100     2024-03-10 10:00  send      'skipped'
    1         10     100     2024-03-10 11:00  send
    1         10     100     2024-03-10 11:30  send      'failed'
    """
    row = only(rows)
    assert counts(row) == {"sent": 1, "pending": 1}
    assert times(row) == (utc("2024-03-10 11:00"), utc("2024-03-10 11:00"), utc("2024-03-10 11:00"))


def test_a_send_without_email_or_person_is_no_record(rows):
    """Nor does it lend itself to an activity without a campaign.

    campaign  email  person  time              activity
    1         -      100     2024-03-10 11:00  send
    1         10     -       2024-03-10 11:00  send
    -         10     100     2024-03-10 11:05  open
    1         -      100     2024-03-10 11:05  open
    1         10     -       2024-03-10 11:05  open
    """
    assert rows == {}


def test_sends_without_a_campaign_are_records_of_an_unknown_one(rows):
    """One of them is sent twice; 101's bounce says another campaign than the send, so it is an orphan.

    campaign  email  person  time              activity
    -         10     100     2024-03-10 11:00  send
    -         10     100     2024-03-10 11:30  send
    -         10     101     2024-03-10 11:00  send
    1         10     102     2024-03-10 11:00  send
    -         10     100     2024-03-10 11:05  open
    1         10     101     2024-03-10 11:05  bounce
    -         10     102     2024-03-10 11:10  click
    """
    assert {key: counts(row) for key, row in rows.items()} == {
        (None, 10): {"sent": 2, "delivered": 1, "opened": 1, "pending": 1},
        (1, 10): {"sent": 1, "delivered": 1, "opened": 1, "clicked_link": 1},
    }
    unknown = rows[None, 10]
    assert (unknown["campaign_id"], unknown["campaign_name"]) == (None, "Unknown campaign")
    assert unknown["last_activity"] == utc("2024-03-10 11:30")


def test_several_sends_of_a_campaign_to_a_person_are_one_record(rows):
    """Sent at the earliest of them, a week ago, so without an outcome it is aborted.

    campaign  email  person  time              activity
    1         10     100     2024-03-09 09:00  send
    1         10     100     2024-03-03 09:00  send
    1         10     100     2024-03-10 09:00  send
    """
    row = only(rows)
    assert counts(row) == {"sent": 1, "aborted": 1}
    assert times(row) == (utc("2024-03-03 09:00"), utc("2024-03-03 09:00"), utc("2024-03-10 09:00"))


def test_different_campaigns_are_different_records(rows):
    """The same email in two campaigns is two rows; the open belongs to the campaign it names.

    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    2         10     100     2024-03-10 10:00  send
    1         10     100     2024-03-10 11:00  open
    """
    assert {key: counts(row) for key, row in rows.items()} == {
        (1, 10): {"sent": 1, "delivered": 1, "opened": 1},
        (2, 10): {"sent": 1, "pending": 1},
    }


def test_different_emails_and_people_are_different_records(rows):
    """
    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    1         20     100     2024-03-10 09:00  send
    1         20     101     2024-03-10 09:00  send
    1         20     101     2024-03-10 09:01  deliver
    """
    assert {key: counts(row) for key, row in rows.items()} == {
        (1, 10): {"sent": 1, "pending": 1},
        (1, 20): {"sent": 2, "delivered": 1, "pending": 1},
    }


# ---------------------------------------------------------------------------------------------------------------
# Status: exactly one, the first that holds


def test_a_delivery(rows):
    """
    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  deliver
    """
    assert counts(only(rows)) == {"sent": 1, "delivered": 1}


def test_a_hard_bounce(rows):
    """
    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  bounce
    """
    assert counts(only(rows)) == {"sent": 1, "hard_bounced": 1}


def test_a_soft_bounce(rows):
    """
    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  soft_bounce
    """
    assert counts(only(rows)) == {"sent": 1, "soft_bounced": 1}


def test_a_soft_bounce_goes_before_a_delivery(rows):
    """Whichever came first.

    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  soft_bounce
    1         10     100     2024-03-10 09:02  deliver
    1         10     101     2024-03-10 09:00  send
    1         10     101     2024-03-10 09:01  deliver
    1         10     101     2024-03-10 09:02  soft_bounce
    """
    assert counts(only(rows)) == {"sent": 2, "soft_bounced": 2}


def test_a_hard_bounce_goes_before_a_soft_bounce_and_a_delivery(rows):
    """
    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  bounce
    1         10     100     2024-03-10 09:02  soft_bounce
    1         10     100     2024-03-10 09:03  deliver
    1         10     101     2024-03-10 09:00  send
    1         10     101     2024-03-10 09:01  deliver
    1         10     101     2024-03-10 09:02  bounce
    """
    assert counts(only(rows)) == {"sent": 2, "hard_bounced": 2}


def test_an_open_is_a_delivery_whatever_bounced(rows):
    """status.open-beats-bounce.

    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  open
    1         10     101     2024-03-10 09:00  send
    1         10     101     2024-03-10 09:01  open
    1         10     101     2024-03-10 09:02  bounce
    1         10     102     2024-03-10 09:00  send
    1         10     102     2024-03-10 09:01  soft_bounce
    1         10     102     2024-03-10 09:02  open
    """
    assert counts(only(rows)) == {"sent": 3, "delivered": 3, "opened": 3}


def test_a_click_is_an_open_and_a_delivery(rows):
    """opened.click-implies-open, with a hard bounce to overcome.

    campaign  email  person  time              activity  link
    1         10     100     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  bounce
    1         10     100     2024-03-10 09:02  click     'https://example.com/'
    """
    assert counts(only(rows)) == {"sent": 1, "delivered": 1, "opened": 1, "clicked_link": 1}


def test_an_unsubscribe_is_an_open_and_a_delivery(rows):
    """opened.unsubscribe-implies-open, with a hard and a soft bounce to overcome. It is no click.

    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  bounce
    1         10     100     2024-03-10 09:01  soft_bounce
    1         10     100     2024-03-10 09:02  unsubscribe
    """
    assert counts(only(rows)) == {"sent": 1, "delivered": 1, "opened": 1, "unsubscribed": 1}


def test_many_of_the_same_count_once(rows):
    """
    campaign  email  person  time              activity  link
    1         10     100     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  deliver
    1         10     100     2024-03-10 09:02  deliver
    1         10     100     2024-03-10 09:03  open
    1         10     100     2024-03-10 09:04  open
    1         10     100     2024-03-10 09:05  click     'https://example.com/a'
    1         10     100     2024-03-10 09:06  click     'https://example.com/b'
    1         10     100     2024-03-10 09:07  unsubscribe
    1         10     100     2024-03-10 09:08  unsubscribe
    """
    assert counts(only(rows)) == {"sent": 1, "delivered": 1, "opened": 1, "clicked_link": 1, "unsubscribed": 1}


def test_everything_at_once(rows):
    """One person for each status, and a person on whom everything happens.

    campaign  email  person  time              activity     link
    1         10     100     2024-03-10 09:00  send
    1         10     101     2024-03-01 09:00  send
    1         10     102     2024-03-10 09:00  send
    1         10     102     2024-03-10 09:01  deliver
    1         10     103     2024-03-10 09:00  send
    1         10     103     2024-03-10 09:01  bounce
    1         10     104     2024-03-10 09:00  send
    1         10     104     2024-03-10 09:01  soft_bounce
    1         10     105     2024-03-01 09:00  send
    1         10     105     2024-03-01 09:01  deliver
    1         10     105     2024-03-01 09:01  bounce
    1         10     105     2024-03-01 09:01  soft_bounce
    1         10     105     2024-03-01 09:02  open
    1         10     105     2024-03-01 09:02  click        'https://example.com/'
    1         10     105     2024-03-01 09:02  unsubscribe
    """
    row = only(rows)
    assert counts(row) == {
        "sent": 6,
        "pending": 1,
        "aborted": 1,
        "delivered": 2,
        "hard_bounced": 1,
        "soft_bounced": 1,
        "opened": 1,
        "clicked_link": 1,
        "unsubscribed": 1,
    }
    assert row["pct_delivered"] == pytest.approx(2 / 6)
    assert row["pct_hard_bounced"] == row["pct_soft_bounced"] == pytest.approx(1 / 6)
    assert row["pct_opened"] == row["pct_clicked_link"] == row["pct_unsubscribed"] == 0.5
    assert row["clicked_to_opened_ratio"] == 1.0


# ---------------------------------------------------------------------------------------------------------------
# Time


def test_aborted_from_three_days_on(rows):
    """status.aborted-after-three-days. Now is 2024-03-10 12:00: exactly three days is enough, half a second less not.

    campaign  email  person  time                   activity
    1         10     100     2024-03-07 11:59:59    send
    2         10     100     2024-03-07 12:00:00    send
    3         10     100     2024-03-07 12:00:00.5  send
    4         10     100     2024-03-07 12:00:01    send
    """
    assert {campaign: counts(row) for (campaign, _), row in rows.items()} == {
        1: {"sent": 1, "aborted": 1},
        2: {"sent": 1, "aborted": 1},
        3: {"sent": 1, "pending": 1},
        4: {"sent": 1, "pending": 1},
    }


def test_the_clock_hides_no_activity(rows):
    """Now is 2024-03-10 12:00. What happens after it counts all the same.

    campaign  email  person  time              activity
    1         10     100     2024-03-12 09:00  send
    2         10     100     2024-03-01 09:00  send
    2         10     100     2024-03-12 09:00  open
    """
    assert {campaign: counts(row) for (campaign, _), row in rows.items()} == {
        1: {"sent": 1, "pending": 1},
        2: {"sent": 1, "delivered": 1, "opened": 1},
    }


def test_events_stamped_before_their_send_count(rows):
    """The clocks of Marketo's servers differ by a second.

    campaign  email  person  time                 activity
    1         10     100     2024-03-10 08:59:59  deliver
    1         10     100     2024-03-10 09:00:00  send
    2         10     100     2024-03-10 08:59:59  bounce
    2         10     100     2024-03-10 09:00:00  send
    """
    assert {campaign: counts(row) for (campaign, _), row in rows.items()} == {
        1: {"sent": 1, "delivered": 1},
        2: {"sent": 1, "hard_bounced": 1},
    }
    assert times(rows[1, 10]) == (utc("2024-03-10 09:00"),) * 3


def test_the_times_of_a_row(rows):
    """First and last over the records' first sends; last activity over everything, an uncounted click included.

    campaign  email  person  time                   activity  link
    1         10     100     2024-03-02 09:00       send
    1         10     100     2024-03-09 23:00       send
    1         10     101     2024-03-04 09:00:00.25 send
    1         10     101     2024-03-04 09:01       deliver
    1         10     102     2024-03-03 09:00       send
    1         10     102     2024-03-09 23:59:59.5  click     'mailto:sales@example.com'
    1         10     999     2024-03-10 11:00       open
    """
    assert times(only(rows)) == (utc("2024-03-02 09:00"), utc("2024-03-04 09:00:00.25"), utc("2024-03-09 23:59:59.5"))


# ---------------------------------------------------------------------------------------------------------------
# Clicks


def test_unsubscribe_links_and_addresses_are_no_clicked_links(rows):
    """But they are opens, so they are deliveries. Compared without case and surrounding spaces.

    campaign  email  person  time              activity  link
    1         10     100     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  click     'mailto:sales@example.com'
    2         10     100     2024-03-10 09:00  send
    2         10     100     2024-03-10 09:01  click     '  MailTo:sales@example.com '
    3         10     100     2024-03-10 09:00  send
    3         10     100     2024-03-10 09:01  click     'https://example.com/u.html?mkt_unsubscribe=1&mkt_tok=x'
    4         10     100     2024-03-10 09:00  send
    4         10     100     2024-03-10 09:01  click     'HTTPS://EXAMPLE.COM/U.HTML?MKT_UNSUBSCRIBE=1'
    """
    assert [counts(row) for row in rows.values()] == [{"sent": 1, "delivered": 1, "opened": 1}] * 4


def test_every_other_link_is_a_clicked_link(rows):
    """None and the empty one, too. An underscore is an underscore, and `mailto:` stands at the beginning.

    campaign  email  person  time              activity  link
    1         10     100     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  click
    2         10     100     2024-03-10 09:00  send
    2         10     100     2024-03-10 09:01  click     ''
    3         10     100     2024-03-10 09:00  send
    3         10     100     2024-03-10 09:01  click     'https://example.com/?mktXunsubscribe=1'
    4         10     100     2024-03-10 09:00  send
    4         10     100     2024-03-10 09:01  click     'https://example.com/?mkt_unsubscribe=0'
    5         10     100     2024-03-10 09:00  send
    5         10     100     2024-03-10 09:01  click     'https://example.com/?to=mailto:sales@example.com'
    """
    expected = {"sent": 1, "delivered": 1, "opened": 1, "clicked_link": 1}
    assert [counts(row) for row in rows.values()] == [expected] * 5


def test_one_counted_click_is_enough(rows):
    """
    campaign  email  person  time              activity  link
    1         10     100     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  click     'https://example.com/'
    1         10     100     2024-03-10 09:02  click     'mailto:sales@example.com'
    1         10     100     2024-03-10 09:03  unsubscribe
    """
    expected = {"sent": 1, "delivered": 1, "opened": 1, "clicked_link": 1, "unsubscribed": 1}
    assert counts(only(rows)) == expected


# ---------------------------------------------------------------------------------------------------------------
# Orphans and activities without a campaign


def test_an_orphan_is_in_no_row(rows):
    """Its campaign, its email or its person is not that of the send.

    campaign  email  person  time              activity  link
    1         10     100     2024-03-10 09:00  send
    2         10     100     2024-03-10 09:01  click     'https://example.com/'
    1         20     100     2024-03-10 09:01  open
    1         10     101     2024-03-10 09:01  unsubscribe
    """
    row = only(rows)
    assert counts(row) == {"sent": 1, "pending": 1}
    assert row["last_activity"] == utc("2024-03-10 09:00")


def test_without_a_campaign_an_event_belongs_to_the_latest_send_before_it(rows):
    """The open of 09:30 to campaign 3 of 09:20, not to 1 before it or 2 after it.

    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:10  send
    3         10     100     2024-03-10 09:20  send
    2         10     100     2024-03-10 09:40  send
    -         10     100     2024-03-10 09:30  open
    """
    assert {campaign: counts(row) for (campaign, _), row in rows.items()} == {
        1: {"sent": 1, "pending": 1},
        2: {"sent": 1, "pending": 1},
        3: {"sent": 1, "delivered": 1, "opened": 1},
    }


def test_without_a_campaign_the_send_of_the_same_instant_is_before_it(rows):
    """
    campaign  email  person  time                 activity
    2         10     100     2024-03-10 09:10:00  send
    1         10     100     2024-03-10 09:30:00  send
    -         10     100     2024-03-10 09:30:00  bounce
    """
    assert {campaign: counts(row) for (campaign, _), row in rows.items()} == {
        1: {"sent": 1, "hard_bounced": 1},
        2: {"sent": 1, "pending": 1},
    }


def test_without_a_campaign_the_highest_campaign_wins_a_tie(rows):
    """By number, not by text: 12 is above 9.

    campaign  email  person  time              activity
    12        10     100     2024-03-10 09:10  send
    9         10     100     2024-03-10 09:10  send
    -         10     100     2024-03-10 09:30  deliver
    """
    assert {campaign: counts(row) for (campaign, _), row in rows.items()} == {
        9: {"sent": 1, "pending": 1},
        12: {"sent": 1, "delivered": 1},
    }


def test_without_a_campaign_an_event_before_every_send_is_an_orphan(rows):
    """
    campaign  email  person  time                 activity
    1         10     100     2024-03-10 09:10:00  send
    -         10     100     2024-03-10 09:09:59  open
    """
    assert counts(only(rows)) == {"sent": 1, "pending": 1}


def test_without_a_campaign_every_send_counts_not_only_the_first(rows):
    """Campaign 1 sent again at 09:20, after campaign 2: the open of 09:30 is campaign 1's.

    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    2         10     100     2024-03-10 09:10  send
    1         10     100     2024-03-10 09:20  send
    -         10     100     2024-03-10 09:30  open
    """
    assert {campaign: counts(row) for (campaign, _), row in rows.items()} == {
        1: {"sent": 1, "delivered": 1, "opened": 1},
        2: {"sent": 1, "pending": 1},
    }


def test_without_a_campaign_skipped_and_failed_sends_do_not_count(rows):
    """
    campaign  email  person  time              activity  result
    1         10     100     2024-03-10 09:00  send
    2         10     100     2024-03-10 09:10  send      'skipped'
    3         10     100     2024-03-10 09:20  send      'Failed '
    -         10     100     2024-03-10 09:30  open
    """
    assert {campaign: counts(row) for (campaign, _), row in rows.items()} == {
        1: {"sent": 1, "delivered": 1, "opened": 1}
    }


def test_without_a_campaign_the_latest_send_may_be_one_without_a_campaign(rows):
    """At the same instant as one with a campaign, it comes after it.

    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    -         10     100     2024-03-10 09:25  send
    -         10     100     2024-03-10 09:30  open
    -         10     101     2024-03-10 09:25  send
    2         10     101     2024-03-10 09:25  send
    -         10     101     2024-03-10 09:30  click
    """
    assert {campaign: counts(row) for (campaign, _), row in rows.items()} == {
        1: {"sent": 1, "pending": 1},
        None: {"sent": 2, "delivered": 1, "opened": 1, "pending": 1},
        2: {"sent": 1, "delivered": 1, "opened": 1, "clicked_link": 1},
    }


def test_without_a_campaign_only_that_person_and_that_email(rows):
    """
    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    2         20     100     2024-03-10 09:10  send
    3         10     101     2024-03-10 09:20  send
    -         10     100     2024-03-10 09:30  open
    -         -      100     2024-03-10 09:30  unsubscribe
    -         10     -       2024-03-10 09:30  unsubscribe
    """
    assert {campaign: counts(row) for (campaign, _), row in rows.items()} == {
        1: {"sent": 1, "delivered": 1, "opened": 1},
        2: {"sent": 1, "pending": 1},
        3: {"sent": 1, "pending": 1},
    }


def test_without_a_campaign_events_go_each_their_own_way(rows):
    """The bounce of 09:05 to campaign 1, the unsubscribe of 09:15 to campaign 2; each moves its last activity.

    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    2         10     100     2024-03-10 09:10  send
    -         10     100     2024-03-10 09:15  unsubscribe
    -         10     100     2024-03-10 09:05  bounce
    """
    assert {campaign: counts(row) for (campaign, _), row in rows.items()} == {
        1: {"sent": 1, "hard_bounced": 1},
        2: {"sent": 1, "delivered": 1, "opened": 1, "unsubscribed": 1},
    }
    assert rows[1, 10]["last_activity"] == utc("2024-03-10 09:05")
    assert rows[2, 10]["last_activity"] == utc("2024-03-10 09:15")


# ---------------------------------------------------------------------------------------------------------------
# Ratios


def test_a_ratio_over_nothing_is_null(rows):
    """Nothing delivered, so nothing to be a share of; but the shares of Sent are zeros.

    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    """
    row = only(rows)
    ratios = {name: row[name] for name in FIELDS if name.startswith("pct_") or name.endswith("_ratio")}
    assert ratios == {
        "pct_delivered": 0.0,
        "pct_hard_bounced": 0.0,
        "pct_soft_bounced": 0.0,
        "pct_opened": None,
        "pct_clicked_link": None,
        "clicked_to_opened_ratio": None,
        "pct_unsubscribed": None,
        "pct_human_opened": None,
        "pct_human_clicked_link": None,
    }


def test_delivered_without_an_open_has_a_null_clicked_to_opened_ratio(rows):
    """
    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  deliver
    """
    row = only(rows)
    assert (row["pct_delivered"], row["pct_opened"], row["clicked_to_opened_ratio"]) == (1.0, 0.0, None)


# ---------------------------------------------------------------------------------------------------------------
# The loader's ways


def small_log() -> Log:
    """
    campaign  email  person  time              activity     result or link
    1         10     100     2024-03-10 09:00  send         'succeeded'
    1         10     101     2024-03-10 09:00  send         'skipped'
    1         10     102     2024-03-10 09:00  send
    1         10     103     2024-03-10 09:00  send
    1         10     104     2024-03-10 09:00  send
    1         10     100     2024-03-10 09:01  deliver
    1         10     101     2024-03-10 09:02  deliver
    1         10     102     2024-03-10 09:03  click        'mailto:sales@example.com'
    1         10     103     2024-03-10 09:04  bounce
    1         10     104     2024-03-10 09:05  soft_bounce
    1         10     100     2024-03-10 09:06  unsubscribe
    1         10     104     2024-03-10 09:07  deliver
    """
    return drawn(small_log.__doc__)


SMALL_LOG_COUNTS = {
    "sent": 4,
    "delivered": 2,
    "hard_bounced": 1,
    "soft_bounced": 1,
    "opened": 2,
    "unsubscribed": 1,
}


def total(warehouse, **asked) -> dict:
    (row,) = warehouse.records(**{"as_of": NOW, "by": (), **asked})
    return row


def test_rows_loaded_again_change_nothing(warehouse):
    warehouse.load(small_log().replay(2))
    assert counts(total(warehouse)) == SMALL_LOG_COUNTS


@pytest.mark.on_spark
def test_nothing_but_the_send_table(warehouse):
    """
    campaign  email  person  time              activity
    1         10     100     2024-03-01 09:00  send
    1         10     101     2024-03-10 09:00  send
    """
    warehouse.load(drawn(test_nothing_but_the_send_table.__doc__))
    (row,) = warehouse.records(as_of=NOW)
    assert counts(row) == {"sent": 2, "aborted": 1, "pending": 1}
    assert (row["campaign_name"], row["email_name"]) == ("1", "10")


@pytest.mark.on_spark
def test_an_empty_send_table(warehouse):
    """No row, but one total of zeros."""
    warehouse.load(Log())
    assert warehouse.report(as_of=NOW).rows == []
    row = total(warehouse)
    assert counts(row) == {}
    assert [row[name] for name in COUNTS] == [0] * len(COUNTS)
    assert times(row) == (None, None, None)
    assert row["pct_delivered"] is None


@pytest.mark.parametrize(
    ("absent", "changed"),
    [
        ("activity_email_delivered", {}),  # 104 bounced softly all the same, 100 unsubscribed
        ("activity_email_bounced", {"hard_bounced": 0, "pending": 1}),
        ("activity_email_bounced_soft", {"soft_bounced": 0, "delivered": 3}),
        ("activity_click_email", {"opened": 1, "delivered": 1, "pending": 1}),
        ("activity_unsubscribe_email", {"unsubscribed": 0, "opened": 1}),
        ("activity_send_email.campaign_id", {}),
        ("activity_send_email.action_result", {"sent": 5, "delivered": 3}),
        ("activity_click_email.link", {"clicked_link": 1}),
    ],
)
def test_what_the_loader_did_not_create(warehouse, absent, changed):
    """Without a table there are no such events; without the result every send was sent, without the link every
    click counts, and without the campaign all belongs to the latest send of the email to the person."""
    warehouse.load(small_log(), drop=[absent])
    expected = SMALL_LOG_COUNTS | changed
    assert counts(total(warehouse)) == {name: count for name, count in expected.items() if count}


def test_columns_that_the_report_can_do_without(warehouse):
    """Names are worth a row's label, not the row."""
    log = small_log().campaign(1, "Spring", program=7).program(7, "Webinars").email(10, "Invitation")
    needless = ["campaign.workspace_name", "campaign.program_id", "campaign.active", "campaign._fivetran_deleted"]
    needless += ["program.workspace", "email_template_history.workspace", "email_template_history.operational"]
    needless += ["email_template_history.subject", "activity_send_email.campaign_run_id"]
    needless += ["activity_send_email._fivetran_synced", "activity_open_email.choice_number"]
    warehouse.load(log, drop=needless)
    (row,) = warehouse.records(as_of=NOW)
    assert counts(row) == SMALL_LOG_COUNTS
    assert (row["campaign_name"], row["email_name"]) == ("Spring", "Invitation")


@pytest.mark.on_spark
def test_rows_that_arrive_later_are_in_the_next_report(warehouse):
    """The report leaves the database as it was, and open to those who write to it."""
    warehouse.load(small_log())
    assert counts(total(warehouse)) == SMALL_LOG_COUNTS
    warehouse.execute("INSERT INTO activity_email_bounced SELECT * FROM activity_email_delivered")
    assert total(warehouse)["hard_bounced"] == 2


@pytest.mark.on_spark
def test_times_with_a_zone(warehouse):
    """Fivetran lands times with a zone where the database has such a type. The report speaks UTC, always.

    campaign  email  person  time              activity
    1         10     100     2024-03-07 12:00  send
    1         10     101     2024-03-07 12:01  send
    1         10     101     2024-03-07 23:30  deliver
    """
    warehouse.load(drawn(test_times_with_a_zone.__doc__), zoned=True)
    row = total(warehouse)
    assert counts(row) == {"sent": 2, "aborted": 1, "delivered": 1}
    assert times(row) == (utc("2024-03-07 12:00"), utc("2024-03-07 12:01"), utc("2024-03-07 23:30"))


def not_in_utc() -> Log:
    """Now is 2024-03-10 12:00 UTC.

    campaign  email  person  time                 activity
    1         10     100     2024-03-07 00:30:00  send
    1         10     101     2024-03-07 12:00:00  send
    1         10     102     2024-03-07 12:00:01  send
    1         10     103     2024-03-07 23:30:00  send
    """
    return drawn(not_in_utc.__doc__)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize("zoned", [True, False])
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_a_database_that_does_not_live_in_utc(warehouse, zone, zoned):
    """Days, the clock and the times of the report are UTC all the same."""
    warehouse.load(not_in_utc(), zoned=zoned)
    warehouse.execute(f"ALTER DATABASE \"{warehouse.uri.rpartition('/')[2]}\" SET timezone = '{zone}'")
    (row,) = warehouse.records(as_of=NOW, by=("day",), date_from=date(2024, 3, 7), date_to=date(2024, 3, 8))
    assert row["day"] == date(2024, 3, 7)
    assert counts(row) == {"sent": 4, "aborted": 2, "pending": 2}
    assert times(row)[:2] == (utc("2024-03-07 00:30"), utc("2024-03-07 23:30"))


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"], indirect=True)
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_a_machine_that_does_not_live_in_utc(warehouse, zone):
    """A database in the process takes the zone of the machine, once and for all: hence a process of its own."""
    warehouse.load(not_in_utc(), zoned=True)
    program = """
        import sys, datetime
        from superset_campaign_plugin.reporting.run_report import run_report
        report = run_report(sys.argv[1], as_of=datetime.datetime(2024, 3, 10, 12), by=("day",))
        for row in report.records():
            print(row["day"], row["sent"], row["aborted"], row["pending"], row["first_sent"], row["last_sent"])
    """
    done = subprocess.run(
        [sys.executable, "-c", inspect.cleandoc(program), warehouse.uri],
        env={**os.environ, "TZ": zone, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["2024-03-07 4 2 2 2024-03-07 00:30:00 2024-03-07 23:30:00"], done.stderr


@pytest.mark.parametrize(
    "spelling", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+00:00", "mixed"]
)
@pytest.mark.on_spark
def test_times_spelled_as_text(warehouse, spelling):
    """Every loader spells times in its own way, and two tables need not agree.

    campaign  email  person  time              activity
    1         10     100     2024-03-07 12:00  send
    1         10     101     2024-03-07 13:00  send
    2         10     101     2024-03-07 14:00  send
    -         10     101     2024-03-07 13:30  open
    """
    log = drawn(test_times_spelled_as_text.__doc__)
    mixed = {"activity_send_email": "%Y-%m-%d %H:%M:%S.%f", "activity_open_email": "%Y-%m-%dT%H:%M:%SZ"}
    warehouse.load(log, text=mixed if spelling == "mixed" else spelling)
    rows = {row["campaign_id"]: row for row in warehouse.records(as_of=NOW, by=("campaign",))}
    assert counts(rows[1]) == {"sent": 2, "aborted": 1, "delivered": 1, "opened": 1}
    assert counts(rows[2]) == {"sent": 1, "pending": 1}
    assert times(rows[1]) == (utc("2024-03-07 12:00"), utc("2024-03-07 13:00"), utc("2024-03-07 13:30"))


@pytest.mark.parametrize(("offset", "hours"), [("+02:00", -2), ("-05:30", 5.5)])
@pytest.mark.on_spark
def test_times_spelled_as_text_with_an_offset(warehouse, offset, hours):
    """14:00 at +02:00 is 12:00 UTC, which is what the report speaks.

    campaign  email  person  time              activity
    1         10     100     2024-03-07 12:00  send
    """
    warehouse.load(drawn(test_times_spelled_as_text_with_an_offset.__doc__), text=f"%Y-%m-%dT%H:%M:%S{offset}")
    assert total(warehouse)["first_sent"] == utc("2024-03-07 12:00") + timedelta(hours=hours)


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"], indirect=True)
def test_tables_in_a_schema(warehouse):
    """What lies in the default schema is another log."""
    warehouse.load(drawn("5  50  500  2024-03-10 09:00  send"))
    write(small_log().campaign(1, "Spring"), warehouse.uri, schema="marketo_eu")
    (row,) = warehouse.records(as_of=NOW, schema="marketo_eu")
    assert counts(row) == SMALL_LOG_COUNTS
    assert row["campaign_name"] == "Spring"
    (row,) = warehouse.records(as_of=NOW)
    assert row["campaign_id"] == 5


# ---------------------------------------------------------------------------------------------------------------
# The clock


@pytest.mark.on_spark
def test_without_a_clock_it_is_now(warehouse):
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    log = Log()
    for person, age in ((100, timedelta(days=3, minutes=5)), (101, timedelta(days=2, hours=23, minutes=55))):
        log.send(1, 10, person, (now - age).isoformat(" ", "seconds"))
    warehouse.load(log)
    assert counts(total(warehouse, as_of=None)) == {"sent": 2, "aborted": 1, "pending": 1}


def test_a_clock_with_a_zone_is_that_instant(warehouse):
    """14:00 at +02:00 is 12:00 UTC.

    campaign  email  person  time                 activity
    1         10     100     2024-03-07 12:00:00  send
    1         10     101     2024-03-07 12:00:01  send
    """
    warehouse.load(drawn(test_a_clock_with_a_zone_is_that_instant.__doc__))
    as_of = datetime(2024, 3, 10, 14, tzinfo=timezone(timedelta(hours=2)))
    assert counts(total(warehouse, as_of=as_of)) == {"sent": 2, "aborted": 1, "pending": 1}


# ---------------------------------------------------------------------------------------------------------------
# Names


@pytest.mark.on_spark
def test_the_newest_version_of_an_asset_gives_the_names(warehouse):
    """And never a second row, however many versions there are.

    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    1         10     101     2024-03-10 09:00  send
    """
    log = drawn(test_the_newest_version_of_an_asset_gives_the_names.__doc__)
    log.email(10, "Invitation, old", updated="2024-01-01").email(10, "Invitation", updated="2024-03-09 10:00")
    log.email(10, "Invitation, older", updated="2023-12-31 23:00").email(11, "Another", updated="2024-05-01")
    log.campaign(1, "Spring", program=7, updated="2024-02-01")
    log.campaign(1, "Winter", program=8, updated="2024-01-01", workspace="Gone")
    log.program(7, "Webinars, old", updated="2023-01-01").program(7, "Webinars", updated="2023-01-02")
    warehouse.load(log)
    (row,) = warehouse.records(as_of=NOW, by=("workspace", "program", "campaign", "email"))
    assert list(row.values())[:7] == ["Default", 7, "Webinars", 1, "Spring", 10, "Invitation"]
    assert counts(row) == {"sent": 2, "pending": 2}


@pytest.mark.on_spark
def test_a_missing_name_is_the_id(warehouse):
    """Campaign 1 has a row without a name, in a program without a row; campaign 2 and email 20 have no row.

    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    2         20     100     2024-03-10 09:00  send
    """
    log = drawn(test_a_missing_name_is_the_id.__doc__)
    log.campaign(1, None, program=7).campaign(3, "Another").email(10, None).email(30, "Another").program(9, "Another")
    warehouse.load(log)
    first, second = sorted(
        warehouse.records(as_of=NOW, by=("program", "campaign", "email")), key=lambda row: row["campaign_id"]
    )
    assert list(first.values())[:6] == [7, "7", 1, "1", 10, "10"]
    assert list(second.values())[:6] == [None, None, 2, "2", 20, "20"]
    assert counts(first) == counts(second) == {"sent": 1, "pending": 1}


def test_the_workspace_of_a_row(warehouse):
    """The campaign's; where that is unknown the program's, then the email's.

    campaign  email  person  time              activity
    1         10     100     2024-03-10 09:00  send
    2         10     100     2024-03-10 09:00  send
    3         10     100     2024-03-10 09:00  send
    4         10     100     2024-03-10 09:00  send
    4         20     100     2024-03-10 09:00  send
    """
    log = drawn(test_the_workspace_of_a_row.__doc__)
    log.campaign(1, "A", program=7, workspace="Americas").campaign(2, "B", program=7, workspace=None)
    log.campaign(3, "C", workspace=None).program(7, "P", workspace="Europe").email(10, "E", workspace="Asia")
    warehouse.load(log)
    rows = warehouse.records(as_of=NOW, by=("campaign", "email", "workspace"))
    assert {(row["campaign_id"], row["email_id"]): row["workspace"] for row in rows} == {
        (1, 10): "Americas",
        (2, 10): "Europe",
        (3, 10): "Asia",
        (4, 10): "Asia",
        (4, 20): None,
    }


@pytest.mark.on_spark
def test_names_are_taken_as_they_are(warehouse):
    """Quotes, percent signs, colons, backslashes and scripts from right to left."""
    names = {1: 'O\'Brien & "Söhne"', 2: "100 % :off", 3: "a\\b_c%", 4: "זהב; DROP TABLE campaign --"}
    log = Log()
    for number, name in names.items():
        log.send(number, 10, 100, "2024-03-10 09:00").campaign(number, name)
    warehouse.load(log)
    rows = warehouse.records(as_of=NOW, by=("campaign",))
    assert {row["campaign_id"]: row["campaign_name"] for row in rows} == names
    for number, name in names.items():
        rows = warehouse.records(as_of=NOW, by=("campaign",), where={"campaign_name": [name]})
        assert [row["campaign_id"] for row in rows] == [number]


# ---------------------------------------------------------------------------------------------------------------
# Groups, dates and filters, over one log


@pytest.fixture(scope="module", params=ENGINES)
def season(request, warehouse_on):
    """Two programs of two workspaces; campaign 3 has no program. 2024-03-31 is a Sunday.

    campaign  email  person  time                 activity  link
    1         10     100     2024-03-30 09:00     send
    1         10     100     2024-03-30 09:01     open
    1         10     101     2024-03-31 23:59:59  send
    1         10     101     2024-04-01 00:05     click     'https://example.com/'
    1         20     100     2024-04-01 00:00     send
    1         20     100     2024-04-01 00:01     bounce
    2         10     100     2024-04-01 08:00     send
    2         10     101     2024-04-01 08:00     send
    2         10     102     2024-04-01 08:00     send
    2         10     102     2024-04-01 08:02     deliver
    3         20     100     2024-04-03 08:00     send
    3         20     100     2024-04-30 08:00     send
    """
    log = drawn(season.__doc__)
    log.campaign(1, "Spring", program=7, workspace="Europe").campaign(2, "Autumn", program=8, workspace="Asia")
    log.campaign(3, "Spring", workspace="Europe").program(7, "Webinars").program(8, "Fairs")
    log.email(10, "Invitation").email(20, "Reminder")
    return warehouse_on(request.param).load(log)


CLOCK = utc("2024-04-04 08:00")  # three days after campaign 2


def asked(season, by, *columns, **more):
    """The report at `CLOCK` as {(group columns): counts}; the columns named are the keys."""
    records = season.records(as_of=CLOCK, by=by, **more)
    keyed = {tuple(row[column] for column in columns): counts(row) for row in records}
    assert len(keyed) == len(records)
    return keyed


SPRING_INVITATION = {"sent": 2, "delivered": 2, "opened": 2, "clicked_link": 1}
SPRING_REMINDER = {"sent": 1, "hard_bounced": 1}
AUTUMN_INVITATION = {"sent": 3, "delivered": 1, "aborted": 2}
LATE_REMINDER = {"sent": 1, "pending": 1}
ALL = {
    "sent": 7,
    "delivered": 3,
    "hard_bounced": 1,
    "aborted": 2,
    "pending": 1,
    "opened": 2,
    "clicked_link": 1,
}


def test_the_grand_total(season):
    report = season.report(as_of=CLOCK, by=())
    assert report.columns == FIELDS
    (row,) = report.records()
    assert counts(row) == ALL
    assert times(row) == (utc("2024-03-30 09:00"), utc("2024-04-03 08:00"), utc("2024-04-30 08:00"))


def test_by_campaign_and_email(season):
    """The default grouping."""
    report = season.report(as_of=CLOCK)
    assert report.columns == ["campaign_id", "campaign_name", "email_id", "email_name", *FIELDS]
    rows = {row[:4]: dict(zip(report.columns, row, strict=True)) for row in report.rows}
    assert {key: counts(row) for key, row in rows.items()} == {
        (1, "Spring", 10, "Invitation"): SPRING_INVITATION,
        (1, "Spring", 20, "Reminder"): SPRING_REMINDER,
        (2, "Autumn", 10, "Invitation"): AUTUMN_INVITATION,
        (3, "Spring", 20, "Reminder"): LATE_REMINDER,
    }


def test_by_workspace(season):
    assert asked(season, ("workspace",), "workspace") == {
        ("Europe",): {"sent": 4, "delivered": 2, "hard_bounced": 1, "pending": 1, "opened": 2, "clicked_link": 1},
        ("Asia",): AUTUMN_INVITATION,
    }


def test_by_program(season):
    """What belongs to no program is a group of its own."""
    assert asked(season, ("program",), "program_id", "program_name") == {
        (7, "Webinars"): {"sent": 3, "delivered": 2, "hard_bounced": 1, "opened": 2, "clicked_link": 1},
        (8, "Fairs"): AUTUMN_INVITATION,
        (None, None): LATE_REMINDER,
    }


def test_by_campaign(season):
    """Two campaigns of one name are two."""
    assert asked(season, ("campaign",), "campaign_id", "campaign_name") == {
        (1, "Spring"): {"sent": 3, "delivered": 2, "hard_bounced": 1, "opened": 2, "clicked_link": 1},
        (2, "Autumn"): AUTUMN_INVITATION,
        (3, "Spring"): LATE_REMINDER,
    }


def test_by_email(season):
    """A ratio of a group is the ratio of its sums: 2 of 2 and 0 of 1 opened make 2 of 3."""
    assert asked(season, ("email",), "email_id", "email_name") == {
        (10, "Invitation"): {"sent": 5, "delivered": 3, "aborted": 2, "opened": 2, "clicked_link": 1},
        (20, "Reminder"): {"sent": 2, "hard_bounced": 1, "pending": 1},
    }
    row = next(row for row in season.records(as_of=CLOCK, by=("email",)) if row["email_id"] == 10)
    assert row["pct_delivered"] == pytest.approx(3 / 5)
    assert row["pct_opened"] == pytest.approx(2 / 3)
    assert row["pct_clicked_link"] == pytest.approx(1 / 3)
    assert row["clicked_to_opened_ratio"] == pytest.approx(1 / 2)


def test_by_day(season):
    """The day of the record's first send; an event of the day after is the record's."""
    assert asked(season, ("day",), "day") == {
        (date(2024, 3, 30),): {"sent": 1, "delivered": 1, "opened": 1},
        (date(2024, 3, 31),): {"sent": 1, "delivered": 1, "opened": 1, "clicked_link": 1},
        (date(2024, 4, 1),): {"sent": 4, "delivered": 1, "hard_bounced": 1, "aborted": 2},
        (date(2024, 4, 3),): LATE_REMINDER,
    }


def test_by_week(season):
    """Named by its Monday: a Sunday belongs to the Monday six days before."""
    assert asked(season, ("week",), "week") == {
        (date(2024, 3, 25),): SPRING_INVITATION,
        (date(2024, 4, 1),): {"sent": 5, "delivered": 1, "hard_bounced": 1, "aborted": 2, "pending": 1},
    }


def test_by_month(season):
    assert asked(season, ("month",), "month") == {
        (date(2024, 3, 1),): SPRING_INVITATION,
        (date(2024, 4, 1),): {"sent": 5, "delivered": 1, "hard_bounced": 1, "aborted": 2, "pending": 1},
    }


def test_combinations_keep_the_order_asked_for(season):
    report = season.report(as_of=CLOCK, by=("month", "workspace", "program"))
    assert report.columns[:4] == ["month", "workspace", "program_id", "program_name"]
    assert {row[:3]: row[4] for row in report.rows} == {
        (date(2024, 3, 1), "Europe", 7): 2,
        (date(2024, 4, 1), "Europe", 7): 1,
        (date(2024, 4, 1), "Europe", None): 1,
        (date(2024, 4, 1), "Asia", 8): 3,
    }
    report = season.report(as_of=CLOCK, by=("email", "day"))
    assert report.columns[:3] == ["email_id", "email_name", "day"]
    assert {(row[0], row[2]): row[3] for row in report.rows} == {
        (10, date(2024, 3, 30)): 1,
        (10, date(2024, 3, 31)): 1,
        (10, date(2024, 4, 1)): 3,
        (20, date(2024, 4, 1)): 1,
        (20, date(2024, 4, 3)): 1,
    }


@pytest.mark.parametrize(
    ("date_from", "date_to", "sent"),
    [
        (date(2024, 3, 31), None, 6),  # the first day is in
        (None, date(2024, 3, 31), 1),  # the last is not
        (date(2024, 3, 31), date(2024, 4, 1), 1),
        (date(2024, 4, 1), date(2024, 4, 2), 4),  # midnight belongs to the day that begins
        (date(2024, 4, 2), date(2024, 4, 3), 0),
        (date(2024, 4, 30), None, 0),  # sent again, but first sent before
    ],
)
def test_dates(season, date_from, date_to, sent):
    """Records are in or out by their first send; what is in brings all of its events."""
    (row,) = season.records(as_of=CLOCK, by=(), date_from=date_from, date_to=date_to)
    assert row["sent"] == sent


def test_a_record_in_range_brings_its_later_events(season):
    (row,) = season.records(as_of=CLOCK, by=(), date_from=date(2024, 3, 31), date_to=date(2024, 4, 1))
    assert counts(row) == {"sent": 1, "delivered": 1, "opened": 1, "clicked_link": 1}
    assert row["last_activity"] == utc("2024-04-01 00:05")


@pytest.mark.parametrize(
    ("where", "sent"),
    [
        ({"workspace": ["Europe"]}, 4),
        ({"workspace": ["Europe", "Asia"]}, 7),
        ({"program_id": ["8"]}, 3),
        ({"program_name": ["Webinars"]}, 3),
        ({"campaign_id": ["1", "3"]}, 4),
        ({"campaign_name": ["Spring"]}, 4),
        ({"email_id": ["20"]}, 2),
        ({"email_name": ["Invitation"]}, 5),
        ({"campaign_name": ["Spring"], "email_name": ["Reminder"]}, 2),
        ({"campaign_name": ["Autumn"], "email_name": ["Reminder"]}, 0),
        ({"campaign_name": ["Spring", "spring", "Spr%"]}, 4),
    ],
    ids=str,
)
def test_where(season, where, sent):
    """Several values of a field are alternatives, several fields must all hold; names are compared whole."""
    (row,) = season.records(as_of=CLOCK, by=(), where=where)
    assert row["sent"] == sent


@pytest.mark.parametrize("name", ["spring", "Spr%", "SPRING "])
def test_a_name_that_no_row_has_is_told_with_the_nearest(season, name):
    """Names are compared whole, and the letters' case counts, on every engine."""
    with pytest.raises(UsageError, match=r"unknown campaign_name .*Spring"):
        season.records(as_of=CLOCK, by=(), where={"campaign_name": [name]})
    found = season.report(as_of=CLOCK, by=(), where={"campaign_name": [name, "Spring"]})
    assert [
        note for note in found.notes if note.startswith(f"unknown campaign_name {name!r}, ignored: ")
    ] == found.notes
    assert len(found.notes) == 1


def test_where_and_dates_and_groups_together(season):
    """Also by a field that is not grouped by."""
    found = asked(
        season,
        ("email",),
        "email_name",
        where={"workspace": ["Europe"]},
        date_from=date(2024, 3, 31),
        date_to=date(2024, 4, 2),
    )
    assert found == {
        ("Invitation",): {"sent": 1, "delivered": 1, "opened": 1, "clicked_link": 1},
        ("Reminder",): SPRING_REMINDER,
    }

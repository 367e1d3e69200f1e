"""When people opened and clicked, against times and rates counted by hand, on every engine."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from logs import APPLE_PROXY, Log

from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.report.datasets import TIMING_DATASET, Options
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.reporting.dataset_sql import dataset_sql
from superset_campaign_plugin.reporting.query import dataset_rows
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect

pytestmark = pytest.mark.on_every_engine

# A Friday.
SENT = "2024-03-01 10:30"


def people(warehouse: Any, name: str, **asked: Any) -> list[tuple[int, str, int]]:
    """(hours since the send, in words, people) of whom there are any."""
    rows = warehouse.timing(by=["hours"], **asked).records()
    return [(row["hours_since_send"], row["hours_label"], row[name]) for row in rows if row[name]]


@pytest.mark.on_spark
def test_a_time_since_the_send_begins_with_its_first_moment(warehouse: Any) -> None:
    log = Log()
    times = {
        "2024-03-01 10:29:59": (0, "00 h"),  # before the send
        "2024-03-01 11:29:59.9": (0, "00 h"),
        "2024-03-01 11:30": (1, "01 h"),
        "2024-03-02 10:29:59": (23, "23 h"),
        "2024-03-02 10:30": (24, "Day 2"),
        "2024-03-03 10:29:59": (24, "Day 2"),
        "2024-03-03 10:30": (48, "Day 3"),
        "2024-03-08 10:29:59": (144, "Day 7"),
        "2024-03-08 10:30": (168, "Later"),
        "2024-05-01": (168, "Later"),
    }
    for person, at in enumerate(times, start=100):
        log.send(1, 10, person, SENT).open(1, 10, person, at)
    found = people(warehouse.load(log), "opened")
    expected = list(times.values())
    assert found == [(*time, expected.count(time)) for time in sorted(set(expected))]
    assert [label for _, label, _ in found] == sorted(label for _, label, _ in found)


def test_each_person_counts_once_at_the_first_time(warehouse: Any) -> None:
    """
    person  at 12:00       at 13:00        at 14:00    the day after  opened  clicked  human opened  human clicked
    100     an open        an open         a click     a click        1       3        1             3
    101                                    a click     an open        3       3        3             3
    102     bot's click    Apple's proxy   a click                    1       1        3             3
    103                    mail address    unsubscribes               2                2
    """
    log = Log()
    for person in range(100, 104):
        log.send(1, 10, person, SENT)
    log.open(1, 10, 100, "2024-03-01 12:00").open(1, 10, 100, "2024-03-01 13:00")
    log.click(1, 10, 100, "2024-03-02 17:00").click(1, 10, 100, "2024-03-01 14:00")
    log.click(1, 10, 101, "2024-03-01 14:00").open(1, 10, 101, "2024-03-02 17:00")
    log.click(1, 10, 102, "2024-03-01 12:00", bot=True).open(1, 10, 102, "2024-03-01 13:00", agent=APPLE_PROXY)
    log.click(1, 10, 102, "2024-03-01 14:00")
    log.click(1, 10, 103, "2024-03-01 13:00", link="mailto:sales@example.com")
    log.unsubscribe(1, 10, 103, "2024-03-01 14:00")
    warehouse.load(log)
    assert people(warehouse, "opened") == [(1, "01 h", 2), (2, "02 h", 1), (3, "03 h", 1)]
    assert people(warehouse, "clicked_link") == [(1, "01 h", 1), (3, "03 h", 2)]
    assert people(warehouse, "human_opened") == [(1, "01 h", 1), (2, "02 h", 1), (3, "03 h", 2)]
    assert people(warehouse, "human_clicked_link") == [(3, "03 h", 3)]
    without_bots = {"rules": Rules(leave_out_bots=True)}
    assert people(warehouse, "opened", **without_bots) == [(1, "01 h", 1), (2, "02 h", 2), (3, "03 h", 1)]


@pytest.mark.on_spark
def test_a_rate_counts_sends_that_are_old_enough(warehouse: Any) -> None:
    """The newest activity is of 2024-03-11 10:30.

    email  sent                                        opened after                     % in 24 h  3 days  7 days
    10     to two on 2024-03-01 10:30                  2 h; 50 h                        1 / 2      2 / 2   2 / 2
    20     on 2024-03-08 10:30, which is 3 days old    30 h                             0 / 1      1 / 1   none
    30     on 2024-03-10 at 10:00 and 10:31            1 h; not                         none: the second is younger
    """
    log = Log().send(1, 10, 100, SENT).send(1, 10, 101, SENT)
    log.open(1, 10, 100, "2024-03-01 12:30").open(1, 10, 101, "2024-03-03 12:30")
    log.send(1, 20, 100, "2024-03-08 10:30").click(1, 20, 100, "2024-03-09 16:30")
    log.send(1, 30, 100, "2024-03-10 10:00").open(1, 30, 100, "2024-03-10 11:00")
    log.send(1, 30, 101, "2024-03-10 10:31").deliver(1, 30, 101, "2024-03-11 10:30")
    warehouse.load(log)
    rows = {row["email_id"]: row for row in warehouse.timing(by=["email"]).records()}
    ages = ("24h", "3d", "7d")
    assert {email: [row[f"delivered_{age}"] for age in ages] for email, row in rows.items()} == {
        10: [2, 2, 2],
        20: [1, 1, 0],
        30: [0, 0, 0],
    }
    assert {email: [row[f"pct_opened_{age}"] for age in ages] for email, row in rows.items()} == {
        10: [0.5, 1.0, 1.0],
        20: [0.0, 1.0, None],
        30: [None, None, None],
    }
    [total] = warehouse.timing(by=[]).records()
    assert (total["sent"], total["delivered"], total["opened"], total["clicked_link"]) == (5, 5, 4, 1)
    assert [total[f"pct_opened_{age}"] for age in ages] == pytest.approx([1 / 3, 1.0, 1.0])
    assert [total[f"pct_clicked_link_{age}"] for age in ages] == pytest.approx([0.0, 1 / 3, 0.0])


@pytest.mark.on_spark
def test_weekdays_and_hours_are_those_of_the_time_zone(warehouse: Any) -> None:
    """23:30 UTC on a Sunday is Monday 00:30 in Berlin in winter, and 01:30 in summer."""
    warehouse.load(Log().send(1, 10, 100, "2024-01-07 23:30").send(1, 10, 101, "2024-07-07 23:30"))

    def found(**asked: Any) -> list[tuple[str, int, int]]:
        rows = warehouse.timing(by=["weekday", "hour"], **asked).records()
        return [(row["weekday_label"], row["sent_hour"], row["sent"]) for row in rows]

    assert found() == [("7 Sunday", 23, 2)]
    in_berlin = {"rules": Rules(time_zone="Europe/Berlin")}
    if warehouse.engine == "sqlite":
        with pytest.raises(UsageError, match="knows no time zones"):
            found(**in_berlin)
        return
    assert found(**in_berlin) == [("1 Monday", 0, 1), ("1 Monday", 1, 1)]
    assert warehouse.timing(**in_berlin).notes == ["days, weekdays and hours of the send are those of Europe/Berlin"]


def test_what_charts_are_made_of(warehouse: Any) -> None:
    """Email 10 went to 100 people and 20 to 99, of each of whom a quarter opened; both are three days old."""
    log = Log()
    for email, reached in ((10, 100), (20, 99)):
        for person in range(reached):
            log.send(1, email, person, SENT).deliver(1, email, person, SENT)
            if person % 4 == 0:
                log.open(1, email, person, "2024-03-02 12:00")
    warehouse.load(log.deliver(1, 10, 1, "2024-03-05 10:30"))
    names = ("pct_opened_3d_of_many", "email_preview", "last_day", "time_zone_of_hours")
    metrics = {metric.name: metric.expression for metric in load_semantics().datasets[TIMING_DATASET].metrics}
    figures = [sa.literal_column(metrics[name]).label(name) for name in names]
    with connect(warehouse.uri) as (connection, engine):
        sql = dataset_sql(connection, engine, resolve("fivetran", None), Options(), [TIMING_DATASET])[TIMING_DATASET]
        email = sa.column("email_id")
        query = sa.select(email, *figures).select_from(dataset_rows(sql, "timing")).group_by(email).order_by(email)
        first, second = connection.execute(query).mappings()
    assert (float(first["pct_opened_3d_of_many"]), second["pct_opened_3d_of_many"]) == (0.25, None)
    address = "/campaign-email/10/?campaign_id=1&sent_from=2024-03-01&sent_to=2024-03-01"
    assert first["email_preview"] == f'<a title="10" href="{address}" target="_blank">10</a>'
    assert (first["last_day"], first["time_zone_of_hours"]) == ("2024-03-01", "UTC")


def test_a_log_of_sends_alone_has_no_times(warehouse: Any) -> None:
    warehouse.load(Log().send(1, 10, 100, SENT))
    assert warehouse.timing(by=["hours"]).records() == []
    [row] = warehouse.timing(by=[]).records()
    assert (row["sent"], row["delivered"], row["pct_opened_24h"]) == (1, 0, None)

"""What is always true of the report, whatever the log: one test a truth, over random logs on every engine."""

from __future__ import annotations

import functools
import random
from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import CLOCKS, ENGINES, INSTANTS, Activity, Log, crowd, random_logs
from oracle import COUNTS, FIRST, GROUP_COLUMNS, RATIOS, STATUSES

EXAMPLES = {"duckdb": 2, "sqlite": 6, "postgresql": 2, "mysql": 2, "hive": 1}
EVERYTHING = ("campaign", "email", "day")  # every report adds up from these groups


# Not on Spark: each of its many reports takes ten seconds there, and every cell is compared with the independent count.
@pytest.fixture(scope="module", params=[engine for engine in ENGINES if engine != "hive"])
def crowded(request, warehouse_on):
    """A database that holds a crowd's log."""
    return warehouse_on(request.param).load(crowd(people=500, seed=11))


@functools.cache
def rows(crowded, clock=CLOCKS[5], by=EVERYTHING) -> list[dict]:
    """The rows of the crowd's report, which many truths are told of."""
    return crowded.records(as_of=clock, by=by)


def always(**strategies):
    """Runs an inner test over random logs, as often as its engine is fast."""

    def decorate(test):
        def run(warehouse):
            settings(
                max_examples=EXAMPLES[warehouse.engine],
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            )(given(log=random_logs(max_size=120), clock=st.sampled_from(CLOCKS), **strategies)(test))(warehouse)

        run.__doc__ = test.__doc__
        return run

    return decorate


def summed(groups: list[dict]) -> Counter:
    """The counts of all rows together."""
    return Counter({name: sum(row[name] for row in groups) for name in COUNTS})


# ---------------------------------------------------------------------------------------------------------------
# Within a row


def test_every_record_has_exactly_one_status(crowded):
    for row in rows(crowded):
        assert row["sent"] == sum(row[status] for status in STATUSES)


def test_clicked_opened_delivered_sent_in_falling_order(crowded):
    for row in rows(crowded):
        assert 0 <= row["clicked_link"] <= row["opened"] <= row["delivered"] <= row["sent"]
        assert 0 <= row["unsubscribed"] <= row["opened"]
        assert row["sent"] > 0


def test_a_ratio_is_its_part_over_its_whole(crowded):
    for row in rows(crowded) + rows(crowded, by=("workspace",)) + rows(crowded, by=()):
        for ratio, (part, whole) in RATIOS.items():
            if row[whole]:
                assert row[ratio] == pytest.approx(row[part] / row[whole])
                assert 0 <= row[ratio] <= 1
            else:
                assert row[ratio] is None


def test_times_are_in_order_and_on_the_row_s_day(crowded):
    for row in rows(crowded):
        assert row["first_sent"] <= row["last_sent"] <= row["last_activity"]
        assert row["first_sent"].date() == row["last_sent"].date() == row["day"]


# ---------------------------------------------------------------------------------------------------------------
# Between reports


@pytest.mark.parametrize(
    "by", [(name,) for name in GROUP_COLUMNS] + [("week", "program"), ("email", "month"), ("workspace", "campaign")]
)
def test_every_grouping_adds_up_to_the_same_total(crowded, by):
    (total,) = rows(crowded, by=())
    groups = rows(crowded, by=by)
    assert summed(groups) == summed([total])
    assert min(row["first_sent"] for row in groups) == total["first_sent"]
    assert max(row["last_sent"] for row in groups) == total["last_sent"]
    assert max(row["last_activity"] for row in groups) == total["last_activity"]


@pytest.mark.parametrize("by", [("campaign", "email", "hours"), ("day", "hour"), ("hours",)], ids=str)
def test_the_timing_adds_up_to_the_report(crowded, by):
    """Whoever opened or clicked did it first at one time, and was sent the email in one hour."""
    [total] = rows(crowded, by=())
    counted = [name for name in ("sent", "delivered", *FIRST) if name in FIRST or "hours" not in by]
    timed = crowded.timing(by=by).records()
    assert {name: sum(row[name] for row in timed) for name in counted} == {name: total[name] for name in counted}


def test_ranges_of_dates_add_up(crowded):
    """Whatever the day at which the log is cut in two."""
    whole = summed(rows(crowded))
    for day in (date(2024, 3, 31), date(2024, 4, 1)):
        before, after = crowded.records(as_of=CLOCKS[5], date_to=day), crowded.records(as_of=CLOCKS[5], date_from=day)
        assert summed(before) + summed(after) == whole


def test_time_only_turns_pending_into_aborted(crowded):
    """The clock changes nothing else, and nothing back."""
    earlier = None
    for clock in CLOCKS[2:9:2]:
        now = {(row["campaign_id"], row["email_id"], row["day"]): row for row in rows(crowded, clock)}
        for key, row in now.items():
            before = earlier[key] if earlier else row
            assert {name for name in row if row[name] != before[name]} <= {"pending", "aborted"}
            assert row["aborted"] >= before["aborted"]
        assert earlier is None or now.keys() == earlier.keys()
        earlier = now


# ---------------------------------------------------------------------------------------------------------------
# Between logs


def rows_of(warehouse, log: Log, clock) -> list[tuple]:
    return sorted(warehouse.load(log).report(as_of=clock, by=EVERYTHING).rows, key=str)


@pytest.mark.on_spark
@always(seed=st.integers(0, 2**16), times=st.integers(1, 2))
def test_neither_order_nor_replay_matters(warehouse, log, clock, seed, times):
    """The loader may write rows in any order, and again."""
    before = rows_of(warehouse, log, clock)
    log.replay(times)
    rng = random.Random(seed)
    for loaded in (log.activities, log.campaigns, log.programs, log.emails):
        rng.shuffle(loaded)
    assert rows_of(warehouse, log, clock) == before


@always()
def test_orphans_change_nothing(warehouse, log, clock):
    """Events of a person who was never sent anything, with and without a campaign."""
    before = rows_of(warehouse, log, clock)
    for kind in ("deliver", "bounce", "soft_bounce", "open", "click", "unsubscribe"):
        for campaign in (1, 2, None):
            number = len(log.activities) + 1000
            log.activities.append(Activity(kind, number, INSTANTS[0] + timedelta(days=30), campaign, 10, 900))
    assert rows_of(warehouse, log, clock) == before


@always()
def test_people_add_up(warehouse, log, clock):
    """Nobody's activities touch the counts of anybody else: the log of two people is the sum of their logs."""
    alone = Counter()
    for person in (100, 200):
        part = Log([activity for activity in log.activities if activity.person == person])
        alone += summed(warehouse.load(part).records(as_of=clock))
    assert +summed(warehouse.load(log).records(as_of=clock)) == alone

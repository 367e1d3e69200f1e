"""Every cell of the report equals the independent count, on any log and on every engine."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import CLOCKS, INSTANTS, crowd, generate, random_logs, utc, with_bounces, with_hours
from oracle import (
    FIRST,
    GROUP_COLUMNS,
    assert_deliverability,
    assert_report,
    assert_timing,
    deliverability,
    report,
    timing,
)

from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.report.rules import BounceLight, DomainRules, People, Rules

pytestmark = pytest.mark.on_every_engine

EXAMPLES = {"duckdb": 30, "sqlite": 100, "postgresql": 15, "mysql": 15, "hive": 2}  # fewer where they take longer
# Addresses that may be left out; of those that `with_bounces` gives.
PATTERNS = ["*@example.com", "ann@*", "nobody", "*mail*", "a*m", "*.com", "ann@example.com"]
DAYS = sorted({instant.date() + timedelta(days=days) for instant in INSTANTS for days in (0, 1)})
WHERE = {
    "workspace": ["Default", "EMEA", "Nowhere"],
    "program_id": ["7", "8"],
    "program_name": ["Spring", "8"],
    "campaign_id": ["1", "2", "99"],
    "campaign_name": ["Spring", "1", 'O\'Brien & "Söhne"'],
    "email_id": ["10", "20"],
    "email_name": ["Spring", "10", "a_b\\c"],
}


@st.composite
def questions(draw: st.DrawFn) -> dict[str, object]:
    """Arguments of a report: any grouping, clock, dates and filter."""
    asked: dict[str, object] = {
        "as_of": draw(st.sampled_from(CLOCKS)),
        "by": draw(st.lists(st.sampled_from(sorted(GROUP_COLUMNS)), unique=True, max_size=3)),
    }
    if draw(st.booleans()):
        first, last = sorted(draw(st.lists(st.sampled_from(DAYS), min_size=2, max_size=2, unique=True)))
        asked |= draw(st.sampled_from([{"date_from": first}, {"date_to": last}, {"date_from": first, "date_to": last}]))
    if draw(st.booleans()):
        fields = draw(st.lists(st.sampled_from(sorted(WHERE)), min_size=1, max_size=2, unique=True))
        asked["where"] = {
            field: draw(st.lists(st.sampled_from(WHERE[field]), min_size=1, unique=True)) for field in fields
        }
    if draw(st.booleans()):
        flags = {flag: draw(st.booleans()) for flag in ("leave_out_deleted", "leave_out_bots")}
        asked["rules"] = Rules(people=draw(st.sampled_from(People)), **flags)
    return asked


@pytest.mark.on_spark
def test_any_log_and_any_question(warehouse):
    """Few ids and instants, so that rules collide; any grouping, clock, dates and filter."""

    @settings(max_examples=EXAMPLES[warehouse.engine], deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(log=random_logs(), asked=questions(), zoned=st.booleans())
    def equal(log, asked, zoned):
        warehouse.load(log, zoned=zoned)
        expected = report(log, **asked)
        try:
            found = warehouse.report(**asked)
        except UsageError:  # the question names values of which the log has none, so nothing can be the answer
            assert "where" in asked
            assert not any(row["sent"] for row in expected)
            return
        assert_report(found, expected, asked["by"])

    equal()


@pytest.mark.on_spark
def test_any_timing(warehouse):
    """The same of the timing, with hours between the instants."""

    @settings(
        max_examples=max(EXAMPLES[warehouse.engine] // 4, 2),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        log=random_logs().map(with_hours),
        asked=questions(),
        more=st.lists(st.sampled_from(["weekday", "hour", "hours"]), unique=True, max_size=2),
        zone=st.sampled_from(["UTC", "America/St_Johns"]),
    )
    def equal(log, asked, more, zone):
        warehouse.load(log)
        del asked["as_of"]
        asked["by"] = [*asked["by"], *more]
        if warehouse.engine != "sqlite":
            asked["rules"] = replace(asked.get("rules", Rules()), time_zone=zone)
        expected = timing(log, **asked)
        try:
            found = warehouse.timing(**asked)
        except UsageError:
            assert "where" in asked
            assert not any(any(row[name] for name in FIRST) or row.get("sent") for row in expected)
            return
        assert_timing(found, expected, asked["by"])

    equal()


def test_any_deliverability(warehouse):
    """The same of the deliverability: with addresses of people, with those of bounces alone, and without any; as the
    log gives it, and as a refresh stored it."""

    @settings(
        max_examples=max(EXAMPLES[warehouse.engine] // 5, 2),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        log=random_logs(),
        asked=questions(),
        more=st.lists(st.sampled_from(["domain", "reason"]), unique=True, min_size=1, max_size=2),
        seed=st.randoms(use_true_random=False),
        told=st.sampled_from(["people", "bounces", "nobody", "left out"]),
        least_people=st.sampled_from([1, 2]),
        stored=st.booleans(),
        not_counted=st.lists(st.sampled_from(PATTERNS), max_size=2, unique=True).map(tuple),
    )
    def equal(log, asked, more, seed, told, least_people, stored, not_counted):
        log = with_bounces(log, seed)
        if told in ("bounces", "nobody"):
            log.addresses = []
        if told == "nobody":
            log.activities = [each._replace(address=None) for each in log.activities]
        warehouse.load(log)
        asked["by"] = [*asked["by"], *more]
        asked["rules"] = replace(
            asked.get("rules", Rules()),
            domains=DomainRules(least_people),
            light=BounceLight(watch=300, refuse=500, least_sent=2),
            leave_out_domains=told == "left out",
            leave_out_addresses=not_counted,
        )
        expected = deliverability(log, **asked)
        if stored:
            refresh(warehouse.uri, rules=asked["rules"])
            asked["facts"] = StoredSource("campaign_report")
        try:
            found = warehouse.deliverability(**asked)
        except UsageError:
            assert "where" in asked
            assert not any(row.get("sent", row.get("bounced")) for row in expected)
            return
        assert_deliverability(found, expected, asked["by"])

    equal()


@pytest.mark.parametrize("seed", [1, 2])
def test_crowds(warehouse, seed):
    """A thousand small logs in one, each a person's."""
    log = crowd(people=1000, seed=seed)
    warehouse.load(log)
    by = ("campaign", "email", "day")
    for clock, people in zip(CLOCKS[seed + 3 : seed + 8 : 2], People, strict=True):
        rules = Rules(people=people)
        found = warehouse.report(as_of=clock, by=by, rules=rules)
        assert_report(found, report(log, as_of=clock, by=by, rules=rules), by)


@pytest.mark.parametrize(
    ("engine", "seed", "people"),
    [
        ("duckdb", 1, People.AS_SENT),
        ("sqlite", 2, People.HIDDEN),
        ("postgresql", 3, People.MERGED),
        ("mysql", 4, People.HIDDEN),
        ("hive", 5, People.MERGED),
    ],
    indirect=["engine"],
    ids=str,
)
@pytest.mark.on_spark
def test_large_logs(warehouse, seed, people):
    """350,000 activities on each engine: more than a million in all."""
    log = generate(350_000, seed)
    warehouse.load(log)
    clock, by, rules = utc("2024-04-15 12:00"), ("campaign", "email", "week"), Rules(people=people)
    found = warehouse.report(as_of=clock, by=by, rules=rules)
    assert_report(found, report(log, as_of=clock, by=by, rules=rules), by)

"""Which domains take the emails, and why emails bounce, counted by hand on every engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from logs import Log
from oracle import REASONS

from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.report.datasets import DELIVERABILITY_DATASET, Options
from superset_campaign_plugin.report.rules import BounceLight, DomainRules, Rules
from superset_campaign_plugin.reporting.dataset_sql import dataset_sql
from superset_campaign_plugin.reporting.query import dataset_rows
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect

SENT, LATER = "2024-03-01 10:00", "2024-03-01 10:05"
ALL_DOMAINS = Rules(domains=DomainRules(least_people=1))


def by_domain(warehouse: Any, **asked: Any) -> list[tuple[Any, ...]]:
    """(domain, verdict, sent, hard, soft), as the report lists them."""
    asked = {"rules": ALL_DOMAINS, **asked}
    names = ("domain", "light", "sent", "hard_bounced", "soft_bounced")
    return [tuple(row[name] for name in names) for row in warehouse.deliverability(**asked).records()]


def by_reason(warehouse: Any, **asked: Any) -> list[tuple[Any, ...]]:
    names = ("bounce_kind", "bounce_category", "bounce_reason", "bounced")
    return [tuple(row[name] for name in names) for row in warehouse.deliverability(by=["reason"], **asked).records()]


@pytest.fixture
def refused(warehouse: Any) -> Any:
    """
    domain            people  bounced       of them
    refuse.example    20      2 hard        10 %
    watch.example     40      1 hard 1 soft 5 %
    good.example      50      1 soft, and 1 hard who opened all the same
    small.example     3       3 hard        too few
    (no address)      1
    """
    log = Log()
    person = 100
    for domain, people in (("refuse", 20), ("watch", 40), ("good", 50), ("small", 3)):
        for place in range(people):
            person += 1
            log.send(1, 10, person, SENT).address(person, f"p{place}@{domain}.Example")
            kinds = {"refuse": "HH", "watch": "HS", "good": "SO", "small": "HHH"}[domain]
            kind = kinds[place] if place < len(kinds) else ""
            if kind in ("H", "O"):
                log.bounce(1, 10, person, LATER, category="1", details="550 5.7.1 no")
            if kind == "S":
                log.soft_bounce(1, 10, person, LATER, category="3", details="452 4.2.2 full")
            if kind == "O":
                log.open(1, 10, person, LATER)
    return warehouse.load(log.send(1, 10, 99, SENT))


@pytest.mark.on_spark
def test_the_domain_that_refuses_most_comes_first(refused: Any) -> None:
    assert by_domain(refused) == [
        ("refuse.example", "⛔ Refuses us", 20, 2, 0),
        ("watch.example", "⚠️ Watch", 40, 1, 1),
        ("small.example", "Too few to tell", 3, 3, 0),
        ("good.example", "✅ Good", 50, 0, 1),
        ("Unknown", "Too few to tell", 1, 0, 0),
    ]
    assert by_reason(refused) == [
        ("Hard", "Blocked as spam", "5.7.1 Message refused by a policy", 6),
        ("Soft", "Mailbox full or out of reach for now", "4.2.2 Mailbox full", 2),
    ]


def test_sums_over_domains_are_the_report_s(refused: Any) -> None:
    [total] = refused.deliverability(by=[]).records()
    [right] = refused.records(by=[])
    for name in ("sent", "delivered", "hard_bounced", "soft_bounced", "pending", "aborted", "pct_hard_bounced"):
        assert total[name] == right[name], name


def test_thresholds_are_settings(refused: Any) -> None:
    light = BounceLight(watch=101, refuse=1000, least_sent=3)
    found = by_domain(refused, rules=replace(ALL_DOMAINS, light=light))
    assert {domain: verdict for domain, verdict, *_ in found} == {
        "refuse.example": "✅ Good",
        "watch.example": "✅ Good",
        "small.example": "⛔ Refuses us",
        "good.example": "✅ Good",
        "Unknown": "Too few to tell",
    }


def test_domains_of_few_people_are_one_and_none_where_they_are_left_out(refused: Any) -> None:
    few = by_domain(refused, rules=Rules(domains=DomainRules(least_people=21)))
    assert [(domain, sent, hard) for domain, _, sent, hard, _ in few] == [
        ("Other domains", 23, 5),
        ("watch.example", 40, 1),
        ("good.example", 50, 0),
        ("Unknown", 1, 0),
    ]
    refused.execute("UPDATE lead SET email = 'a@b'", "DELETE FROM lead")
    without = by_domain(refused, rules=Rules(leave_out_domains=True))
    assert [(domain, sent, hard) for domain, _, sent, hard, _ in without] == [("Not shown", 114, 6)]


@pytest.mark.on_spark
def test_what_stands_behind_the_last_at_is_the_domain(warehouse: Any) -> None:
    addresses = {
        "ann@Example.COM ": "example.com",
        '"a@b"@mail.example.org': "mail.example.org",
        "a@localhost": "localhost",
        "ann@example.com (at work)": "Unknown",
        "<ann@example.com>": "Unknown",
        "ann": "Unknown",
        "ann@": "Unknown",
        f"a@{'x' * 254}": "Unknown",
        None: "Unknown",
    }
    log = Log().send(1, 10, 1, SENT).address(1, "old@old.example").address(1, "new@new.example", updated="2024-02-01")
    for person, address in enumerate(addresses, 2):
        log.send(1, 10, person, SENT).address(person, address)
    warehouse.load(log)
    found = {domain: sent for domain, _, sent, *_ in by_domain(warehouse)}
    right = ["new.example", *addresses.values()]
    assert found == {domain: right.count(domain) for domain in right}


def test_without_addresses_a_bounce_tells_its_own_and_no_share(warehouse: Any) -> None:
    """Person 100 bounced at refuse.example; of 101 nobody knows where the email went."""
    log = Log().bounce(1, 10, 100, LATER, address="a@refuse.example").send(1, 10, 100, SENT).send(1, 10, 101, SENT)
    warehouse.load(log)
    assert by_domain(warehouse) == [
        ("refuse.example", "Share not known", 1, 1, 0),
        ("Unknown", "Share not known", 1, 0, 0),
    ]
    for row in warehouse.deliverability(rules=ALL_DOMAINS).records():
        assert row["domain_pct_bounced"] is None
    [total] = warehouse.deliverability(by=[], rules=ALL_DOMAINS).records()
    assert total["pct_hard_bounced"] == 0.5


def test_a_log_that_tells_nothing_of_its_bounces(warehouse: Any) -> None:
    warehouse.load(Log().send(1, 10, 100, SENT).bounce(1, 10, 100, LATER))
    assert by_domain(warehouse) == [("Unknown", "Too few to tell", 1, 1, 0)]
    assert by_reason(warehouse) == [("Hard", "Not stated in the log", "Not stated in the log", 1)]


def test_the_last_bounce_of_the_kind_that_counts_tells_the_reason(warehouse: Any) -> None:
    """Person 100 bounced soft, then hard, then hard again, then soft; 101 has a later bounce in another campaign."""
    log = Log().send(1, 10, 100, SENT).send(1, 10, 101, SENT)
    log.soft_bounce(1, 10, 100, "2024-03-01 11:00", category="3", details="452 4.2.2")
    log.bounce(1, 10, 100, "2024-03-01 13:00", category="2", details="550 5.1.1")
    log.bounce(1, 10, 100, "2024-03-01 12:00", category="1", details="550 5.7.1")
    log.soft_bounce(1, 10, 100, "2024-03-01 14:00", category="4", details="421 4.4.1")
    log.soft_bounce(1, 10, 101, "2024-03-01 11:00", category="9", details="450 hm")
    log.soft_bounce(2, 10, 101, "2024-03-01 12:00", category="4", details="421 4.4.1")
    warehouse.load(log.replay())
    assert by_reason(warehouse) == [
        ("Hard", "Invalid address", "5.1.1 No such mailbox", 1),
        ("Soft", "Not known to Marketo", "4xx Refused for now, without a code", 1),
    ]


@pytest.mark.on_spark
def test_no_text_of_a_bounce_gets_through(warehouse: Any) -> None:
    """Each text is grouped under its words, and none of it stands in any column of the dataset."""
    log = Log()
    for person, details in enumerate(REASONS):
        log.send(1, 10, person, SENT).address(person, f"secret{person}@example.com")
        told = {"address": f"secret{person}@example.com", **({} if details is None else {"details": details})}
        log.bounce(1, 10, person, LATER, category="2", **told)
    warehouse.load(log)
    words = [words for _, words in REASONS.values()]
    assert {reason: count for _, _, reason, count in by_reason(warehouse)} == {
        each: words.count(each) for each in words
    }
    with connect(warehouse.uri) as (connection, engine):
        options = Options(rules=ALL_DOMAINS)
        sql = dataset_sql(connection, engine, resolve("fivetran", None), options, [DELIVERABILITY_DATASET])
        rows = dataset_rows(sql[DELIVERABILITY_DATASET], "deliverability")
        found = str(connection.execute(sa.select(sa.literal_column("*")).select_from(rows)).fetchall())
    assert "secret" not in found
    assert "@" not in found
    assert "ann" not in found.lower().replace("channel", "")


@pytest.mark.parametrize("engine", ["duckdb", "sqlite", "postgresql", "mysql"], indirect=True)
def test_stored_tables_follow_new_bounces_and_new_addresses(warehouse: Any) -> None:
    """A refresh that has nothing to merge renews domains all the same, and keeps no address."""
    stored = {"facts": StoredSource("campaign_report"), "rules": ALL_DOMAINS}
    log = (
        Log().send(1, 10, 100, SENT).send(1, 10, 101, SENT).address(100, "a@one.example").address(101, "b@one.example")
    )
    log.bounce(1, 10, 100, LATER, category="1", details="550 5.7.1")
    warehouse.load(log)
    refresh(warehouse.uri, rules=ALL_DOMAINS)
    assert [row[0::2] for row in by_domain(warehouse, **stored)] == [("one.example", 2, 0)]
    warehouse.execute("UPDATE lead SET email = 'b@two.example' WHERE id = 101")
    assert refresh(warehouse.uri, rules=ALL_DOMAINS).mode == ("unchanged" if warehouse.engine != "hive" else "full")
    assert [row[0::2] for row in by_domain(warehouse, **stored)] == [("one.example", 1, 0), ("two.example", 1, 0)]
    columns = "id, _fivetran_synced, activity_date, campaign_id, lead_id, primary_attribute_value_id, category, details"
    warehouse.execute(
        f"INSERT INTO activity_email_bounced ({columns}) VALUES (9, '2024-07-02 00:00:00.000000', "
        "'2024-03-01 12:00:00.000000', 1, 101, 10, '2', '550 5.1.1 <b@two.example>')"
    )
    refresh(warehouse.uri, rules=ALL_DOMAINS)
    assert by_domain(warehouse, **stored) == by_domain(warehouse)
    assert by_reason(warehouse, **stored) == by_reason(warehouse, rules=ALL_DOMAINS)
    names = [dimension.name for dimension in load_semantics().datasets[DELIVERABILITY_DATASET].dimensions]
    with connect(stored["facts"].uri(warehouse.uri)) as (connection, engine):
        sql = dataset_sql(
            connection, engine, resolve("fivetran", None), Options(rules=ALL_DOMAINS), [DELIVERABILITY_DATASET],
            stored["facts"],
        )  # fmt: skip
        rows = dataset_rows(sql[DELIVERABILITY_DATASET], "deliverability")
        found = connection.execute(sa.select(sa.literal_column("*")).select_from(rows)).mappings().all()
        assert {*names} <= {*found[0]}
        kept = connection.execute(
            sa.text(
                f"SELECT domain FROM {'' if warehouse.engine in ('sqlite', 'mysql') else 'campaign_report.'}"
                "campaign_report_domains"
            )
        )
        assert {row[0] for row in kept} == {"one.example", "two.example"}

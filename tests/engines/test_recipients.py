"""Behind every figure stand the people: their counts add up to it, and the reason names the rule that decided."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from typing import Any

import logs
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import CLOCKS, Log, random_logs
from oracle import COUNTS, FLAGS, Record, email_records, report

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.reporting.explain import explain
from superset_campaign_plugin.reporting.recipient_list import Selection, list_recipients

# `ROUNDS=500 pytest tests/engines/test_recipients.py` is the long run.
ROUNDS = {"duckdb": 8, "sqlite": 12, "postgresql": 4, "mysql": 4, "hive": 1}


def rule_of(record: Record, clock: Any) -> str:
    """The rule that decides, by the count without SQL."""
    status = record.status(clock)
    if status == "delivered":
        return "status.open-beats-bounce" if record.opened else "status.delivered"
    return {
        "hard_bounced": "status.hard-bounce-beats-soft",
        "soft_bounced": "status.soft-bounce-beats-delivery",
    }.get(status, "status.aborted-after-three-days")


@pytest.mark.on_every_engine
def test_the_people_are_the_figures(warehouse):
    @settings(
        max_examples=int(os.environ.get("ROUNDS", ROUNDS[warehouse.engine])),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(
        log=random_logs(max_size=60),
        clock=st.sampled_from(CLOCKS),
        rules=st.builds(
            Rules, people=st.sampled_from(People), leave_out_deleted=st.booleans(), leave_out_bots=st.booleans()
        ),
    )
    def equal(log, clock, rules):
        warehouse.load(log)
        rows = list_recipients(warehouse.uri, as_of=clock, rules=rules).records()
        expected = email_records(log, rules)
        assert {(row["campaign_id"], row["email_id"], row["lead"]) for row in rows} == set(expected)
        assert len(rows) == len(expected)
        sums: dict[Any, dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
        for row in rows:
            record = expected[row["campaign_id"], row["email_id"], row["lead"]]
            status = record.status(clock)
            assert row["status"].lower().replace(" ", "_") == status
            assert row["rule"] == rule_of(record, clock), row
            assert {name: row[name] for name in FLAGS} == {
                name: int(getattr(record, flag)) for name, flag in FLAGS.items()
            }
            assert (row["first_sent"], row["last_activity"]) == (record.sent_at, record.last_activity)
            for name in COUNTS:
                sums[row["campaign_id"], row["email_id"]][name] += row[name]
        for group in report(log, as_of=clock, rules=rules):
            assert {name: group[name] for name in COUNTS} == sums.pop((group["campaign_id"], group["email_id"]))
        assert not sums

    equal()


def test_what_is_explained_is_what_is_counted(warehouse):
    """Each record has the lines that count for it, a send among them; whoever is in no record has no such line."""

    @settings(
        max_examples=int(os.environ.get("ROUNDS", ROUNDS[warehouse.engine])) // 3 + 1,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(log=random_logs(max_size=40), clock=st.sampled_from(CLOCKS), people=st.sampled_from(People))
    def equal(log, clock, people):
        warehouse.load(log)
        rules = Rules(people=people)
        expected = email_records(log, rules)
        asked = {(each.person, each.email) for each in log.activities if each.person is not None and each.email}
        for person, email in sorted(asked)[:4]:
            [explained] = explain(warehouse.uri, person=person, email=email, as_of=clock, rules=rules)
            counted = {line.counts_for or None for line in explained.lines if line.counts_for is not None}
            assert counted == {outcome["campaign_id"] for outcome in explained.outcomes}
            for outcome in explained.outcomes:
                record = expected[outcome["campaign_id"], email, outcome["lead"]]
                own = [line for line in explained.lines if line.counts_for == (outcome["campaign_id"] or 0)]
                assert max(line.activity_at for line in own) == record.last_activity
                assert min(line.activity_at for line in own if line.activity == "sent") == record.sent_at
                kinds = {line.activity for line in own}
                assert ("hard bounced" in kinds, "unsubscribed" in kinds) == (record.hard_bounced, record.unsubscribed)
                assert bool(kinds & {"opened", "clicked", "unsubscribed"}) == record.opened

    equal()


# ---------------------------------------------------------------------------------------------------------------
# By hand


@pytest.fixture
def spring(warehouse):
    """One email of campaign 6 to three people."""
    log = Log().campaign(6, "Spring sale").email(45, "Invitation")
    log.send(6, 45, 123, "2024-03-01 10:00").bounce(6, 45, 123, "2024-03-02 09:00")
    log.click(6, 45, 123, "2024-03-03 12:00").open(None, 45, 123, "2024-03-04 12:00")
    log.open(9, 45, 123, "2024-03-04 13:00").send(6, 45, 123, "2024-03-05")
    log.send(6, 45, 124, "2024-03-01 10:00").deliver(6, 45, 124, "2024-03-01 10:01")
    log.soft_bounce(6, 45, 124, "2024-03-01 11:00")
    log.send(6, 45, 125, "2024-03-01 10:00")
    log.send(6, 45, 126, "2024-03-01 10:00", result="skipped").open(6, 45, 126, "2024-03-01 11:00")
    warehouse.load(log)
    return warehouse


ONE_ENGINE = pytest.mark.parametrize("engine", ["duckdb"], indirect=True)


@ONE_ENGINE
def test_the_reasons_in_words(spring):
    rows = list_recipients(spring.uri, as_of=logs.utc("2024-03-03")).records()
    assert [(row["lead"], row["status"], row["reason"]) for row in rows] == [
        (
            123,
            "Delivered",
            "clicked a link on 3 March 2024, so opened and delivered; "
            "the hard bounce of 2 March 2024 does not count: an open beats a bounce",
        ),
        (
            124,
            "Soft Bounced",
            "bounced soft on 1 March 2024; the delivery of 1 March 2024 does not count: "
            "a soft bounce goes before a delivery",
        ),
        (
            125,
            "Pending",
            "sent on 1 March 2024, and the log has no delivery, bounce, open, click or unsubscribe yet; "
            "without one it is Aborted from 4 March 2024",
        ),
    ]
    [_, _, aborted] = list_recipients(spring.uri, as_of=logs.utc("2024-03-04 10:00")).records()
    assert (aborted["status"], aborted["reason"]) == (
        "Aborted",
        "sent on 1 March 2024, and after 3 days the log has no delivery, bounce, open, click or unsubscribe",
    )


@ONE_ENGINE
@pytest.mark.parametrize(
    ("selection", "leads"),
    [
        (Selection(), [123, 124, 125]),
        (Selection(campaign=6, email=45), [123, 124, 125]),
        (Selection(campaign=7), []),
        (Selection(lead=124), [124]),
        (Selection(where={"status": ["soft bounced", "aborted"]}), [124, 125]),
        (Selection(where={"clicked_link": ["yes"]}), [123]),
        (Selection(where={"campaign_name": ["Spring sale"], "opened": ["0"]}), [124, 125]),
        (Selection(without=["opened", "soft_bounced"]), [125]),
        (Selection(date_from=logs.utc("2024-03-02").date()), []),
        (Selection(date_to=logs.utc("2024-03-02").date()), [123, 124, 125]),
    ],
)
def test_who_is_selected(spring, selection, leads):
    assert [row["lead"] for row in list_recipients(spring.uri, selection=selection).records()] == leads


@ONE_ENGINE
def test_what_each_line_does(spring):
    [explained] = explain(spring.uri, person=123, email=45)
    assert [(line.activity, line.campaign, line.counts_for, line.effect) for line in explained.lines] == [
        ("sent", 6, 6, "makes the record of campaign 6"),
        ("hard bounced", 6, 6, "bounced hard"),
        ("clicked", 6, 6, "clicked a link, so opened too"),
        ("opened", None, 6, "names no campaign, so it counts for campaign 6, the latest send before it; opened"),
        ("opened", 9, None, "counts nowhere: the log has no send of this email by campaign 9 to this person"),
        ("sent", 6, 6, "sent again in campaign 6: still one record, sent at the earliest send"),
    ]
    [skipped] = explain(spring.uri, person=126, email=45)
    assert [(line.activity, line.counts_for) for line in skipped.lines] == [("not sent", None), ("opened", None)]
    assert skipped.outcomes == []
    with pytest.raises(UsageError, match="the log has no line of person 1 and email 45"):
        explain(spring.uri, person=1, email=45)
    with pytest.raises(UsageError, match="no line of person 125 and email 45 in campaign 7"):
        explain(spring.uri, person=125, email=45, campaign=7)


@ONE_ENGINE
def test_whoever_is_left_out_is_said(warehouse):
    warehouse.load(Log().send(1, 10, 100, "2024-03-01").send(1, 10, 101, "2024-03-01").merge(100, 101))
    [hidden] = explain(warehouse.uri, person=101, email=10, rules=Rules(people=People.HIDDEN))
    assert (hidden.outcomes, hidden.notes) == (
        [],
        ["person 101 is left out of the report: merged into another, or deleted (people: hidden)"],
    )
    [merged] = explain(warehouse.uri, person=101, email=10, rules=Rules(people=People.MERGED))
    assert merged.notes == ["counts as person 100, into whom these were merged: 101"]
    assert [line.effect for line in merged.lines][1] == (
        "logged for person 101, who was merged into 100; "
        "sent again in campaign 1: still one record, sent at the earliest send"
    )


@ONE_ENGINE
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["people", "--where", "stauts=pending"], "unknown field 'stauts': did you mean 'status'?"),
        (["people", "--where", "status=pendin"], "unknown status 'pendin': did you mean 'Pending'?"),
        (["people", "--where", "opened=perhaps"], "opened is yes or no for a person, not 'perhaps'"),
        (["people", "--not", "opend"], "unknown count 'opend': did you mean 'opened'?"),
        (["explain", "--person", "1", "--email", "45"], "the log has no line of person 1 and email 45; "),
    ],
)
def test_what_cannot_be_meant_is_refused(spring, arguments, words):
    told = CliRunner().invoke(campaign, [*arguments, "--uri", spring.uri])
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr.startswith(f"Error: {words}")


@ONE_ENGINE
def test_the_commands_print_them(spring):
    printed = CliRunner().invoke(campaign, ["people", "--uri", spring.uri, "--person", "123", "--format", "json"])
    assert json.loads(printed.stdout)[0]["rule"] == "status.open-beats-bounce"
    printed = CliRunner().invoke(campaign, ["explain", "--uri", spring.uri, "--person", "123", "--email", "45"])
    assert "\nSpring sale (6), Invitation (45): Delivered\n" in printed.stdout
    assert "counts in: Sent, Delivered, Opened, Clicked Link, Human Opened, Human Clicked Link\n" in printed.stdout
    options = ["--person", "126", "--email", "45"]
    printed = CliRunner().invoke(campaign, ["explain", "--uri", spring.uri, *options])
    assert printed.stdout.endswith("No email record: the person is in no figure of this email.\n")

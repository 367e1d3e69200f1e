"""The findings of `doctor`: hand-made logs with one fault each, and orphans counted without SQL."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from layouts import LAYOUTS, MAPPING
from logs import KINDS, Log, random_logs, utc
from oracle import DEFAULTS, People, email_records, latest_send, was_sent

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.reporting.doctor import Finding, as_table, run_doctor

NOW = utc("2024-03-05")
WORDS = dict(
    zip(KINDS, ("sent", "delivered", "hard bounced", "soft bounced", "opened", "clicked", "unsubscribed"), strict=True)
)
DAILY = [f"2024-03-0{day} 10:00" for day in range(1, 5)]


def examine(warehouse, log: Log, now: datetime = NOW, **options: object) -> list[Finding]:
    warehouse.load(log, **options)
    return run_doctor(warehouse.uri, as_of=now)


def found(findings: list[Finding], title: str) -> dict[str, int]:
    """Where how many of a finding were found, without those of which there are none."""
    return {finding.about: finding.found for finding in findings if finding.finding == title and finding.found}


def severities(findings: list[Finding], title: str) -> set[str]:
    return {finding.severity for finding in findings if finding.finding == title and finding.found}


def healthy() -> Log:
    """Four days with a send and its delivery each, of a campaign and an email that have names."""
    log = Log().campaign(1, "Spring").email(10, "Invitation")
    for person, day in enumerate(DAILY, start=100):
        log.send(1, 10, person, day).deliver(1, 10, person, day)
    return log


@pytest.mark.on_spark
def test_a_healthy_log_has_nothing_to_mend(warehouse):
    findings = examine(warehouse, healthy())
    absent = {"Missing table", "Missing column"}
    assert {finding.severity for finding in findings if finding.finding not in absent} == {"fine"}
    assert found(findings, "Rows in the log") == {"sent": 4, "delivered": 4}


@pytest.mark.on_spark
def test_orphans_by_kind(warehouse):
    """Nobody sent campaign 2; the open without a campaign is older than the send."""
    log = healthy().open(2, 10, 100, DAILY[1]).click(2, 10, 100, DAILY[1]).open(None, 10, 101, DAILY[0])
    log.open(1, 10, 100, DAILY[1])
    findings = examine(warehouse, log)
    assert found(findings, "Activities without a send") == {"opened": 2, "clicked": 1}
    [opened] = [each for each in findings if each.finding == "Activities without a send" and each.about == "opened"]
    assert (opened.first_at, opened.last_at) == (utc("2024-03-01 10:00"), utc("2024-03-02 10:00"))
    assert opened.severity == "problem"  # two of three


def test_one_orphan_in_sixty_is_worth_a_look(warehouse):
    log = healthy()
    for person in range(200, 259):
        log.send(1, 10, person, DAILY[0]).open(1, 10, person, DAILY[1])
    assert severities(examine(warehouse, log.open(2, 10, 100, DAILY[1])), "Activities without a send") == {"notice"}


def test_activities_before_their_send(warehouse):
    """A delivery a second before its send is usual; an open two days before is not."""
    log = healthy().deliver(1, 10, 100, "2024-03-01 09:59:59").open(1, 10, 103, "2024-03-02 10:00")
    findings = examine(warehouse, log)
    assert found(findings, "Activities shortly before their send") == {"delivered": 1}
    assert found(findings, "Activities more than a day before their send") == {"opened": 1}


def test_sends_without_an_outcome_by_age(warehouse):
    log = healthy()
    for person, day in enumerate(("2024-03-04 12:00", "2024-02-20", "2024-01-10", "2023-06-01"), start=300):
        log.send(1, 10, person, day)
    findings = examine(warehouse, log)
    expected = {"up to 3 days old": 1, "3 to 30 days old": 1, "30 to 90 days old": 1, "more than 90 days old": 1}
    assert found(findings, "Sends without any outcome") == expected
    by_age = {each.about: each.severity for each in findings if each.finding == "Sends without any outcome"}
    assert by_age["up to 3 days old"] == "fine"  # they are Pending
    assert by_age["30 to 90 days old"] == "notice"


def test_what_the_log_no_longer_holds(warehouse):
    """Opens go back to January and sends to March; the first delivery is two days after the first send."""
    log = Log().open(1, 10, 100, "2024-01-01").open(1, 10, 100, "2024-02-28")
    log.send(1, 10, 100, DAILY[0]).send(1, 10, 101, DAILY[2]).deliver(1, 10, 101, DAILY[2])
    findings = examine(warehouse, log)
    assert found(findings, "Activities older than the first send") == {"opened": 2}
    assert found(findings, "Sends older than the first delivery") == {"sends": 1}


def test_a_gap_and_a_loader_that_stands_still(warehouse):
    log = healthy().open(1, 10, 100, "2024-03-20")
    findings = examine(warehouse, log, utc("2024-03-23"))
    [gap] = [each for each in findings if each.finding.startswith("Nothing in the log")]
    assert (gap.first_at, gap.last_at) == (utc("2024-03-04"), utc("2024-03-20"))
    assert severities(findings, "No activity for the last 3 days") == {"problem"}
    assert not found(examine(warehouse, log, utc("2024-03-22 23:00")), "No activity for the last 3 days")


def test_rows_that_say_too_little(warehouse):
    log = healthy().open(1, None, 100, DAILY[0]).open(1, 10, None, DAILY[0]).open(None, 10, 100, DAILY[1])
    findings = examine(warehouse, log)
    assert found(findings, "Rows without an email or a person") == {"opened": 2}
    assert found(findings, "Rows without a campaign") == {"opened": 1}
    assert found(findings, "Activities without a send") == {}


def test_repeated_rows_and_unsent_sends(warehouse):
    log = healthy().send(1, 10, 200, DAILY[0], result="skipped").send(1, 10, 201, DAILY[0], result="Failed").replay()
    findings = examine(warehouse, log)
    assert found(findings, "Repeated rows") == {"sent": 4, "delivered": 4}
    assert found(findings, "Skipped or failed sends") == {"sends": 4}


def test_assets_without_names(warehouse):
    """Campaign 2 is not in the table of campaigns; email 20 is there, without a name."""
    log = healthy().email(20, None).send(2, 20, 100, DAILY[0]).deliver(2, 20, 100, DAILY[0])
    findings = examine(warehouse, log)
    assert found(findings, "Campaigns without a name") == {"campaigns": 1}
    assert found(findings, "Emails without a name") == {"emails": 1}


def advised(findings, finding):
    [advice] = {each.advice for each in findings if each.finding == finding}
    return advice


@pytest.mark.parametrize(
    ("people", "orphans", "merges", "deletions"),
    [
        ("as_sent", {"opened": 1}, "Each activity counts for the id that it was logged for", "They stay in"),
        ("merged", {}, "Merged people count once", "They stay in"),
        ("hidden", {}, "People who were merged into another are left out", "They are left out"),
    ],
)
def test_merged_and_deleted_people(warehouse, people, orphans, merges, deletions):
    """The open is 555's, who went into 100: merged it is no orphan, hidden it is left out with its person."""
    warehouse.load(healthy().open(1, 10, 555, DAILY[1]).merge(100, 555).delete(103))
    findings = run_doctor(warehouse.uri, as_of=NOW, rules=Rules(people=people))
    assert found(findings, "Merges of people") == {"merges": 1}
    assert found(findings, "Deleted people") == {"people": 1}
    assert found(findings, "Activities without a send") == orphans
    assert advised(findings, "Merges of people").startswith(merges)
    assert advised(findings, "Deleted people").startswith(deletions)


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_missing_tables_and_columns_say_what_is_lost(warehouse):
    findings = examine(warehouse, healthy())
    lost = {each.about: each.advice for each in findings if each.finding == "Missing table"}
    assert lost["activity_email_bounced_soft"] == "No email counts as Soft Bounced."
    assert lost["activity_merge_leads"].startswith("No figure needs it")
    assert "activity_email_delivered" not in lost
    warehouse.execute("ALTER TABLE activity_send_email DROP COLUMN action_result")
    findings = run_doctor(warehouse.uri, as_of=NOW)
    assert "activity_send_email.action_result" in {each.about for each in findings if each.finding == "Missing column"}


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_columns_that_no_figure_needs_are_told_and_no_fault(warehouse):
    warehouse.load(healthy().bounce(1, 10, 100, DAILY[1]))
    told = {
        each.about: (each.severity, each.advice)
        for each in run_doctor(warehouse.uri, as_of=NOW)
        if each.finding == "Missing column" and each.about.endswith(("test_variant", "category", "details"))
    }
    assert told == {
        "activity_send_email.test_variant": ("fine", "Which variant of a test was sent is not known."),
        "activity_email_bounced.category": ("fine", "Their details alone say why emails bounced."),
        "activity_email_bounced.details": ("fine", "Their category alone says why emails bounced."),
    }


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_what_a_mapping_does_not_name_is_said(warehouse, tmp_path):
    """Without merges nobody knows who went into whom: 101 went into 100, and counts beside them."""
    log = healthy().merge(100, 101)
    warehouse.load(log, layout=LAYOUTS["custom"])
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING)
    findings = run_doctor(warehouse.uri, as_of=NOW, source=str(mapping))
    assert (found(findings, "Not in the layout"), found(findings, "Merges of people")) == ({}, {"merges": 1})
    rules = Rules(people="merged")
    assert warehouse.records(source=str(mapping), by=[], rules=rules)[0]["sent"] == 3

    kept = [line for line in MAPPING.splitlines() if line.split(":")[0].strip() not in ("merges", "deletions", "bot")]
    mapping.write_text("\n".join(kept))
    findings = run_doctor(warehouse.uri, as_of=NOW, source=str(mapping), rules=rules)
    assert found(findings, "Not in the layout") == {"bot": 1, "merges": 1, "deletions": 1}
    assert severities(findings, "Not in the layout") == {"notice"}
    assert "NOTICE: Not in the layout\n" in as_table(findings)
    [merges] = [each for each in findings if each.about == "merges" and each.finding == "Not in the layout"]
    assert merges.advice == "People who were merged count under each of their ids, so as several."
    assert warehouse.records(source=str(mapping), by=[], rules=rules)[0]["sent"] == 4


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
@given(log=random_logs())
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_orphans_against_a_count_without_sql(warehouse, log):
    records, people = email_records(log), People(log, DEFAULTS)
    sends = defaultdict(list)
    for each in log.activities:
        if each.kind == "send" and was_sent(each) and None not in (each.email, each.person):
            sends[each.email, people.survivor(each.person)].append((each.time, each.campaign))
    orphans: Counter[str] = Counter()
    for each in log.activities:
        person = people.survivor(each.person)
        if each.kind == "send" or each.email is None or person is None:
            continue
        owner = each.campaign
        if owner is None:
            history = sorted(sends[each.email, person], key=lambda send: (send[0], send[1] or 0))
            found_send = latest_send(history, each.time)
            if found_send is None:
                orphans[WORDS[each.kind]] += 1
                continue
            owner = found_send[1]
        orphans[WORDS[each.kind]] += (owner, each.email, person) not in records
    findings = examine(warehouse, log, utc("2024-04-03"))
    assert found(findings, "Activities without a send") == +orphans
    waiting = sum(found(findings, "Sends without any outcome").values())
    assert waiting == sum(record.status(utc("2024-04-03")) in ("pending", "aborted") for record in records.values())


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_the_command(warehouse):
    """Severe findings come first; --strict turns a problem into the exit code 1."""
    warehouse.load(healthy().open(2, 10, 100, DAILY[1]))
    command = ["doctor", "--uri", warehouse.uri, "--as-of", "2024-03-05"]
    shown = CliRunner().invoke(campaign, command)
    assert shown.exit_code == 0
    assert shown.output.startswith("PROBLEM: Activities without a send\n")
    assert "    - opened: 1 (2024-03-02 10:00)\n" in shown.output
    assert CliRunner().invoke(campaign, [*command, "--strict"]).exit_code == 1
    records = json.loads(CliRunner().invoke(campaign, [*command, "--format", "json"]).output)
    assert {"about": "sent", "found": 4, "severity": "fine"}.items() <= next(
        each for each in records if each["finding"] == "Rows in the log" and each["about"] == "sent"
    ).items()
    lines = CliRunner().invoke(campaign, [*command, "--format", "csv"]).output.splitlines()
    assert lines[0] == "place,about,severity,finding,found,first_at,last_at,advice"
    assert len(lines) == len(records) + 1


def test_nothing_found_reads_well():
    fine = Finding(1, "sent", "fine", "Rows in the log", 1234, None, None, "What the loader brought.")
    assert as_table([fine]) == "No problems found. Checks run:\n    Rows in the log: sent 1,234\n"

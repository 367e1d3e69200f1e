"""People with test and internal addresses count nowhere: by their newest address, direct and stored."""

from __future__ import annotations

from typing import Any

import pytest
from logs import Log

from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.report.rules import People, Rules, check_address_pattern
from superset_campaign_plugin.report.rules_in_words import left_out_in_words, options_of
from superset_campaign_plugin.reporting.doctor import run_doctor
from superset_campaign_plugin.reporting.explain import explain

SENT, OPENED = "2024-03-01 10:00", "2024-03-01 11:00"
INTERNAL = Rules(leave_out_addresses=("*@own.example", "qa_*@agency.example", "jo@home.example", "*+test*"))

# By person: the address, and whether INTERNAL leaves it out.
ADDRESSES = {
    101: ("Jane@Own.Example", True),
    102: (" jane@own.example ", True),
    103: ("jane@own.example.net", False),
    104: ("jane@not-own.example", False),
    105: ("qa_7@agency.example", True),
    106: ("qaX7@agency.example", False),  # the underscore is no wildcard
    107: ("jo@home.example", True),
    108: ("mary-jo@home.example", False),
    109: ("mary+test@mail.example", True),
    110: (None, False),
    111: ("", False),
    112: ("zoë@own.example", True),
}


def sent(warehouse: Any, **asked: Any) -> int:
    return sum(row["sent"] for row in warehouse.records(**asked))


@pytest.mark.on_every_engine
@pytest.mark.on_spark
def test_an_address_leaves_its_person_out_by_any_form_of_pattern(warehouse: Any) -> None:
    log = Log().send(1, 10, 99, SENT)  # in no table of people
    for person, (address, _) in ADDRESSES.items():
        log.send(1, 10, person, SENT).open(1, 10, person, OPENED).address(person, address)
    warehouse.load(log)
    assert sent(warehouse) == 1 + len(ADDRESSES)
    staying = sum(not is_out for _, is_out in ADDRESSES.values())
    assert sent(warehouse, rules=INTERNAL) == 1 + staying


def test_a_person_is_left_out_by_the_address_of_the_id_that_counts(warehouse: Any) -> None:
    """100 has left the company, and was merged into 200, who has a private address; 300 has joined it since."""
    log = Log().send(1, 10, 100, SENT).send(1, 10, 200, SENT).send(1, 10, 300, SENT).merge(200, [100], OPENED)
    log.address(100, "ann@own.example").address(200, "ann@home.example")
    log.address(300, "bob@home.example").address(300, "bob@own.example", updated="2024-02-01")
    warehouse.load(log)
    rules = {people: Rules(people=people, leave_out_addresses=INTERNAL.leave_out_addresses) for people in People}
    assert {people.value: sent(warehouse, rules=rules[people]) for people in People} == {
        "as_sent": 1,
        "merged": 1,
        "hidden": 1,
    }
    deleted = Rules(leave_out_deleted=True, leave_out_addresses=("*@own.example",))
    assert sent(warehouse, rules=deleted) == 1
    [told] = explain(warehouse.uri, person=300, email=10, rules=INTERNAL)
    assert told.notes == ["person 300 is left out of the report: leave_out_addresses names their address"]
    assert told.outcomes == []


@pytest.mark.parametrize("engine", ["duckdb", "sqlite", "postgresql", "mysql"], indirect=True)
def test_stored_tables_follow_a_new_address(warehouse: Any) -> None:
    log = Log()
    for person, name in ((100, "ann@own.example"), (101, "bob@home.example"), (102, "eve@home.example")):
        log.send(1, 10, person, SENT).open(1, 10, person, OPENED).address(person, name)
    warehouse.load(log)
    stored = {"rules": INTERNAL, "facts": StoredSource("campaign_report")}
    refresh(warehouse.uri, rules=INTERNAL)
    assert sent(warehouse, **stored) == 2
    warehouse.execute("UPDATE lead SET email = 'bob@own.example' WHERE id = 101")
    warehouse.execute("UPDATE lead SET email = 'ann@home.example' WHERE id = 100")
    assert refresh(warehouse.uri, rules=INTERNAL).mode == "incremental"
    assert warehouse.records(**stored) == warehouse.records(rules=INTERNAL)
    assert sent(warehouse, **stored) == 2
    warehouse.execute("UPDATE lead SET email = 'ann@own.example' WHERE id = 100")
    refresh(warehouse.uri, rules=INTERNAL)
    assert sent(warehouse, **stored) == 1
    assert refresh(warehouse.uri, rules=INTERNAL).mode == "unchanged"
    # Other rules, other tables.
    assert refresh(warehouse.uri).mode == "full"
    assert sent(warehouse, facts=stored["facts"]) == 3


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_doctor_says_where_there_are_no_addresses(warehouse: Any) -> None:
    warehouse.load(Log().send(1, 10, 100, SENT))
    assert sent(warehouse, rules=INTERNAL) == 1
    [finding] = [each for each in run_doctor(warehouse.uri, rules=INTERNAL) if each.about == "addresses"]
    assert (finding.severity, finding.advice) == (
        "notice",
        "People cannot be left out by their address, and count.",
    )
    assert [each for each in run_doctor(warehouse.uri) if each.about == "addresses"] == []


@pytest.mark.parametrize("pattern", ["", "*", "**", "a b", "*a*b", "a*b*", "*a*b*", " jo@home.example"])
def test_a_pattern_that_no_engine_reads_alike_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError):
        check_address_pattern(pattern)


def test_it_is_said_in_words() -> None:
    assert left_out_in_words(Rules()) == ""
    assert left_out_in_words(INTERNAL) == "without test and internal addresses"
    some = Rules(people=People.HIDDEN, leave_out_bots=True, leave_out_addresses=("*@own.example", "qa@own.example"))
    assert left_out_in_words(some) == (
        "without merged and deleted people, opens and clicks of bots and test and internal addresses"
    )
    assert options_of(some) == (
        "with --people hidden --leave-out bots --leave-out-addresses '*@own.example,qa@own.example'"
    )

"""Every metric over the rows of people is the report's, and each row says why, as `people` does without its days."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import APPLE_PROXY, CLOCKS, WRITABLE, Log, Table, fivetran_tables, random_logs, utc
from oracle import assert_report, report

from superset_campaign_plugin.attributes import attributes_of
from superset_campaign_plugin.errors import SourceError, UsageError
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA
from superset_campaign_plugin.report.datasets import DETAILS_DATASET, PEOPLE_DATASET, Options, computed_dataset
from superset_campaign_plugin.report.people_details import LONGEST
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.report.sqltext import plain_sql
from superset_campaign_plugin.reporting.dataset_sql import dataset_sql
from superset_campaign_plugin.reporting.query import Report, ReportRequest, dataset_rows, fetch
from superset_campaign_plugin.reporting.recipient_list import list_recipients
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect

# `ROUNDS=500 pytest tests/engines/test_email_people.py` is the long run.
ROUNDS = {"duckdb": 4, "sqlite": 5, "postgresql": 3, "mysql": 3, "hive": 1}
BY = ("campaign", "email", "day")
ASKED = st.builds(Rules, people=st.sampled_from(People), leave_out_deleted=st.booleans(), leave_out_bots=st.booleans())
LONG_AFTER = utc("2026-01-01")
# Days, as the command writes them into a sentence.
DAY = re.compile(r" (on|of) \d{1,2} [A-Z]\w+ \d{4}")
UNTIL = re.compile(r"from \d{1,2} [A-Z]\w+ \d{4}$")


def rounds(engine: str) -> settings:
    return settings(
        max_examples=int(os.environ.get("ROUNDS", ROUNDS[engine])),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def figures(warehouse: Any, *, facts: Any = None, **options: Any) -> Report:
    """The report's figures, added up from the rows of people."""
    metrics = load_semantics().metrics
    dataset = load_semantics().datasets[PEOPLE_DATASET]
    with connect(warehouse.uri if facts is None else facts.uri(warehouse.uri)) as (connection, engine):
        sql = people_sql(connection, engine, facts, Options(**options))
        return fetch(connection, engine, dataset, sql, ReportRequest(by=BY, metrics=metrics))


def people_sql(connection: Any, engine: Any, facts: Any, options: Options) -> str:
    """Of the people, or of their details where `options` name attributes."""
    name = DETAILS_DATASET if options.attributes else PEOPLE_DATASET
    return dataset_sql(connection, engine, resolve("fivetran", None), options, [name], facts)[name]


def rows(warehouse: Any, *, facts: Any = None, **options: Any) -> list[dict[str, Any]]:
    """The rows of the dataset, by campaign, email and person."""
    with connect(warehouse.uri if facts is None else facts.uri(warehouse.uri)) as (connection, engine):
        source = dataset_rows(people_sql(connection, engine, facts, Options(**options)), "people")
        found = connection.execute(sa.select(sa.text("*")).select_from(source)).mappings().all()
    return sorted(
        map(dict, found), key=lambda row: (row["campaign_id"] or 0, row["email_id"], row["person_id"], row["status"])
    )


def without_days(sentence: str) -> str:
    return UNTIL.sub("3 days after the send", DAY.sub("", sentence))


@pytest.mark.on_every_engine
def test_the_rows_are_the_people_and_their_sums_the_report(warehouse: Any) -> None:
    @rounds(warehouse.engine)
    @given(log=random_logs(max_size=60), clock=st.sampled_from(CLOCKS), rules=ASKED)
    def equal(log: Log, clock: datetime, rules: Rules) -> None:
        warehouse.load(log)
        assert_report(figures(warehouse, as_of=clock, rules=rules), report(log, as_of=clock, by=BY, rules=rules), BY)
        told = [
            (row["campaign_id"], row["email_id"], row["person_id"], row["status"], row["reason"], row["rule"])
            for row in rows(warehouse, as_of=clock, rules=rules)
        ]
        asked = [
            (row["campaign_id"], row["email_id"], row["lead"], row["status"], without_days(row["reason"]), row["rule"])
            for row in list_recipients(warehouse.uri, as_of=clock, rules=rules).records()
        ]
        assert told == sorted(asked, key=lambda row: (row[0] or 0, *row[1:4]))

    equal()


@pytest.mark.parametrize("engine", WRITABLE, indirect=True)
def test_stored_rows_are_those_of_the_log(warehouse: Any) -> None:
    """By the view, whose clock runs, and by the stored records with a clock that stands."""
    facts = StoredSource(DEFAULT_SCHEMA)

    @rounds(warehouse.engine)
    @given(log=random_logs(max_size=60), clock=st.sampled_from(CLOCKS), rules=ASKED)
    def equal(log: Log, clock: datetime, rules: Rules) -> None:
        warehouse.load(log)
        refresh(warehouse.uri, rules=rules, full=True)
        viewed = figures(warehouse, facts=facts, rules=rules)
        assert_report(viewed, report(log, as_of=LONG_AFTER, by=BY, rules=rules), BY)
        assert rows(warehouse, facts=facts, rules=rules) == rows(warehouse, rules=rules)
        asked = {"as_of": clock, "rules": rules}
        assert rows(warehouse, facts=facts, **asked) == rows(warehouse, **asked)

    equal()


SENT = "2024-03-01 10:30"


def test_what_a_row_says_of_its_person(warehouse: Any) -> None:
    """
    person  sent      then
    100     03-01     a hard bounce, a click on 03-02 at 09:15, an open on 03-03
    101     03-01     Apple's proxy loads the images
    102     03-01     a bot clicks
    103     03-01     a soft bounce, a delivery
    104     03-01     nothing
    """
    log = Log().campaign(6, "Spring sale", program=7).program(7, "Sales", workspace="EMEA").email(45, "Invitation")
    for person in range(100, 105):
        log.send(6, 45, person, SENT)
    log.bounce(6, 45, 100, "2024-03-01 10:31").click(6, 45, 100, "2024-03-02 09:15").open(6, 45, 100, "2024-03-03")
    log.open(6, 45, 101, "2024-03-01 10:40", agent=APPLE_PROXY)
    log.click(6, 45, 102, "2024-03-01 10:41", bot=True)
    log.soft_bounce(6, 45, 103, "2024-03-01 10:31").deliver(6, 45, 103, "2024-03-01 10:32")
    found = rows(warehouse.load(log), as_of=utc("2024-03-04 10:30"), marketo_url="https://app-ab12.marketo.com/")
    assert [(row["person_id"], row["status"], row["reason"]) for row in found] == [
        (
            100,
            "Delivered",
            "clicked a link, so opened and delivered; the hard bounce does not count: an open beats a bounce",
        ),
        (
            101,
            "Delivered",
            "opened, so delivered; Apple's privacy proxy loaded the images, read or not, so no Human Opened",
        ),
        (
            102,
            "Delivered",
            "clicked a link, so opened and delivered; Marketo marks it as a bot's, so no Human Opened",
        ),
        (103, "Soft Bounced", "bounced soft; the delivery does not count: a soft bounce goes before a delivery"),
        (104, "Aborted", "sent, and after 3 days the log has no delivery, bounce, open, click or unsubscribe"),
    ]
    columns = ("opened_by", "was_opened", "was_clicked", "first_open", "first_click", "activity_minute", "sent_day")
    assert [tuple(row[name] for name in columns) for row in found] == [
        ("Human", "Yes", "Yes", "2024-03-02 09:15", "2024-03-02 09:15", "2024-03-03 00:00", "2024-03-01"),
        ("Machine", "Yes", "No", "2024-03-01 10:40", "", "2024-03-01 10:40", "2024-03-01"),
        ("Machine", "Yes", "Yes", "2024-03-01 10:41", "2024-03-01 10:41", "2024-03-01 10:41", "2024-03-01"),
        ("Nobody", "No", "No", "", "", "2024-03-01 10:32", "2024-03-01"),
        ("Nobody", "No", "No", "", "", SENT, "2024-03-01"),
    ]
    assert {(row["program_name"], row["campaign_name"], row["email_name"]) for row in found} == {
        ("Sales", "Spring sale", "Invitation")
    }
    assert found[0]["person_link"] == (
        '<a title="100" href="https://app-ab12.marketo.com/leadDatabase/loadLeadDetail?leadId=100" target="_blank">'
        "100</a>"
    )


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_an_id_leads_to_no_instance_that_is_not_known(warehouse: Any) -> None:
    warehouse.load(Log().send(6, 45, 100, SENT))
    assert [row["person_link"] for row in rows(warehouse)] == ["100"]
    with connect(warehouse.uri) as (connection, engine):
        [log] = resolve("fivetran", None).live_logs(connection, engine)
        for name, known in ((None, True), ("EMEA", False)):
            options = Options(marketo_url="https://app-ab12.marketo.com", source_name=name)
            query = computed_dataset(PEOPLE_DATASET, log.relations(), engine, options)
            assert ("app-ab12.marketo.com" in plain_sql(query, engine)) == known
    [row] = rows(warehouse, marketo_url='https://example.com/"><script>')
    assert 'href="https://example.com/&quot;&gt;&lt;script&gt;/leadDatabase' in row["person_link"]


# ---------------------------------------------------------------------------------------------------------------
# With columns of the loader's table of people

ODD = "Lead \"Source\" 'x'"
COLUMNS = ("email", ODD)
VALUES = (
    '<a href="https://evil.example/">x</a>',
    "<img src=x onerror=alert(1)>",
    '=HYPERLINK("https://evil.example/")',
    'O\'Brien & "Söhne" 100% {{ 7*7 }} \\',
    "عرض الربيع 🎉",
    "<" + "x" * 1000,
    "ann@example.com",
    " ",
    "",
    None,
)
Version = tuple[int, Any, Any]
TOLD = ("campaign_id", "email_id", "lead", "status")


def with_people(versions: list[Version]) -> Callable[[Log], Iterator[Table]]:
    """Fivetran's tables with these (person, address, source), the newest last."""

    def tables(log: Log) -> Iterator[Table]:
        yield from (table for table in fivetran_tables(log) if table.name != "lead")
        columns = {"id": "integer", "email": "text", ODD: "text", "updated_at": "time"}
        days = [utc(f"2024-01-{day:02}") for day in range(1, 1 + len(versions))]
        yield Table("lead", columns, [(*version, day) for version, day in zip(versions, days, strict=True)])

    return tables


def plain(value: str | None) -> str:
    return (value or "").strip(" ")


def shown(value: str | None) -> str:
    return plain(value)[:LONGEST].replace("<", "< ")


@pytest.mark.parametrize("engine", WRITABLE, indirect=True)
def test_attributes_stand_beside_the_same_rows(warehouse: Any) -> None:
    """Computed and, where they lie in the loader's database, stored: no row and no sum is another one."""
    attributes = attributes_of(COLUMNS)
    names = [each.name for each in attributes]
    assert names == ["person_email", "person_lead_source_x"]

    @rounds(warehouse.engine)
    @given(
        log=random_logs(max_size=40),
        rules=ASKED,
        drawn=st.lists(st.tuples(st.integers(0, 3), *[st.sampled_from(VALUES)] * 2), max_size=12),
    )
    def beside(log: Log, rules: Rules, drawn: list[Version]) -> None:
        people = sorted({each.person for each in log.activities if each.person is not None}) or [1]
        versions = [(people[place % len(people)], *values) for place, *values in drawn]
        newest: dict[int, list[Any]] = {person: values for person, *values in versions}
        warehouse.load(log, layout=with_people(versions))
        options: dict[str, Any] = {"rules": rules, "as_of": LONG_AFTER}
        without = rows(warehouse, **options)
        found = [rows(warehouse, attributes=attributes, **options)]
        if warehouse.engine != "duckdb":
            refresh(warehouse.uri, rules=rules, full=True)
            facts = StoredSource(DEFAULT_SCHEMA)
            found.append(rows(warehouse, facts=facts, attributes=attributes, rules=rules))
        expected = [
            {**row, **dict(zip(names, map(shown, newest.get(row["person_id"], [None, None])), strict=True))}
            for row in without
        ]
        assert all(each == expected for each in found)
        assert_report(
            figures(warehouse, attributes=attributes, **options), report(log, as_of=LONG_AFTER, by=BY, rules=rules), BY
        )
        listed = list_recipients(warehouse.uri, columns=COLUMNS, **options).records()
        assert [tuple(row[name] for name in TOLD) for row in listed] == [
            (row["campaign_id"], row["email_id"], row["person_id"], row["status"]) for row in without
        ]
        assert [[row[name] for name in names] for row in listed] == [
            [*map(plain, newest.get(row["lead"], [None, None]))] for row in listed
        ]

    beside()


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_a_column_that_is_not_there_is_named(warehouse: Any) -> None:
    log = Log().send(6, 45, 100, SENT)
    warehouse.load(log, layout=with_people([(100, "ann@example.com", "Web")]))
    with pytest.raises(UsageError, match=r"column of the table of people lead in .* 'emial': did you mean 'email'\?"):
        rows(warehouse, attributes=attributes_of(["emial"]))
    [row] = rows(warehouse, attributes=attributes_of(["EMAIL"]))  # as layouts find names
    assert row["person_email"] == "ann@example.com"
    warehouse.load(log)
    with pytest.raises(SourceError, match="the table of people 'lead' is not in the default schema"):
        list_recipients(warehouse.uri, columns=["email"])
    with pytest.raises(SourceError, match="the bulk layout has no table of people"):
        resolve("bulk", None).logs(None, lambda *_: SimpleNamespace(tables=set))[0].people_columns([])


def test_names_of_fields_are_plain_and_apart() -> None:
    names = [each.name for each in attributes_of(["id", "leadSource", "lead_source", "会社", "Link"])]
    assert names == ["person_id_2", "person_lead_source", "person_lead_source_2", "person_attribute", "person_link_2"]

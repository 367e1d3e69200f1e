"""Values in unusual types and spellings: what each is read as, and what is said of those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from logs import WRITABLE, Log, Table, fivetran_tables, load, utc
from oracle import assert_report, report
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import SourceError
from superset_campaign_plugin.flags import NO, YES, read_flag
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA
from superset_campaign_plugin.report.checks import SPELLINGS, UNREADABLE
from superset_campaign_plugin.report.sqltext import executable, sql_text
from superset_campaign_plugin.reporting.doctor import Finding, run_doctor
from superset_campaign_plugin.reporting.query import read_time
from superset_campaign_plugin.warehouse import connect

pytestmark = pytest.mark.on_every_engine

NOW = utc("2024-06-01")
DAY = "2024-03-01 10:00"
LATER = "2024-03-01 11:00"

TEN = utc("2024-01-01 10:00")
TIMES: dict[str, datetime | None] = {
    "2024-01-01": utc("2024-01-01"),
    **dict.fromkeys(("2024-01-01T10:00", "2024-01-01 10:00:00", " 2024-01-01 10:00:00.000 "), TEN),
    **dict.fromkeys(("2024-01-01T10:00:00Z", "2024-01-01T10:00Z", "2024-01-01T10:00:00.000000Z"), TEN),
    **dict.fromkeys(("2024-01-01T10:00:00+0000", "2024-01-01T10:00:00+00", "2024-01-01 10:00:00 +00:00"), TEN),
    **dict.fromkeys(("2024-01-01T11:00:00+0100", "2024-01-01 11:00+01", "2024-01-01T04:30:00-05:30"), TEN),
    **dict.fromkeys(("2024-01-01 10:00:00 UTC", "2024-01-01T10:00:00UTC", "2024-01-01T10:00:00Z+0000"), TEN),
    "2024-02-29T23:59:59.5-0330": utc("2024-03-01 03:29:59.5"),
    "": None,
}
NO_TIMES = ("soon", "now", "10:00", "2024-02-30", "2023-02-29", "2024-13-01", "2024-01-01 25:00:00", "2024-1-5")
NO_TIMES += ("01/02/2024", "1704103200", "2460000.5", "2024-01-01 10:00 Europe/Berlin", "2024-01-01T10:00:00+25:00")
IDS: dict[str, int | None] = {
    **{"7": 7, "-7": -7, " 7 ": 7, "7.0": 7, "70.000": 70, "7.": 7, "0": 0, "": None},
    **{str(number): number for number in (2**63 - 1, 2**53 + 1)},
}
NO_IDS = ("7.5", "abc", "12abc", "0x7", "7 8", "1e3", "--7", str(2**63), "2024-01-01")
LISTS: dict[str, str | None] = {
    **dict.fromkeys(("2,3", "[2,3]", "2, 3", " [2, 3] ", "[2.0,3.0]", '["2","3"]', "[\n  2,\n  3\n]"), "2,3"),
    **dict.fromkeys(('[{"value":2},{"value":3}]', '[{"value": "2"}, {"value": "3"}]', "2.0, 3"), "2,3"),
    **dict.fromkeys(("2", "[2]", '["2"]', '{"value":2}'), "2"),
    **dict.fromkeys(("", "[]", "null", "[null]", " "), None),
}
NO_LISTS = ("2 3", "2;3", "2;x", "x", "2.5", "[2,x]", '{"value":2}{"value":3}', "2,,3", "2,", "2-3", '[{"id":2}]')


def read(
    warehouse: Any, values: Iterable[str], *reads: Callable[[Engine], Callable[[ColumnElement[Any]], Any]]
) -> dict:
    """What each text is read as, of a column of texts."""
    load([Table("spelled", {"place": "integer", "v": "text"}, [*enumerate(values)])], warehouse.uri)
    with connect(warehouse.uri) as (connection, engine):
        spelled = sa.table("spelled", sa.column("place"), sa.column("v", sa.String()))
        columns = [of(engine)(spelled.c.v).label(f"read_{place}") for place, of in enumerate(reads)]
        query = sa.select(spelled.c.v, *columns).order_by(spelled.c.place)
        rows = connection.execute(executable(sql_text(query, engine))).fetchall()
    return {row[0]: tuple(row[1:]) for row in rows}


@pytest.mark.on_spark
def test_times(warehouse):
    found = read(warehouse, TIMES, lambda each: each.time, lambda each: each.try_time, lambda each: each.bad_time)
    for spelled, (strict, tried, bad) in found.items():
        assert (read_time(strict), read_time(tried), bool(bad)) == (TIMES[spelled], TIMES[spelled], False), spelled


@pytest.mark.on_spark
def test_no_times(warehouse):
    found = read(warehouse, NO_TIMES, lambda each: each.try_time, lambda each: each.bad_time)
    assert {spelled: (tried, bool(bad)) for spelled, (tried, bad) in found.items()} == dict.fromkeys(
        NO_TIMES, (None, True)
    )


@pytest.mark.on_spark
def test_ids(warehouse):
    reads = (lambda each: each.identifier, lambda each: each.try_identifier, lambda each: each.bad_identifier)
    found = read(warehouse, IDS, *reads)
    assert {spelled: (strict, tried, bool(bad)) for spelled, (strict, tried, bad) in found.items()} == {
        spelled: (number, number, False) for spelled, number in IDS.items()
    }


@pytest.mark.on_spark
def test_no_ids(warehouse):
    found = read(warehouse, NO_IDS, lambda each: each.try_identifier, lambda each: each.bad_identifier)
    assert {spelled: (tried, bool(bad)) for spelled, (tried, bad) in found.items()} == dict.fromkeys(
        NO_IDS, (None, True)
    )


@pytest.mark.on_spark
def test_lists_of_ids(warehouse):
    found = read(warehouse, [*LISTS, *NO_LISTS], lambda each: each.id_list, lambda each: each.bad_id_list)
    assert {spelled: (ids, bool(bad)) for spelled, (ids, bad) in found.items()} == {
        **{spelled: (ids, False) for spelled, ids in LISTS.items()},
        **dict.fromkeys(NO_LISTS, (None, True)),
    }


@pytest.mark.on_spark
def test_yes_and_no(warehouse):
    words = [
        each for word in (*YES, *NO, "maybe", "2", "") for each in dict.fromkeys((word, word.upper(), f" {word} "))
    ]
    found = read(warehouse, words, lambda each: each.flag, lambda each: each.bad_flag)
    for word, (said, bad) in found.items():
        expected = read_flag(word)
        assert (said in YES, said in NO) == (expected is True, expected is False), word
        assert bool(bad) == (expected is None and word.strip() != ""), word


# ---------------------------------------------------------------------------------------------------------------
# Beside the log


def replaced(log: Log, table: str, column: str, values: list[Any], kind: str = "text") -> list[Table]:
    """Fivetran's tables, with these values in a column of that table."""
    tables = []
    for found in fivetran_tables(log):
        if found.name == table:
            names = list(found.columns)
            if column not in names:
                names.append(column)
                found = found._replace(rows=[(*row, None) for row in found.rows])
            place = names.index(column)
            rows = [(*row[:place], own, *row[place + 1 :]) for row, own in zip(found.rows, values, strict=True)]
            found = found._replace(columns={**found.columns, column: kind}, rows=rows)
        tables.append(found)
    return tables


def told(warehouse: Any, finding: str) -> list[Finding]:
    return [each for each in run_doctor(warehouse.uri, as_of=NOW) if each.finding == finding and each.found]


def people() -> Log:
    """Three people who were sent an email, of whom 101 and 102 went into 100, one after the other."""
    log = Log().campaign(1, "Spring").campaign(2, "Autumn", program=7).program(7, "Webinars").email(10, "Invitation")
    for person in (100, 101, 102):
        log.send(1, 10, person, DAY).open(1, 10, person, LATER, bot=person == 100)
    return log.send(2, 10, 100, DAY).merge(100, 101).merge(100, 102).delete(100, 103)


def no_program(log: Log) -> None:
    log.campaigns[1] = log.campaigns[1]._replace(program=None)


SIDE = {  # the column: the values, which of them is bad, and what becomes of the log without it
    "activity_merge_leads.merge_ids": (["[101]", "101;x"], "101;x", lambda log: log.merges.pop()),
    "activity_merge_leads.lead_id": (["100", "hundred"], "hundred", lambda log: log.merges.pop()),
    "activity_merge_leads.activity_date": (["2024-05-01", "soon"], "soon", lambda log: None),
    "activity_delete_lead.lead_id": (["x", "103"], "x", lambda log: log.deletions.pop(0)),
    "campaign.id": (["1", "two"], "two", lambda log: log.campaigns.pop()),
    "campaign.program_id": (["", "7.5"], "7.5", no_program),
    "campaign.active": (["yes", "perhaps"], "perhaps", lambda log: None),
    "program.id": (["seven"], "seven", lambda log: log.programs.pop()),
    "email_template_history.id": (["0x10"], "0x10", lambda log: log.emails.pop()),
    "activity_open_email._fivetran_synced": (["2024-07-01", "", "yesterday"], "yesterday", lambda log: None),
    "activity_open_email.is_bot_activity": (["yes", "no", "robot"], "robot", lambda log: None),
}


@pytest.mark.parametrize("where", SIDE)
def test_one_bad_value_beside_the_log(warehouse, where):
    """The report, doctor and a refresh come out as without it, and doctor names it."""
    values, bad, without = SIDE[where]
    load(replaced(people(), *where.split("."), values), warehouse.uri)
    log = people()
    without(log)
    expected, by = report(log, as_of=NOW), ("campaign", "email")
    assert_report(warehouse.report(as_of=NOW), expected, by)
    [finding] = told(warehouse, UNREADABLE.finding)
    assert (finding.about, finding.found, finding.severity) == (f"{where}, such as {bad}", 1, "problem")
    assert finding.advice
    if warehouse.engine in WRITABLE:
        refresh(warehouse.uri)
        assert_report(warehouse.report(as_of=NOW, facts=StoredSource(DEFAULT_SCHEMA)), expected, by)


@pytest.mark.parametrize(("table", "column"), [("activity_merge_leads", "activity_date"), ("campaign", "id")])
def test_a_side_column_of_a_wrong_type(warehouse, table, column):
    """Seconds since 1970 for times, days for ids: all values are passed over, and it is said."""
    kind, value = ("integer", 1704103200) if column == "activity_date" else ("time", utc("2024-01-01"))
    load(replaced(people(), table, column, [value, value], kind), warehouse.uri)
    log = people()
    if table == "campaign":
        log.campaigns.clear()
    assert_report(warehouse.report(as_of=NOW), report(log, as_of=NOW), ("campaign", "email"))
    [finding] = told(warehouse, UNREADABLE.finding)
    assert finding.about.startswith(f"{table}.{column}, such as {str(value)[:10]}")
    assert finding.found == 2


# ---------------------------------------------------------------------------------------------------------------
# Two spellings of one column


def test_two_spellings_of_one_column(warehouse):
    """The layout's own goes first, the other fills where it is null."""
    log = Log().send(7, 9, 1, DAY).send(None, 9, 2, DAY).send(8, 9, 3, DAY)
    load(replaced(log, "activity_send_email", "campaignid", ["99", "7", ""]), warehouse.uri)
    rows = warehouse.records(as_of=NOW, by=["campaign"])
    assert [(row["campaign_id"], row["sent"]) for row in rows] == [(7, 2), (8, 1)]
    [finding] = told(warehouse, SPELLINGS.finding)
    assert (finding.about, finding.severity) == ("activity_send_email: campaign_id, campaignid", "notice")


def test_a_list_of_ids_in_two_spellings(warehouse):
    log = people()
    load(replaced(log, "activity_merge_leads", "merge_i_ds", ["[5]", "102"]), warehouse.uri)
    warehouse.execute("UPDATE activity_merge_leads SET merge_ids = NULL WHERE merge_ids = '[102]'")
    assert_report(warehouse.report(as_of=NOW), report(log, as_of=NOW), ("campaign", "email"))


def test_a_second_spelling_of_a_wrong_type_fills_nothing(warehouse):
    log = Log().send(7, 9, 1, DAY)
    load(replaced(log, "activity_send_email", "leadid", [utc(DAY)], "time"), warehouse.uri)
    [row] = warehouse.records(as_of=NOW)
    assert row["sent"] == 1


# ---------------------------------------------------------------------------------------------------------------
# The log


@pytest.mark.parametrize(
    ("column", "kind", "value", "example"),
    [
        ("activity_date", "integer", 1704103200, "1704103200"),
        ("activity_date", "text", "1704103200", "1704103200"),
        ("lead_id", "text", "7.5", "7.5"),
        ("lead_id", "time", utc(DAY), "2024-03-01"),
    ],
)
def test_a_value_of_the_log_that_cannot_be_read(warehouse, column, kind, value, example):
    """The sentence holds table, column and an example, on every engine and for every command."""
    load(replaced(Log().send(1, 10, 100, DAY), "activity_send_email", column, [value], kind), warehouse.uri)
    commands = [lambda: warehouse.report(as_of=NOW), lambda: run_doctor(warehouse.uri)]
    if warehouse.engine in WRITABLE:
        commands.append(lambda: refresh(warehouse.uri))
    for command in commands:
        with pytest.raises(SourceError, match=f"^column {column} of table activity_send_email holds '{example}.*'"):
            command()


def test_bytes_that_are_no_text(engine, warehouse):
    """An agent in bytes is read as UTF-8; what is none stops nothing."""
    types = {"duckdb": "BLOB", "postgresql": "BYTEA", "mysql": "BLOB", "sqlite": "BLOB", "hive": "BINARY"}
    spelled = {
        "duckdb": ("encode('GoogleImageProxy é')", r"'\xFF\xFE'::BLOB"),
        "postgresql": ("convert_to('GoogleImageProxy é', 'UTF8')", r"'\xFFFE'::BYTEA"),
        "mysql": ("CAST('GoogleImageProxy é' AS BINARY)", "X'FFFE'"),
        "sqlite": ("CAST('GoogleImageProxy é' AS BLOB)", "X'FFFE'"),
    }
    if engine not in spelled:
        pytest.skip("rows cannot be changed there; the property test of types has such columns")
    log = Log().send(1, 10, 100, DAY).send(1, 10, 101, DAY).open(1, 10, 100, LATER).open(1, 10, 101, LATER)
    warehouse.load(log)
    warehouse.execute(f"ALTER TABLE activity_open_email ADD COLUMN user_agent {types[engine]}")
    for person, value in zip((100, 101), spelled[engine], strict=True):
        sql = f"UPDATE activity_open_email SET user_agent = {value} WHERE lead_id = {person}"
        warehouse.execute(sql.replace(":", r"\:"))
    [row] = warehouse.records(as_of=NOW)
    assert (row["opened"], row["image_proxy_opened"], row["human_opened"]) == (2, 1, 2)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_sqlite_holds_whatever_the_type(warehouse):
    """A column of whole numbers holds a text there if it is put in."""
    warehouse.load(Log().send(1, 10, 100, DAY))
    warehouse.execute("UPDATE activity_send_email SET lead_id = 'somebody'")
    with pytest.raises(SourceError, match="column lead_id of table activity_send_email holds 'somebody'"):
        warehouse.report(as_of=NOW)


@pytest.mark.parametrize("engine", ["mysql"], indirect=True)
def test_a_date_of_zeros(warehouse):
    warehouse.load(Log().send(1, 10, 100, DAY))
    warehouse.execute("SET SESSION sql_mode = ''", "UPDATE activity_send_email SET activity_date = '0000-00-00'")
    with pytest.raises(SourceError, match="column activity_date of table activity_send_email holds '0000-00-00"):
        warehouse.report(as_of=NOW)

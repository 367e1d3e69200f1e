"""Rows of a real Marketo instance, as Fivetran landed them, give the totals that were counted from the files."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import oracle
import pytest
from logs import ENGINES, EVENT_TABLES, Activity, Campaign, Email, Log, Merge, Program, Table, load, utc

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "marketo_fivetran"
NOW = utc("2020-06-02")
KNOWN = {
    "sent": 98,
    "delivered": 52,
    "hard_bounced": 0,
    "pending": 0,
    "aborted": 46,
    "opened": 1,
    "clicked_link": 0,
}
GROUPINGS = [("campaign", "email"), ("workspace", "program", "week"), ("day",)]

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the sample of real rows, shared/data beside the repository, is not on this machine"
)


def files() -> dict[str, list[dict[str, str]]]:
    """Every file of the sample: {table: rows}."""
    return {
        path.stem: list(csv.DictReader(path.open(encoding="utf-8-sig", newline="")))
        for path in sorted(FOLDER.glob("*.csv"))
    }


def time(text: str) -> datetime | None:
    """`2020-05-11 18:00:04.000` or `2020-05-15 22:18:25 UTC`."""
    return utc(text.removesuffix(" UTC")) if text else None


def number(text: str) -> int | None:
    return int(text) if text else None


def flag(text: str) -> bool | None:
    return text == "TRUE" if text else None


def words(text: str) -> str | None:
    return text or None


READ = {"integer": number, "time": time, "flag": flag, "text": words}


def kind_of(column: str, values: list[str]) -> str:
    """What Fivetran makes of the column: by its name, or by holding TRUE and FALSE alone."""
    if column == "id" or (column.endswith("_id") and column != "sfdc_id"):
        return "integer"
    if column in ("activity_date", "created_at", "updated_at", "_fivetran_synced"):
        return "time"
    return "flag" if set(values) - {""} and set(values) <= {"TRUE", "FALSE", ""} else "text"


def typed_tables() -> list[Table]:
    tables = []
    for name, rows in files().items():
        columns = {column: kind_of(column, [row[column] for row in rows]) for column in rows[0]}
        values = [tuple(READ[kind](row[column]) for column, kind in columns.items()) for row in rows]
        tables.append(Table(name, columns, values))
    return tables


def text_tables() -> list[Table]:
    """As a spreadsheet or a plain CSV import leaves them: no types, no nulls."""
    return [
        Table(name, dict.fromkeys(rows[0], "text"), [tuple(row.values()) for row in rows])
        for name, rows in files().items()
    ]


def as_log() -> Log:
    """The same rows for the independent count."""
    tables, log = files(), Log()
    for kind, name in EVENT_TABLES.items():
        for row in tables.get(name, []):
            log.activities.append(
                Activity(
                    kind,
                    int(row["id"]),
                    time(row["activity_date"]),
                    number(row["campaign_id"]),
                    number(row["primary_attribute_value_id"]),
                    number(row["lead_id"]),
                    row.get("action_result") or None,
                    row.get("link") or None,
                    agent=row.get("user_agent") or None,
                    named=row["primary_attribute_value"],
                )
            )
    for row in tables["activity_merge_leads"]:
        merged = tuple(int(part) for part in row["merge_ids"].strip("[]").split(",") if part)
        log.merges.append(Merge(int(row["lead_id"]), merged, time(row["activity_date"])))
    for row in tables["campaign"]:
        program = number(row["program_id"])
        version = Campaign(int(row["id"]), row["name"], program, row["workspace_name"], time(row["updated_at"]))
        log.campaigns.append(version)
    for row in tables["program"]:
        log.programs.append(Program(int(row["id"]), row["name"], row["workspace"], time(row["updated_at"])))
    for row in tables["email_template_history"]:
        log.emails.append(Email(int(row["id"]), row["name"], row["workspace"], time(row["updated_at"])))
    return log


@pytest.fixture(scope="module", params=[*ENGINES, "sqlite as text", "duckdb as text"])
def real_rows(request, warehouse_on):
    """The sample in a database."""
    engine, _, text = request.param.partition(" ")
    warehouse = warehouse_on(engine)
    load(text_tables() if text else typed_tables(), warehouse.uri)
    return warehouse


def test_the_independent_count_knows_the_totals():
    (row,) = oracle.report(as_log(), as_of=NOW, by=())
    assert {name: row[name] for name in KNOWN} == KNOWN
    assert len(oracle.report(as_log(), as_of=NOW, by=("campaign",))) == 6


def test_the_known_totals(real_rows):
    (row,) = real_rows.records(as_of=NOW, by=())
    assert {name: row[name] for name in KNOWN} == KNOWN
    assert len(real_rows.report(as_of=NOW, by=("campaign",)).rows) == 6


@pytest.mark.parametrize("by", GROUPINGS, ids=str)
def test_every_cell(real_rows, by):
    oracle.assert_report(real_rows.report(as_of=NOW, by=by), oracle.report(as_log(), as_of=NOW, by=by), by)

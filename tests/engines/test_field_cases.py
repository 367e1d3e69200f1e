"""What users of Marketo's loaders reported in public, made small: one case of each kind, with the right answer.

The reports themselves, in field/cases.yaml, lie outside the repository, so they run where that file is there; `CASES`
holds one of each kind that runs everywhere. What an engine can hold in which type, and what a layout can look like, is
drawn at random in `test_types.py` and listed in `test_layouts.py`.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner

from superset_campaign_plugin.cli import campaign

FILE = Path(__file__).parents[2].parent / "shared" / "field" / "cases.yaml"

SINGER_SENDS = """
    CREATE TABLE activities_send_email(
        marketoguid VARCHAR, leadid BIGINT, activitydate TIMESTAMPTZ, campaignid BIGINT,
        primary_attribute_value_id VARCHAR
    );
    INSERT INTO activities_send_email VALUES
        ('a', 1, '2024-01-01 10:00:00Z', 7, '9'), ('b', 2, '2024-01-01 10:00:00Z', 7, '9');
"""
FIVETRAN_SENDS = """
    CREATE TABLE activity_send_email(
        id VARCHAR, lead_id BIGINT, activity_date TIMESTAMP, campaign_id BIGINT, primary_attribute_value_id BIGINT
    );
    INSERT INTO activity_send_email VALUES
        ('a', 1, '2024-01-01 10:00:00', 7, 9), ('b', 2, '2024-01-01 10:00:00', 7, 9);
"""
CLICKS = """
    CREATE TABLE activity_click_email(
        id VARCHAR, lead_id BIGINT, activity_date TIMESTAMP, campaign_id BIGINT, primary_attribute_value_id BIGINT,
        link VARCHAR, is_bot_activity {type}
    );
    INSERT INTO activity_click_email VALUES ('c', 1, '2024-01-01 11:00:00', 7, 9, 'https://example.com/', {value});
"""
MERGES = """
    CREATE TABLE activity_merge_leads(id VARCHAR, lead_id BIGINT, activity_date TIMESTAMP, merge_ids {type});
    INSERT INTO activity_merge_leads VALUES ('m', 1, '2024-01-03 10:00:00', {value});
"""
MERGED = "report --source fivetran --uri {uri} --people merged"


@dataclass(frozen=True)
class Right:
    """What must come out: these figures of the rows in their order, or these words of the error (exit code 1), and what
    `doctor` says: a finding, by its title, holds these words."""

    rows: tuple[dict[str, Any], ...] = ()
    error: tuple[str, ...] = ()
    doctor: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    sql: str
    right: Right
    run: str = "report --source fivetran --uri {uri}"


TWO, ONE = Right(({"sent": 2},)), Right(({"sent": 1},))
UNKNOWN = Right(
    ({"campaign_id": None, "campaign_name": "Unknown campaign", "sent": 2},),
    doctor={"Rows without a campaign": ("Unknown campaign",)},
)

CASES: dict[str, Case] = {
    **{
        f"merges as {type_}": Case(FIVETRAN_SENDS + MERGES.format(type=type_, value=value), ONE, MERGED)
        for type_, value in (
            ("VARCHAR", "'[2]'"),
            ("VARCHAR", "'[{\"value\": 2}]'"),
            ("VARCHAR[]", "['2']"),
            ("BIGINT[]", "[2, 3]"),
            ("JSON", "'[2]'"),
            ("JSON[]", "['{\"value\": 2}']"),
            ('STRUCT("value" BIGINT)[]', "[{'value': 2}]"),
        )
    },
    "one bad value in a side table": Case(
        FIVETRAN_SENDS + MERGES.format(type="VARCHAR", value="'2 or 3'"),
        Right(({"sent": 2},), doctor={"Values that cannot be read": ("activity_merge_leads", "merge_ids", "2 or 3")}),
        MERGED,
    ),
    "sends without the column of campaigns": Case(
        FIVETRAN_SENDS + "ALTER TABLE activity_send_email DROP campaign_id;",
        Right(({"campaign_name": "Unknown campaign", "sent": 2},), doctor={"Missing column": ("Unknown campaign",)}),
    ),
    "sends whose campaigns are all null": Case(
        FIVETRAN_SENDS + "UPDATE activity_send_email SET campaign_id = NULL;", UNKNOWN
    ),
    "a draft and nothing else": Case(
        FIVETRAN_SENDS
        + """
        CREATE TABLE email_template_history(
            id BIGINT, updated_at TIMESTAMP, name VARCHAR, subject VARCHAR, status VARCHAR, version BIGINT
        );
        INSERT INTO email_template_history VALUES (9, '2024-03-05', 'Spring sale', 'Soon', 'draft', 2);
        """,
        Right(({"email_name": "Spring sale"},)),
    ),
    "two spellings of the person": Case(
        FIVETRAN_SENDS
        + """
        ALTER TABLE activity_send_email ADD COLUMN leadid VARCHAR;
        UPDATE activity_send_email SET leadid = '5';
        UPDATE activity_send_email SET lead_id = NULL WHERE id = 'b';
        """,
        Right(({"sent": 2},), doctor={"One column in several spellings": ("lead_id", "leadid")}),
    ),
    "dates for times": Case(
        FIVETRAN_SENDS + "ALTER TABLE activity_send_email ALTER activity_date TYPE DATE;",
        Right(({"sent": 2, "first_sent": "2024-01-01 00:00:00"},)),
    ),
    **{
        f"a bot marked {value}": Case(
            FIVETRAN_SENDS + CLICKS.format(type=type_, value=value),
            Right(({"clicked_link": 1, "human_clicked_link": 0},)),
        )
        for type_, value in (("VARCHAR", "'Y'"), ("DOUBLE", "1.0"), ("BIT", "'1'"), ("VARCHAR", "'on'"))
    },
    **{
        f"not a bot, marked {value}": Case(
            FIVETRAN_SENDS + CLICKS.format(type=type_, value=value),
            Right(({"clicked_link": 1, "human_clicked_link": 1},)),
        )
        for type_, value in (("VARCHAR", "'N'"), ("DOUBLE", "0.0"), ("BIT", "'0'"), ("VARCHAR", "'off'"))
    },
    "capitals": Case(FIVETRAN_SENDS.replace("activity_send_email", "ACTIVITY_SEND_EMAIL"), TWO),
    "a prefix": Case(
        FIVETRAN_SENDS.replace("activity_send_email", "marketo__activity_send_email"),
        TWO,
        "report --source fivetran --table-prefix marketo__ --uri {uri}",
    ),
    "a prefix that nobody named": Case(
        FIVETRAN_SENDS.replace("activity_send_email", "marketo__activity_send_email"),
        Right(error=("marketo__activity_send_email", "--table-prefix")),
    ),
    "people hidden": Case(
        FIVETRAN_SENDS + MERGES.format(type="VARCHAR", value="'[2]'"), ONE, MERGED.replace("merged", "hidden")
    ),
}

# The cases of the file, by their names. Those without SQL are of the kinds that the named tests and `CASES` hold.
FIELD: dict[str, Right] = {
    "merges_as_native_arrays": ONE,
    "names_that_only_the_log_holds": Right(({"email_name": "Test Nurture.Invitation A", "sent": 1},)),
    "sends_without_a_campaign": Right(
        ({"campaign_id": 7, "sent": 1}, {"campaign_name": "Unknown campaign", "sent": 2}), doctor=UNKNOWN.doctor
    ),
    "approved_and_draft": ONE,
    "two_spellings_of_one_column": Right(
        ({"sent": 1, "campaign_id": 7},), doctor={"One column in several spellings": ("campaign_id", "campaignid")}
    ),
    "dates_for_times": Right(({"sent": 1, "first_sent": "2024-01-01 00:00:00"},)),
    "merged_people_by_default": TWO,
}


# What the file says in words: "with people merged".
MORE_OPTIONS = {"merges_as_native_arrays": " --people merged"}


def field_cases() -> Iterator[Any]:
    """The cases of the file that come with SQL."""
    found = yaml.safe_load(FILE.read_text(encoding="utf-8"))["cases"] if FILE.is_file() else []
    for case in found:
        if "sql" in case:
            run = case["run"].replace(" --format csv", "") + MORE_OPTIONS.get(case["name"], "")
            yield pytest.param(Case(case["sql"], FIELD[case["name"]], run), id=case["name"])


def database(folder: Path, sql: str) -> str:
    file = folder / "log.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(sql)
    return f"duckdb:///{file}"


@pytest.mark.parametrize("case", [*field_cases(), *(pytest.param(case, id=name) for name, case in CASES.items())])
def test_the_report_is_right_and_doctor_says_what_is_odd(case: Case, tmp_path: Path) -> None:
    uri = database(tmp_path, case.sql)
    command = shlex.split(case.run.format(uri=uri))
    answer = CliRunner().invoke(campaign, [*command, "--format", "json"])
    if case.right.error:
        assert answer.exit_code == 1
        assert all(word in answer.output for word in case.right.error)
        assert len(answer.output.strip().splitlines()) == 1
        return
    assert answer.exit_code == 0, answer.output
    rows = json.loads(answer.stdout)
    assert len(rows) == len(case.right.rows)
    for row, right in zip(rows, case.right.rows, strict=True):
        assert right.items() <= row.items()

    examined = CliRunner().invoke(campaign, ["doctor", *command[1:], "--format", "json"])
    assert examined.exit_code == 0, examined.output
    findings = json.loads(examined.stdout)
    for title, words in case.right.doctor.items():
        told = [f"{each['about']} {each['advice']}" for each in findings if each["finding"] == title and each["found"]]
        assert any(all(word in text for word in words) for text in told), (title, findings)


def test_the_drafts_subject_is_not_the_one_that_was_sent(tmp_path: Path) -> None:
    """The subject is no column of the command's report; a filter by it answers."""
    sends = FIVETRAN_SENDS + (
        "CREATE TABLE email_template_history(id BIGINT, updated_at TIMESTAMP, name VARCHAR, subject VARCHAR, "
        "status VARCHAR, version BIGINT);"
        "INSERT INTO email_template_history VALUES (9, '2023-12-20', 'Sale', 'Today only', 'approved', 1), "
        "(9, '2024-03-05', 'Sale', 'DRAFT do not send', 'draft', 2);"
    )
    uri = database(tmp_path, sends)
    command = ["report", "--source", "fivetran", "--uri", uri, "--format", "json", "--where"]
    assert len(json.loads(CliRunner().invoke(campaign, [*command, "email_subject=Today only"]).stdout)) == 1
    draft = CliRunner().invoke(campaign, [*command, "email_subject=DRAFT do not send"])
    assert draft.exit_code == 2
    assert draft.output == "Error: unknown email_subject 'DRAFT do not send': known are: Today only\n"

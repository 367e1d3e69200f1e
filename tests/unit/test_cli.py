"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import logs
import pytest
from click.testing import CliRunner, Result

from superset_campaign_plugin.cli import campaign

NASTY = 'O\'Brien & "S\u00f6hne" <script>alert(1)</script> 100% {{ 7*7 }} \u0639\u0631\u0636 \U0001f389'


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A DuckDB file with two sends of one campaign, one opened and clicked, and a campaign with a nasty name."""
    log = logs.Log()
    log.send(1, 10, 100, "2024-03-07 12:00").click(1, 10, 100, "2024-03-07 13:00")
    log.send(1, 10, 101, "2024-03-08 12:00").send(2, 10, 102, "2024-03-08 12:00")
    log.campaign(2, NASTY, updated="2024-03-01 00:00")
    uri = f"duckdb:///{tmp_path}/log.duckdb"
    logs.write(log, uri)
    return uri


def run(*arguments: str) -> Result:
    return CliRunner().invoke(campaign, arguments)


def rows(*arguments: str) -> list[dict[str, str]]:
    result = run("report", *arguments, "--format", "csv")
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_csv_has_the_fields_in_order_and_only_the_table(uri: str) -> None:
    result = run("report", "--uri", uri, "--as-of", "2024-03-10T12:00:00Z", "--format", "csv")
    header, *lines = result.stdout.splitlines()
    assert header.startswith("campaign_id,campaign_name,email_id,email_name,sent,delivered,pct_delivered,hard_bounced")
    assert header.endswith("unsubscribed,pct_unsubscribed,first_sent,last_sent,last_activity")
    assert lines[0] == (
        "1,1,10,10,2,1,0.5000000000,0,0.0000000000,0,0.0000000000,1,0,1,1.0000000000,1,1.0000000000,1.0000000000,"
        "0,0.0000000000,2024-03-07 12:00:00,2024-03-08 12:00:00,2024-03-08 12:00:00"
    )
    assert result.stderr == ""


def test_nothing_to_divide_by_is_empty(uri: str) -> None:
    [row] = rows("--uri", uri, "--where", "campaign_id=2")
    assert row["delivered"] == "0"
    assert row["pct_opened"] == row["clicked_to_opened_ratio"] == ""


def test_from_is_inclusive_and_to_exclusive(uri: str) -> None:
    [row] = rows("--uri", uri, "--from", "2024-03-07", "--to", "2024-03-08", "--by", "day")
    assert (row["day"], row["sent"]) == ("2024-03-07", "1")


def test_no_grouping_gives_one_total(uri: str) -> None:
    assert [row["sent"] for row in rows("--uri", uri, "--by", "")] == ["3"]


def test_the_clock_parts_pending_from_aborted(uri: str) -> None:
    clocks = ("2024-03-11T12:00:00Z", "2024-03-11T13:00:00+02:00")
    [late], [early] = (rows("--uri", uri, "--by", "", "--as-of", clock) for clock in clocks)
    assert (late["aborted"], early["aborted"], early["pending"]) == ("2", "0", "2")


def test_where_takes_one_of_several_values(uri: str) -> None:
    assert len(rows("--uri", uri, "--by", "campaign", "--where", "campaign_id=1", "--where", "campaign_id=2")) == 2


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_nasty_names_pass_unharmed(uri: str, form: str) -> None:
    output = run("report", "--uri", uri, "--where", f"campaign_name={NASTY}", "--format", form).stdout
    if form == "csv":
        output = next(csv.DictReader(io.StringIO(output)))["campaign_name"]
    if form == "json":
        output = json.loads(output)[0]["campaign_name"]
    assert NASTY in output


def test_sql_names_its_steps_and_runs(uri: str) -> None:
    sql = run("sql", "--uri", uri).stdout
    assert "anon_" not in sql
    for step in ("counted_sends", "email_records", "record_status", "daily_rollup"):
        assert f"{step} AS (" in sql
    assert "/* Rules 4 and 5" in sql


def test_bundle_has_one_root_and_no_password(uri: str, tmp_path: Path) -> None:
    file = tmp_path / "bundle.zip"
    assert run("bundle", "--uri", uri, "--output", str(file)).exit_code == 0
    names = zipfile.ZipFile(file).namelist()
    assert {name.split("/")[0] for name in names} == {"superset_campaign_bundle"}
    assert {name.split("/")[1] for name in names} == {
        *("metadata.yaml", "databases", "datasets", "charts", "dashboards")
    }


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ("report --uri duckdb:////nowhere/x.duckdb", 1, "check --uri"),
        ("report --uri postgresql://u:secret@127.0.0.1:1/x", 1, "cannot connect"),
        ("report --uri nonsense", 2, "no database URI"),
        ("report --uri {uri} --where campaign_id=99999999999999999999", 2, "a whole number"),
        ("report --uri {uri} --as-of 0001-01-01T00:00:00+14:00", 2, "outside the calendar"),
        ("report --uri mysql://host/x", 2, "unknown engine 'mysql'"),
        ("report --uri {uri} --source fivetrn", 2, "did you mean 'fivetran'"),
        ("report --uri {uri} --by campain", 2, "did you mean 'campaign'"),
        ("report --uri {uri} --by day,day", 2, "twice"),
        ("report --uri {uri} --where campain_name=x", 2, "did you mean 'campaign_name'"),
        ("report --uri {uri} --where campaign_id=x", 2, "a whole number"),
        ("report --uri {uri} --where nothing", 2, "FIELD=VALUE"),
        ("report --uri {uri} --from 2024-13-01", 2, "no day"),
        ("report --uri {uri} --as-of yesterday", 2, "no time"),
        ("report --uri {uri} --from 2024-03-02 --to 2024-03-02", 2, "exclusive"),
        ("report --uri {uri} --schema nowhere", 1, "activity_send_email"),
        ("sql --uri {uri} --dataset campaign_email_link", 2, "did you mean 'campaign_email_links'"),
        ("load-emails /nowhere --uri {uri}", 2, "/nowhere"),
        ("bundle --uri {uri} --output /nowhere/bundle.zip", 1, "cannot write"),
    ],
)
def test_a_mistake_is_one_line_with_its_code(uri: str, arguments: str, code: int, text: str) -> None:
    result = run(*arguments.format(uri=uri).split())
    assert result.exit_code == code
    assert result.stdout == ""
    assert text in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert "secret" not in result.stderr


def test_the_module_loads_click_alone() -> None:
    code = "import sys, superset_campaign_plugin.cli; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "click" in loaded
    assert not loaded & {"superset", "sqlalchemy", "flask", "marshmallow", "yaml", "sqlglot"}


def test_every_command_and_option_is_explained() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, command in campaign.commands.items():
        assert command.get_short_help_str(), name
        assert f"`{name}" in page
        for option in command.params:
            assert getattr(option, "help", "an argument"), f"{name} {option.name}"

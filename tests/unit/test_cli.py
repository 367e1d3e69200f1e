"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import subprocess
import sys
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import click
import duckdb
import layouts
import logs
import pytest
import sqlalchemy as sa
import sqlglot
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from superset_campaign_plugin import sources
from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.refresh.place import stored_uri
from superset_campaign_plugin.report.rules import AgentRules, DomainRules, LinkRules, People, Rules
from superset_campaign_plugin.report.rules_in_words import advice, difference, read_rules
from superset_campaign_plugin.warehouse import connect

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(sys.executable).parent / "superset-campaign"
NASTY = 'O\'Brien & "S\u00f6hne" <script>alert(1)</script> 100% {{ 7*7 }} \u0639\u0631\u0636 \U0001f389'


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A DuckDB file with two sends of one campaign, one opened and clicked, and a campaign with a nasty name."""
    log = logs.Log()
    log.send(1, 10, 100, "2024-03-07 12:00").click(1, 10, 100, "2024-03-07 13:00")
    log.send(1, 10, 101, "2024-03-08 12:00").send(2, 10, 102, "2024-03-08 12:00")
    log.campaign(2, NASTY, program=5, updated="2024-03-01 00:00").program(5, "Spring")
    uri = f"duckdb:///{tmp_path}/log.duckdb"
    logs.write(log, uri)
    return uri


def run(*arguments: str) -> Result:
    return CliRunner().invoke(campaign, arguments)


def run_script(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """The console script as a shell starts it."""
    return subprocess.run(
        [SCRIPT, *arguments], capture_output=True, text=True, encoding="utf-8", check=False, **options
    )


def rows(*arguments: str) -> list[dict[str, str]]:
    result = run("report", *arguments, "--format", "csv")
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


def takes_no_list(command: click.Command) -> bool:
    return not any(isinstance(each, click.Argument) and each.nargs == -1 for each in command.params)


def options_with_a_value() -> list[tuple[str, click.Option]]:
    """The options of all commands that want a value after them."""
    return [
        (name, option)
        for name, command in campaign.commands.items()
        for option in command.params
        if isinstance(option, click.Option) and not option.is_flag and not option._flag_needs_value
    ]


def options_with_a_form() -> list[tuple[str, click.Option]]:
    """Those whose value must be a number, a UUID or one of a few words."""
    free = (click.types.StringParamType, click.Path)
    return [(name, option) for name, option in options_with_a_value() if not isinstance(option.type, free)]


@pytest.mark.parametrize("command", ["report", "doctor", "sql", "refresh", "bundle", "install"])
def test_the_help_names_the_layouts_that_there_are(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fivetran = sources.get_layout("fivetran")
    monkeypatch.setattr(sources, "layouts", lambda: {"fivetran": fivetran, "a-new-one": fivetran})
    text = " ".join(run(command, "--help").output.split())
    assert "Layout of the loader: a-new-one, fivetran, a mapping file of your own" in text


def test_csv_has_the_fields_in_order_and_only_the_table(uri: str) -> None:
    result = run("report", "--uri", uri, "--as-of", "2024-03-10T12:00:00Z", "--format", "csv")
    header, *lines = result.stdout.splitlines()
    assert header.startswith("campaign_id,campaign_name,email_id,email_name,sent,delivered,pct_delivered,hard_bounced")
    marketo, _, machines = header.partition(",human_opened,")
    assert marketo.endswith("unsubscribed,pct_unsubscribed,first_sent,last_sent,last_activity")
    assert machines.endswith("privacy_proxy_opened,image_proxy_opened")
    assert lines[0] == (
        "1,1,10,10,2,1,0.5000000000,0,0.0000000000,0,0.0000000000,1,0,1,1.0000000000,1,1.0000000000,1.0000000000,"
        "0,0.0000000000,2024-03-07 12:00:00,2024-03-08 12:00:00,2024-03-08 12:00:00,"
        "1,1.0000000000,1,1.0000000000,0,0"
    )
    assert result.stderr == ""


def test_the_console_script_prints_what_the_command_prints(uri: str, tmp_path: Path) -> None:
    arguments = ("report", "--uri", uri, "--as-of", "2024-03-10", "--format", "csv")
    done = run_script(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run(*arguments).stdout
    assert NASTY in {row["campaign_name"] for row in csv.DictReader(io.StringIO(done.stdout))}


def test_timing_has_the_times_and_the_rates_and_says_the_zone(tmp_path: Path) -> None:
    uri = f"duckdb:///{tmp_path}/timing.duckdb"
    log = logs.Log().send(1, 10, 100, "2024-03-01 10:30").send(1, 10, 101, "2024-03-01 10:30")
    log.deliver(1, 10, 101, "2024-03-01 10:31").click(1, 10, 100, "2024-03-03 12:00").open(1, 10, 100, "2024-03-05")
    logs.write(log, uri)
    result = run("timing", "--uri", uri, "--by", "hours", "--format", "csv")
    assert result.stdout.splitlines() == [
        "hours_since_send,hours_label,opened,clicked_link,human_opened,human_clicked_link",
        "48,Day 3,1,1,1,1",
    ]
    assert result.stderr == "days, weekdays and hours of the send are those of UTC\n"
    table = run("timing", "--uri", uri, "--by", "weekday,hour").stdout
    head, _, line = table.splitlines()
    assert head.split("  ")[0] == "Weekday of the Send"
    cells = [cell.strip() for cell in line.split("  ") if cell]
    assert cells[:6] == ["5 Friday", "10", "2", "2", "1", "1"]
    # Three days old, so that the rates of seven days are empty.
    assert [cell for cell in cells if "%" in cell] == ["0.0%", "50.0%"] * 4
    assert run("refresh", "--uri", uri).exit_code == 0
    assert run("timing", "--uri", uri, "--by", "weekday,hour", "--stored").stdout == table


def test_deliverability_by_domain_by_reason_and_by_week(tmp_path: Path) -> None:
    uri = f"duckdb:///{tmp_path}/log.duckdb"
    log = logs.Log()
    for person in range(5):
        log.send(1, 10, person, "2024-03-01 10:30").address(person, f"{person}@refuse.example")
    log.bounce(1, 10, 0, "2024-03-01 10:31", category="1", details="550 5.7.1 <0@refuse.example> is not allowed")
    logs.write(log, uri)
    head, line = run("deliverability", "--uri", uri, "--format", "csv").stdout.splitlines()
    assert head.startswith("domain,light,domain_pct_bounced,domain_pct_hard_bounced,domain_pct_soft_bounced,sent,")
    assert line == "refuse.example,Too few to tell,0.2000000000,0.2000000000,0.0000000000,5,0,1,0,0,4"
    reason = ["Hard", "Blocked as spam", "5.7.1 Message refused by a policy", "1", "100.0%"]
    assert run("refresh", "--uri", uri).exit_code == 0
    for stored in ((), ("--stored",)):
        table = run("deliverability", "--uri", uri, "--by", "reason", *stored).stdout
        assert [cell.strip() for cell in table.splitlines()[2].split("  ") if cell] == reason
    week = run("deliverability", "--uri", uri, "--by", "week", "--format", "csv").stdout.splitlines()[1]
    assert week == "2024-02-26,5,0,1,0,0,4,0.2000000000,0.0000000000"
    without = run("deliverability", "--uri", uri, "--leave-out", "domains", "--format", "csv").stdout
    assert "refuse.example" not in without
    assert without.splitlines()[1].startswith("Not shown,")


def test_variants_with_their_verdict(tmp_path: Path) -> None:
    uri = f"duckdb:///{tmp_path}/log.duckdb"
    log = logs.Log()
    for person in range(4):
        log.send(1, 10, person, "2024-03-01 10:30", variant=1 + person % 2).deliver(1, 10, person, "2024-03-01 10:31")
    logs.write(log.click(1, 10, 3, "2024-03-01 11:00"), uri)
    head, first, second = run("variants", "--uri", uri, "--format", "csv").stdout.splitlines()
    assert head.startswith("campaign_id,campaign_name,email_id,email_name,variant,sent,delivered,opened,pct_opened,")
    assert head.endswith(",verdict")
    assert first.startswith("1,1,10,10,1,2,2,0,0.0000000000,0.0000000000,0.6576")
    assert second.endswith(",Too few people")
    assert run("refresh", "--uri", uri).exit_code == 0
    total = run("variants", "--uri", uri, "--by", "email", "--stored", "--format", "csv").stdout.splitlines()
    assert "verdict" not in total[0]
    assert total[1].startswith("10,10,4,4,1,")
    never = run("variants", "--uri", uri, "--from", "2024-04-01")
    assert "no email of these sends was sent in variants" in never.stderr


def test_ratios_carry_enough_digits(tmp_path: Path) -> None:
    log = logs.Log()
    for person in range(3):
        log.send(1, 10, person, "2024-03-07 12:00")
    log.deliver(1, 10, 0, "2024-03-07 12:01")
    logs.write(log, f"duckdb:///{tmp_path}/thirds.duckdb")
    [row] = rows("--uri", f"duckdb:///{tmp_path}/thirds.duckdb")
    assert len(row["pct_delivered"].partition(".")[2]) >= 6
    assert float(row["pct_delivered"]) == pytest.approx(1 / 3, abs=1e-9)


def test_json_has_numbers_nulls_and_iso_times(uri: str) -> None:
    result = run("report", "--uri", uri, "--by", "campaign,day", "--as-of", "2024-03-10T12:00:00", "--format", "json")
    first, _, other = json.loads(result.stdout)
    assert list(first)[:4] == ["campaign_id", "campaign_name", "day", "sent"]
    assert (first["campaign_id"], first["campaign_name"], first["day"]) == (1, "1", "2024-03-07")
    assert (first["sent"], first["pct_opened"], first["first_sent"]) == (1, 1.0, "2024-03-07 12:00:00")
    assert (other["sent"], other["pct_delivered"], other["pct_opened"]) == (1, 0.0, None)
    assert result.stderr == ""


def test_the_table_has_titles_and_aligned_percentages(uri: str) -> None:
    head, rule, first, _ = run("report", "--uri", uri, "--by", "campaign", "--where", "campaign_id=1").stdout.split(
        "\n"
    )
    start, end = head.index("% Delivered"), head.index("% Delivered") + len("% Delivered")
    assert head.startswith("Campaign ID  Campaign  Sent  Delivered")
    assert rule[start:end] == "-" * len("% Delivered")
    assert first[start:end] == "      50.0%"


def test_a_selection_without_sends_is_an_empty_table(uri: str) -> None:
    nothing = ("--uri", uri, "--from", "2030-01-01")
    assert rows(*nothing) == []
    assert json.loads(run("report", *nothing, "--format", "json").stdout) == []
    assert "no email was sent" in run("report", *nothing).stdout
    [total] = rows(*nothing, "--by", "")
    assert (total["sent"], total["pct_delivered"], total["first_sent"]) == ("0", "", "")


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
    clocks = ("2024-03-11T12:00:00Z", "2024-03-11T12:00:00", "2024-03-11T13:00:00+02:00")
    [late], [same], [early] = (rows("--uri", uri, "--by", "", "--as-of", clock) for clock in clocks)
    assert late == same
    assert (late["aborted"], early["aborted"], early["pending"]) == ("2", "0", "2")


def test_where_takes_one_of_several_values(uri: str) -> None:
    assert len(rows("--uri", uri, "--by", "campaign", "--where", "campaign_id=1", "--where", "campaign_id=2")) == 2


def test_an_empty_value_of_where_keeps_what_has_none(uri: str) -> None:
    # The campaign with a name has a workspace, the other is in no table of assets.
    assert [row["campaign_id"] for row in rows("--uri", uri, "--by", "campaign", "--where", "workspace=")] == ["1"]
    both = ("--where", "workspace=", "--where", "workspace=Default")
    assert [row["campaign_id"] for row in rows("--uri", uri, "--by", "campaign", *both)] == ["1", "2"]


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ("workspace=default", "unknown workspace 'default': did you mean 'Default'?"),
        ("workspace=Nowhere", "unknown workspace 'Nowhere': known are: Default"),
        ("program_name=Sprang", "unknown program_name 'Sprang': did you mean 'Spring'?"),
        ("campaign_name=Eins", "unknown campaign_name 'Eins': known are: 1, "),
        ("campaign_id=3", "unknown campaign_id '3': known are: 1, 2"),
        ("email_id=11", "unknown email_id '11': known are: 10"),
        ("source_name=emea", "unknown source_name 'emea': there are none"),
        ("workspace=Default workspace=A campaign_id=7 campaign_id=8", "unknown campaign_id '7': known are: 1, 2"),
    ],
)
def test_a_field_of_where_without_any_known_value_is_a_mistake(uri: str, conditions: str, said: str) -> None:
    """An empty table would read as if nothing had been sent, also where the days leave nothing anyway."""
    where = [part for condition in conditions.split() for part in ("--where", condition)]
    for more in ((), ("--by", ""), ("--from", "2030-01-01"), ("--format", "json")):
        result = run("report", "--uri", uri, *where, *more)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"Error: {said}" in result.stderr


def test_an_unknown_value_beside_a_known_one_is_said(uri: str) -> None:
    where = ("--where", "campaign_id=1", "--where", "campaign_id=11", "--where", "workspace=", "--where", "workspace=X")
    result = run("report", "--uri", uri, "--by", "", "--format", "csv", *where)
    assert result.exit_code == 0
    assert [row["sent"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["2"]
    assert result.stderr.splitlines() == [
        "unknown campaign_id '11', ignored: did you mean '1'?",
        "unknown workspace 'X', ignored: known are: Default",
    ]


@pytest.mark.parametrize(
    "asked",
    [
        "--where workspace=Default --from 2030-01-01",
        "--where campaign_id=1 --where workspace=Default",
        "--where campaign_id=1 --where campaign_id=2 --to 2024-03-07",
        "--where source_name= --from 2030-01-01",
        "--where operational=yes",
        "--where sent_date=2024-01-01",
        "--where program_name=Spring --where workspace=",
    ],
)
def test_what_is_known_may_well_be_empty(uri: str, asked: str) -> None:
    """Values that other days or other rows have, and flags and days, which cannot be spelled wrongly."""
    result = run("report", "--uri", uri, "--format", "csv", *asked.split())
    assert (result.exit_code, result.stderr, len(result.stdout.splitlines())) == (0, "", 1)


def test_known_names_do_not_reach_the_terminal_as_they_are(tmp_path: Path) -> None:
    uri = f"duckdb:///{tmp_path}/control.duckdb"
    logs.write(logs.Log().send(1, 10, 100, "2024-03-07 12:00").campaign(1, "one\x1b[31mtwo"), uri)
    assert "\x1b" not in run("report", "--uri", uri, "--where", "campaign_name=zzz\x1b[31m").stderr


def test_different_fields_of_where_must_all_hold(uri: str) -> None:
    assert rows("--uri", uri, "--where", "campaign_id=1", "--where", "workspace=Default") == []


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    name = "one\ttwo\x1b[31mthree\x07\nfour\u202efive"
    uri = f"duckdb:///{tmp_path}/control.duckdb"
    logs.write(logs.Log().send(1, 10, 100, "2024-03-07 12:00").campaign(1, name), uri)
    table = run("report", "--uri", uri, "--by", "campaign").stdout
    assert len(table.splitlines()) == 3
    assert not {letter for letter in table if unicodedata.category(letter) in ("Cc", "Cf")} - {"\n"}
    assert "one two [31mthree  four five" in table
    [record] = json.loads(run("report", "--uri", uri, "--format", "json").stdout)
    assert record["campaign_name"] == name


def test_terminal_codes_in_a_name_stay_in_the_csv(tmp_path: Path) -> None:
    uri = f"duckdb:///{tmp_path}/control.duckdb"
    logs.write(logs.Log().send(1, 10, 100, "2024-03-07 12:00").campaign(1, "one\x1b[31mtwo"), uri)
    assert rows("--uri", uri)[0]["campaign_name"] == "one\x1b[31mtwo"


def test_a_carriage_return_in_a_name_does_not_break_the_csv(tmp_path: Path) -> None:
    uri = f"duckdb:///{tmp_path}/return.duckdb"
    logs.write(logs.Log().send(1, 10, 100, "2024-03-07 12:00").campaign(1, "one\rtwo"), uri)
    output = run("report", "--uri", uri, "--format", "csv").stdout_bytes.decode()
    [row] = csv.DictReader(io.StringIO(output, newline=""))
    assert row["campaign_name"] == "one\rtwo"


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
    assert "status.open-beats-bounce" in sql
    sqlglot.parse_one(sql, read="duckdb")
    with duckdb.connect(uri.removeprefix("duckdb:///"), read_only=True) as connection:
        assert connection.execute(f"SELECT SUM(sent_count) FROM ({sql})").fetchone() == (3,)


def test_sql_of_another_dataset(uri: str) -> None:
    sql = run("sql", "--uri", uri, "--dataset", "campaign_email_links").stdout
    with duckdb.connect(uri.removeprefix("duckdb:///"), read_only=True) as connection:
        assert connection.execute(f"SELECT link, click_count FROM ({sql})").fetchall() == [("https://example.com/", 1)]


def test_bundle_writes_a_zip_for_the_database_of_that_name(uri: str, tmp_path: Path) -> None:
    file = tmp_path / "bundle.zip"
    result = run("bundle", "--uri", uri, "--database", "Warehouse 100%", "--output", str(file))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "import it in Superset" in result.stderr
    with zipfile.ZipFile(file) as archive:
        [database] = [name for name in archive.namelist() if "/databases/" in name]
        assert yaml.safe_load(archive.read(database))["database_name"] == "Warehouse 100%"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle.zip", "log.duckdb"]


def test_a_failed_bundle_leaves_the_earlier_one_alone(uri: str, tmp_path: Path) -> None:
    file = tmp_path / "bundle.zip"
    file.write_bytes(b"the one of before")
    assert run("bundle", "--uri", uri, "--schema", "nowhere", "--output", str(file)).exit_code == 1
    assert file.read_bytes() == b"the one of before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle.zip", "log.duckdb"]


def bundle_on_a_full_disk(uri: str, file: Path) -> subprocess.CompletedProcess[str]:
    """The command where a file may hold 1000 bytes only."""
    return run_script(
        *("bundle", "--uri", uri, "--output", str(file)),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )


def test_a_full_disk_is_told_and_makes_no_zip(uri: str, tmp_path: Path) -> None:
    done = bundle_on_a_full_disk(uri, tmp_path / "bundle.zip")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert "cannot write" in line
    assert not (tmp_path / "bundle.zip").exists()


def test_a_full_disk_leaves_no_half_file_under_any_name(uri: str, tmp_path: Path) -> None:
    bundle_on_a_full_disk(uri, tmp_path / "bundle.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["log.duckdb"]


def test_load_emails_stores_a_directory(uri: str, tmp_path: Path) -> None:
    emails = tmp_path / "emails"
    emails.mkdir()
    (emails / "10.html").write_text("<p>Hello \U0001f389</p>", encoding="utf-8")
    (emails / "emails.yaml").write_text("10: {subject: You are invited}", encoding="utf-8")
    result = run("load-emails", str(emails), "--uri", uri)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "1 email stored\n", "")
    with duckdb.connect(uri.removeprefix("duckdb:///"), read_only=True) as connection:
        stored = connection.execute("SELECT email_id, subject, html FROM campaign_email_content").fetchall()
    assert stored == [(10, "You are invited", "<p>Hello \U0001f389</p>")]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ("report --uri duckdb:////nowhere/x.duckdb", 1, "check --uri"),
        ("report --uri postgresql://u:secret@127.0.0.1:1/x", 1, "cannot connect"),
        ("report --uri nonsense", 2, "not a valid database URI"),
        ("report --uri oracle://host/x", 2, "unknown engine 'oracle': known are: bigquery, clickhouse"),
        ("report --uri postgres://host/x", 2, "did you mean 'postgresql'"),
        ("report --uri postgresql+nowhere://u:secret@host/x", 2, "install the driver's package"),
        ("sql --uri duckdb:////nowhere/x.duckdb", 1, "check --uri"),
        ("bundle --uri sqlite:////nowhere/x.db --output {folder}/bundle.zip", 1, "check --uri"),
        ("report --uri duckdb:///{folder}/text.txt", 1, "check --uri"),
        ("report --uri sqlite:///{folder}/text.txt", 1, "not a database"),
        ("report --uri {uri} --source fivetrn", 2, "did you mean 'fivetran'"),
        ("report --uri {uri} --by campain", 2, "did you mean 'campaign'"),
        ("report --uri {uri} --by day,day", 2, "twice"),
        ("report --uri {uri} --by hours", 2, "unknown grouping 'hours'"),
        ("timing --uri {uri} --by weekdays", 2, "did you mean 'weekday'"),
        ("timing --uri {uri} --where campain_name=x", 2, "did you mean 'campaign_name'"),
        ("report --uri {uri} --where campain_name=x", 2, "did you mean 'campaign_name'"),
        ("report --uri {uri} --where campaign_id=x", 2, "a whole number"),
        ("report --uri {uri} --where nothing", 2, "FIELD=VALUE"),
        ("report --uri {uri} --from 2024-13-01", 2, "not a valid day"),
        ("report --uri {uri} --as-of yesterday", 2, "not a valid time"),
        ("report --uri {uri} --from 2024-03-02 --to 2024-03-02", 2, "exclusive"),
        ("report --uri {uri} --schema nowhere", 1, "lie in schema main"),
        ("report --uri {uri} --stored-file x.duckdb", 2, "--stored-file is of no use without --stored"),
        ("bundle --uri {uri} --output a.zip --stored-schema x", 2, "--stored-schema is of no use without --stored"),
        ("sql --uri {uri} --dataset campaign_email_link", 2, "did you mean 'campaign_email_links'"),
        ("load-emails /nowhere --uri {uri}", 2, "/nowhere"),
        ("load /nowhere.csv --uri {uri}", 2, "no file /nowhere.csv"),
        ("load {folder} --uri {uri}", 2, "is a directory"),
        ("load {folder}/text.txt --uri {uri}", 1, "not the header"),
        ("bundle --uri {uri} --output /nowhere/bundle.zip", 1, "cannot write"),
    ],
)
def test_a_mistake_is_told_with_its_code(uri: str, tmp_path: Path, arguments: str, code: int, text: str) -> None:
    (tmp_path / "text.txt").write_text("This is no database. " * 500)
    result = run(*arguments.format(uri=uri, folder=tmp_path).split())
    assert result.exit_code == code
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert text in line
    assert "secret" not in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_an_unknown_command_is_told(uri: str) -> None:
    result = run("reprot", "--uri", uri)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: No such command 'reprot': did you mean 'report'?\n"


WRONG_USAGES = [
    ["--nonsense"],
    ["nonsense"],
    *([name, "--nonsense"] for name in campaign.commands),
    *([name, *["nonsense"] * 20] for name, command in campaign.commands.items() if takes_no_list(command)),
    *([name, f"{option.opts[0]}=nonsense"] for name, option in options_with_a_form()),
    *([name, option.opts[0]] for name, option in options_with_a_value()),
    *([name] for name, command in campaign.commands.items() if any(each.required for each in command.params)),
]


@pytest.mark.parametrize("arguments", WRONG_USAGES, ids=" ".join)
def test_a_wrong_usage_is_one_sentence(arguments: list[str]) -> None:
    """Whatever click finds: one line, as for the errors of our own, and the exit code 2."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert isinstance(result.exception, SystemExit)


def test_a_wrong_usage_does_not_show_a_password() -> None:
    address = "postgresql://u:p/secret@host/x"
    for arguments in (["report", address], ["report", f"--by={address}", "--nonsense", address], [address]):
        assert "secret" not in run(*arguments).stderr


def test_without_a_command_the_help_is_shown() -> None:
    assert run().output.startswith("Usage: ")
    assert "superset-campaign" in run_script("--help").stdout


@pytest.mark.parametrize(
    ("arguments", "code"), [("report --uri duckdb:////nowhere/x.duckdb", 1), ("report --uri oracle://host/x", 2)]
)
def test_the_console_script_ends_with_that_code(tmp_path: Path, arguments: str, code: int) -> None:
    done = run_script(*arguments.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        "report --uri postgresql://u:secret@host:port/x",
        "report --uri {uri} --as-of 0001-01-01T00:00:00+14:00",
        "report --uri sqlite:///{folder}/log.db --where campaign_id=99999999999999999999",
    ],
)
def test_no_mistake_shows_a_traceback(uri: str, tmp_path: Path, arguments: str) -> None:
    logs.write(logs.Log().send(1, 10, 100, "2024-03-07 12:00"), f"sqlite:///{tmp_path}/log.db")
    result = run(*arguments.format(uri=uri, folder=tmp_path).split())
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "secret" not in result.stderr


def test_a_malformed_uri_does_not_show_its_password() -> None:
    assert "secret" not in run("report", "--uri", "postgresql//u:secret@host/x").stderr


# ---------------------------------------------------------------------------------------------------------------
# Where the URI comes from

NEEDS_A_WAREHOUSE = sorted(
    name
    for name, command in campaign.commands.items()
    if {"uri", "uri_file"} <= {option.name for option in command.params} and name not in ("refresh", "install")
)
ARGUMENTS = {
    "load": ("a.csv",),
    "load-emails": (".",),
    "bundle": ("--output", "a.zip"),
    "explain": ("--person", "1", "--email", "2"),
    "reconcile": ("a.csv",),
}


def other_superset(folder: Path) -> dict[str, str]:
    """An environment whose Superset is of a release that is not supported, as its package's metadata says."""
    described = folder / "apache_superset-5.0.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: apache-superset\nVersion: 5.0.0\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def test_every_command_that_reads_a_warehouse_takes_a_file_of_its_uri() -> None:
    with_uri = {name for name, command in campaign.commands.items() if "uri" in {o.name for o in command.params}}
    assert with_uri == {*NEEDS_A_WAREHOUSE, "refresh", "install"}
    assert len(NEEDS_A_WAREHOUSE) >= 7


@pytest.mark.parametrize("command", NEEDS_A_WAREHOUSE)
def test_the_uri_comes_from_option_file_or_variable(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each tells of another engine, which the error names."""
    file = tmp_path / "uri"
    file.write_text("\n  file://host/x\n\n")
    arguments = (command, *ARGUMENTS.get(command, ()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARKETO_URL", "https://123-ABC-456.mktorest.com")
    monkeypatch.setenv("MARKETO_CLIENT_ID", "id")
    monkeypatch.setenv("MARKETO_CLIENT_SECRET", "none")
    logs.write_bulk(logs.Log().send(1, 10, 100, "2024-03-07 12:00"), tmp_path / "a.csv")
    (tmp_path / "10.html").write_text("<p>Hello</p>")

    def engine(*options: str, **more: Any) -> str:
        result = CliRunner().invoke(campaign, [*arguments, *options], **more)
        assert (result.exit_code, result.stdout) == (2, "")
        return result.stderr.splitlines()[-1]

    nothing = "Error: no warehouse; give --uri URI, or --uri-file FILE, or set the variable SUPERSET_CAMPAIGN_URI"
    assert engine().startswith(nothing)
    monkeypatch.setenv("SUPERSET_CAMPAIGN_URI", " ")
    assert engine().startswith(nothing)
    monkeypatch.setenv("SUPERSET_CAMPAIGN_URI", "variable://host/x")
    assert "'variable'" in engine()
    assert "'file'" in engine("--uri-file", str(file))
    assert "'input'" in engine("--uri-file", "-", input="input://host/x\n")
    assert "'option'" in engine("--uri", "option://host/x")
    assert "give one of them" in engine("--uri", "option://host/x", "--uri-file", str(file))


def test_a_file_of_the_uri_must_hold_the_uri_alone(tmp_path: Path) -> None:
    """No error repeats what the file holds: it may be a password."""
    for name, content, said in (
        ("empty", b"\n \n", "holds 0 words"),
        ("two", b"postgresql://u:secret@h/x\nsecret\n", "holds 2 words"),
        ("bytes", b"secret\xff", "is not text in UTF-8"),
        ("malformed", b"secret", "not a valid database URI"),
        ("gone", None, "No such file"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        result = run("report", "--uri-file", str(tmp_path / name))
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in result.stderr
        assert "secret" not in result.stderr


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:secret@127.0.0.1:1/x",
        "postgresql://u:my@secret@127.0.0.1:1/x",
        "postgresql://u:my/secret@127.0.0.1:1/x",
        "postgresql://127.0.0.1:1/x?user=u&password=secret",
        "postgresql://127.0.0.1:1/x?nonsense=secret",
        "mysql+pymysql://u:my@secret@127.0.0.1:1/x",
        "mysql+pymysql://127.0.0.1:1/x?passwd=secret",
        "hive://u:secret@127.0.0.1:1/x?auth=LDAP",
        "duckdb:////nowhere/x?motherduck_token=secret",
        "postgresql+u:secret@host/x",
        "u:secret@host/x",
    ],
)
def test_no_error_shows_a_password(address: str) -> None:
    result = CliRunner().invoke(campaign, ["report"], env={"SUPERSET_CAMPAIGN_URI": address})
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)
    assert len(result.stderr.splitlines()) == 1
    assert "secret" not in result.stderr


# ---------------------------------------------------------------------------------------------------------------
# The refresh of the installed report

_BLOCK = "the block SUPERSET_CAMPAIGN of superset_config.py sets"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--source airbyte", "`superset campaign install` sets --source;"),
        ("--source fivetran", "`superset campaign install` sets --source;"),
        ("--schema marketo", "`superset campaign install` sets --schema;"),
        ("--table-prefix marketo__", "`superset campaign install` sets --table-prefix;"),
        ("--stored-schema campaign_report", f"{_BLOCK} --stored-schema, as stored_schema;"),
        ("--stored-file a.duckdb", f"{_BLOCK} --stored-file, as stored_file;"),
        ("--leave-out bots,deleted", f"{_BLOCK} --leave-out, as leave_out_bots and leave_out_deleted;"),
        ("--time-zone UTC", f"{_BLOCK} --time-zone, as time_zone;"),
        ("--people hidden", f"{_BLOCK} --people, as people;"),
        ("--people as-sent --merged-apart", f"{_BLOCK} --people and --merged-apart, as people;"),
        (
            "--schema marketo --merged-apart --json",
            f"`superset campaign install` sets --schema, and {_BLOCK} --merged-apart, as people; "
            "leave --schema and --merged-apart out, or give --uri",
        ),
    ],
)
def test_refresh_refuses_what_the_installed_report_decides(arguments: str, said: str) -> None:
    """Also where the value is the default, since somebody wrote it."""
    result = run("refresh", *arguments.split())
    assert (result.exit_code, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: without --uri the installed report is refreshed, for which ")
    assert said in line


@pytest.mark.parametrize(
    "arguments", ["refresh", "refresh --full --dry-run --json --lock-wait 3", "install --database x", "list", "embed"]
)
def test_a_superset_of_another_release_is_named(tmp_path: Path, arguments: str) -> None:
    """The variable of the data commands does not take the place of the installed report's warehouse."""
    environment = {**other_superset(tmp_path), "SUPERSET_CAMPAIGN_URI": "duckdb:////nowhere/x.duckdb"}
    done = run_script(*arguments.split(), env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("Error: this is Superset 5.0.0, and superset_campaign_plugin ")
    assert "runs in Superset 6.0 and 6.1" in line


def test_the_plugin_does_not_start_in_a_superset_of_another_release(tmp_path: Path) -> None:
    code = "from superset_campaign_plugin import init_app; init_app(None)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=other_superset(tmp_path), capture_output=True, text=True, check=False
    )
    assert "InstallError: this is Superset 5.0.0, and superset_campaign_plugin " in done.stderr


# ---------------------------------------------------------------------------------------------------------------
# What counts


@pytest.mark.parametrize(
    "options",
    [
        ("--leave-out", "bots,deleted,archived"),
        ("--leave-out", " archived, bots ,deleted,"),
        ("--leave-out", "archived", "--leave-out", "deleted,bots", "--leave-out", "bots"),
    ],
)
def test_leave_out_takes_a_list(uri: str, options: tuple[str, ...]) -> None:
    one_by_one = [part for what in ("deleted", "bots", "archived") for part in ("--leave-out", what)]
    expected = run("sql", "--uri", uri, *one_by_one)
    assert expected.exit_code == 0
    assert run("sql", "--uri", uri, *options).stdout == expected.stdout != run("sql", "--uri", uri).stdout


def test_an_unknown_name_in_the_list_is_told(uri: str) -> None:
    result = run("report", "--uri", uri, "--leave-out", "deleted,bot")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'bot' is none of deleted, bots, operational, archived" in result.stderr


def test_stored_tables_of_other_rules_are_told_in_words(uri: str) -> None:
    """And the command does what the advice says."""
    berlin = ("--time-zone", "Europe/Berlin", "--leave-out", "bots")
    assert run("refresh", "--uri", uri, *berlin).exit_code == 0
    hidden = ("--people", "hidden")
    result = run("report", "--uri", uri, "--stored", *hidden)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: the stored tables count merged people under the ids they had, count deleted people, leave out what "
        "bots opened and clicked and take the days of Europe/Berlin, and are asked to leave merged people out, leave "
        "deleted people out, count what bots opened and clicked and take the days of UTC; run `superset-campaign "
        "refresh` with --people hidden, or this command with --leave-out bots --time-zone Europe/Berlin\n"
    )
    assert run("report", "--uri", uri, "--stored", *berlin).exit_code == 0
    assert run("refresh", "--uri", uri, *hidden).exit_code == 0
    assert run("report", "--uri", uri, "--stored", *hidden).exit_code == 0


# ---------------------------------------------------------------------------------------------------------------
# Whose tables they are


@pytest.fixture
def prefixed(tmp_path: Path) -> str:
    """A DuckDB file with Airbyte's tables after a prefix."""
    uri = f"duckdb:///{tmp_path}/prefixed.duckdb"
    layout = layouts.spelled(layouts.airbyte, lambda name: f"marketo__{name}")
    logs.write(logs.Log().send(1, 10, 100, "2024-03-07 12:00"), uri, layout=layout)
    return uri


def test_the_layout_is_found_and_said(prefixed: str, tmp_path: Path) -> None:
    """On the error stream, so that what other programs read stays as it is."""
    found = ("--uri", prefixed, "--table-prefix", "marketo__")
    said = "the tables are those of airbyte:marketo__; --source airbyte:marketo__ says so without a look at them\n"
    bundle = ("--output", str(tmp_path / "x.zip"))
    for command in (("report", "--format", "csv"), ("doctor",), ("sql",), ("refresh",), ("bundle", *bundle)):
        result = run(*command, *found)
        assert result.exit_code == 0, result.output
        assert result.stderr.startswith(said)
        for source in (("airbyte", "--table-prefix", "marketo__"), ("airbyte:marketo__",)):
            told = run(*command, "--uri", prefixed, "--source", *source)
            assert (told.exit_code, told.stderr) == (0, result.stderr.removeprefix(said))
            assert command[0] == "refresh" or told.stdout == result.stdout


def test_without_the_prefix_the_error_names_it(prefixed: str) -> None:
    for source in ((), ("--source", "airbyte")):
        result = run("report", "--uri", prefixed, *source)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "there is marketo__activities_send_email, so give --table-prefix marketo__" in result.stderr


def test_stored_tables_are_read_as_they_were_made(prefixed: str) -> None:
    """Without a look at the log, which another loader may have come into meanwhile."""
    assert run("refresh", "--uri", prefixed, "--source", "airbyte:marketo__").exit_code == 0
    logs.write(logs.Log().send(2, 20, 200, "2024-03-08 12:00"), prefixed)
    stored = run("report", "--uri", prefixed, "--stored", "--by", "", "--format", "csv")
    assert (stored.exit_code, stored.stderr) == (0, "")
    assert stored.stdout == run("report", "--uri", prefixed, "--source", "airbyte:marketo__", "--by", "", "--format",
                                "csv").stdout  # fmt: skip


def test_a_bundle_without_a_warehouse_has_the_prefix(tmp_path: Path) -> None:
    for source, tables in (("airbyte", "marketo__activities_send_email"), ("lakeflow", "marketo__activity_6")):
        file = tmp_path / f"{source}.zip"
        options = ("--engine", "databricks", "--source", source, "--table-prefix", "marketo__", "--output", str(file))
        assert run("bundle", *options).exit_code == 0
        with zipfile.ZipFile(file) as archive:
            sql = "".join(archive.read(name).decode() for name in archive.namelist() if "/datasets/" in name)
        assert f"FROM {tables} AS loaded" in sql


some_rules = st.builds(
    Rules,
    people=st.sampled_from(People),
    **{name: st.booleans() for name in ("leave_out_deleted", "leave_out_bots", "leave_out_domains")},
    leave_out_addresses=st.sampled_from([(), ("*@own.example",), ("a@own.example", "*o'hara*")]),
    time_zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Tokyo"]),
    links=st.builds(LinkRules, uncounted_parts=st.sampled_from([("a=1", "it's"), (), ("mkt_unsubscribe=1",)])),
    agents=st.builds(AgentRules, image_proxies=st.sampled_from([("x",), ()])),
    domains=st.builds(DomainRules, least_people=st.sampled_from([1, 5])),
)


@given(kept=some_rules, asked=some_rules)
def test_any_difference_of_rules_has_words(kept: Rules, asked: Rules) -> None:
    assert read_rules(repr(kept)) == kept
    if kept == asked:
        return
    text = f"{difference(kept, asked)}; {advice(kept, asked)}"
    for written in ("Rules(", "True", "False", "None", "()", "_out_"):
        assert written not in text
    words = {"time_zone": "the days of", "people": "merged people", "leave_out_deleted": "deleted people"}
    for name, word in {**words, "leave_out_bots": "bots"}.items():
        assert (word in difference(kept, asked)) == (getattr(kept, name) != getattr(asked, name))
    assert ("address" in difference(kept, asked)) == (kept.leave_out_addresses != asked.leave_out_addresses)
    assert ("uncounted_link_parts" in text) == (kept.links != asked.links)
    assert ("domain_least_people" in text) == (kept.domains != asked.domains)


@pytest.mark.parametrize(
    "text",
    [
        *("", "Rules(", "Rules(other=True)", "Rules(merge_people=f())", "(1, 2)", "__import__('os')"),
        "Rules(people='elsewhere')",
    ],
)
def test_rules_of_another_release_have_none(text: str) -> None:
    assert read_rules(text) is None


_OF_BEFORE = (
    "Rules(merge_people={}, leave_out_deleted=True, leave_out_bots=False, leave_out_operational=False, "
    "leave_out_archived=False, time_zone='UTC', links=LinkRules(uncounted_prefixes=('mailto:',), "
    "uncounted_parts=('mkt_unsubscribe=1',)), agents=AgentRules(privacy_proxies=('mozilla/5.0',), "
    "image_proxies=('googleimageproxy', 'yahoomailproxy')))"
)


@pytest.mark.parametrize(("merged", "people"), [("True", People.MERGED), ("False", People.AS_SENT)])
def test_rules_that_the_release_before_stored_are_read_as_what_they_meant(merged: str, people: People) -> None:
    assert read_rules(_OF_BEFORE.format(merged)) == Rules(people=people, leave_out_deleted=True)


def kept_by_the_release_before(uri: str, *, merged: bool) -> None:
    """Leave stored tables as the release before this one wrote them, by those rules."""
    assert run("refresh", "--uri", uri, "--people", "merged" if merged else "as-sent").exit_code == 0
    text = _OF_BEFORE.format(merged).replace("deleted=True", "deleted=False")
    with connect(stored_uri(uri), write=True) as (connection, _):
        connection.execute(
            sa.text("UPDATE campaign_report.campaign_report_state SET value = :text WHERE name = 'made of: rules'"),
            {"text": text},
        )


@pytest.mark.parametrize("merged", [True, False])
def test_stored_tables_of_the_release_before_go_on_under_their_rules(uri: str, merged: bool) -> None:
    kept_by_the_release_before(uri, merged=merged)
    same, other = ("merged", "as-sent")[:: 1 if merged else -1]
    assert run("report", "--uri", uri, "--stored", "--people", same).exit_code == 0
    result = run("report", "--uri", uri, "--stored", "--people", other)
    assert result.exit_code == 1
    assert ("the stored tables count merged people once, and are asked" in result.stderr) == merged
    assert json.loads(run("refresh", "--uri", uri, "--people", same, "--json").stdout)["mode"] == "unchanged"


DAY = "2024-03-07 12:00"
_FEWER = "merged people no longer count once"


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_refresh_after_the_upgrade_says_first_what_it_changes(tmp_path: Path, dry: tuple[str, ...]) -> None:
    """Three were sent the email: 101 had opened it, and both went into 100."""
    uri = f"duckdb:///{tmp_path}/log.duckdb"
    log = logs.Log().send(1, 10, 100, DAY).send(1, 10, 101, DAY).send(1, 10, 102, DAY).merge(100, 101, 102)
    logs.write(log.open(1, 10, 101, DAY).open(1, 10, 102, DAY), uri)
    kept_by_the_release_before(uri, merged=True)
    result = run("refresh", "--uri", uri, *dry, "--json")
    told = json.loads(result.stdout)["figures_change"]
    assert (result.exit_code, result.stderr) == (0, "")
    assert told["before"] == {"sent": 1, "delivered": 1, "opened": 1, "clicked_link": 0}
    assert told["now"] == {"sent": 3, "delivered": 2, "opened": 2, "clicked_link": 0}
    assert told["same"] is False
    if not dry:
        assert json.loads(run("refresh", "--uri", uri, "--json").stdout)["figures_change"] is None
        kept_by_the_release_before(uri, merged=True)
    result = run("refresh", "--uri", uri, *dry)
    assert result.stderr == (
        f"the figures change: {_FEWER}, but under each id that was sent an email, as in Marketo's report; "
        "Sent 3 (before: 1), Delivered 2 (before: 1), Opened 2 (before: 1), Clicked Link 0 (before: 0); "
        "to keep them as they were, give --people merged\n"
    )


@pytest.mark.parametrize("chosen", ["merged", "as-sent", "hidden"])
def test_who_has_chosen_is_told_nothing(uri: str, chosen: str) -> None:
    kept_by_the_release_before(uri, merged=True)
    result = run("refresh", "--uri", uri, "--dry-run", "--people", chosen)
    assert (result.exit_code, result.stderr) == (0, "")
    assert ("nothing new in the log" in result.stdout) == (chosen == "merged")


def test_figures_that_stay_the_same_are_told_in_a_word(uri: str) -> None:
    kept_by_the_release_before(uri, merged=True)
    assert run("refresh", "--uri", uri, "--dry-run").stderr.endswith("; the figures stay the same\n")
    told = json.loads(run("refresh", "--uri", uri, "--dry-run", "--json").stdout)["figures_change"]
    assert told["same"] is True
    assert told["before"] == told["now"]


# ---------------------------------------------------------------------------------------------------------------
# Merged and deleted people

EVERY_COMMAND_THAT_COUNTS = (
    *(
        "report",
        "timing",
        "deliverability",
        "variants",
        "people",
        "explain",
        "reconcile",
        "doctor",
        "sql",
        "bundle",
        "refresh",
    ),
)


def test_every_command_that_counts_takes_the_choice() -> None:
    for name, command in campaign.commands.items():
        options = {option.name for option in command.params}
        assert ("people" in options) == (name in EVERY_COMMAND_THAT_COUNTS), name
        assert ("merged_apart" in options) == ("leave_out" in options) == ("people" in options), name


@pytest.mark.parametrize(
    ("options", "people"),
    [
        ((), "as-sent"),
        (("--people", "as_sent"), "as-sent"),
        (("--people", "as-sent", "--merged-apart"), "as-sent"),
        (("--merged-apart",), "as-sent"),
        (("--people", "hidden", "--leave-out", "deleted"), "hidden"),
    ],
)
def test_ways_to_write_one_choice(uri: str, options: tuple[str, ...], people: str) -> None:
    assert run("sql", "--uri", uri, *options).stdout == run("sql", "--uri", uri, "--people", people).stdout


@pytest.mark.parametrize("people", ["merged", "hidden"])
def test_options_that_contradict_each_other_are_refused(uri: str, people: str) -> None:
    result = run("report", "--uri", uri, "--merged-apart", "--people", people)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"Error: --merged-apart means --people as-sent, which --people {people} contradicts; leave one of them out\n"
    )


def test_an_unknown_choice_is_told(uri: str) -> None:
    result = run("report", "--uri", uri, "--people", "once")
    assert result.exit_code == 2
    assert "'once' is none of as-sent, merged, hidden" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--merged-apart",), "--merged-apart still works; --people as-sent, the default, takes its place\n"),
        (
            ("--leave-out", "deleted"),
            "--leave-out deleted still works, and leaves out deleted people alone; --people hidden takes its place, "
            "and leaves out merged people too, as the option of Marketo's report does\n",
        ),
        (("--leave-out", "deleted", "--people", "merged"), ""),
        (("--leave-out", "bots"), ""),
        ((), ""),
    ],
)
def test_options_of_before_say_what_takes_their_place(uri: str, options: tuple[str, ...], said: str) -> None:
    for command in ("report", "doctor", "sql", "refresh"):
        result = run(command, "--uri", uri, *options)
        assert (result.exit_code, result.stderr) == (0, said), command


# ---------------------------------------------------------------------------------------------------------------
# What is beside the output


_EACH_COMMAND = """
import os, sys
from superset_campaign_plugin.cli import campaign, group
group._pass_over_warnings_of_others()
for uri in sys.argv[2:]:
    os.environ["SUPERSET_CAMPAIGN_URI"] = uri
    for arguments in (
        ["report"], ["doctor"], ["sql"], ["refresh", "--uri", uri], ["refresh", "--uri", uri, "--dry-run"],
        ["report", "--stored"], ["load", f"{sys.argv[1]}/bulk.csv"], ["load-emails", sys.argv[1]],
        ["bundle", "--output", f"{sys.argv[1]}/bundle.zip"], ["constraints"],
    ):
        campaign(arguments, standalone_mode=False)
"""


@pytest.mark.parametrize("asked", [[], ["-W", "default"]], ids=["usual", "all"])
def test_no_warning_reaches_a_person(uri: str, tmp_path: Path, asked: list[str]) -> None:
    """None at all as a rule, and none about the plugin's own code where somebody asks for all."""
    log = logs.Log().send(1, 10, 100, "2024-03-07 12:00")
    logs.write(log, f"sqlite:///{tmp_path}/log.db")
    logs.write_bulk(log, tmp_path / "bulk.csv")
    (tmp_path / "10.html").write_text("<p>Hello</p>")
    command = [sys.executable, *asked, "-c", _EACH_COMMAND, tmp_path, uri, f"sqlite:///{tmp_path}/log.db"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    warned = [line for line in done.stderr.splitlines() if "Warning" in line]
    assert not [line for line in warned if not asked or "site-packages" not in line]


def test_the_module_loads_click_alone() -> None:
    code = "import sys, superset_campaign_plugin.cli; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "click" in loaded
    assert not loaded & {"superset", "sqlalchemy", "flask", "marshmallow", "yaml", "sqlglot"}


def test_every_command_and_option_is_explained() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    known = {*NEEDS_A_WAREHOUSE, "refresh", "install", "uninstall", "constraints"}
    assert known <= set(campaign.commands)
    for name, command in campaign.commands.items():
        assert command.get_short_help_str(), name
        assert f"`{name}" in page
        for option in command.params:
            if isinstance(option, click.Option):
                _, explained = option.get_help_record(click.Context(command)) or ("", "")
                assert explained, f"{name} {option.name}"

"""Where the loader brings no table of emails, their names are those of the log."""

from __future__ import annotations

from pathlib import Path

import pytest
from layouts import LAYOUTS, MAPPING
from logs import WRITABLE, Log, append, crowd, fivetran_tables, utc
from oracle import assert_report, report

from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA
from superset_campaign_plugin.reporting.doctor import run_doctor

DAY = "2024-03-01 10:00"
NOW = utc("2024-03-09")
EMAILS = {"emails", "marketo_email", "mails", "email_template_history"}


def names(warehouse, **asked) -> dict:
    return {row["email_id"]: row["email_name"] for row in warehouse.records(as_of=NOW, by=("email",), **asked)}


def sent() -> Log:
    """Email 10 was renamed, 20 has two names of one instant, 30 was named once only, 40 never."""
    log = Log().send(1, 10, 100, DAY, named="Old.Invitation").send(1, 10, 101, "2024-03-02", named="New.Invitation")
    log.send(2, 10, 102, "2024-02-01", named="Older.Invitation")
    log.send(1, 10, 103, "2024-03-05", result="skipped", named="Never.Sent")
    log.send(1, 20, 100, DAY, named="Zulu").send(1, 20, 101, DAY, named="Alpha")
    log.send(1, 30, 100, DAY, named=" Über <b>'uns' ").send(1, 30, 101, "2024-03-03")
    return log.send(1, 40, 100, DAY).send(1, 40, 101, DAY, named="  ")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_newest_send_gives_the_name(warehouse, layout, tmp_path: Path):
    if layout == "custom":
        source = str(tmp_path / "mapping.yaml")
        Path(source).write_text("\n".join(line for line in MAPPING.splitlines() if not line.startswith("emails:")))
    else:
        source = layout
    log = sent()
    warehouse.load(log, layout=LAYOUTS[layout], drop=EMAILS)
    expected = {10: "New.Invitation", 20: "Alpha", 30: "Über <b>'uns'", 40: "40"}
    assert names(warehouse, source=source) == expected
    findings = run_doctor(warehouse.uri, source=source, as_of=NOW)
    [table] = [each for each in findings if "no subject" in each.advice]
    assert (table.severity, "ids" in table.advice) == ("fine", False)
    [nameless] = [each for each in findings if each.finding == "Emails without a name"]
    assert nameless.found == 1


def test_the_table_of_emails_goes_before_the_log(warehouse):
    """As far as it holds the email, and a name of it."""
    log = sent().email(10, "Invitation").email(20, None)
    warehouse.load(log)
    assert names(warehouse) == {10: "Invitation", 20: "Alpha", 30: "Über <b>'uns'", 40: "40"}


@pytest.mark.parametrize("engine", WRITABLE, indirect=True)
def test_stored_names_follow_the_log(warehouse):
    """A refresh that finds no new activity, but a new asset, takes its name; a later send brings a later name."""
    log = sent().email(20, "Reminder")
    warehouse.load(log)
    facts = StoredSource(DEFAULT_SCHEMA)
    refresh(warehouse.uri)
    assert names(warehouse, facts=facts) == {10: "New.Invitation", 20: "Reminder", 30: "Über <b>'uns'", 40: "40"}
    later = Log().send(1, 40, 107, "2024-03-06", named="At last").send(1, 20, 107, "2024-03-06", named="No")
    append([table for table in fivetran_tables(later) if table.rows], warehouse.uri)
    refresh(warehouse.uri)
    assert names(warehouse, facts=facts) == {10: "New.Invitation", 20: "Reminder", 30: "Über <b>'uns'", 40: "At last"}


def test_names_of_a_large_log(warehouse):
    log = crowd(people=300, seed=11)
    log.emails.clear()
    warehouse.load(log)
    by = ("campaign", "email")
    assert_report(warehouse.report(as_of=NOW, by=by), report(log, as_of=NOW, by=by), by)

"""The report by mail: by Superset's own reports and alerts, with a real Chromium and a real mail server."""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time
from email import policy
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from deployment import SCHEMA, Deployment, metadata, put_back

from servers.ports import HOST, free_port
from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.report.datasets import REPORT_DATASET
from superset_campaign_plugin.subscriptions.timetable import make_timetable
from superset_campaign_plugin.superset_assets.definitions import load_dashboards

TABLES = ("report_schedule", "report_recipient", "report_schedule_user", "key_value")
MAIL_SETTINGS = {
    "SMTP_MAIL_FROM": "superset@example.com",
    "SMTP_HOST": HOST,
    "SMTP_PORT": 1,
    "WEBDRIVER_BASEURL": f"http://{HOST}:1/",
    "WEBDRIVER_BASEURL_USER_FRIENDLY": "https://superset.example.com/",
}


@pytest.fixture
def mailing(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """The deployment with all that reports need in its configuration, and without servers that answer."""
    from superset.extensions import feature_flag_manager

    for name, value in MAIL_SETTINGS.items():
        monkeypatch.setitem(deployment.app.config, name, value)
    monkeypatch.setitem(feature_flag_manager._feature_flags, "ALERT_REPORTS", True)
    yield deployment
    with deployment.app.app_context():
        from superset_campaign_plugin.subscriptions.subscribe import unsubscribe

        unsubscribe(None)


def run(deployment: Deployment, *arguments: str) -> Result:
    with deployment.app.app_context():
        return CliRunner().invoke(campaign, arguments)


def done(deployment: Deployment, *arguments: str) -> list[tuple[str, str]]:
    """What a command says it did: action and name."""
    result = run(deployment, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return [(each["action"], each["name"]) for each in json.loads(result.stdout)["changes"]]


def rows(deployment: Deployment) -> dict[str, list[Any]]:
    found = metadata(deployment.folder / "superset.db")
    return {name: found[name] for name in TABLES}


def sent(deployment: Deployment) -> dict[str, list[str]]:
    """The addresses of each report and alert, as the status has them."""
    result = run(deployment, "status", "--json")
    return {each["name"]: each["to"] for each in json.loads(result.stdout)["subscriptions"]}


REPORT = "Campaign Email Performance: PDF every Monday at 07:00 (UTC)"
BOUNCES, NO_DATA = "Campaign Email Performance: bounces", "Campaign Email Performance: no new data"


def test_one_sentence_says_all_that_is_missing(deployment: Deployment) -> None:
    result = run(deployment, "subscribe", "ann@example.com")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert 'FEATURE_FLAGS = {"ALERT_REPORTS": True}; SMTP_HOST, ' in result.stderr
    assert "; WEBDRIVER_BASEURL, where workers reach " in result.stderr


def test_subscribing_twice_changes_nothing_and_leaving_takes_all_away(mailing: Deployment) -> None:
    before = rows(mailing)
    asked = ("subscribe", "ann@example.com", "Bob@example.com")
    assert done(mailing, *asked) == [("created", REPORT), ("created", BOUNCES), ("created", NO_DATA)]
    after = rows(mailing)
    assert {action for action, _ in done(mailing, *asked)} == {"unchanged"}
    assert rows(mailing) == after
    assert sent(mailing) == {name: ["ann@example.com", "Bob@example.com"] for name in (REPORT, BOUNCES, NO_DATA)}

    friday = REPORT.replace("Monday at 07:00 (UTC)", "Friday at 09:30 (Europe/Berlin)")
    moved = done(
        mailing,
        "subscribe",
        "bob@example.com",
        "--every=friday",
        "--at=9:30",
        "--time-zone=Europe/Berlin",
        "--no-alerts",
    )
    assert moved == [("created", friday), ("updated", REPORT)]
    assert sent(mailing)[friday] == ["bob@example.com"]
    assert sent(mailing)[REPORT] == ["ann@example.com"]

    assert ("removed", friday) in done(mailing, "unsubscribe", "bob@example.com")
    assert {action for action, _ in done(mailing, "unsubscribe", "--all")} == {"removed"}
    assert done(mailing, "unsubscribe", "--all") == []
    left = rows(mailing)
    del left["key_value"], before["key_value"]  # the manifest knows that there is none
    assert left == before


def test_what_people_made_and_changed_stays(mailing: Deployment) -> None:
    """A report of somebody else; an alert whose limit and name people changed, and one whose SQL is their own."""
    from superset import db
    from superset.models.dashboard import Dashboard
    from superset.reports.models import ReportSchedule

    from superset_campaign_plugin.bundle.install import install

    done(mailing, "subscribe", "ann@example.com")
    with mailing.app.app_context():
        alerts = {each.name: each for each in db.session.query(ReportSchedule).filter_by(type="Alert")}
        shipped = alerts[BOUNCES].sql
        alerts[BOUNCES].name = "Bounces!"
        alerts[BOUNCES].sql = "-- of an earlier release\n" + shipped
        alerts[NO_DATA].sql = "SELECT 1"
        dashboard = db.session.query(Dashboard).filter_by(slug="campaign-email-performance").one()
        theirs = ReportSchedule(type="Report", name="Theirs", crontab="0 0 * * *", dashboard=dashboard)
        db.session.add(theirs)
        db.session.commit()
        install(database="Campaign Warehouse", uri=None, schema=SCHEMA, source="fivetran")
        assert alerts[NO_DATA].sql == "SELECT 1"
        assert alerts[BOUNCES].sql.startswith("-- of an earlier release")
    updated = done(mailing, "subscribe", "ann@example.com", "--bounces=2.5")
    assert updated == [("unchanged", REPORT), ("updated", "Bounces!"), ("unchanged", NO_DATA)]
    with mailing.app.app_context():
        alert = db.session.query(ReportSchedule).filter_by(name="Bounces!").one()
        assert (json.loads(alert.validator_config_json), alert.sql) == ({"op": ">", "threshold": 2.5}, shipped)

        refused = run(mailing, "uninstall", "--yes")
        assert "the report or alert 'Theirs'" in refused.stderr
        assert "Bounces!" not in refused.stderr
    done(mailing, "unsubscribe", "--all")
    with mailing.app.app_context():
        assert [each.name for each in db.session.query(ReportSchedule)] == ["Theirs"]
        db.session.delete(db.session.query(ReportSchedule).one())
        db.session.commit()


def test_alerts_follow_the_dataset_and_go_with_the_report(mailing: Deployment) -> None:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.reports.models import ReportSchedule

    from superset_campaign_plugin.subscriptions.made import follow_report
    from superset_campaign_plugin.superset_assets.manifest import installed_manifest

    done(mailing, "subscribe", "ann@example.com")
    with mailing.app.app_context():
        dataset = db.session.query(SqlaTable).filter_by(table_name="campaign_email_performance").one()
        dataset.sql = "SELECT 'new' AS mark"
        follow_report(installed_manifest())
        alerts = db.session.query(ReportSchedule).filter_by(type="Alert").all()
        assert all("FROM (\nSELECT 'new' AS mark\n) AS report" in alert.sql for alert in alerts)
        db.session.rollback()
    removed = done(mailing, "uninstall", "--yes")
    assert {("removed", name) for name in (REPORT, BOUNCES, NO_DATA)} < set(removed)
    with mailing.app.app_context():
        assert db.session.query(ReportSchedule).count() == 0
        put_back()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "'nobody' is no email address"),
        (["ann@example.com", "--at=25:00"], "write it as 07:00"),
        (["ann@example.com", "--time-zone=Mars"], "'Mars' is not a valid time zone"),
        (["ann@example.com", "--owner=outsider"], "outsider may not see the dashboard"),
        (["ann@example.com", "--owner=vewer"], "did you mean 'viewer'?"),
        (["ann@example.com", "--no-alerts", "--bounces=3"], "--no-alerts leaves the alerts as they are"),
    ],
)
def test_what_cannot_be_meant(mailing: Deployment, arguments: list[str], said: str) -> None:
    result = run(mailing, "subscribe", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert sent(mailing) == {}


@pytest.mark.parametrize(
    ("every", "crontab"),
    [
        ("monday", "5 7 * * 1"),
        ("sunday", "5 7 * * 0"),
        ("weekday", "5 7 * * 1-5"),
        ("day", "5 7 * * *"),
        ("month", "5 7 1 * *"),
    ],
)
def test_timetables(every: str, crontab: str) -> None:
    assert make_timetable(every, time(7, 5), "UTC").crontab == crontab


# ---------------------------------------------------------------------------------------------------------------
# Sent


@pytest.fixture(scope="module")
def mails() -> Iterator[tuple[int, list[Any]]]:
    """A mail server: its port, and the mails that it got."""
    controllers = pytest.importorskip("aiosmtpd.controller")
    got: list[Any] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            got.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=policy.default)))
            return "250 OK"

    controller = controllers.Controller(Handler(), hostname=HOST, port=free_port())
    controller.start()
    yield controller.port, got
    controller.stop()


@pytest.fixture(scope="module")
def browsers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Playwright finds the system's Chromium where it would put its own."""
    command = [sys.executable, "-m", "playwright", "install", "--dry-run", "--only-shell", "chromium"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    [name] = re.findall(r"Install location:.*/(chromium_headless_shell-\d+)", told)
    folder = tmp_path_factory.mktemp("browsers")
    place = folder / name / "chrome-headless-shell-linux64"
    place.mkdir(parents=True)
    (place / "chrome-headless-shell").symlink_to("/usr/bin/chromium")
    return folder


SEND = """
import json, sys, uuid
from datetime import datetime
from click.testing import CliRunner
from superset.app import create_app
from superset_campaign_plugin.cli import campaign
with create_app().app_context():
    from superset import db
    from superset.commands.report.execute import AsyncExecuteReportScheduleCommand
    from superset.reports.models import ReportSchedule
    from superset_campaign_plugin.subscriptions import subscribe
    from superset_campaign_plugin.subscriptions.tabs import store_addresses
    # In a week of the small log of the tests fewer are sent an email than an alert needs, depending on the weekday.
    subscribe.BOUNCED_DAYS = 90
    for arguments in json.loads(sys.argv[1]):
        done = CliRunner().invoke(campaign, arguments)
        assert done.exit_code == 0, done.output
    # Two tabs show what all would, in less time.
    report = db.session.query(ReportSchedule).filter_by(report_format="PDF").one()
    tabs = json.loads(report.extra["dashboard"]["anchor"])
    report.extra = {"dashboard": {"anchor": json.dumps(tabs[:2])}}
    db.session.commit()
    store_addresses(report)
    for id_, in db.session.query(ReportSchedule.id).order_by(ReportSchedule.id).all():
        AsyncExecuteReportScheduleCommand(str(uuid.uuid4()), id_, datetime.utcnow()).run()
    states = {each.name: each.last_state for each in db.session.query(ReportSchedule)}
    print(json.dumps({"states": states, "tabs": tabs}))
"""


@contextmanager
def subscribed(deployment: Deployment) -> Iterator[None]:
    try:
        yield
    finally:
        with deployment.app.app_context():
            from superset import db

            from superset_campaign_plugin.subscriptions.subscribe import unsubscribe

            db.session.rollback()  # another process wrote the metadata
            unsubscribe(None)


def test_the_mails_that_arrive(deployment: Deployment, address: str, mails: Any, browsers: Path) -> None:
    """A PDF with a page for each of two tabs, the figures as CSV, and the alert whose limit is passed alone."""
    from PIL import Image

    port, got = mails
    asked = [
        ["subscribe", "ann@example.com", "bob@example.com", "--bounces=0"],
        ["subscribe", "ann@example.com", "--format=xlsx", "--no-alerts"],
    ]
    environment = {
        **os.environ,
        **deployment.environment,
        "CAMPAIGN_TEST_FLAGS": "ALERT_REPORTS ALERT_REPORT_TABS PLAYWRIGHT_REPORTS_AND_THUMBNAILS",
        "CAMPAIGN_TEST_MAIL_PORT": str(port),
        "CAMPAIGN_TEST_ADDRESS": address,
        "PLAYWRIGHT_BROWSERS_PATH": str(browsers),
    }
    with subscribed(deployment):
        command = [sys.executable, "-c", SEND, json.dumps(asked)]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr[-3000:]
        told = json.loads(ran.stdout.splitlines()[-1])
    [tabs] = [dashboard.tabs for dashboard in load_dashboards() if dashboard.name == REPORT_DATASET]
    assert told["tabs"] == [f"TAB-{tab.name}" for tab in tabs]
    assert told["states"] == {
        REPORT: "Success",
        REPORT.replace("PDF", "CSV"): "Success",
        BOUNCES: "Success",
        NO_DATA: "Not triggered",
    }

    by_subject: dict[str, list[Any]] = {}
    for people, mail in got:
        by_subject.setdefault(" ".join(str(mail["subject"]).split()), []).append((people, mail))
    [(everybody, alert)] = by_subject["[Report] More than 0 % of the emails bounced"]
    assert everybody == ["ann@example.com", "bob@example.com"]
    assert address in alert.get_body(("html",)).get_content()
    files = {
        part.get_filename(): (people, part.get_content())
        for people, mail in by_subject["[Report] Campaign Email Performance"]
        for part in mail.iter_attachments()
    }
    people, document = files["Campaign Email Performance.pdf"]
    assert people == everybody
    assert len(re.findall(rb"/Type /Page\b", document)) == 2
    pictures = [Image.open(BytesIO(each)) for each in document.split(b"stream\n") if each.startswith(b"\xff\xd8\xff")]
    assert [picture.width for picture in pictures] == [1280] * 2
    assert all(picture.height >= 1500 for picture in pictures)
    people, figures = files["Campaign Email Performance.csv"]
    assert people == ["ann@example.com"]
    assert figures.decode().startswith("Campaign,Email ID,Campaign ID,Email,")

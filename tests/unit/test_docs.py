"""What the pages state as a fact and the code knows is the same in both."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import click
import pytest

from benchmarks import page as benchmarks_page
from superset_campaign_plugin import errors
from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.config import Settings
from superset_campaign_plugin.embedding.preview_tokens import MAX_LENGTH
from superset_campaign_plugin.load import load_files as loading
from superset_campaign_plugin.marketo import client, jobs, pull_activities, windows
from superset_campaign_plugin.preview.css import MAX_MARKS
from superset_campaign_plugin.preview.parse_budget import MAX_ATTRIBUTES, MAX_TAGS
from superset_campaign_plugin.report import checks
from superset_campaign_plugin.report.records import PENDING_DAYS
from superset_campaign_plugin.report.rules import AgentRules, LinkRules, Rules
from superset_campaign_plugin.reporting import cause_search, causes, marketo_export

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "DECISIONS.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
PAGES += [ROOT / "docker" / "README.md"]


def words(page: str) -> str:
    """A page of docs/ on one line, so that it can be searched for sentences."""
    return " ".join((ROOT / "docs" / page).read_text(encoding="utf-8").split())


def rows(page: str, columns: int) -> Iterator[list[str]]:
    """The rows of the tables of a page that have so many columns."""
    for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == columns and not set(line) <= set("|- :"):
            yield cells


# ------------------------------------------------------------------------------------------------------------- doctor

FINDINGS = {name: severity for names, severity, _ in rows("doctor.md", 3) for name in names.split("; ")}


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.finding)
def test_every_finding_of_doctor_has_its_severity_in_the_manual(check: checks.Check) -> None:
    severity = FINDINGS[check.finding]
    assert severity.split()[0].strip(",") == check.severity
    others = set(checks.SEVERITIES) - {check.severity}
    if check not in (checks.ORPHANS, checks.WITHOUT_CAMPAIGN):  # whose severity depends on how many, or on which
        assert not others & set(severity.replace(",", " ").split())


def test_the_manual_names_no_finding_that_doctor_lacks() -> None:
    assert set(FINDINGS) - {"finding"} == {check.finding for check in checks.CHECKS}


def test_the_manual_says_from_which_share_a_finding_is_more() -> None:
    assert re.findall(r"(\w+) above (\d+) %", FINDINGS[checks.ORPHANS.finding]) == [
        ("notice", str(checks.SOME_ORPHANS)),
        ("problem", str(checks.MANY_ORPHANS)),
    ]
    assert f"above {checks.MANY_WITHOUT_OUTCOME} %" in FINDINGS[checks.NO_OUTCOME.finding]
    assert f"sends and deliveries of {checks.KEPT_DAYS} days" in words("doctor.md")


# -------------------------------------------------------------------------------------------------- the command line


def test_the_manual_names_every_exit_code() -> None:
    kinds = [errors.CampaignError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    stated = {int(code) for code, _ in rows("cli.md", 2) if code.isdecimal()}
    assert stated == {0, *(kind.exit_code for kind in kinds)}
    assert f"exit code {errors.MarketoLaterError.exit_code}" in words("cli.md")


def options() -> set[str]:
    """Every option of every command."""
    return {
        name
        for command in campaign.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


# Those of other programs, in the examples.
FOREIGN = {"--access-logformat", "--no-cache", "--no-deps", "--python", "--version", "--help"}


@pytest.mark.parametrize(
    "name", ["cli.md", "doctor.md", "install.md", "numbers.md", "reconcile.md", "refresh.md", "sources.md", "timing.md"]
)
def test_a_page_names_no_option_that_no_command_has(name: str) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", (ROOT / "docs" / name).read_text(encoding="utf-8")))
    assert named - options() - FOREIGN == set()


@pytest.mark.parametrize(
    "sentence",
    [
        f"{loading.BATCH:,} rows are one transaction",
        f"more than {loading._MANY} and a tenth of its rows so far",
        f"windows of at most {jobs.LONGEST.days} days",
        f"`--overlap` hours ({windows.OVERLAP // timedelta(hours=1)})",
        f"What is newer than {windows.SHORTEST // timedelta(minutes=1)} minutes",
        f"`--wait` ({pull_activities.WAIT} minutes)",
        f"made again, {['', 'once', 'twice', 'three times'][pull_activities.TRIES]} in one run",
        f"this command has {['none', 'one', 'two', 'three'][jobs.AT_ONCE]} in it",
    ],
)
def test_the_manual_has_the_numbers_of_load_and_of_the_pulls(sentence: str) -> None:
    assert sentence in words("cli.md")


def test_the_share_of_bad_rows_is_a_tenth() -> None:
    assert loading._SHARE == 0.1
    assert client.CALLS < 100  # "all calls stay below Marketo's limit", which is 100 in 20 seconds


def test_the_manual_names_every_cause_that_reconcile_tries() -> None:
    stated = {name.strip("`") for names, _ in rows("reconcile.md", 2) for name in names.split(", ")} - {"cause"}
    made_at = datetime(2024, 1, 1)  # noqa: DTZ001
    setting = causes.Setting(Rules(leave_out_addresses=("*@own.example",)), made_at + timedelta(days=1))
    tried = causes.candidates(
        setting,
        zones=causes.ZONES,
        has_days=True,
        made_at=made_at,
        has_aborted=False,
    )
    assert stated == {cause.name for cause in tried}
    assert len(causes.ZONES) == 12  # "twelve usual ones"
    assert (cause_search._OF_A_GROUP, marketo_export._ROWS_OF_TITLES) == (3, 50)


# ------------------------------------------------------------------------------------------------ settings and limits


def test_the_manual_has_the_default_of_every_setting() -> None:
    links, agents = LinkRules(), AgentRules()
    defaults = {
        **dataclasses.asdict(Settings()),
        "uncounted_link_prefixes": [*links.uncounted_prefixes],
        "uncounted_link_parts": [*links.uncounted_parts],
        "privacy_proxy_agents": [*agents.privacy_proxies],
        "image_proxy_agents": [*agents.image_proxies],
    }
    stated = {key.strip("`"): default for key, default, _ in rows("install.md", 3)}
    compared = stated.keys() & defaults.keys()
    assert len(compared) == 13  # "what counts" is one row, and has its defaults in numbers.md
    for key in compared:
        if defaults[key] is None:
            assert not stated[key].startswith("`")
        else:
            assert ast.literal_eval(stated[key].strip("`")) == defaults[key]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("preview.md", f"more than {MAX_TAGS:,} tags or a tag with {MAX_ATTRIBUTES} attributes"),
        ("preview.md", f"more than {MAX_MARKS:,} characters that are neither letters nor digits"),
        ("preview.md", f"a link longer than {MAX_LENGTH:,} characters"),
        ("doctor.md", f"No activity for the last {PENDING_DAYS} days"),
    ],
)
def test_a_page_has_the_limit(name: str, sentence: str) -> None:
    assert sentence in words(name)


# ---------------------------------------------------------------------------------------------------------- benchmarks


def test_the_page_of_the_benchmarks_is_of_its_figures(tmp_path: Path) -> None:
    """So are its limits, which `benchmarks/page.py` writes beside the figures."""
    for name in ("results.json", "loading.json", "refreshing.json", "load.json"):
        (tmp_path / name).write_bytes((ROOT / "benchmarks" / name).read_bytes())
    benchmarks_page.write(tmp_path)
    assert (tmp_path / "README.md").read_text() == (ROOT / "benchmarks" / "README.md").read_text()


# --------------------------------------------------------------------------------------------------------------- links


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_leads_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", file.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        led_to = (file.parent / path).resolve() if path else file
        assert led_to.exists(), target
        if anchor:
            assert anchor in anchors(led_to), target


@pytest.mark.parametrize("name", ["threats.md", "refresh.md", "numbers.md", "preview.md", "engines.md", "metrics.md"])
def test_every_file_that_a_page_names_is_there(name: str) -> None:
    for file in re.findall(r"`((?:tests|docs|benchmarks|superset_campaign_plugin)/[\w/.-]+)`", words(name)):
        assert (ROOT / file).exists(), file

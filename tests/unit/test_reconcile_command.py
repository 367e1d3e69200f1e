"""`superset-campaign reconcile`: what it prints, its exit codes, and its page."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import logs
import pytest
from click.testing import CliRunner, Result

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.reporting import reconcile_page

NASTY = 'O\'Brien & "Söhne" <script>alert(1)</script> <img src=x onerror=alert(2)> \x1b[31m {{ 7*7 }}'
Run = Callable[..., Result]

# Of two people who opened, one was a bot.
EQUAL = "Campaign,Email,Sent,Opened,% Opened\nSpring,{},3,2,66.7%\n"
WITHOUT_BOTS = "Campaign,Email,Sent,Opened,% Opened\nSpring,{},3,1,33.3%\n"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    log = logs.Log().campaign(1, "Spring").email(10, NASTY)
    for person in (100, 101, 102):
        log.send(1, 10, person, "2024-03-07 12:00").deliver(1, 10, person, "2024-03-07 12:01")
    log.open(1, 10, 100, "2024-03-07 13:00", bot=True).open(1, 10, 101, "2024-03-07 13:00", bot=False)
    uri = f"duckdb:///{tmp_path}/log.duckdb"
    logs.write(log, uri)

    def run(text: str, *options: str) -> Result:
        name = '"' + NASTY.replace('"', '""') + '"'
        (tmp_path / "export.csv").write_text(text.replace("{}", name), encoding="utf-8")
        return CliRunner().invoke(
            campaign, ["reconcile", str(tmp_path / "export.csv"), "--uri", uri, "--as-of", "2024-06-01", *options]
        )

    return run


def test_nothing_differs(run: Run) -> None:
    result = run(EQUAL)
    assert result.exit_code == 0
    assert "3 of 3 figures are equal, unexplained: 0" in result.output


def test_what_is_explained_ends_with_0(run: Run) -> None:
    result = run(WITHOUT_BOTS)
    assert result.exit_code == 0
    assert "1 of 3 figures are equal, 2 differences explained, unexplained: 0" in result.output
    assert re.search(r"A +2 +opens and clicks that are marked as bots' are left out +--leave-out bots", result.output)
    assert "\x1b" not in result.output


def test_the_option_that_it_names_makes_the_difference_go(run: Run) -> None:
    assert "3 of 3 figures are equal" in run(WITHOUT_BOTS, "--leave-out", "bots").output
    result = run(EQUAL, "--leave-out", "bots")
    assert "opens and clicks of bots count" in result.output
    assert result.exit_code == 0


def test_what_is_unexplained_ends_with_1(run: Run) -> None:
    result = run("Campaign,Email,Sent\nSpring,{},4\n")
    assert result.exit_code == 1
    assert re.search(r"Sent +4 +3 +unexplained", result.output)
    # The loader brought no such tables: nobody can count what they would hold.
    assert "activity_email_bounced is missing: No email counts as Hard Bounced." in result.output


def test_near_names_are_offered(run: Run) -> None:
    result = run("Campaign,Email,Sent\nSpring,{}x,3\n")
    assert result.exit_code == 1
    assert "the report has no row of this name; near it: " in result.output


def test_json_has_all_of_it(run: Run) -> None:
    found = json.loads(run(WITHOUT_BOTS, "--format", "json").output)
    assert (found["figures"], found["equal"], found["explained"], found["unexplained"]) == (3, 1, 2, 0)
    assert found["export"]["report"] == "campaign_email_performance"
    [cause] = found["causes"]
    assert (cause["cause"], cause["value"], cause["option"]) == ("bots", "left_out", "--leave-out bots")
    opened, share = found["differences"]
    assert (opened["figure"], opened["marketo"], opened["report"]) == ("opened", 1, 2)
    assert opened["causes"] == [[{"cause": "bots", "value": "left_out"}]]
    assert share["marketo"] == pytest.approx(0.333)
    assert opened["name"] == f"Spring / {NASTY}"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_escaped_and_needs_nothing(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = run(WITHOUT_BOTS.replace("1,33.3", "7,33.3"), "--format", "html", "--output", str(page))
    assert result.exit_code == 1
    assert "1 of 3 figures are equal" in result.stderr
    text = page.read_text(encoding="utf-8")
    read = _Tags()
    read.feed(text)
    assert not {"script", "img", "link", "iframe", "form", "a"} & {*read.tags}
    assert not [name for name in read.attributes if name.startswith("on") or name in ("src", "href", "style")]
    assert "http:" not in text
    assert "https:" not in text
    assert html.escape("<script>") in text
    assert "<script>alert(1)</script>" in read.text
    assert "\x1b" not in text
    assert "prefers-color-scheme: dark" in reconcile_page._STYLE
    assert "unexplained" in read.text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--try-zones", "Mars/Olympus"], "'Mars/Olympus' is not a valid time zone"),
        (["--heading", "sendt=X"], "unknown column 'sendt': did you mean 'sent'?"),
        (["--heading", "sent"], "'sent' is not a valid condition"),
        (["--from", "2024-04-01", "--to", "2024-03-01"], "nothing lies between"),
        (["--where", "workspace=Nowhere"], "unknown workspace 'Nowhere'"),
        (["--output", "/nowhere/page.html"], "cannot write /nowhere/page.html: No such file or directory"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(run: Run, options: list[str], sentence: str) -> None:
    result = run(EQUAL, *options)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()[-1:]) == 1


def test_a_bad_file_ends_with_2(run: Run) -> None:
    result = run("Email,Sent\nA,many\n")
    assert result.exit_code == 2
    assert "row 2, column B (sent): 'many' is not a whole number; correct the cell" in result.stderr
    assert result.stdout == ""

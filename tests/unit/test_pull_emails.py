"""Emails from Marketo: all of them come, limits are kept, a run goes on where it stopped, and no secret is shown."""

from __future__ import annotations

import email.utils
import gzip
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from marketo_server import CLIENT_ID, CLIENT_SECRET, Answer, Clock, Marketo, error, make_certificate, serve
from terminal import run_in_terminal

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.emails.contents import (
    CONTENT_TABLE,
    Content,
    prepare_table,
    read_content,
    store_contents,
    stored_versions,
)
from superset_campaign_plugin.errors import (
    DatabaseError,
    MarketoBusyError,
    MarketoError,
    MarketoRefusalError,
    UsageError,
)
from superset_campaign_plugin.marketo.client import LONGEST_PAUSE, PAUSES, Client
from superset_campaign_plugin.marketo.credentials import read_credentials
from superset_campaign_plugin.marketo.pull_emails import BATCH, PulledEmails, pull_emails
from superset_campaign_plugin.warehouse import connect

SCRIPT = Path(sys.executable).parent / "superset-campaign"
TOKEN = "/identity/oauth/token"
LIST = "/emails.json"
CONTENT = "/fullContent.json"

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def trusted(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Marketo]:
    """The same over TLS, with a certificate that this process trusts."""
    certificate = make_certificate(tmp_path / "certificate.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with serve(Marketo(clock), certificate) as running:
        yield running


@pytest.fixture
def pull(marketo: Marketo, warehouse, clock: Clock) -> Callable[..., PulledEmails]:
    """Pulls the emails of the test's Marketo into its warehouse."""

    def run(**options: object) -> PulledEmails:
        environment = options.pop("environment", None) or marketo.environment()
        return pull_emails(warehouse.uri, environment, sleep=clock.sleep, clock=clock, **options)

    return run


def stored(uri: str, email_id: int, schema: str | None = None) -> Content | None:
    with connect(uri) as (connection, _):
        return read_content(connection, schema, email_id)


def ids(uri: str) -> list[int]:
    with connect(uri) as (connection, _):
        return list(connection.scalars(sa.text(f"SELECT email_id FROM {CONTENT_TABLE} ORDER BY 1")))


def texts(raised: BaseException) -> str:
    """Everything that a traceback would show of an error, with what caused it."""
    return "".join(traceback.format_exception(raised))


# What is stored ------------------------------------------------------------------------------------------------------


def test_an_email_is_stored_with_its_fields_and_version(marketo, warehouse, pull):
    marketo.email(12, "<p>größer \U0001f389</p>", updated="2024-05-01T10:00:00Z+0000")
    assert pull() == PulledEmails(stored=1, unchanged=0, failures=())
    assert stored(warehouse.uri, 12) == Content(
        12, "<p>größer \U0001f389</p>", "subject 12", "fromName 12 <fromEmail 12>", "preHeader 12"
    )
    assert stored_versions(warehouse.uri) == {12: datetime.fromisoformat("2024-05-01 10:00")}


def test_only_what_marketo_has_changed_is_fetched_again(marketo, warehouse, pull):
    for number in (1, 2, 3):
        marketo.email(number)
    pull()
    marketo.calls.clear()
    marketo.email(2, "<p>new</p>", updated="2024-05-01T10:00:01Z+0000")
    assert pull() == PulledEmails(stored=1, unchanged=2, failures=())
    assert marketo.fetched == [2]
    assert stored(warehouse.uri, 2).html == "<p>new</p>"
    assert stored(warehouse.uri, 1).html == "<p>1 approved</p>"
    assert pull(everything=True) == PulledEmails(stored=3, unchanged=0, failures=())


@pytest.mark.parametrize("engine", ["duckdb", "postgresql", "mysql"], indirect=True)
def test_a_schema_of_its_own(marketo, warehouse, pull):
    warehouse.execute("CREATE SCHEMA pulled")
    marketo.email(5)
    assert pull(schema="pulled").stored == 1
    assert pull(schema="pulled").unchanged == 1
    assert stored(warehouse.uri, 5, "pulled").html == "<p>5 approved</p>"
    assert stored(warehouse.uri, 5) is None


def test_a_table_of_an_earlier_release_loses_nothing(marketo, warehouse, pull):
    warehouse.execute(
        f"CREATE TABLE {CONTENT_TABLE} (email_id BIGINT PRIMARY KEY, subject TEXT, sender TEXT, preheader TEXT, "
        "html TEXT NOT NULL, loaded_at TIMESTAMP NOT NULL)",
        f"INSERT INTO {CONTENT_TABLE} VALUES (1, 'One', 'Ana', 'pre', 'one', '2024-01-01 00:00:00'), "
        "(2, 'Two', NULL, NULL, 'two', '2024-01-01 00:00:00')",
    )
    marketo.email(2)
    assert pull().stored == 1
    assert stored(warehouse.uri, 1) == Content(1, "one", "One", "Ana", "pre")
    assert stored(warehouse.uri, 2).html == "<p>2 approved</p>"
    assert pull().unchanged == 1


@on_sqlite
def test_an_email_that_marketo_no_longer_has_keeps_its_content(marketo, warehouse, pull):
    marketo.email(1)
    marketo.email(2)
    pull()
    del marketo.emails[1, "approved"], marketo.html[1, "approved"]
    assert pull(everything=True).stored == 1
    assert ids(warehouse.uri) == [1, 2]


@on_sqlite
def test_a_draft_counts_only_without_an_approved_version(marketo, warehouse, pull):
    marketo.email(1)
    marketo.email(1, status="draft", updated="2024-06-01T10:00:00Z+0000")
    marketo.email(2, status="draft")
    assert pull().stored == 2
    assert [stored(warehouse.uri, number).html for number in (1, 2)] == ["<p>1 approved</p>", "<p>2 draft</p>"]
    assert [call.query["status"] for call in marketo.calls if CONTENT in call.path] == ["approved", "draft"]
    marketo.calls.clear()
    assert pull().unchanged == 2
    assert marketo.fetched == []


@on_sqlite
def test_a_draft_gives_way_to_what_is_approved_later(marketo, warehouse, pull):
    marketo.email(2, status="draft")
    pull()
    marketo.email(2, updated="2024-05-02T10:00:00Z+0000")
    assert pull().stored == 1
    assert stored(warehouse.uri, 2).html == "<p>2 approved</p>"


@on_sqlite
def test_dynamic_fields_are_those_of_the_default_segment(marketo, warehouse, pull):
    section = "RVMtZWRp dF90/eHQ="
    marketo.email(1, subject={"type": "DynamicContent", "value": section}, fromName=None)
    marketo.email(2, subject={"type": "DynamicContent", "value": "unknown"})
    marketo.sections[1, section] = [
        {"segmentName": "Southwest", "type": "Text", "content": "Sun"},
        {"segmentName": "Default", "type": "Text", "content": "Weather"},
    ]
    assert pull().stored == 2
    assert (stored(warehouse.uri, 1).subject, stored(warehouse.uri, 1).sender) == ("Weather", "fromEmail 1")
    assert stored(warehouse.uri, 2).subject is None


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ({"type": "Text", "value": " Hello "}, "Hello"),
        ("Hello", "Hello"),
        ({"type": "Text", "value": ""}, None),
        ({"type": "Text", "value": None}, None),
        ({"type": None, "value": "Hello"}, "Hello"),
        ({"value": 7}, None),
        (["Hello"], None),
        (None, None),
    ],
)
@on_sqlite
def test_a_field_in_any_form(marketo, warehouse, pull, field, text):
    marketo.email(1, subject=field)
    assert pull().stored == 1
    assert stored(warehouse.uri, 1).subject == text


def test_any_text_is_stored(marketo, warehouse, pull):
    marketo.email(1, "a\0b \ud800 \udc00 \U0001f389 \u202e שלום %s :x {{lead.Name}}", preHeader="\ud83c\udf89")
    assert pull().stored == 1
    content = stored(warehouse.uri, 1)
    assert content.html == "a\ufffdb \ufffd \ufffd \U0001f389 \u202e שלום %s :x {{lead.Name}}"
    assert content.preheader == "\U0001f389"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2024-05-01T10:00:00Z+0000", "2024-05-01 10:00:00"),
        ("2024-05-01T10:00:00Z+0200", "2024-05-01 08:00:00"),
        ("2024-05-01T10:00:00Z", "2024-05-01 10:00:00"),
        ("2024-05-01T10:00:00.123-05:30", "2024-05-01 15:30:00"),
        ("2024-13-01T10:00:00Z+0000", None),
        ("yesterday", None),
        (None, None),
        (1714557600, None),
    ],
)
@on_sqlite
def test_the_time_of_a_version(marketo, warehouse, pull, given, kept):
    marketo.email(1, updated=given)
    assert pull().stored == 1
    assert stored_versions(warehouse.uri) == ({1: datetime.fromisoformat(kept)} if kept else {})
    # An email of unknown time is fetched each time.
    assert pull().stored == (0 if kept else 1)


@on_sqlite
def test_an_email_without_readable_content_does_not_stop_the_others(marketo, warehouse, pull):
    prepare_table(warehouse.uri)
    store_contents(warehouse.uri, [Content(3, "of before")])
    for number in range(1, 6):
        marketo.email(number)
    marketo.html[2, "approved"] = None
    marketo.fault("/email/3/", error("709", "Predictive content"))
    del marketo.html[4, "approved"]
    result = pull()
    assert (result.stored, [failure.email_id for failure in result.failures]) == (2, [2, 3, 4])
    assert "no HTML" in result.failures[0].reason
    assert "709 (Predictive content)" in result.failures[1].reason
    assert "702" in result.failures[2].reason
    assert stored(warehouse.uri, 3).html == "of before"
    # Nothing is known of them, so they are asked for again.
    marketo.calls.clear()
    assert pull().stored == 1
    assert marketo.fetched == [2, 3, 4]


@on_sqlite
def test_it_is_an_error_if_no_email_can_be_read(marketo, pull):
    marketo.email(1)
    marketo.email(2)
    marketo.fault(CONTENT, error("709"), error("709"))
    with pytest.raises(MarketoError, match=r"none of 2 emails could be read; email 1: .*709"):
        pull()


@on_sqlite
def test_an_email_that_is_refused_every_night_is_named_and_no_error(marketo, pull):
    for number in range(1, 4):
        marketo.email(number)
    marketo.fault("/email/2/", error("709", "Predictive content"))
    assert pull().stored == 2
    for _ in range(2):
        marketo.fault("/email/2/", error("709", "Predictive content"))
        again = pull()
        assert (again.stored, again.unchanged) == (0, 2)
        assert [failure.email_id for failure in again.failures] == [2]


@on_sqlite
def test_a_marketo_without_emails(pull):
    assert pull() == PulledEmails(stored=0, unchanged=0, failures=())


# Pages, tokens and limits ----------------------------------------------------------------------------------------


@on_sqlite
def test_all_pages_are_read_within_the_limit_of_calls(marketo, warehouse, pull, clock):
    for number in range(1, 452):
        marketo.email(number)
    assert pull().stored == 451
    assert ids(warehouse.uri) == list(range(1, 452))
    approved = [call.query for call in marketo.calls if LIST in call.path and call.query["status"] == "approved"]
    assert [query["offset"] for query in approved] == ["0", "200", "400", "451"]
    assert {query["maxReturn"] for query in approved} == {"200"}
    # The server refuses more than 100 calls in 20 s; the pauses below are our own.
    assert clock.slept
    assert max(clock.slept) <= 20
    assert marketo.count(CONTENT) == 451


@on_sqlite
def test_a_list_that_moves_while_it_is_read_gives_no_email_twice(marketo, pull):
    for number in range(1, 301):
        marketo.email(number)
    page = [marketo.emails[number, "approved"] for number in range(1, 201)]
    late = [marketo.emails[number, "approved"] for number in range(200, 301)]
    success = [Answer(json.dumps({"success": True, "result": part}).encode()) for part in (page, late, [])]
    marketo.fault(LIST, *success)
    assert pull().stored == 300
    assert sorted(marketo.fetched) == list(range(1, 301))


@on_sqlite
def test_a_list_without_an_end_is_told(marketo, pull):
    page = [{"id": number, "updatedAt": None} for number in range(1, 201)]
    marketo.fault(LIST, *[Answer(json.dumps({"success": True, "result": page}).encode())] * 10)
    with pytest.raises(MarketoError, match="same page"):
        pull()
    assert marketo.count(LIST) == 2


@on_sqlite
def test_a_token_that_ends_in_the_middle_is_renewed(marketo, pull):
    for number in range(1, 31):
        marketo.email(number)
    marketo.token_calls = 7
    assert pull().stored == 30
    assert len(marketo.tokens) == 5
    assert marketo.count(TOKEN) == 5


@on_sqlite
def test_a_token_is_not_used_beyond_its_time(marketo, pull):
    for number in range(1, 251):
        marketo.email(number)
    marketo.token_seconds = 15
    assert pull().stored == 250
    assert marketo.count(TOKEN) == len(marketo.tokens) > 1
    assert len(marketo.calls) == marketo.count(TOKEN) + marketo.count(LIST) + 250


@pytest.mark.parametrize("code", ["601", "602"])
@on_sqlite
def test_a_new_token_that_is_refused_too_ends_the_run(marketo, pull, code):
    marketo.email(1)
    marketo.fault(LIST, error(code), error(code))
    with pytest.raises(MarketoError, match=f"{code}.*has just given"):
        pull()
    assert marketo.count(TOKEN) == 2


@pytest.mark.parametrize("code", ["604", "606", "608", "611", "615", "713"])
@on_sqlite
def test_a_busy_marketo_is_asked_again(marketo, pull, clock, code):
    marketo.email(1)
    marketo.fault(CONTENT, error(code), error(code))
    assert pull() == PulledEmails(stored=1, unchanged=0, failures=())
    assert clock.slept == list(PAUSES[:2])
    assert marketo.fetched == [1, 1, 1]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@on_sqlite
def test_so_is_one_whose_server_is_in_trouble(marketo, pull, clock, status):
    marketo.email(1)
    marketo.fault(CONTENT, Answer(b"<html>", status), Answer(b"", status, {"Retry-After": "33"}))
    assert pull().stored == 1
    assert clock.slept == [PAUSES[0], 33.0]


@on_sqlite
def test_retry_after_may_be_a_date(marketo, pull, clock):
    marketo.email(1)
    late = email.utils.formatdate(time.time() + 60, usegmt=True)
    marketo.fault(CONTENT, Answer(b"", 503, {"Retry-After": late}), Answer(b"", 503, {"Retry-After": "soon"}))
    assert pull().stored == 1
    assert PAUSES[0] < clock.slept[0] <= 60
    assert clock.slept[1] == PAUSES[1]


@on_sqlite
def test_patience_ends(marketo, pull, clock):
    marketo.fault(LIST, *[error("608", "API temporarily unavailable")] * 20)
    with pytest.raises(MarketoBusyError, match=r"608 \(API temporarily unavailable\), also at the last of 6 tries"):
        pull()
    assert clock.slept == list(PAUSES)
    assert marketo.count(LIST) == len(PAUSES) + 1


@on_sqlite
def test_a_wait_that_is_too_long_is_not_waited(marketo, pull, clock):
    marketo.fault(LIST, Answer(b"", 503, {"Retry-After": str(int(LONGEST_PAUSE) + 1)}))
    with pytest.raises(MarketoBusyError, match="asks to wait for 121 seconds"):
        pull()
    assert clock.slept == []


@on_sqlite
def test_single_emails_that_are_never_done_are_passed_over(marketo, warehouse, pull):
    for number in range(1, 6):
        marketo.email(number)
    for number in (2, 4):
        marketo.fault(f"/email/{number}/", *[error("604", "Request timed out")] * (len(PAUSES) + 1))
    result = pull()
    assert (result.stored, [failure.email_id for failure in result.failures]) == (3, [2, 4])
    assert ids(warehouse.uri) == [1, 3, 5]


@on_sqlite
def test_two_in_a_row_end_the_run_and_what_came_before_is_stored(marketo, warehouse, pull):
    for number in range(1, 6):
        marketo.email(number)
    for number in (3, 4):
        marketo.fault(f"/email/{number}/", *[error("608")] * 20)
    with pytest.raises(MarketoBusyError, match="2 emails were stored, a further run fetches the rest"):
        pull()
    assert ids(warehouse.uri) == [1, 2]
    assert 5 not in marketo.fetched


# Runs that end early -------------------------------------------------------------------------------------------------


def test_after_the_quota_is_used_up_the_next_run_fetches_the_rest(marketo, warehouse, pull):
    for number in range(1, 41):
        marketo.email(number)
    # The lists take three calls: a full one and the empty page after it, and no drafts.
    marketo.quota = 3 + 17
    with pytest.raises(MarketoError, match=r"607 \(Daily quota reached\).*run this again tomorrow; 17 emails were sto"):
        pull()
    assert ids(warehouse.uri) == list(range(1, 18))
    assert len(marketo.fetched) == 18
    marketo.calls.clear()
    marketo.quota = None
    assert pull() == PulledEmails(stored=23, unchanged=17, failures=())
    assert marketo.fetched == list(range(18, 41))
    assert ids(warehouse.uri) == list(range(1, 41))


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"], indirect=True)
def test_after_a_kill_the_next_run_fetches_the_rest(warehouse):
    reached, release = threading.Event(), threading.Event()

    def stop_at(email_id: int) -> None:
        if email_id == 28:
            reached.set()
            release.wait(60)

    with serve(Marketo()) as marketo:
        for number in range(1, 41):
            marketo.email(number)
        marketo.before_content = stop_at
        process = subprocess.Popen(
            [SCRIPT, "pull-emails", "--uri", warehouse.uri],
            env={**os.environ, **marketo.environment()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert reached.wait(60)
            process.send_signal(signal.SIGKILL)
            assert process.wait(60) == -signal.SIGKILL
        finally:
            process.kill()
            process.wait(60)
            release.set()
        kept = ids(warehouse.uri)
        assert kept == list(range(1, 27 // BATCH * BATCH + 1))
        marketo.calls.clear()
        marketo.before_content = lambda email_id: None
        assert pull_emails(warehouse.uri, marketo.environment()) == PulledEmails(40 - len(kept), len(kept), ())
        assert marketo.fetched == list(range(len(kept) + 1, 41))
    assert ids(warehouse.uri) == list(range(1, 41))


@on_sqlite
def test_an_interrupted_run_keeps_what_it_has(marketo, warehouse, pull):
    for number in range(1, 6):
        marketo.email(number)

    def interrupt(done: int, total: int) -> None:
        assert total == 5
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(progress=interrupt)
    assert ids(warehouse.uri) == [1, 2, 3]


def test_a_database_that_cannot_be_written_costs_no_call(marketo, clock):
    with pytest.raises(DatabaseError):
        pull_emails("sqlite:////nowhere/x.db", marketo.environment(), sleep=clock.sleep, clock=clock)
    assert marketo.calls == []


# What cannot be helped -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["MARKETO_URL", "MARKETO_CLIENT_ID", "MARKETO_CLIENT_SECRET"])
def test_a_missing_variable_is_named(name):
    right = Marketo().environment(MARKETO_URL="https://123.mktorest.com")
    for wrong in ({**right, name: " "}, {key: value for key, value in right.items() if key != name}):
        with pytest.raises(UsageError, match=f"^{name} must be set"):
            read_credentials(wrong)


def test_all_missing_variables_are_named_at_once():
    with pytest.raises(UsageError, match="MARKETO_URL and MARKETO_CLIENT_ID and MARKETO_CLIENT_SECRET must be set"):
        read_credentials({})


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://123.mktorest.com", "must begin with https://"),
        ("http://127.0.0.1.example.com", "must begin with https://"),
        ("http://0.0.0.0", "must begin with https://"),
        ("https://user:hidden@123.mktorest.com", "must not hold a user or password"),
        ("https://hidden@123.mktorest.com", "must not hold a user or password"),
        ("123.mktorest.com", "is not "),
        ("ftp://123.mktorest.com", "is not "),
        ("https://", "is not "),
        ("https://host:port", "is not "),
        ("https://[::1", "is not "),
        ("https://123.mktorest.com?token=hidden", "is not "),
    ],
)
def test_an_address_that_is_not_asked(url, words):
    with pytest.raises(UsageError) as caught:
        read_credentials(Marketo().environment(MARKETO_URL=url))
    assert words in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://123.mktorest.com/", "https://123.mktorest.com"),
        (" https://123.mktorest.com/rest\n", "https://123.mktorest.com"),
        ("https://123.mktorest.com/identity/", "https://123.mktorest.com"),
        ("https://gateway.example.com/marketo", "https://gateway.example.com/marketo"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_as_people_copy_it(url, base):
    assert read_credentials(Marketo().environment(MARKETO_URL=url)).url == base


@pytest.mark.parametrize("wrong", [{"MARKETO_CLIENT_SECRET": "wr0ng-secret"}, {"MARKETO_CLIENT_ID": "wr0ng-id"}])
@on_sqlite
def test_wrong_credentials_are_told_without_showing_them(marketo, pull, clock, wrong):
    with pytest.raises(MarketoError) as caught:
        pull(environment=marketo.environment(**wrong))
    assert "check MARKETO_CLIENT_ID and MARKETO_CLIENT_SECRET" in str(caught.value)
    assert "wr0ng" not in texts(caught.value)
    assert (marketo.count(TOKEN), clock.slept) == (1, [])


@pytest.mark.parametrize("code", ["600", "603"])
@on_sqlite
def test_a_missing_permission_is_named(marketo, pull, code):
    marketo.fault(LIST, error(code, "Access denied"))
    with pytest.raises(MarketoError, match="Read-Only Assets"):
        pull()


HTML = {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"<html>Sign in</html>", headers=HTML), "does not answer in JSON"),
        (Answer(b""), "does not answer in JSON"),
        (Answer(b'{"success": tr'), "does not answer in JSON"),
        (Answer(b"\xff\xfe\x00"), "does not answer in JSON"),
        (Answer(b"[" * 200_000), "does not answer in JSON"),
        (Answer(b"[1]"), "not answer as Marketo does"),
        (Answer(b"{}"), "not answer as Marketo does"),
        (Answer(b'{"success": false, "errors": ["no"]}'), "not answer as Marketo does"),
        (Answer(b'{"success": true, "result": [{"name": "x"}]}'), "one without an id"),
        (Answer(b'{"success": true, "result": [7]}'), "one without an id"),
        (Answer(b'{"success": true, "result": [{"id": true}]}'), "one without an id"),
        (Answer(b"", 404), "HTTP status 404"),
        (Answer(b"", 302, {"Location": "https://elsewhere.example.com/x"}), "sends on to elsewhere.example.com"),
        (error("1003", "Bad \x1b[31m value"), r"1003 (Bad  [31m value)"),
    ],
)
@on_sqlite
def test_an_answer_that_is_none(marketo, pull, answer, words):
    marketo.fault(LIST, answer)
    with pytest.raises(MarketoError) as caught:
        pull()
    assert words in str(caught.value)
    assert marketo.count(LIST) == 1


@pytest.mark.parametrize(
    "body", [b"{}", b'{"access_token": 7}', b'{"access_token": " "}', b'{"access_token": "a\\nb"}', b"[]", b"<html>"]
)
@on_sqlite
def test_an_answer_without_a_token(marketo, pull, body):
    marketo.fault(TOKEN, Answer(body))
    with pytest.raises(MarketoError, match="check MARKETO_URL"):
        pull()
    assert marketo.count(LIST) == 0


@on_sqlite
def test_nothing_is_sent_after_a_redirection(marketo, pull, clock):
    with serve(Marketo(clock)) as other:
        for part in (TOKEN, LIST):
            marketo.fault(part, Answer(b"", 307, {"Location": other.url + part}))
            with pytest.raises(MarketoError, match=r"sends on to 127\.0\.0\.1"):
                pull()
        assert other.calls == []


@on_sqlite
def test_nobody_there_is_told_at_once(marketo, pull, clock):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(MarketoError, match=r"cannot connect to 127\.0\.0\.1") as caught:
            pull(environment=marketo.environment(MARKETO_URL=url))
    assert clock.slept == []
    assert CLIENT_SECRET not in texts(caught.value)


@on_sqlite
def test_a_server_without_tls_is_told(marketo, pull):
    with pytest.raises(MarketoError, match=r"no trusted TLS connection to 127\.0\.0\.1"):
        pull(environment=marketo.environment(MARKETO_URL=marketo.url.replace("http:", "https:")))


@on_sqlite
def test_a_certificate_that_nobody_vouches_for_is_told(trusted, warehouse, clock, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(MarketoError, match=r"no trusted TLS connection to 127\.0\.0\.1"):
        pull_emails(warehouse.uri, trusted.environment(), sleep=clock.sleep, clock=clock)
    assert trusted.calls == []


@on_sqlite
def test_a_connection_that_breaks_is_tried_again(marketo, pull, clock):
    marketo.email(1)
    marketo.fault(CONTENT, Answer(b'{"success"', length=1000))
    assert pull().stored == 1
    assert clock.slept == [PAUSES[0]]


def test_a_body_beyond_the_limit_is_not_read_to_its_end(marketo, clock):
    bomb = Answer(gzip.compress(b" " * 2_000_000), headers={"Content-Encoding": "gzip"})
    credentials = read_credentials(marketo.environment())
    with Client(credentials, sleep=clock.sleep, clock=clock, max_body=100_000) as client:
        for answer in (Answer(b" " * 2_000_000), bomb):
            marketo.fault("/big", answer)
            with pytest.raises(MarketoRefusalError, match=r"larger than 0\.0954 MB"):
                client.get("/big")
        marketo.fault("/small", Answer(b'{"success": true, "result": [1]}'))
        assert client.get("/small") == [1]


def test_an_answer_that_never_ends_is_given_up(marketo, clock):
    def slowly() -> float:
        clock.now += 200
        return clock.now

    marketo.fault("/slow", *[Answer(b" " * 1_000_000)] * 20)
    with (
        Client(read_credentials(marketo.environment()), sleep=clock.sleep, clock=slowly) as client,
        pytest.raises(MarketoBusyError, match="does not come to the end"),
    ):
        client.get("/slow")


# Secrets -------------------------------------------------------------------------------------------------------------


@on_sqlite
def test_secrets_travel_in_headers_and_bodies_only(marketo, warehouse, pull, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    # Superset's migrations, if a test ran them before, switch off the loggers that they do not know.
    monkeypatch.setattr(logging.getLogger("urllib3.connectionpool"), "disabled", False)
    marketo.email(1)
    marketo.fault(CONTENT, error("606"))
    assert pull().stored == 1
    secrets = (CLIENT_ID, CLIENT_SECRET, marketo.tokens[0])
    assert "/fullContent.json" in caplog.text  # the log of the HTTP library was kept
    for secret in secrets:
        assert secret not in caplog.text
        assert not any(secret in call.address for call in marketo.calls)
    content = Path(warehouse.uri.removeprefix("sqlite:///")).read_bytes()
    assert not any(secret.encode() in content for secret in secrets)


@on_sqlite
def test_what_marketo_echoes_of_a_secret_is_blanked(marketo, pull):
    marketo.email(1)
    echo = f"token t0ken-0-cdf01657:int of {CLIENT_ID} with {CLIENT_SECRET} is no good"
    marketo.fault(LIST, error("1003", echo))
    with pytest.raises(MarketoError) as caught:
        pull()
    assert "token *** of *** with *** is no good" in str(caught.value)
    assert not any(secret in texts(caught.value) for secret in (CLIENT_ID, CLIENT_SECRET, marketo.tokens[0]))


def test_the_text_of_credentials_has_no_secret():
    text = repr(read_credentials(Marketo().environment(MARKETO_URL="https://123.mktorest.com")))
    assert "123.mktorest.com" in text
    assert CLIENT_ID not in text
    assert CLIENT_SECRET not in text


@on_sqlite
def test_a_netrc_file_does_not_take_the_place_of_the_token(trusted, warehouse, clock, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    trusted.email(1)
    assert pull_emails(warehouse.uri, trusted.environment(), sleep=clock.sleep, clock=clock).stored == 1
    assert not any("Basic" in call.headers.get("authorization", "") for call in trusted.calls)


@on_sqlite
def test_a_proxy_does_not_read_what_is_not_encrypted(marketo, pull, clock, monkeypatch):
    with serve(Marketo(clock)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert pull().stored == 0
        assert proxy.calls == []


# The command ---------------------------------------------------------------------------------------------------------


def run(marketo: Marketo, *arguments: str, **changes: str) -> Result:
    return CliRunner(env=marketo.environment(**changes)).invoke(campaign, ["pull-emails", *arguments])


@on_sqlite
def test_the_command_says_what_it_did(marketo, warehouse):
    marketo.email(1)
    marketo.email(2)
    first = run(marketo, "--uri", warehouse.uri)
    assert (first.exit_code, first.stdout, first.stderr) == (0, "2 emails stored, 0 were up to date\n", "")
    marketo.email(3)
    marketo.fault("/email/3/", error("709", "Predictive content"))
    everything = run(marketo, "--uri", warehouse.uri, "--all")
    assert everything.stdout == "2 emails stored, 0 were up to date, 1 could not be read\n"
    assert everything.stderr == "email 3 not stored: Marketo answers with error 709 (Predictive content)\n"


@on_sqlite
def test_the_command_speaks_json(marketo, warehouse):
    for number in (1, 2, 3):
        marketo.email(number)
    marketo.fault("/email/3/", error("702", "Email not found"))
    result = run(marketo, "--uri", warehouse.uri, "--json")
    assert result.exit_code == 0
    failed = [{"email_id": 3, "reason": "Marketo answers with error 702 (Email not found)"}]
    assert json.loads(result.stdout) == {"stored": 2, "unchanged": 0, "failed": failed}


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"MARKETO_CLIENT_SECRET": ""}, 2, "MARKETO_CLIENT_SECRET must be set"),
        ({"MARKETO_URL": "http://123.mktorest.com"}, 2, "https://"),
        ({"MARKETO_CLIENT_SECRET": "wr0ng"}, 1, "check MARKETO_CLIENT_ID and MARKETO_CLIENT_SECRET"),
        ({"MARKETO_URL": "https://127.0.0.1:1"}, 1, "cannot connect to 127.0.0.1"),
    ],
)
@on_sqlite
def test_a_mistake_is_one_line_with_its_code(marketo, warehouse, changes, code, words):
    result = run(marketo, "--uri", warehouse.uri, **changes)
    assert (result.exit_code, result.stdout) == (code, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert words in line
    assert not any(secret in line for secret in ("wr0ng", CLIENT_ID, CLIENT_SECRET))


@on_sqlite
def test_a_terminal_sees_the_progress(marketo, warehouse):
    for number in range(1, 4):
        marketo.email(number)
    command = [SCRIPT, "pull-emails", "--uri", warehouse.uri]
    _, output, shown = run_in_terminal(command, marketo.environment())
    assert output == b"3 emails stored, 0 were up to date\n"
    assert "Emails" in shown
    assert "100%" in shown

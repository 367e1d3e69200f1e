"""Activities from Marketo: whatever goes wrong on the way, the same is stored in the end, and none is fetched twice."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from logs import Log, generate, utc
from marketo_exports import ACTIVITIES, DAY
from marketo_server import CLIENT_ID, CLIENT_SECRET, Answer, Call, Clock, Marketo, error, serve
from oracle import assert_report, report
from terminal import run_in_terminal

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.errors import BusyError, LoadError, MarketoError, UsageError
from superset_campaign_plugin.load import load_files as loading
from superset_campaign_plugin.load.store import Store
from superset_campaign_plugin.marketo import download
from superset_campaign_plugin.marketo import pull_activities as pulling
from superset_campaign_plugin.marketo.client import PAUSES, TRANSFER_CHUNK
from superset_campaign_plugin.marketo.jobs import LONGEST, POLL, TYPES
from superset_campaign_plugin.marketo.journal import Journal
from superset_campaign_plugin.marketo.pull_activities import TRIES, PulledActivities, pull_activities
from superset_campaign_plugin.marketo.windows import SHORTEST, Window, missing_windows, reached_without_gap
from superset_campaign_plugin.reporting.run_report import run_report
from superset_campaign_plugin.warehouse import connect

SCRIPT = Path(sys.executable).parent / "superset-campaign"
SINCE, NOW = utc("2024-03-01"), utc("2024-06-10")
WINDOWS = 4  # of 31 days, the last of nine
BY = ("campaign", "email", "day")
CREATE, ENQUEUE, STATUS, FILE = "/create.json", "/enqueue.json", "/status.json", "/file.json"
QUOTA = error("1029", "Export daily quota 500MB exceeded.")
FULL = error("1029", "Too many jobs in queue")

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
on_files = pytest.mark.parametrize("engine", ["duckdb", "sqlite"], indirect=True)
on_all = pytest.mark.parametrize("engine", ["duckdb", "sqlite", "postgresql", "mysql"], indirect=True)


@pytest.fixture
def held(marketo: Marketo) -> Log:
    """What the test's Marketo holds: three months of activities, and the assets that they name."""
    return marketo.hold(generate(600, seed=7), stretch=1.5)


@pytest.fixture
def pull(marketo: Marketo, warehouse, clock: Clock, tmp_path: Path) -> Callable[..., PulledActivities]:
    """Pulls the activities of the test's Marketo into its warehouse."""

    def run(**options: Any) -> PulledActivities:
        now = options.pop("now", NOW).replace(tzinfo=timezone.utc)
        options = {"since": SINCE, "directory": tmp_path / "files", "sleep": clock.sleep, "clock": clock, **options}
        return pull_activities(warehouse.uri, marketo.environment(), now=lambda: now, **options)

    return run


def stored(uri: str, table: str = "marketo_activity", schema: str | None = None) -> list[tuple[Any, ...]]:
    """The rows of a table, all but when they were stored."""
    with connect(uri) as (connection, _):
        found = connection.execute(sa.text(f"SELECT * FROM {f'{schema}.' if schema else ''}{table}"))
        kept = [place for place, name in enumerate(found.keys()) if name not in ("loaded_at", "stored_at")]
        return sorted((tuple(row[place] for place in kept) for row in found), key=repr)


def assert_same_as_the_log(uri: str, log: Log, schema: str | None = None) -> None:
    actual = run_report(uri, source="bulk", schema=schema, as_of=NOW, by=BY)
    assert_report(actual, report(log, as_of=NOW, by=BY), BY)


def texts(raised: BaseException) -> str:
    return "".join(traceback.format_exception(raised))


# Which windows are asked for ------------------------------------------------------------------------------------------

moments = st.integers(0, 400 * 24 * 12).map(lambda number: utc("2023-01-01") + timedelta(minutes=5 * number))
spans = st.tuples(moments, moments).filter(lambda ends: ends[0] < ends[1]).map(lambda ends: Window(*ends))


@given(st.lists(spans, max_size=6), moments, st.integers(0, 48))
def test_windows_leave_no_gap_and_are_never_too_long(known, since, hours):
    now = utc("2024-02-10")
    missing = missing_windows(known, since, now, timedelta(hours=hours))
    assert all(timedelta() < window.end - window.start <= LONGEST for window in missing)
    assert missing == sorted(missing)
    beginning = min([since, *(window.start for window in known)])
    reached = reached_without_gap([*known, *missing])
    assert min(window.start for window in [*known, *missing]) == beginning
    assert now - SHORTEST < reached or reached >= now
    # Nothing is asked for again but the overlap at the end.
    newest = max((window.end for window in known), default=None)
    for window in missing:
        for other in known:
            begins, ends = max(window.start, other.start), min(window.end, other.end)
            assert begins >= ends or begins >= newest - timedelta(hours=hours)


def test_an_overlap_that_begins_before_a_gap_keeps_the_order():
    minutes = [utc("2023-01-01") + timedelta(minutes=5 * number) for number in range(4)]
    known = [Window(minutes[0], minutes[1]), Window(minutes[2], minutes[3])]
    missing = missing_windows(known, None, minutes[3] + SHORTEST, timedelta(hours=6))
    assert missing == [Window(minutes[0], minutes[3] + SHORTEST), Window(minutes[1], minutes[2])]


def test_windows_of_a_first_run():
    ends = [(window.start, window.end) for window in missing_windows([], SINCE, NOW)]
    assert ends[0] == (SINCE, utc("2024-04-01"))
    assert len(ends) == WINDOWS
    assert all(before[1] == after[0] for before, after in itertools.pairwise(ends))
    assert ends[-1][1] == NOW


def test_without_a_beginning_there_is_nothing_to_ask_for():
    with pytest.raises(UsageError, match="--since is needed the first time"):
        missing_windows([], None, NOW)
    with pytest.raises(UsageError, match="not in the past"):
        missing_windows([], NOW, NOW)


# What is stored -------------------------------------------------------------------------------------------------------


@on_all
def test_three_months_come_with_names_as_the_log_has_them(marketo, held, warehouse, pull, tmp_path):
    result = pull()
    assert (result.windows, result.stored, result.until) == (WINDOWS, WINDOWS, NOW)
    assert result.complete
    assert_same_as_the_log(warehouse.uri, held)
    assert marketo.count(CREATE) == marketo.count(ENQUEUE) == marketo.count(FILE) == WINDOWS
    assert not (tmp_path / "files").exists()
    assert {job.types for job in marketo.exports.jobs.values()} == {frozenset(TYPES)}
    before = stored(warehouse.uri), stored(warehouse.uri, "marketo_campaign")
    marketo.calls.clear()
    again = pull(since=None)
    assert (again.windows, again.complete) == (0, True)
    assert marketo.count(ACTIVITIES) == 0
    assert (stored(warehouse.uri), stored(warehouse.uri, "marketo_campaign")) == before


@pytest.mark.parametrize("engine", ["duckdb", "postgresql", "mysql"], indirect=True)
def test_a_schema_of_its_own(marketo, held, warehouse, pull):
    warehouse.execute("CREATE SCHEMA pulled_activities")
    pull(schema="pulled_activities")
    assert_same_as_the_log(warehouse.uri, held, "pulled_activities")
    assert pull(schema="pulled_activities").windows == 0


@on_files
def test_a_later_run_fetches_what_is_new_and_what_came_late(marketo, held, warehouse, pull):
    pull(now=utc("2024-05-20"))
    # Marketo shows it only now, though it says that it happened before the first run.
    number = 1 + max(activity.id for activity in held.activities)
    late = Log().send(1, 10, 100, "2024-05-19 23:00").send(1, 10, 101, "2024-05-19 12:00")
    late.activities = [each._replace(id=number + place) for place, each in enumerate(late.activities)]
    marketo.exports.take(late)
    result = pull(since=None)
    assert (result.windows, result.until) == (1, NOW)
    assert [job.start for job in marketo.exports.jobs.values()][-1] == utc("2024-05-19 18:00")
    held.activities.append(late.activities[0])
    assert_same_as_the_log(warehouse.uri, held)
    assert pull(now=NOW + SHORTEST - timedelta(seconds=1)).windows == 0
    assert pull(now=NOW + SHORTEST).windows == 1


@on_sqlite
def test_an_earlier_beginning_is_fetched_before_what_is_there(marketo, held, warehouse, pull):
    pull(since=utc("2024-05-01"))
    result = pull()
    assert result.windows == 2
    assert result.until == NOW
    assert_same_as_the_log(warehouse.uri, held)


@on_sqlite
def test_deleted_people_come_page_by_page(marketo, warehouse, pull):
    log = marketo.hold(Log().send(1, 10, 1, "2024-06-01").delete(*range(100, 125)))
    marketo.exports.page = 10
    assert pull().deletions == 25
    kinds = Counter(row[1] for row in stored(warehouse.uri))
    assert kinds == {6: 1, 37: 25}
    assert marketo.count("deletedleads") == 3
    assert_same_as_the_log(warehouse.uri, log)


@on_sqlite
def test_a_month_without_activities_has_no_file(marketo, warehouse, pull):
    marketo.hold(Log().send(1, 10, 1, "2024-06-01"))
    result = pull()
    assert (result.stored, result.counts()["stored"]) == (WINDOWS, 1)
    assert marketo.count(FILE) == 1


@on_files
def test_names_follow_marketo_and_outlive_it(marketo, held, warehouse, pull):
    pull()
    campaigns = marketo.exports.assets["smartCampaigns"]
    gone, renamed = campaigns.pop(), campaigns[0]
    renamed["name"], renamed["isActive"] = "New \0 name \ud800", True
    pull()
    named = {row[0]: row for row in stored(warehouse.uri, "marketo_campaign")}
    assert named[gone["id"]][1] == gone["name"]
    assert named[renamed["id"]][1] == "New � name �"
    assert named[renamed["id"]][4] in (True, 1)


@on_sqlite
def test_folders_say_what_is_archived(marketo, held, warehouse, pull):
    folders = marketo.exports.assets["folders"]
    next(each for each in folders if each["folderId"] == {"id": 2, "type": "Program"})["isArchive"] = True
    pull()
    columns = "id, program_id, folder, archived"
    with connect(warehouse.uri) as (connection, _):
        rows = connection.execute(sa.text(f"SELECT {columns} FROM marketo_campaign WHERE program_id = 2")).all()
        others = connection.scalars(sa.text("SELECT archived FROM marketo_campaign WHERE program_id <> 2")).all()
    assert {row.folder for row in rows} == {
        "/Marketing Activities/Program 2",
        "/Marketing Activities/Program 2/Campaigns",
    }
    assert all(row.archived for row in rows)
    assert not any(others)


@on_files
def test_tables_of_names_of_somebody_else_stay(marketo, held, warehouse, pull):
    warehouse.execute(
        "CREATE TABLE marketo_program (id BIGINT, name VARCHAR(20))", "INSERT INTO marketo_program VALUES (1, 'x')"
    )
    result = pull()
    assert result.notes == ["table marketo_program has other columns than pull-activities makes; it stays as it is"]
    assert stored(warehouse.uri, "marketo_program") == [(1, "x")]
    assert stored(warehouse.uri, "marketo_campaign")


# Marketo's limits -----------------------------------------------------------------------------------------------------


@on_sqlite
def test_two_jobs_at_once_and_no_state_is_asked_for_more_than_once_a_minute(marketo, held, pull, clock):
    marketo.exports.seconds = 1500.0
    most = 0

    def count(call: Call, answer: Answer) -> None:
        nonlocal most
        jobs = marketo.exports.jobs.values()
        most = max(most, sum(job.status in ("Queued", "Processing") for job in jobs))

    marketo.before_sending = count
    assert pull().stored == WINDOWS
    assert most == 2
    for job in marketo.exports.jobs.values():
        gaps = [after - before for before, after in itertools.pairwise(job.polls)]
        assert min(gaps) >= 60
        assert len(job.polls) < 1500 / 100
    assert max(clock.slept) <= POLL[-1]


@on_sqlite
def test_a_full_queue_is_waited_for(marketo, held, warehouse, pull):
    marketo.fault(ENQUEUE, FULL, None, FULL, FULL)
    assert pull().complete
    assert marketo.count(CREATE) == WINDOWS
    assert_same_as_the_log(warehouse.uri, held)


@on_sqlite
def test_the_queue_of_other_programs_is_waited_for_too_but_not_for_ever(marketo, held, pull, clock):
    marketo.exports.others = 10
    result = pull(wait=60)
    assert "longer than the 60 minutes of --wait; 0 of 4 windows are stored" in result.later
    assert sum(clock.slept) <= 3600
    marketo.exports.others = 0
    marketo.calls.clear()
    assert pull().complete
    assert marketo.count(CREATE) == WINDOWS - 2  # two were made before


@on_sqlite
def test_a_job_that_is_queued_already_is_taken_as_queued(marketo, held, pull, clock):
    def lose(call: Call, answer: Answer) -> None:
        if call.path.endswith(ENQUEUE) and marketo.count(ENQUEUE) == 1:
            answer.body, answer.length = b"", 100  # the connection breaks once Marketo has done it

    marketo.before_sending = lose
    assert pull(since=utc("2024-06-01")).complete
    assert marketo.count(ENQUEUE) == 2
    assert set(clock.slept) == {PAUSES[0], POLL[0]}  # and not as for a full queue


@on_sqlite
def test_after_the_quota_of_exports_the_next_day_goes_on(marketo, held, warehouse, pull, clock):
    marketo.exports.quota = 1
    first = pull()
    # Two run at once, and what runs when the quota is reached comes to its end.
    assert (first.stored, first.windows) == (2, WINDOWS)
    assert "1029 (Export daily quota 500MB exceeded.)" in first.later
    assert "2 of 4 windows are stored" in first.later
    assert first.assets["campaigns"]
    again = pull(since=None)
    assert (again.stored, again.windows) == (0, 2)
    clock.now += DAY
    last = pull(since=None)
    assert (last.stored, last.later) == (2, None)
    assert len(marketo.exports.jobs) == WINDOWS
    assert_same_as_the_log(warehouse.uri, held)


@on_sqlite
def test_a_job_that_could_not_be_queued_for_the_quota_is_queued_another_day(marketo, held, pull):
    marketo.fault(ENQUEUE, QUOTA)
    assert pull().stored == 0
    marketo.calls.clear()
    assert pull().stored == WINDOWS
    assert marketo.count(CREATE) == WINDOWS - 1


@on_sqlite
def test_after_the_quota_of_calls_the_next_run_goes_on(marketo, held, warehouse, pull):
    for quota in (6, 10, 14):
        marketo.quota = quota
        result = pull()
        assert "607" in result.later
    marketo.quota = None
    assert pull().complete
    assert len(marketo.exports.jobs) == WINDOWS
    assert_same_as_the_log(warehouse.uri, held)


@on_sqlite
def test_a_filter_that_the_subscription_lacks_is_told(marketo, held, pull):
    marketo.fault(CREATE, error("1035", "Unsupported filter type for target subscription"))
    with pytest.raises(MarketoError, match=r"1035 \(Unsupported.*Marketo's support"):
        pull()


@on_sqlite
def test_a_missing_permission_is_named(marketo, held, pull):
    marketo.fault(CREATE, error("603", "Access denied"))
    with pytest.raises(MarketoError, match="Access API: Read-Only Activity"):
        pull()


# Jobs and files that go wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fate", ["Failed", "Canceled", "Cancelled"])
@on_sqlite
def test_a_job_that_comes_to_nothing_is_made_again(marketo, held, warehouse, pull, fate):
    marketo.exports.fates.extend(["Completed", fate])
    assert pull().complete
    assert marketo.count(CREATE) == WINDOWS + 1
    assert_same_as_the_log(warehouse.uri, held)


@on_sqlite
def test_a_job_that_always_fails_does_not_keep_the_others(marketo, held, warehouse, pull):
    marketo.exports.fates.extend(["Failed", *["Completed", "Failed"] * (TRIES - 1)])
    result = pull()
    assert (result.stored, result.complete, result.until) == (WINDOWS - 1, False, NOW)
    [problem] = result.problems
    assert (
        problem
        == "2024-03-01T00:00:00Z to 2024-04-01T00:00:00Z not stored, after 3 jobs: Marketo says of its job: failed"
    )
    marketo.calls.clear()
    assert pull().complete
    assert marketo.count(CREATE) == 1
    assert_same_as_the_log(warehouse.uri, held)


@on_sqlite
def test_a_transfer_that_breaks_goes_on_where_it_broke(marketo, held, warehouse, pull):
    marketo.exports.transfers.extend(["cut"] * 5)
    assert pull().complete
    for job in marketo.exports.jobs.values():
        assert job.sent <= len(job.file) + 5 * TRANSFER_CHUNK
    asked = [call.headers["range"] for call in marketo.calls if FILE in call.path]
    assert len(asked) == WINDOWS + 5
    assert_same_as_the_log(warehouse.uri, held)


@on_sqlite
def test_a_file_is_fetched_in_pieces(marketo, held, warehouse, pull, monkeypatch):
    monkeypatch.setattr(download, "PIECE", 1000)
    assert pull().complete
    for call in (call for call in marketo.calls if FILE in call.path):
        first, last = map(int, call.headers["range"].removeprefix("bytes=").split("-"))
        assert last - first < 1000
    assert all(job.sent == len(job.file) for job in marketo.exports.jobs.values())
    assert_same_as_the_log(warehouse.uri, held)


@pytest.mark.parametrize(
    ("damage", "jobs", "transfers"),
    [
        (["damaged"], 0, 1),
        (["damaged", "damaged"], 1, 2),  # a second wrong checksum, or no file, is a job that came to nothing
        (["gone"], 1, 1),
        (["whole"], 0, 0),  # a server that knows no ranges
        (["cut", "whole"], 0, 1),
    ],
)
@on_sqlite
def test_a_file_that_is_not_what_was_told_is_fetched_again(marketo, held, warehouse, pull, damage, jobs, transfers):
    marketo.exports.transfers.extend(damage)
    assert pull().complete
    assert (marketo.count(CREATE), marketo.count(FILE)) == (WINDOWS + jobs, WINDOWS + transfers)
    assert_same_as_the_log(warehouse.uri, held)


@on_sqlite
def test_a_file_that_marketo_no_longer_keeps_is_made_again(marketo, held, warehouse, pull, clock):
    def stop(stored: int, windows: int, doing: str) -> None:
        if doing.startswith("fetching"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(progress=stop)
    clock.now += 8 * DAY
    assert pull().complete
    assert marketo.count(CREATE) == WINDOWS + 2
    assert_same_as_the_log(warehouse.uri, held)


@pytest.mark.parametrize("wrong", [error("602"), error("606"), error("615"), Answer(b"", 502)])
@on_sqlite
def test_a_file_may_be_answered_by_an_error(marketo, held, warehouse, pull, wrong):
    marketo.fault(FILE, wrong, None, wrong)
    assert pull().complete
    assert_same_as_the_log(warehouse.uri, held)


@pytest.mark.parametrize(
    ("part", "answer", "words"),
    [
        (CREATE, b'{"success": true}', "gives a job of its bulk extract no id"),
        (CREATE, b'{"success": true, "result": [{"exportId": "../../x", "status": "Created"}]}', "no id"),
        (STATUS, b'{"success": true, "result": [{"exportId": "a-1", "status": "Lost"}]}', "no documentation"),
        (
            STATUS,
            b'{"success": true, "result": [{"exportId": "a-1", "status": "Completed", "fileSize": 9}]}',
            "checksum",
        ),
        ("deletedleads", b'{"success": true, "result": [{"leadId": "x"}]}', "deleted people holds one without an id"),
        ("pagingtoken", b'{"success": true}', "no token for the page of deleted people"),
        ("programs", b'{"success": true, "result": [{"name": "x"}]}', "list of assets holds one without an id"),
    ],
)
@on_sqlite
def test_an_answer_that_is_none_is_told(marketo, held, pull, part, answer, words):
    marketo.fault(part, Answer(answer))
    with pytest.raises(MarketoError, match=words):
        pull()


@on_sqlite
def test_rows_that_cannot_be_read_are_set_aside_and_told(marketo, held, warehouse, pull, tmp_path):
    marketo.exports.rows[5][2]["leadId"] = "somebody"
    result = pull()
    assert (result.stored, result.complete, result.counts()["rejected"]) == (WINDOWS, False, 1)
    [file] = (tmp_path / "files").glob("*.rejected.csv")
    assert "somebody" in file.read_text()
    assert str(file) in "\n".join(result.messages())


@on_sqlite
def test_a_folder_that_cannot_be_written_is_told(marketo, held, pull, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LoadError, match="--directory"):
        pull(directory=tmp_path / "file")
    assert marketo.calls == []


# Databases that are not as they should be -----------------------------------------------------------------------------


@on_files
def test_what_came_from_another_marketo_is_not_mixed(marketo, held, warehouse, pull):
    pull()
    table = "UPDATE marketo_pull SET marketo = '999-XYZ-111.mktorest.com'"
    warehouse.execute(table)
    marketo.calls.clear()
    with pytest.raises(LoadError, match=r"holds activities of 999-XYZ-111\.mktorest\.com"):
        pull()
    assert marketo.calls == []


@on_files
def test_another_table_of_that_name_is_told(marketo, warehouse, pull):
    warehouse.execute("CREATE TABLE marketo_pull (id INTEGER)")
    with pytest.raises(LoadError, match="not the one that pull-activities makes"):
        pull()


@pytest.mark.parametrize("uri", ["duckdb:///:memory:", "sqlite://"])
def test_a_database_in_memory_is_refused(marketo, uri):
    with pytest.raises(UsageError, match="in memory"):
        pull_activities(uri, marketo.environment(), since=SINCE)


@on_all
def test_one_run_at_a_time(marketo, held, warehouse, pull, monkeypatch):
    monkeypatch.setattr("superset_campaign_plugin.locking.PATIENCE", 0.2)
    errors: list[BaseException] = []

    def another(stored: int, windows: int, doing: str) -> None:
        if doing.startswith("waiting") and not errors:
            with pytest.raises(BusyError, match="another pull of activities is running") as caught:
                pull()
            errors.append(caught.value)

    assert pull(progress=another).complete
    assert errors


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_a_dashboard_may_read_the_file_meanwhile(marketo, held, warehouse, pull):
    def read(stored: int, windows: int, doing: str) -> None:
        with connect(warehouse.uri) as (connection, _):
            connection.execute(sa.text("SELECT count(*) FROM marketo_activity"))

    assert pull(progress=read).complete


# Runs that end early --------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process has ended; nothing of ours runs any more."""


class Fate:
    """Ends a run at a step: before or after a call of Marketo, or a transaction."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        for owner, name in ((requests.Session, "request"), (Journal, "_write"), (Store, "save")):
            monkeypatch.setattr(owner, name, self._mortal(getattr(owner, name)))

    def _mortal(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def mortal(*arguments: Any, **options: Any) -> Any:
            self._step()
            result = function(*arguments, **options)
            self._step()
            return result

        return mortal

    def _step(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed


@pytest.mark.parametrize("seed", range(int(os.environ.get("ROUNDS", "6"))))
@on_sqlite
def test_whatever_happens_in_the_end_the_same_is_stored(marketo, held, warehouse, pull, clock, monkeypatch, seed):
    monkeypatch.setattr(loading, "BATCH", 40)
    monkeypatch.setattr(download, "PIECE", 8_000)
    draw = random.Random(seed)
    transient = [error("606"), error("602"), error("608"), error("615"), error("713"), Answer(b"", 503)]
    for part in (CREATE, ENQUEUE, STATUS, FILE, "programs", "deletedleads"):
        marketo.fault(part, *[draw.choice([None, None, None, *transient]) for _ in range(30)])
    marketo.fault(ENQUEUE, *[draw.choice([None, None, FULL, QUOTA]) for _ in range(6)])
    fates = [draw.choice(["Completed", "Completed", "Failed", "Canceled"]) for _ in range(5)]
    transfers = [draw.choice(["", "", "cut", "cut", "whole", "damaged"]) for _ in range(20)]
    marketo.exports.fates.extend(fates)
    marketo.exports.transfers.extend(transfers)
    marketo.token_calls = draw.randint(5, 50)
    fate = Fate(monkeypatch)
    kills = 0
    for _ in range(40):
        fate.left = draw.randint(0, 120) if kills < 8 else None
        try:
            result = pull()
        except Killed:
            kills += 1
        except MarketoError:
            continue  # a job that failed three times over, say
        else:
            if result.complete:
                break
            clock.now += DAY / 4
    else:
        pytest.fail("it does not come to its end")
    assert kills
    assert_same_as_the_log(warehouse.uri, held)
    exports = marketo.exports
    queued = [job for job in exports.jobs.values() if job.status != "Created"]
    # A job whose id was lost with the process is never queued, and costs nothing.
    assert len(exports.jobs) - len(queued) <= kills
    again = sum(job.status in ("Failed", "Canceled") for job in queued)
    damaged = transfers.count("damaged")
    assert len(queued) <= WINDOWS + again + damaged // 2
    needless = (kills + transfers.count("damaged") + transfers.count("whole")) * max(len(job.file) for job in queued)
    assert sum(job.sent for job in queued) <= sum(len(job.file) for job in queued) + needless


@on_files
def test_a_job_is_remembered_before_it_is_queued(marketo, held, warehouse, pull):
    remembered = []

    def look(call: Call, answer: Answer) -> None:
        if call.path.endswith(ENQUEUE):
            export_id = call.path.split("/")[-2]
            remembered.append(any(export_id in row for row in stored(warehouse.uri, "marketo_pull")))

    marketo.before_sending = look
    assert pull().complete
    assert remembered == [True] * WINDOWS


@on_sqlite
def test_a_full_disk_is_told_and_the_next_run_goes_on(marketo, held, warehouse, pull, disk):
    folder = disk(8)  # KB
    with pytest.raises(LoadError, match=r"No space left on device; free space there, or choose another .*--directory"):
        pull(directory=folder)
    disk(1000)
    assert pull(directory=folder).complete
    assert marketo.count(CREATE) == WINDOWS
    assert_same_as_the_log(warehouse.uri, held)


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_a_file_that_is_in_use_is_waited_for(marketo, held, warehouse, pull, clock, monkeypatch):
    """Another program reads the DuckDB file for so long that the usual patience ends."""
    pull(now=utc("2024-05-20"))
    monkeypatch.setattr("superset_campaign_plugin.database_files.PATIENCE", 0.1)
    path = sa.engine.make_url(warehouse.uri).database
    code = "import duckdb, sys; own = duckdb.connect(sys.argv[1], read_only=True); print(flush=True); sys.stdin.read()"
    reader = subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if seconds == 5.0:  # the pause before the second attempt
            reader.communicate(timeout=60)

    try:
        reader.stdout.readline()
        assert pull(sleep=sleep).complete
        assert reader.returncode == 0
    finally:
        reader.kill()
        reader.wait(60)


# A process of its own, for which a second of ours is a minute.
_PULL = """
import os, sys, time
from datetime import datetime
from pathlib import Path
from superset_campaign_plugin.marketo.pull_activities import pull_activities

result = pull_activities(
    sys.argv[1], os.environ, since=datetime(2024, 3, 1), directory=Path(sys.argv[2]),
    sleep=lambda seconds: time.sleep(seconds / 600), clock=lambda: time.monotonic() * 600,
    now=lambda: datetime.fromisoformat("2024-06-10T00:00:00+00:00"),
)
print(result.later or result.text())
"""


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_killed_twice_through_quota_errors_and_a_failed_job(warehouse, tmp_path):
    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _PULL, warehouse.uri, str(tmp_path / "files")]
        environment = {**os.environ, **marketo.environment()}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    def kill(process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL

    def end(process: subprocess.Popen[str]) -> str:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        return output

    release, made = threading.Event(), threading.Event()

    def hold(call: Call, answer: Answer) -> None:
        if call.path.endswith(CREATE) and marketo.count(CREATE) == 2:
            made.set()
            release.wait(60)  # Marketo has made the job, and the process never learns it
        if call.path.endswith(FILE) and marketo.count(FILE) == 1:
            answer.length, answer.body = len(answer.body), answer.body[: len(answer.body) // 2]
            answer.hold = release

    with serve(Marketo(lambda: time.monotonic() * 600)) as marketo:
        log = marketo.hold(generate(3000, seed=3), stretch=1.5)
        marketo.before_sending = hold
        marketo.exports.fates.extend(["Completed", "Failed"])
        marketo.fault(ENQUEUE, None, None, QUOTA)
        first = start()
        try:
            assert made.wait(60)
        finally:
            kill(first)
        second = start()
        try:
            deadline = time.monotonic() + 60
            while not (parts := list((tmp_path / "files").glob("*.part"))) or not parts[0].stat().st_size:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(0.2)
        finally:
            kill(second)
        half = parts[0].stat().st_size
        release.set()
        marketo.before_sending = lambda call, answer: None
        assert "Export daily quota 500MB exceeded" in end(start())
        assert "windows stored, up to 2024-06-10T00:00:00Z" in end(start())
        jobs = list(marketo.exports.jobs.values())
    assert len(jobs[0].file) / 2 - TRANSFER_CHUNK < half < len(jobs[0].file)
    asked = [call.headers["range"] for call in marketo.calls if f"{jobs[0].export_id}{FILE}" in call.path]
    assert asked == [f"bytes={first}-{len(jobs[0].file) - 1}" for first in (0, half)]
    assert jobs[1].status == "Created"
    assert Counter(job.status for job in jobs) == {"Created": 1, "Failed": 1, "Completed": WINDOWS}
    assert_same_as_the_log(warehouse.uri, log)
    assert not (tmp_path / "files").exists()


# Secrets --------------------------------------------------------------------------------------------------------------


@on_sqlite
def test_no_secret_is_stored_or_told(marketo, held, warehouse, pull):
    echo = f"token of {CLIENT_ID} with {CLIENT_SECRET} is no good"
    marketo.fault(CREATE, None, error("1003", echo))
    with pytest.raises(MarketoError) as caught:
        pull()
    assert "*** with *** is no good" in str(caught.value)
    secrets = (CLIENT_ID, CLIENT_SECRET, marketo.tokens[0])
    content = Path(warehouse.uri.removeprefix("sqlite:///")).read_bytes()
    assert not any(secret in texts(caught.value) or secret.encode() in content for secret in secrets)


# The command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """The command on the clock of the test, some days after the log's last activity."""
    real = pulling.pull_activities

    def pull(*arguments: Any, **options: Any) -> PulledActivities:
        now = NOW.replace(tzinfo=timezone.utc)
        return real(*arguments, sleep=clock.sleep, clock=clock, now=lambda: now, **options)

    monkeypatch.setattr(pulling, "pull_activities", pull)


def run(marketo: Marketo, uri: str, *arguments: str, **changes: str) -> Result:
    command = ["pull-activities", "--uri", uri, *arguments]
    return CliRunner(env=marketo.environment(**changes)).invoke(campaign, command)


@on_files
def test_the_command_says_what_it_did(marketo, held, warehouse, fast):
    first = run(marketo, warehouse.uri, "--since", "2024-03-01")
    rows = len(stored(warehouse.uri))
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout.startswith(f"4 of 4 windows stored, up to 2024-06-10T00:00:00Z: {rows} activities new, ")
    assert first.stdout.endswith(", 0 set aside, 36 campaigns, 4 programs, 22 emails\n")
    again = run(marketo, warehouse.uri)
    assert again.stdout.startswith("nothing new to fetch, up to 2024-06-10T00:00:00Z: 0 activities new")
    assert not Path(f"{sa.engine.make_url(warehouse.uri).database}.pull").exists()


@on_sqlite
def test_the_command_speaks_json_and_says_when_to_come_again(marketo, held, warehouse, fast):
    marketo.exports.quota = 1
    result = run(marketo, warehouse.uri, "--since", "2024-03-01", "--json")
    assert result.exit_code == 75
    assert result.stderr.startswith(
        "Error: Marketo answers with error 1029 (Export daily quota 500MB exceeded.): today's"
    )
    summary = json.loads(result.stdout)
    assert (summary["windows"], summary["windows_stored"], summary["complete"]) == (4, 2, False)
    assert summary["stored_until"] == "2024-05-02T00:00:00Z"
    assert summary["later"] in result.stderr


@pytest.mark.parametrize(
    ("arguments", "changes", "code", "words"),
    [
        ((), {}, 2, "--since is needed the first time"),
        (("--since", "2025-01-01"), {}, 2, "not in the past"),
        (("--since", "yesterday"), {}, 2, "is not a valid day"),
        (("--since", "2024-03-01"), {"MARKETO_URL": ""}, 2, "MARKETO_URL must be set"),
        (("--since", "2024-03-01"), {"MARKETO_CLIENT_SECRET": "wr0ng"}, 1, "check MARKETO_CLIENT_ID"),
    ],
)
@on_sqlite
def test_a_mistake_is_told_with_its_code(marketo, warehouse, fast, arguments, changes, code, words):
    result = run(marketo, warehouse.uri, *arguments, **changes)
    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr
    assert not any(secret in result.stderr for secret in ("wr0ng", CLIENT_ID, CLIENT_SECRET))


@on_sqlite
def test_a_window_that_fails_ends_the_command_with_1(marketo, held, warehouse, fast):
    marketo.exports.fates.extend(["Failed"] * 2 * TRIES)
    result = run(marketo, warehouse.uri, "--since", "2024-03-01")
    assert result.exit_code == 1
    assert result.stdout.startswith("2 of 4 windows stored")
    assert result.stderr.count("not stored, after 3 jobs") == 2


@on_sqlite
def test_a_terminal_sees_what_is_done(marketo, warehouse):
    marketo.clock = marketo.exports.clock = time.monotonic
    marketo.fault(CREATE, QUOTA)
    command = [SCRIPT, "pull-activities", "--uri", warehouse.uri, "--since", "2026-01-01"]
    returncode, output, shown = run_in_terminal(command, marketo.environment())
    assert returncode == 75
    assert output.startswith(b"0 of ")
    assert "windows stored; making a job for 2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z" in shown
    assert "Error: Marketo answers with error 1029" in shown

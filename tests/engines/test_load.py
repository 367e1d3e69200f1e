"""Bulk extracts into the warehouse: whole, again, cut, killed, and with rows that cannot be read."""

from __future__ import annotations

import csv
import gzip
import json
import random
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layouts import EXTRACT_COLUMNS, extract_rows, write_extract
from logs import CLOCKS, Log, crowd, utc
from oracle import assert_report, report

from superset_campaign_plugin.errors import LoadError, UsageError
from superset_campaign_plugin.load import run as load_run
from superset_campaign_plugin.load.run import load

BY = ("campaign", "email", "day")
ROW = ["guid-1", "100", "2024-03-01T10:00:00Z", "6", "1", "10", "Program.Email", "{}"]


@pytest.fixture(params=["duckdb", "sqlite", "postgresql"])
def engine(request):
    """The engines that extracts are loaded into."""
    return request.param


def stored(warehouse: Any) -> list[tuple[Any, ...]]:
    """Every stored row without the time of its loading."""
    engine = sa.create_engine(warehouse.uri, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM marketo_activity ORDER BY activity_id")).fetchall()
    return [tuple(row)[:-1] for row in rows]


def changed(place: int, value: str) -> list[str]:
    return [*ROW[:place], value, *ROW[place + 1 :]]


# ---------------------------------------------------------------------------------------------------------------
# What is loaded


@pytest.mark.parametrize(("delimiter", "compress"), [(",", False), ("\t", False), (",", True)])
def test_the_report_of_a_loaded_extract(warehouse, tmp_path, delimiter, compress):
    log = crowd(people=150, seed=2)
    log.activities = [activity for activity in log.activities if activity.person is not None]
    file = write_extract(extract_rows(log), tmp_path / "extract", delimiter=delimiter, compress=compress)
    summary = load(warehouse.uri, [file])
    assert (summary.rejected, summary.rows) == (0, summary.stored + summary.already_there)
    # The extract holds no assets, so the ids are shown.
    log.campaigns, log.programs, log.emails = [], [], []
    actual = warehouse.report(source="bulk", as_of=CLOCKS[5], by=BY)
    assert_report(actual, report(log, as_of=CLOCKS[5], by=BY), BY)


def test_every_column(warehouse, tmp_path):
    attributes = {"Link": 'https://a.example/,\t"x"', "Is Bot Activity": True, "User Agent": "Mozilla/5.0"}
    rows = [
        ["guid-1", "100", "2024-03-01T12:00:00+02:00", "11", "null", "10", 'A "quoted"\nname', json.dumps(attributes)],
        ["guid-2", "101", "2024-03-01T10:00:00Z", "32", "", "101", "", '{"Merge IDs": "[5, 6]"}'],
        ["guid-3", "102", "2024-03-01T10:00:00Z", "13", "", "", "", "{}"],
    ]
    summary = load(warehouse.uri, [write_extract(rows, tmp_path / "extract.csv")])
    assert (summary.rows, summary.stored, summary.other_types) == (3, 2, 1)
    click, merge = stored(warehouse)
    at = "2024-03-01 10:00:00"
    assert (click[0], click[1], str(click[2])[:19], *click[3:]) == (
        *("guid-1", 11, at, 100, None, 10, 'A "quoted"\nname', None, attributes["Link"], "true", "Mozilla/5.0", None),
    )
    assert (merge[1], merge[3], merge[-1]) == (32, 101, "[5, 6]")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_any_text_comes_back_as_it_was(warehouse, tmp_path):
    texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=20)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(names=st.lists(texts, min_size=1, max_size=5), delimiter=st.sampled_from(",\t"), compress=st.booleans())
    def equal(names, delimiter, compress):
        warehouse.clear()
        rows = [[f"guid-{number}", *ROW[1:6], name, json.dumps({"Link": name})] for number, name in enumerate(names)]
        file = write_extract(rows, tmp_path / "extract", delimiter=delimiter, compress=compress)
        assert load(warehouse.uri, [file]).stored == len(names)
        kept = [None if name.strip() in ("", "null") else name.strip() for name in names]
        assert [row[6] for row in stored(warehouse)] == kept
        assert [row[8] for row in stored(warehouse)] == names

    equal()


def test_the_order_of_columns_is_free_and_others_are_ignored(warehouse, tmp_path):
    file = tmp_path / "extract.csv"
    with file.open("w", newline="", encoding="utf-8-sig") as output:
        writer = csv.writer(output)
        writer.writerow(["note", *reversed(EXTRACT_COLUMNS)])
        writer.writerow(["x", *reversed(ROW)])
    assert load(warehouse.uri, [file]).stored == 1
    assert stored(warehouse)[0][3:6] == (100, 1, 10)


# ---------------------------------------------------------------------------------------------------------------
# Again, and after a kill


def test_loading_again_changes_nothing(warehouse, tmp_path):
    rows = list(extract_rows(crowd(people=50, seed=1)))
    first = write_extract(rows[:60], tmp_path / "first.csv")
    both = write_extract(rows, tmp_path / "both.csv")
    load(warehouse.uri, [first])
    summary = load(warehouse.uri, [first, both])
    assert (summary.files, summary.finished_before) == (2, 1)
    assert summary.already_there > 0
    before = stored(warehouse)
    assert load(warehouse.uri, [first, both]).finished_before == 2
    assert stored(warehouse) == before


_LOAD = """
import sys
from pathlib import Path
from superset_campaign_plugin.load import run
run.BATCH = 50
print("begun", flush=True)
run.load(sys.argv[1], [Path(sys.argv[2])])
"""


def test_killed_at_any_moment_it_goes_on(warehouse, tmp_path):
    rows = [[f"guid-{number}", *ROW[1:]] for number in range(4000)]
    rows[1000:1010] = [changed(1, "x") for _ in range(10)]
    file = write_extract(rows, tmp_path / "extract.csv")
    rng = random.Random(3)  # noqa: S311
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", _LOAD, warehouse.uri, file], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "begun\n"
        time.sleep(rng.random() * 0.5)
        process.send_signal(signal.SIGKILL)
        process.wait()
    summary = load(warehouse.uri, [file])
    assert summary.finished_before or summary.rows <= 4000
    assert len(stored(warehouse)) == 3990
    with (tmp_path / "extract.csv.rejected.csv").open(newline="") as aside:
        assert [row["line"] for row in csv.DictReader(aside)] == [str(line) for line in range(1002, 1012)]


# ---------------------------------------------------------------------------------------------------------------
# Bad rows


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ROW[:-1], "7 fields where the header has 8"),
        (changed(1, ""), "no leadId"),
        (changed(1, "x"), "leadId is no whole number: x"),
        (changed(1, "9223372036854775808"), "leadId is out of range"),
        (changed(2, "2024-03-01T10:00:00"), "activityDate has no time zone"),
        (changed(2, "yesterday"), "activityDate is no time"),
        (changed(2, ""), "no activityDate"),
        (changed(2, "0001-01-01T00:00:00+14:00"), "outside the calendar"),
        (changed(3, ""), "no activityTypeId"),
        (changed(5, "ten"), "primaryAttributeValueId is no whole number"),
        (changed(7, "{"), "attributes are no JSON"),
        (changed(7, "[]"), "attributes are no JSON object"),
        (changed(0, ""), "no marketoGUID"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_bad_row_is_named_and_set_aside(warehouse, tmp_path, row, reason):
    file = write_extract([ROW, row, changed(0, "guid-2")], tmp_path / "extract.csv")
    summary = load(warehouse.uri, [file])
    assert (summary.stored, summary.rejected) == (2, 1)
    assert summary.reasons[0].startswith(f"{file}, line 3: {reason}") or reason in summary.reasons[0]
    with (tmp_path / "extract.csv.rejected.csv").open(newline="") as aside:
        _, kept = csv.reader(aside)
    assert (kept[0], kept[2:]) == ("3", row)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_too_many_bad_rows_are_another_kind_of_file(warehouse, tmp_path):
    file = write_extract([changed(1, "x")] * 30, tmp_path / "extract.csv")
    with pytest.raises(LoadError, match="more than 20 rows cannot be read, the last at line 31"):
        load(warehouse.uri, [file], max_rejected=20)


# ---------------------------------------------------------------------------------------------------------------
# Bad files


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is empty"),
        (b"a,b\n1,2\n", "line 1: no column marketoguid"),
        (";".join(EXTRACT_COLUMNS).encode() + b"\n", "looks separated by ';'"),
        (",".join(EXTRACT_COLUMNS).encode() + b"\n\xff\xfe\n", "not UTF-8"),
    ],
)
def test_what_is_no_extract(warehouse, tmp_path, content, text):
    file = tmp_path / "extract.csv"
    file.write_bytes(content)
    with pytest.raises(LoadError, match=text):
        load(warehouse.uri, [file])


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_is_no_file(warehouse, tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.csv"):
        with pytest.raises(LoadError, match="name extract files"):
            load(warehouse.uri, [path])
    with pytest.raises(UsageError):
        load("nothing", [write_extract([ROW], tmp_path / "extract.csv")])


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
def test_a_cut_file_keeps_what_came_before_and_the_whole_one_goes_on(warehouse, tmp_path, compress, monkeypatch):
    monkeypatch.setattr(load_run, "BATCH", 100)
    rows = [[f"guid-{number}", *ROW[1:7], json.dumps({"Link": f"https://a.example/{number}"})] for number in range(900)]
    file = write_extract(rows, tmp_path / "extract.csv", compress=compress)
    whole = file.read_bytes()
    cut = whole[: len(whole) * 2 // 3] if compress else whole[: whole.index(b"/500") + 2]
    file.write_bytes(cut)
    with pytest.raises(LoadError, match="cut"):
        load(warehouse.uri, [file])
    before = len(stored(warehouse))
    assert 0 < before < 900
    file.write_bytes(whole)
    assert load(warehouse.uri, [file]).stored == 900 - before
    assert len(stored(warehouse)) == 900


def test_a_full_disk_loses_nothing(tmp_path):
    """The database cannot grow: the load says so, and goes on when there is room."""
    uri = f"sqlite:///{tmp_path}/small.db"
    rows = [[f"guid-{number}", *ROW[1:7], json.dumps({"Link": "x" * 200})] for number in range(3000)]
    file = write_extract(rows, tmp_path / "extract.csv")
    script = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n{_LOAD}"
    limited = subprocess.run(
        [sys.executable, "-c", f"import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n{script}", uri, file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert limited.returncode == 1
    assert "DatabaseError" in limited.stderr
    summary = load(uri, [file])
    assert 0 < summary.stored < 3000
    with sa.create_engine(uri).connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM marketo_activity")).scalar() == 3000


def test_the_file_of_a_log_reads_back(tmp_path):
    """The writer of these tests writes what Marketo's page shows."""
    file = write_extract(extract_rows(Log().send(1, 10, 100, "2024-03-01 10:00")), tmp_path / "x", compress=True)
    head, row = gzip.decompress(file.read_bytes()).decode().splitlines()
    assert head.replace('"', "") == ",".join(EXTRACT_COLUMNS)
    assert row.replace('"', "").startswith(f"guid-1,100,{utc('2024-03-01 10:00').isoformat()}Z,6,1,10,")

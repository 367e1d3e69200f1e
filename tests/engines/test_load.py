"""Loading Marketo's bulk activity extracts: what ends up in the table, whatever the files and the moment."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from logs import ACTIVITY_TYPES, BULK_HEADER, generate, write_bulk

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.errors import CampaignError, DatabaseError, LoadError, UsageError
from superset_campaign_plugin.load import load_files as loading
from superset_campaign_plugin.load.extract import STORED_TYPES, Activity
from superset_campaign_plugin.load.load_files import LoadSummary, load_files
from superset_campaign_plugin.load.store import activity_table
from superset_campaign_plugin.load.writers import WRITERS

HEADER = ",".join(BULK_HEADER)
SEND = '{id},100,2024-03-01T10:00:00Z,6,1,10,Program.Email,"{{}}"'
FILE_ENGINES = pytest.mark.parametrize("engine", ["duckdb", "sqlite"], indirect=True)
ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # nothing of it depends on the engine


def stored(uri: str, schema: str | None = None) -> list[tuple[Any, ...]]:
    """The table without `loaded_at`, by id."""
    table = activity_table(schema)
    engine = sa.create_engine(uri, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(*list(table.columns)[:-1])).all()
    return sorted(map(tuple, rows))


def loads(uri: str, *files: Path, **options: Any) -> LoadSummary:
    return load_files(uri, files, **options)


def command(*arguments: object) -> Result:
    return CliRunner().invoke(campaign, ["load", *map(str, arguments)])


def write(path: Path, *lines: str, end: str = "\n") -> Path:
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode("utf-8"))
    return path


def sends(first: int, last: int) -> list[str]:
    return [SEND.format(id=id) for id in range(first, last + 1)]


def set_aside(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(params=sorted(WRITERS))
def engine(request):
    """The engines that activities are loaded into."""
    return request.param


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "BATCH", 100)


# ---------------------------------------------------------------------------------------------------------------
# What is stored


def test_a_log_comes_back(warehouse, tmp_path: Path) -> None:
    log = generate(3000, seed=1)
    write_bulk(log, tmp_path / "log.csv")
    summary = loads(warehouse.uri, tmp_path / "log.csv")
    expected = {
        f"guid-{a.id}": (
            f"guid-{a.id}",
            ACTIVITY_TYPES[a.kind],
            a.time,
            a.person,
            a.campaign,
            a.email,
            a.named,
            a.action_result,
            a.link,
            *(None,) * 3,
        )
        for a in log.activities
        if a.person is not None
    }
    assert stored(warehouse.uri) == [expected[id] for id in sorted(expected)]
    totals = summary.totals()
    assert totals["rows_read"] == sum(a.person is not None for a in log.activities)
    assert totals["stored"] == len(expected)
    assert totals["already_there"] == totals["rows_read"] - len(expected) > 0
    assert summary.complete


def test_the_types_of_the_columns(warehouse, tmp_path: Path) -> None:
    before = datetime.now() - timedelta(days=1)  # noqa: DTZ005 - the zone of this machine is within a day
    loads(warehouse.uri, write(tmp_path / "a.csv", HEADER, *sends(1, 1)))
    engine = sa.create_engine(warehouse.uri, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        found = {column["name"]: column["type"] for column in sa.inspect(connection).get_columns("marketo_activity")}
        [loaded_at] = connection.scalars(sa.select(activity_table().c.loaded_at)).all()
    assert list(found) == activity_table().columns.keys()
    kinds = {name: kind.python_type for name, kind in found.items()}
    assert {name for name in kinds if kinds[name] is datetime} == {"activity_date", "loaded_at"}
    assert {name for name in kinds if kinds[name] is int} == {"activity_type_id", "lead_id", "campaign_id", "email_id"}
    assert before < loaded_at < before + timedelta(days=2)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(
    ['"', '""', ",", "\t", "\n", "\r\n", 'a"b,c\n"', "\\N", "\\", "'", "😀\u202e", '{"Link": "x"}', " x "]
)
BIG = st.integers(-(2**63) + 1, 2**63 - 1)


@st.composite
def activities(draw: st.DrawFn) -> Activity:
    named = TEXTS.filter(lambda text: text not in ("", "null"))
    return Activity(
        draw(named.map(str.strip).filter(lambda text: text not in ("", "null"))),
        draw(st.sampled_from(sorted(STORED_TYPES))),
        draw(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))),  # noqa: DTZ001
        draw(BIG),
        draw(BIG | st.none()),
        draw(BIG | st.none()),
        draw(named | st.none()),
        draw(TEXTS | st.none()),
        draw(TEXTS | st.none()),
        draw(st.sampled_from(["true", "false", None])),
        draw(TEXTS | st.none()),
        draw(TEXTS | st.none()),
    )


def without_bare_returns(row: Activity) -> Activity:
    """As it is stored: those of the attributes are spelled in JSON, and stay."""
    id, name = (None if text is None else re.sub("\r(?!\n)", "", text) for text in (row.activity_id, row.email_name))
    return row._replace(activity_id=id, email_name=name)


def as_extract(rows: Sequence[Activity], delimiter: str, end: str, bom: bool, compress: bool) -> bytes:
    text = io.StringIO(newline="")
    # Left to itself, the writer does not quote a lone carriage return.
    quoting = csv.QUOTE_ALL if any("\r" in row[0] + (row.email_name or "") for row in rows) else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(BULK_HEADER)
    names = ("Action Result", "Link", "Is Bot Activity", "User Agent", "Merge IDs")
    for row in rows:
        attributes = {name: value for name, value in zip(names, row[7:], strict=True) if value is not None}
        ids = ["null" if id is None else id for id in (row.campaign_id, row.email_id)]
        time = f"{row.activity_date.isoformat()}Z"
        kind = row.activity_type_id
        writer.writerow((row[0], row.lead_id, time, kind, *ids, row.email_name, json.dumps(attributes)))
    raw = (b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode("utf-8")
    return gzip.compress(raw) if compress else raw


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(activities(), max_size=8, unique_by=lambda row: row.activity_id),
    delimiter=st.sampled_from([",", "\t"]),
    end=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
    compress=st.booleans(),
)
def test_any_activities_come_back_exactly(warehouse, tmp_path: Path, rows, delimiter, end, bom, compress) -> None:
    file = tmp_path / "any.csv"
    file.write_bytes(as_extract(rows, delimiter, end, bom, compress))
    if warehouse.engine == "postgresql":
        warehouse.execute("DROP TABLE IF EXISTS marketo_activity, marketo_load_progress")
    else:
        warehouse.clear()
    expected = [without_bare_returns(row) for row in rows]
    assume(len({row.activity_id for row in expected} - {"", "null"}) == len(rows))
    assume(not {row.email_name for row in expected} & {"", "null"})
    summary = loads(warehouse.uri, file)
    assert summary.complete
    assert summary.totals()["mended"] == sum(row != whole for row, whole in zip(rows, expected, strict=True))
    assert stored(warehouse.uri) == sorted(map(tuple, expected))


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"], indirect=True)
def test_a_schema_of_its_own(warehouse, tmp_path: Path) -> None:
    warehouse.execute("CREATE SCHEMA marketo")
    loads(warehouse.uri, write(tmp_path / "a.csv", HEADER, *sends(1, 3)), schema="marketo")
    assert len(stored(warehouse.uri, "marketo")) == 3


def test_other_types_are_counted_and_left_out(warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER, *sends(1, 2), "x,,,12,,,,", "y,,,1,,,,{")
    summary = loads(warehouse.uri, file)
    assert (summary.totals()["other_types"], summary.totals()["stored"], summary.complete) == (2, 2, True)


# ---------------------------------------------------------------------------------------------------------------
# Again, and after a crash


def test_overlapping_files_change_nothing(warehouse, tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", HEADER, *sends(1, 30))
    two = write(tmp_path / "two.csv", HEADER, *(line.replace("Program", "Other") for line in sends(20, 40)))
    totals = loads(warehouse.uri, one, two).totals()
    assert (totals["stored"], totals["already_there"]) == (40, 11)
    names = {row[0]: row[6] for row in stored(warehouse.uri)}
    assert (names["20"], names["31"]) == ("Program.Email", "Other.Email")
    before = stored(warehouse.uri)
    again = loads(warehouse.uri, two, one)
    assert [file.status for file in again.files] == ["skipped", "skipped"]
    assert stored(warehouse.uri) == before


def test_a_changed_file_is_read_anew_and_a_grown_one_from_its_end(warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER, *sends(1, 3))
    loads(warehouse.uri, file)
    write(file, HEADER, *sends(1, 5))
    [grown] = loads(warehouse.uri, file).files
    assert (grown.counts.rows_read, grown.counts.stored, grown.counts.already_there) == (5, 5, 0)
    write(file, HEADER, *sends(4, 9))
    [changed] = loads(warehouse.uri, file).files
    assert (changed.counts.rows_read, changed.counts.stored, changed.counts.already_there) == (6, 4, 2)
    assert len(stored(warehouse.uri)) == 9


KILLED = """
import os, random, signal, sys, threading
from pathlib import Path
from superset_campaign_plugin.load import load_files as loading, rejected, store

where, uri, file = sys.argv[1:]
loading.BATCH = 100
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
calls = iter(range(100))

def dies(name, after):
    kind = rejected.RejectedFile if name == "append" else store.Store
    whole = getattr(kind, name)
    def patched(*arguments):
        now = next(calls) == 2
        if now and not after:
            die()
        whole(*arguments)
        if now:
            die()
    setattr(kind, name, patched)

if where == "within":
    write = store.get_writer
    def get_writer(*arguments):
        inner = write(*arguments)
        def writer(*arguments):
            new = inner(*arguments)
            if next(calls) == 2:
                die()
            return new
        return writer
    store.get_writer = get_writer
elif where.startswith("after "):
    threading.Timer(float(where.split()[1]), die).start()
else:
    name, when = where.split("-")
    dies(name, when == "after")
loading.load_files(uri, [Path(file)])
"""


def dirty_file(path: Path, rows: int) -> Path:
    """Good rows, with every 37th bad and every 41st of another type."""
    lines = sends(1, rows)
    for place in range(0, rows, 37):
        lines[place] = f'{place},,2024-03-01T10:00:00Z,6,1,10,"multi\nline",{{}}'
    for place in range(0, rows, 41):
        lines[place] = f"{place},1,,1,,,,"
    return write(path, HEADER, *lines)


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
def test_killed_at_any_moment_and_run_again_gives_the_same(
    warehouse, warehouse_on, tmp_path: Path, small_batches: None, compress: bool
) -> None:
    file = dirty_file(tmp_path / "a.csv", 3000)
    if compress:
        file.write_bytes(gzip.compress(file.read_bytes()))
    unbroken = warehouse_on(warehouse.engine)
    whole = loads(unbroken.uri, file, rejected=tmp_path / "unbroken")
    expected, expected_aside = stored(unbroken.uri), set_aside(tmp_path / "unbroken" / "a.csv.rejected.csv")
    unbroken.drop()
    chance = random.Random(warehouse.engine)
    moments = ["save-before", "append-after", "within", "save-after", f"after {chance.uniform(0.01, 0.3)}"]
    killed = 0
    for moment in moments:
        done = subprocess.run(
            [sys.executable, "-c", KILLED, moment, warehouse.uri, str(file)], capture_output=True, check=False
        )
        assert done.returncode in (0, -9), done.stderr.decode()
        killed += done.returncode == -9
    assert killed >= 4
    summary = loads(warehouse.uri, file)
    assert stored(warehouse.uri) == expected
    assert set_aside(tmp_path / "a.csv.rejected.csv") == expected_aside
    assert len(expected_aside) == whole.files[0].counts.rejected > 50
    assert summary.files[0].counts == whole.files[0].counts


@FILE_ENGINES
def test_a_full_disk_is_told_and_the_next_load_goes_on(warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER, *sends(1, 30_000))
    # A file may hold 1.5 MB only: the first batches fit.
    limit = 1_500_000
    code = (
        "import sys; from superset_campaign_plugin.load import load_files as loading; loading.BATCH = 2000; "
        "from superset_campaign_plugin.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "load", file, "--uri", warehouse.uri],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    path = sa.engine.make_url(warehouse.uri).database
    # The limit of a process is not a full disk to SQLite, only a disk that fails.
    assert re.fullmatch(f"Error: {path} cannot be .*written: .*free space.*run this again\n", done.stderr)
    kept = stored(warehouse.uri)
    assert 0 < len(kept) < 30_000
    assert len(kept) % 2000 == 0
    loads(warehouse.uri, file)
    assert len(stored(warehouse.uri)) == 30_000


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_lost_connection_is_told_and_the_next_load_goes_on(warehouse, tmp_path: Path, small_batches: None) -> None:
    file = write(tmp_path / "a.csv", HEADER, *sends(1, 1000))

    def cut_off(done: int, total: int) -> None:
        warehouse.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    with pytest.raises(DatabaseError):
        loads(warehouse.uri, file, on_progress=cut_off)
    assert len(stored(warehouse.uri)) == 100
    loads(warehouse.uri, file)
    assert len(stored(warehouse.uri)) == 1000


# ---------------------------------------------------------------------------------------------------------------
# Bad rows

BAD_ROWS = {
    "too few": ("7,100", "2 instead of 8 fields"),
    "too many": (f"{SEND.format(id=7)},x", "9 instead of 8 fields"),
    "range": (SEND.format(id=7).replace(",100,", f",{2**63},"), "leadId '9223372036854775808' is out of range"),
    "person": (SEND.format(id=7).replace(",100,", ",null,"), "no leadId"),
    "time": (SEND.format(id=7).replace("2024-03-01T", "yesterday "), "not an ISO 8601 time"),
    "zone": (SEND.format(id=7).replace("00Z", "00"), "names no time zone"),
    "json": (SEND.format(id=7).replace("{}", "{"), "attributes are not valid JSON"),
    "open quote": ('7,100,2024-03-01T10:00:00Z,6,1,10,"Program,{}', "the quotes are broken"),
    "stray quote": ('7,100,2024-03-01T10:00:00Z,6,1,10,Pro"gram,{}', "the quotes are broken"),
    "half quoted": ('7,100,2024-03-01T10:00:00Z,6,1,10,"Pro"gram,{}', "the quotes are broken"),
}


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS.values(), ids=BAD_ROWS)
@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
@ONE_ENGINE
def test_a_bad_row_is_set_aside_and_named(warehouse, tmp_path: Path, bad: str, reason: str, again: bool) -> None:
    file = write(tmp_path / "a.csv", HEADER, *sends(1, 3), bad, *sends(4, 5), *([bad] if again else []), *sends(6, 6))
    result = command(file, "--uri", warehouse.uri)
    assert (result.exit_code, len(stored(warehouse.uri))) == (1, 6)
    aside = set_aside(tmp_path / "a.csv.rejected.csv")
    assert [(row["line"], row["row"]) for row in aside] == [("5", bad), ("8", bad)][: 1 + again]
    assert all(reason in row["reason"] for row in aside)
    assert f"{file}, line 5: set aside: {aside[0]['reason']}" in result.stderr
    assert f"7 rows read: 6 stored, 0 already there, 0 of other types, {1 + again} set aside" in result.stdout.replace(
        "8 rows", "7 rows"
    )


@ONE_ENGINE
def test_ten_bad_rows_are_named_and_the_others_counted(warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER, *sends(1, 50), *["x"] * 13)
    result = command(file, "--uri", warehouse.uri, "--json", "--rejected", tmp_path / "aside")
    lines = result.stderr.splitlines()
    assert sum("set aside:" in line for line in lines) == 10
    assert "... and 3 more" in lines
    assert len(set_aside(tmp_path / "aside" / "a.csv.rejected.csv")) == 13
    assert [path.name for path in tmp_path.iterdir() if "rejected" in path.name] == []
    summary = json.loads(result.stdout)
    counts = {"rows_read": 63, "stored": 50, "already_there": 0, "other_types": 0, "rejected": 13, "mended": 0}
    [entry] = summary.pop("files")
    assert summary == counts
    assert entry == {
        "file": str(file),
        "status": "loaded",
        "error": None,
        **counts,
        "rejected_file": str(tmp_path / "aside" / "a.csv.rejected.csv"),
    }
    # What is loaded already set nothing aside this time.
    assert command(file, "--uri", warehouse.uri, "--rejected", tmp_path / "aside").exit_code == 0


@ONE_ENGINE
def test_the_file_of_bad_rows_is_no_extract(warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER, *sends(1, 3), "x")
    command(file, "--uri", warehouse.uri)
    result = command(file, f"{file}.rejected.csv", "--uri", warehouse.uri)
    assert result.exit_code == 0
    assert "a.csv.rejected.csv: skipped, it holds rows that were set aside" in result.stderr


@ONE_ENGINE
def test_a_file_of_bad_rows_is_the_wrong_file(warehouse, tmp_path: Path, small_batches: None) -> None:
    file = write(tmp_path / "a.csv", HEADER, *sends(1, 500), *["x"] * 500)
    result = command(file, "--uri", warehouse.uri)
    assert result.exit_code == 1
    assert f"Error: {file}, line 602: 101 of 601 rows are bad" in result.stderr
    assert "--max-rejected" in result.stderr
    assert len(set_aside(tmp_path / "a.csv.rejected.csv")) == 101
    assert len(stored(warehouse.uri)) == 500
    assert command(file, "--uri", warehouse.uri, "--max-rejected", 500).exit_code == 1
    assert len(set_aside(tmp_path / "a.csv.rejected.csv")) == 500


@ONE_ENGINE
def test_no_bad_row_may_be_allowed(warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER, *sends(1, 5), "x")
    assert "1 of 6 rows are bad" in command(file, "--uri", warehouse.uri, "--max-rejected", 0).stderr
    assert stored(warehouse.uri) == []


@ONE_ENGINE
def test_bad_rows_that_cannot_be_set_aside_are_not_dropped(warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER, *sends(1, 5), "x")
    write(tmp_path / "text", "no folder")
    result = command(file, "--uri", warehouse.uri, "--rejected", tmp_path / "text")
    assert result.exit_code == 1
    assert "cannot write" in result.stderr
    assert "--rejected" in result.stderr
    assert stored(warehouse.uri) == []


# ---------------------------------------------------------------------------------------------------------------
# Bad files


@pytest.mark.parametrize(
    ("content", "kind", "named"),
    [
        (b"", LoadError, "is empty"),
        (b"\n", LoadError, "line 1: no header"),
        (HEADER.replace(",", "|").encode(), LoadError, "line 1: not the header"),
        (b"id,name\n1,x\n", LoadError, "line 1: not the header"),
        (HEADER.replace("leadId,", "").encode(), LoadError, "it lacks leadId"),
        (HEADER.encode("utf-16"), LoadError, "line 1: not UTF-8"),
        (b"PK\x03\x04\xff\xfe", LoadError, "line 1: not UTF-8"),
        (b"\x1f\x8b\x08", LoadError, "is cut: the compressed data end too early"),
        (b"\x1f\x8b\x08" + b"\xff" * 40, LoadError, "is damaged"),
        (b"x" * 3_000_000, LoadError, "line 1: not the header"),
    ],
    ids=lambda value: str(value)[:20],
)
@ONE_ENGINE
def test_a_wrong_file_is_told_before_anything_is_stored(
    warehouse, tmp_path: Path, content: bytes, kind: type[CampaignError], named: str
) -> None:
    good = write(tmp_path / "good.csv", HEADER, *sends(1, 5))
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(kind) as caught:
        loads(warehouse.uri, good, tmp_path / "a.csv")
    assert str(caught.value).startswith(str(tmp_path / "a.csv"))
    assert named in str(caught.value)
    assert len(str(caught.value)) < 500
    assert not Path(sa.engine.make_url(warehouse.uri).database).exists()


@ONE_ENGINE
def test_what_is_no_file_is_told(warehouse, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a directory"):
        loads(warehouse.uri, tmp_path)
    with pytest.raises(UsageError, match="no file"):
        loads(warehouse.uri, tmp_path / "nowhere.csv")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "a.csv", HEADER)
    with pytest.raises(UsageError, match="the same name"):
        loads(warehouse.uri, tmp_path / "one" / "a.csv", tmp_path / "two" / "a.csv", rejected=tmp_path)


@ONE_ENGINE
def test_a_cut_file_keeps_the_rows_before_and_goes_on_when_complete(warehouse, tmp_path: Path) -> None:
    lines = [SEND.format(id=id).replace("Program.Email", f'"Pro,gram\n""{id}"""') for id in range(1, 301)]
    whole = write(tmp_path / "whole.csv", HEADER, *lines).read_bytes()
    file = tmp_path / "a.csv"
    chance = random.Random(7)
    before = 0
    for length in sorted(chance.sample(range(len(whole) // 3, len(whole) - 20), 12)):
        file.write_bytes(whole[:length])
        result = command(file, "--uri", warehouse.uri)
        rows = stored(warehouse.uri)
        # A cut after a whole row cannot be seen in plain text.
        if not whole[:length].rstrip().endswith(b'{}"'):
            assert result.exit_code == 1
            assert f"Error: {file} is cut" in result.stderr
        assert len(rows) >= before
        assert {row[6] for row in rows} == {f'Pro,gram\n"{id}"' for id in range(1, len(rows) + 1)}
        before = len(rows)
    file.write_bytes(whole)
    assert command(file, "--uri", warehouse.uri).exit_code == 0
    assert len(stored(warehouse.uri)) == 300
    assert not (tmp_path / "a.csv.rejected.csv").exists()


@ONE_ENGINE
def test_where_a_cut_file_ends_is_told(warehouse, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("\n".join([HEADER, *sends(1, 3), '4,100,2024-03-01T10:00:00Z,6,1,10,x,"{""Li']).encode())
    assert (
        f"Error: {file} is cut: it ends within the quotes that line 5 opens"
        in command(file, "--uri", warehouse.uri).stderr
    )
    file.write_bytes("\n".join([HEADER, *sends(1, 3), "4,100,2024-03"]).encode())
    assert f"Error: {file} is cut: it ends within line 5" in command(file, "--uri", warehouse.uri).stderr
    assert len(stored(warehouse.uri)) == 3


@ONE_ENGINE
def test_a_last_row_without_a_line_end_is_stored_if_it_is_whole(warehouse, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("\n".join([HEADER, *sends(1, 3)]).encode())
    assert loads(warehouse.uri, file).totals()["stored"] == 3


@ONE_ENGINE
def test_a_file_in_another_encoding_stops_and_is_told(warehouse, tmp_path: Path, small_batches: None) -> None:
    good = write(tmp_path / "good.csv", HEADER, *sends(1001, 1003))
    file = tmp_path / "a.csv"
    lines = [*sends(1, 150), *(SEND.format(id=id).replace("Email", "É") for id in range(151, 300))]
    file.write_bytes("\n".join([HEADER, *lines, ""]).encode("latin-1"))
    result = command(file, good, "--uri", warehouse.uri)
    assert result.exit_code == 1
    assert f"Error: {file}, line 252: 101 of 251 rows are not UTF-8 text; export it as UTF-8" in result.stderr
    assert f"{file}: 50 rows mended" in result.stderr  # those of the batches before
    assert len(stored(warehouse.uri)) == 200 + 3


@ONE_ENGINE
def test_gzip_files_one_after_the_other_in_one(warehouse, tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    parts = ["\n".join([HEADER, *sends(1, 3), ""]), "\n".join([*sends(4, 6), ""])]
    file.write_bytes(b"".join(gzip.compress(part.encode()) for part in parts) + b"\0" * 100)
    assert loads(warehouse.uri, file).totals()["stored"] == 6


def test_another_table_of_that_name_is_told(warehouse, tmp_path: Path) -> None:
    warehouse.execute("CREATE TABLE marketo_activity (id INTEGER)")
    with pytest.raises(LoadError, match="not the one that load makes"):
        loads(warehouse.uri, write(tmp_path / "a.csv", HEADER, *sends(1, 1)))


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_schema_that_is_not_there_is_told(warehouse, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="nowhere"):
        loads(warehouse.uri, write(tmp_path / "a.csv", HEADER, *sends(1, 1)), schema="nowhere")


@ONE_ENGINE
def test_an_extract_without_activities(warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER)
    result = command(file, "--uri", warehouse.uri)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "0 rows read: 0 stored, 0 already there, 0 of other types, 0 set aside\n"
    assert loads(warehouse.uri, file).files[0].status == "skipped"


@ONE_ENGINE
def test_the_progress_reaches_the_end(warehouse, tmp_path: Path, small_batches: None) -> None:
    files = [write(tmp_path / f"{name}.csv", HEADER, *sends(1, 1000)) for name in "ab"]
    seen: list[tuple[int, int]] = []
    loads(warehouse.uri, *files, on_progress=lambda done, total: seen.append((done, total)))
    total = sum(file.stat().st_size for file in files)
    assert seen[-1] == (total, total)
    assert seen == sorted(seen)


# ---------------------------------------------------------------------------------------------------------------
# What a load says was written


def fails_from(attempt: int, limit: int) -> str:
    """Code for a load that can set aside the rows of that many batches, and `limit` bytes of the next one."""
    return f"""
import resource, signal, sys
from pathlib import Path
from superset_campaign_plugin.load import load_files as loading, rejected
loading.BATCH = 10
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
append, calls = rejected.RejectedFile.append, iter(range(1000))
def limited(*arguments):
    file = arguments[0].path
    size = file.stat().st_size if file.exists() else 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1 if next(calls) < {attempt} else size + {limit}, -1))
    try:
        append(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
rejected.RejectedFile.append = limited
from superset_campaign_plugin.cli import main
main()
"""


@pytest.mark.parametrize("attempt", [0, 1, 3])
@pytest.mark.parametrize("limit", [0, 30, 200], ids=["nothing", "half a header", "half a row"])
@ONE_ENGINE
def test_what_could_not_be_set_aside_is_not_said_to_be(warehouse, tmp_path: Path, attempt: int, limit: int) -> None:
    """Whatever fails: the counts, the rows that are named and the file that is named are those that are there."""
    lines = [SEND.format(id=id) if id % 5 else f"{id},bad {'x' * 300}" for id in range(1, 61)]
    file = write(tmp_path / "a.csv", HEADER, *lines)
    arguments = ["load", str(file), "--uri", warehouse.uri, "--json"]
    done = subprocess.run(
        [sys.executable, "-c", fails_from(attempt, limit), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    [entry] = json.loads(done.stdout)["files"]
    aside = tmp_path / "a.csv.rejected.csv"
    there = set_aside(aside) if aside.exists() else []
    assert (entry["status"], entry["stored"]) == ("failed", len(stored(warehouse.uri)))
    assert (entry["rejected"], entry["rows_read"]) == (len(there), len(there) + entry["stored"])
    assert (len(there), entry["stored"]) == (2 * attempt, 8 * attempt)
    assert entry["rejected_file"] == (str(aside) if attempt else None)
    named = [line for line in done.stderr.splitlines() if ": set aside: " in line]
    assert named == [f"{file}, line {row['line']}: set aside: {row['reason']}" for row in there]
    assert (f"{file}: {len(there)} rows set aside in {aside}" in done.stderr) == bool(attempt)
    assert f"Error: cannot write {aside}" in done.stderr
    assert [path.name for path in tmp_path.iterdir() if "rejected" in path.name] == [aside.name] * bool(attempt)
    # The next load goes on from there.
    assert loads(warehouse.uri, file).totals()["rejected"] == 12
    assert [int(row["line"]) for row in set_aside(aside)] == list(range(6, 62, 5))
    assert len(stored(warehouse.uri)) == 48


@ONE_ENGINE
def test_rows_that_an_earlier_load_set_aside_elsewhere_are_not_said_to_be_here(
    warehouse, tmp_path: Path, small_batches: None
) -> None:
    file = write(tmp_path / "a.csv", HEADER, *sends(1, 5), "bad", "bad")
    loads(warehouse.uri, file)
    write(file, HEADER, *sends(1, 5), "bad", "bad", "worse")
    result = command(file, "--uri", warehouse.uri, "--rejected", tmp_path / "other")
    there = tmp_path / "other" / "a.csv.rejected.csv"
    assert len(set_aside(there)) == 1
    assert f"{file}: 1 rows set aside in {there}" in result.stderr
    (tmp_path / "a.csv.rejected.csv").unlink()
    [skipped] = loads(warehouse.uri, file).files
    assert (skipped.status, skipped.rejected_file) == ("skipped", None)


@ONE_ENGINE
def test_the_rows_of_a_wrong_file_are_counted_as_they_are_kept(warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER, *sends(1, 5), "bad", *sends(6, 9), "bad")
    result = command(file, "--uri", warehouse.uri, "--max-rejected", 1, "--json")
    assert result.exit_code == 1
    summary = json.loads(result.stdout)
    assert (summary["stored"], summary["rejected"], summary["rows_read"]) == (0, 2, 2)
    assert stored(warehouse.uri) == []
    assert len(set_aside(tmp_path / "a.csv.rejected.csv")) == 2


@ONE_ENGINE
def test_a_file_of_bad_rows_that_cannot_be_read_is_named_itself(warehouse, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", HEADER, *sends(1, 5))
    (tmp_path / "a.csv.rejected.csv").mkdir()
    good = write(tmp_path / "good.csv", HEADER, *sends(6, 7))
    result = command(file, good, "--uri", warehouse.uri)
    assert result.exit_code == 1
    assert (
        f"Error: cannot write {tmp_path}/a.csv.rejected.csv, which takes the rows that are set aside" in result.stderr
    )
    assert [row[0] for row in stored(warehouse.uri)] == ["6", "7"]


@ONE_ENGINE
def test_a_file_that_is_gone_meanwhile_does_not_keep_the_others_from_being_loaded(warehouse, tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.csv", HEADER, *sends(place, place)) for place, name in enumerate("abc")]
    summary = loads(warehouse.uri, *files, on_progress=lambda done, total: files[1].unlink(missing_ok=True))
    assert [file.status for file in summary.files] == ["loaded", "failed", "loaded"]
    assert summary.files[1].error == f"no file {files[1]}"
    assert not summary.complete

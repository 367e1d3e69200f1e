"""Rows whose characters no database takes, or no reader of lines, are stored without them and counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from logs import BULK_HEADER

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.load.load_files import FileResult, load_files
from superset_campaign_plugin.load.store import activity_table

HEADER = ",".join(BULK_HEADER).encode()
TIME = "2024-03-01T10:00:00Z"
MEND = (
    "1 rows mended: null characters and bare carriage returns are left out, \ufffd stands for bytes that are no UTF-8"
)


def load(folder: Path, *lines: bytes, header: bytes = HEADER, end: bytes = b"\n") -> FileResult:
    file = folder / "a.csv"
    file.write_bytes(b"".join(line + end for line in (header, *lines)))
    [result] = load_files(f"sqlite:///{folder}/a.db", [file]).files
    return result


def stored(folder: Path) -> list[tuple[object, ...]]:
    table = activity_table()
    engine = sa.create_engine(f"sqlite:///{folder}/a.db", poolclass=sa.pool.NullPool)
    columns = (table.c.activity_id, table.c.lead_id, table.c.email_name, table.c.link, table.c.action_result)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(table.c.activity_id))]


def row(
    id: bytes = b"1",
    lead: bytes = b"100",
    time: bytes = TIME.encode(),
    kind: bytes = b"11",
    name: bytes = b"Email",
    attributes: bytes = b'"{""Link"": ""x""}"',
) -> bytes:
    return b",".join([id, lead, time, kind, b"1", b"10", name, attributes])


GOOD = ("1", 100, "Email", "x", None)
MENDED = {
    "NUL in an id": (row(id=b"\x001\0"), GOOD),
    "NUL in a person": (row(lead=b"1\x0000"), GOOD),
    "NUL in a time": (row(time=b"2024-03-\x0001T10:00:00Z"), GOOD),
    "NUL in a type": (row(kind=b"1\x001"), GOOD),
    "NUL in a name": (row(name=b"Em\0\0ail"), GOOD),
    "NUL in quotes": (row(name=b'"Em\0ail"'), GOOD),
    "NUL before quotes": (row(name=b'\0"Email"'), GOOD),
    "NUL in JSON": (row(attributes=b'"{""Li\0nk"": ""\0x""}"'), GOOD),
    "NUL in JSON's escapes": (row(attributes=rb'"{""Link"": ""\u0000x""}"'), GOOD),
    "CR in an id": (row(id=b"\r1"), GOOD),
    "CR in a name": (row(name=b"Em\rail"), GOOD),
    "CR in quotes": (row(name=b'"Em\r\rail"'), GOOD),
    "CR at the end of a name": (row(name=b'"Email\r"'), GOOD),
    "CR in JSON": (row(attributes=b'"{""Link"":\r ""x\r""}"'), GOOD),
    "CR after the quotes": (row(attributes=b'"{""Link"": ""x""}"\r', name=b"Email"), GOOD),
    "CR and NUL": (row(name=b"Em\r\0ail"), GOOD),
    "no UTF-8 in a name": (row(name=b"Em\xc9ail"), ("1", 100, "Em\ufffdail", "x", None)),
    "half of UTF-8 in JSON": (row(attributes=b'"{""Link"": ""x\xe2\x82""}"'), ("1", 100, "Email", "x\ufffd", None)),
    "half a character": (row(attributes=rb'"{""Link"": ""x\ud83d""}"'), ("1", 100, "Email", "x\ufffd", None)),
}


@pytest.mark.parametrize(("line", "expected"), MENDED.values(), ids=MENDED)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_a_mended_row_is_stored_and_counted(tmp_path: Path, line: bytes, expected: tuple, end: bytes) -> None:
    others = [row(id=b"2"), row(id=b"3")]
    result = load(tmp_path, others[0], line, others[1], end=end)
    # A return before a line feed ends a line: the same bytes are no fault in a file of such lines' ends.
    own_end = line.endswith(b"\r") and end == b"\n"
    assert (result.counts.stored, result.counts.rejected, result.counts.mended) == (3, 0, 0 if own_end else 1)
    assert stored(tmp_path) == [expected, *(("2", *GOOD[1:]), ("3", *GOOD[1:]))]


KEPT = {
    "CRLF in quotes": (row(name=b'"Em\r\nail"'), ("1", 100, "Em\r\nail", "x", None)),
    "LF in quotes": (row(name=b'"Em\nail"'), ("1", 100, "Em\nail", "x", None)),
    "CR in JSON's escapes": (row(attributes=rb'"{""Link"": ""x\r""}"'), ("1", 100, "Email", "x\r", None)),
    "a line end in JSON": (row(attributes=b'"{""Link"": ""x\ny""}"'), ("1", 100, "Email", "x\ny", None)),
    "U+FFFD": (row(name="\ufffd".encode()), ("1", 100, "\ufffd", "x", None)),
    "a pair": (row(attributes=rb'"{""Link"": ""\ud83d\ude00""}"'), ("1", 100, "Email", "\U0001f600", None)),
}


@pytest.mark.parametrize(("line", "expected"), KEPT.values(), ids=KEPT)
def test_what_is_no_fault_stays_as_it_is(tmp_path: Path, line: bytes, expected: tuple) -> None:
    result = load(tmp_path, row(id=b"2"), line)
    assert (result.counts.stored, result.counts.mended) == (2, 0)
    assert stored(tmp_path)[0] == expected


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["", "BOM"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\r\n"], ids=["LF", "CRLF", "CRCRLF"])
def test_ends_of_lines_and_the_mark_before_the_header(tmp_path: Path, bom: bytes, end: bytes) -> None:
    result = load(tmp_path, row(id=b"1"), row(id=b"2", name=b'"a\r\nb"'), header=bom + HEADER, end=end)
    assert (result.error, result.counts.stored, result.counts.rejected) == (None, 2, 0)
    assert result.counts.mended == (2 if end == b"\r\r\n" else 0)


def test_rows_are_rejected_for_other_faults_whatever_was_mended(tmp_path: Path) -> None:
    bad = [row(id=b"\xff7"), row(lead=b"\0"), row(lead=b"1\xff"), row(attributes=b"{\0"), row(name=b'"\xff"x')]
    result = load(tmp_path, row(), *bad)
    assert (result.counts.stored, result.counts.rejected, result.counts.mended) == (1, 5, 0)
    assert [each.line for each in result.rejections] == [3, 4, 5, 6, 7]
    assert "marketoGUID is not UTF-8 text" in result.rejections[0].reason
    # What was set aside can be read again, and loaded.
    text = (tmp_path / "a.csv.rejected.csv").read_bytes()
    assert b"\0" not in text
    text.decode("utf-8")


def test_other_types_are_not_counted_as_mended(tmp_path: Path) -> None:
    result = load(tmp_path, row(kind=b"1", name=b"\0"))
    assert (result.counts.other_types, result.counts.mended) == (1, 0)


def test_the_summary_says_how_many(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"\n".join([HEADER, row(), row(id=b"2", name=b"\0"), b""]))
    arguments = ["load", str(file), "--uri", f"sqlite:///{tmp_path}/a.db"]
    result = CliRunner().invoke(campaign, arguments)
    assert (result.exit_code, MEND in result.stderr) == (0, True)
    assert result.stdout == "2 rows read: 2 stored, 0 already there, 0 of other types, 0 set aside, 1 mended\n"
    file.write_bytes(b"\n".join([HEADER, row(), row(id=b"2", name=b"\0"), row(id=b"3", name=b"\r"), b""]))
    grown = json.loads(CliRunner().invoke(campaign, [*arguments, "--json"]).stdout)
    assert (grown["mended"], grown["files"][0]["mended"]) == (2, 2)


@pytest.mark.parametrize("name", ["duckdb", "sqlite"])
def test_a_table_of_progress_without_that_count_is_brought_up_to_date(tmp_path: Path, name: str) -> None:
    uri = f"{name}:///{tmp_path}/a.{name}"
    file = tmp_path / "a.csv"
    file.write_bytes(b"\n".join([HEADER, row(), b""]))
    load_files(uri, [file])
    engine = sa.create_engine(uri, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE marketo_load_progress DROP COLUMN mended")
    file.write_bytes(b"\n".join([HEADER, row(), row(id=b"2", name=b"\0"), b""]))
    [result] = load_files(uri, [file]).files
    assert (result.counts.stored, result.counts.mended) == (2, 1)


def test_lines_that_end_in_a_return_alone_are_told(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"\r".join([HEADER, row(), b""]))
    result = CliRunner().invoke(campaign, ["load", str(file), "--uri", f"sqlite:///{tmp_path}/a.db"])
    assert result.stderr == (
        f"Error: {file}, line 1: lines end in a carriage return alone; let them end in a line feed\n"
    )

"""Damaged, cut and changing gzip files: nothing of one is stored before all of it was seen to be right."""

from __future__ import annotations

import gzip
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import BULK_HEADER

from superset_campaign_plugin.errors import LoadError
from superset_campaign_plugin.load import files
from superset_campaign_plugin.load import load_files as loading
from superset_campaign_plugin.load.files import open_stream
from superset_campaign_plugin.load.load_files import FileResult, load_files
from superset_campaign_plugin.load.store import activity_table

HEADER = ",".join(BULK_HEADER)
ROWS = 40


def lines(first: int, last: int) -> list[str]:
    return [f'{id},{100 + id},2024-03-01T10:00:00Z,6,1,10,"Email, {id}","{{}}"' for id in range(first, last)]


def packed(rows: int, members: int) -> bytes:
    """An extract of that many rows in that many gzip members; some writers leave zeros after the last one."""
    text = "\n".join([HEADER, *lines(0, rows), ""]).encode()
    size = len(text) // members + 1
    parts = [gzip.compress(text[start : start + size], mtime=0) for start in range(0, len(text), size)]
    return b"".join(parts) + bytes(100 if members > 1 else 0)


@pytest.fixture
def database(tmp_path: Path) -> Callable[[], str]:
    """Makes URIs of new SQLite databases; nothing here depends on the engine."""
    count = iter(range(10**6))
    return lambda: f"sqlite:///{tmp_path}/{next(count)}.db"


def stored(uri: str) -> dict[str, tuple[int, str]]:
    table = activity_table()
    engine = sa.create_engine(uri, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(table.name):
            return {}
        rows = connection.execute(sa.select(table.c.activity_id, table.c.lead_id, table.c.email_name)).all()
    return {id: (lead, name) for id, lead, name in rows}


GOOD = {str(id): (100 + id, f"Email, {id}") for id in range(ROWS)}


def check(uri: str, file: Path, content: bytes, good: bytes) -> str | None:
    """Load the content: it must give all rows or an error and none; then the good file. Returns the error."""
    file.write_bytes(content)
    try:
        [result] = load_files(uri, [file]).files
        error = result.error
    except LoadError as raised:
        error = str(raised)
    assert stored(uri) == ({} if error else GOOD)
    file.write_bytes(good)
    assert load_files(uri, [file]).complete
    assert stored(uri) == GOOD
    return error


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    members=st.integers(1, 4),
    place=st.floats(0, 1, exclude_max=True),
    flipped=st.integers(1, 255),
    small=st.booleans(),
)
def test_any_byte_that_is_wrong(
    database, tmp_path: Path, members: int, place: float, flipped: int, small: bool
) -> None:
    """Small batches and blocks, or the usual ones, of which the file fills less than one."""
    good = packed(ROWS, members)
    bad = bytearray(good)
    bad[int(place * len(bad))] ^= flipped
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(loading, "BATCH", 5)
            patch.setattr(files, "_BLOCK", 100)
        check(database(), tmp_path / "a.csv.gz", bytes(bad), good)


@pytest.mark.parametrize("members", [1, 3])
def test_each_byte_of_every_checksum_and_length(
    database, tmp_path: Path, members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH", 5)
    good = packed(ROWS, members)
    ends = [place for place in range(len(good)) if good[place : place + 3] == b"\x1f\x8b\x08"][1:]
    for end in [*ends, len(good) - (100 if members > 1 else 0)]:
        for place in range(end - 8, end):
            bad = bytearray(good)
            bad[place] ^= 0xFF
            error = check(database(), tmp_path / "a.csv.gz", bytes(bad), good)
            assert error is not None
            assert "is damaged, so nothing of it is stored" in error


@pytest.mark.parametrize("members", [1, 3])
def test_cut_anywhere(database, tmp_path: Path, members: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cut between two members cannot be seen, and what is before it is right."""
    monkeypatch.setattr(loading, "BATCH", 5)
    good = packed(ROWS, members).rstrip(b"\0") + b"\0" * 3
    ends = {place for place in range(len(good)) if good[place : place + 3] == b"\x1f\x8b\x08"}
    for length in random.Random(members).sample(range(20, len(good) - 12), 40):
        if length not in ends:
            error = check(database(), tmp_path / "a.csv.gz", good[:length], good)
            assert error is not None
            assert "is cut: the compressed data end too early, so nothing of it is stored" in error


def test_a_damaged_file_does_not_keep_the_others_from_being_loaded(database, tmp_path: Path) -> None:
    uri = database()
    bad = bytearray(packed(ROWS, 1))
    bad[-6] ^= 0xFF
    (tmp_path / "bad.csv.gz").write_bytes(bad)
    (tmp_path / "good.csv.gz").write_bytes(packed(ROWS, 2))
    first, second = load_files(uri, [tmp_path / "bad.csv.gz", tmp_path / "good.csv.gz"]).files
    assert first == FileResult(str(tmp_path / "bad.csv.gz"), status="failed", error=first.error, counts=first.counts)
    assert (first.counts.rows_read, second.counts.stored) == (0, ROWS)
    assert stored(uri) == GOOD


# What happens to a file between its two readings --------------------------------------------------------------------


def read(path: Path, between: Callable[[], None]) -> bytes:
    """The text that a load gets of the file, if `between` happens after it was verified."""
    with open_stream(path) as stream:
        between()
        text = b""
        while part := stream.reader.read1(5000):
            text += part
        return text


def test_a_file_that_is_written_to_after_it_was_verified(tmp_path: Path) -> None:
    """Neither its size nor its times tell: another good file of the same length stands in its place."""
    path = tmp_path / "a.csv.gz"
    text = os.urandom(3 << 20)
    other = text[: 2 << 20] + os.urandom(1 << 20)
    path.write_bytes(gzip.compress(text, compresslevel=0))
    before = path.stat()
    received: list[bytes] = []
    with open_stream(path) as stream:
        with path.open("r+b") as file:
            file.write(gzip.compress(other, compresslevel=0))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size
        parts = iter(lambda: stream.reader.read1(5000), b"")
        with pytest.raises(LoadError, match="was changed while it was loaded"):
            received.extend(parts)
    assert b"".join(received) == text[: 2 << 20]


def test_a_file_that_is_cut_after_it_was_verified(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(os.urandom(3 << 20)))
    with pytest.raises(LoadError, match="was changed while it was loaded"):
        read(path, lambda: os.truncate(path, 2 << 20))


def test_a_file_that_is_replaced_after_it_was_verified_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(packed(ROWS, 2))
    (tmp_path / "new").write_bytes(packed(3, 1))
    assert read(path, lambda: (tmp_path / "new").replace(path) and None) == gzip.decompress(packed(ROWS, 2))


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
def test_a_file_with_other_columns_in_the_place_of_the_one_that_was_looked_at(
    database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compress: bool
) -> None:
    """The header is looked at before anything is stored; the rows are read by the header that stands above them."""
    pack = gzip.compress if compress else bytes
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_bytes(pack("\n".join([HEADER, *lines(100, 102), ""]).encode()))
    second.write_bytes(pack("\n".join([HEADER, *lines(0, 20), ""]).encode()))
    names = [*BULK_HEADER[1:], BULK_HEADER[0]]
    turned = ["".join([line.split(",", 1)[1], ",", line.split(",", 1)[0]]) for line in lines(0, 20)]
    uri = database()

    def replaced(done: int, total: int) -> None:
        second.write_bytes(pack("\n".join([",".join(names), *turned, ""]).encode()))

    assert load_files(uri, [first, second], on_progress=replaced).complete
    assert {id: row for id, row in stored(uri).items() if int(id) < 100} == {id: GOOD[id] for id in map(str, range(20))}


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A gzip file of 200 MB of text, which is 200 KB in itself."""
    path = tmp_path / "a.csv.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(200):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        with open_stream(path) as stream:
            size = 0
            while part := stream.reader.read(1 << 16):
                size += len(part)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
    assert size == 200 << 20

"""The table of email contents: what is loaded can be read, and a fault anywhere stores nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from logs import WRITABLE

from superset_campaign_plugin.emails.contents import (
    CONTENT_TABLE,
    Content,
    load_emails,
    prepare_table,
    read_content,
    store_contents,
    stored_versions,
)
from superset_campaign_plugin.errors import DatabaseError, UsageError
from superset_campaign_plugin.warehouse import connect

on_writable_engines = pytest.mark.parametrize("engine", WRITABLE, indirect=True)
FACTS = """
1042:
  subject: "Ready for <summer>? שלום"
  from_name: Ana
  from_email: ana@example.com
  preheader: 20 % off
'7':
  subject: 2024-12-24
  from_email: news@example.com
"""


@pytest.fixture
def mails(tmp_path: Path) -> Callable[..., Path]:
    """Makes a directory of the given files."""

    def make(**files: str | bytes) -> Path:
        folder = tmp_path / "mails"
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            path = folder / name.replace("__", ".").removeprefix("_")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    return make


def stored(uri: str, email_id: int, schema: str | None = None) -> Content | None:
    with connect(uri) as (connection, _):
        return read_content(connection, schema, email_id)


def count(uri: str) -> int:
    with connect(uri) as (connection, _):
        if not sa.inspect(connection).has_table(CONTENT_TABLE):
            return 0
        return connection.scalar(sa.text(f"SELECT COUNT(*) FROM {CONTENT_TABLE}"))


@on_writable_engines
def test_loaded_emails_can_be_read(warehouse, mails):
    folder = mails(_1042__html="<p>größer</p>", _7__html="<p>7</p>", _8__html="", emails__yaml=FACTS, notes__txt="x")
    result = load_emails(warehouse.uri, folder)
    assert (result.loaded, result.replaced) == (3, 0)
    assert stored(warehouse.uri, 1042) == Content(
        1042, "<p>größer</p>", "Ready for <summer>? שלום", "Ana <ana@example.com>", "20 % off"
    )
    assert stored(warehouse.uri, 7) == Content(7, "<p>7</p>", "2024-12-24", "news@example.com", None)
    assert stored(warehouse.uri, 8) == Content(8, "")
    assert stored(warehouse.uri, 9) is None
    assert stored(warehouse.uri, 2**70) is None


@on_writable_engines
def test_loading_again_replaces_by_id(warehouse, mails):
    load_emails(warehouse.uri, mails(_1__html="one", _2__html="two", emails__yml="1: {subject: First}"))
    (folder := mails(_2__html="two, again", _3__html="three")).joinpath("1.html").unlink()
    for _ in range(2):
        load_emails(warehouse.uri, folder)
    assert [stored(warehouse.uri, number).html for number in (1, 2, 3)] == ["one", "two, again", "three"]
    assert stored(warehouse.uri, 1).subject == "First"
    assert load_emails(warehouse.uri, folder).replaced == 2


@on_writable_engines
def test_the_largest_id_fits(warehouse, mails):
    load_emails(warehouse.uri, mails(_9223372036854775807__html="last"))
    assert stored(warehouse.uri, 2**63 - 1).html == "last"


@pytest.mark.parametrize("engine", ["duckdb", "postgresql", "mysql"], indirect=True)
def test_a_schema_of_its_own(warehouse, mails):
    warehouse.execute("CREATE SCHEMA mail")
    load_emails(warehouse.uri, mails(_5__html="five"), schema="mail")
    assert stored(warehouse.uri, 5, "mail").html == "five"
    assert stored(warehouse.uri, 5) is None


def test_without_a_table_nothing_is_found(warehouse):
    warehouse.execute("CREATE TABLE other (a INTEGER)")
    assert stored(warehouse.uri, 1) is None


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no .html file"),
        ({"notes__txt": "x"}, "holds no .html file"),
        ({"_1__html": "a", "welcome__html": "b"}, "welcome.html: the file's name is not an email id"),
        ({"_007__html": "a"}, "007.html: the file's name is not an email id"),
        ({"_0__html": "a"}, "0.html: the file's name is not an email id"),
        ({"_9223372036854775808__html": "a"}, "is not an email id"),
        ({"_1__html": "a", "_1__HTML": "b"}, "has two files"),
        ({"_1__html": "a", "_2__html": b"\xff\xfe"}, "2.html is not UTF-8"),
        ({"_1__html": "a", "_2__html": "a\0b"}, "2.html holds a null character"),
        ({"_1__html": "a", "emails__yaml": "1: {subject: [}"}, "emails.yaml is not valid YAML"),
        ({"_1__html": "a", "emails__yaml": "- 1"}, "must map email ids"),
        ({"_1__html": "a", "emails__yaml": "one: {subject: x}"}, "'one' is not an email id"),
        ({"_1__html": "a", "emails__yaml": "1: {subjekt: x}"}, "did you mean 'subject'"),
        ({"_1__html": "a", "emails__yaml": "1: {subject: [x]}"}, "subject must be text"),
        ({"_1__html": "a", "emails__yaml": "1: Hello"}, "must have fields"),
        ({"_1__html": "a", "emails__yaml": "1: {}", "emails__yml": "1: {}"}, "holds both"),
        ({"_1__html": "a", "emails__yaml": "[" * 5000}, "emails.yaml is not valid YAML"),
    ],
)
@pytest.mark.parametrize("engine", ["duckdb", "sqlite"], indirect=True)
def test_a_fault_stores_nothing(warehouse, mails, files, words):
    with pytest.raises(UsageError) as caught:
        load_emails(warehouse.uri, mails(**files))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    warehouse.execute("CREATE TABLE other (a INTEGER)")  # both engines make their file with the first table
    assert count(warehouse.uri) == 0


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"], indirect=True)
def test_no_such_directory(warehouse, tmp_path):
    with pytest.raises(UsageError, match="no directory"):
        load_emails(warehouse.uri, tmp_path / "nowhere")


@on_writable_engines
def test_a_database_that_fails_midway_keeps_what_it_had(warehouse, mails):
    load_emails(warehouse.uri, mails(_2__html="two"))
    warehouse.execute(
        f"ALTER TABLE {CONTENT_TABLE} RENAME TO earlier",
        f"CREATE TABLE {CONTENT_TABLE} (email_id BIGINT PRIMARY KEY, subject TEXT, sender TEXT, preheader TEXT, "
        "html TEXT CHECK (html <> 'refused'), loaded_at TIMESTAMP, updated_at TIMESTAMP)",
        f"INSERT INTO {CONTENT_TABLE} SELECT * FROM earlier",
    )
    with pytest.raises(DatabaseError):
        load_emails(warehouse.uri, mails(_1__html="one", _2__html="refused"))
    assert stored(warehouse.uri, 1) is None
    assert stored(warehouse.uri, 2).html == "two"


def test_a_table_of_an_earlier_release_gains_its_column_and_loses_nothing(warehouse, mails):
    warehouse.execute(
        f"CREATE TABLE {CONTENT_TABLE} (email_id BIGINT PRIMARY KEY, subject TEXT, sender TEXT, preheader TEXT, "
        "html TEXT NOT NULL, loaded_at TIMESTAMP NOT NULL)",
        f"INSERT INTO {CONTENT_TABLE} VALUES (1, 'One', 'Ana', 'pre', 'one', '2024-01-01 00:00:00'), "
        "(2, NULL, NULL, NULL, 'two', '2024-01-01 00:00:00')",
    )
    assert stored(warehouse.uri, 1) == Content(1, "one", "One", "Ana", "pre")
    load_emails(warehouse.uri, mails(_2__html="two, again", _3__html="three"))
    assert stored(warehouse.uri, 1) == Content(1, "one", "One", "Ana", "pre")
    assert [stored(warehouse.uri, number).html for number in (2, 3)] == ["two, again", "three"]
    assert stored_versions(warehouse.uri) == {}


def test_what_a_file_replaces_has_no_version(warehouse, mails):
    prepare_table(warehouse.uri)
    versions = {1: datetime.fromisoformat("2024-05-01 12:00"), 2: datetime.fromisoformat("2024-05-02")}
    store_contents(warehouse.uri, [Content(1, "one"), Content(2, "two")], updated_at=versions)
    assert stored_versions(warehouse.uri) == versions
    load_emails(warehouse.uri, mails(_1__html="by hand"))
    assert stored_versions(warehouse.uri) == {2: versions[2]}


@on_writable_engines
def test_empty_values_are_unknown(warehouse, mails):
    load_emails(warehouse.uri, mails(_1__html="a", emails__yaml="1: {subject: null, from_name: '', preheader: ~}"))
    assert stored(warehouse.uri, 1) == Content(1, "a")


@pytest.mark.parametrize("engine", ["hive"], indirect=True)
@pytest.mark.on_spark
def test_where_rows_cannot_be_changed_nothing_is_stored(warehouse, mails):
    """But what something else has put there can be read."""
    with pytest.raises(UsageError, match="emails cannot be stored on hive; have campaign_email_content made"):
        load_emails(warehouse.uri, mails(_1__html="one"))
    assert stored(warehouse.uri, 1) is None
    columns = "CAST(1 AS BIGINT) AS email_id, 'Hi' AS subject, NULL AS sender, NULL AS preheader, 'one' AS html"
    warehouse.execute(f"CREATE TABLE {CONTENT_TABLE} USING parquet AS SELECT {columns}, now() AS loaded_at")
    assert stored(warehouse.uri, 1) == Content(1, "one", "Hi")

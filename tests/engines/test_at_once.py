"""Loads at the same moment: every row is stored once, and a load that cannot wait any longer says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from logs import BULK_HEADER, WRITABLE
from workers import Worker, holding, workers

from superset_campaign_plugin import database_files, locking
from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.emails.contents import CONTENT_TABLE, content_table, load_emails, prepare_table
from superset_campaign_plugin.errors import BusyError
from superset_campaign_plugin.load.load_files import load_files
from superset_campaign_plugin.load.store import activity_table
from superset_campaign_plugin.load.writers import WRITERS
from superset_campaign_plugin.locking import one_at_a_time

on_loaded_engines = pytest.mark.parametrize("engine", sorted(WRITERS), indirect=True)
on_writable_engines = pytest.mark.parametrize("engine", WRITABLE, indirect=True)
PAIRS = 20

LOAD = """
from superset_campaign_plugin.load import load_files as loading
loading.BATCH = 50
def work(uri, file):
    summary = loading.load_files(uri, [Path(file)])
    return {**summary.totals(), "complete": summary.complete}
"""
EMAILS = """
from superset_campaign_plugin.emails.contents import load_emails
def work(uri, folder):
    return load_emails(uri, Path(folder)).loaded
"""
HOLD = """
from superset_campaign_plugin.locking import one_at_a_time
held = one_at_a_time(sys.argv[1], sys.argv[2])
held.__enter__()
"""


def extract(path: Path, ids: list[int]) -> Path:
    rows = [f'{id},100,2024-03-01T10:00:00Z,6,1,10,Email {id},"{{}}"' for id in ids]
    path.write_text("\n".join([",".join(BULK_HEADER), *rows, ""]))
    return path


def ids(uri: str, column: sa.Column) -> list[str]:
    engine = sa.create_engine(uri, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        return sorted(map(str, connection.scalars(sa.select(column)).all()))


def both(pair: list[Worker], uri: str, arguments: list[Path], busy: str) -> list[object]:
    """What both calls gave. One that says that it must wait is made again; anything else that fails is a fault."""
    for worker, argument in zip(pair, arguments, strict=True):
        worker.call(uri, str(argument))
    answers = [worker.answer() for worker in pair]
    for place, answer in enumerate(answers):
        if answer.get("raised") == "BusyError" and busy in answer["text"]:
            pair[place].call(uri, str(arguments[place]))
            answers[place] = pair[place].answer()
    assert all("gave" in answer for answer in answers), answers
    return [answer["gave"] for answer in answers]


@pytest.mark.parametrize("there", [False, True], ids=["new", "old"])
@on_loaded_engines
def test_two_loads_at_once_store_every_row_once(warehouse, tmp_path: Path, there: bool) -> None:
    """Their ids overlap, in opposite orders; `old` is a database that has the tables already."""
    with workers(2, LOAD) as pair:
        for number in range(PAIRS):
            first = number * 1000 if there else 0
            files = [
                extract(tmp_path / f"one {number}.csv", list(range(first, first + 200))),
                extract(tmp_path / f"two {number}.csv", list(range(first + 249, first + 49, -1))),
            ]
            if not there:
                warehouse.clear()
            gave = both(pair, warehouse.uri, files, "another load is running")
            assert [summary["rows_read"] for summary in gave] == [200, 200]
            assert sum(summary["stored"] for summary in gave) == 250
            assert all(summary["complete"] for summary in gave)
            expected = range(first, first + 250) if not there else sorted(_upto(number))
            assert ids(warehouse.uri, activity_table().c.activity_id) == sorted(map(str, expected))


def _upto(number: int) -> list[int]:
    return [1000 * each + id for each in range(number + 1) for id in range(250)]


@on_loaded_engines
def test_the_same_file_twice_at_once(warehouse, tmp_path: Path) -> None:
    with workers(2, LOAD) as pair:
        for number in range(5):
            warehouse.clear()
            file = extract(tmp_path / f"{number}.csv", list(range(200)))
            gave = both(pair, warehouse.uri, [file, file], "another load is running")
            assert sorted(summary["stored"] for summary in gave) == [0, 200]
            assert len(ids(warehouse.uri, activity_table().c.activity_id)) == 200


@pytest.mark.parametrize("state", ["new", "earlier release"])
@on_writable_engines
def test_two_loads_of_emails_at_once_store_every_email_once(warehouse, tmp_path: Path, state: str) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, numbers in zip(folders, ([1, 2, 3], [3, 2, 4]), strict=True):
        folder.mkdir()
        for number in numbers:
            (folder / f"{number}.html").write_text(f"<p>{number}</p>")
    with workers(2, EMAILS) as pair:
        for _ in range(6):
            warehouse.clear()
            if state != "new":
                warehouse.execute(
                    f"CREATE TABLE {CONTENT_TABLE} (email_id BIGINT PRIMARY KEY, subject TEXT, sender TEXT, "
                    "preheader TEXT, html TEXT NOT NULL, loaded_at TIMESTAMP NOT NULL)"
                )
            assert both(pair, warehouse.uri, folders, "another load of emails is running") == [3, 3]
            assert ids(warehouse.uri, content_table().c.email_id) == ["1", "2", "3", "4"]


@on_loaded_engines
def test_a_load_that_goes_on_is_told_and_nothing_is_stored(
    warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "PATIENCE", 0.1)
    load_files(warehouse.uri, [extract(tmp_path / "before.csv", [1])])
    file = extract(tmp_path / "a.csv", [2, 3])
    with holding(HOLD, warehouse.uri, "load") as holder:
        result = CliRunner().invoke(campaign, ["load", str(file), "--uri", warehouse.uri])
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == ("Error: another load is running in this database; run this again when it is done\n")
        # It ends without a word: its lock ends with it.
        holder.kill()
        holder.wait()
    assert ids(warehouse.uri, activity_table().c.activity_id) == ["1"]
    assert load_files(warehouse.uri, [file]).totals()["stored"] == 2


@on_writable_engines
def test_a_load_of_emails_that_goes_on_is_told(warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "PATIENCE", 0.1)
    (tmp_path / "1.html").write_text("one")
    prepare_table(warehouse.uri)
    with holding(HOLD, warehouse.uri, "load of emails"):
        with pytest.raises(BusyError, match="another load of emails is running in this database; run this again"):
            load_emails(warehouse.uri, tmp_path)
        with pytest.raises(BusyError, match="another load of emails"):
            prepare_table(warehouse.uri)
    assert ids(warehouse.uri, content_table().c.email_id) == []


@pytest.mark.parametrize("engine", ["postgresql", "mysql"], indirect=True)
def test_other_work_and_other_databases_do_not_wait(warehouse, warehouse_on, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "PATIENCE", 0)
    other = warehouse_on(warehouse.engine)
    with one_at_a_time(warehouse.uri, "load"), one_at_a_time(warehouse.uri, "load of emails"):
        with one_at_a_time(other.uri, "load"):
            pass
        with pytest.raises(BusyError), one_at_a_time(warehouse.uri, "load"):
            pass
    other.drop()


@pytest.mark.parametrize("engine", ["mysql"], indirect=True)
def test_a_schema_that_is_a_database_is_locked_by_its_name(warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "PATIENCE", 0)
    warehouse.execute("CREATE SCHEMA elsewhere")
    elsewhere = sa.engine.make_url(warehouse.uri).set(database="elsewhere").render_as_string(hide_password=False)
    with one_at_a_time(warehouse.uri, "load", schema="elsewhere"):
        with pytest.raises(BusyError), one_at_a_time(elsewhere, "load"):
            pass
        with one_at_a_time(warehouse.uri, "load"):
            pass
    warehouse.execute("DROP SCHEMA elsewhere")


def test_a_duckdb_file_that_a_reader_holds_is_told(
    warehouse_on, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_files, "PATIENCE", 0.1)
    warehouse = warehouse_on("duckdb")
    load_files(warehouse.uri, [extract(tmp_path / "before.csv", [1])])
    path = sa.engine.make_url(warehouse.uri).database
    code = "import duckdb\nheld = duckdb.connect(sys.argv[1], read_only=True)"
    with holding(code, path) as holder:
        arguments = ["load", str(extract(tmp_path / "a.csv", [2])), "--uri", warehouse.uri]
        result = CliRunner().invoke(campaign, arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {path} is in use by ")
    assert result.stderr.endswith(f"(PID {holder.pid}); try again when it is done\n")
    assert ids(warehouse.uri, activity_table().c.activity_id) == ["1"]

"""What a person can get wrong is answered with one line that names it, as an error of the right class."""

from __future__ import annotations

import contextlib
import socket
from datetime import date

import pytest
from logs import Log, fivetran_tables, load, utc

from superset_campaign_plugin.errors import CampaignError, DatabaseError, SourceError, UsageError
from superset_campaign_plugin.report.run import run_report

NOW = utc("2024-03-10 12:00")


def log() -> Log:
    return Log().send(1, 10, 100, "2024-03-10 09:00").open(1, 10, 100, "2024-03-10 09:01").campaign(1, "Spring")


@contextlib.contextmanager
def refused(error: type[CampaignError] | tuple[type[CampaignError], ...], *named: str):
    """The report must fail with exactly that class, or one of those, in one line which holds every word of `named`."""
    with pytest.raises(CampaignError) as caught:
        yield caught
    message = str(caught.value)
    assert type(caught.value) in (error if isinstance(error, tuple) else (error,)), message
    assert len(message.splitlines()) == 1, message
    for word in named:
        assert word in message


# ---------------------------------------------------------------------------------------------------------------
# What was asked


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # nothing of it reaches the database
@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"source": "fivetrann"}, ["'fivetrann'", "did you mean 'fivetran'"]),
        ({"source": "hubspot"}, ["'hubspot'", "fivetran"]),
        ({"by": ("campain",)}, ["'campain'", "did you mean 'campaign'"]),
        ({"by": ("campaign", "weak")}, ["'weak'", "did you mean 'week'"]),
        ({"by": ("hour",)}, ["'hour'"]),
        ({"where": {"campain_name": ["Spring"]}}, ["'campain_name'", "did you mean 'campaign_name'"]),
        ({"where": {"colour": ["red"]}}, ["'colour'"]),
        ({"date_from": date(2024, 3, 2), "date_to": date(2024, 3, 1)}, ["2024-03-02", "2024-03-01"]),
        ({"date_from": date(2024, 3, 1), "date_to": date(2024, 3, 1)}, ["2024-03-01"]),
    ],
    ids=str,
)
def test_a_request_that_cannot_be_meant(warehouse, asked, named):
    warehouse.load(log())
    with refused(UsageError, *named):
        warehouse.report(as_of=NOW, **asked)


def test_an_id_that_is_no_number_is_nobodys(warehouse):
    """It is refused or matches nothing; the database's own complaint is no answer."""
    warehouse.load(log())
    try:
        rows = warehouse.report(as_of=NOW, where={"campaign_id": ["Spring"]}).rows
    except UsageError as error:
        assert "Spring" in str(error)  # noqa: PT017
    else:
        assert rows == []


# ---------------------------------------------------------------------------------------------------------------
# The database


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_server_that_does_not_answer():
    with refused(DatabaseError, "127.0.0.1") as caught:
        run_report(f"postgresql+psycopg2://reader:s3cr3t-word@127.0.0.1:{closed_port()}/marketo")
    assert "s3cr3t-word" not in str(caught.value)


def test_a_database_that_the_server_does_not_have(postgresql_server):
    with refused(DatabaseError, "no_such_database"):
        run_report(f"{postgresql_server}/no_such_database")


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_a_folder_that_does_not_exist(engine, tmp_path):
    with refused(DatabaseError, "marketo.db"):
        run_report(f"{engine}:///{tmp_path}/missing/marketo.db")


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_a_file_that_does_not_exist_is_not_made(engine, tmp_path):
    with refused(DatabaseError, "marketo.db"):
        run_report(f"{engine}:///{tmp_path}/marketo.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_a_file_that_is_no_database(engine, tmp_path):
    file = tmp_path / "marketo.db"
    file.write_text("campaign;email;person\n" * 100)
    with refused(DatabaseError, "marketo.db"):
        run_report(f"{engine}:///{file}")


@pytest.mark.parametrize("uri", ["", "marketo.db", "nosuchdialect://localhost/marketo"])
def test_a_uri_that_is_none(uri):
    with refused(UsageError):
        run_report(uri)


# ---------------------------------------------------------------------------------------------------------------
# The tables


def test_an_empty_database(warehouse):
    warehouse.execute("SELECT 1", "CREATE TABLE something_else (id INTEGER)")
    with refused(SourceError, "activity_send_email"):
        warehouse.report(as_of=NOW)


def test_no_send_table(warehouse):
    warehouse.load(log(), drop=["activity_send_email"])
    with refused(SourceError, "activity_send_email"):
        warehouse.report(as_of=NOW)


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"], indirect=True)
def test_no_such_schema(warehouse):
    """The tables of the default schema do not stand in."""
    warehouse.load(log())
    with refused(SourceError, "no_such_schema"):
        warehouse.report(as_of=NOW, schema="no_such_schema")


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("activity_send_email", "campaign_id"),
        ("activity_send_email", "lead_id"),
        ("activity_send_email", "primary_attribute_value_id"),
        ("activity_send_email", "activity_date"),
        ("activity_open_email", "lead_id"),
    ],
)
def test_a_missing_column(warehouse, table, column):
    warehouse.load(log(), drop=[f"{table}.{column}"])
    with refused(SourceError, table, column):
        warehouse.report(as_of=NOW)


@pytest.mark.parametrize(("table", "type_"), [("activity_send_email", "INTEGER"), ("activity_open_email", "INTEGER")])
def test_a_time_of_a_wrong_type(warehouse, table, type_):
    """Seconds since 1970, say: to read them as a date would be to guess."""
    warehouse.load(log(), drop=[f"{table}.activity_date"])
    warehouse.execute(f"ALTER TABLE {table} ADD COLUMN activity_date {type_}")
    with refused(SourceError, table, "activity_date"):
        warehouse.report(as_of=NOW)


@pytest.mark.parametrize("column", ["lead_id", "campaign_id"])
def test_an_id_of_a_wrong_type(warehouse, column):
    warehouse.load(log(), drop=[f"activity_send_email.{column}"])
    warehouse.execute(f"ALTER TABLE activity_send_email ADD COLUMN {column} TIMESTAMP")
    with refused(SourceError, "activity_send_email", column):
        warehouse.report(as_of=NOW)


@pytest.mark.parametrize("spelling", ["soon", "10/03/2024 09:00", "2024-03-10 at nine"])
def test_a_text_that_is_no_time(warehouse, spelling):
    """Nor may it pass for a null, or for a day of October. Where the database refuses it, that is said."""
    load_with(warehouse, "activity_open_email", "activity_date", spelling)
    with refused((SourceError, DatabaseError), spelling):
        warehouse.report(as_of=NOW)


@pytest.mark.parametrize(("column", "spelling"), [("lead_id", "abc"), ("campaign_id", "12abc")])
def test_a_text_that_is_no_id(warehouse, column, spelling):
    """Nor may it pass for a null, for 0 or for its beginning."""
    load_with(warehouse, "activity_open_email", column, spelling)
    with refused((SourceError, DatabaseError), spelling):
        warehouse.report(as_of=NOW)


def load_with(warehouse, table: str, column: str, text: str) -> None:
    """Load the log, but the table's column is a text one and holds that text."""
    tables = []
    for found in fivetran_tables(log()):
        if found.name == table:
            place = list(found.columns).index(column)
            rows = [(*row[:place], text, *row[place + 1 :]) for row in found.rows]
            found = found._replace(columns={**found.columns, column: "text"}, rows=rows)
        tables.append(found)
    warehouse.clear()
    load(tables, warehouse.uri)

"""What a person can get wrong is answered with one line that names it, as an error of the right class."""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from logs import Log, fivetran_tables, generate, load, utc

from superset_campaign_plugin.errors import CampaignError, DatabaseError, RefreshError, SourceError, UsageError
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA
from superset_campaign_plugin.reporting.run_report import run_report

pytestmark = pytest.mark.on_every_engine

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


@pytest.mark.on_spark
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
        ("activity_send_email", "lead_id"),
        ("activity_send_email", "primary_attribute_value_id"),
        ("activity_send_email", "activity_date"),
        ("activity_open_email", "lead_id"),
    ],
)
@pytest.mark.on_spark
def test_a_missing_column(warehouse, table, column):
    warehouse.load(log(), drop=[f"{table}.{column}"])
    with refused(SourceError, table, column):
        warehouse.report(as_of=NOW)


@pytest.mark.parametrize(("table", "type_"), [("activity_send_email", "INTEGER"), ("activity_open_email", "INTEGER")])
@pytest.mark.on_spark
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
@pytest.mark.on_spark
def test_a_text_that_is_no_time(warehouse, spelling):
    """Nor may it pass for a null, or for a day of October. Where the database refuses it, that is said."""
    load_with(warehouse, "activity_open_email", "activity_date", spelling)
    with refused((SourceError, DatabaseError), spelling):
        warehouse.report(as_of=NOW)


@pytest.mark.parametrize(
    ("column", "spelling"), [("lead_id", "abc"), ("campaign_id", "12abc"), ("lead_id", "9223372036854775808")]
)
@pytest.mark.on_spark
def test_a_text_that_is_no_id(warehouse, column, spelling):
    """Nor may it pass for a null, for 0, for its beginning or for the largest that there is."""
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


# ---------------------------------------------------------------------------------------------------------------
# While tables are stored

# Whoever else is in the database, for each server.
CUT_OFF = {
    "postgresql": "SELECT pg_terminate_backend({})",
    "mysql": "KILL {}",
}
OTHERS = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "mysql": "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
}


def cut_off_all_others(warehouse) -> None:
    engine = sa.create_engine(warehouse.uri, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        for other in connection.execute(sa.text(OTHERS[warehouse.engine])).scalars().all():
            connection.execute(sa.text(CUT_OFF[warehouse.engine].format(other)))


def stored_figures(warehouse) -> list[dict[str, object]]:
    return warehouse.records(as_of=NOW, facts=StoredSource(DEFAULT_SCHEMA))


@pytest.mark.parametrize("engine", ["postgresql", "mysql"], indirect=True)
@pytest.mark.parametrize("step", ["Email records", "Changing over"])
def test_a_connection_that_is_lost_in_a_refresh(warehouse, step):
    """It is told, readers keep the tables that were there, and the next refresh ends right."""
    warehouse.load(log())
    refresh(warehouse.uri)
    before = stored_figures(warehouse)

    def cut_off(title: str) -> None:
        if title == step:
            cut_off_all_others(warehouse)

    with refused(DatabaseError, warehouse.uri.partition("?")[0]):
        refresh(warehouse.uri, full=True, progress=cut_off)
    assert stored_figures(warehouse) == before
    assert refresh(warehouse.uri, full=True).mode == "full"
    assert stored_figures(warehouse) == before == warehouse.records(as_of=NOW)


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"], indirect=True)
def test_a_disk_that_fills_up_in_a_refresh(warehouse):
    """The database may hold a little more than the log: the tables do not fit, and what was there stays as it was."""
    warehouse.load(generate(100_000, seed=1))
    file = Path(sa.engine.make_url(warehouse.uri).database)
    before, limit = warehouse.records(as_of=NOW), file.stat().st_size + 20_000
    command = [sys.executable, "-c", "from superset_campaign_plugin.cli import main; main()"]
    done = subprocess.run(
        [*command, "refresh", "--uri", warehouse.uri],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"Error: {file.parent}/")
    assert "disk" in line
    with pytest.raises(RefreshError, match="no stored tables"):
        stored_figures(warehouse)
    assert warehouse.records(as_of=NOW) == before
    assert [path.name for path in file.parent.iterdir() if not path.name.endswith(".lock")] == [file.name]
    refresh(warehouse.uri)
    assert stored_figures(warehouse) == before

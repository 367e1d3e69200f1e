"""What an account may not do ends with the statements that let it, and these statements are enough.

As an administrator would: each refusal is followed to the letter, until the command works.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import logs
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.rights import how_to_grant
from superset_campaign_plugin.warehouse import parse_uri

# What a password may hold, and what an address takes for its own.
PASSWORD = "p@ss/w%rd:x#y?z '%40"
# As the tests for a right that is missing would say it, of an engine without statements of its own.
ODD = [
    "Insufficient privileges to operate on schema 'REPORT'",
    "SQL access control error: Insufficient privileges",
    "Access Denied: Table p:d.t: User does not have permission to query table",
    "Code: 497. DB::Exception: u: Not enough privileges.",
]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(campaign, arguments)


class Accounts:
    """An account `writer` that fills the stored tables and a `reader` of them, with no right at all to begin with."""

    def __init__(self, warehouse: Any) -> None:
        self.warehouse = warehouse
        self.admin = sa.create_engine(warehouse.uri, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT")
        self.name = sa.engine.make_url(warehouse.uri).database
        self.schema = ["--schema", "marketo"] if warehouse.engine == "postgresql" else []

    def run(self, *statements: str, role: str | None = None) -> None:
        with self.admin.connect() as connection:
            if role:
                connection.execute(sa.text(f"SET ROLE {role}"))
            for statement in statements:
                connection.execute(sa.text(statement.replace(":", r"\:")))

    def uri(self, account: str) -> str:
        scheme, _, place = self.warehouse.uri.partition("://")
        return f"{scheme}://{account}:{quote(PASSWORD, safe='')}@{place.partition('@')[2]}"

    def works(self, account: str, *command: str) -> bool:
        return run(*command, "--uri", self.uri(account), *self.schema).exit_code == 0

    def granted(self, account: str, *command: str) -> list[str]:
        """The statements that were said and run, one refusal after the other, until the command works."""
        ran: list[str] = []
        while True:
            result = run(*command, "--uri", self.uri(account), *self.schema)
            if result.exit_code == 0:
                return ran
            assert isinstance(result.exception, SystemExit), repr(result.exception)
            assert result.exit_code == 1
            assert result.stderr.count("\n") == 1
            assert not any(part in result.stderr for part in (PASSWORD, quote(PASSWORD, safe=""), "ss/w", "w%rd"))
            said = re.search(r"(?:runs|makes the schema for it): (.*?)(?:; check --uri.*)?$", result.stderr.strip())
            assert said is not None, result.stderr
            statements = said[1].split("; ")
            assert not set(statements) <= set(ran), f"said twice: {result.stderr}"
            # The sentence says who runs them; the stored tables are the writer's.
            by_maker = "the account that makes the tables runs" in result.stderr and "campaign_report" in said[1]
            self.run(*statements, role="writer" if by_maker else None)
            ran += statements


@pytest.fixture(params=["postgresql", "mysql"])
def accounts(request: pytest.FixtureRequest, warehouse_on: Callable[[str], Any]) -> Any:
    warehouse = warehouse_on(request.param)
    log = logs.Log().campaign(1, "Spring").email(10, "Invitation")
    log.send(1, 10, 100, "2024-03-01 10:00").open(1, 10, 100, "2024-03-01 10:05")
    logs.write(log, warehouse.uri, schema="marketo" if request.param == "postgresql" else None)
    made = Accounts(warehouse)
    literal = "'" + PASSWORD.replace("'", "''") + "'"
    if request.param == "postgresql":
        made.run(*(f"CREATE ROLE {name} LOGIN PASSWORD {literal}" for name in ("writer", "reader")))
    else:
        made.run(*(f"CREATE USER {name}@'%' IDENTIFIED BY {literal}" for name in ("writer", "reader")))
    yield made
    if request.param == "postgresql":
        made.run(*(f"DROP OWNED BY {name} CASCADE" for name in ("writer", "reader")), "DROP ROLE writer, reader")
    else:
        made.run("DROP USER writer@'%', reader@'%'")
    warehouse.drop()


def test_what_is_said_is_enough_to_refresh_and_to_read(accounts: Accounts) -> None:
    """The writer makes, extends and replaces the tables, and the reader reads them, also the replaced ones."""
    postgresql = accounts.warehouse.engine == "postgresql"
    granted = accounts.granted("writer", "refresh")
    assert accounts.works("writer", "refresh", "--full")
    accounts.run(*more_rows("marketo." if postgresql else ""))
    brought = run("refresh", "--uri", accounts.uri("writer"), *accounts.schema)
    assert brought.stdout.startswith("incremental: "), brought.output
    if postgresql:
        assert granted == [
            "GRANT USAGE ON SCHEMA marketo TO writer",
            "GRANT SELECT ON ALL TABLES IN SCHEMA marketo TO writer",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA marketo GRANT SELECT ON TABLES TO writer",
            "CREATE SCHEMA campaign_report AUTHORIZATION writer",
        ]
    else:
        assert granted[0] == f"GRANT SELECT ON {accounts.name}.* TO 'writer'@'%'"
        assert len(granted) == 2
    read = accounts.granted("reader", "report", "--stored")
    assert read[0] == (
        "GRANT USAGE ON SCHEMA campaign_report TO reader"
        if postgresql
        else f"GRANT SELECT ON {accounts.name}.* TO 'reader'@'%'"
    )
    assert accounts.works("writer", "refresh", "--full")
    assert accounts.works("reader", "report", "--stored")
    assert not accounts.works("reader", "refresh", "--full")
    assert accounts.works("reader", "report", "--stored")


def test_where_a_schema_was_made_for_it_an_account_needs_no_right_on_the_database(accounts: Accounts) -> None:
    if accounts.warehouse.engine != "postgresql":
        pytest.skip("a schema is a database there")
    accounts.run(
        "GRANT USAGE ON SCHEMA marketo TO writer",
        "GRANT SELECT ON ALL TABLES IN SCHEMA marketo TO writer",
        "CREATE SCHEMA campaign_report",
        "GRANT USAGE, CREATE ON SCHEMA campaign_report TO writer",
    )
    assert accounts.works("writer", "refresh")
    # Its next refresh compares in temporary tables.
    accounts.run(f'REVOKE TEMPORARY ON DATABASE "{accounts.name}" FROM PUBLIC', *more_rows("marketo."))
    assert accounts.granted("writer", "refresh") == [f"GRANT TEMPORARY ON DATABASE {accounts.name} TO writer"]


def more_rows(schema: str) -> list[str]:
    """The statements that add a send."""
    return [
        f"CREATE TABLE {schema}more AS SELECT * FROM {schema}activity_send_email",
        f"UPDATE {schema}more SET id = id + 1000, lead_id = 101",
        f"INSERT INTO {schema}activity_send_email SELECT * FROM {schema}more",
    ]


def test_reading_the_loaders_tables_needs_what_is_said(accounts: Accounts) -> None:
    granted = accounts.granted("reader", "report")
    assert granted
    assert all(re.match(r"GRANT (USAGE|SELECT) ON|ALTER DEFAULT PRIVILEGES", each) for each in granted)


@pytest.mark.parametrize("message", ODD)
def test_an_engine_without_statements_of_its_own_is_told_by_what_it_refuses(message: str) -> None:
    url = sa.engine.make_url("snowflake://loader:secret@account/db")
    for statement, right in (("SELECT 1", "select from these tables"), ("CREATE TABLE x", "create and change tables")):
        told = how_to_grant(sa.exc.ProgrammingError(statement, {}, Exception(message)), url)
        assert told is not None
        assert f"an administrator grants loader the right to {right}" in told
        assert "secret" not in told


@pytest.mark.parametrize("message", ["syntax error", "Access denied for user 'u'@'h' (using password: YES)"])
def test_another_error_is_about_no_right(message: str) -> None:
    assert how_to_grant(sa.exc.OperationalError("SELECT 1", {}, Exception(message))) is None


# ---------------------------------------------------------------------------------------------------------------
# Passwords in a URI


@pytest.mark.parametrize("password", [PASSWORD, "a@b", "x@", "x@?y", "a/b@c", "p?q@r", "p#q@r"])
def test_a_password_is_taken_encoded_and_never_shown_raw(password: str) -> None:
    place = "127.0.0.1:1/database"
    url, _ = parse_uri(f"postgresql://u:{quote(password, safe='')}@{place}?sslmode=disable")
    assert (url.password, url.host, url.database) == (password, "127.0.0.1", "database")
    with pytest.raises(UsageError, match=r"second @.*percent-encoded: @ as %40") as raised:
        parse_uri(f"postgresql://u:{password}@{place}")
    assert password not in str(raised.value)


@pytest.mark.parametrize(
    "uri",
    [
        "duckdb:////data/a@b/c@d.duckdb",
        "postgresql://u:p@h/d?application_name=me@there",
        "postgresql://u@h/d@e",
        "postgresql://u:a/b@h/d",
        "snowflake://u:p@account/db/schema?warehouse=w&role=a@b",
    ],
)
def test_an_address_with_an_at_elsewhere_is_taken(uri: str) -> None:
    parse_uri(uri)

"""A wrong or a forgotten --schema ends with the one that holds the tables, and that one works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import logs
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from superset_campaign_plugin.cli import campaign


def run(*arguments: str) -> Result:
    return CliRunner().invoke(campaign, arguments)


def place_of_tables(warehouse: Any) -> str:
    """Where `fill` puts them: where an engine has no schemas within a database, in the only place there is."""
    if warehouse.engine in ("duckdb", "postgresql"):
        return 'Marke"to'
    return "main" if warehouse.engine == "sqlite" else str(sa.engine.make_url(warehouse.uri).database)


@pytest.fixture
def uri(warehouse: Any) -> Iterator[str]:
    """The warehouse's URI, for an account that sees no other database of the server: on MySQL databases are schemas."""
    url = sa.engine.make_url(warehouse.uri)
    if warehouse.engine != "mysql":
        yield warehouse.uri
        return
    name = f"only_{url.database}"
    warehouse.execute(f"CREATE USER {name}@'%'", f"GRANT ALL ON {url.database}.* TO {name}@'%'")
    yield url.set(username=name, password=None).render_as_string(hide_password=False)
    warehouse.execute(f"DROP USER {name}@'%'")


@pytest.fixture
def filled(warehouse: Any) -> Any:
    log = logs.Log().campaign(1, "Spring").send(1, 10, 100, "2024-03-01 10:00")
    logs.write(log, warehouse.uri)
    if warehouse.engine in ("duckdb", "postgresql"):
        schema = 'Marke""to'
        move = 'CREATE TABLE "{0}".{1} AS FROM {1}; DROP TABLE {1}' if warehouse.engine == "duckdb" else ""
        move = move or 'ALTER TABLE {1} SET SCHEMA "{0}"'
        tables = [table.name for table in logs.fivetran_tables(log)]
        warehouse.execute(
            f'CREATE SCHEMA "{schema}"',
            *(each for table in tables for each in move.format(schema, table).split("; ")),
        )
    return warehouse


@pytest.mark.parametrize("command", ["report", "doctor", "sql", "refresh", "bundle"])
def test_the_schema_that_holds_the_tables_is_named(filled: Any, uri: str, command: str, tmp_path: Any) -> None:
    more = ["--output", str(tmp_path / "a.zip")] if command == "bundle" else []
    place = place_of_tables(filled)
    wrong = [["--schema", "nowhere"]]
    if filled.engine in ("duckdb", "postgresql"):
        wrong.append([])
    for schema in wrong:
        told = run(command, "--uri", uri, *schema, *more)
        assert (told.exit_code, told.stdout) == (1, ""), told.output
        [line] = told.stderr.splitlines()
        assert line.endswith(f": the tables lie in schema {place}; give --schema {place}")
        assert re.match(r"Error: no layout's table of sent emails in (schema nowhere|the default schema): ", line)
        told = run(command, "--uri", uri, "--source", "fivetran", *schema, *more)
        assert told.stderr.endswith(f"; the tables lie in schema {place}; give --schema {place}\n")
        assert re.match(r"Error: no table activity_send_email in (schema nowhere|the default schema): ", told.stderr)
    right = run(command, "--uri", uri, "--schema", place, *more)
    assert right.exit_code == 0, right.output


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"], indirect=True)  # elsewhere one schema is all there is
def test_of_several_schemas_all_are_named(filled: Any) -> None:
    filled.execute("CREATE SCHEMA another", 'CREATE TABLE another.activity_send_email AS SELECT 1 AS "id"')
    told = run("sql", "--uri", filled.uri, "--schema", "nowhere")
    assert 'such tables lie in the schemas Marke"to, another; give --schema NAME' in told.stderr


def test_where_no_schema_holds_them_the_layout_may_be_wrong(warehouse: Any, uri: str) -> None:
    warehouse.execute("CREATE TABLE something_else (id INTEGER)")
    told = run("sql", "--uri", uri)
    assert told.stderr.endswith("check --schema, or give --source with a mapping of your own\n")
    told = run("sql", "--uri", uri, "--source", "fivetran")
    assert told.stderr.endswith("the fivetran layout needs it; check --source and --schema\n")

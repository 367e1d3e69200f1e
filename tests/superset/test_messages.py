"""What the commands on a deployment say: where things are, what is missing, and nothing that nobody can know."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import logs
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from deployment import DATABASE, IMPORTED, SCHEMA, SLUGS, Deployment, put_back

from superset_campaign_plugin.cli import campaign

ROLE = "Campaign Report Viewer"
PASSWORD = "s3cret"


@pytest.fixture
def app(deployment: Deployment) -> Iterator[Deployment]:
    """An application context; whatever the test did, the report is installed as it was at its end."""
    with deployment.app.app_context():
        yield deployment
        put_back()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(campaign, list(arguments))


def lines(*arguments: str) -> list[str]:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


# ---------------------------------------------------------------------------------------------------------------
# After an installation

REFRESH = "next: superset campaign refresh (it stores the figures in the warehouse, and charts open faster)"
GIVE = f"next: give people the role {ROLE!r} (nobody has it yet)"


@pytest.mark.parametrize("root", ["", "/reports"])
def test_an_installation_ends_with_where_it_is_and_what_to_do(app: Deployment, root: str) -> None:
    from superset import db, security_manager

    client = app.client("admin")
    before = app.app.config["APPLICATION_ROOT"]
    app.app.config["APPLICATION_ROOT"] = root or "/"
    try:
        *_, first, second, refresh = lines("install")
        assert refresh == REFRESH
        for line in (first, second):
            title, path = re.fullmatch(rf"(.+) is at {root}(/superset/dashboard/[\w-]+/)", line).groups()
            page = client.get(path)
            assert page.status_code == 200
            assert title in page.text
            assert path.split("/")[3] in SLUGS
        told = json.loads(run("install", "--json").stdout)
        assert [f"{title} is at {path}" for title, path in told["dashboards"].items()] == [first, second]
        assert told["next"] == [REFRESH.removeprefix("next: ")]
        security_manager.find_role(ROLE).user = []
        db.session.commit()
        assert lines("install")[-2:] == [REFRESH, GIVE]
    finally:
        app.app.config["APPLICATION_ROOT"] = before
    planned = run("install", "--dry-run")
    assert not re.search(" is at /|next: ", planned.stdout)
    assert not {"dashboards", "next"} & set(json.loads(run("install", "--dry-run", "--json").stdout))


def test_what_is_done_is_not_to_be_done(app: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "other.duckdb"
    file.write_bytes((app.folder / "warehouse.duckdb").read_bytes())
    lines("install", "--database", IMPORTED, "--uri", f"duckdb:///{file}", "--schema", SCHEMA)
    lines("refresh")
    assert not [line for line in lines("install") if line.startswith("next: ")]
    [stored] = [line for line in lines("status") if line.startswith("stored tables")]
    assert stored.endswith(": refreshed less than a minute ago")
    assert [line for line in lines("status") if line.startswith("seen by")][-1].endswith(f"{ROLE} (1 person)")


# ---------------------------------------------------------------------------------------------------------------
# A bundle that was imported


def test_nobody_is_said_to_have_changed_what_nobody_knows(bare: Deployment, tmp_path: Path) -> None:
    """Until people change it: then it is known what was there before."""
    from superset import db
    from superset.models.slice import Slice
    from test_import import _import

    from superset_campaign_plugin.superset_assets.identity import chart_uuid
    from superset_campaign_plugin.superset_assets.installed_assets import find

    def chart(name: str) -> Any:
        return find(Slice, str(chart_uuid("campaign_email_performance", name)))

    def told() -> str:
        return run("diff").stdout

    with bare.as_user("admin"):
        _import(bare, tmp_path / "bundle.zip")
        # As an older version of the report might call it.
        chart("campaigns").slice_name = "All campaigns"
        db.session.commit()
        assert run("install", "--database", DATABASE, "--schema", SCHEMA).exit_code == 0
        for _ in range(2):
            assert "slice_name: it differs, and what was shipped before is not known; it stays" in told()
            assert "people changed" not in told()
            [asset] = json.loads(run("diff", "--json").stdout)
            assert [each["shipped_before_known"] for each in asset["fields"]] == [False]
            lines("install")
        chart("campaigns").slice_name = "Our campaigns"
        chart("emails").slice_name = "Our emails"
        db.session.commit()
        assert told().count("slice_name: people changed it; it stays") == 2
        assert "not known" not in told()
        lines("install", "--overwrite", "campaigns")
        assert chart("campaigns").slice_name == "Campaigns"


# ---------------------------------------------------------------------------------------------------------------
# The warehouse is a database of this Superset: nobody gave a --uri


def file_is_away(app: Deployment) -> Callable[[], None]:
    file = app.folder / "warehouse.duckdb"
    file.rename(file.with_suffix(".away"))
    return lambda: file.with_suffix(".away").rename(file) and None


def file_is_other(app: Deployment) -> Callable[[], None]:
    back = file_is_away(app)
    file = app.folder / "warehouse.duckdb"
    file.write_text("This is no database. " * 500)

    def undo() -> None:
        file.unlink()
        back()

    return undo


def tables_are_elsewhere(app: Deployment) -> Callable[[], None]:
    import duckdb

    def rename(old: str, new: str) -> None:
        with duckdb.connect(str(app.folder / "warehouse.duckdb")) as connection:
            tables = connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = ?", [old]
            ).fetchall()
            connection.execute(f"CREATE SCHEMA {new}")
            for (table,) in tables:
                connection.execute(f"CREATE TABLE {new}.{table} AS FROM {old}.{table}")
            connection.execute(f"DROP SCHEMA {old} CASCADE")

    rename(SCHEMA, "elsewhere")
    return lambda: rename("elsewhere", SCHEMA)


WITHOUT_LAYOUT = ("diff", "status", "refresh")
COMMANDS = [("install",), *((name,) for name in WITHOUT_LAYOUT), ("grant", ROLE, "--workspace", "EMEA")]


@pytest.mark.parametrize("fault", [file_is_away, file_is_other, tables_are_elsewhere])
def test_the_database_of_this_superset_is_named(
    app: Deployment, fault: Callable[[Deployment], Callable[[], None]]
) -> None:
    from superset import db
    from superset.models.core import Database

    undo = fault(app)
    try:
        told = {command[0]: run(*command) for command in COMMANDS}
    finally:
        # Superset keeps the file open.
        for database in db.session.query(Database):
            with database.get_sqla_engine() as engine:
                engine.dispose()
        undo()
    for command, result in told.items():
        said = result.stdout + result.stderr
        assert (result.exit_code == 0) == (command == "status"), said
        assert "--uri" not in said
        if fault is not tables_are_elsewhere:
            assert f"check the database '{DATABASE}' of this Superset" in said
        elif command in WITHOUT_LAYOUT:
            assert "the tables lie in schema elsewhere; run: superset campaign install --schema elsewhere" in said
        elif command == "install":
            assert "the tables lie in schema elsewhere; give --schema elsewhere" in said


# ---------------------------------------------------------------------------------------------------------------
# A right that is missing


def catalogs() -> list[str]:
    """What Superset has a permission on a catalog for."""
    from superset import db, security_manager

    kind = security_manager.find_permission("catalog_access")
    found = db.session.query(security_manager.permissionview_model).filter_by(permission=kind)
    return [each.view_menu.name for each in found] if kind is not None else []


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_validate_says_what_to_grant(app: Deployment, warehouse_on: Any, engine: str) -> None:
    """For each chart, and what is said is enough."""
    warehouse = warehouse_on(engine)
    log = logs.Log().campaign(1, "Spring").email(10, "Invitation")
    logs.write(log.send(1, 10, 100, "2024-03-01 10:00").deliver(1, 10, 100, "2024-03-01 10:01"), warehouse.uri)
    url = sa.engine.make_url(warehouse.uri)
    account, grant, take = {
        "postgresql": (
            f"CREATE ROLE checker LOGIN PASSWORD '{PASSWORD}'",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO checker",
            "REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM checker",
        ),
        "mysql": (
            f"CREATE USER checker@'%' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT SELECT ON {url.database}.* TO checker@'%'",
            f"REVOKE SELECT ON {url.database}.* FROM checker@'%'",
        ),
    }[engine]
    warehouse.execute(account, grant)
    uri = url.set(username="checker", password=PASSWORD).render_as_string(hide_password=False)
    try:
        installed = run("install", "--database", IMPORTED, "--uri", uri)
        assert installed.exit_code == 0, installed.output
        assert not [name for name in catalogs() if name.startswith(f"[{DATABASE}]")], "which has no catalogs"
        assert run("validate").exit_code == 0
        warehouse.execute(take)
        checks = json.loads(run("validate", "--json").stdout)
        said = {each["message"] for each in checks if each["kind"] == "chart"}
        assert all(PASSWORD not in each for each in said)
        statements = {found[1] for each in said if (found := re.search(r"runs: (GRANT .*)", each))}
        assert len(said) == len([each for each in said if "GRANT " in each]) > 0, said
        warehouse.execute(*{part for each in statements for part in each.split("; ")})
        again = run("validate")
        assert again.exit_code == 0, again.output
    finally:
        run("uninstall", "--yes")
        warehouse.execute(
            *({"postgresql": ["DROP OWNED BY checker", "DROP ROLE checker"]}.get(engine, ["DROP USER checker@'%'"]))
        )
        warehouse.drop()

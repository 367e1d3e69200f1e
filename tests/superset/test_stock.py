"""Bundles in a stock Superset over HTTP, which has nothing of the plugin: each import, with data in every chart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from deployment import SLUGS, Deployment, deploy_apart, serve
from logs import crowd
from visitor import Visitor, contexts

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.run import run_report

# With what an address must encode.
PASSWORD = "s3cr@t /%"
PEOPLE = 60


@dataclass(frozen=True)
class Stock:
    """The Superset, over HTTP and as the commands of its machine."""

    deployment: Deployment
    address: str

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `superset`."""
        environment = {**os.environ, **self.deployment.environment}
        command = [str(Path(sys.executable).parent / "superset"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    deployment = deploy_apart(tmp_path_factory.mktemp("stock"), "", config="stock_config.py")
    with serve(deployment) as address:
        yield Stock(deployment, address)


@pytest.fixture
def admin(stock: Stock) -> Iterator[Visitor]:
    """The administrator; what was imported is gone afterwards."""
    visitor = Visitor(stock.address, "admin")
    yield visitor
    for kind in ("dashboard", "chart", "dataset", "database"):
        for each in visitor.json(f"/api/v1/{kind}/?q=(page_size:100)")["result"]:
            assert visitor.delete(f"/api/v1/{kind}/{each['id']}").status_code == 200


ACCOUNTS = {
    "postgresql": (
        "CREATE ROLE stock_reader LOGIN PASSWORD {password}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO stock_reader",
    ),
    "mysql": (
        "CREATE USER stock_reader@'%' IDENTIFIED BY {password}",
        "GRANT SELECT ON {database}.* TO stock_reader@'%'",
    ),
}
REMOVALS = {
    "postgresql": ("DROP OWNED BY stock_reader", "DROP ROLE stock_reader"),
    "mysql": ("DROP USER stock_reader@'%'",),
}


@pytest.fixture(scope="module", params=["duckdb", *ACCOUNTS])
def warehouse(request: pytest.FixtureRequest, warehouse_on: Callable[[str], Any]) -> Iterator[Any]:
    """A warehouse on that engine; where there are accounts, as one with a password that may only read."""
    found = warehouse_on(request.param).load(crowd(people=PEOPLE, seed=5))
    owner = found.uri
    url = sa.engine.make_url(owner)
    for statement in ACCOUNTS.get(request.param, ()):
        found.execute(statement.format(password=f"'{PASSWORD}'", database=url.database))
    if request.param in ACCOUNTS:
        found.uri = url.set(username="stock_reader", password=PASSWORD).render_as_string(hide_password=False)
    yield found
    found.uri = owner
    found.execute(*REMOVALS.get(request.param, ()))
    found.drop()


def bundle(warehouse: Any, folder: Path, *options: str) -> Path:
    file = folder / f"{len(list(folder.iterdir()))}.zip"
    command = ["bundle", "--uri", warehouse.uri, "--database", "Campaigns", "--output", str(file), *options]
    result = CliRunner().invoke(campaign, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return file


def upload(admin: Visitor, path: str, file: Path, field: str, password: bool, **form: str) -> None:
    if password:
        form["passwords"] = json.dumps({"databases/warehouse.yaml": PASSWORD})
    answer = admin.post(path, files={field: (file.name, file.read_bytes(), "application/zip")}, data=form)
    assert answer.status_code == 200, answer.text[:2000]


def import_dashboards(admin: Visitor, file: Path, password: bool) -> None:
    """As the page *Dashboards* does it."""
    upload(admin, "/api/v1/dashboard/import/", file, "formData", password, overwrite="true")


def import_assets(admin: Visitor, file: Path, password: bool, **form: str) -> None:
    upload(admin, "/api/v1/assets/import/", file, "bundle", password, **form)


def check_charts(admin: Visitor, warehouse: Any, **asked: Any) -> list[Any]:
    """Every chart of both dashboards answers as it opens, and has the figures of the report; gives all rows."""
    sent, shown = 0, []
    for slug in SLUGS:
        found = contexts(admin, slug)
        assert found
        for title, context in found.items():
            rows, *more = admin.ask(context)
            assert rows, title
            shown.append(rows)
            if title == "Campaigns":
                sent = more[0][0]["sent"]
    assert sent == run_report(warehouse.uri, by=[], **asked).records()[0]["sent"] > 0
    return shown


def test_import_of_dashboards(admin: Visitor, warehouse: Any, tmp_path: Path) -> None:
    file = bundle(warehouse, tmp_path)
    for _ in range(2):
        import_dashboards(admin, file, password=warehouse.engine != "duckdb")
    shown = check_charts(admin, warehouse)
    # Nothing leads to a preview, which a stock Superset does not have.
    assert "href" not in json.dumps(shown)


def test_import_of_assets_and_of_a_newer_bundle(admin: Visitor, warehouse: Any, tmp_path: Path) -> None:
    import_assets(admin, bundle(warehouse, tmp_path, "--for", "assets"), warehouse.engine != "duckdb")
    check_charts(admin, warehouse)
    newer = bundle(warehouse, tmp_path, "--for", "assets", "--merged-apart", "--leave-out", "operational")
    for _ in range(2):
        import_assets(admin, newer, password=False)
        [dataset] = [each for each in datasets(admin) if each["table_name"] == "campaign_email_performance"]
        assert "operational" in dataset["sql"].split("newest_emails")[-1]
    check_charts(admin, warehouse, rules=Rules(merge_people=False, leave_out_operational=True))


def datasets(admin: Visitor) -> list[dict[str, Any]]:
    return [
        admin.json(f"/api/v1/dataset/{each['id']}")["result"]
        for each in admin.json("/api/v1/dataset/?q=(page_size:100)")["result"]
    ]


def register(admin: Visitor, warehouse: Any) -> dict[str, Any]:
    """A connection of the administrator's own; gives what Superset says of it."""
    body = {"database_name": "Our own", "sqlalchemy_uri": warehouse.uri, "expose_in_sqllab": True}
    if warehouse.engine == "duckdb":
        body["extra"] = json.dumps({"engine_params": {"connect_args": {"read_only": True}}})
    answer = admin.post("/api/v1/database/", json=body)
    assert answer.status_code == 201, answer.text
    return connection(admin, answer.json()["id"])


def connection(admin: Visitor, id_: int) -> dict[str, Any]:
    return admin.json(f"/api/v1/database/{id_}/connection")["result"]


def test_the_command_onto_a_connection_that_is_there(
    stock: Stock, admin: Visitor, warehouse: Any, tmp_path: Path
) -> None:
    """It has no way to give a password."""
    before = register(admin, warehouse)
    file = bundle(warehouse, tmp_path, "--database-uuid", before["uuid"])
    # The command takes long to start, and what it does a second time is the same on every engine.
    for _ in range(2 if warehouse.engine == "postgresql" else 1):
        done = stock.command("import-dashboards", "-p", str(file), "-u", "admin")
        assert done.returncode == 0, done.stderr[-2000:]
    check_charts(admin, warehouse)
    assert connection(admin, before["id"]) == before
    assert {each["database"]["id"] for each in datasets(admin)} == {before["id"]}


def test_assets_onto_a_connection_that_is_there(admin: Visitor, warehouse: Any, tmp_path: Path) -> None:
    before = register(admin, warehouse)
    file = bundle(warehouse, tmp_path, "--for", "assets", "--database-uuid", before["uuid"])
    for _ in range(2):
        import_assets(admin, file, password=False, sparse="true")
    check_charts(admin, warehouse)
    assert connection(admin, before["id"]) == before

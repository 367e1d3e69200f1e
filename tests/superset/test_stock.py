"""Bundles in a stock Superset over HTTP, which has nothing of the plugin: each import, with data in every chart.

The import of dashboards is run on each engine, every other one on the engine that is hardest for it; with ROUNDS, as in
`make soak`, all are run on all.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import deployment
import pytest
import requests
import sqlalchemy as sa
import yaml
from click.testing import CliRunner
from dashboard_page import DASHBOARD, LONG, chart, choose, settle
from deployment import DATASETS, SLUG, SLUGS, Deployment, deploy_apart, serve
from layouts import LAYOUTS
from logs import Log, crowd, with_variants, write
from playwright.sync_api import Locator, Page, Playwright, expect
from visitor import Visitor, contexts, one_of_each

from superset_campaign_plugin.bundle.assemble import ROOT
from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.reporting.run_report import run_report
from superset_campaign_plugin.sources import get_layout
from superset_campaign_plugin.sources.assumed import LayoutCatalog
from superset_campaign_plugin.superset_assets.identity import dataset_uuid

# With what an address must encode.
PASSWORD = "s3cr@t /%"
PEOPLE = 60
REPORT = "campaign_email_performance"
# Somebody who reads dashboards and may see the data of every connection, as an administrator would let them.
READER = """
from superset import security_manager as security
deployment._add_user("reader", "Gamma")
data = security.add_role("Data")
security.add_permission_role(data, security.find_permission_view_menu("all_database_access", "all_database_access"))
user = security.find_user("reader")
user.roles = [*user.roles, data]
security.update_user(user)
"""


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
    superset = deploy_apart(tmp_path_factory.mktemp("stock"), READER, config="stock_config.py")
    with serve(superset) as address:
        yield Stock(superset, address)


@pytest.fixture
def admin(stock: Stock) -> Iterator[Visitor]:
    """The administrator; what was imported is gone afterwards."""
    visitor = Visitor(stock.address, "admin")
    yield visitor
    remove(visitor, "dashboard", "chart", "dataset", "database")


def remove(admin: Visitor, *kinds: str) -> None:
    for kind in kinds:
        for each in admin.json(f"/api/v1/{kind}/?q=(page_size:100)")["result"]:
            assert admin.delete(f"/api/v1/{kind}/{each['id']}").status_code == 200


@pytest.fixture(scope="session")
def reader(stock: Stock) -> Visitor:
    return Visitor(stock.address, "reader")


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


def people(seed: int) -> Log:
    """A log with something for every chart."""
    return with_variants(crowd(people=PEOPLE, seed=seed), random.Random(seed))


ENGINES = ("duckdb", *ACCOUNTS)
SOAK = "ROUNDS" in os.environ


def on(engine: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("warehouse", ENGINES if SOAK else [engine], indirect=True)


@pytest.fixture(scope="module", params=ENGINES)
def warehouse(request: pytest.FixtureRequest, warehouse_on: Callable[[str], Any]) -> Iterator[Any]:
    """A warehouse on that engine; where there are accounts, as one with a password that may only read."""
    found = warehouse_on(request.param).load(people(seed=5))
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


def bundle(warehouse: Any, folder: Path, *options: str, database: str = "Campaigns") -> Path:
    """A bundle for the warehouse, whose connection has the name, or is another one by the options."""
    name = () if "--database-uuid" in options else ("--database", database)
    return made(folder, "--uri", warehouse.uri, *name, *options)


def made(folder: Path, *options: str) -> Path:
    file = folder / f"{len(list(folder.iterdir()))}.zip"
    result = CliRunner().invoke(campaign, ["bundle", "--output", str(file), *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return file


def upload(admin: Visitor, path: str, file: Path, field: str, password: bool, **form: str) -> requests.Response:
    if password:
        form["passwords"] = json.dumps({"databases/warehouse.yaml": PASSWORD})
    # Else an error is a page, without its message.
    admin.session.headers["Accept"] = "application/json"
    return admin.post(path, files={field: (file.name, file.read_bytes(), "application/zip")}, data=form)


def import_dashboards(admin: Visitor, file: Path, password: bool) -> None:
    """As the page *Dashboards* does it."""
    answer = upload(admin, "/api/v1/dashboard/import/", file, "formData", password, overwrite="true")
    assert answer.status_code == 200, answer.text[:2000]


def import_assets(admin: Visitor, file: Path, password: bool, **form: str) -> None:
    answer = upload(admin, "/api/v1/assets/import/", file, "bundle", password, **form)
    assert answer.status_code == 200, answer.text[:2000]


def check_charts(visitor: Visitor, warehouse: Any, *, every: bool = False, **asked: Any) -> list[Any]:
    """A chart of each dataset answers as it opens, or `every` chart, and has the report's figures; gives all rows."""
    sent, shown = 0, []
    for slug in SLUGS:
        found = contexts(visitor, slug)
        assert found
        counted = {"Campaigns": found["Campaigns"]} if "Campaigns" in found else {}
        for title, context in (found if every else {**one_of_each(found), **counted}).items():
            rows, *_ = visitor.ask(context)
            assert rows, title
            shown.append(rows)
            if title == "Campaigns":
                sent = sum(row["sent"] for row in rows)
    assert sent == run_report(warehouse.uri, by=[], **asked).records()[0]["sent"] > 0
    return shown


def check_filter(visitor: Visitor, warehouse: Any, **asked: Any) -> None:
    """The values that a filter offers are the report's, and the chart with one of them has that campaign alone."""
    [slug] = [slug for slug in SLUGS if "Campaigns" in visitor.charts(slug)]
    context = contexts(visitor, slug)["Campaigns"]
    offered = {"columns": ["campaign_name"], "metrics": [], "row_limit": 1000, "filters": []}
    [values] = visitor.ask({**context, "queries": [offered]})
    report = run_report(warehouse.uri, by=["campaign"], **asked).records()
    name = min(row["campaign_name"] for row in report)
    assert {row["campaign_name"] for row in values} == {row["campaign_name"] for row in report}
    chosen = {"col": "campaign_name", "op": "IN", "val": [name]}
    queries = [{**query, "filters": [*query["filters"], chosen]} for query in context["queries"]]
    [rows] = visitor.ask({**context, "queries": queries})
    sent = {row["campaign_id"]: row["sent"] for row in report if row["campaign_name"] == name}
    assert {row["campaign_id"]: row["sent"] for row in rows} == sent


def sql_of(admin: Visitor) -> str:
    [dataset] = [each for each in datasets(admin) if each["table_name"] == REPORT]
    return str(dataset["sql"])


RULES = ("--people", "merged", "--leave-out", "operational")
SAME_RULES = Rules(people=People.MERGED, leave_out_operational=True)


def test_import_of_dashboards_and_of_a_newer_bundle(
    admin: Visitor, reader: Visitor, warehouse: Any, tmp_path: Path
) -> None:
    """The newer bundle's SQL replaces that of the older one, under the same ids, beside what people have added."""
    older = bundle(warehouse, tmp_path)
    for _ in range(2):
        import_dashboards(admin, older, password=warehouse.engine != "duckdb")
    # `test_other_engines.py` has every chart on MariaDB.
    shown = check_charts(reader, warehouse, every=SOAK or warehouse.engine != "mysql")
    check_filter(reader, warehouse)
    # Nothing leads to a preview, which a stock Superset does not have.
    assert "/campaign-email/" not in json.dumps(shown)
    before = {each["table_name"]: each["id"] for each in datasets(admin)}
    add_metric(admin, before[REPORT])
    newer = bundle(warehouse, tmp_path, *RULES)
    import_dashboards(admin, newer, password=False)
    assert sql_of(admin) == sql_in(newer) != sql_in(older)
    check_charts(reader, warehouse, rules=SAME_RULES)
    after = datasets(admin)
    assert {each["table_name"]: each["id"] for each in after} == before
    assert {each["uuid"] for each in after} == {str(dataset_uuid(name)) for name in before}
    [report] = [each for each in after if each["table_name"] == REPORT]
    assert "our_own" in {metric["metric_name"] for metric in report["metrics"]}


def add_metric(admin: Visitor, dataset: int) -> None:
    known = admin.json(f"/api/v1/dataset/{dataset}")["result"]["metrics"]
    metrics = [
        {"id": each["id"], "metric_name": each["metric_name"], "expression": each["expression"]} for each in known
    ]
    metrics.append({"metric_name": "our_own", "expression": "COUNT(*)"})
    answer = admin.put(f"/api/v1/dataset/{dataset}", json={"metrics": metrics})
    assert answer.status_code == 200, answer.text


def sql_in(file: Path) -> str:
    with zipfile.ZipFile(file) as archive:
        return str(yaml.safe_load(archive.read(f"{ROOT}/datasets/{REPORT}.yaml"))["sql"])


@on("mysql")
def test_import_of_assets_and_of_a_newer_bundle(
    admin: Visitor, reader: Visitor, warehouse: Any, tmp_path: Path
) -> None:
    import_assets(admin, bundle(warehouse, tmp_path, "--for", "assets"), warehouse.engine != "duckdb")
    check_charts(reader, warehouse)
    check_filter(reader, warehouse)
    newer = bundle(warehouse, tmp_path, "--for", "assets", *RULES)
    for _ in range(2):
        import_assets(admin, newer, password=False)
        assert sql_of(admin) == sql_in(newer)
    check_charts(reader, warehouse, rules=SAME_RULES)


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


def connections(admin: Visitor) -> list[dict[str, Any]]:
    return [connection(admin, each["id"]) for each in admin.json("/api/v1/database/?q=(page_size:100)")["result"]]


@on("postgresql")
def test_the_command_onto_a_connection_that_is_there(
    stock: Stock, admin: Visitor, reader: Visitor, warehouse: Any, tmp_path: Path
) -> None:
    """It has no way to give a password."""
    before = register(admin, warehouse)
    older, newer = (bundle(warehouse, tmp_path, "--database-uuid", before["uuid"], *rules) for rules in ((), RULES))
    for file in (older, newer):
        done = stock.command("import-dashboards", "-p", str(file), "-u", "admin")
        assert done.returncode == 0, done.stderr[-2000:]
        assert sql_of(admin) == sql_in(file)
    check_charts(reader, warehouse, rules=SAME_RULES)
    check_filter(reader, warehouse, rules=SAME_RULES)
    assert connections(admin) == [before]
    assert {each["database"]["id"] for each in datasets(admin)} == {before["id"]}


@on("postgresql")
def test_assets_onto_a_connection_that_is_there(
    admin: Visitor, reader: Visitor, warehouse: Any, tmp_path: Path
) -> None:
    before = register(admin, warehouse)
    file = bundle(warehouse, tmp_path, "--for", "assets", "--database-uuid", before["uuid"])
    for _ in range(2):
        import_assets(admin, file, password=False, sparse="true")
    check_charts(reader, warehouse)
    assert connections(admin) == [before]


# -------------------------------------------------------------------------------------------------------------------
# The dialog, in a browser


@pytest.fixture
def page(stock: Stock, playwright: Playwright) -> Iterator[Page]:
    """A browser in which the administrator has logged in."""
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
    page = browser.new_page(base_url=stock.address, viewport={"width": 1440, "height": 900})
    page.goto("/login/")
    page.wait_for_load_state("networkidle")
    page.fill("#username", "admin")
    page.fill("#password", deployment.PASSWORD)
    page.click("[type=submit]")
    page.wait_for_load_state("networkidle")
    yield page
    browser.close()


def open_dialog(page: Page, file: Path) -> Locator:
    """The dialog after the file was chosen and sent for the first time."""
    page.goto("/dashboard/list/")
    # 6.0 has no mark on the button, but the same icon.
    page.locator("[data-test=import-button], button:has([aria-label=download])").first.click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files(file)
    dialog.get_by_role("button", name="Import").click()
    return dialog


@pytest.mark.parametrize("warehouse", ["postgresql"], indirect=True)
def test_the_dialog(page: Page, admin: Visitor, warehouse: Any, tmp_path: Path) -> None:
    """It asks for the connection's password, and the second time whether to overwrite."""
    dialog = open_dialog(page, bundle(warehouse, tmp_path, "--database-uuid", str(uuid4())))
    expect(dialog).to_contain_text("no_connection_has_the_uuid_of_this_bundle.yaml", timeout=LONG)
    dialog = open_dialog(page, bundle(warehouse, tmp_path))
    dialog.locator("[name='password-databases/warehouse.yaml']").fill(PASSWORD)
    dialog.get_by_role("button", name="Import").click()
    expect(dialog).to_be_hidden(timeout=LONG)
    page.goto(DASHBOARD)
    settle(page)
    for name in ("Autumn", "Spring"):
        expect(chart(page, "Campaigns")).to_contain_text(name)
    # The pages of 6.0 come without the marks of controls.
    if page.locator("[data-test=filter-control-name]").count():
        choose(page, "Campaign", "Autumn")
        expect(chart(page, "Campaigns")).to_contain_text("Autumn")
        expect(chart(page, "Campaigns")).not_to_contain_text("Spring")
    newer = bundle(warehouse, tmp_path, *RULES)
    dialog = open_dialog(page, newer)
    dialog.locator("#overwrite").fill("OVERWRITE")
    dialog.get_by_role("button", name="Overwrite").click()
    expect(dialog).to_be_hidden(timeout=LONG)
    assert sql_of(admin) == sql_in(newer)
    page.goto(DASHBOARD)
    settle(page)
    check_charts(admin, warehouse, rules=SAME_RULES)


# -------------------------------------------------------------------------------------------------------------------
# What is the same on every engine

on_duckdb = pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)


@on_duckdb
def test_a_uuid_that_no_connection_has_stops_the_import(admin: Visitor, warehouse: Any, tmp_path: Path) -> None:
    """Without a word Superset would make a connection of what the bundle says of it."""
    for kind, path, field in (
        ("dashboards", "/api/v1/dashboard/import/", "formData"),
        ("assets", "/api/v1/assets/import/", "bundle"),
    ):
        file = bundle(warehouse, tmp_path, "--for", kind, "--database-uuid", str(uuid4()))
        answer = upload(admin, path, file, field, False, overwrite="true", sparse="true")
        assert answer.status_code in (422, 500)
        if kind == "dashboards":
            assert "databases/no_connection_has_the_uuid_of_this_bundle.yaml" in answer.text
    assert connections(admin) == datasets(admin) == []


@on_duckdb
def test_what_has_a_name_of_the_bundle_is_written_over(admin: Visitor, warehouse: Any, tmp_path: Path) -> None:
    """A connection and a dashboard. So Superset does it, and so the command and docs/install.md say."""
    before = register(admin, warehouse)
    answer = admin.post("/api/v1/dashboard/", json={"dashboard_title": "Ours", "slug": SLUG})
    assert answer.status_code == 201, answer.text
    import_dashboards(admin, bundle(warehouse, tmp_path, database="Our own"), password=False)
    [after] = connections(admin)
    assert after["id"] == before["id"]
    assert after["uuid"] != before["uuid"]
    dashboard = admin.json(f"/api/v1/dashboard/{answer.json()['id']}")["result"]
    assert (dashboard["slug"], dashboard["dashboard_title"] == "Ours") == (SLUG, False)


@pytest.fixture
def other_warehouse(warehouse_on: Callable[[str], Any]) -> Iterator[Any]:
    """Another database, of another engine, with other data."""
    found = warehouse_on("postgresql").load(people(seed=6))
    yield found
    found.drop()


@on_duckdb
def test_assets_move_to_another_database_with_their_connection(
    admin: Visitor, warehouse: Any, other_warehouse: Any, tmp_path: Path
) -> None:
    import_assets(admin, bundle(warehouse, tmp_path, "--for", "assets"), password=False)
    check_charts(admin, warehouse)
    import_assets(admin, bundle(other_warehouse, tmp_path, "--for", "assets"), password=False)
    check_charts(admin, other_warehouse)
    assert len(connections(admin)) == 1


@on_duckdb
def test_onto_another_connection_what_was_there_is_deleted_first(
    admin: Visitor, warehouse: Any, other_warehouse: Any, tmp_path: Path
) -> None:
    """Superset refuses assets whose datasets are on another connection, and no import of dashboards moves them."""
    import_dashboards(admin, bundle(warehouse, tmp_path), password=False)
    assets = bundle(other_warehouse, tmp_path, "--for", "assets", database="Other")
    answer = upload(admin, "/api/v1/assets/import/", assets, "bundle", False)
    assert answer.json()["errors"][0]["message"] == "Import failed for an unknown reason"
    dashboards = bundle(other_warehouse, tmp_path, database="Other")
    # Whether it is refused, too, is a matter of the metadata database.
    upload(admin, "/api/v1/dashboard/import/", dashboards, "formData", False, overwrite="true")
    check_charts(admin, warehouse)
    remove(admin, "dashboard", "chart", "dataset")
    import_dashboards(admin, dashboards, password=False)
    check_charts(admin, other_warehouse)
    assert len(datasets(admin)) == len(DATASETS)


@pytest.fixture
def full_warehouse(warehouse_on: Callable[[str], Any]) -> Iterator[Any]:
    """A PostgreSQL database with every table and column of Fivetran's layout, in a schema of its own."""
    found = warehouse_on("postgresql")
    log = people(seed=5).merge(100, 101).delete(999).address(100, "ann@example.com")
    log.campaign(1, "Spring", program=7).program(7, "Webinars").email(10, "Invitation")
    write(log, found.uri, layout=LAYOUTS["fivetran"], schema="marketo", zoned=True)
    known = LayoutCatalog(get_layout("fivetran"), get_engine("postgresql"), "marketo")
    times = {"created_at", "_fivetran_synced"}
    for table in known.tables():
        for column in known.columns(table) or ():
            kind = "TIMESTAMPTZ" if column in times else "TEXT"
            found.execute(f"ALTER TABLE marketo.{table} ADD COLUMN IF NOT EXISTS {column} {kind}")
    yield found
    found.drop()


def test_a_bundle_that_was_made_without_a_warehouse(
    admin: Visitor, reader: Visitor, full_warehouse: Any, tmp_path: Path
) -> None:
    """As a release has it: the administrator writes the address of the warehouse into the connection."""
    file = made(tmp_path, "--engine", "postgresql", "--source", "fivetran")
    import_dashboards(admin, file, password=False)
    [made_of_it] = connections(admin)
    assert made_of_it["sqlalchemy_uri"].startswith("postgresql://user@host/database")
    address = {"sqlalchemy_uri": f"{full_warehouse.uri}?options=-csearch_path%3Dmarketo"}
    answer = admin.put(f"/api/v1/database/{made_of_it['id']}", json=address)
    assert answer.status_code == 200, answer.text
    check_charts(reader, full_warehouse, schema="marketo")
    # Again, over it: the address stays.
    import_dashboards(admin, file, password=False)
    check_charts(reader, full_warehouse, schema="marketo")


def test_a_bundle_without_a_warehouse_on_a_connection_that_is_there(
    admin: Visitor, full_warehouse: Any, tmp_path: Path
) -> None:
    before = register(admin, full_warehouse)
    options = ("--engine", "postgresql", "--schema", "marketo", "--database-uuid", before["uuid"])
    import_dashboards(admin, made(tmp_path, *options), password=False)
    check_charts(admin, full_warehouse, schema="marketo")
    import_assets(admin, made(tmp_path, "--for", "assets", *options), password=False, sparse="true")
    check_charts(admin, full_warehouse, schema="marketo")
    assert connections(admin) == [before]

"""The built wheel in other releases of Superset and Python than this environment has, each in one of its own.

`make test` runs Superset 6.0 on this Python, in an environment that is kept from run to run; `VERSIONS=all`, as in
`make soak`, runs the others as well.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from deployment import PASSWORD, SCHEMA, SLUG, SLUGS, Deployment, environment_of, make_warehouse, serve
from visitor import Visitor, contexts, one_of_each

from scripts.environments import HERE, NoPythonError, build, install, uninstall
from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.embedding.portal import Superset
from superset_campaign_plugin.embedding.refusals import NO_SQL, SENTENCES
from superset_campaign_plugin.reporting.run_report import run_report

ROOT = Path(__file__).resolve().parents[2]
# Superset 6.1 on this Python is what all other tests run on.
CHEAP = ("6.0", HERE)
OTHERS = [
    (superset, python)
    for superset in ("6.0", "6.1")
    for python in ("3.10", "3.11", "3.12")
    if (superset, python) not in (CHEAP, ("6.1", HERE))
]
IS_SOAK = os.environ.get("VERSIONS") == "all"
WORKSPACE = "EMEA"
LINK = re.compile(r'href="(/campaign-email/\d+/\?[^"]*)"')


@dataclass(frozen=True)
class Place:
    """An environment, and a folder with a warehouse in it and the metadata of a Superset of that environment."""

    superset: str
    python: str
    environment: Path
    folder: Path
    secret: str

    @property
    def interpreter(self) -> str:
        return str(self.environment / "bin" / "python")

    @property
    def warehouse(self) -> str:
        return f"duckdb:///{self.folder}/warehouse.duckdb"

    def deployment(self, config: str) -> Deployment:
        # Nothing of this checkout.
        fixed = {"CAMPAIGN_TEST_SECRET_KEY": self.secret, "PYTHONPATH": ""}
        return Deployment(None, self.folder, {**environment_of(self.folder, config), **fixed}, {})

    def run(self, deployment: Deployment, *arguments: str) -> str:
        """Run a program of the environment where no checkout is; what it printed."""
        done = subprocess.run(
            [str(self.environment / "bin" / arguments[0]), *arguments[1:]],
            cwd=self.folder,
            env={**os.environ, **deployment.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}:\n{done.stderr[-3000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is in this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module", params=[CHEAP, *(OTHERS if IS_SOAK else ())], ids="superset-{0[0]}-on-{0[1]}".format)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An environment without the plugin, and the metadata of a new Superset."""
    superset, python = request.param
    try:
        environment = build(superset, python)
    except NoPythonError as error:
        pytest.skip(str(error))
    uninstall(environment, "superset-campaign-plugin")
    place = Place(superset, python, environment, tmp_path_factory.mktemp("version"), secrets.token_urlsafe(32))
    make_warehouse(place.folder)
    deployment = place.deployment("stock_config.py")
    place.run(deployment, "superset", "db", "upgrade")
    names = ["--username", "admin", "--firstname", "Ada", "--lastname", "Tester", "--email", "admin@example.com"]
    place.run(deployment, "superset", "fab", "create-admin", *names, "--password", PASSWORD)
    place.run(deployment, "superset", "init")
    return place


@pytest.fixture(scope="module")
def imported(place: Place) -> dict[str, list[list[dict[str, Any]]]]:
    """What every chart of a bundle shows, by title, that was imported by HTTP into a Superset without the plugin."""
    file = place.folder / "bundle.zip"
    command = ["bundle", "--uri", place.warehouse, "--schema", SCHEMA, "--database", "Imported", "--output", str(file)]
    assert CliRunner().invoke(campaign, command, catch_exceptions=False).exit_code == 0
    deployment = place.deployment("stock_config.py")
    with serve(deployment, python=place.interpreter, cwd=place.folder) as address:
        admin = Visitor(address, "admin")
        for _ in range(2):
            answer = admin.post(
                "/api/v1/dashboard/import/",
                files={"formData": (file.name, file.read_bytes(), "application/zip")},
                data={"overwrite": "true"},
            )
            assert answer.status_code == 200, answer.text[:2000]
        shown = {title: admin.ask(context) for title, context in one_of_each(all_contexts(admin)).items()}
        for kind in ("dashboard", "chart", "dataset", "database"):
            for each in admin.json(f"/api/v1/{kind}/?q=(page_size:100)")["result"]:
                assert admin.delete(f"/api/v1/{kind}/{each['id']}").status_code == 200
    return shown


@dataclass(frozen=True)
class Site:
    """The same Superset with the plugin, served; `embedding` is what a portal is told."""

    address: str
    embedding: dict[str, Any]
    warehouse: str

    def guest(self) -> Visitor:
        token = Superset(self.address, "admin", PASSWORD, self.embedding).guest_token("ann", workspaces=[WORKSPACE])
        return Visitor(self.address, token=token)


@pytest.fixture(scope="module")
def site(place: Place, imported: Any, wheel: Path) -> Iterator[Site]:
    """The wheel is installed, hooked in and told to install the report, as docs/install.md says."""
    install(place.environment, "--no-deps", str(wheel))
    deployment = place.deployment("superset_config.py")
    where = "import sys, superset_campaign_plugin as p; print('%d.%d' % sys.version_info[:2], p.__file__)"
    python, file = place.run(deployment, "python", "-c", where).split()
    assert python == place.python
    assert Path(file).is_relative_to(place.environment)
    place.run(deployment, "superset", "init")
    place.run(
        deployment, "superset", "campaign", "install", "--database", "W", "--uri", place.warehouse, "--schema", SCHEMA
    )
    command = ("superset-campaign", "embed", "--allow-domain", "https://portal.example.com", "--json")
    embedding = json.loads(place.run(deployment, *command))
    with serve(deployment, python=place.interpreter, cwd=place.folder) as address:
        yield Site(address, embedding, place.warehouse)


def all_contexts(admin: Visitor) -> dict[str, dict[str, Any]]:
    return {title: context for slug in sorted(SLUGS) for title, context in contexts(admin, slug).items()}


def everything(context: dict[str, Any]) -> dict[str, Any]:
    """The request over all time, and without a comparison with another range."""
    return {**context, "queries": [{**query, "filters": [], "time_offsets": []} for query in context["queries"]]}


@pytest.fixture(scope="module")
def asked(site: Site) -> dict[str, dict[str, Any]]:
    return all_contexts(Visitor(site.address, "admin"))


def sent(warehouse: str, **where: list[str]) -> int:
    return run_report(warehouse, schema=SCHEMA, by=[], where=where).records()[0]["sent"]


def test_a_bundle_in_a_superset_without_the_plugin(place: Place, imported: dict[str, Any]) -> None:
    assert len(imported) > len(SLUGS)
    for title, answers in imported.items():
        assert answers[0], title
    assert "/campaign-email/" not in json.dumps(imported), "nothing leads to a preview, which is not there"


def test_it_is_the_release_that_it_says(place: Place) -> None:
    version = "from importlib.metadata import version; print(version('apache-superset'))"
    assert place.run(place.deployment("stock_config.py"), "python", "-c", version).startswith(f"{place.superset}.")


def test_every_chart_has_the_numbers_of_the_report(site: Site, asked: dict[str, dict[str, Any]]) -> None:
    admin = Visitor(site.address, "admin")
    for title, context in asked.items():
        assert all(admin.ask(everything(context))), title
    [rows] = admin.ask(everything(asked["Campaigns"]))
    assert sum(row["sent"] for row in rows) == sent(site.warehouse) > 0


def links(visitor: Visitor, context: dict[str, Any]) -> list[str]:
    rows = visitor.ask(everything(context))[0]
    return [match[1] for row in rows for value in row.values() if (match := LINK.search(str(value)))]


def test_a_preview(site: Site, asked: dict[str, dict[str, Any]]) -> None:
    admin = Visitor(site.address, "admin")
    # The newest emails have no contents yet.
    address = next(each for each in links(admin, asked["Emails"]) if "/body?" in admin.get(each).text)
    assert 'class="url"' in admin.get(address).text, "the clicked links"
    assert admin.get(address.replace("/?", "/body?")).status_code == 200


def test_a_viewer_sees_the_report_and_no_rows_of_other_datasets(site: Site, asked: dict[str, dict[str, Any]]) -> None:
    admin = Visitor(site.address, "admin")
    roles = admin.json("/api/v1/security/roles/?q=(page_size:100)")["result"]
    role = next(each["id"] for each in roles if each["name"] == "Campaign Report Viewer")
    person = {"username": "vera", "first_name": "Vera", "last_name": "Tester", "email": "vera@example.com"}
    body = {**person, "password": PASSWORD, "roles": [role], "active": True}
    assert admin.post("/api/v1/security/users/", json=body).status_code == 201
    connection = admin.json("/api/v1/database/?q=(page_size:100)")["result"][0]["id"]
    theirs = {"database": connection, "table_name": "campaign", "schema": SCHEMA}
    dataset = admin.post("/api/v1/dataset/", json=theirs).json()["id"]
    viewer = Visitor(site.address, "vera")
    for title, context in asked.items():
        assert all(viewer.ask(everything(context))), title
    address = f"/datasource/samples?datasource_type=table&datasource_id={dataset}&page=1&per_page=10"
    assert admin.post(address, json={}).json()["result"]["data"]
    answer = viewer.post(address, json={})
    assert answer.status_code in (401, 403, 500)
    assert "result" not in answer.json(), answer.text[:500]


def test_a_guest_sees_their_rows_and_previews(site: Site, asked: dict[str, dict[str, Any]]) -> None:
    guest, admin = site.guest(), Visitor(site.address, "admin")
    for title in admin.charts(SLUG):
        assert all(guest.ask(everything(asked[title]))), title
    [rows] = guest.ask(everything(asked["Campaigns"]))
    assert 0 < sum(row["sent"] for row in rows) == sent(site.warehouse, workspace=[WORKSPACE]) < sent(site.warehouse)
    address, *_ = links(guest, asked["Emails"])
    assert "proof=" in address
    assert Visitor(site.address).get(address).status_code == 200
    assert "/login/" in Visitor(site.address).get(address.split("?")[0]).url


def test_a_guest_drills_to_the_rows_of_a_figure(site: Site) -> None:
    """With filters, as the page asks for them, and to no rows but their own."""
    dashboard = Visitor(site.address, "admin").json(f"/api/v1/dashboard/{SLUG}")["result"]["id"]
    dataset = site.embedding["datasets"]["campaign_email_performance"]
    address = f"/datasource/samples?datasource_type=table&datasource_id={dataset}&dashboard_id={dashboard}&per_page=50"

    def rows(*filters: dict[str, Any]) -> list[dict[str, Any]]:
        answer = site.guest().post(f"{address}&page=1", json={"filters": list(filters)})
        assert answer.status_code == 200, answer.text[:500]
        return answer.json()["result"]["data"]

    every = rows()
    name = every[0]["campaign_name"]
    drilled = rows({"col": "campaign_name", "op": "IN", "val": [name]})
    assert {row["campaign_name"] for row in drilled} == {name}
    assert {row["workspace"] for row in [*every, *drilled]} == {WORKSPACE}


def test_a_guest_gets_no_further(site: Site, asked: dict[str, dict[str, Any]]) -> None:
    guest = site.guest()
    campaigns = asked["Campaigns"]

    def ask(**changes: Any) -> tuple[int, str]:
        body = {**campaigns, "force": True, "queries": [{**everything(campaigns)["queries"][0], **changes}]}
        answer = guest.post("/api/v1/chart/data", json=body)
        found = answer.json()
        return answer.status_code, found.get("message") or found["result"][0]["error"]

    refused = {
        "SQL of their own": ask(extras={"where": "1 = (SELECT 1)"}),
        "a function": ask(extras={"where": "getenv('HOME') <> ''"}),
        "a time range on text": ask(filters=[{"col": "campaign_name", "op": "TEMPORAL_RANGE", "val": "Last week"}]),
        "a value that is none": ask(filters=[{"col": "campaign_name", "op": "==", "val": {"a": 1}}]),
    }
    for what, (status, text) in refused.items():
        assert status in (400, 403), (what, status, text)
        assert status == 403 or text in SENTENCES, (what, text)
    assert refused["a function"][1] == NO_SQL
    for path in ("/api/v1/database/", "/api/v1/dataset/", "/api/v1/security/users/", "/api/v1/chart/", "/api/v1/me/"):
        assert guest.get(path).status_code == 403, path
    found = guest.post("/api/v1/chart/data", json={**campaigns, "force": True}).json()
    assert all(query.get("query") is None for query in found["result"]), "the SQL"


if IS_SOAK:
    # What else they need, and the tests of what must be closed to guests and to people with a boundary.
    TESTERS = ("pytest", "hypothesis", "hatchling", "pytest-playwright", "schemathesis")
    CLOSED = (
        *("held_guests", "guest_reach", "guest_answers", "speed_guest_rules", "database_errors"),
        *("patches", "endpoints"),
    )

    def run_within_6_0(*files: str, only: str) -> None:
        """Tests of the suite's own, within an environment of Superset 6.0."""
        environment = build("6.0", HERE)
        install(environment, *TESTERS)
        uninstall(environment, "superset-campaign-plugin")
        command = [str(environment / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
        variables = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
        done = subprocess.run(
            [*command, "-k", only], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-5000:]

    def test_what_is_closed_in_6_1_is_closed_in_6_0() -> None:
        files = [f"tests/superset/test_{name}.py" for name in CLOSED]
        run_within_6_0(*files, only="not hive and not mysql and not postgresql")

    def test_a_stock_6_0_takes_every_import() -> None:
        """Dashboards, assets, the command and the dialog; on each engine twice and over an older bundle."""
        run_within_6_0("tests/superset/test_stock.py", only="not hive")

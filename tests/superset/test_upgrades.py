"""People edit the report through Superset's own API, releases come: nothing of theirs is lost, nothing is outdated.

Steps are drawn at random, edits and upgrades in any order; what must stand there afterwards is kept beside, by hand.
`ROUNDS=200 pytest tests/superset/test_upgrades.py` is the long run. An upgrade that changes figures says so first.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid5

import logs
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from deployment import DATABASE, IMPORTED, SCHEMA, Deployment, put_back
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dashboard_uuid, dataset_uuid
from superset_campaign_plugin.warehouse import connect

ROUNDS = int(os.environ.get("ROUNDS", 2))  # beside the examples; each is a minute

REPORT = "campaign_email_performance"
LAYOUT = ("dashboards", REPORT, "layout")
Place = tuple[str, str, str]  # kind, name of the asset, name of the field


@dataclass
class Release:
    """What a release ships in place of what the package has: values by their places, charts, order of the rows.

    Each chart `more` has a tab of its own. A release of `one_page` has all rows in one grid, as those before the tabs.
    """

    values: dict[Place, Any] = field(default_factory=dict)
    turned: bool = False
    one_page: bool = False
    more: int = 0
    fewer: bool = False

    def of(self, bundle: Any) -> Any:
        """The bundle of this release."""
        dashboard = bundle.dashboards[REPORT]
        for (kind, name, what), value in self.values.items():
            FIELDS[what].ship(getattr(bundle, kind)[name], value)
        for number in range(self.more):
            self._add(bundle, f"more_{number}")
        if self.turned:
            dashboard["position"]["TAB-overview"]["children"].reverse()
        if self.fewer:
            self._take_out(bundle, "emails")
        if self.one_page:
            self._lay_on_one_page(dashboard["position"])
        return bundle

    def _lay_on_one_page(self, position: dict[str, Any]) -> None:
        tabs = position.pop("TABS-report")["children"]
        position["ROOT_ID"]["children"] = ["GRID_ID"]
        rows = [row for tab in tabs for row in position.pop(tab)["children"]]
        position["GRID_ID"]["children"] = rows
        for row in rows:
            position[row]["parents"] = ["ROOT_ID", "GRID_ID"]
            for cell in position[row]["children"]:
                position[cell]["parents"] = ["ROOT_ID", "GRID_ID", row]

    def _add(self, bundle: Any, name: str) -> None:
        chart = copy.deepcopy(bundle.charts["campaigns"])
        uuid = str(uuid5(chart_uuid(REPORT, "campaigns"), name))
        bundle.charts[name] = {**chart, "slice_name": name, "uuid": uuid}
        position = bundle.dashboards[REPORT]["position"]
        tab = f"TAB-{name}"
        parents = ["ROOT_ID", "TABS-report", tab]
        position["TABS-report"]["children"].append(tab)
        position[tab] = {
            "id": tab,
            "type": "TAB",
            "children": [f"ROW-{name}"],
            "parents": parents[:-1],
            "meta": {"text": name},
        }
        position[f"ROW-{name}"] = {
            "id": f"ROW-{name}",
            "type": "ROW",
            "children": [f"CHART-{name}"],
            "parents": parents,
            "meta": {},
        }
        position[f"CHART-{name}"] = {
            "id": f"CHART-{name}",
            "type": "CHART",
            "children": [],
            "parents": [*parents, f"ROW-{name}"],
            "meta": {"chartId": 900 + len(bundle.charts), "uuid": uuid, "sliceName": name, "width": 12, "height": 50},
        }

    def _take_out(self, bundle: Any, name: str) -> None:
        del bundle.charts[name]
        position = bundle.dashboards[REPORT]["position"]
        *_, tab, row = position[f"CHART-{name}"]["parents"]
        position[tab]["children"].remove(row)
        del position[row], position[f"CHART-{name}"]


@dataclass(frozen=True)
class Field:
    """A field that both sides change: how a release ships it, how people write it, and how it is read afterwards."""

    ship: Callable[[dict[str, Any], Any], None]
    write: Callable[[Any, str, Any], None]
    read: Callable[[Any, str], Any]
    theirs: Callable[[int], Any]
    shipped: Callable[[int], Any]


class Superset:
    """The deployment over HTTP, as an admin's scripts use it."""

    def __init__(self, deployment: Deployment) -> None:
        self.client = deployment.editor("admin")

    def id(self, kind: str, name: str) -> int:
        """The id of an asset."""
        from superset_campaign_plugin.superset_assets.installed_assets import MODELS, find

        return int(find(MODELS[kind], uuid_of(kind, name)).id)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """What the API says of an asset."""
        answer = self.client.get(f"/api/v1/{kind.removesuffix('s')}/{self.id(kind, name)}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json["result"])

    def put(self, kind: str, name: str, **values: Any) -> None:
        """Write some of it."""
        answer = self.client.put(f"/api/v1/{kind.removesuffix('s')}/{self.id(kind, name)}", json=values)
        assert answer.status_code == 200, answer.text

    def dashboard(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The dashboard's metadata and position."""
        found = self.get("dashboards", REPORT)
        return json.loads(found["json_metadata"]), json.loads(found["position_json"])

    def save_dashboard(self, metadata: dict[str, Any], position: dict[str, Any]) -> None:
        """As Superset's pages save it."""
        self.put("dashboards", REPORT, json_metadata=json.dumps({**metadata, "positions": position}))

    def metrics(self) -> list[dict[str, Any]]:
        """The metrics of the report's dataset, as the API takes them."""
        keys = ("id", "metric_name", "verbose_name", "description", "expression", "d3format", "extra")
        return [{key: each[key] for key in keys} for each in self.get("datasets", REPORT)["metrics"]]


def uuid_of(kind: str, name: str) -> str:
    if kind == "datasets":
        return str(dataset_uuid(name))
    if kind == "dashboards":
        return str(dashboard_uuid(name))
    if name.startswith("more_"):
        return str(uuid5(chart_uuid(REPORT, "campaigns"), name))
    return str(chart_uuid(REPORT, name))


def _plain(key: str, column: str | None = None) -> Field:
    """A field with a name of its own in the API."""
    return Field(
        ship=lambda config, value: config.__setitem__(column or key, value),
        write=lambda superset, asset, value: superset.put(*asset.split("/"), **{key: value}),
        read=lambda superset, asset: superset.get(*asset.split("/"))[key],
        theirs=lambda number: f"their {key} {number}",
        shipped=lambda number: f"shipped {key} {number}",
    )


def _write_params(superset: Superset, asset: str, value: Any) -> None:
    params = json.loads(superset.get(*asset.split("/"))["params"])
    superset.put(*asset.split("/"), params=json.dumps({**params, "row_limit": value}))


def _write_metric(superset: Superset, _: str, value: Any) -> None:
    metrics = superset.metrics()
    metrics[0]["d3format"] = value
    superset.put("datasets", REPORT, metrics=metrics)


def _filter(metadata: dict[str, Any], name: str = "Workspace") -> dict[str, Any]:
    """The filter that was shipped under that name."""
    id_ = f"NATIVE_FILTER-{uuid5(dashboard_uuid(REPORT), name)}"
    return next(each for each in metadata["native_filter_configuration"] if each["id"] == id_)


def _write_filter(superset: Superset, _: str, value: Any) -> None:
    metadata, position = superset.dashboard()
    _filter(metadata)["name"] = value
    superset.save_dashboard(metadata, position)


FIELDS: dict[str, Field] = {
    "slice_name": _plain("slice_name"),
    "description": _plain("description"),
    "dashboard_title": _plain("dashboard_title"),
    "css": _plain("css"),
    "sql": Field(
        ship=lambda config, value: config.__setitem__("sql", f"{config['sql']} /* {value} */"),
        write=lambda superset, asset, value: superset.put(
            *asset.split("/"), sql=f"{superset.get(*asset.split('/'))['sql']} /* {value} */"
        ),
        read=lambda superset, asset: superset.get(*asset.split("/"))["sql"].rpartition("/* ")[2].removesuffix(" */"),
        theirs=lambda number: f"theirs {number}",
        shipped=lambda number: f"shipped {number}",
    ),
    "row_limit": Field(
        ship=lambda config, value: config["params"].__setitem__("row_limit", value),
        write=_write_params,
        read=lambda superset, asset: json.loads(superset.get(*asset.split("/"))["params"])["row_limit"],
        theirs=lambda number: 100 + number,
        shipped=lambda number: 200 + number,
    ),
    "d3format": Field(
        ship=lambda config, value: config["metrics"][0].__setitem__("d3format", value),
        write=_write_metric,
        read=lambda superset, asset: next(
            each["d3format"] for each in superset.metrics() if each["metric_name"] == "sent"
        ),
        theirs=lambda number: f",.{number % 7}f",
        shipped=lambda number: f"{number}d",
    ),
    "filter_name": Field(
        ship=lambda config, value: _filter(config["metadata"]).__setitem__("name", value),
        write=_write_filter,
        read=lambda superset, asset: _filter(superset.dashboard()[0])["name"],
        theirs=lambda number: f"Their filter {number}",
        shipped=lambda number: f"Shipped filter {number}",
    ),
}

PLACES: list[Place] = [
    *(("charts", name, what) for name in ("campaigns", "report") for what in ("slice_name", "row_limit")),
    *(("dashboards", REPORT, what) for what in ("dashboard_title", "css", "filter_name")),
    *(("datasets", REPORT, what) for what in ("description", "sql", "d3format")),
]


class World:
    """A deployment through its years. `theirs` is what people wrote, with the release that was there then."""

    def __init__(self, deployment: Deployment) -> None:
        self.superset = Superset(deployment)
        self.release = Release()
        self.theirs: dict[Place, Any] = {}
        self.own: set[str] = set()
        self.lost_sql: list[str] = []
        self.order: list[str] | None = None  # of the filters, if they have made one
        self.metrics_gone = False  # with a dataset that somebody deleted
        self.number = 0

    def install(self) -> dict[str, str]:
        """Install this release; what happened to each asset."""
        from superset_campaign_plugin.bundle.install import install

        with self._shipping():
            changes = install(database=DATABASE, uri=None, schema=SCHEMA, source="fivetran")
        return {f"{change.kind}/{change.name}": change.action for change in changes}

    @contextmanager
    def _shipping(self) -> Iterator[None]:
        from superset_campaign_plugin.bundle.assemble import build_bundle

        def build(*given: Any, **options: Any) -> Any:
            return self.release.of(copy.deepcopy(build_bundle(*given, **options)))

        with patch("superset_campaign_plugin.bundle.install_plan.build_bundle", build):
            yield

    # What people do.

    def edit(self, place: Place) -> None:
        """Another value than is there."""
        self.number += 1
        kind, name, what = place
        value = FIELDS[what].theirs(self.number)
        FIELDS[what].write(self.superset, f"{kind}/{name}", value)
        self.theirs[place] = value

    def save_unchanged(self, place: Place) -> None:
        """As an editor does, which writes what it has read."""
        kind, name, _ = place
        if kind == "dashboards":
            self.superset.save_dashboard(*self.superset.dashboard())
        elif kind == "charts":
            self.superset.put(kind, name, params=self.superset.get(kind, name)["params"])
        else:
            answer = self.superset.client.put(f"/api/v1/dataset/{self.superset.id(kind, name)}/refresh")
            assert answer.status_code == 200, answer.text

    def remove_a_filter(self, _: Place) -> None:
        """One that they do not use, and another in front of the others."""
        metadata, position = self.superset.dashboard()
        filters = metadata["native_filter_configuration"]
        filters[:] = [each for each in filters if each["name"] != "Operational"]
        filters.append(filters.pop(0))
        self.superset.save_dashboard(metadata, position)
        self.order = [each["id"] for each in filters]
        self.theirs["dashboards", REPORT, "filters"] = True

    def add_of_their_own(self, _: Place) -> None:
        """A metric and a text on the dashboard."""
        self.number += 1
        name = f"own_{self.number}"
        metrics = [*self.superset.metrics(), {"metric_name": name, "expression": "COUNT(*)"}]
        self.superset.put("datasets", REPORT, metrics=metrics)
        metadata, position = self.superset.dashboard()
        row = f"ROW-{name}"
        place, parents = "ROOT_ID", []
        while position[place]["type"] in ("ROOT", "TABS"):
            parents.append(place)
            place = position[place]["children"][0]
        parents.append(place)
        position[place]["children"].insert(0, row)
        position[row] = {"id": row, "type": "ROW", "children": [name], "meta": {}, "parents": parents}
        position[name] = {
            "id": name,
            "type": "MARKDOWN",
            "children": [],
            "meta": {"code": name, "width": 12, "height": 10},
            "parents": [*parents, row],
        }
        self.superset.save_dashboard(metadata, position)
        self.own.add(name)
        self.theirs[LAYOUT] = True

    def delete(self, place: Place) -> None:
        """A chart or the dataset: an installation brings it back, as it is shipped."""
        kind, name, _ = place
        if kind == "dashboards":
            return
        answer = self.superset.client.delete(f"/api/v1/{kind.removesuffix('s')}/{self.superset.id(kind, name)}")
        assert answer.status_code == 200, answer.text
        self.theirs = {at: value for at, value in self.theirs.items() if at[:2] != place[:2]}
        if kind == "datasets":
            self.metrics_gone = True

    # What a release does.

    def ship(self, place: Place) -> None:
        """Another value than before."""
        self.number += 1
        self.release.values[place] = FIELDS[place[2]].shipped(self.number)

    def turn(self, _: Place) -> None:
        """The rows of the first tab the other way round."""
        self.release.turned = not self.release.turned

    def one_page(self, _: Place) -> None:
        """All rows in one grid, or in tabs again."""
        self.release.one_page = not self.release.one_page

    def one_more(self, _: Place) -> None:
        """One more chart, in a tab of its own."""
        self.release.more += 1

    def one_fewer(self, _: Place) -> None:
        """A chart that is shipped no more, or again."""
        self.release.fewer = not self.release.fewer

    # What must hold then.

    def check(self, done: dict[str, str], before: dict[Place, Any]) -> None:
        """After an installation; `before` is what had been shipped until then."""
        for place in PLACES:
            kind, name, what = place
            found = FIELDS[what].read(self.superset, f"{kind}/{name}")
            shipped = self.release.values.get(place)
            if place in self.theirs and what == "sql" and shipped != before.get(place):
                self.lost_sql.append(self.theirs.pop(place))
            if place in self.theirs:
                assert found == self.theirs[place], place
            elif shipped is not None:
                assert found == shipped, place
        edited = {f"{kind}/{name}" for kind, name, _ in self.theirs}
        for asset, action in done.items():
            assert action != "kept" or asset in edited or asset.startswith("roles/"), (asset, action)
        assert set(self._again().values()) <= {"unchanged", "kept"}
        metadata, position = self.superset.dashboard()
        filters = [each["id"] for each in metadata["native_filter_configuration"]]
        assert filters == (self.order or [f"NATIVE_FILTER-{uuid5(dashboard_uuid(REPORT), name)}" for name in FILTERS])
        cells = [cell["meta"]["chartId"] for cell in position.values() if is_chart(cell)]
        here = set(cells)
        assert len(cells) == len(here)
        wanted = ["campaigns", "report", "links", *(f"more_{number}" for number in range(self.release.more))]
        assert {self.superset.id("charts", name) for name in wanted} <= here
        assert (find_chart("emails") is None) == self.release.fewer
        assert here == {chart for chart in here if chart is not None}
        assert self.own <= {cell["id"] for cell in position.values() if isinstance(cell, dict)}
        if not self.metrics_gone:
            assert self.own <= {metric["metric_name"] for metric in self.superset.metrics()}
        if LAYOUT not in self.theirs:
            assert standing(position) == self._shipped_rows()
        replaced = json.dumps(replaced_values())
        assert all(lost in replaced for lost in self.lost_sql) or self.metrics_gone

    def _again(self) -> dict[str, str]:
        return {asset: action for asset, action in self.install().items() if not asset.startswith("roles/")}

    def _shipped_rows(self) -> dict[str, list[list[str]]]:
        from superset_campaign_plugin.superset_assets.definitions import load_dashboards

        (dashboard,) = [each for each in load_dashboards() if each.name == REPORT]
        tabs = {
            tab.title: [[str(chart_uuid(REPORT, cell.name)) for cell in row.charts] for row in tab.layout]
            for tab in dashboard.tabs
        }
        tabs |= {f"more_{number}": [[uuid_of("charts", f"more_{number}")]] for number in range(self.release.more)}
        if self.release.fewer:
            tabs["Emails"].remove([uuid_of("charts", "emails")])
        if self.release.turned:
            tabs["Overview"].reverse()
        return {"": [row for rows in tabs.values() for row in rows]} if self.release.one_page else tabs


def find_chart(name: str) -> Any:
    from superset.models.slice import Slice

    from superset_campaign_plugin.superset_assets.installed_assets import find

    return find(Slice, uuid_of("charts", name))


def replaced_values() -> list[dict[str, Any]]:
    from superset_campaign_plugin.bundle.differences import replaced_values as values

    return values()


def is_chart(cell: Any) -> bool:
    return isinstance(cell, dict) and cell.get("type") == "CHART"


def standing(position: dict[str, Any]) -> dict[str, list[list[str]]]:
    """The UUIDs of the charts, row by row, by the titles of the tabs; of a page without tabs under no title."""
    [top] = position["ROOT_ID"]["children"]
    places = position[top]["children"] if position[top]["type"] == "TABS" else [top]
    return {
        position[place].get("meta", {}).get("text", ""): [
            [position[child]["meta"]["uuid"] for child in position[row]["children"]]
            for row in position[place]["children"]
        ]
        for place in places
    }


FILTERS = ("Sent Date", "Workspace", "Program", "Campaign", "Email", "Operational", "Columns")
EDITS = ("edit", "save_unchanged", "add_of_their_own", "remove_a_filter", "delete")
RELEASES = ("ship", "turn", "one_page", "one_more", "one_fewer")
STEPS = st.lists(
    st.tuples(st.sampled_from([*EDITS, *RELEASES, "edit", "ship", "install"]), st.sampled_from(PLACES)),
    min_size=3,
    max_size=9,
)


@pytest.fixture(scope="module")
def years(deployment: Deployment) -> Iterator[Deployment]:
    """The deployment, in which anything may be done to the report."""
    yield deployment
    with deployment.app.app_context():
        # What the last of them left; in a long run, each.
        assert faults() == []
        put_back()


def faults() -> list[Any]:
    """What of the report does not work any more. The chart of emails may have lost a column to an edit."""
    from superset_campaign_plugin.bundle.validation import validate

    return [check for check in validate() if not check.passed and check.name != "emails"]


@settings(
    max_examples=ROUNDS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(steps=STEPS)
# A page of before the tabs, as it was shipped, and one to which somebody has added a text; then one more tab.
@example([(step, PLACES[0]) for step in ("one_page", "install", "one_page", "install", "one_more")])
@example([(step, PLACES[0]) for step in ("one_page", "install", "add_of_their_own", "one_page", "install", "one_more")])
@example([(step, PLACES[0]) for step in ("add_of_their_own", "one_more", "install", "one_fewer")])
def test_edits_and_upgrades_in_any_order(years: Deployment, steps: list[tuple[str, Place]]) -> None:
    from superset_campaign_plugin.bundle.uninstall import uninstall

    with years.app.app_context():
        uninstall()
        world = World(years)
        world.install()
        shipped = dict(world.release.values)
        gone: set[tuple[str, str]] = set()
        for step, place in [*steps, ("install", PLACES[0])]:
            if step == "install":
                done = world.install()
                world.check(done, shipped)
                shipped = dict(world.release.values)
                gone = set()
            elif place[:2] not in gone or step in RELEASES:
                if step == "delete":
                    gone.add(place[:2])
                if step != "add_of_their_own" or not gone:
                    getattr(world, step)(place)
        if "ROUNDS" in os.environ:
            assert faults() == []


# ---------------------------------------------------------------------------------------------------------------
# A release that counts merged people as Marketo's report does

SENT = "2024-03-07 12:00"
MERGED = {"rules": Rules(people=People.MERGED), "people_chosen": True}
FIGURES = {
    "merged": {"sent": 1, "delivered": 1, "opened": 1, "clicked_link": 1},
    "as_sent": {"sent": 3, "delivered": 2, "opened": 2, "clicked_link": 1},
}
SENTENCE = (
    "the figures change: merged people no longer count once, but under each id that was sent an email, as in Marketo's "
    "report; Sent 3 (before: 1), Delivered 2 (before: 1), Opened 2 (before: 1), Clicked Link 1 (before: 1); to keep "
    'them as they were, set "people": "merged" in the block SUPERSET_CAMPAIGN of superset_config.py'
)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(campaign, list(arguments))
    assert result.exit_code == 0, result.output
    return result


def change_said(*arguments: str) -> Any:
    """What a command says of the figures in its JSON, which is all that it prints."""
    result = run(*arguments, "--json")
    assert result.stderr == ""
    return json.loads(result.stdout)["figures_change"]


def shown() -> dict[str, int]:
    """The figures that the dashboard's dataset shows."""
    from superset import db
    from superset.connectors.sqla.models import SqlaTable

    db.session.expire_all()
    dataset = db.session.query(SqlaTable).filter_by(uuid=dataset_uuid(REPORT)).one()
    row = dataset.database.get_df(
        "SELECT SUM(sent_count), SUM(delivered_count), SUM(opened_count), "
        f"SUM(clicked_link_count) FROM ({dataset.sql}) AS report"
    ).iloc[0]
    return dict(zip(FIGURES["merged"], map(int, row), strict=True))


@pytest.fixture
def installed_before(bare: Deployment, tmp_path: Path) -> Iterator[Deployment]:
    """The report as the release before has installed it, over a log in which 101 and 102 were merged into 100."""
    from superset import db

    from superset_campaign_plugin.bundle.install import install
    from superset_campaign_plugin.bundle.uninstall import uninstall
    from superset_campaign_plugin.superset_assets.manifest import read_manifest, write_manifest

    uri = f"duckdb:///{tmp_path}/log.duckdb"
    log = logs.Log().send(1, 10, 100, SENT).send(1, 10, 101, SENT).send(1, 10, 102, SENT).merge(100, 101, 102)
    logs.write(log.open(1, 10, 101, SENT).click(1, 10, 102, SENT), uri)
    with bare.as_user("admin"):
        with bare.settings(**MERGED):
            install(database=IMPORTED, uri=uri, schema=None, source="fivetran")
        manifest = read_manifest()
        del manifest.warehouse["rules"]
        write_manifest(manifest)
        db.session.commit()
        assert shown() == FIGURES["merged"]
        yield bare
        uninstall()


def test_an_installation_says_first_what_becomes_of_the_figures(installed_before: Deployment) -> None:
    before = installed_before.metadata()
    told = change_said("install", "--dry-run")
    assert (told["before"], told["now"], told["sentence"]) == (FIGURES["merged"], FIGURES["as_sent"], SENTENCE)
    assert (told["same"], told["people"]) == (False, {"before": "merged", "now": "as_sent"})
    assert run("install", "--dry-run").stderr.splitlines()[0] == SENTENCE
    assert installed_before.metadata() == before
    with installed_before.settings(**MERGED):
        assert change_said("install", "--dry-run") is None
    result = run("install")
    # The output of both streams, in the order in which they were written.
    assert result.output.startswith(f"{SENTENCE}\nupdated ")
    assert shown() == FIGURES["as_sent"]
    assert change_said("install") is None


def test_an_installation_that_is_no_command_says_it_in_the_log(
    installed_before: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    from superset_campaign_plugin.bundle.install import install

    with caplog.at_level(logging.WARNING):
        install(database=IMPORTED, uri=None, schema=None, source="fivetran")
    assert SENTENCE in caplog.messages


@pytest.mark.parametrize("stored", [True, False], ids=["stored tables", "from the log"])
def test_a_refresh_says_first_what_becomes_of_the_figures(installed_before: Deployment, stored: bool) -> None:
    if stored:
        with installed_before.settings(**MERGED):
            run("refresh")
    for _ in range(2):
        told = change_said("refresh", "--dry-run")
        assert (told["before"], told["now"], told["sentence"]) == (FIGURES["merged"], FIGURES["as_sent"], SENTENCE)
        assert shown() == FIGURES["merged"]
    with installed_before.settings(**MERGED):
        assert change_said("refresh", "--dry-run") is None
    result = run("refresh")
    assert result.stderr.splitlines() == [SENTENCE]
    assert result.output.startswith(f"{SENTENCE}\nfull: ")
    assert shown() == FIGURES["as_sent"]
    assert change_said("refresh") is None
    assert change_said("install") is None


def test_who_merges_nobody_is_told_that_the_figures_stay(installed_before: Deployment) -> None:
    from superset_campaign_plugin.bundle.connections import find_database, writable_uri

    with connect(writable_uri(find_database(IMPORTED)), write=True) as (connection, _):
        connection.execute(sa.text("DELETE FROM activity_merge_leads"))
    told = change_said("install", "--dry-run")
    assert (told["same"], told["before"]) == (True, told["now"])
    [first, *_] = run("install").stderr.splitlines()
    assert first.endswith("as in Marketo's report; the figures stay the same")


def test_the_start_says_what_takes_the_place_of_settings(deployment: Deployment) -> None:
    """Once, in the log of Superset's start."""
    block = {"merge_people": True, "leave_out_deleted": True}
    done = subprocess.run(
        [sys.executable, "-c", "from superset.app import create_app; create_app()"],
        env={**os.environ, **deployment.environment, "CAMPAIGN_TEST_SETTINGS": json.dumps(block)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in (done.stdout + done.stderr).splitlines() if "takes its place" in line]
    assert ["merge_people" in line for line in said] == [True, False]
    assert '"people": "merged" takes its place' in said[0]
    assert '"people": "hidden" takes its place' in said[1]

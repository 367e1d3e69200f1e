"""Real starts of Supersets whose methods are others: they start and answer, or say in one sentence why not.

`test_patches.py` looks at each record alone, within one Superset.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deployment import SLUG, Deployment
from others import TESTS, answers, ask, plain, plain_text
from visitor import one_of_each

from superset_campaign_plugin.embedding.portal import guest_token_request
from superset_campaign_plugin.embedding.refusals import NO_SQL
from superset_campaign_plugin.host.records import PATCHES, QUERIED, QUERY_ERRORS

HOOK = "from superset_campaign_plugin import init_app as FLASK_APP_MUTATOR"
OPTIONAL = [patch for patch in PATCHES if not patch.required]
# `query` is the name of many things, and required by another patch.
CAN_BE_RENAMED = [patch for patch in OPTIONAL if patch is not QUERIED]

# The mutator of a deployment over a Superset in which the methods of these patches have one more parameter.
CHANGED = """
def FLASK_APP_MUTATOR(app):
    from changed_superset import MORE, change
    from superset_campaign_plugin import init_app
    from superset_campaign_plugin.host.records import PATCHES

    for patch in PATCHES:
        if patch.name in {names!r}:
            change(patch, MORE)
    init_app(app)
"""


@dataclass(frozen=True)
class Start:
    """What a Superset answered, and what it logged."""

    answers: list[list[Any]]
    log: str


def config_of(folder: Path, name: str, text: str) -> Path:
    """A configuration like that of the tests, with `text` in the place of the line that hooks the plugin in."""
    settings = (TESTS / "superset_config.py").read_text()
    [line] = [line for line in settings.splitlines() if line.startswith(HOOK)]
    config = folder / f"{name}.py"
    config.write_text(settings.replace(line, text))
    return config


@pytest.fixture(scope="module")
def asked(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[Any]]]:
    """A folder with metadata in which the dashboard is embedded, and what its guest and an admin ask."""
    from superset import db
    from superset.models.dashboard import Dashboard

    folder = tmp_path_factory.mktemp("supersets")
    with deployment.embedded() as told:
        with deployment.app.app_context():
            dashboard = db.session.query(Dashboard).filter_by(slug=SLUG).one()
            of_charts = {
                chart.slice_name: {
                    **json.loads(chart.query_context),
                    "form_data": {"slice_id": chart.id, "dashboardId": dashboard.id},
                }
                for chart in dashboard.slices
            }
            contexts = list(one_of_each(of_charts).values())
            number = dashboard.id
            db.session.commit()
        shutil.copyfile(deployment.folder / "superset.db", folder / "superset.db")
        guest = guest_token_request(told, username="ann", workspaces=["EMEA"])
    own_sql = [{"expressionType": "SQL", "label": "mine", "sqlExpression": "current_setting('threads')"}]
    data = [{**contexts[0], "queries": [{**contexts[0]["queries"][0], "columns": own_sql}]}, *contexts]
    addresses = [
        *(f"/api/v1/dashboard/{SLUG}{part}" for part in ("", "/charts", "/datasets", "/embedded")),
        *("/api/v1/dashboard/", "/api/v1/dataset/", "/api/v1/chart/related/owners", "/api/v1/me/roles/"),
        *(f"/api/v1/dashboard/{number}/{part}/x/" for part in ("thumbnail", "screenshot")),
        "/api/v1/time_range/?q=%272024-01-01%20%3A%202024-02-01%27",
    ]
    questions = [
        *([guest, "POST", "/api/v1/chart/data", body] for body in data),
        *([guest, "GET", address, None] for address in addresses),
        *(["admin", "POST", "/api/v1/chart/data", body] for body in contexts),
    ]
    return folder, questions


@pytest.fixture(scope="module")
def starts(deployment: Deployment, asked: tuple[Path, list[list[Any]]]) -> dict[str, Start]:
    """The Superset of this release, one with a parameter more in each optional patch's method, one with other names."""
    folder, questions = asked
    longer = CHANGED.format(names=[patch.name for patch in OPTIONAL if patch is not QUERIED])
    configs = {
        "usual": config_of(folder, "usual", HOOK),
        "longer": config_of(folder, "longer", longer),
        "renamed": config_of(folder, "renamed", HOOK),
    }
    names = " ".join(patch.targets[0].method for patch in CAN_BE_RENAMED)
    programs = {
        name: ask(deployment, folder, config, questions, CAMPAIGN_TEST_RENAMED=names if name == "renamed" else "")
        for name, config in configs.items()
    }
    return {
        name: Start(answers(program, folder / name), (folder / name / "errors.log").read_text())
        for name, program in programs.items()
    }


def test_the_usual_one_answers_and_refuses(starts: dict[str, Start], asked: tuple[Path, list[list[Any]]]) -> None:
    """Else the others would be compared with nothing."""
    statuses: dict[str, int] = {}
    for (who, _, address, body), (status, _, text) in zip(asked[1], starts["usual"].answers, strict=True):
        if "current_setting" in json.dumps(body):
            assert (status, NO_SQL in text) == (400, True)
        elif body is None:
            statuses[address] = status
        else:
            assert status == 200, (who, text)
    assert statuses[f"/api/v1/dashboard/{SLUG}"] == 200
    assert {status for address, status in statuses.items() if address.endswith(("/embedded", "/x/", "owners"))} == {403}
    assert "was not written" not in starts["usual"].log


def in_order(answer: list[Any]) -> list[Any]:
    """With the rows of a chart in an order of ours: a database gives rows that sort alike in any order."""
    status, headers, text = answer
    if not text.startswith('{"result": [{'):
        return answer
    told = json.loads(text)
    for query in told["result"]:
        if isinstance(query.get("data"), list):
            query["data"] = sorted(query["data"], key=lambda row: plain_text(json.dumps(row)))
    return [status, headers, json.dumps(told)]


@pytest.mark.parametrize("name", ["longer", "renamed"])
def test_without_any_optional_patch_the_answers_are_the_same(
    starts: dict[str, Start], asked: tuple[Path, list[list[Any]]], name: str
) -> None:
    for question, one, other in zip(asked[1], starts["usual"].answers, starts[name].answers, strict=True):
        assert plain(in_order(one)) == plain(in_order(other)), question


@pytest.mark.parametrize("name", ["longer", "renamed"])
def test_the_log_names_each_patch_that_is_left_out(starts: dict[str, Start], name: str) -> None:
    for patch in CAN_BE_RENAMED:
        assert starts[name].log.count(f"the patch {patch.name} was not written") == 1, patch.name


def start(deployment: Deployment, folder: Path, name: str, text: str) -> str:
    """The sentence of a start that fails, as a command of an admin shows it."""
    place = folder / name
    place.mkdir()
    shutil.copyfile(folder / "superset.db", place / "superset.db")
    variables = {"CAMPAIGN_TEST_FOLDER": str(place), "SUPERSET_CONFIG_PATH": str(config_of(folder, name, text))}
    done = subprocess.run(
        [str(Path(sys.executable).parent / "superset-campaign"), "list"],
        env={**os.environ, **deployment.environment, **variables, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    [line] = done.stderr.splitlines()
    return line


def test_a_required_patch_that_differs_stops_the_start_with_a_sentence(
    deployment: Deployment, asked: tuple[Path, list[list[Any]]]
) -> None:
    said = start(deployment, asked[0], "required", CHANGED.format(names=[QUERY_ERRORS.name]))
    assert "has another SqlaTable.query(self, query_obj, dialect), for which the patch failures.query" in said


def test_a_missing_endpoint_that_is_refused_by_its_name_stops_the_start_with_a_sentence(
    deployment: Deployment, asked: tuple[Path, list[list[Any]]]
) -> None:
    """The names are compared at the end of the start, and not with the first request."""
    missing = """
def FLASK_APP_MUTATOR(app):
    from superset_campaign_plugin import init_app
    from superset_campaign_plugin.host import endpoints

    endpoints.PICTURES = endpoints.PICTURES | {"ChartRestApi.drawing"}
    init_app(app)
"""
    assert "has no endpoint ChartRestApi.drawing, which" in start(deployment, asked[0], "endpoint", missing)
    assert deployment.app.extensions["superset_campaign_endpoints"]

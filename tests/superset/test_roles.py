"""The plugin's roles: brought up to date by every installation, and no more than people need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deployment import DATABASE, DATASETS, SCHEMA, Deployment, give_viewer_role

from superset_campaign_plugin.errors import InstallError
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dashboard_uuid, dataset_uuid

REPORT = "campaign_email_performance"
VIEWER = "Campaign Report Viewer"
GUEST = "Campaign Report Guest"
PORTAL = ["https://portal.example.com"]
Pair = tuple[str, str]


@pytest.fixture
def app(deployment: Deployment) -> Iterator[Deployment]:
    """An application context; the report and its roles are there again at the end."""
    with deployment.app.app_context():
        yield deployment
        from superset_campaign_plugin.bundle.uninstall import uninstall

        uninstall()
        install()
        give_viewer_role()


def install() -> str:
    """Install again; gives what happened to the viewers' role."""
    from superset_campaign_plugin.bundle.install import install as install_bundle

    changes = install_bundle(database=DATABASE, uri=None, schema=SCHEMA, source="fivetran")
    [change] = [change for change in changes if change.name == VIEWER]
    return change.action


def held(name: str = VIEWER) -> set[Pair]:
    from superset import db, security_manager

    db.session.expire_all()
    return {(each.permission.name, each.view_menu.name) for each in security_manager.find_role(name).permissions}


def change(name: str = VIEWER, add: tuple[Pair, ...] = (), take: tuple[Pair, ...] = ()) -> None:
    """What an admin does to a role on its page."""
    from superset import db, security_manager

    role = security_manager.find_role(name)
    added = [security_manager.find_permission_view_menu(*pair) for pair in add]
    assert None not in added
    kept = [each for each in role.permissions if (each.permission.name, each.view_menu.name) not in take]
    role.permissions = [*kept, *added]
    db.session.commit()


def test_half_a_role_is_made_whole_and_what_admins_added_stays(app: Deployment) -> None:
    whole = held()
    theirs = ("can_read", "Log")
    change(add=(theirs,), take=(("can_csv", "Superset"), ("can_read", "Dashboard"), ("can_read", "CampaignEmail")))
    install()
    assert held() == whole | {theirs}
    # Once more, and nothing is written.
    before = app.metadata()
    install()
    assert app.metadata() == before


def test_access_follows_the_datasets(app: Deployment) -> None:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable

    from superset_campaign_plugin.superset_assets.installed_assets import find, installed_datasets

    db.session.delete(find(SqlaTable, str(dataset_uuid(REPORT))))
    db.session.commit()
    install()
    renamed = find(SqlaTable, str(dataset_uuid("campaign_email_links")))
    renamed.table_name = "our_links"
    db.session.commit()
    install()
    wanted = {("datasource_access", dataset.get_perm()) for dataset in installed_datasets()}
    assert {pair for pair in held() if pair[0] == "datasource_access"} == wanted
    assert len(wanted) == len(DATASETS)
    give_viewer_role()
    answer = app.client("viewer").post("/api/v1/chart/data", json=question(app))
    assert answer.status_code == 200, answer.get_data(as_text=True)


def test_what_is_no_longer_shipped_goes_if_it_was_given(app: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    from superset_campaign_plugin.embedding import roles

    shipped, given, theirs = roles.VIEWER_PERMISSIONS, ("can_read", "Log"), ("can_read", "SavedQuery")
    change(add=(theirs,))
    monkeypatch.setattr(roles, "VIEWER_PERMISSIONS", (*shipped, given, theirs))
    install()
    assert {given, theirs} <= held()
    monkeypatch.setattr(roles, "VIEWER_PERMISSIONS", shipped)
    install()
    assert given not in held()
    assert theirs in held()


def test_what_was_given_before_anything_was_remembered_goes(app: Deployment) -> None:
    """As by an earlier version: files with the datasets' SQL and the connection's address."""
    from superset import db

    from superset_campaign_plugin.embedding import roles

    old = (("can_export", "Chart"), ("can_read", "Dataset"))
    change(add=old)
    db.session.delete(roles._entry())
    db.session.commit()
    install()
    assert not set(old) & held()


def test_a_role_that_was_there_gets_what_is_missing_and_gives_it_back(app: Deployment) -> None:
    from superset import db, security_manager

    from superset_campaign_plugin.bundle.uninstall import uninstall
    from superset_campaign_plugin.embedding import roles

    uninstall()
    mine = {("can_read", "Log"), ("can_csv", "Superset")}
    security_manager.add_role(VIEWER)
    change(add=tuple(mine))
    install()
    assert set(roles.VIEWER_PERMISSIONS) | mine <= held()
    uninstall()
    assert roles.take_back_permissions() in ([VIEWER], [])
    db.session.commit()
    assert held() == mine
    roles.delete_role(VIEWER)
    db.session.commit()


def test_the_guest_role_is_made_whole_too(app: Deployment) -> None:
    from superset_campaign_plugin.embedding.embed import embed, stop_embedding
    from superset_campaign_plugin.embedding.roles import GUEST_PERMISSIONS

    embed(PORTAL)
    change(GUEST, add=(("can_read", "Log"),), take=(("can_csv", "Superset"), ("can_log", "Superset")))
    embed(PORTAL)
    assert held(GUEST) == {*GUEST_PERMISSIONS, ("can_read", "Log")}
    stop_embedding()


@pytest.mark.parametrize("pair", [("can_read", "CampaignEmail"), ("can_read", "Dashboard")])
def test_a_permission_that_superset_has_yet_to_make_is_a_sentence(app: Deployment, pair: Pair) -> None:
    """As after an upgrade without `superset init`: nothing is made by half."""
    from superset import db, security_manager

    from superset_campaign_plugin.embedding import roles

    before = held()
    permission = security_manager.find_permission_view_menu(*pair)
    permission.role = []
    db.session.flush()
    db.session.delete(permission)
    db.session.flush()
    with pytest.raises(InstallError, match=f"such as '{pair[0].replace('_', ' ')} on {pair[1]}'; run: superset init"):
        roles.create_viewer_role([])
    db.session.rollback()
    assert held() == before


def test_a_permission_that_this_superset_lacks_is_left_out(app: Deployment, caplog: pytest.LogCaptureFixture) -> None:
    """As in a later Superset: `superset init` would not make it, so nobody is sent there for ever."""
    from superset import db

    from superset_campaign_plugin.embedding import roles

    assert roles._existing([("can_csv", "Superset"), ("can_export_data", "Superset")])
    assert "this Superset has no permission 'can export data on Superset'" in caplog.text
    db.session.rollback()


# ---------------------------------------------------------------------------------------------------------------
# What a viewer can do, and cannot


def places(deployment: Deployment) -> dict[str, int]:
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    from superset_campaign_plugin.superset_assets.installed_assets import find

    with deployment.app.app_context():
        return {
            "chart": find(Slice, str(chart_uuid(REPORT, "campaigns"))).id,
            "dashboard": find(Dashboard, str(dashboard_uuid(REPORT))).id,
            "dataset": find(SqlaTable, str(dataset_uuid(REPORT))).id,
            "database": find(SqlaTable, str(dataset_uuid(REPORT))).database_id,
        }


def question(deployment: Deployment) -> dict[str, Any]:
    query = {"columns": ["campaign_name"], "metrics": ["sent"], "filters": [], "row_limit": 10}
    return {"datasource": {"id": places(deployment)["dataset"], "type": "table"}, "queries": [query], "force": True}


@pytest.fixture
def viewer(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(deployment.app.config, "WTF_CSRF_ENABLED", False)
    return deployment.client("viewer")


@pytest.mark.parametrize(("result_format", "begins"), [("csv", b"Campaign,Sent"), ("xlsx", b"PK")])
def test_figures_are_exported(deployment: Deployment, viewer: Any, result_format: str, begins: bytes) -> None:
    answer = viewer.post("/api/v1/chart/data", json={**question(deployment), "result_format": result_format})
    assert answer.status_code == 200
    assert answer.data.startswith(begins)


def test_what_is_filtered_is_shared_and_opened(deployment: Deployment, viewer: Any) -> None:
    """The menu asks for the permissions that the page's data name; the link is made and opened over HTTP."""
    place = f"/api/v1/dashboard/{places(deployment)['dashboard']}"
    state = {"dataMask": {}, "activeTabs": [], "urlParams": []}
    made = viewer.post(f"{place}/permalink", json=state)
    assert made.status_code == 201, made.get_data(as_text=True)
    key = made.get_json()["key"]
    assert viewer.get(f"/api/v1/dashboard/permalink/{key}").status_code == 200
    opened = viewer.get(f"/superset/dashboard/p/{key}/")
    assert opened.status_code == 302
    assert f"?permalink_key={key}" in opened.headers["Location"]
    assert viewer.post(f"{place}/filter_state", json={"value": "{}"}).status_code == 201
    permissions = viewer.get("/api/v1/me/roles/").get_json()["result"]["roles"][VIEWER]
    assert {("can_share_dashboard", "Superset"), ("can_share_chart", "Superset")} <= set(map(tuple, permissions))


CLOSED = [
    "/api/v1/chart/export/?q=!({chart})",
    "/api/v1/dashboard/export/?q=!({dashboard})",
    "/api/v1/dashboard/{dashboard}/export_as_example/",
    "/api/v1/dataset/export/?q=!({dataset})",
    "/api/v1/assets/export/",
    "/api/v1/dataset/{dataset}",
    "/api/v1/dataset/",
    "/datasource/get/table/{dataset}/",
    "/datasource/external_metadata/table/{dataset}/",
    "/api/v1/database/",
    "/api/v1/database/{database}",
    "/api/v1/database/{database}/connection",
    "/api/v1/rowlevelsecurity/",
]


@pytest.mark.parametrize("address", CLOSED)
def test_files_of_yaml_datasets_and_connections_are_closed(deployment: Deployment, viewer: Any, address: str) -> None:
    assert viewer.get(address.format(**places(deployment))).status_code == 403


def test_no_answer_holds_the_connections_address(deployment: Deployment, viewer: Any) -> None:
    """Superset puts the SQL of a query into its answer for everybody who may run it; the address is in none."""
    found = places(deployment)
    answers = [
        viewer.post("/api/v1/chart/data", json=question(deployment)),
        viewer.post("/api/v1/chart/data", json={**question(deployment), "result_type": "query"}),
        viewer.get(f"/api/v1/dashboard/{found['dashboard']}/datasets"),
        viewer.get(f"/api/v1/dashboard/{found['dashboard']}"),
        viewer.get(f"/api/v1/chart/{found['chart']}"),
        viewer.post(f"/datasource/samples?datasource_id={found['dataset']}&datasource_type=table", json={}),
    ]
    for answer in answers:
        text = answer.get_data(as_text=True)
        assert answer.status_code == 200, text
        assert "duckdb:" not in text
        assert str(deployment.folder) not in text
    with_sql = [answer for answer in answers if "activity_send_email" in answer.get_data(as_text=True)]
    # As docs/install.md says; where Superset keeps it back one day, the docs can say so.
    assert with_sql == [answers[0], answers[1], answers[2], answers[5]]


def test_the_table_of_the_docs_is_what_the_roles_hold() -> None:
    from superset_campaign_plugin.embedding.roles import GUEST_PERMISSIONS, VIEWER_PERMISSIONS

    page = (Path(__file__).parents[2] / "docs" / "install.md").read_text()
    rows = re.findall(r"^\| `(can [\w ]+) on (\w+)` \| (yes|) *\| (yes|) *\|", page, re.MULTILINE)
    viewers = {(f"{what.replace(' ', '_')}", view) for what, view, yes, _ in rows if yes}
    guests = {(f"{what.replace(' ', '_')}", view) for what, view, _, yes in rows if yes}
    assert viewers == set(VIEWER_PERMISSIONS)
    assert guests == set(GUEST_PERMISSIONS)

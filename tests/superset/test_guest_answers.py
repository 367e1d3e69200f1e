"""What Superset answers to a guest: of each answer the fields that the page reads, no picture, and refusals as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from deployment import Deployment, give_viewer_role

from superset_campaign_plugin.embedding.refusals import BAD_REQUEST, NO_SQL
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dashboard_uuid

REPORT = "campaign_email_performance"
DASHBOARD = "/api/v1/dashboard/campaign-email-performance"
ROLE = "Campaign Report Viewer"


@pytest.fixture(scope="module")
def embedding(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """What a portal is told of the embedded dashboard."""
    with deployment.embedded() as told:
        yield told


@pytest.fixture
def guest(deployment: Deployment, embedding: dict[str, Any]) -> dict[str, str]:
    """The header of a guest of EMEA."""
    return deployment.guest(embedding, workspaces=["EMEA"])


@pytest.fixture(scope="module")
def places(deployment: Deployment, embedding: dict[str, Any]) -> dict[str, int]:
    """The ids of the dashboard and of one of its charts, and of somebody else's."""
    from superset import db
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    from superset_campaign_plugin.superset_assets.installed_assets import find

    with deployment.app.app_context():
        return {
            "dashboard": find(Dashboard, str(dashboard_uuid(REPORT))).id,
            "chart": find(Slice, str(chart_uuid(REPORT, "emails"))).id,
            "their dashboard": db.session.query(Dashboard).filter_by(slug="theirs").one().id,
        }


# ---------------------------------------------------------------------------------------------------------------
# Fields


def test_no_list_is_answered_whatever_it_is_asked_for(deployment: Deployment, guest: dict[str, str]) -> None:
    """A filter on a hidden field is an answer, too."""
    client = deployment.app.test_client()
    for question in (
        "",
        "q=(columns:!(owners.email,roles.name))",
        "q=(filters:!((col:owners,opr:rel_m_m,value:1)))",
        "q=(filters:!((col:created_by,opr:rel_o_m,value:1)))",
        "q=(order_column:changed_by.first_name)",
    ):
        for kind in ("dashboard", "chart", "dataset", "database"):
            answer = client.get(f"/api/v1/{kind}/", query_string=question, headers=guest)
            assert (answer.status_code, answer.get_json()) == (403, {"message": "Forbidden"}), (kind, question)


def test_the_dashboard_is_told_without_people(deployment: Deployment, guest: dict[str, str]) -> None:
    from superset import db, security_manager
    from superset.models.dashboard import Dashboard

    from superset_campaign_plugin.superset_assets.installed_assets import find

    def sign(roles: list[str], certifier: str | None) -> None:
        with deployment.app.app_context():
            dashboard = find(Dashboard, str(dashboard_uuid(REPORT)))
            dashboard.roles = [security_manager.find_role(name) for name in roles]
            dashboard.certified_by = certifier
            db.session.commit()

    sign(["Alpha"], "Ottoline")
    try:
        told = deployment.app.test_client().get(DASHBOARD, headers=guest).get_json()["result"]
        assert (told["roles"], told["tags"], told["certified_by"]) == ([], [], None)
        assert told["json_metadata"]
        assert told["position_json"]
        assert {"owners", "created_by", "changed_by"} & {name for name, value in told.items() if value} == set()
        whole = deployment.client("admin").get(DASHBOARD).get_json()["result"]
        assert [role["name"] for role in whole["roles"]] == ["Alpha"]
        assert whole["certified_by"] == "Ottoline"
    finally:
        sign([], None)


def test_colours_of_other_workspaces_names_are_not_told(deployment: Deployment, guest: dict[str, str]) -> None:
    """Superset keeps them by the labels that whoever edits a dashboard has on it."""
    from superset import db
    from superset.models.dashboard import Dashboard

    from superset_campaign_plugin.superset_assets.installed_assets import find

    with deployment.app.app_context():
        dashboard = find(Dashboard, str(dashboard_uuid(REPORT)))
        before = dashboard.json_metadata
        seen = {"shared_label_colors": ["North America"], "map_label_colors": {"North America": "#111111"}}
        dashboard.json_metadata = json.dumps({**json.loads(before), **seen})
        db.session.commit()
    try:
        told = deployment.app.test_client().get(DASHBOARD, headers=guest).get_json()["result"]["json_metadata"]
        assert "North America" not in told
        metadata = json.loads(told)
        assert (metadata["shared_label_colors"], metadata["map_label_colors"]) == ([], {})
        assert metadata["native_filter_configuration"] == json.loads(before)["native_filter_configuration"]
    finally:
        with deployment.app.app_context():
            find(Dashboard, str(dashboard_uuid(REPORT))).json_metadata = before
            db.session.commit()


def test_a_guest_of_a_copy_is_held_in_the_same_way(deployment: Deployment, places: dict[str, int]) -> None:
    """A dashboard of somebody's own over a copy of the plugin's dataset."""
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.daos.dashboard import EmbeddedDashboardDAO
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    with deployment.app.app_context():
        report = db.session.query(SqlaTable).filter_by(table_name=REPORT).one()
        copy = SqlaTable(table_name="copied", database=report.database, schema=report.schema, sql=report.sql)
        db.session.add(copy)
        db.session.flush()
        options = {"viz_type": "table", "datasource_type": "table", "params": "{}"}
        chart = Slice(slice_name="Copied", datasource_id=copy.id, **options)
        dashboard = Dashboard(dashboard_title="Copied", slug="copied", slices=[chart], json_metadata="{}")
        db.session.add(dashboard)
        db.session.flush()
        embedded = EmbeddedDashboardDAO.upsert(dashboard, [])
        db.session.commit()
        uuid = str(embedded.uuid)
        ids = (dashboard.id, chart.id, copy.id)
    try:
        headers = deployment.header(token_for(uuid))
        client = deployment.app.test_client()
        assert client.get("/api/v1/dashboard/", headers=headers).status_code == 403
        assert client.get("/api/v1/dashboard/copied", headers=headers).status_code == 200
        [told] = client.get("/api/v1/dashboard/copied/datasets", headers=headers).get_json()["result"]
        assert (told["sql"], told["schema"], told["name"]) == (None, None, "copied")
    finally:
        with deployment.app.app_context():
            for model, number in zip((Dashboard, Slice, SqlaTable), ids, strict=True):
                db.session.delete(db.session.get(model, number))
            db.session.commit()


def token_for(uuid: str) -> dict[str, Any]:
    return {"user": {"username": "bob"}, "resources": [{"type": "dashboard", "id": uuid}], "rls": []}


# ---------------------------------------------------------------------------------------------------------------
# Pictures


def test_no_picture_of_the_report_is_for_who_is_held_to_rows(
    deployment: Deployment, guest: dict[str, str], places: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from superset_campaign_plugin.embedding import row_access

    monkeypatch.setitem(deployment.app.config, "WTF_CSRF_ENABLED", False)
    dashboard, chart = places["dashboard"], places["chart"]
    pictures = [
        *(("GET", f"/api/v1/dashboard/{dashboard}/{part}/x/") for part in ("thumbnail", "screenshot")),
        ("GET", f"/api/v1/dashboard/%20{dashboard}/thumbnail/x/"),
        *(("GET", f"/api/v1/chart/{chart}/{part}/x/") for part in ("thumbnail", "screenshot")),
        ("GET", f"/api/v1/chart/{chart}/cache_screenshot/"),
        ("POST", f"/api/v1/dashboard/{dashboard}/cache_dashboard_screenshot/"),
        # The key of a picture says nothing of what is on it.
        ("GET", f"/api/v1/dashboard/{places['their dashboard']}/screenshot/x/"),
    ]

    def statuses(client: Any, headers: dict[str, str]) -> list[int]:
        return [client.open(place, method=way, json={}, headers=headers).status_code for way, place in pictures]

    assert set(statuses(deployment.app.test_client(), guest)) == {403}
    with deployment.app.app_context():
        give_viewer_role()
    assert 403 not in statuses(deployment.client("viewer"), {})[:2]
    with deployment.app.app_context():
        row_access.grant(ROLE, ["EMEA"])
    try:
        assert set(statuses(deployment.client("viewer"), {})) == {403}
        theirs = f"/api/v1/dashboard/{places['their dashboard']}/thumbnail/x/"
        assert deployment.client("viewer").get(theirs).status_code == 404
        assert 403 not in statuses(deployment.client("admin"), {})[:2]
    finally:
        with deployment.app.app_context():
            row_access.lift(ROLE)


# ---------------------------------------------------------------------------------------------------------------
# Refusals


def changed(body: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {**body, **parts}


def test_what_the_page_would_not_send_is_refused_as_json(
    deployment: Deployment, guest: dict[str, str], embedding: dict[str, Any], places: dict[str, int]
) -> None:
    number = embedding["datasets"][REPORT]
    query = {"columns": ["workspace"], "metrics": ["sent"]}
    form_data = {"slice_id": places["chart"], "dashboardId": places["dashboard"]}
    body = {"datasource": {"id": number, "type": "table"}, "queries": [query], "form_data": form_data}
    asked: list[Any] = [
        *(changed(body, datasource={"id": number, "type": kind}) for kind in ("dataset", "view", "query", 7)),
        *(changed(body, datasource={"id": id_, "type": "table"}) for id_ in (-1, 0, 10**30, "x", None)),
        *(changed(body, form_data=changed(form_data, dashboardId=id_)) for id_ in ([2], {"a": 1}, "x", 10**30)),
        *(changed(body, form_data=changed(form_data, slice_id=id_)) for id_ in ([2], 10**30)),
        changed(body, form_data=changed(form_data, slice_id=0, chart_id=[2])),
        *(changed(body, form_data=form) for form in ([1], "x")),
        changed(body, queries=[changed(query, time_range="Last 3 fortnights of the moon")]),
        *(changed(body, queries=queries) for queries in (None, {}, ["x"])),
        *(None, [], {}, "x"),
    ]
    client = deployment.app.test_client()
    browser = {**guest, "Accept": "text/html,*/*"}
    for each in asked:
        answer = client.post("/api/v1/chart/data", json=each, headers=browser)
        assert (answer.status_code, answer.get_json()) == (400, {"message": BAD_REQUEST}), each
    for data in (b"", b"{", b"\xff"):
        answer = client.post("/api/v1/chart/data", data=data, headers={**browser, "Content-Type": "application/json"})
        assert (answer.status_code, answer.get_json()) == (400, {"message": BAD_REQUEST}), data
    place = f"/datasource/samples?datasource_type=table&dashboard_id={places['dashboard']}&datasource_id="
    for address in (f"{place}{10**30}", f"{place}-1", place, f"/api/v1/time_range/?q={10**30}", "/api/v1/time_range/"):
        method = client.post if "samples" in address else client.get
        options = {"json": {}} if "samples" in address else {}
        answer = method(address, headers=browser, **options)
        assert (answer.status_code, answer.get_json()) == (400, {"message": BAD_REQUEST}), address
    # As the page asks when a figure is drilled by a column.
    drilled = changed(
        body, form_data={**form_data, "slice_id": 0, "chart_id": places["chart"], "groupby": ["workspace"]}
    )
    assert client.post("/api/v1/chart/data", json=drilled, headers=browser).status_code == 200
    assert client.get("/nowhere", headers=browser).get_json() == {"message": "Not found"}


def test_what_is_not_there_answers_as_what_is_not_theirs(
    deployment: Deployment, guest: dict[str, str], embedding: dict[str, Any], places: dict[str, int]
) -> None:
    """Else the numbers of dashboards and datasets could be counted."""
    from superset import db
    from superset.connectors.sqla.models import SqlaTable

    with deployment.app.app_context():
        foreign = db.session.query(SqlaTable).filter_by(table_name="theirs").one().id
    client = deployment.app.test_client()

    def answers(dataset: int, dashboard: int) -> list[tuple[int, bytes]]:
        samples = f"/datasource/samples?datasource_type=table&datasource_id={dataset}&dashboard_id={dashboard}"
        body = {
            "datasource": {"id": dataset, "type": "table"},
            "queries": [{"columns": ["workspace"]}],
            "form_data": {"dashboardId": dashboard, "slice_id": places["chart"]},
        }
        found = [
            client.post(samples, json={}, headers=guest),
            client.get(f"/api/v1/dataset/{dataset}/drill_info/?q=(dashboard_id:{dashboard})", headers=guest),
            client.post("/api/v1/chart/data", json=body, headers=guest),
            client.get(f"/api/v1/dashboard/{dashboard}", headers=guest),
        ]
        # How long ago an object was changed goes on between two answers.
        return [(answer.status_code, re.sub(rb'_humanized": "[^"]*"', b"", answer.data)) for answer in found]

    ours = embedding["datasets"][REPORT]
    assert [status for status, _ in answers(ours, places["dashboard"])] == [200, 200, 200, 200]
    assert answers(foreign, places["dashboard"]) == answers(9999, places["dashboard"])
    assert answers(ours, places["their dashboard"]) == answers(ours, 9999)
    assert [status for status, _ in answers(ours, 9999)] == [403, 403, 403, 404]


# ---------------------------------------------------------------------------------------------------------------
# Guests of others


@pytest.fixture
def others(deployment: Deployment, places: dict[str, int]) -> Iterator[str]:
    """The id by which somebody else's dashboard is embedded for a while; `test_others_unchanged` has what they get."""
    from superset import db
    from superset.daos.dashboard import EmbeddedDashboardDAO
    from superset.models.dashboard import Dashboard

    with deployment.app.app_context():
        made = EmbeddedDashboardDAO.upsert(db.session.get(Dashboard, places["their dashboard"]), [])
        db.session.commit()
        uuid = str(made.uuid)
    yield uuid
    with deployment.app.app_context():
        for embedded in db.session.get(Dashboard, places["their dashboard"]).embedded:
            db.session.delete(embedded)
        db.session.commit()


# Where Superset answers guests, and the plugin refuses them.
CLOSED = ("/api/v1/dashboard/", "/api/v1/dashboard/related/owners")


def statuses(deployment: Deployment, token: dict[str, Any]) -> set[int]:
    client, headers = deployment.app.test_client(), deployment.header(token)
    return {client.get(address, headers=headers).status_code for address in CLOSED}


def test_a_token_that_names_a_dashboard_of_the_report_and_another_is_guarded(
    deployment: Deployment, embedding: dict[str, Any], others: str
) -> None:
    assert statuses(deployment, token_for(others)) == {200}
    for ids in ((embedding["dashboard"], others), (others, embedding["dashboard"])):
        resources = [{"type": "dashboard", "id": each} for each in ids]
        assert statuses(deployment, {**token_for(others), "resources": resources}) == {403}


def test_a_setting_guards_the_guests_of_every_dashboard(
    deployment: Deployment, places: dict[str, int], others: str
) -> None:
    from superset import db
    from superset.models.dashboard import Dashboard

    with deployment.app.app_context():
        dataset = db.session.get(Dashboard, places["their dashboard"]).slices[0].datasource_id
    own = {"expressionType": "SQL", "label": "mine", "sqlExpression": "current_setting('threads')"}
    body = {
        "datasource": {"id": dataset, "type": "table"},
        "queries": [{"columns": [own], "metrics": []}],
        "form_data": {"dashboardId": places["their dashboard"]},
        "force": True,
    }
    headers = deployment.header(token_for(others))

    def asked() -> Any:
        return deployment.app.test_client().post("/api/v1/chart/data", json=body, headers=headers)

    before = asked()
    assert NO_SQL not in before.get_data(as_text=True)
    with deployment.settings(harden_all_guests=True):
        assert statuses(deployment, token_for(others)) == {403}
        client = deployment.app.test_client()
        assert client.get("/api/v1/dashboard/theirs", headers=headers).status_code == 200
        assert asked().get_json() == {"message": NO_SQL}
    # Users are no guests.
    with deployment.settings(harden_all_guests=True):
        assert deployment.client("admin").get(CLOSED[0]).status_code == 200


# ---------------------------------------------------------------------------------------------------------------
# After the report is removed


def test_without_its_role_a_guest_is_refused_everywhere(bare: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `uninstall`, which removes the guest role while tokens are still valid."""
    import contextvars

    from superset_campaign_plugin.embedding.roles import GUEST_ROLE, delete_role

    delete_role(GUEST_ROLE)
    headers = bare.header(token_for("95c2fd11-f4dc-42dc-9cf7-edafecc2bd5a"))

    def get(place: str) -> Any:
        return contextvars.Context().run(bare.app.test_client().get, place, headers=headers)

    for place in ("/api/v1/dashboard/", DASHBOARD, "/api/v1/me/roles/", "/superset/welcome/", "/campaign-email/1/"):
        answer = get(place)
        assert (answer.status_code, answer.get_json()) == (403, {"message": "Forbidden"}), place
    # Another role that is missing is its owner's business.
    monkeypatch.setitem(bare.app.config, "GUEST_ROLE_NAME", "Somebody's")
    assert get("/api/v1/me/roles/").status_code == 500

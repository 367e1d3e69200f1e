"""What holds a guest beside the row rules: no SQL of their own, nothing that no rule names, no word on others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from deployment import Deployment

from superset_campaign_plugin.embedding.portal import guest_token_request
from superset_campaign_plugin.embedding.refusals import FAILED
from superset_campaign_plugin.superset_assets.identity import dashboard_uuid, dataset_uuid

REPORT = "campaign_email_performance"
ROLE = "Campaign Report Viewer"
REFUSED = "SQL of your own does not run on this data"


@pytest.fixture(scope="module")
def embedding(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """What a portal is told of the embedded dashboard."""
    with deployment.embedded() as told:
        yield told


Issue = Callable[[list[dict[str, Any]]], dict[str, str]]


@pytest.fixture
def issue(deployment: Deployment, embedding: dict[str, Any]) -> Issue:
    """Makes the header of a guest with these row rules."""
    resources = [{"type": "dashboard", "id": embedding["dashboard"]}]

    def make(rules: list[dict[str, Any]]) -> dict[str, str]:
        return deployment.header({"user": {"username": "ann"}, "resources": resources, "rls": rules})

    return make


@pytest.fixture
def guest(embedding: dict[str, Any], issue: Issue) -> dict[str, str]:
    """The header of a guest of EMEA."""
    return issue(guest_token_request(embedding, username="ann", workspaces=["EMEA"])["rls"])


@pytest.fixture(scope="module")
def filters(deployment: Deployment, embedding: dict[str, Any]) -> dict[str, Any]:
    """How the dashboard asks for a filter's values: Superset compares such a request with no chart."""
    from superset.models.dashboard import Dashboard

    from superset_campaign_plugin.superset_assets.installed_assets import find

    with deployment.app.app_context():
        dashboard = find(Dashboard, str(dashboard_uuid(REPORT)))
        configured = json.loads(dashboard.json_metadata)["native_filter_configuration"]
        number = embedding["datasets"][REPORT]
        targets = {each["id"]: each["targets"][0].get("datasetId") for each in configured}
        name = next(id_ for id_, target in targets.items() if target == number)
        return {"dashboardId": dashboard.id, "type": "NATIVE_FILTER", "native_filter_id": name}


def ask(deployment: Deployment, form_data: dict[str, Any], headers: dict[str, str], **query: Any) -> Any:
    """The answer to a query of the report."""
    return ask_as(deployment.app.test_client(), deployment, form_data, headers, **query)


def ask_as(client: Any, deployment: Deployment, form_data: Any, headers: dict[str, str], **query: Any) -> Any:
    from superset.connectors.sqla.models import SqlaTable

    from superset_campaign_plugin.superset_assets.installed_assets import find

    with deployment.app.app_context():
        number = find(SqlaTable, str(dataset_uuid(REPORT))).id
    body = {
        "datasource": {"id": number, "type": "table"},
        "queries": [{"filters": [], "row_limit": 100, **query}],
        "form_data": form_data,
        "force": True,
    }
    return client.post("/api/v1/chart/data", json=body, headers=headers)


def rows(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()["result"][0]["data"]


def sql(text: str) -> dict[str, Any]:
    return {"expressionType": "SQL", "label": "mine", "sqlExpression": text}


# ---------------------------------------------------------------------------------------------------------------
# SQL of their own

# A function that reads what is no row of the dataset; PostgreSQL's query_to_xml would read all of the warehouse.
READS = "current_setting('threads')"


@pytest.mark.parametrize(
    "query",
    [
        {"columns": [sql(READS)], "metrics": ["sent"]},
        {"columns": [sql(READS)]},
        {"columns": [{**sql("sent_date || ''"), "columnType": "BASE_AXIS", "timeGrain": "P1D"}], "metrics": ["sent"]},
        {"columns": ["workspace"], "metrics": [sql(f"max({READS})")]},
        {"columns": ["workspace"], "metrics": ["sent"], "extras": {"where": f"{READS} IS NOT NULL"}},
        {"columns": ["workspace"], "metrics": ["sent"], "extras": {"having": f"max({READS}) IS NOT NULL"}},
        {"columns": ["workspace"], "metrics": ["sent"], "filters": [{"col": sql(READS), "op": "IS NOT NULL"}]},
        {"columns": ["workspace"], "metrics": ["sent"], "orderby": [[sql(f"max({READS})"), True]]},
        {
            "columns": ["workspace"],
            "metrics": ["sent"],
            "is_timeseries": True,
            "granularity": "sent_date",
            "series_columns": ["workspace"],
            "series_limit": 3,
            "series_limit_metric": sql(f"max({READS})"),
        },
        {"columns": [sql(f"workspace || {READS}")], "metrics": ["sent"]},
        {"columns": [sql("workspace /* */")], "metrics": ["sent"]},
        {"columns": [sql("1 ORDER BY workspace")], "metrics": ["sent"]},
    ],
)
def test_no_sql_of_a_guests_own_runs(
    deployment: Deployment, filters: dict[str, Any], guest: dict[str, str], query: dict[str, Any]
) -> None:
    answer = ask(deployment, filters, guest, **query)
    assert (answer.status_code, REFUSED in answer.get_data(as_text=True)) == (400, True), answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "query",
    [
        {"columns": ["workspace"], "metrics": ["sent"]},
        {"columns": ["workspace", "email_id"]},
        {"columns": [sql("workspace")], "metrics": ["sent"]},
        {"columns": [], "metrics": [sql("count(*)")]},
        {
            "columns": [{**sql("sent_date"), "columnType": "BASE_AXIS", "timeGrain": "P1M"}],
            "metrics": ["sent"],
            "filters": [{"col": "workspace", "op": "IN", "val": ["EMEA"]}],
            "orderby": [["sent", False]],
        },
        {
            "columns": ["workspace"],
            "metrics": [
                {"expressionType": "SIMPLE", "aggregate": "MAX", "column": {"column_name": "email_id"}, "label": "m"}
            ],
        },
    ],
)
def test_columns_metrics_and_filters_do(
    deployment: Deployment, filters: dict[str, Any], guest: dict[str, str], query: dict[str, Any]
) -> None:
    assert rows(ask(deployment, filters, guest, **query))


@pytest.fixture
def chart(deployment: Deployment, embedding: dict[str, Any]) -> Iterator[int]:
    """A chart of SQL, with annotations, that somebody has put onto the embedded dashboard; the id of the dashboard."""
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.annotations import AnnotationLayer
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    from superset_campaign_plugin.superset_assets.installed_assets import find

    with deployment.app.app_context():
        dashboard = find(Dashboard, str(dashboard_uuid(REPORT)))
        dataset = find(SqlaTable, str(dataset_uuid(REPORT)))
        layers = [AnnotationLayer(name=name) for name in ("of the chart", "of somebody else")]
        db.session.add_all(layers)
        db.session.flush()
        params = {
            "metrics": [sql("count(distinct  email_id) + 0")],
            "annotation_layers": [{"sourceType": "NATIVE", "value": layers[0].id}],
            "adhoc_filters": [
                {"expressionType": "SQL", "clause": "WHERE", "sqlExpression": "email_id > 0"},
                {"expressionType": "SQL", "clause": "WHERE", "sqlExpression": "campaign_id > 0"},
            ],
        }
        made = Slice(
            slice_name="With SQL",
            viz_type="table",
            datasource_id=dataset.id,
            datasource_type="table",
            params=json.dumps(params),
        )
        dashboard.slices = [*dashboard.slices, made]
        db.session.commit()
        ids = (made.id, [layer.id for layer in layers])
    yield ids[1]
    with deployment.app.app_context():
        dashboard = find(Dashboard, str(dashboard_uuid(REPORT)))
        dashboard.slices = [each for each in dashboard.slices if each.id != ids[0]]
        for model, number in ((Slice, ids[0]), *((AnnotationLayer, id_) for id_ in ids[1])):
            db.session.delete(db.session.get(model, number))
        db.session.commit()


def test_sql_of_the_dashboards_maker_runs(
    deployment: Deployment, filters: dict[str, Any], guest: dict[str, str], chart: list[int]
) -> None:
    where = {"where": "(email_id > 0) AND (campaign_id > 0)"}
    for metric in ("count(distinct  email_id) + 0", "COUNT(DISTINCT email_id) + 0"):
        assert rows(ask(deployment, filters, guest, columns=["workspace"], metrics=[sql(metric)], extras=where))
    for metric, condition in (
        ("count(distinct email_id) + 1", where["where"]),
        ("count(distinct email_id) + 0", f"({where['where']}) OR 1 = 1"),
        ("count(distinct email_id) + 0 /* {{ 1 }} */", where["where"]),
    ):
        answer = ask(
            deployment, filters, guest, columns=["workspace"], metrics=[sql(metric)], extras={"where": condition}
        )
        assert answer.status_code == 400, metric


def test_annotations_are_those_of_the_dashboard(
    deployment: Deployment, filters: dict[str, Any], guest: dict[str, str], chart: list[int]
) -> None:
    def layer(number: int) -> dict[str, Any]:
        return {
            **{"annotationType": "EVENT", "sourceType": "NATIVE", "value": number, "name": "n"},
            **{"show": True, "showMarkers": True, "style": "solid"},
        }

    answers = [
        ask(deployment, filters, guest, columns=["workspace"], metrics=["sent"], annotation_layers=[layer(number)])
        for number in chart
    ]
    assert [answer.status_code for answer in answers] == [200, 400]
    assert "not of this dashboard" in answers[1].get_data(as_text=True)


def test_a_person_with_a_boundary_runs_no_sql_of_their_own(deployment: Deployment) -> None:
    from superset_campaign_plugin.embedding import row_access

    client = deployment.client("viewer")
    query = {"columns": [sql(READS)], "metrics": ["sent"]}
    assert rows(ask_as(client, deployment, None, {}, **query))
    with deployment.app.app_context():
        row_access.grant(ROLE, ["EMEA"])
    try:
        answer = ask_as(client, deployment, None, {}, **query)
        assert (answer.status_code, REFUSED in answer.get_data(as_text=True)) == (400, True)
        assert rows(ask_as(client, deployment, None, {}, columns=["workspace"], metrics=["sent"]))
        # Who may query the whole database anyway is held by nothing here.
        assert rows(ask_as(deployment.client("admin"), deployment, None, {}, **query))
    finally:
        with deployment.app.app_context():
            row_access.lift(ROLE)


def test_no_sql_of_their_own_is_run_to_see_whether_it_would(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Superset runs it without a look at its subqueries, and says what the database says."""
    monkeypatch.setitem(deployment.app.config, "WTF_CSRF_ENABLED", False)
    from superset import db, security_manager
    from superset.connectors.sqla.models import SqlaTable

    from superset_campaign_plugin.embedding import row_access
    from superset_campaign_plugin.host.records import VALIDATION
    from superset_campaign_plugin.superset_assets.installed_assets import find
    from superset_campaign_plugin.versions import superset_release

    if VALIDATION.target(superset_release()) is None:
        pytest.skip("this Superset looks at no expressions")
    read = "1 FROM (SELECT string_agg(name) AS s FROM marketo.campaign) WHERE s::INT = 1 --"
    with deployment.app.app_context():
        row_access.grant(ROLE, ["EMEA"])
        permission = security_manager.add_permission_view_menu("can_validate_expression", "Datasource")
        role = security_manager.find_role(ROLE)
        role.permissions.append(permission)
        db.session.commit()
        number = find(SqlaTable, str(dataset_uuid(REPORT))).id
    try:
        answer = deployment.client("viewer").post(
            f"/api/v1/datasource/table/{number}/validate_expression/",
            json={"expression": read, "expression_type": "column"},
        )
        assert answer.status_code == 400, answer.get_data(as_text=True)
        assert REFUSED in answer.get_data(as_text=True), answer.get_data(as_text=True)
    finally:
        with deployment.app.app_context():
            row_access.lift(ROLE)
            role = security_manager.find_role(ROLE)
            role.permissions = [each for each in role.permissions if "validate" not in each.permission.name]
            db.session.commit()


# ---------------------------------------------------------------------------------------------------------------
# What no rule names


def test_a_guest_sees_nothing_of_a_dataset_that_no_rule_names(
    deployment: Deployment, embedding: dict[str, Any], filters: dict[str, Any], issue: Issue
) -> None:
    def seen(rules: list[dict[str, Any]]) -> set[str]:
        answer = ask(deployment, filters, issue(rules), columns=["workspace"], metrics=["sent"])
        return {row["workspace"] for row in rows(answer)}

    number, emea = embedding["datasets"][REPORT], "workspace = 'EMEA'"
    # As of a portal that knows the dataset by the id that it had before it was made anew.
    assert seen([{"dataset": number + 1000, "clause": emea}]) == set()
    assert seen([]) == set()
    assert seen([{"dataset": str(number), "clause": emea}]) == {"EMEA"}
    assert seen([{"clause": emea}]) == {"EMEA"}
    everything = guest_token_request(embedding, username="ann", everything=True)["rls"]
    assert {"EMEA", "North America"} <= seen(everything)


# ---------------------------------------------------------------------------------------------------------------
# What Superset tells of others


@pytest.mark.parametrize("field", ["owners", "roles", "created_by", "changed_by"])
@pytest.mark.parametrize("kind", ["dashboard", "chart"])
def test_accounts_and_roles_are_not_listed(
    deployment: Deployment, guest: dict[str, str], kind: str, field: str
) -> None:
    address = f"/api/v1/{kind}/related/{field}"
    answer = deployment.app.test_client().get(address, headers=guest)
    assert (answer.status_code, answer.get_json()) == (403, {"message": "Forbidden"})
    if (kind, field) == ("dashboard", "roles"):
        assert deployment.client("admin").get(address).status_code == 200


def test_the_sites_of_all_portals_are_not_listed(deployment: Deployment, guest: dict[str, str]) -> None:
    address = "/api/v1/dashboard/campaign-email-performance/embedded"
    assert deployment.app.test_client().get(address, headers=guest).status_code == 403
    assert deployment.client("admin").get(address).status_code == 200


def test_the_rows_behind_a_figure_come_without_their_sql(
    deployment: Deployment, embedding: dict[str, Any], filters: dict[str, Any], guest: dict[str, str]
) -> None:
    asked = {
        "datasource_type": "table",
        "datasource_id": embedding["datasets"][REPORT],
        "dashboard_id": filters["dashboardId"],
    }
    client = deployment.app.test_client()
    answer = client.post("/datasource/samples", query_string=asked, json={}, headers=guest)
    assert answer.get_json()["result"]["data"]
    assert answer.get_json()["result"]["query"] is None
    theirs = deployment.client("admin").post("/datasource/samples", query_string=asked, json={})
    assert "SELECT" in theirs.get_json()["result"]["query"]


def test_the_datasets_of_the_dashboard_come_without_their_sql(deployment: Deployment, guest: dict[str, str]) -> None:
    answer = deployment.app.test_client().get("/api/v1/dashboard/campaign-email-performance/datasets", headers=guest)
    found = {each["table_name"]: each for each in answer.get_json()["result"]}
    assert found[REPORT]["columns"]
    for each in found.values():
        assert {each[name] for name in ("sql", "select_star", "schema", "perm")} == {None}
    theirs = deployment.client("admin").get("/api/v1/dashboard/campaign-email-performance/datasets").get_json()
    assert all(each["sql"] for each in theirs["result"])


def test_a_refusal_does_not_say_what_it_refuses(
    deployment: Deployment, embedding: dict[str, Any], filters: dict[str, Any], guest: dict[str, str]
) -> None:
    body = {
        "datasource": {"id": embedding["datasets"]["campaign_email_quality"], "type": "table"},
        "queries": [{"columns": ["finding"], "metrics": []}],
        "form_data": filters,
    }
    answer = deployment.app.test_client().post("/api/v1/chart/data", json=body, headers=guest)
    assert answer.status_code == 403
    assert "quality" not in answer.get_data(as_text=True)


def test_an_error_does_not_repeat_the_sql(
    deployment: Deployment, filters: dict[str, Any], guest: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from superset_campaign_plugin.embedding import sql_guard

    monkeypatch.setattr(sql_guard, "_may_run", lambda *_: True)
    answer = ask(deployment, filters, guest, columns=[sql("1 ORDER BY workspace")], metrics=["sent"])
    assert (answer.status_code, answer.get_json()) == (400, {"message": FAILED})

"""No error of a database tells a guest a word of somebody else's rows, nor that there is one: on every engine.

Two customers share a warehouse. The guest is the first's; every name of the second's is a canary.
"""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from deployment import IMPORTED, Deployment, give_viewer_role, words
from logs import Log

from superset_campaign_plugin.embedding import refusals
from superset_campaign_plugin.embedding.refusals import FAILED
from superset_campaign_plugin.superset_assets.identity import dashboard_uuid, dataset_uuid

REPORT = "campaign_email_performance"
ROLE = "Campaign Report Viewer"
MINE, CANARY = "aviary", "canary"
NUMBERS = [5, 0.5, True, "x"]
CONVERTS = "CAST(campaign_name AS INTEGER) > 0"


def two_customers() -> Log:
    """The same activities in two workspaces; every name has its customer's word in it."""
    log = Log()
    for number, word in enumerate((MINE, CANARY), start=1):
        workspace = f"{word} workspace"
        log.program(number, f"{word} program", workspace=workspace)
        log.campaign(number, f"{word} campaign", program=number, workspace=workspace)
        log.email(10 + number, f"{word} email", workspace=workspace)
        for person in (1, 2):
            log.send(number, 10 + number, person, "2024-03-01 10:00").open(
                number, 10 + number, person, "2024-03-01 11:00"
            )
    return log


def apart(function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """What the function gives outside of the test's own application context, in which requests would share a person."""
    return contextvars.Context().run(function, *args, **named)


def in_application(app: Any, function: Callable[..., Any], *args: Any) -> Any:
    with app.app_context():
        return function(*args)


@dataclass
class Asked:
    """A guest of the first customer, and how the dashboard asks for a filter's values."""

    deployment: Deployment
    headers: dict[str, str]
    dataset: int
    form_data: dict[str, Any]

    def query(self, form_data: dict[str, Any] | None = None, as_file: str = "json", **query: Any) -> Any:
        body = {
            "datasource": {"id": self.dataset, "type": "table"},
            "queries": [{"columns": ["campaign_name"], "metrics": ["sent"], "row_limit": 50, **query}],
            "form_data": form_data or self.form_data,
            "result_format": as_file,
            "force": True,
        }
        return apart(self.deployment.app.test_client().post, "/api/v1/chart/data", json=body, headers=self.headers)

    def behind(self, *filters: dict[str, Any], **payload: Any) -> Any:
        address = (
            f"/datasource/samples?datasource_type=table&datasource_id={self.dataset}"
            f"&dashboard_id={self.form_data['dashboardId']}&force=true"
        )
        body = {"filters": list(filters), **payload}
        return apart(self.deployment.app.test_client().post, address, json=body, headers=self.headers)


@pytest.fixture
def asked(
    bare: Deployment, warehouse_on: Callable[[str], Any], engine: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Asked]:
    """The report installed over the engine, and embedded."""
    from superset.models.dashboard import Dashboard

    from superset_campaign_plugin.bundle.install import install
    from superset_campaign_plugin.bundle.uninstall import uninstall
    from superset_campaign_plugin.superset_assets.installed_assets import find

    monkeypatch.setitem(bare.app.config, "PREVENT_UNSAFE_DB_CONNECTIONS", False)
    warehouse = warehouse_on(engine).load(two_customers())
    install(database=IMPORTED, uri=warehouse.uri, schema=None, source="fivetran")
    with bare.embedded() as told:
        dashboard = find(Dashboard, str(dashboard_uuid(REPORT)))
        number = told["datasets"][REPORT]
        configured = json.loads(dashboard.json_metadata)["native_filter_configuration"]
        name = next(each["id"] for each in configured if each["targets"][0].get("datasetId") == number)
        form_data = {"dashboardId": dashboard.id, "type": "NATIVE_FILTER", "native_filter_id": name}
        yield Asked(bare, bare.guest(told, workspaces=[f"{MINE} workspace"]), number, form_data)
    uninstall()
    warehouse.drop()


def assert_answered(answer: Any, what: Any) -> None:
    """The guest's rows or none, without an error of the database."""
    assert answer.status_code == 200, (what, words(answer))
    assert CANARY not in words(answer), what


def assert_refused(answer: Any, sentence: str, what: Any) -> None:
    """A refusal before the database was asked."""
    assert (answer.status_code, answer.get_json()) == (400, {"message": sentence}), (what, words(answer))


def texts(dataset: int) -> dict[str, str]:
    """The titles of the columns of text, by name."""
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.utils.core import GenericDataType

    columns = db.session.get(SqlaTable, dataset).columns
    found = {each.column_name: each.verbose_name for each in columns if each.type_generic == GenericDataType.STRING}
    assert {"workspace", "campaign_name", "email_subject", "program_name"} <= set(found)
    return found


def condition(column: Any, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"col": column, "op": operator, "val": value, **more}


@pytest.mark.on_spark
def test_no_filter_makes_the_database_convert_a_text(asked: Asked) -> None:
    columns = texts(asked.dataset)
    assert_answered(asked.query(filters=[]), "nothing")
    for column in columns:
        assert_answered(asked.query(filters=[condition(column, "IN", NUMBERS)], metrics=None), column)
    adhoc = {"sqlExpression": "campaign_name", "label": "mine", "expressionType": "SQL"}
    for column in (columns["campaign_name"], adhoc):
        assert_answered(asked.query(filters=[condition(column, "IN", NUMBERS)]), column)
    for operator in ("==", "!=", ">", "<=", "LIKE", "ILIKE", "NOT LIKE"):
        assert_answered(asked.query(filters=[condition("campaign_name", operator, 5)]), operator)
    assert_answered(asked.behind(condition("campaign_name", "==", 5)), "behind a figure")


@pytest.mark.on_spark
def test_what_would_convert_a_text_is_refused(asked: Asked) -> None:
    simple = {"expressionType": "SIMPLE", "column": {"column_name": "campaign_name"}, "label": "mine"}
    time = {"time_range": "2024-01-01 : 2024-04-01"}
    day = condition("campaign_name", "TEMPORAL_RANGE", "2024-01-01 : 2024-04-01")
    refused: list[tuple[str, dict[str, Any]]] = [
        *((refusals.NOT_A_FLAG, {"filters": [condition("campaign_name", each)]}) for each in ("IS TRUE", "IS FALSE")),
        (refusals.NOT_A_TIME, {"filters": [day]}),
        (refusals.NOT_A_TIME, {"filters": [{**day, "op": "temporal_range"}], **time}),
        (refusals.NOT_A_TIME, {"filters": [condition("campaign_name", "==", "x", grain="P1D")]}),
        (refusals.NOT_A_VALUE, {"filters": [condition("campaign_name", "IN", [{"a": 1}])]}),
        (refusals.NOT_A_VALUE, {"filters": [condition("campaign_name", "IN", [[5]])]}),
        (refusals.NOT_A_VALUE, {"filters": [condition("campaign_name", "==", {"a": 1})]}),
        (refusals.NOT_A_VALUE, {"filters": [condition("campaign_name", "==", 1e400)]}),
        (refusals.NOT_A_VALUE, {"filters": [condition("email_id", "IN", [10**30])]}),
        (refusals.NOT_A_VALUE, {"filters": [condition("email_id", "IN", [{"a": 1}])]}),
        (refusals.NOT_A_VALUE, {"filters": [condition("sent_date", "==", 10**17)]}),
        *(
            (refusals.BAD_PATTERN, {"filters": [condition("campaign_name", each, "canary%\\")]})
            for each in ("LIKE", "ILIKE", "NOT LIKE")
        ),
        *((refusals.BAD_AGGREGATE, {"metrics": [{**simple, "aggregate": each}]}) for each in ("SUM", "AVG")),
        (refusals.BAD_AGGREGATE, {"metrics": [{**simple, "aggregate": "STRING_AGG"}]}),
        (refusals.BAD_AGGREGATE, {"orderby": [[{**simple, "aggregate": "SUM"}, True]]}),
        (refusals.BAD_AGGREGATE, {"series_limit": 3, "series_limit_metric": {**simple, "aggregate": "SUM"}}),
    ]
    for sentence, query in refused:
        assert_refused(asked.query(**query), sentence, query)
    # Superset's own status for whatever it cannot show behind a figure.
    behind = asked.behind(day)
    assert (behind.status_code, behind.get_json()) == (422, {"message": refusals.NOT_A_TIME})
    # A column of times is asked as before.
    times = [condition("sent_date", "TEMPORAL_RANGE", "2024-01-01 : 2024-04-01")]
    assert MINE in words(asked.query(filters=times))
    by_week = {"sqlExpression": "sent_date", "label": "w", "columnType": "BASE_AXIS", "timeGrain": "P1W"}
    assert_answered(asked.query(columns=[{**by_week, "expressionType": "SQL"}], filters=times), "by week")
    assert_answered(asked.query(filters=[condition("email_id", "IN", [11, "11"])]), "a number")


@pytest.fixture
def failing(asked: Asked) -> Iterator[dict[str, Any]]:
    """A chart of the dashboard whose maker's SQL converts a text; the form by which the page asks for it."""
    from superset import db
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    chart = Slice(
        slice_name="Fails",
        viz_type="table",
        datasource_id=asked.dataset,
        datasource_type="table",
        params=json.dumps({"groupby": ["campaign_name"], "metrics": ["sent"], "extras": {"where": CONVERTS}}),
    )
    number = asked.form_data["dashboardId"]
    dashboard = db.session.get(Dashboard, number)
    dashboard.slices = [*dashboard.slices, chart]
    db.session.commit()
    made = chart.id
    yield {"slice_id": made, "dashboardId": number}
    db.session.remove()
    dashboard = db.session.get(Dashboard, number)
    dashboard.slices = [each for each in dashboard.slices if each.id != made]
    db.session.delete(db.session.get(Slice, made))
    db.session.commit()


@pytest.mark.on_spark
def test_an_error_is_told_in_our_words_alone(asked: Asked, failing: dict[str, Any]) -> None:
    """MariaDB and SQLite convert whatever they read, so nothing fails there."""
    never_fails = _engine(asked) in ("mysql", "sqlite")
    where = {"extras": {"where": CONVERTS}}
    answers = [asked.query(failing, kind, **where) for kind in ("json", "csv", "xlsx")]
    answers.append(asked.behind(**where))
    for answer in answers:
        assert CANARY not in words(answer)
        assert MINE not in words(answer) or answer.status_code == 200
        if not never_fails:
            assert answer.get_json() == {"message": FAILED}, words(answer)
            assert answer.status_code in (400, 422, 500)


def _engine(asked: Asked) -> str:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable

    return str(db.session.get(SqlaTable, asked.dataset).database.backend)


# ---------------------------------------------------------------------------------------------------------------
# People with a boundary, and other ways out; the engine makes no difference to them


@pytest.fixture
def broken(asked: Asked) -> Iterator[Any]:
    """A client of a person with a boundary, over a report whose own SQL converts a text of every row."""
    from superset import db, security_manager
    from superset.connectors.sqla.models import SqlaTable

    from superset_campaign_plugin.embedding import row_access

    give_viewer_role()
    row_access.grant(ROLE, [f"{MINE} workspace"])
    values = security_manager.add_permission_view_menu("can_get_column_values", "Datasource")
    role = security_manager.find_role(ROLE)
    metadata = security_manager.add_permission_view_menu("can_external_metadata", "Datasource")
    role.permissions = [*role.permissions, values, metadata]
    dataset = db.session.get(SqlaTable, asked.dataset)
    before = dataset.sql
    dataset.sql = f"SELECT * REPLACE (CAST(campaign_name AS INTEGER) AS campaign_name) FROM ({before}) AS whole"
    db.session.commit()
    yield asked.deployment.client("viewer")
    db.session.remove()
    db.session.get(SqlaTable, asked.dataset).sql = before
    db.session.commit()


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_people_with_a_boundary_are_told_no_more(asked: Asked, broken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(asked.deployment.app.config, "WTF_CSRF_ENABLED", False)
    monkeypatch.setitem(asked.deployment.app.config, "SHOW_STACKTRACE", True)
    body = {
        "datasource": {"id": asked.dataset, "type": "table"},
        "queries": [{"columns": ["campaign_name"], "metrics": ["sent"]}],
        "force": True,
    }
    values = f"/api/v1/datasource/table/{asked.dataset}/column/campaign_name/values/"
    samples = f"/datasource/samples?datasource_type=table&datasource_id={asked.dataset}&force=true"
    legacy = {
        "datasource": f"{asked.dataset}__table",
        **{"viz_type": "para", "metrics": ["sent"], "series": "campaign_name", "groupby": ["campaign_name"]},
    }
    answers = {
        "chart": apart(broken.post, "/api/v1/chart/data", json=body),
        "csv": apart(broken.post, "/api/v1/chart/data", json={**body, "result_format": "csv"}),
        "samples": apart(broken.post, samples, json={}),
        "values": apart(broken.get, values),
        "columns": apart(broken.get, f"/datasource/external_metadata/table/{asked.dataset}/"),
        "legacy": apart(broken.post, "/superset/explore_json/", data={"form_data": json.dumps(legacy)}),
    }
    for name, answer in answers.items():
        if name == "samples" and answer.status_code == 403:
            continue  # the role has none where Superset does not check them, as in 6.0
        assert answer.status_code in (400, 422, 500), (name, words(answer))
        assert FAILED in words(answer), (name, words(answer))
        assert not [word for word in (CANARY, "INT32") if word in words(answer)], (name, words(answer))
    # Who is held to nothing sees what is wrong.
    admin = apart(asked.deployment.client("admin").post, "/api/v1/chart/data", json=body)
    assert "INT32" in words(admin)


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_events_of_asynchronous_queries_are_told_no_more(
    asked: Asked, failing: dict[str, Any], redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import jwt
    import redis
    from superset.async_events.async_query_manager import AsyncQueryManager
    from superset.extensions import async_query_manager, async_query_manager_factory
    from superset.tasks.async_queries import load_chart_data_into_cache

    # As Superset sets it up where GLOBAL_ASYNC_QUERIES is on from the start.
    config, manager = asked.deployment.app.config, AsyncQueryManager()
    manager._cache = redis.Redis.from_url(redis_server, decode_responses=True)
    manager._stream_prefix, manager._stream_limit, manager._stream_limit_firehose = "events-", 10, 10
    monkeypatch.setattr(async_query_manager_factory, "_async_query_manager", manager)
    token = jwt.decode(
        asked.headers["X-GuestToken"], config["GUEST_TOKEN_JWT_SECRET"], ["HS256"], options={"verify_aud": False}
    )
    job = {"channel_id": "mine", "job_id": "1", "user_id": None, "status": "pending", "errors": []}
    body = {
        "datasource": {"id": asked.dataset, "type": "table"},
        "queries": [{"columns": ["campaign_name"], "metrics": ["sent"], "extras": {"where": CONVERTS}}],
        "form_data": failing,
        "force": True,
    }
    with pytest.raises(Exception, match=FAILED):
        apart(in_application, asked.deployment.app, load_chart_data_into_cache, {**job, "guest_token": token}, body)
    [event] = async_query_manager.read_events("mine", None)
    assert event["status"] == "error"
    assert [each["message"] for each in event["errors"]] == [f"Error: {FAILED}"]
    assert CANARY not in json.dumps(event)


# ---------------------------------------------------------------------------------------------------------------
# Several connections


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_people_are_held_in_every_database_of_the_report(asked: Asked) -> None:
    """The report's datasets may lie in two connections: rules on one of them hold in both."""
    from superset import db
    from superset.connectors.sqla.models import SqlaTable

    from superset_campaign_plugin.embedding.held import is_held_over
    from superset_campaign_plugin.superset_assets.installed_assets import find

    theirs = db.session.query(SqlaTable).filter_by(table_name="theirs").one()
    quality = find(SqlaTable, str(dataset_uuid("campaign_email_quality")))
    report = find(SqlaTable, str(dataset_uuid("campaign_email_performance")))
    client = asked.deployment.app.test_request_context(headers=asked.headers)
    with client:
        asked.deployment.app.preprocess_request()
        assert (is_held_over(report), is_held_over(theirs)) == (True, False)
        quality.database = theirs.database
        db.session.flush()
        assert (is_held_over(report), is_held_over(theirs)) == (True, True)
        db.session.rollback()

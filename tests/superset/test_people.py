"""The people behind the figures in Superset: there for whom it was asked, and for nobody else."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner
from deployment import DATABASE, HOSTILE_PEOPLE, SCHEMA, Deployment, words

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.emails.key import EmailKey
from superset_campaign_plugin.embedding.portal import guest_token_request
from superset_campaign_plugin.embedding.preview_tokens import Guest, Proofs
from superset_campaign_plugin.reporting.explain import explain
from superset_campaign_plugin.reporting.explanation import counted_in
from superset_campaign_plugin.reporting.recipient_list import Selection, list_recipients
from superset_campaign_plugin.reporting.run_report import run_report
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dashboard_uuid, dataset_uuid

PEOPLE = "campaign_email_people"
REPORT = "campaign_email_performance"
VIEWER, ROLE = "Campaign Report Viewer", "Campaign Report People"
CHARTS = ("people", "people_counts")
ASSETS = {f"datasets/{PEOPLE}", f"dashboards/{PEOPLE}", f"roles/{ROLE}", *(f"charts/{name}" for name in CHARTS)}
OPEN = {"clause": "1 = 1"}
# With columns of the loader's table of people.
DETAILS, DETAILS_ROLE = "campaign_email_people_details", "Campaign Report People Details"
COLUMNS = ("email", "last_name")
OF_DETAILS = {f"datasets/{DETAILS}", f"dashboards/{DETAILS}", f"roles/{DETAILS_ROLE}"}


def install(
    people: bool | None = None, database: str | None = DATABASE, columns: tuple[str, ...] | None = None
) -> dict[str, str]:
    """What happened to each asset, by its kind and name."""
    from superset_campaign_plugin.bundle.install import install as install_bundle

    changes = install_bundle(
        database=database, uri=None, schema=SCHEMA, source="fivetran", people=people, people_columns=columns
    )
    return {f"{change.kind}/{change.name}": change.action for change in changes}


def found(deployment: Deployment) -> dict[str, Any]:
    """The ids of what is about people, by kind and name; None where it is not there."""
    from superset import security_manager
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    from superset_campaign_plugin.superset_assets.installed_assets import find

    with deployment.app.app_context():
        assets = {
            f"datasets/{PEOPLE}": find(SqlaTable, str(dataset_uuid(PEOPLE))),
            f"dashboards/{PEOPLE}": find(Dashboard, str(dashboard_uuid(PEOPLE))),
            f"roles/{ROLE}": security_manager.find_role(ROLE),
            **{f"charts/{name}": find(Slice, str(chart_uuid(PEOPLE, name))) for name in CHARTS},
        }
        return {name: getattr(asset, "id", None) for name, asset in assets.items()}


# ---------------------------------------------------------------------------------------------------------------
# Installed when it is asked for, kept, and taken out


def test_it_is_there_when_it_is_asked_for_and_stays(bare: Deployment) -> None:
    from superset_campaign_plugin.bundle.status import as_text, read_status
    from superset_campaign_plugin.bundle.uninstall import uninstall
    from superset_campaign_plugin.bundle.validation import validate

    assert not ASSETS & set(install())
    assert set(found(bare).values()) == {None}
    assert "people          not installed\n" in as_text(read_status())
    command = ["install", "--database", DATABASE, "--schema", SCHEMA, "--source", "fivetran", "--with-people", "--json"]
    printed = json.loads(CliRunner().invoke(campaign, command).stdout)
    asked = {f"{each['kind']}s/{each['name']}": each["action"] for each in printed["changes"]}
    assert "give people the role 'Campaign Report People' (nobody has it yet)" in printed["next"]
    assert {name: asked[name] for name in ASSETS} == dict.fromkeys(ASSETS, "created")
    # An upgrade says nothing of people.
    assert {name: action for name, action in install().items() if name in ASSETS} == dict.fromkeys(ASSETS, "unchanged")
    status = read_status()
    assert (status["people"], status["access_to_people"][ROLE], VIEWER in status["access_to_people"]) == (
        *(True, 0),
        False,
    )
    assert f"people seen by  {ROLE} (0 people)\n" in as_text(status)
    checks = {check.name: check for check in validate()}
    assert all(checks[name].passed for name in (PEOPLE, *CHARTS)), checks
    uninstall()
    assert bare.metadata() == bare.untouched


def test_it_is_removed_when_it_is_not_wanted_any_more(bare: Deployment) -> None:
    install(people=True)
    removed = install(people=False)
    titles = {"datasets/campaign_email_people", "dashboards/Campaign Email People", f"roles/{ROLE}"}
    titles |= {"charts/People", "charts/People selected"}
    assert {name for name, action in removed.items() if action == "removed"} == titles
    assert set(found(bare).values()) == {None}
    assert not ASSETS & set(install())


def test_columns_of_people_are_there_when_they_are_named_and_stay(bare: Deployment) -> None:
    from superset.connectors.sqla.models import SqlaTable

    from superset_campaign_plugin.bundle.status import as_text, read_status
    from superset_campaign_plugin.bundle.uninstall import uninstall
    from superset_campaign_plugin.bundle.validation import validate
    from superset_campaign_plugin.superset_assets.installed_assets import find

    def run(*options: str) -> Any:
        here = ["install", "--database", DATABASE, "--schema", SCHEMA, "--source", "fivetran"]
        return CliRunner().invoke(campaign, [*here, *options])

    def shown() -> list[str]:
        columns = find(SqlaTable, str(dataset_uuid(DETAILS))).columns
        return sorted(each.column_name for each in columns if each.column_name in ("person_email", "person_last_name"))

    assert "give --with-people, too" in run("--people-columns", "email").stderr
    assert not OF_DETAILS & set(install(people=True))
    refused = run("--people-columns", "emial")
    assert (refused.exit_code, "lead in schema marketo 'emial': did you mean 'email'?" in refused.stderr) == (2, True)
    printed = json.loads(run("--people-columns", "email, last_name", "--json").stdout)
    assert {
        f"{each['kind']}s/{each['name']}" for each in printed["changes"] if each["action"] == "created"
    } >= OF_DETAILS
    assert f"give people the role '{DETAILS_ROLE}' (nobody has it yet)" in printed["next"]
    assert {action for name, action in install().items() if name in OF_DETAILS} == {"unchanged"}
    assert shown() == ["person_email", "person_last_name"]
    status = read_status()
    assert status["people_columns"] == [*COLUMNS]
    assert DETAILS_ROLE not in status["access"]
    assert not {VIEWER, ROLE} & {*status["access_to_people_columns"]}
    assert f"columns seen by {DETAILS_ROLE} (0 people)\n" in as_text(status)
    assert all(check.passed for check in validate()), validate()
    install(columns=("last_name",))
    assert shown() == ["person_last_name"]
    removed = {name for name, action in install(columns=()).items() if action == "removed"}
    assert {"datasets/campaign_email_people_details", f"roles/{DETAILS_ROLE}"} <= removed
    install(columns=("email",))
    install(people=False)
    # Who takes the people out takes their columns along.
    assert not OF_DETAILS & set(install(people=True))
    uninstall()
    assert bare.metadata() == bare.untouched


# ---------------------------------------------------------------------------------------------------------------
# Who sees it


@pytest.fixture(scope="module")
def people(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """Installed for a while, with `reader`, who has its role beside the viewers'; gives the ids."""
    from superset import db, security_manager

    config = deployment.app.config
    before, config["WTF_CSRF_ENABLED"] = config["WTF_CSRF_ENABLED"], False
    with deployment.app.app_context():
        install(people=True)
        roles = [security_manager.find_role(name) for name in (VIEWER, ROLE)]
        security_manager.add_user("reader", "Reader", "Tester", "reader@example.com", roles, password="!")
    yield found(deployment)
    with deployment.app.app_context():
        db.session.delete(security_manager.find_user("reader"))
        db.session.commit()
        install(people=False)
    config["WTF_CSRF_ENABLED"] = before


@pytest.fixture(scope="module")
def embedding(deployment: Deployment, people: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with deployment.embedded() as told:
        yield told


@pytest.fixture(scope="module")
def some_person(deployment: Deployment) -> str:
    """The id of a person of EMEA, which no answer must hold."""
    selection = Selection(where={"workspace": ["EMEA"]})
    return str(list_recipients(deployment.warehouse, schema=SCHEMA, selection=selection).records()[0]["lead"])


def question(people: dict[str, Any], columns: list[str], metrics: list[str], **more: Any) -> dict[str, Any]:
    dataset = {"id": people[f"datasets/{PEOPLE}"], "type": "table"}
    query = {"columns": columns, "metrics": metrics, "filters": [], "row_limit": 10000, **more}
    return {"datasource": dataset, "queries": [query], "force": True}


def id_of(deployment: Deployment, name: str) -> int:
    from superset.models.dashboard import Dashboard

    from superset_campaign_plugin.superset_assets.installed_assets import find

    with deployment.app.app_context():
        return int(find(Dashboard, str(dashboard_uuid(name))).id)


def attempts(
    client: Any,
    deployment: Deployment,
    people: dict[str, Any],
    headers: dict[str, str],
    columns: tuple[str, str] = ("person_id", "reason"),
    slug: str = "campaign-email-people",
) -> Iterator[Any]:
    """Every way to what is about people, with its name and its answer."""
    dataset, chart = people[f"datasets/{PEOPLE}"], people["charts/people"]
    report, own = id_of(deployment, REPORT), people[f"dashboards/{PEOPLE}"]
    asked = question(people, [*columns], ["sent"])
    forms: list[dict[str, Any]] = [
        {},
        *({"dashboardId": each} for each in (report, own)),
        *({"dashboardId": each, "slice_id": chart} for each in (report, own)),
        {"dashboardId": report, "slice_id": 0, "chart_id": chart, "groupby": ["person_id"]},
        {"dashboardId": report, "type": "NATIVE_FILTER", "native_filter_id": "NATIVE_FILTER-x"},
    ]
    for form in forms:
        for kind in ({"result_type": "full"}, {"result_type": "samples"}, {"result_type": "drill_detail"}):
            body = {**asked, **kind, "form_data": form}
            yield f"{kind} {form}", client.post("/api/v1/chart/data", json=body, headers=headers)
    for form in ("csv", "xlsx"):
        export = {**asked, "result_format": form, "form_data": {"dashboardId": report}}
        yield form, client.post("/api/v1/chart/data", json=export, headers=headers)
    query = {"database_id": 1, "sql": f"SELECT email FROM {SCHEMA}.lead", "schema": SCHEMA}
    yield "SQL Lab", client.post("/api/v1/sqllab/execute/", json=query, headers=headers)
    wrong = question(people, ["person_id"], [], filters=[{"col": columns[1], "op": "==", "val": 1}])
    yield (
        "error",
        client.post("/api/v1/chart/data", json={**wrong, "form_data": {"dashboardId": report}}, headers=headers),
    )
    samples = f"/datasource/samples?datasource_id={dataset}&datasource_type=table"
    for place in (samples, f"{samples}&dashboard_id={report}", f"{samples}&dashboard_id={own}"):
        yield place, client.post(place, json={}, headers=headers)
    expression = {"expression": f"{columns[0]} = 1", "expression_type": "where"}
    place = f"/api/v1/datasource/table/{dataset}/validate_expression/"
    yield place, client.post(place, json=expression, headers=headers)
    for place in (
        f"/api/v1/dataset/{dataset}",
        f"/api/v1/dataset/{dataset}/drill_info/?q=(dashboard_id:{report})",
        f"/api/v1/dataset/{dataset}/drill_info/?q=(dashboard_id:{own})",
        f"/api/v1/datasource/table/{dataset}/column/{columns[0]}/values/",
        f"/datasource/get/table/{dataset}/",
        f"/api/v1/explore/?datasource_id={dataset}&datasource_type=table",
        f"/api/v1/explore/?slice_id={chart}",
        f"/api/v1/chart/{chart}",
        f"/api/v1/chart/{chart}/data/",
        *(f"/api/v1/dashboard/{slug}{part}" for part in ("", "/charts", "/datasets", "/tabs")),
        f"/superset/dashboard/{slug}/",
    ):
        yield place, client.get(place, headers=headers)


def assert_closed(answers: Iterator[tuple[str, Any]], secret: str, *, guest: bool = False) -> None:
    """Each is a refusal, and tells of no person; to guests not even that there is such a dataset."""
    count = 0
    for name, answer in answers:
        count += 1
        text = words(answer)
        assert answer.status_code in (302, 400, 401, 403, 404), f"{name}: {answer.status_code} {text[:500]}"
        assert secret not in text, name
        assert not (guest and "email_people" in text), f"{name}: {text[:500]}"
    assert count > 40


@pytest.mark.parametrize("rows", [{"workspaces": ["EMEA"]}, {"everything": True}])
def test_no_guest_gets_there(
    deployment: Deployment, people: dict[str, Any], embedding: dict[str, Any], some_person: str, rows: dict[str, Any]
) -> None:
    headers = deployment.guest(embedding, **rows)
    client = deployment.app.test_client()
    assert_closed(attempts(client, deployment, people, headers), some_person, guest=True)


@pytest.mark.parametrize("rules", [[], [OPEN], "its own"])
def test_no_rule_of_a_portal_opens_it(
    deployment: Deployment, people: dict[str, Any], embedding: dict[str, Any], some_person: str, rules: Any
) -> None:
    token = guest_token_request(embedding, username="ann", everything=True)
    token["rls"] = [{"dataset": people[f"datasets/{PEOPLE}"], **OPEN}] if rules == "its own" else rules
    client = deployment.app.test_client()
    assert_closed(attempts(client, deployment, people, deployment.header(token)), some_person, guest=True)


def test_a_portal_is_told_to_close_it(people: dict[str, Any], embedding: dict[str, Any]) -> None:
    rules = guest_token_request(embedding, username="ann", everything=True)["rls"]
    assert {"dataset": people[f"datasets/{PEOPLE}"], "clause": "1 = 0"} in rules


@pytest.mark.parametrize("rules", [[], [OPEN], "its own"])
def test_where_somebody_embeds_it_guests_see_no_row(
    deployment: Deployment, people: dict[str, Any], embedding: dict[str, Any], some_person: str, rules: Any
) -> None:
    """Its own dashboard is embedded by hand, so that Superset lets guests at the dataset."""
    from superset import db
    from superset.daos.dashboard import EmbeddedDashboardDAO
    from superset.models.dashboard import Dashboard

    own, dataset = people[f"dashboards/{PEOPLE}"], people[f"datasets/{PEOPLE}"]
    with deployment.app.app_context():
        embedded = EmbeddedDashboardDAO.upsert(db.session.get(Dashboard, own), [])
        db.session.commit()
        resource = str(embedded.uuid)
    token = {
        "user": {"username": "ann"},
        "resources": [{"type": "dashboard", "id": resource}],
        "rls": [{"dataset": dataset, **OPEN}] if rules == "its own" else rules,
    }
    headers = deployment.header(token)
    try:
        client = deployment.app.test_client()
        answer = client.get(f"/api/v1/chart/{people['charts/people']}/data/", headers=headers)
        assert some_person not in words(answer)
        body = {
            **question(people, ["person_link"], ["last_day"]),
            "form_data": {
                "dashboardId": own,
                "slice_id": 0,
                "chart_id": people["charts/people"],
                "groupby": ["person_link"],
            },
        }
        answer = client.post("/api/v1/chart/data", json=body, headers=headers)
        assert answer.status_code in (200, 403)
        if answer.status_code == 200:
            assert [query["data"] for query in answer.get_json()["result"]] == [[]]
        for _, each in attempts(client, deployment, people, headers):
            assert some_person not in words(each)
    finally:
        with deployment.app.app_context():
            for each in list(db.session.get(Dashboard, own).embedded):
                db.session.delete(each)
            db.session.commit()


@pytest.mark.parametrize("user", ["viewer", "outsider"])
def test_nobody_without_the_role_gets_there(
    deployment: Deployment, people: dict[str, Any], some_person: str, user: str
) -> None:
    assert_closed(attempts(deployment.client(user), deployment, people, {}), some_person)


def test_the_role_shows_the_people_and_their_figures(deployment: Deployment, people: dict[str, Any]) -> None:
    reader = deployment.client("reader")
    for place in ("/api/v1/dashboard/campaign-email-people", f"/api/v1/chart/{people['charts/people']}"):
        assert reader.get(place).status_code == 200
    metrics = ["sent", "delivered", "opened", "clicked_link", "unsubscribed", "hard_bounced", "aborted"]
    answer = reader.post("/api/v1/chart/data", json=question(people, ["workspace"], metrics))
    rows = {row["workspace"]: row for row in answer.get_json()["result"][0]["data"]}
    expected = run_report(deployment.warehouse, schema=SCHEMA, by=["workspace"]).records()
    assert {name: {each: row[each] for each in metrics} for name, row in rows.items()} == {
        row["workspace"]: {each: row[each] for each in metrics} for row in expected
    }
    assert len(rows) > 1


# ---------------------------------------------------------------------------------------------------------------
# With row rules


@pytest.fixture
def only_emea(deployment: Deployment, people: dict[str, Any]) -> Iterator[None]:
    from superset_campaign_plugin.embedding import row_access

    with deployment.app.app_context():
        row_access.grant(VIEWER, ["EMEA"])
    yield
    with deployment.app.app_context():
        row_access.lift(VIEWER)


def test_row_rules_hold_for_people(deployment: Deployment, people: dict[str, Any], only_emea: None) -> None:
    reader = deployment.client("reader")
    answer = reader.post("/api/v1/chart/data", json=question(people, ["workspace"], ["sent"]))
    [row] = answer.get_json()["result"][0]["data"]
    [expected] = run_report(deployment.warehouse, schema=SCHEMA, by=[], where={"workspace": ["EMEA"]}).records()
    assert row == {"workspace": "EMEA", "sent": expected["sent"]}


def test_with_row_rules_no_error_and_no_sql_tells_of_others(
    deployment: Deployment, people: dict[str, Any], only_emea: None
) -> None:
    reader = deployment.client("reader")
    own = {"clause": "WHERE", "expressionType": "SQL", "sqlExpression": "CAST(email_subject AS INTEGER) = 1"}
    asked = [
        question(people, ["person_id"], ["sent"], extras={"where": "CAST(reason AS INTEGER) = person_id"}),
        question(people, ["person_id"], [{**own, "label": "x", "optionName": "x"}]),
        question(
            people, ["person_id"], ["sent"], filters=[{"col": "reason", "op": "TEMPORAL_RANGE", "val": "2020 : 2021"}]
        ),
    ]
    for body in asked:
        answer = reader.post("/api/v1/chart/data", json=body)
        assert answer.status_code in (400, 403, 422), words(answer)
        assert "Conversion" not in words(answer)
        assert "so delivered" not in words(answer)


def test_without_the_role_row_rules_open_nothing(
    deployment: Deployment, people: dict[str, Any], some_person: str, only_emea: None
) -> None:
    assert_closed(attempts(deployment.client("viewer"), deployment, people, {}), some_person)


# ---------------------------------------------------------------------------------------------------------------
# The way there


@pytest.fixture(scope="module")
def email(deployment: Deployment) -> dict[str, Any]:
    """The email with the most sends, in its campaign."""
    rows = run_report(deployment.warehouse, schema=SCHEMA, by=["campaign", "email"]).records()
    return max((row for row in rows if row["campaign_id"]), key=lambda row: row["sent"])


def test_a_preview_leads_to_the_people_of_its_figures(
    deployment: Deployment, people: dict[str, Any], email: dict[str, Any]
) -> None:
    import prison
    from superset.models.dashboard import Dashboard

    from superset_campaign_plugin.superset_assets.installed_assets import find

    place = f"/campaign-email/{email['email_id']}/"
    limited = f"{place}?campaign_id={email['campaign_id']}&sent_from=2020-01-01&sent_to=2030-12-31"
    page = words(deployment.client("reader").get(limited))
    [address] = re.findall(r'<p class="people"><a href="([^"]*)"', page)
    parts = urlsplit(html.unescape(address))
    assert parts.path == "/superset/dashboard/campaign-email-people/"
    states = prison.loads(parse_qs(parts.query)["native_filters"][0])
    with deployment.app.app_context():
        dashboard = find(Dashboard, str(dashboard_uuid(PEOPLE)))
        filters = json.loads(dashboard.json_metadata)["native_filter_configuration"]
    names = {each["id"]: each["name"] for each in filters}
    assert {names[id_]: state["filterState"]["value"] for id_, state in states.items()} == {
        "Sent Date": "2020-01-01 : 2031-01-01",
        "Campaign ID": [email["campaign_id"]],
        "Email ID": [email["email_id"]],
    }
    conditions = [each for state in states.values() for each in state["extraFormData"].get("filters", [])]
    asked = question(people, [], ["sent", "opened"], filters=conditions)
    [row] = deployment.client("reader").post("/api/v1/chart/data", json=asked).get_json()["result"][0]["data"]
    assert row == {"sent": email["sent"], "opened": email["opened"]}
    of_all = words(deployment.client("reader").get(place))
    assert "Campaign" not in of_all.partition('<p class="people">')[2].partition("</p>")[0]


def test_nobody_else_is_shown_the_way(
    deployment: Deployment, people: dict[str, Any], embedding: dict[str, Any], email: dict[str, Any]
) -> None:
    place = f"/campaign-email/{email['email_id']}/"
    client = deployment.app.test_client()
    guest = client.get(place, headers=deployment.guest(embedding, everything=True))
    for answer in (deployment.client("viewer").get(place), guest):
        assert answer.status_code == 200
        assert "campaign-email-people" not in words(answer)


# ---------------------------------------------------------------------------------------------------------------
# One person


@pytest.fixture(scope="module")
def recipient(deployment: Deployment) -> dict[str, Any]:
    """Somebody of EMEA who was sent an email, as `superset-campaign people` tells of them."""
    selection = Selection(where={"workspace": ["EMEA"]}, without=["pending", "aborted"])
    rows = list_recipients(deployment.warehouse, schema=SCHEMA, selection=selection).records()
    return next(row for row in rows if row["clicked_link"] and row["campaign_id"])


def page_of(row: dict[str, Any]) -> str:
    return f"/campaign-email/{row['email_id']}/person/{row['lead']}/"


def cells(page: str) -> list[list[str]]:
    """The texts of the table of lines, a list for each row."""
    rows = re.findall(r'<tr role="row"(?: class="uncounted")?>(.*?)</tr>', page, re.S)[1:]
    texts = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.S) for row in rows]
    return [[html.unescape(re.sub(r"<[^>]*>", "", text)).strip() for text in row] for row in texts]


def test_a_reason_leads_to_each_activity_behind_it(
    deployment: Deployment, people: dict[str, Any], recipient: dict[str, Any]
) -> None:
    """The page says what the command says."""
    from superset import db, security_manager
    from superset.models.core import Log

    reader = deployment.client("reader")
    conditions = [
        {"col": name, "op": "==", "val": recipient[key]}
        for name, key in (("person_id", "lead"), ("email_id", "email_id"), ("campaign_id", "campaign_id"))
    ]
    asked = question(people, ["reason_link", "reason"], ["sent"], filters=conditions)
    [row] = reader.post("/api/v1/chart/data", json=asked).get_json()["result"][0]["data"]
    [address] = re.findall(r'href="([^"]*)"', row["reason_link"])
    assert (address, row["reason"] in row["reason_link"]) == (page_of(recipient), True)

    page = words(reader.get(address))
    [told] = explain(deployment.warehouse, person=recipient["lead"], email=recipient["email_id"], schema=SCHEMA)
    assert [
        row[3].removesuffix(line.rule or "").strip().lower() for row, line in zip(cells(page), told.lines, strict=True)
    ] == [line.effect.lower() for line in told.lines]
    for outcome in told.outcomes:
        assert html.escape(outcome["reason"]) in page
        assert ", ".join(counted_in(outcome)) in page
    with deployment.app.app_context():
        entry = db.session.query(Log).filter_by(action="CampaignEmailView.person").order_by(Log.id.desc()).first()
        facts = json.loads(entry.json)
        assert entry.user_id == security_manager.find_user("reader").id
    assert (facts["email_id"], facts["person"], facts["outcome"]) == (recipient["email_id"], recipient["lead"], "shown")


def test_nobody_else_is_shown_a_person(
    deployment: Deployment, people: dict[str, Any], embedding: dict[str, Any], recipient: dict[str, Any]
) -> None:
    client = deployment.app.test_client()
    guest = client.get(page_of(recipient), headers=deployment.guest(embedding, everything=True))
    ann = Guest("ann", (embedding["dashboard"],), ((REPORT, "workspace = 'EMEA'"),))
    proof = Proofs([deployment.app.config["SECRET_KEY"]]).issuer(ann)(EmailKey(recipient["email_id"]))
    link = f"/campaign-email/{recipient['email_id']}/"
    assert client.get(link, query_string={"proof": proof}).status_code == 200
    refused = [
        guest,
        client.get(page_of(recipient), query_string={"proof": proof}),
        deployment.client("viewer").get(page_of(recipient)),
        deployment.client("outsider").get(page_of(recipient)),
        deployment.client("reader").get(page_of({**recipient, "lead": 2**62})),
        deployment.client("reader").get(page_of({**recipient, "email_id": 2**62})),
    ]
    for answer in refused:
        assert answer.status_code in (302, 403, 404)
        assert recipient["status"] not in words(answer)


def test_row_rules_hold_for_one_person(
    deployment: Deployment, people: dict[str, Any], recipient: dict[str, Any], only_emea: None
) -> None:
    reader = deployment.client("reader")
    page = words(reader.get(page_of(recipient)))
    assert "are left out" in page
    [told] = explain(deployment.warehouse, person=recipient["lead"], email=recipient["email_id"], schema=SCHEMA)
    emea = Selection(email=recipient["email_id"], lead=recipient["lead"], where={"workspace": ["EMEA"]})
    own = {row["campaign_id"] for row in list_recipients(deployment.warehouse, schema=SCHEMA, selection=emea).records()}
    assert len(cells(page)) == sum(line.counts_for in own for line in told.lines)
    others = Selection(where={"workspace": ["North America"]})
    emails = {
        row["email_id"]
        for row in run_report(
            deployment.warehouse, schema=SCHEMA, by=["email"], where={"workspace": ["EMEA"]}
        ).records()
    }
    other = next(
        row
        for row in list_recipients(deployment.warehouse, schema=SCHEMA, selection=others).records()
        if row["email_id"] not in emails
    )
    assert reader.get(page_of(other)).status_code == 404


# ---------------------------------------------------------------------------------------------------------------
# Columns of the loader's table of people


@pytest.fixture(scope="module")
def details(deployment: Deployment, people: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Installed for a while, with `detailed`, who has its role beside the viewers'; ids by the names of `people`."""
    from superset import db, security_manager
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    from superset_campaign_plugin.superset_assets.installed_assets import find

    with deployment.app.app_context():
        install(columns=COLUMNS)
        roles = [security_manager.find_role(name) for name in (VIEWER, DETAILS_ROLE)]
        security_manager.add_user("detailed", "Detailed", "Tester", "detailed@example.com", roles, password="!")
        ids = {
            f"datasets/{PEOPLE}": find(SqlaTable, str(dataset_uuid(DETAILS))).id,
            f"dashboards/{PEOPLE}": find(Dashboard, str(dashboard_uuid(DETAILS))).id,
            **{f"charts/{name}": find(Slice, str(chart_uuid(DETAILS, f"{name}_details"))).id for name in CHARTS},
        }
    yield ids
    with deployment.app.app_context():
        db.session.delete(security_manager.find_user("detailed"))
        db.session.commit()
        install(columns=())


@pytest.fixture(scope="module")
def some_address(deployment: Deployment) -> str:
    """The address of a person of EMEA, which no answer must hold."""
    found = list_recipients(
        deployment.warehouse, schema=SCHEMA, selection=Selection(where={"workspace": ["EMEA"]}), columns=["email"]
    )
    return next(row["person_email"] for row in found.records() if row["person_email"])


def attempts_at_details(client: Any, deployment: Deployment, ids: dict[str, Any], headers: dict[str, str]) -> Any:
    columns = ("person_email", "person_last_name")
    return attempts(client, deployment, ids, headers, columns, "campaign-email-people-details")


@pytest.mark.parametrize("user", ["viewer", "reader", "outsider"])
def test_nobody_without_their_role_reads_attributes(
    deployment: Deployment, details: dict[str, Any], some_address: str, user: str
) -> None:
    assert_closed(attempts_at_details(deployment.client(user), deployment, details, {}), some_address)


@pytest.mark.parametrize("rules", ["everything", "its own"])
def test_no_guest_reads_attributes(
    deployment: Deployment, details: dict[str, Any], embedding: dict[str, Any], some_address: str, rules: str
) -> None:
    token = guest_token_request(embedding, username="ann", everything=True)
    if rules == "its own":
        token["rls"] = [{"dataset": details[f"datasets/{PEOPLE}"], **OPEN}]
    answers = attempts_at_details(deployment.app.test_client(), deployment, details, deployment.header(token))
    assert_closed(answers, some_address, guest=True)


def test_where_somebody_embeds_them_guests_see_no_attribute(
    deployment: Deployment, details: dict[str, Any], embedding: dict[str, Any], some_address: str
) -> None:
    from superset import db
    from superset.daos.dashboard import EmbeddedDashboardDAO
    from superset.models.dashboard import Dashboard

    with deployment.app.app_context():
        embedded = EmbeddedDashboardDAO.upsert(db.session.get(Dashboard, details[f"dashboards/{PEOPLE}"]), [])
        db.session.commit()
        resources = [{"type": "dashboard", "id": str(embedded.uuid)}]
    rls = [{"dataset": details[f"datasets/{PEOPLE}"], **OPEN}]
    headers = deployment.header({"user": {"username": "ann"}, "resources": resources, "rls": rls})
    try:
        for _, answer in attempts_at_details(deployment.app.test_client(), deployment, details, headers):
            assert some_address not in words(answer)
    finally:
        with deployment.app.app_context():
            for each in db.session.get(Dashboard, details[f"dashboards/{PEOPLE}"]).embedded:
                db.session.delete(each)
            db.session.commit()


def test_with_the_role_attributes_stand_beside_the_same_figures(
    deployment: Deployment, details: dict[str, Any]
) -> None:
    from openpyxl import load_workbook

    client = deployment.client("detailed")
    assert client.get("/api/v1/dashboard/campaign-email-people-details").status_code == 200
    asked = question(details, ["person_id", "person_email", "person_last_name"], ["sent", "opened"], row_limit=50000)
    rows = client.post("/api/v1/chart/data", json=asked).get_json()["result"][0]["data"]
    expected = list_recipients(deployment.warehouse, schema=SCHEMA, columns=COLUMNS).records()
    sums: dict[int, list[Any]] = {}
    for each in expected:
        own = [str(each[name]).replace("<", "< ") for name in ("person_email", "person_last_name")]
        told = sums.setdefault(each["lead"], [*own, 0, 0])
        told[2:] = [told[2] + each["sent"], told[3] + each["opened"]]
    assert {row.pop("person_id"): [*row.values()] for row in rows} == sums
    names = [told[1] for told in sums.values()]
    assert {name.replace("<", "< ") for name in HOSTILE_PEOPLE} <= set(names)
    assert not any(re.search("<[^ ]", name) for name in names)
    # In files no value is a formula.
    only = {**asked, "queries": [{**asked["queries"][0], "columns": ["person_last_name"]}]}
    text = client.post("/api/v1/chart/data", json={**only, "result_format": "csv"}).get_data(as_text=True)
    assert "'=1+1" in text
    assert "\n=1+1" not in text
    file = client.post("/api/v1/chart/data", json={**only, "result_format": "xlsx"}).get_data()
    cells = [cell for row in load_workbook(io.BytesIO(file)).active for cell in row]
    assert "'=1+1" in {cell.value for cell in cells}
    assert "f" not in {cell.data_type for cell in cells}


def test_attributes_are_the_first_filters_and_columns(deployment: Deployment, details: dict[str, Any]) -> None:
    from superset import db
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    with deployment.app.app_context():
        chart = json.loads(db.session.get(Slice, details["charts/people"]).params)
        metadata = json.loads(db.session.get(Dashboard, details[f"dashboards/{PEOPLE}"]).json_metadata)
    assert chart["groupby"][:3] == ["person_link", "person_email", "person_last_name"]
    filters = metadata["native_filter_configuration"]
    assert [each["name"] for each in filters][:4] == ["Sent Date", "Person's Email", "Last Name", "Campaign"]
    own = {each["targets"][0].get("datasetId") for each in filters[1:3]}
    assert own == {details[f"datasets/{PEOPLE}"]}
    # Whoever has the role may list the values of each filter.
    client = deployment.client("detailed")
    for each in filters[1:]:
        [target] = each["targets"]
        asked = question({f"datasets/{PEOPLE}": target["datasetId"]}, [target["column"]["name"]], [])
        assert client.post("/api/v1/chart/data", json=asked).status_code == 200, each["name"]


def test_each_view_of_people_is_in_the_log(deployment: Deployment, details: dict[str, Any]) -> None:
    from superset import db, security_manager
    from superset.models.core import Log

    with deployment.app.app_context():
        after = max((id_ for (id_,) in db.session.query(Log.id)), default=0)
        user = security_manager.find_user("detailed").id
    client = deployment.client("detailed")
    condition = {"col": "person_email", "op": "IN", "val": ["ann@example.com"]}
    asked = {**question(details, ["person_email"], ["sent"], filters=[condition]), "force": False}
    for _ in range(2):  # the second one from the cache
        assert client.post("/api/v1/chart/data", json=asked).status_code == 200
    client.post("/api/v1/chart/data", json=question(details, [], ["sent"]))
    # Drilling to the rows of a figure, which Superset itself does not log.
    samples = f"?datasource_id={details[f'datasets/{PEOPLE}']}&datasource_type=table&per_page=5&page=1"
    assert client.post(f"/datasource/samples{samples}", json={"filters": [condition]}).status_code == 200
    with deployment.app.app_context():
        found = db.session.query(Log).filter(Log.id > after, Log.action == "campaign_people_viewed").all()
        told = [(each.user_id, json.loads(each.json)) for each in found]
    row = {
        "path": "/api/v1/chart/data",
        "dataset": DETAILS,
        "columns": ["person_email"],
        "filters": [["person_email", "IN", ["ann@example.com"]]],
        "condition": "",
    }
    assert told[:2] == [(user, row), (user, row)]
    [(by, drilled)] = told[2:]
    assert (by, drilled["path"], drilled["filters"]) == (user, "/datasource/samples", row["filters"])

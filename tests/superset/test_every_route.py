"""A guest walks every route of Superset with every method, and learns nothing that is not theirs.

Accounts, roles, schemas, the SQL of datasets and the words of another workspace are canaries in what the walk finds.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from deployment import SCHEMA, Deployment, words
from werkzeug.routing import Rule

from superset_campaign_plugin.reporting.run_report import run_report
from superset_campaign_plugin.superset_assets.identity import dashboard_uuid

REPORT = "campaign_email_performance"
SLUG = "campaign-email-performance"
NAMES = ("workspace", "program_name", "campaign_name", "email_name", "email_subject")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")

OWNER = "Ottoline"
ROLE = "Kanarienvogel & Sons"
CERTIFIER = "Certainly Canary"

# The fields of a dashboard that Superset's page asks for.
PAGE = (
    "id,slug,url,dashboard_title,published,css,theme,json_metadata,position_json,certified_by,certification_details,"
    "changed_by_name,changed_by,changed_on,created_by,charts,owners,roles,tags,changed_on_delta_humanized,"
    "created_on_delta_humanized,is_managed_externally,uuid"
)

# What gives whole objects, with the fields that a list may be asked for.
ASKED_FOR = (
    "",
    "q=(columns:!(owners.email,owners.first_name,roles.name,changed_by.last_name))",
    f"q=(columns:!({PAGE}))",
    "q=(filters:!((col:owners,opr:rel_m_m,value:1)),page_size:100)",
)


def spelled(canary: str) -> set[str]:
    """As it stands, as HTML writes it, and as JSON does, within itself, too."""
    once = {canary, html.escape(canary), json.dumps(canary)[1:-1], json.dumps(canary, ensure_ascii=False)[1:-1]}
    return once | {json.dumps(form)[1:-1] for form in once}


@dataclass
class Walk:
    """A guest of EMEA in a Superset full of canaries."""

    deployment: Deployment
    headers: dict[str, str]
    values: Mapping[str, list[Any]]
    bodies: Mapping[str, list[Any]]
    canaries: frozenset[str]

    def found(self, answer: Any) -> set[str]:
        text = words(answer) + "".join(f"{name}: {value}\n" for name, value in answer.headers)
        return {canary for canary in self.canaries if any(form in text for form in spelled(canary))}

    def ask(self, method: str, address: str, query: str = "", body: Any = None) -> Any:
        client = self.deployment.app.test_client()
        return client.open(address, method=method, query_string=query, json=body, headers=self.headers)


@pytest.fixture(scope="module")
def walk(deployment: Deployment) -> Iterator[Walk]:
    mine, others = names(deployment)
    with deployment.embedded() as told:
        with deployment.app.app_context():
            before, number, contexts = _put_canaries(others)
        accounts = {OWNER, "ottoline@canary.example", "outsider@example.com", "admin@example.com", CERTIFIER, ROLE}
        hidden = {"activity_send_email", f"{SCHEMA}.", f'"schema": "{SCHEMA}"', f'"schema":"{SCHEMA}"', "duckdb:///"}
        ids = sorted({1, 2, 3, number, *told["datasets"].values(), contexts[0]["form_data"]["slice_id"]})
        values = {
            "pk": [*ids, 10**30],
            "id_or_slug": [SLUG, "theirs", told["dashboard"], number, 10**30],
            "id_or_uuid": [*ids, str(dashboard_uuid(REPORT))],
            "dashboard_id_or_slug": [SLUG, "theirs"],
            "uuid": [told["dashboard"]],
            "column_name": ["owners", "roles", "changed_by", "workspace"],
            "datasource_type": ["table", "view", "dataset"],
            "datasource_id": [told["datasets"][REPORT], *told["datasets"].values(), 10**30],
            "email_id": [*ids_of_emails(deployment), 10**18],
            "lang": ["en", "de"],
            "digest": ["x"],
        }
        yield Walk(
            deployment,
            deployment.guest(told, workspaces=["EMEA"]),
            values,
            {"ChartDataRestApi.data": contexts},
            frozenset({*accounts, *hidden, *others} - set(mine)),
        )
    with deployment.app.app_context():
        _take_canaries_out(*before)


def _put_canaries(labels: list[str]) -> tuple[tuple[str, str | None], int, list[dict[str, Any]]]:
    """Owners, roles and colours on the dashboard; what it was before, its id, and the questions of its charts."""
    from superset import db, security_manager
    from superset.models.dashboard import Dashboard

    from superset_campaign_plugin.superset_assets.installed_assets import find

    security_manager.add_user("ottoline", OWNER, "Canary", "ottoline@canary.example", [], password="x" * 12)
    owner = security_manager.find_user("ottoline")
    dashboard = find(Dashboard, str(dashboard_uuid(REPORT)))
    before = (dashboard.json_metadata, dashboard.certified_by)
    colours = {"shared_label_colors": labels[:3], "map_label_colors": dict.fromkeys(labels[:3], "#000000")}
    dashboard.json_metadata = json.dumps({**json.loads(dashboard.json_metadata), **colours})
    dashboard.roles = [security_manager.add_role(ROLE)]
    _sign(dashboard, [owner], CERTIFIER)
    contexts = [
        {**json.loads(chart.query_context), "form_data": {"slice_id": chart.id, "dashboardId": dashboard.id}}
        for chart in dashboard.slices
    ]
    db.session.commit()
    return before, dashboard.id, contexts


def _take_canaries_out(json_metadata: str, certified_by: str | None) -> None:
    from superset import db, security_manager
    from superset.models.dashboard import Dashboard

    from superset_campaign_plugin.superset_assets.installed_assets import find

    dashboard = find(Dashboard, str(dashboard_uuid(REPORT)))
    _sign(dashboard, [], None)
    dashboard.json_metadata, dashboard.certified_by, dashboard.roles = json_metadata, certified_by, []
    db.session.flush()
    db.session.delete(security_manager.find_role(ROLE))
    db.session.delete(security_manager.find_user("ottoline"))
    db.session.commit()


def _sign(dashboard: Any, owners: list[Any], certifier: str | None) -> None:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable

    for each in (dashboard, *dashboard.slices, *db.session.query(SqlaTable)):
        each.owners = owners
    for each in (dashboard, *dashboard.slices):
        each.certified_by = certifier


def names(deployment: Deployment) -> tuple[list[str], list[str]]:
    """The names in the rows of EMEA, and those in other rows alone."""
    by = ["workspace", "program", "campaign", "email"]
    rows = run_report(deployment.warehouse, schema=SCHEMA, by=by).records()
    mine = {str(row[name]) for row in rows for name in NAMES if name in row and row["workspace"] == "EMEA"}
    others = {str(row[name]) for row in rows for name in NAMES if row.get(name) and row["workspace"] != "EMEA"}
    # Short ones stand in other words.
    return sorted(mine), sorted(word for word in others - mine if len(word) > 8)


def ids_of_emails(deployment: Deployment) -> list[int]:
    rows = run_report(deployment.warehouse, schema=SCHEMA, by=["workspace", "email"]).records()
    mine = [row["email_id"] for row in rows if row["workspace"] == "EMEA"]
    others = [row["email_id"] for row in rows if row["workspace"] != "EMEA" and row["email_id"] not in mine]
    return [mine[0], others[0]]


def addresses(rule: Rule, values: Mapping[str, list[Any]]) -> list[str]:
    """The rule with its parameters filled in, each of their values once."""
    names = re.findall(r"<(?:[^:<>]*:)?([^<>]+)>", rule.rule)
    if not names:
        return [rule.rule]
    columns = [values.get(name, values["pk"][:3] if "int:" in rule.rule else ["1", "x"]) for name in names]
    found = []
    for turn in range(max(map(len, columns))):
        address = rule.rule
        for name, column in zip(names, columns, strict=True):
            address = re.sub(rf"<(?:[^:<>]*:)?{name}>", str(column[min(turn, len(column) - 1)]), address)
        found.append(address)
    return found


def test_nothing_of_others_is_told_anywhere(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    # Else much would be refused for want of a token against forged requests.
    monkeypatch.setitem(walk.deployment.app.config, "WTF_CSRF_ENABLED", False)
    faults = []
    walked = answered = 0
    for rule in walk.deployment.app.url_map.iter_rules():
        places = addresses(rule, walk.values)
        for method in METHODS:
            own = method in rule.methods
            for address in places if own else places[:1]:
                for query in ASKED_FOR if own and method == "GET" else ("",):
                    bodies = walk.bodies.get(rule.endpoint, [{}, None]) if own else [None]
                    for body in bodies if method in ("POST", "PUT") else [None]:
                        answer = walk.ask(method, address, query, body)
                        walked += 1
                        answered += answer.status_code == 200
                        if walk.found(answer) or answer.status_code >= 500:
                            faults.append((method, address, query, answer.status_code, walk.found(answer)))
    assert faults == []
    assert walked > 3000
    # The page itself, its charts, and files that everybody may have.
    assert answered > 20


def test_the_dashboards_own_questions_are_answered_without_a_word_of_others(walk: Walk) -> None:
    """Not only are they free of canaries: they are answered."""
    number = walk.bodies["ChartDataRestApi.data"][0]["form_data"]["dashboardId"]
    dataset = walk.values["datasource_id"][0]
    drill = f"/api/v1/dataset/{dataset}/drill_info/"
    samples = f"/datasource/samples?datasource_type=table&datasource_id={dataset}&dashboard_id={number}"
    asked = [
        ("GET", "/api/v1/me/roles/", "", None),
        *(("GET", f"/api/v1/dashboard/{number}{part}", "", None) for part in ("", "/charts", "/datasets")),
        ("GET", f"/api/v1/dashboard/{number}", f"q=(columns:!({PAGE}))", None),
        ("GET", drill, f"q=(dashboard_id:{number})", None),
        ("GET", "/api/v1/time_range/", "q='Last quarter'", None),
        *(("POST", "/api/v1/chart/data", "", body) for body in walk.bodies["ChartDataRestApi.data"]),
        *(
            ("POST", "/api/v1/chart/data", "", {**body, "result_format": kind})
            for body in walk.bodies["ChartDataRestApi.data"]
            for kind in ("csv", "xlsx")
        ),
        ("POST", samples, "", {"filters": []}),
    ]
    for method, address, query, body in asked:
        place, _, more = address.partition("?")
        answer = walk.ask(method, place, query or more, body)
        assert answer.status_code == 200, (address, answer.get_data(as_text=True))
        assert answer.data, address
        assert walk.found(answer) == set(), address


def test_the_canaries_are_seen_where_nobody_is_held(walk: Walk) -> None:
    """Else the walk would prove nothing."""
    client = walk.deployment.client("admin")
    seen = set()
    for place in ("", f"/{SLUG}", f"/{SLUG}/charts", f"/{SLUG}/datasets"):
        seen |= walk.found(client.get(f"/api/v1/dashboard{place}"))
    for body in walk.bodies["ChartDataRestApi.data"]:
        seen |= walk.found(client.post("/api/v1/chart/data", json={**body, "force": True}))
    assert {OWNER, ROLE, CERTIFIER, "activity_send_email", f"{SCHEMA}."} <= seen
    assert len(seen) > 20

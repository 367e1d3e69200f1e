"""Two Marketo instances of the same ids in a real Superset: in charts, filters and previews, for a guest too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import logs
import pytest
from click.testing import CliRunner
from deployment import IMPORTED, Deployment, give_viewer_role, put_back, run_chart
from logs import Log

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.emails.contents import load_emails
from superset_campaign_plugin.embedding.portal import guest_token_request
from superset_campaign_plugin.embedding.row_clauses import Grant
from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dashboard_uuid

DASHBOARD = "campaign_email_performance"
LINK = re.compile(r'<a title="[^"]*" href="([^"]*)" target="_blank">([^<]*)</a>')


@pytest.fixture(scope="module")
def instances(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The report over campaign 10 and email 100 of EMEA, and of Japan, where these ids stand for other things."""
    from superset_campaign_plugin.bundle.install import install
    from superset_campaign_plugin.bundle.uninstall import uninstall

    folder = tmp_path_factory.mktemp("instances")
    uri = f"duckdb:///{folder}/two.duckdb"
    for name, sends in (("EMEA", 3), ("Japan", 5)):
        write_instance(uri, name, sends, folder / name)
    source = folder / "instances.yaml"
    source.write_text(
        "instances:\n  EMEA: {source: fivetran, schema: marketo_emea}\n"
        "  Japan: {source: fivetran, schema: marketo_japan}\n"
    )
    wanted: dict[str, Any] = {"database": IMPORTED, "uri": uri, "schema": None, "source": str(source)}
    # The context ends before the tests: requests within it would share a login.
    with deployment.app.app_context():
        uninstall()
        install(**wanted)
        assert {change.action for change in install(**wanted)} == {"unchanged"}
        give_viewer_role()
    yield deployment
    with deployment.app.app_context():
        put_back()


def write_instance(uri: str, name: str, sends: int, contents: Path) -> None:
    """An instance's log, with so many sends and a click, and the content of its email."""
    log = Log().campaign(10, f"Campaign of {name}", workspace="Field").email(100, f"Email of {name}")
    for person in range(sends):
        log.send(10, 100, person, "2024-03-01 10:00").deliver(10, 100, person, "2024-03-01 10:01")
    log.click(10, 100, 1, "2024-03-01 12:00", link=f"https://example.com/{name}")
    schema = f"marketo_{name.lower()}"
    logs.write(log, uri, schema=schema)
    contents.mkdir()
    (contents / "100.html").write_text(f"<p>Hello {name}</p>")
    load_emails(uri, contents, schema=schema)


def test_tables_tell_the_instances_apart(instances: Deployment) -> None:
    [rows] = run_chart(instances, "campaigns", user="viewer", filters=[])
    assert {(row["source_name"], row["campaign_label"], row["sent"]) for row in rows} == {
        ("EMEA", "Campaign of EMEA", 3),
        ("Japan", "Campaign of Japan", 5),
    }
    [rows] = run_chart(instances, "emails", user="viewer", filters=[])
    days = "&campaign_id=10&sent_from=2024-03-01&sent_to=2024-03-01"
    assert {LINK.fullmatch(row["email_preview"]).groups() for row in rows} == {
        (f"/campaign-email/100/?source=EMEA{days}", "Email of EMEA"),
        (f"/campaign-email/100/?source=Japan{days}", "Email of Japan"),
    }
    only = [{"col": "source_name", "op": "IN", "val": ["Japan"]}]
    assert [row["sent"] for row in run_chart(instances, "emails", user="viewer", filters=only)[0]] == [5]


def test_a_filter_chooses_among_the_instances(instances: Deployment) -> None:
    from superset.models.dashboard import Dashboard

    from superset_campaign_plugin.superset_assets.installed_assets import find

    with instances.app.app_context():
        metadata = json.loads(find(Dashboard, str(dashboard_uuid(DASHBOARD))).json_metadata)
    filters = metadata["native_filter_configuration"]
    names = {each["id"]: each["name"] for each in filters}
    assert list(names.values())[:3] == ["Sent Date", "Marketo Instance", "Workspace"]
    [workspace] = [each for each in filters if each["name"] == "Workspace"]
    assert [names[id_] for id_ in workspace["cascadeParentIds"]] == ["Sent Date", "Marketo Instance"]


@pytest.mark.parametrize(("name", "other", "sent"), [("EMEA", "Japan", "3"), ("Japan", "EMEA", "5")])
def test_a_preview_is_of_one_instance(instances: Deployment, name: str, other: str, sent: str) -> None:
    client = instances.client("viewer")
    page = client.get(f"/campaign-email/100/?source={name}").get_data(as_text=True)
    assert f"Email of {name}" in page
    assert f'<span class="key">Marketo Instance</span> {name}<' in page
    assert f"https://example.com/{name}" in page
    assert re.search(rf">\s*{sent}\s*<", page)
    assert other not in page
    assert f"Hello {name}" in client.get(f"/campaign-email/100/body?source={name}").get_data(as_text=True)
    result = client.get(f"/api/v1/campaign_email/100?source={name}").get_json()["result"]
    assert (result["source_name"], result["email_name"]) == (name, f"Email of {name}")


@pytest.mark.parametrize("query", ["", "?source=", "?source=APAC", "?source=emea", "?source=EMEA%0A", "?source=%27"])
def test_an_email_without_its_instance_is_unknown(instances: Deployment, query: str) -> None:
    client = instances.client("viewer")
    unknown = client.get("/campaign-email/987654321/?source=EMEA")
    answer = client.get(f"/campaign-email/100/{query}")
    assert (answer.status_code, answer.data) == (404, unknown.data)


def test_a_grant_is_for_a_workspace_of_one_instance(instances: Deployment) -> None:
    """Both instances have a workspace of that name."""
    from superset_campaign_plugin.embedding import row_access

    role = "Campaign Report Viewer"
    run = CliRunner().invoke
    with instances.app.app_context():
        granted = run(campaign, ["grant", role, "--workspace", "Field", "--instance", "Japan"])
        assert granted.output == f"{role}: Field, Marketo instance Japan\n"
        with pytest.raises(UsageError, match="did you mean 'Japan'"):
            row_access.grant(role, ["Field"], instances=["Jappan"])
        with pytest.raises(UsageError, match="unknown workspace of Japan 'Feld'"):
            row_access.grant(role, ["Feld"], instances=["Japan"])
    try:
        [rows] = run_chart(instances, "campaigns", user="viewer", filters=[])
        assert {row["source_name"] for row in rows} == {"Japan"}
        client = instances.client("viewer")
        assert client.get("/campaign-email/100/?source=Japan").status_code == 200
        assert client.get("/campaign-email/100/?source=EMEA").status_code == 404
        with instances.app.app_context():
            both = [Grant("Field"), Grant("Field", instance="Japan")]
            assert row_access.grant(role, ["Field"]) == both
            assert row_access.revoke(role, instances=["Japan"]) == both[:1]
        [rows] = run_chart(instances, "campaigns", user="viewer", filters=[])
        assert {row["source_name"] for row in rows} == {"EMEA", "Japan"}
    finally:
        with instances.app.app_context():
            row_access.lift(role)


def test_a_guests_proof_is_for_the_email_of_one_instance(instances: Deployment) -> None:
    from superset.models.slice import Slice

    from superset_campaign_plugin.embedding.embed import embed
    from superset_campaign_plugin.superset_assets.installed_assets import find

    with instances.app.app_context():
        embedding = embed(["https://portal.example.com"]).as_dict()
        chart = find(Slice, str(chart_uuid(DASHBOARD, "emails")))
        context = json.loads(chart.query_context)
        context["form_data"] = {"slice_id": chart.id, "dashboardId": chart.dashboards[0].id}
    context["queries"][0]["filters"] = []
    admin = instances.client("admin")
    csrf = admin.get("/api/v1/security/csrf_token/").get_json()["result"]
    token = admin.post(
        "/api/v1/security/guest_token/",
        json=guest_token_request(embedding, username="ann", workspaces=["Field"], instances=["EMEA"]),
        headers={"X-CSRFToken": csrf, "Referer": "http://localhost/"},
    ).get_json()["token"]
    guest = instances.app.test_client()
    answer = guest.post("/api/v1/chart/data", json=context, headers={"X-GuestToken": token})
    [row] = answer.get_json()["result"][0]["data"]
    address, name = LINK.fullmatch(row["email_preview"]).groups()
    assert name == "Email of EMEA"
    assert address.startswith("/campaign-email/100/?source=EMEA&campaign_id=10&sent_from=")
    assert "&proof=" in address
    page = guest.get(address)
    assert page.status_code == 200
    assert "Email of EMEA" in page.get_data(as_text=True)
    assert guest.get(address.replace("source=EMEA", "source=Japan")).status_code == 403
    assert guest.get(address.replace("source=EMEA&", "")).status_code == 403

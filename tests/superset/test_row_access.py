"""Workspaces as boundaries, and the embedding of the dashboard: what a role and a guest can reach, and cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from deployment import CHARTS, DATABASE, PASSWORD, SCHEMA, Deployment, give_viewer_role, metadata

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.embedding.portal import Superset, guest_token_request
from superset_campaign_plugin.embedding.row_clauses import Grant, row_clause
from superset_campaign_plugin.errors import PortalError, UsageError
from superset_campaign_plugin.reporting.run_report import run_report
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dataset_uuid

ROLE = "Campaign Report Viewer"
REPORT = "campaign_email_performance"
OF_THE_REPORT = sorted(name for name, dashboard in CHARTS.items() if dashboard == REPORT)


@pytest.fixture
def bound(deployment: Deployment) -> Iterator[Deployment]:
    """The viewers see EMEA alone."""
    from superset_campaign_plugin.embedding import row_access

    with deployment.app.app_context():
        row_access.grant(ROLE, ["EMEA"])
    yield deployment
    with deployment.app.app_context():
        if ROLE in row_access.list_grants():
            row_access.lift(ROLE)


@pytest.fixture
def embedding(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """What a portal is told of the embedded dashboard."""
    with deployment.embedded() as told:
        yield told


def sent(deployment: Deployment, **asked: Any) -> int:
    [row] = run_report(deployment.warehouse, schema=SCHEMA, by=[], **asked).records()
    return row["sent"]


def stored(deployment: Deployment, name: str) -> tuple[int, dict[str, Any]]:
    """A shipped chart's id and its query context."""
    from superset.models.slice import Slice

    from superset_campaign_plugin.superset_assets.installed_assets import find

    with deployment.app.app_context():
        chart = find(Slice, str(chart_uuid(CHARTS[name], name)))
        return chart.id, json.loads(chart.query_context)


def dataset_id(deployment: Deployment, name: str) -> int:
    from superset.connectors.sqla.models import SqlaTable

    from superset_campaign_plugin.superset_assets.installed_assets import find

    with deployment.app.app_context():
        return find(SqlaTable, str(dataset_uuid(name))).id


def question(deployment: Deployment, dataset: str, column: str, metric: str, **more: Any) -> dict[str, Any]:
    """A chart query by one column, as a filter's list of values is."""
    query = {"columns": [column], "metrics": [metric], "filters": [], "row_limit": 1000, **more}
    return {"datasource": {"id": dataset_id(deployment, dataset), "type": "table"}, "queries": [query], "force": True}


def rows(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return [row for query in answer.get_json()["result"] for row in query["data"]]


# ---------------------------------------------------------------------------------------------------------------
# Clauses


@pytest.mark.parametrize(
    ("grants", "clause"),
    [
        ([], "1 = 0"),
        ([Grant("EMEA")], "workspace IN ('EMEA')"),
        ([Grant("EMEA"), Grant("APAC"), Grant("EMEA", "Spring")], "workspace IN ('APAC', 'EMEA')"),
        ([Grant("")], "workspace IS NULL"),
        ([Grant(""), Grant("EMEA")], "(workspace IN ('EMEA') OR workspace IS NULL)"),
        (
            [Grant("APAC"), Grant("EMEA", "Spring"), Grant("EMEA", "Fall")],
            "workspace IN ('APAC') OR (workspace IN ('EMEA') AND program_name IN ('Fall', 'Spring'))",
        ),
        ([Grant("O'Brien' OR 1=1 --")], "workspace IN ('O''Brien'' OR 1=1 --')"),
        ([Grant("back\\slash")], "workspace IN ('back\\slash')"),
        ([Grant("EMEA", None, "North")], "(source_name = 'North' AND (workspace IN ('EMEA')))"),
        (
            [Grant("EMEA", None, "North"), Grant("APAC", "Spring", "North"), Grant("")],
            "workspace IS NULL OR (source_name = 'North' AND (workspace IN ('EMEA') OR "
            "(workspace IN ('APAC') AND program_name IN ('Spring'))))",
        ),
    ],
)
def test_a_clause_holds_for_the_granted_rows(grants: list[Grant], clause: str) -> None:
    assert row_clause(grants, backslash_escapes=False) == clause


def test_where_a_backslash_escapes_no_name_gets_out_of_its_quotes() -> None:
    assert row_clause([Grant("a\\' OR 1=1 --")], backslash_escapes=True) == "workspace IN ('a\\\\\\' OR 1=1 --')"


@pytest.mark.parametrize("name", ["{{ current_username() }}", "a {% raw %}", "{# x #}", "100%", ":name", "a\rb"])
def test_no_name_becomes_a_template_a_format_or_a_parameter(deployment: Deployment, name: str) -> None:
    """As Superset renders row rules under ENABLE_TEMPLATE_PROCESSING, and without."""
    from superset.jinja_context import BaseTemplateProcessor, NoOpTemplateProcessor
    from superset.models.core import Database

    clause = row_clause([Grant(name)], backslash_escapes=False, character="CHR({})")
    database = Database(database_name="x", sqlalchemy_uri="duckdb:///:memory:")
    with deployment.as_user("admin"):
        for processor in (BaseTemplateProcessor, NoOpTemplateProcessor):
            assert processor(database=database).process_template(clause) == clause
    assert clause % () == clause
    found = duckdb.connect().execute(f"SELECT workspace FROM (SELECT ? AS workspace) WHERE {clause}", [name])
    assert found.fetchall() == [(name,)]


def test_where_characters_are_not_known_no_name_is_a_template() -> None:
    """As in a portal with the embedding of an earlier version."""
    clause = row_clause([Grant("100% {{ name }}")], backslash_escapes=False)
    assert clause == "workspace IN (REPLACE('100% {~{ name }}', '~', ''))"


def test_a_clause_picks_the_rows_of_names_that_break_careless_sql() -> None:
    names = [
        "x') OR ('1'='1",
        "EMEA",
        'O\'Brien & "Söhne"',
        "100% ' OR '1'='1",
        "back\\slash'",
        "عرض ‏🎉",
        ":bound %s ?",
    ]
    connection = duckdb.connect()
    connection.execute("CREATE TABLE report (workspace VARCHAR, program_name VARCHAR)")
    connection.executemany("INSERT INTO report VALUES (?, 'P')", [[name] for name in names])
    for name in names:
        clause = row_clause([Grant(name, "P")], backslash_escapes=False)
        assert connection.execute(f"SELECT workspace FROM report WHERE {clause}").fetchall() == [(name,)]


# ---------------------------------------------------------------------------------------------------------------
# Roles


# But for those that show times or words alone, which may be the same for all rows.
@pytest.mark.parametrize("name", sorted({*OF_THE_REPORT} - {"hours", "period", "data_until", "what_is_compared"}))
def test_every_chart_shows_the_roles_rows_alone(bound: Deployment, name: str) -> None:
    _, context = stored(bound, name)
    for query in context["queries"]:
        query.update(filters=[], time_offsets=[])
    mine, all_rows = (
        rows(bound.client(user).post("/api/v1/chart/data", json={**context, "force": True}))
        for user in ("viewer", "admin")
    )
    assert mine
    assert mine != all_rows
    if name == "key_figures":
        assert mine[0]["sent"] == sent(bound, where={"workspace": ["EMEA"]})


def test_the_figures_are_those_of_the_workspace(bound: Deployment) -> None:
    found = rows(bound.client("viewer").post("/api/v1/chart/data", json=question(bound, REPORT, "workspace", "sent")))
    assert found == [{"workspace": "EMEA", "sent": sent(bound, where={"workspace": ["EMEA"]})}]
    timed = question(bound, "campaign_email_timing", "workspace", "sent")
    assert rows(bound.client("viewer").post("/api/v1/chart/data", json=timed)) == found
    by_domain = question(bound, "campaign_email_deliverability", "workspace", "sent")
    assert rows(bound.client("viewer").post("/api/v1/chart/data", json=by_domain)) == found
    by_column = question(bound, "campaign_email_columns", "workspace", "column_total")
    assert {row["workspace"] for row in rows(bound.client("viewer").post("/api/v1/chart/data", json=by_column))} == {
        "EMEA"
    }


def test_the_quality_of_all_workspaces_is_not_theirs(bound: Deployment) -> None:
    asked = question(bound, "campaign_email_quality", "finding", "found")
    assert rows(bound.client("viewer").post("/api/v1/chart/data", json=asked)) == []
    assert rows(bound.client("admin").post("/api/v1/chart/data", json=asked))


def test_the_rows_behind_a_figure_and_exports_are_theirs_alone(bound: Deployment) -> None:
    client = bound.client("viewer")
    address = f"/datasource/samples?datasource_id={dataset_id(bound, REPORT)}&datasource_type=table&force=true"
    csrf = client.get("/api/v1/security/csrf_token/").get_json()
    assert csrf
    answer = client.post(address, json={"filters": []})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert {row["workspace"] for row in answer.get_json()["result"]["data"]} == {"EMEA"}
    exported = client.post(
        "/api/v1/chart/data", json={**question(bound, REPORT, "workspace", "sent"), "result_format": "csv"}
    ).get_data(as_text=True)
    assert "EMEA" in exported
    assert "North America" not in exported


def test_other_workspaces_emails_answer_as_unknown_ones(bound: Deployment) -> None:
    found: dict[str, set[int]] = {}
    for row in run_report(bound.warehouse, schema=SCHEMA, by=["workspace", "email"]).records():
        found.setdefault(row["workspace"], set()).add(row["email_id"])
    theirs, others = found["EMEA"], found["North America"] - found["EMEA"]
    client = bound.client("viewer")
    assert client.get(f"/campaign-email/{min(theirs)}/").status_code == 200
    hidden, missing = (client.get(f"/campaign-email/{id_}/") for id_ in (min(others), 99_999_999))
    assert (hidden.status_code, hidden.data) == (missing.status_code, missing.data) == (404, missing.data)
    assert client.get(f"/api/v1/campaign_email/{min(others)}").status_code == 404


def test_a_program_narrows_a_workspace(bound: Deployment) -> None:
    from superset_campaign_plugin.embedding import row_access

    programs = run_report(bound.warehouse, schema=SCHEMA, by=["program"], where={"workspace": ["EMEA"]}).records()
    program = max(programs, key=lambda row: row["sent"])["program_name"]
    with bound.app.app_context():
        row_access.revoke(ROLE)
        assert row_access.grant(ROLE, ["EMEA"], [program]) == [Grant("EMEA", program)]
    found = rows(
        bound.client("viewer").post("/api/v1/chart/data", json=question(bound, REPORT, "program_name", "sent"))
    )
    assert [row["program_name"] for row in found] == [program]


def test_what_is_granted_twice_is_stored_once_and_what_is_revoked_is_gone(bound: Deployment) -> None:
    from superset_campaign_plugin.embedding import row_access

    file = bound.folder / "superset.db"
    before = metadata(file)
    with bound.app.app_context():
        assert row_access.grant(ROLE, ["EMEA"]) == [Grant("EMEA")]
        assert metadata(file) == before
        with pytest.raises(UsageError, match="one Marketo instance"):
            row_access.grant(ROLE, ["EMEA"], instances=["EMEA"])
        assert row_access.grant(ROLE, ["North America"]) == [Grant("EMEA"), Grant("North America")]
        assert row_access.list_grants() == {ROLE: [Grant("EMEA"), Grant("North America")]}
        assert row_access.revoke(ROLE, ["North America"]) == [Grant("EMEA")]
        assert row_access.revoke(ROLE) == []
    # Nothing left is nothing, not everything.
    asked = question(bound, REPORT, "workspace", "sent")
    assert rows(bound.client("viewer").post("/api/v1/chart/data", json=asked)) == []
    with bound.app.app_context():
        row_access.lift(ROLE)
        assert row_access.list_grants() == {}
        with pytest.raises(UsageError, match="has no boundary"):
            row_access.revoke(ROLE)
    assert len(rows(bound.client("viewer").post("/api/v1/chart/data", json=asked))) == 2


def test_names_that_are_not_there_are_not_granted(bound: Deployment) -> None:
    from superset_campaign_plugin.embedding import row_access

    before = metadata(bound.folder / "superset.db")
    with bound.app.app_context():
        with pytest.raises(UsageError, match="did you mean 'EMEA'"):
            row_access.grant(ROLE, ["EMAE"])
        with pytest.raises(UsageError, match="unknown program of EMEA"):
            row_access.grant(ROLE, ["EMEA"], ["None such"])
        with pytest.raises(UsageError, match="unknown role"):
            row_access.grant("Nobody", ["EMEA"])
        assert metadata(bound.folder / "superset.db") == before
        program = min(
            row["program_name"]
            for row in run_report(
                bound.warehouse, schema=SCHEMA, by=["program"], where={"workspace": ["EMEA"]}
            ).records()
        )
        assert row_access.grant(ROLE, ["EMEA"], [program]) == [Grant("EMEA"), Grant("EMEA", program)]
        assert Grant("Later") in row_access.grant(ROLE, ["Later"], force=True)


def test_an_upgrade_keeps_the_boundaries_and_removal_takes_them(bare: Deployment) -> None:
    from superset import db
    from superset.connectors.sqla.models import RowLevelSecurityFilter

    from superset_campaign_plugin.bundle.install import install
    from superset_campaign_plugin.bundle.uninstall import plan_removal, uninstall
    from superset_campaign_plugin.embedding import row_access

    install(database=DATABASE, uri=None, schema=SCHEMA, source="fivetran")
    give_viewer_role()
    row_access.grant(ROLE, ["EMEA"])
    rule = db.session.query(RowLevelSecurityFilter).filter_by(name=f"Campaign report: {ROLE}").one()
    rule.tables = rule.tables[:1]  # as after an upgrade that brought datasets
    db.session.commit()
    install(database=DATABASE, uri=None, schema=SCHEMA, source="fivetran")
    of_the_report = ("columns", "deliverability", "links", "timing", "variants")
    with_workspaces = {REPORT, *(f"campaign_email_{name}" for name in of_the_report)}
    assert {table.table_name for table in rule.tables} == with_workspaces
    assert row_access.list_grants() == {ROLE: [Grant("EMEA")]}
    planned = plan_removal().changes()
    assert ("removed", "row rules") in {(change.action, change.kind) for change in planned}
    assert uninstall() == planned
    assert db.session.query(RowLevelSecurityFilter).count() == 0


def test_the_commands(bound: Deployment) -> None:
    with bound.app.app_context():
        run = CliRunner().invoke
        assert run(campaign, ["list"]).output == f"{ROLE}: EMEA\n"
        assert run(campaign, ["grant", ROLE, "--workspace", "North America"]).output.splitlines() == [
            f"{ROLE}: EMEA",
            f"{ROLE}: North America",
        ]
        wrong = run(campaign, ["grant", ROLE, "--workspace", "EMAE"])
        assert (wrong.exit_code, "did you mean 'EMEA'" in wrong.output) == (2, True)
        assert run(campaign, ["revoke", ROLE]).output == f"{ROLE}: nothing\n"
        assert run(campaign, ["revoke", ROLE, "--lift"]).output == f"{ROLE}: everything\n"
        assert run(campaign, ["revoke", ROLE]).exit_code == 2


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "revoke {role} --workspace Nowhere",
            "the workspace 'Nowhere' is not granted to the role '{role}', so nothing is taken back; it is granted to "
            "no role, and to '{role}' are granted: EMEA",
        ),
        ("revoke {role} --workspace EMEA --workspace APAC", "it is granted to 'Partners', and to '{role}' are"),
        ("revoke {role} --program Spring", "the program 'Spring' is not granted to"),
        (
            "revoke Partners --workspace EMEA --program Spring",
            "the program 'Spring' within the workspace 'EMEA' is not granted to the role 'Partners', so nothing is "
            "taken back; it is granted to no role, and to 'Partners' are granted: APAC, program Spring; EMEA",
        ),
        ("revoke Partner", "unknown role 'Partner': did you mean 'Partners'?"),
        ("revoke Partner --lift", "unknown role 'Partner': did you mean 'Partners'?"),
        ("revoke Gamma", "nothing was granted to the role 'Gamma', which has no boundary, so nothing is taken back; "),
        ("revoke Gamma --lift", "'{role}', 'Partners' has one"),
        ("revoke {role} --lift --workspace EMEA", "--lift removes the whole boundary"),
        ("embed --off --allow-domain https://portal.example.com", "--off stops embedding altogether"),
        ("diff --replaced Campains", "unknown dataset, chart or dashboard 'Campains': did you mean"),
    ],
)
def test_a_command_that_would_do_nothing_says_so(bound: Deployment, command: str, said: str) -> None:
    from superset import db, security_manager

    from superset_campaign_plugin.embedding import row_access

    file = bound.folder / "superset.db"
    with bound.app.app_context():
        security_manager.add_role("Partners")
        try:
            row_access.grant("Partners", ["APAC"], ["Spring"], force=True)
            row_access.grant("Partners", ["EMEA"])
            before = metadata(file)
            told = CliRunner().invoke(campaign, [ROLE if part == "{role}" else part for part in command.split()])
            assert (told.exit_code, told.stdout, len(told.stderr.splitlines())) == (2, "", 1)
            assert said.format(role=ROLE) in told.stderr
            assert metadata(file) == before
        finally:
            row_access.lift("Partners")
            db.session.delete(security_manager.find_role("Partners"))
            db.session.commit()


def test_what_is_done_already_is_told(bound: Deployment) -> None:
    with bound.app.app_context():
        again = CliRunner().invoke(campaign, ["grant", ROLE, "--workspace", "EMEA"])
        assert (again.exit_code, again.stdout) == (0, f"{ROLE}: EMEA\n")
        assert again.stderr == "this was granted already; nothing was changed\n"
        CliRunner().invoke(campaign, ["revoke", ROLE])
        empty = CliRunner().invoke(campaign, ["revoke", ROLE])
        assert empty.exit_code == 2
        assert "which sees nothing already; --lift removes its boundary" in empty.stderr


# ---------------------------------------------------------------------------------------------------------------
# Guests


def ask(deployment: Deployment, token: str, body: dict[str, Any]) -> Any:
    client = deployment.app.test_client()
    return client.post("/api/v1/chart/data", json=body, headers={"X-GuestToken": token})


@pytest.mark.parametrize("name", OF_THE_REPORT)
def test_a_guest_runs_every_chart_over_their_rows(
    deployment: Deployment, embedding: dict[str, Any], address: str, name: str
) -> None:
    token = Superset(address, "admin", PASSWORD, embedding).guest_token("ann", workspaces=["EMEA"])
    id_, context = stored(deployment, name)
    from superset.models.dashboard import Dashboard

    with deployment.app.app_context():
        from superset import db

        dashboard = db.session.query(Dashboard).filter_by(slug="campaign-email-performance").one().id
    for query in context["queries"]:
        query["time_offsets"] = []
    context["form_data"] = {"slice_id": id_, "dashboardId": dashboard}
    found = rows(ask(deployment, token, context))
    assert found
    if name == "campaigns":
        assert sum(row["sent"] for row in found if row.get("campaign_id")) == sent(
            deployment, where={"workspace": ["EMEA"]}
        )


def test_a_guest_cannot_reach_the_quality_dataset_or_anything_else(
    deployment: Deployment, embedding: dict[str, Any], address: str
) -> None:
    token = Superset(address, "admin", PASSWORD, embedding).guest_token("ann", workspaces=["EMEA"])
    assert ask(deployment, token, question(deployment, "campaign_email_quality", "finding", "found")).status_code == 403
    assert ask(deployment, token, question(deployment, REPORT, "workspace", "sent")).status_code == 403
    client = deployment.app.test_client()
    guest = {"X-GuestToken": token}
    assert client.get("/api/v1/database/", headers=guest).status_code in (401, 403)
    assert client.get("/api/v1/rowlevelsecurity/", headers=guest).status_code in (401, 403)


def test_a_token_request_names_exactly_the_plugins_datasets(embedding: dict[str, Any]) -> None:
    body = guest_token_request(embedding, username="ann", workspaces=["O'Brien"])
    assert {rule["dataset"] for rule in body["rls"]} == set(embedding["datasets"].values())
    clauses = {rule["dataset"]: rule["clause"] for rule in body["rls"]}
    assert clauses[embedding["datasets"][REPORT]] == "workspace IN ('O''Brien')"
    assert clauses[embedding["datasets"]["campaign_email_quality"]] == "1 = 0"
    with pytest.raises(UsageError, match="unknown Marketo instance 'EMEA'"):
        guest_token_request(embedding, username="ann", workspaces=["EMEA"], instances=["EMEA"])
    everything = guest_token_request(embedding, username="ann", everything=True)["rls"]
    # Each dataset is named, since the plugin shows a guest nothing of one that no rule names.
    assert {rule["dataset"] for rule in everything} == set(embedding["datasets"].values())
    for rule in everything:
        of_quality = rule["dataset"] == embedding["datasets"]["campaign_email_quality"]
        assert rule["clause"] == ("1 = 0" if of_quality else "1 = 1")
    for wrong in ({}, {"workspaces": ["EMEA"], "everything": True}, {"programs": ["Spring"]}):
        with pytest.raises(UsageError, match="name the workspaces"):
            guest_token_request(embedding, username="ann", **wrong)


def test_a_wrong_password_and_a_dead_address_say_so(embedding: dict[str, Any], address: str) -> None:
    with pytest.raises(PortalError, match="answered 401"):
        Superset(address, "admin", "wrong", embedding).guest_token("ann", workspaces=["EMEA"])
    with pytest.raises(PortalError, match="cannot be reached"):
        Superset("http://127.0.0.1:9", "admin", PASSWORD, embedding).guest_token("ann", workspaces=["EMEA"])


@pytest.mark.parametrize(
    "domain",
    [
        "portal.example.com",
        "https://portal.example.com/x",
        "https://*.example.com",
        "http://portal.example.com",
        "*",
        "",
    ],
)
def test_only_origins_may_embed(deployment: Deployment, domain: str) -> None:
    from superset_campaign_plugin.embedding.embed import embed

    with deployment.app.app_context(), pytest.raises(UsageError, match=r"is not a valid origin|is not encrypted"):
        embed([domain])


def test_embedding_twice_changes_nothing_and_off_is_off(deployment: Deployment, embedding: dict[str, Any]) -> None:
    with deployment.app.app_context():
        run = CliRunner().invoke
        again = run(campaign, ["embed", "--allow-domain", "https://portal.example.com", "--json"])
        assert json.loads(again.stdout) == embedding
        assert "frame-ancestors" in again.stderr  # which the deployment of the tests does not set
        assert "GUEST_ROLE_NAME" not in again.stderr
        page = f"/embedded/{embedding['dashboard']}"
        client = deployment.app.test_client()
        assert client.get(page, headers={"Referer": "https://portal.example.com/a"}).status_code == 200
        assert client.get(page, headers={"Referer": "https://elsewhere.example.com/"}).status_code == 403
        run(campaign, ["embed", "--off"])
        assert client.get(page, headers={"Referer": "https://portal.example.com/a"}).status_code == 404
        assert "was off" in run(campaign, ["embed", "--off"]).stderr

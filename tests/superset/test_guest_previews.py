"""Previews for guests of the embedded dashboard: what a link opens, for whom, how long, and what it never opens."""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from deployment import SCHEMA, Deployment

from superset_campaign_plugin.config import EXTENSION
from superset_campaign_plugin.emails.key import EmailKey
from superset_campaign_plugin.embedding import rate_limit
from superset_campaign_plugin.embedding.preview_tokens import MAX_LENGTH, Guest, Proofs
from superset_campaign_plugin.reporting.run_report import run_report
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dashboard_uuid, dataset_uuid

DASHBOARD = "campaign_email_performance"
REPORT = "campaign_email_performance"
UNKNOWN = 987_654_321
LINK = re.compile(
    r'<a title="[^"]*" href="(/campaign-email/(\d+)/\?campaign_id=\d+(?:&sent_from=[\d-]+&sent_to=[\d-]+)?'
    r'(?:&proof=([^"]*))?)" target="_blank">[^<]*</a>'
)


@dataclass
class Portal:
    """The deployment with its dashboard embedded."""

    deployment: Deployment
    uuid: str
    dashboard_id: int
    datasets: dict[str, int]

    def token(self, username: str, workspace: str | None, *more: dict[str, Any]) -> str:
        """A guest token as a portal's back end gets it, with a rule on every dataset of the plugin."""
        client = self.deployment.client("admin")
        csrf = client.get("/api/v1/security/csrf_token/").get_json()["result"]
        rules = [] if workspace is None else [self.rule(id_, workspace) for id_ in self.datasets.values()]
        answer = client.post(
            "/api/v1/security/guest_token/",
            json={
                "user": {"username": username},
                "resources": [{"type": "dashboard", "id": self.uuid}],
                "rls": [*rules, *more],
            },
            headers={"X-CSRFToken": csrf, "Referer": "http://localhost/"},
        )
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()["token"]

    @staticmethod
    def rule(dataset: int | None, workspace: str) -> dict[str, Any]:
        clause = f"workspace = '{workspace}'"
        return {"clause": clause} if dataset is None else {"dataset": dataset, "clause": clause}

    def context(self, chart: str = "emails", **changes: Any) -> dict[str, Any]:
        """The request by which the embedded dashboard asks for a chart; `changes` go into its first query."""
        from superset.models.slice import Slice

        from superset_campaign_plugin.superset_assets.installed_assets import find

        with self.deployment.app.app_context():
            found = find(Slice, str(chart_uuid(DASHBOARD, chart)))
            context = json.loads(found.query_context)
            context["form_data"] = {"slice_id": found.id, "dashboardId": self.dashboard_id}
        context["queries"][0].update(changes)
        return context

    def ask(self, token: str, context: dict[str, Any], **headers: str) -> Any:
        """The answer of the chart data API to a guest."""
        client = self.deployment.app.test_client()
        return client.post("/api/v1/chart/data", json=context, headers={"X-GuestToken": token, **headers})

    def links(self, token: str) -> dict[int, str]:
        """The address of every email's link on the guest's dashboard."""
        answer = self.ask(token, self.context())
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return {int(id_): address for address, id_, _ in links_in(answer.get_json())}

    def open(self, address: str) -> Any:
        """The answer to a fresh browser, without session or token."""
        return self.deployment.app.test_client().get(address)

    def forge(self, email_id: int, guest: Guest, **options: Any) -> str:
        """An address with a proof that the deployment's own key signed."""
        proofs = Proofs([self.deployment.app.config["SECRET_KEY"]], **options)
        return f"/campaign-email/{email_id}/?proof={proofs.issuer(guest)(EmailKey(email_id))}"


def links_in(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(address, email id, proof) of every link in the rows of an answer."""
    rows = [row for query in answer["result"] for row in query["data"]]
    return [found.groups() for row in rows for text in row.values() if (found := LINK.fullmatch(str(text)))]


def first_query(context: dict[str, Any]) -> dict[str, Any]:
    """The request without its further queries, which an export would put into a ZIP."""
    return {**context, "queries": context["queries"][:1]}


def proof_of(address: str) -> str:
    return parse_qs(urlsplit(address).query)["proof"][0]


@pytest.fixture(scope="module")
def portal(deployment: Deployment) -> Iterator[Portal]:
    """The dashboard embedded, and the guest role there."""
    from superset import db, security_manager
    from superset.connectors.sqla.models import SqlaTable
    from superset.daos.dashboard import EmbeddedDashboardDAO
    from superset.models.dashboard import Dashboard

    from superset_campaign_plugin.embedding.roles import create_guest_role
    from superset_campaign_plugin.superset_assets.installed_assets import find

    with deployment.app.app_context():
        dashboard = find(Dashboard, str(dashboard_uuid(DASHBOARD)))
        name = deployment.app.config["GUEST_ROLE_NAME"]
        made = security_manager.find_role(name) is None
        if made:
            create_guest_role()
        embedded = EmbeddedDashboardDAO.upsert(dashboard, [])
        db.session.commit()
        uuid = str(embedded.uuid)
        datasets = {
            name: find(SqlaTable, str(dataset_uuid(name))).id
            for name in ("campaign_email_performance", "campaign_email_columns", "campaign_email_links")
        }
        portal = Portal(deployment, uuid, dashboard.id, datasets)
    yield portal
    with deployment.app.app_context():
        db.session.delete(EmbeddedDashboardDAO.find_by_id(uuid))
        if made:
            db.session.delete(security_manager.find_role(name))
        db.session.commit()


@pytest.fixture(scope="module")
def emails(deployment: Deployment) -> dict[str, dict[int, int]]:
    """Sends by email, of each workspace."""
    rows = run_report(deployment.warehouse, schema=SCHEMA, by=["workspace", "email"]).records()
    found: dict[str, dict[int, int]] = {}
    for row in rows:
        if row["sent"]:
            found.setdefault(row["workspace"], {})[row["email_id"]] = row["sent"]
    return found


@pytest.fixture(scope="module")
def emea(emails: dict[str, dict[int, int]]) -> int:
    """The largest email of EMEA alone."""
    return max(set(emails["EMEA"]) - set(emails["North America"]), key=emails["EMEA"].__getitem__)


@pytest.fixture(scope="module")
def america(emails: dict[str, dict[int, int]]) -> int:
    """The largest email of North America alone."""
    return max(set(emails["North America"]) - set(emails["EMEA"]), key=emails["North America"].__getitem__)


@pytest.fixture
def guest(portal: Portal) -> Guest:
    """Ann of EMEA, as a proof holds her."""
    return Guest("ann", (portal.uuid,), ((REPORT, "workspace = 'EMEA'"),))


@pytest.fixture
def data_cache(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """Superset's cache of chart results, at work; gives what it holds."""
    from superset.extensions import cache_manager

    cache_manager.data_cache.init_app(deployment.app, {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 600})
    yield deployment.app.extensions["cache"][cache_manager.data_cache]._cache
    cache_manager.data_cache.init_app(deployment.app, deployment.app.config["DATA_CACHE_CONFIG"])


def events(deployment: Deployment, after: int = 0) -> list[tuple[int, str, int | None, dict[str, Any]]]:
    """(id, action, user, facts) of Superset's log."""
    from superset import db
    from superset.models.core import Log

    with deployment.app.app_context():
        rows = db.session.query(Log).filter(Log.id > after).order_by(Log.id).all()
        return [(row.id, row.action, row.user_id, json.loads(row.json or "{}")) for row in rows]


def last_event(deployment: Deployment) -> int:
    return max((id_ for id_, *_ in events(deployment)), default=0)


# ---------------------------------------------------------------------------------------------------------------
# What a link opens


def test_a_guests_link_opens_the_email_with_the_guests_own_figures(
    portal: Portal, emails: dict[str, dict[int, int]]
) -> None:
    links = portal.links(portal.token("ann", "EMEA"))
    assert set(links) <= set(emails["EMEA"])
    for email_id in sorted(links, key=lambda id_: -emails["EMEA"][id_])[:3]:
        page = portal.open(links[email_id])
        assert page.status_code == 200
        assert f"{emails['EMEA'][email_id]:,}" in page.get_data(as_text=True)


def test_every_address_of_the_page_bears_the_proof_on(portal: Portal, emea: int) -> None:
    address = portal.links(portal.token("ann", "EMEA"))[emea]
    page = portal.open(address).get_data(as_text=True)
    own = [html.unescape(found) for found in re.findall(r'(?:href|src)="(/campaign-email/\d+/[^"]*)"', page)]
    assert any("/body" in found for found in own)
    assert {proof_of(found) for found in own} == {proof_of(address)}
    for found in own:
        assert portal.open(found).status_code == 200
    images = portal.open(address + "&images=1")
    assert f"/campaign-email/{emea}/body?proof=" in images.get_data(as_text=True)
    # Nothing else on the page leads anywhere.
    others = set(re.findall(r'(?:href|src|action)="([^"]*)"', page)) - {html.escape(found) for found in own}
    assert all(found.startswith(("#", "data:,", "/campaign-email/static/")) for found in others), others


def test_a_guest_sees_the_links_of_the_email_and_no_way_to_marketo(portal: Portal, emea: int) -> None:
    page = portal.open(portal.links(portal.token("ann", "EMEA"))[emea]).get_data(as_text=True)
    assert "Your access does not include" not in page
    assert 'class="url"' in page
    assert "marketo.example" not in page


def test_campaigns_of_other_workspaces_stay_hidden(
    portal: Portal, emails: dict[str, dict[int, int]], america: int, emea: int, guest: Guest, deployment: Deployment
) -> None:
    rows = run_report(deployment.warehouse, schema=SCHEMA, by=["campaign", "email"]).records()
    foreign = next(row["campaign_id"] for row in rows if row["email_id"] == america)
    assert portal.open(portal.forge(emea, guest) + f"&campaign_id={foreign}").status_code == 404


def test_people_and_exports_keep_the_plain_link(portal: Portal, deployment: Deployment) -> None:
    answer = deployment.client("admin").post("/api/v1/chart/data", json=portal.context())
    found = links_in(answer.get_json())
    assert found
    assert {proof for _, _, proof in found} == {None}
    export = portal.ask(portal.token("ann", "EMEA"), {**first_query(portal.context()), "result_format": "csv"})
    assert export.mimetype == "text/csv"
    assert "/campaign-email/" in export.get_data(as_text=True)
    assert "proof=" not in export.get_data(as_text=True)


def test_a_compressed_answer_has_its_proofs(portal: Portal) -> None:
    answer = portal.ask(portal.token("ann", "EMEA"), portal.context(), **{"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    found = links_in(json.loads(gzip.decompress(answer.get_data())))
    assert found
    assert all(proof for _, _, proof in found)
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_a_guests_link_keeps_its_campaign_and_days(portal: Portal, deployment: Deployment) -> None:
    answer = portal.ask(portal.token("ann", "EMEA"), portal.context()).get_json()
    for row in answer["result"][0]["data"][:5]:
        address = LINK.fullmatch(row["email_preview"])[1]
        asked = parse_qs(urlsplit(address).query)
        assert asked["campaign_id"] == [str(row["campaign_id"])]
        assert {"sent_from", "sent_to"} <= set(asked)
        page = portal.open(address).get_data(as_text=True)
        assert f'<span class="value">{row["sent"]:,}</span>' in page
        assert "Figures of" in page


def sample(portal: Portal, token: str) -> dict[str, Any]:
    """Rows of the report as *drill to detail* gives them to a guest."""
    client = portal.deployment.app.test_client()
    answer = client.post(
        f"/datasource/samples?force=false&datasource_type=table&datasource_id={portal.datasets[REPORT]}"
        f"&dashboard_id={portal.dashboard_id}&per_page=50&page=1",
        json={"filters": []},
        headers={"X-GuestToken": token},
    )
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()["result"]


def test_drill_to_detail_has_links_with_proofs(portal: Portal) -> None:
    found = links_in({"result": [sample(portal, portal.token("ann", "EMEA"))]})
    assert found
    assert all(proof for _, _, proof in found)


# ---------------------------------------------------------------------------------------------------------------
# The cache


def test_a_cached_result_serves_each_guest_their_own_proofs_and_rows(
    portal: Portal, data_cache: Any, emails: dict[str, dict[int, int]]
) -> None:
    proofs = Proofs([portal.deployment.app.config["SECRET_KEY"]])
    served = {}
    for name, workspace in (("ann", "EMEA"), ("bob", "EMEA"), ("carol", "North America")):
        answer = portal.ask(portal.token(name, workspace), portal.context()).get_json()
        served[name] = answer["result"][0]["is_cached"] or False
        found = links_in(answer)
        assert {int(id_) for _, id_, _ in found} <= set(emails[workspace])
        for _, id_, proof in found:
            guest = proofs.open(proof, EmailKey(int(id_)), 60)
            assert guest.username == name
            assert {clause for _, clause in guest.rules} == {f"workspace = '{workspace}'"}
    assert served == {"ann": False, "bob": True, "carol": False}
    held = repr(data_cache)
    assert "/campaign-email/" in held
    assert "proof=" not in held


def test_a_filter_on_a_signed_cell_works_and_leaves_no_proof_behind(
    portal: Portal, data_cache: Any, deployment: Deployment
) -> None:
    token = portal.token("ann", "EMEA")
    row = sample(portal, token)["data"][0]
    cell = row["email_link"]
    assert "proof=" in cell
    mark = last_event(deployment)
    context = portal.context()
    context["queries"][0]["filters"] = [{"col": "email_link", "op": "IN", "val": [cell]}]
    answer = portal.ask(token, context).get_json()
    shown = {(each["email_id"], each["campaign_id"]) for each in answer["result"][0]["data"]}
    assert shown == {(row["email_id"], row["campaign_id"])}
    form = deployment.app.test_client().post(
        "/api/v1/chart/data",
        data={"form_data": json.dumps({**first_query(context), "result_format": "csv"})},
        headers={"X-GuestToken": token},
    )
    assert form.mimetype == "text/csv"
    assert "/campaign-email/" in form.get_data(as_text=True)
    assert "proof=" not in json.dumps([facts for *_, facts in events(deployment, mark)])
    assert "proof=" not in repr(data_cache)


# ---------------------------------------------------------------------------------------------------------------
# What a link never opens


def test_other_workspaces_emails_answer_as_unknown_ones(portal: Portal, guest: Guest, america: int) -> None:
    hidden, unknown = (portal.open(portal.forge(id_, guest)) for id_ in (america, UNKNOWN))
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.get_data() == unknown.get_data()
    bodies = [portal.open(portal.forge(id_, guest).replace("/?", "/body?")) for id_ in (america, UNKNOWN)]
    assert [body.status_code for body in bodies] == [404, 404]
    assert bodies[0].get_data() == bodies[1].get_data()


def test_a_proof_is_for_its_email_alone(
    portal: Portal, guest: Guest, emails: dict[str, dict[int, int]], emea: int
) -> None:
    other = next(id_ for id_ in emails["EMEA"] if id_ != emea)
    proof = proof_of(portal.forge(emea, guest))
    answers = [portal.open(f"/campaign-email/{id_}/?proof={proof}") for id_ in (other, UNKNOWN)]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].get_data() == answers[1].get_data()
    assert "This link does not work" in answers[0].get_data(as_text=True)


@pytest.fixture
def free_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guests whose SQL runs: what signs the links relies on no other defence."""
    from superset_campaign_plugin.embedding import sql_guard

    monkeypatch.setattr(sql_guard, "_may_run", lambda *_: True)


@pytest.mark.usefixtures("free_sql")
def test_an_anchor_that_a_guest_makes_up_is_signed_in_vain(portal: Portal, america: int) -> None:
    scope = "campaign_id=1&sent_from=2026-01-01&sent_to=2026-01-31"
    anchor = f'<a title="x" href="/campaign-email/{america}/?{scope}" target="_blank">x</a>'
    context = portal.context()
    context["form_data"] = {"dashboardId": portal.dashboard_id}
    context["queries"] = [
        {
            "columns": [{"expressionType": "SQL", "label": "mine", "sqlExpression": f"'{anchor}'"}],
            "metrics": ["sent"],
            "row_limit": 1,
        }
    ]
    answer = portal.ask(portal.token("ann", "EMEA"), context)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    [(address, _, proof)] = links_in(answer.get_json())
    assert proof
    assert portal.open(address).status_code == 404


@pytest.mark.parametrize(
    "text",
    [
        'before <a title="x" href="/campaign-email/7/" target="_blank">x</a>',
        '<a title="x" href="/campaign-email/7/" target="_blank">x</a> after',
        '<a title="x" href="https://evil.example/campaign-email/7/" target="_blank">x</a>',
        '<a title="x" href="//evil.example/campaign-email/7/" target="_blank">x</a>',
        '<a title="x" href="/campaign-email/7/?to=evil" target="_blank">x</a>',
        '<a title="x"><a href="/campaign-email/7/" target="_blank">x</a>',
        '<a title="x" href="/campaign-email/7/" target="_blank">x</a><a title="x" href="//evil" target="_blank">x</a>',
        '<a title="x" href="/campaign-email/-7/" target="_blank">x</a>',
    ],
)
@pytest.mark.usefixtures("free_sql")
def test_only_the_reports_own_anchor_is_signed(portal: Portal, text: str) -> None:
    context = portal.context()
    context["form_data"] = {"dashboardId": portal.dashboard_id}
    quoted = text.replace("'", "''")
    context["queries"] = [
        {
            "columns": [{"expressionType": "SQL", "label": "mine", "sqlExpression": f"'{quoted}'"}],
            "metrics": ["sent"],
            "row_limit": 1,
        }
    ]
    answer = portal.ask(portal.token("ann", "EMEA"), context)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.get_json()["result"][0]["data"][0]["mine"] == text


def test_an_expired_proof_says_what_to_do(portal: Portal, guest: Guest, emea: int, america: int) -> None:
    past = portal.deployment.app.extensions[EXTENSION].preview_link_minutes * 60 + 1
    answers = [
        portal.open(portal.forge(id_, guest, clock=lambda: time.time() - past)) for id_ in (emea, america, UNKNOWN)
    ]
    assert [answer.status_code for answer in answers] == [410] * 3
    assert "has expired" in answers[0].get_data(as_text=True)
    assert "Open the report again" in answers[0].get_data(as_text=True)
    assert len({answer.get_data() for answer in answers}) == 1
    assert portal.open(portal.forge(emea, guest, clock=lambda: time.time() - past + 30)).status_code == 200
    with portal.deployment.settings(preview_link_minutes=1):
        assert portal.open(portal.forge(emea, guest, clock=lambda: time.time() - 61)).status_code == 410


def test_a_proof_from_the_future_does_not_hold(portal: Portal, guest: Guest, emea: int) -> None:
    assert portal.open(portal.forge(emea, guest, clock=lambda: time.time() + 3600)).status_code == 410


def test_every_changed_character_is_noticed(portal: Portal, guest: Guest, emea: int) -> None:
    proof = proof_of(portal.forge(emea, guest))
    changes = [
        proof[:place] + ("A" if proof[place] != "A" else "B") + proof[place + 1 :]
        for place in (*range(0, len(proof), 7), len(proof) - 1)
    ]
    for changed in (*changes, f"{proof}=", f"{proof}%3D", f"{proof}%0A"):
        answer = portal.open(f"/campaign-email/{emea}/?proof={changed}")
        assert answer.status_code == 403, changed
        assert "This link does not work" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "proof",
    ["", ".", "...", "1.2.3.4", "é", "%00", "%ff%fe", "a" * MAX_LENGTH, "a" * 60_000, "null", "__proto__", "7.eJw.x.y"],
)
def test_what_was_never_a_proof_opens_nothing(portal: Portal, emea: int, proof: str) -> None:
    answer = portal.open(f"/campaign-email/{emea}/?proof={proof}")
    assert answer.status_code == 403
    assert "Location" not in answer.headers
    assert portal.open(f"/campaign-email/{emea}/body?proof={proof}").status_code == 403


def test_a_long_proof_is_not_even_checked(portal: Portal, emea: int) -> None:
    """A genuine one of this length was never issued, so it need not be unpacked."""
    words = tuple((REPORT, f"workspace = '{secrets.token_hex(16)}'") for _ in range(400))
    guest = Guest("ann", (portal.uuid,), words)
    proofs = Proofs([portal.deployment.app.config["SECRET_KEY"]])
    assert proofs.issuer(guest)(EmailKey(emea)) is None


def test_keys_of_other_deployments_open_nothing_and_the_previous_key_does(
    portal: Portal, guest: Guest, emea: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    previous = secrets.token_urlsafe(32)
    address = f"/campaign-email/{emea}/?proof={Proofs([previous]).issuer(guest)(EmailKey(emea))}"
    assert portal.open(address).status_code == 403
    monkeypatch.setitem(portal.deployment.app.config, "PREVIOUS_SECRET_KEY", previous)
    assert portal.open(address).status_code == 200
    # New links are signed with the new key alone.
    proof = proof_of(portal.links(portal.token("ann", "EMEA"))[emea])
    assert Proofs([portal.deployment.app.config["SECRET_KEY"]]).open(proof, EmailKey(emea), 60).username == "ann"


def test_a_signature_that_superset_makes_for_something_else_is_no_proof(
    portal: Portal, guest: Guest, emea: int
) -> None:
    from itsdangerous import TimestampSigner

    value = proof_of(portal.forge(emea, guest)).rsplit(".", 2)[0]
    plain = {"key_derivation": "none", "digest_method": hashlib.sha256}
    for options in ({"salt": "cookie-session"}, {"salt": "itsdangerous.Signer"}, plain):
        signed = TimestampSigner(portal.deployment.app.config["SECRET_KEY"], **options).sign(value).decode()
        assert portal.open(f"/campaign-email/{emea}/?proof={signed}").status_code == 403


def test_a_proof_is_nothing_once_embedding_is_off(
    portal: Portal, guest: Guest, emea: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from superset.extensions import feature_flag_manager

    address = portal.forge(emea, guest)
    monkeypatch.setitem(feature_flag_manager._feature_flags, "EMBEDDED_SUPERSET", False)
    answer = portal.open(address)
    assert answer.status_code == 403
    assert "not shared this way" in answer.get_data(as_text=True)


def test_a_proof_is_nothing_once_the_dashboard_is_not_embedded(
    portal: Portal, guest: Guest, emea: int, america: int
) -> None:
    from superset import db
    from superset.daos.dashboard import EmbeddedDashboardDAO
    from superset.models.dashboard import Dashboard
    from superset.models.embedded_dashboard import EmbeddedDashboard

    by_number = replace(guest, dashboards=(str(portal.dashboard_id),))
    addresses = [portal.forge(id_, who) for id_ in (emea, america) for who in (guest, by_number)]
    assert [portal.open(address).status_code for address in addresses] == [200, 200, 404, 404]
    with portal.deployment.app.app_context():
        embedded = EmbeddedDashboardDAO.find_by_id(portal.uuid)
        uuid = embedded.uuid
        db.session.delete(embedded)
        db.session.commit()
    answers = [portal.open(address) for address in addresses]
    with portal.deployment.app.app_context():
        dashboard = db.session.query(Dashboard).filter_by(id=portal.dashboard_id).one()
        db.session.add(EmbeddedDashboard(uuid=uuid, dashboard=dashboard, allow_domain_list=""))
        db.session.commit()
    assert [answer.status_code for answer in answers] == [403] * 4
    assert len({answer.get_data() for answer in answers}) == 1
    assert portal.open(addresses[0]).status_code == 200


def test_a_proof_for_somebody_elses_dashboard_opens_no_email(portal: Portal, emea: int) -> None:
    from superset import db
    from superset.daos.dashboard import EmbeddedDashboardDAO
    from superset.models.dashboard import Dashboard

    with portal.deployment.app.app_context():
        theirs = db.session.query(Dashboard).filter_by(slug="theirs").one()
        embedded = EmbeddedDashboardDAO.upsert(theirs, [])
        db.session.commit()
        uuid = str(embedded.uuid)
    answer = portal.open(portal.forge(emea, Guest("eve", (uuid,), ())))
    with portal.deployment.app.app_context():
        db.session.delete(EmbeddedDashboardDAO.find_by_id(uuid))
        db.session.commit()
    assert answer.status_code == 404


def test_a_proof_with_rules_for_a_dataset_that_is_gone_opens_nothing(portal: Portal, emea: int) -> None:
    gone = Guest("ann", (portal.uuid,), (("campaign_email_of_old", "workspace = 'EMEA'"),))
    assert portal.open(portal.forge(emea, gone)).status_code == 403


def test_a_proof_is_for_previews_alone(portal: Portal, guest: Guest, emea: int) -> None:
    proof = proof_of(portal.forge(emea, guest))
    client = portal.deployment.app.test_client()
    for headers in ({}, {"X-GuestToken": proof}, {"Authorization": f"Bearer {proof}"}):
        answer = client.post(f"/api/v1/chart/data?proof={proof}", json=portal.context(), headers=headers)
        assert answer.status_code in (401, 403, 422), headers
        for address in (
            f"/api/v1/campaign_email/{emea}",
            f"/api/v1/dashboard/{portal.dashboard_id}",
            "/api/v1/dataset/",
            "/api/v1/me/",
        ):
            answer = client.get(f"{address}?proof={proof}", headers=headers)
            assert answer.status_code in (401, 403, 404, 422) or answer.get_json().get("count") == 0, address
        assert client.get(f"/superset/dashboard/{portal.dashboard_id}/?proof={proof}", headers=headers).status_code in (
            302,
            403,
            404,
        )


def test_an_opened_link_leaves_no_session_behind(portal: Portal, guest: Guest, emea: int) -> None:
    client = portal.deployment.app.test_client()
    assert client.get(portal.forge(emea, guest)).status_code == 200
    with client.session_transaction() as session:
        assert "_user_id" not in session
    assert client.get(f"/campaign-email/{emea}/").status_code == 302
    assert client.get("/api/v1/me/").status_code == 401


def test_nothing_in_the_address_leads_elsewhere(portal: Portal, guest: Guest, emea: int) -> None:
    evil = "https://evil.example/"
    for address in (
        portal.forge(emea, guest) + f"&next={evil}&redirect={evil}&url={evil}&campaign_id={evil}",
        portal.forge(emea, guest) + f"&next={evil}&body_url={evil}&_anchor={evil}&_external=1&_scheme=javascript",
        f"/campaign-email/{emea}/?proof=x&next={evil}",
        f"//evil.example/campaign-email/{emea}/?proof=x",
    ):
        answer = portal.open(address)
        assert "Location" not in answer.headers, address
        assert "evil.example" not in answer.get_data(as_text=True)


# ---------------------------------------------------------------------------------------------------------------
# Rules


def test_rules_reach_the_proof_as_the_token_has_them(portal: Portal, emea: int, america: int) -> None:
    foreign = max(portal.datasets.values()) + 1000
    token = portal.token("ann", None, portal.rule(None, "EMEA"), portal.rule(foreign, "Elsewhere"))
    proof = proof_of(portal.links(token)[emea])
    opened = Proofs([portal.deployment.app.config["SECRET_KEY"]]).open(proof, EmailKey(emea), 60)
    assert opened == Guest("ann", (portal.uuid,), ((None, "workspace = 'EMEA'"),))
    assert portal.open(portal.forge(america, opened)).status_code == 404


def test_the_order_of_the_rules_makes_no_difference() -> None:
    rules = ((None, "b"), ("campaign_email_links", "a"), (None, "a"), (None, "a"))
    proofs = Proofs(["key"], clock=lambda: 1_000.0)
    first, second = (proofs.issuer(Guest("ann", ("7",), order))(EmailKey(1)) for order in (rules, rules[::-1]))
    assert first == second


def test_rules_too_long_for_an_address_leave_the_link_plain(portal: Portal, deployment: Deployment) -> None:
    mark = last_event(deployment)
    names = ", ".join(f"'{secrets.token_hex(16)}'" for _ in range(200))
    clause = {"dataset": portal.datasets[REPORT], "clause": f"workspace IN ('EMEA', {names})"}
    links = portal.links(portal.token("ann", None, clause))
    assert links
    assert not any("proof=" in address for address in links.values())
    [facts] = [facts for _, action, _, facts in events(deployment, mark) if action == "CampaignEmail.links"]
    assert facts["emails"] == 0
    assert facts["too_many_rules_for_a_link"] == len(links)


# ---------------------------------------------------------------------------------------------------------------
# Logged-in people


def test_a_proof_gives_a_logged_in_person_nothing(portal: Portal, guest: Guest, emea: int) -> None:
    address = portal.forge(emea, guest)
    outsider = portal.deployment.client("outsider")
    assert outsider.get(address).get_data() == outsider.get(f"/campaign-email/{UNKNOWN}/").get_data()


def test_a_proof_takes_nothing_from_a_logged_in_person(
    portal: Portal, guest: Guest, america: int, emea: int, emails: dict[str, dict[int, int]]
) -> None:
    viewer = portal.deployment.client("viewer")
    broken = f"/campaign-email/{america}/?proof=broken"
    for address in (portal.forge(america, guest), broken):
        page = viewer.get(address)
        assert page.status_code == 200
        assert f"{emails['North America'][america]:,}" in page.get_data(as_text=True)
        assert "proof=" not in page.get_data(as_text=True)


# ---------------------------------------------------------------------------------------------------------------
# The API of the preview, for guests with their token


def test_the_api_answers_a_guest_within_the_guests_rows(
    portal: Portal, emea: int, america: int, emails: dict[str, dict[int, int]]
) -> None:
    client = portal.deployment.app.test_client()
    headers = {"X-GuestToken": portal.token("ann", "EMEA")}
    answer = client.get(f"/api/v1/campaign_email/{emea}", headers=headers)
    assert answer.status_code == 200
    assert answer.get_json()["result"]["figures"]["sent"] == emails["EMEA"][emea]
    hidden, unknown = (client.get(f"/api/v1/campaign_email/{id_}", headers=headers) for id_ in (america, UNKNOWN))
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.get_data() == unknown.get_data()


# ---------------------------------------------------------------------------------------------------------------
# How often


def test_more_previews_than_allowed_are_told_when_to_come_back(portal: Portal, guest: Guest, emea: int) -> None:
    def named(name: str) -> str:
        return portal.forge(emea, replace(guest, username=name))

    with portal.deployment.settings(previews_per_minute=2):
        eager = named(f"eager {secrets.token_hex(4)}")
        page, body = eager, eager.replace("/?", "/body?")
        # The frame's request takes nothing from the pages.
        assert [portal.open(address).status_code for address in (page, body, page, body)] == [200] * 4
        refused = portal.open(page)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert "Too many previews" in refused.get_data(as_text=True)
        assert portal.open(body).status_code == 429
        assert portal.open(named(f"calm {secrets.token_hex(4)}")).status_code == 200
    with portal.deployment.settings(previews_per_minute=0):
        assert portal.open(eager).status_code == 200


def test_a_flood_of_refused_requests_is_logged_once(portal: Portal, guest: Guest, emea: int) -> None:
    from superset import db

    name = f"flood {secrets.token_hex(4)}"
    page = portal.forge(emea, replace(guest, username=name))
    with portal.deployment.settings(previews_per_minute=1):
        assert [portal.open(page).status_code for _ in range(6)] == [200] + [429] * 5
    with portal.deployment.app.app_context():
        rows = db.session.execute("SELECT json FROM logs ORDER BY id DESC LIMIT 20").fetchall()
    outcomes = [
        facts["outcome"] for facts in (json.loads(row[0] or "{}") for row in rows) if facts.get("guest") == name
    ]
    assert sorted(outcomes) == ["shown", "too many requests"]


def test_the_api_counts_with_the_pages_and_answers_in_json(portal: Portal, emea: int) -> None:
    viewer = portal.deployment.client("viewer")
    with portal.deployment.settings(previews_per_minute=1):
        assert viewer.get(f"/campaign-email/{emea}/").status_code == 200
        answer = viewer.get(f"/api/v1/campaign_email/{emea}")
        assert answer.status_code == 429
        assert "too many" in answer.get_json()["message"].lower()
        assert int(answer.headers["Retry-After"]) >= 1


def test_guessing_proofs_is_limited_by_address(portal: Portal, emea: int) -> None:
    stranger = portal.deployment.app.test_client()
    origin = {"REMOTE_ADDR": f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{secrets.randbelow(256)}"}
    with portal.deployment.settings(previews_per_minute=3):
        statuses = [
            stranger.get(f"/campaign-email/{emea + n}/?proof=guess{n}", environ_overrides=origin).status_code
            for n in range(5)
        ]
    assert statuses == [403, 403, 403, 429, 429]


def test_server_processes_count_together_in_redis(
    portal: Portal, guest: Guest, emea: int, redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(portal.deployment.app.config, "RATELIMIT_STORAGE_URI", redis_server)
    address = portal.forge(emea, replace(guest, username=f"eager {secrets.token_hex(4)}"))
    with portal.deployment.settings(previews_per_minute=2):
        assert portal.open(address).status_code == 200
        rate_limit._limiter.cache_clear()  # as another process would begin
        assert [portal.open(address).status_code for _ in range(2)] == [200, 429]


def test_previews_go_on_when_nothing_can_be_counted(
    portal: Portal, guest: Guest, emea: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(portal.deployment.app.config, "RATELIMIT_STORAGE_URI", "redis://127.0.0.1:1/0")
    with portal.deployment.settings(previews_per_minute=1):
        assert [portal.open(portal.forge(emea, guest)).status_code for _ in range(2)] == [200, 200]
    assert "RATELIMIT_STORAGE_URI" in caplog.text


# ---------------------------------------------------------------------------------------------------------------
# The log


def test_previews_links_and_tokens_are_logged_without_secrets(
    portal: Portal, deployment: Deployment, guest: Guest, emea: int, america: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    mark = last_event(deployment)
    token = portal.token("ann", "EMEA")
    links = portal.links(token)
    addresses = [
        links[emea],
        portal.forge(america, guest),
        portal.forge(emea, guest, clock=lambda: 0),
        links[emea] + "x",
    ]
    for address in addresses:
        portal.deployment.app.test_client().get(address, headers={"Referer": f"http://localhost{address}"})
    deployment.client("viewer").get(links[emea])
    logged = events(deployment, mark)
    [issued] = [facts for _, action, _, facts in logged if action == "CampaignEmail.links"]
    assert issued["guest"] == "ann"
    assert issued["emails"] == len(links)
    opened = [(user, facts) for _, action, user, facts in logged if action == "CampaignEmailView.preview"]
    assert [facts["email_id"] for _, facts in opened] == [emea, america, emea, emea, emea]
    assert [facts["outcome"] for _, facts in opened] == [
        "shown",
        "not found, or not theirs to see",
        "refused: a proof is past its time",
        "refused: a proof does not bear the signature of this deployment",
        "shown",
    ]
    assert [facts.get("guest") for _, facts in opened] == ["ann", "ann", None, None, None]
    assert [user is None for user, _ in opened] == [True] * 4 + [False]
    assert "guest_token" in {action for _, action, _, _ in logged}
    text = json.dumps([facts for *_, facts in logged]) + caplog.text
    assert token not in text
    for address in addresses:
        assert proof_of(address) not in text
        assert proof_of(address).rsplit(".", 1)[1] not in text


def test_no_row_of_the_log_holds_a_proof_anywhere(
    portal: Portal, deployment: Deployment, guest: Guest, emea: int
) -> None:
    from superset import db

    address = portal.forge(emea, guest)
    for referrer in (address, address.replace("/?", "/?campaign_id=1&view=dark&")):
        portal.deployment.app.test_client().get(address, headers={"Referer": f"http://localhost{referrer}"})
    with deployment.app.app_context():
        rows = db.session.execute("SELECT * FROM logs ORDER BY id DESC LIMIT 5").fetchall()
    assert proof_of(address) not in repr(rows)

"""The preview in a real Superset: who sees what, with which figures, under which policy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape

import pytest
from deployment import HOSTILE_NAMES, SCHEMA, Deployment

from superset_campaign_plugin.reporting.run_report import run_report

UNKNOWN = 987_654_321


def rows(deployment: Deployment, **where: list[str]) -> list[dict[str, object]]:
    """The report by workspace and email, as the command line gives it."""
    return run_report(deployment.warehouse, schema=SCHEMA, by=["workspace", "email"], where=where).records()


@pytest.fixture(scope="module")
def email(deployment: Deployment) -> dict[str, object]:
    """An email of North America alone, with many sends."""
    found = rows(deployment)
    elsewhere = {row["email_id"] for row in found if row["workspace"] != "North America"}
    return max((row for row in found if row["email_id"] not in elsewhere), key=lambda row: row["sent"])


@pytest.fixture
def only_emea(deployment: Deployment) -> Iterator[None]:
    """A row rule that leaves the viewer role the workspace EMEA, on every dataset of the plugin."""
    from superset import db, security_manager
    from superset.connectors.sqla.models import RowLevelSecurityFilter, SqlaTable

    # The context ends before the test: requests within it would share a login.
    with deployment.app.app_context():
        rule = RowLevelSecurityFilter(
            name="EMEA only",
            filter_type="Regular",
            clause="workspace = 'EMEA'",
            tables=db.session.query(SqlaTable).filter(SqlaTable.table_name.like("campaign_email_%")).all(),
            roles=[security_manager.find_role("Campaign Report Viewer")],
        )
        db.session.add(rule)
        db.session.commit()
    yield
    with deployment.app.app_context():
        db.session.delete(db.session.query(RowLevelSecurityFilter).filter_by(name="EMEA only").one())
        db.session.commit()


def test_the_page_shows_the_emails_own_figures(deployment: Deployment, email: dict[str, object]) -> None:
    answer = deployment.client("viewer").get(f"/campaign-email/{email['email_id']}/")
    assert answer.status_code == 200
    page = answer.get_data(as_text=True)
    assert str(email["email_name"]) in unescape(page)
    assert f"{email['sent']:,}" in page
    assert re.search(rf'<span class="key">ID</span> {email["email_id"]}<', page)
    assert "Marketo Instance" not in page
    assert "<script" not in page


def test_the_api_gives_the_same_figures(deployment: Deployment, email: dict[str, object]) -> None:
    answer = deployment.client("viewer").get(f"/api/v1/campaign_email/{email['email_id']}")
    figures = answer.get_json()["result"]["figures"]
    for name in ("sent", "delivered", "opened", "clicked_link", "unsubscribed", "hard_bounced", "aborted"):
        assert figures[name] == email[name], name
    assert figures["pct_opened"] == pytest.approx(email["pct_opened"])


@pytest.mark.parametrize("address", ["/campaign-email/{}/", "/campaign-email/{}/body", "/api/v1/campaign_email/{}"])
def test_a_hidden_email_answers_as_an_unknown_one(
    deployment: Deployment, email: dict[str, object], only_emea: None, address: str
) -> None:
    viewer = deployment.client("viewer")
    hidden, unknown = (viewer.get(address.format(id_)) for id_ in (email["email_id"], UNKNOWN))
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.get_data() == unknown.get_data()
    seen = max(rows(deployment, workspace=["EMEA"]), key=lambda row: row["sent"])
    assert viewer.get(address.format(seen["email_id"])).status_code == 200


def test_figures_are_those_of_the_rows_that_the_viewer_may_see(deployment: Deployment, only_emea: None) -> None:
    for row in sorted(rows(deployment, workspace=["EMEA"]), key=lambda row: -row["sent"])[:3]:
        answer = deployment.client("viewer").get(f"/api/v1/campaign_email/{row['email_id']}")
        assert answer.get_json()["result"]["figures"]["sent"] == row["sent"]


def test_without_access_to_the_data_there_is_nothing(deployment: Deployment, email: dict[str, object]) -> None:
    outsider = deployment.client("outsider")
    seen, unknown = (outsider.get(f"/campaign-email/{id_}/") for id_ in (email["email_id"], UNKNOWN))
    assert seen.status_code == unknown.status_code == 404
    assert seen.get_data() == unknown.get_data()


def test_strangers_are_sent_to_log_in(deployment: Deployment, email: dict[str, object]) -> None:
    stranger = deployment.app.test_client()
    answer = stranger.get(f"/campaign-email/{email['email_id']}/")
    assert answer.status_code == 302
    assert "/login" in answer.headers["Location"]
    assert stranger.get(f"/api/v1/campaign_email/{email['email_id']}").status_code == 401


def test_the_body_may_load_and_run_nothing(deployment: Deployment, email: dict[str, object]) -> None:
    viewer = deployment.client("viewer")
    closed = viewer.get(f"/campaign-email/{email['email_id']}/body")
    policy = closed.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert "http" not in policy
    assert closed.headers["X-Content-Type-Options"] == "nosniff"
    assert closed.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in closed.headers["Cache-Control"]
    body = closed.get_data(as_text=True).lower()
    assert "<script" not in body
    assert "href=" not in body
    opened = viewer.get(f"/campaign-email/{email['email_id']}/body?images=1").headers["Content-Security-Policy"]
    assert "img-src" in opened
    assert "https:" in opened
    assert "script-src" not in opened


def test_hostile_names_are_text_on_the_page(deployment: Deployment) -> None:
    ids = {row["email_name"]: row["email_id"] for row in rows(deployment)}
    for name in HOSTILE_NAMES:
        page = deployment.client("viewer").get(f"/campaign-email/{ids[name]}/").get_data(as_text=True)
        assert "<script>window" not in page
        assert "<img src=x" not in page
        assert any(
            spelling in page
            for spelling in (escape(name), escape(name).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"))
        )


def test_the_links_of_the_email_bear_their_clicks(deployment: Deployment, email: dict[str, object]) -> None:
    client = deployment.client("viewer")
    place = f"/campaign-email/{email['email_id']}/"
    marked = client.get(f"{place}body").get_data(as_text=True)
    assert re.search(r'<a data-clicks="[\d,]+ · \d+%" data-heat="5"', marked)
    assert "data-clicks=" not in client.get(f"{place}body?clicks=0").get_data(as_text=True).split("</style>", 1)[1]
    page = client.get(f"{place}?clicks=0").get_data(as_text=True)
    assert "Show clicks" in page
    assert f'src="{place}body?clicks=0"' in page


@pytest.mark.parametrize("view", ["text", "source"])
def test_text_and_source_have_no_markup_of_the_email(
    deployment: Deployment, email: dict[str, object], view: str
) -> None:
    answer = deployment.client("viewer").get(f"/campaign-email/{email['email_id']}/body?view={view}")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    body = answer.get_data(as_text=True).split("<body>")[1]
    tags = set(re.findall(r"<(\w+)", re.sub(r"<style>.*?</style>", "", body, flags=re.DOTALL)))
    assert tags == ({"div"} if view == "text" else {"code"})


def test_an_unknown_view_is_the_usual_one(deployment: Deployment, email: dict[str, object]) -> None:
    client = deployment.client("viewer")
    place = f"/campaign-email/{email['email_id']}/body"
    assert client.get(f"{place}?view=<script>&clicks=x").data == client.get(place).data


def test_images_load_where_the_viewer_asked_and_not_where_another_site_did(
    deployment: Deployment, email: dict[str, object]
) -> None:
    client = deployment.client("viewer")
    place = f"/campaign-email/{email['email_id']}/body?images=1"
    for site, loads in (("same-origin", True), ("none", True), ("cross-site", False), ("same-site", False)):
        policy = client.get(place, headers={"Sec-Fetch-Site": site}).headers["Content-Security-Policy"]
        assert ("https:" in policy) is loads


def test_a_page_that_opens_a_preview_cannot_look_at_its_window(
    deployment: Deployment, email: dict[str, object]
) -> None:
    client = deployment.client("viewer")
    for id_ in (email["email_id"], UNKNOWN):
        assert client.get(f"/campaign-email/{id_}/").headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_an_email_that_breaks_the_cleaning_keeps_its_figures(
    deployment: Deployment,
    email: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RecursionError("too deep")

    # No email is known that does this.
    monkeypatch.setattr("superset_campaign_plugin.preview.email.clean_html", broken)
    client = deployment.client("viewer")
    answer = client.get(f"/campaign-email/{email['email_id']}/")
    assert answer.status_code == 200
    assert "This email cannot be shown" in answer.get_data(as_text=True)
    assert f"{email['sent']:,}" in answer.get_data(as_text=True)
    assert client.get(f"/campaign-email/{email['email_id']}/body").status_code == 404
    assert client.get(f"/api/v1/campaign_email/{email['email_id']}").get_json()["result"]["content"] == "unreadable"
    assert "cannot be cleaned" in caplog.text


def test_whatever_goes_wrong_has_a_page_and_its_reason_in_the_log(
    deployment: Deployment,
    email: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no such case")

    monkeypatch.setattr("superset_campaign_plugin.preview.pages.link_rows", broken)
    answer = deployment.client("viewer").get(f"/campaign-email/{email['email_id']}/")
    assert answer.status_code == 500
    assert "This email cannot be shown right now" in answer.get_data(as_text=True)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "no such case" in caplog.text

"""Names, subjects and addresses that attack the preview's pages, and emails too large for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from deployment import HOSTILE_NAMES, SCHEMA, Deployment, run_chart
from hostile import HOSTILE

from superset_campaign_plugin.reporting.run_report import run_report

UNKNOWN = 987_654_321
SCHEMES = ("javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "java\tscript:alert(1)")
SQL = ("1' OR '1'='1", "1 OR 1=1", "1; DROP TABLE logs", "1) UNION SELECT 1 --", "{{ 7*7 }}", "%27%20OR%201=1")


class Reader(HTMLParser):
    """The elements, attributes and words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(scope="module")
def email_id(deployment: Deployment) -> int:
    """The email with the most sends."""
    rows = run_report(deployment.warehouse, schema=SCHEMA, by=["email"]).records()
    return int(max(rows, key=lambda row: row["sent"])["email_id"])


@pytest.fixture(scope="module")
def page_with(deployment: Deployment, email_id: int) -> Callable[..., str]:
    """Makes the page of a real email in which every text that comes from Marketo is the given one."""
    from superset_campaign_plugin.emails.contents import Content
    from superset_campaign_plugin.emails.key import EmailKey
    from superset_campaign_plugin.preview.email import open_email
    from superset_campaign_plugin.preview.insight import LinkFigures
    from superset_campaign_plugin.preview.pages import Look, preview_page
    from superset_campaign_plugin.preview.scope import Scope

    with deployment.as_user("viewer"):
        email = open_email(EmailKey(email_id), Scope(), remote_images=False)

    def page(text: str, links: int = 3) -> str:
        names = dict.fromkeys(("campaign_name", "program_name", "workspace"), text)
        campaigns = tuple(replace(each, **names) for each in email.insight.campaigns) * 2
        clicked = tuple(LinkFigures(f"{text}{number}", 1, 1, 0.1) for number in range(links))
        changed = {
            **{"email_name": text, "email_subject": text, "links": clicked},
            **dict.fromkeys(("campaigns", "all_campaigns"), campaigns),
        }
        content = Content(email_id, "<p>x</p>", subject=text, sender=f"{text} <{text}>", preheader=text)
        shown = replace(email, insight=replace(email.insight, **changed), content=content)
        with deployment.app.test_request_context(f"/campaign-email/{email_id}/"):
            from flask import g
            from superset import security_manager

            g.user = security_manager.find_user("viewer")
            return preview_page(shown, Look()).get_data(as_text=True)

    return page


@pytest.mark.parametrize("hostile", [*HOSTILE, *SCHEMES], ids=repr)
def test_no_name_subject_or_link_is_markup_on_the_page(page_with: Callable[..., str], hostile: str) -> None:
    hostile = hostile.encode("utf-8", "replace").decode()
    read, plain = Reader(page_with(hostile)), Reader(page_with("plain"))
    assert read.tags == plain.tags
    assert {name for name, _ in read.attributes} == {name for name, _ in plain.attributes}
    places = [value for name, value in read.attributes if name in ("href", "src")]
    assert places == [value for name, value in plain.attributes if name in ("href", "src")]
    assert " ".join(hostile.split()) in " ".join(read.words.split())


def test_names_are_text_in_the_cells_of_the_dashboard(deployment: Deployment) -> None:
    [rows] = run_chart(deployment, "emails", filters=[])
    links = [Reader(row["email_preview"]) for row in rows]
    assert {tag for read in links for tag in read.tags} == {"a"}
    assert {name for read in links for name, _ in read.attributes} == {"title", "href", "target"}
    assert set(HOSTILE_NAMES) <= {read.words for read in links}
    labels = [Reader(row["campaign_label"]) for row in rows]
    assert {tag for read in labels for tag in read.tags} == {"span"}
    assert {read.words for read in labels} >= {name for name in HOSTILE_NAMES if "<" in name}


def test_the_frame_of_the_email_may_do_nothing(page_with: Callable[..., str]) -> None:
    read = Reader(page_with("plain"))
    assert ("sandbox", "") in read.attributes


@pytest.mark.parametrize("place", ["{}/", "{}/body", "987654321/", "987654321/body", "{}/?proof=x", "{}/body?proof=x"])
@pytest.mark.parametrize("user", ["viewer", None])
def test_no_answer_lets_another_site_frame_it(
    deployment: Deployment, email_id: int, place: str, user: str | None
) -> None:
    client = deployment.client(user) if user else deployment.app.test_client()
    answer = client.get(f"/campaign-email/{place.format(email_id)}")
    if answer.status_code == 302:  # to log in; Superset's own page decides there
        return
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy or "frame-ancestors 'self'" in policy
    assert answer.headers["X-Frame-Options"] in ("DENY", "SAMEORIGIN")
    assert "base-uri 'none'" in policy
    assert "form-action 'none'" in policy


@pytest.mark.parametrize("text", SQL)
def test_sql_in_an_address_is_no_sql(deployment: Deployment, email_id: int, text: str) -> None:
    client = deployment.client("viewer")
    unknown = client.get(f"/campaign-email/{UNKNOWN}/").data
    for query in ({"source": text}, {"campaign_id": text}, {"sent_from": text}, {"sent_to": text}):
        answer = client.get(f"/campaign-email/{email_id}/", query_string=query)
        assert (answer.status_code, answer.data) == (404, unknown)
    for name in ("campaign_id", "sent_from", "sent_to"):
        api = client.get(f"/api/v1/campaign_email/{email_id}", query_string={name: text})
        assert (api.status_code, api.get_json()["message"].split()[0]) == (400, name)
    assert client.get(f"/campaign-email/{email_id}/body", query_string={"view": text}).status_code == 200


@pytest.mark.parametrize("text", SQL)
def test_sql_in_a_filter_is_a_value(deployment: Deployment, text: str) -> None:
    from superset.connectors.sqla.models import SqlaTable

    with deployment.app.app_context():
        from superset import db

        report = db.session.query(SqlaTable).filter_by(table_name="campaign_email_performance").one().id
    client = deployment.client("viewer")
    for filters in (
        [{"col": "workspace", "op": "==", "val": text}],
        [{"col": "campaign_name", "op": "IN", "val": [text, f"{text}'"]}],
        [{"col": "email_subject", "op": "LIKE", "val": f"{text}\\"}],
    ):
        query = {"columns": ["workspace"], "metrics": ["sent"], "filters": filters, "row_limit": 10}
        body = {"datasource": {"id": report, "type": "table"}, "queries": [query], "force": True}
        answer = client.post("/api/v1/chart/data", json=body)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        assert answer.get_json()["result"][0]["data"] == []


def test_an_email_above_the_limit_is_not_shown(deployment: Deployment, email_id: int) -> None:
    client = deployment.client("viewer")
    with deployment.settings(max_email_bytes=100):
        page = client.get(f"/campaign-email/{email_id}/")
        assert page.status_code == 200
        assert "too large to show" in page.get_data(as_text=True)
        assert "<iframe" not in page.get_data(as_text=True)
        assert client.get(f"/campaign-email/{email_id}/body").status_code == 404
        api = client.get(f"/api/v1/campaign_email/{email_id}").get_json()["result"]
        assert api["content"] == "too_large"
    assert client.get(f"/campaign-email/{email_id}/body").status_code == 200


def test_the_table_shows_what_is_unseen_in_an_address(page_with: Callable[..., str]) -> None:
    page = page_with("https://bank.example/\u200b\u202e\u2028x")
    assert '<bdi class="url" dir="ltr">https://bank.example/%E2%80%8B%E2%80%AE%E2%80%A8x0</bdi>' in page


def test_thousands_of_links_are_some_and_a_number(page_with: Callable[..., str]) -> None:
    page = page_with("https://shop.example/", links=5000)
    assert page.count('class="url"') == 200
    # With the links of the email itself, which nobody clicked.
    [left_out] = re.findall(r"(\d+) more links", page)
    assert int(left_out) >= 4800

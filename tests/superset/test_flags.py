"""The report under feature flags that deployments turn on: all together, and each alone.

`ENABLE_TEMPLATE_PROCESSING` runs Jinja over the datasets' SQL and over row rules; `DASHBOARD_RBAC` gives dashboards to
roles that have no access to datasets; with `GLOBAL_ASYNC_QUERIES` a Celery worker runs the charts' queries, and the
page reads their results from Redis. `make test` runs all together, and alone templates and asynchronous queries, which
change what the server does with every query; the others run alone with `FLAGS=apart`, as in `make soak`.

A Superset and its worker are started once, with all flags, and asked for its flags at each request; with `FLAGS=apart`
they are started anew for each flag.
"""

from __future__ import annotations

import html
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests
from deployment import (
    HOSTILE_NAMES,
    PASSWORD,
    SCHEMA,
    SLUG,
    SLUGS,
    Deployment,
    deploy_apart,
    make_warehouse,
    serve,
    work,
)
from visitor import Visitor, contexts, one_of_each

from superset_campaign_plugin.embedding.portal import Superset
from superset_campaign_plugin.embedding.refusals import NOT_A_TIME
from superset_campaign_plugin.reporting.run_report import run_report

TEMPLATES = "ENABLE_TEMPLATE_PROCESSING"
RBAC = "DASHBOARD_RBAC"
ASYNCHRONOUS = "GLOBAL_ASYNC_QUERIES"
ALL = (
    *(TEMPLATES, "DRILL_BY", "DRILL_TO_DETAIL", "ALERT_REPORTS", "HORIZONTAL_FILTER_BAR", RBAC),
    *("CACHE_IMPERSONATION", ASYNCHRONOUS, "TAGGING_SYSTEM", "ESTIMATE_QUERY_COST"),
)
APART = os.environ.get("FLAGS") == "apart"
ALONE = ALL if APART else (TEMPLATES, ASYNCHRONOUS)
# In the place of a workspace's own name, and in a setting.
HOSTILE = "{{ 7*7 }} {% raw %} 100%s :name O'Brien"
LINK = re.compile(r'href="(/campaign-email/(\d+)/\?[^"]*)"')
PORTAL = "https://portal.example.com"
UNKNOWN = "/campaign-email/987654321/"

# `reader` has the dashboards by a role, and no dataset; `narrow` sees the rows of one workspace; `nobody` has neither.
SCRIPT = f"""
import json
from pathlib import Path
from deployment import DATABASE, SCHEMA, _add_user, _register_warehouse
from superset import db, security_manager
from superset.models.dashboard import Dashboard
from superset_campaign_plugin.bundle.install import install
from superset_campaign_plugin.embedding.roles import VIEWER_ROLE
from superset_campaign_plugin.embedding.row_access import grant
from superset_campaign_plugin.embedding.embed import embed

folder = Path(app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")).parent
_register_warehouse(folder)
install(database=DATABASE, uri=None, schema=SCHEMA, source="fivetran")
viewers = security_manager.find_role(VIEWER_ROLE)
names = (
    *("can_read Dashboard", "can_read Chart", "can_read Dataset", "can_read CampaignEmail"),
    "can_list AsyncEventsRestApi",
)
permissions = [security_manager.find_permission_view_menu(*name.split()) for name in names]
roles = {{
    "viewer": viewers,
    "reader": security_manager.role_model(name="Readers", permissions=permissions),
    "narrow": security_manager.role_model(name="Narrow", permissions=list(viewers.permissions)),
    "nobody": security_manager.role_model(name="Others", permissions=permissions),
}}
db.session.add_all(roles.values())
db.session.flush()
for dashboard in db.session.query(Dashboard):
    dashboard.roles = [roles[name] for name in ("viewer", "reader", "narrow")]
db.session.commit()
for name, role in roles.items():
    _add_user(name, role.name)
grant("Narrow", [{HOSTILE!r}])
(folder / "embedding.json").write_text(json.dumps(embed([{PORTAL!r}]).as_dict()))
"""


@pytest.fixture(scope="module")
def flagged(tmp_path_factory: pytest.TempPathFactory, redis_server: str) -> Deployment:
    """A deployment that was made with all of the flags."""
    folder = tmp_path_factory.mktemp("flagged")
    make_warehouse(folder)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        for place in ("campaign.workspace_name", "program.workspace", "email_template_history.workspace"):
            table, column = place.split(".")
            connection.execute(f"UPDATE {SCHEMA}.{table} SET {column} = ? WHERE {column} = 'EMEA'", [HOSTILE])
    variables = {"CAMPAIGN_TEST_REDIS": redis_server, "CAMPAIGN_TEST_SWITCH": str(folder / "flags")}
    return deploy_apart(
        folder, SCRIPT, flags=ALL, variables=variables, uncounted_link_parts=["mkt_unsubscribe=1", HOSTILE]
    )


@contextmanager
def served(deployment: Deployment, flags: tuple[str, ...]) -> Iterator[str]:
    """The address of a Superset that is started with these flags alone, and has a worker where they ask for one."""
    started = (*flags, *(f"-{flag}" for flag in ALL if flag not in flags))
    with ExitStack() as stack:
        if ASYNCHRONOUS in flags:
            stack.enter_context(work(deployment, started))
        yield stack.enter_context(serve(deployment, started))


@pytest.fixture(scope="module")
def server(flagged: Deployment) -> Iterator[str]:
    """The one that is started with all of them."""
    with served(flagged, ALL) as address:
        yield address


@pytest.fixture(scope="module", params=[ALL, *((flag,) for flag in ALONE)], ids=["all", *ALONE])
def flags(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, flagged: Deployment, flags: tuple[str, ...]) -> Iterator[str]:
    """Its address, with these flags on."""
    switch = Path(flagged.environment["CAMPAIGN_TEST_SWITCH"])
    if APART:
        with served(flagged, flags) as address:
            yield address
    else:
        switch.write_text(" ".join(flags))
        yield request.getfixturevalue("server")
        switch.unlink()


@pytest.fixture(scope="module")
def asked(site: str) -> dict[str, dict[str, Any]]:
    """The requests of all charts of both dashboards, by title."""
    admin = Visitor(site, "admin")
    return {title: context for slug in sorted(SLUGS) for title, context in contexts(admin, slug).items()}


def test_the_flags_are_on(site: str, flags: tuple[str, ...]) -> None:
    # Superset keeps what it says of them for a minute.
    deadline = time.monotonic() + 90
    while (on := flags_of(site)) != set(flags) and time.monotonic() < deadline:
        time.sleep(2)
    assert on == set(flags)


def flags_of(site: str) -> set[str]:
    """The flags that a page of Superset is told of."""
    page = Visitor(site, "admin").get("/superset/welcome/").text
    [found] = re.findall(r"data-bootstrap=['\"]([^'\"]+)", page)
    on = json.loads(html.unescape(found))["common"]["feature_flags"]
    return {flag for flag in ALL if on.get(flag)}


def sent(deployment: Deployment, **where: list[str]) -> int:
    return run_report(deployment.warehouse, schema=SCHEMA, by=[], where=where).records()[0]["sent"]


def everything(context: dict[str, Any]) -> dict[str, Any]:
    """The request over all time, and without a comparison with another range."""
    queries = [{**query, "filters": [], "time_offsets": []} for query in context["queries"]]
    return {**context, "queries": queries}


@pytest.fixture(scope="module")
def addresses(site: str, asked: dict[str, dict[str, Any]]) -> dict[int, str]:
    """The preview of every email, by its id."""
    return links(Visitor(site, "admin"), asked["Emails"])


@pytest.fixture(scope="module")
def within(flagged: Deployment) -> set[int]:
    """The emails of the workspace with the hostile name."""
    where = {"workspace": [HOSTILE]}
    rows = run_report(flagged.warehouse, schema=SCHEMA, by=["workspace", "email"], where=where).records()
    return {row["email_id"] for row in rows}


def links(visitor: Visitor, context: dict[str, Any]) -> dict[int, str]:
    """The addresses of the previews that the table of emails links to, by the email's id."""
    found = [LINK.search(str(value)) for row in visitor.ask(everything(context))[0] for value in row.values()]
    return {int(match[2]): match[1] for match in found if match}


@pytest.mark.parametrize("user", ["viewer", "reader"])
def test_every_chart_answers_with_data(
    site: str, flags: tuple[str, ...], asked: dict[str, dict[str, Any]], user: str
) -> None:
    """Every chart with all flags, and one of each dataset with some, or by a role alone."""
    visitor = Visitor(site, user)
    assert len(asked) > len(SLUGS)
    for title, context in (asked if flags == ALL and user == "viewer" else one_of_each(asked)).items():
        if user == "reader" and RBAC not in flags:
            answer = visitor.post("/api/v1/chart/data", json=context)
            assert answer.status_code == 403
        else:
            assert all(visitor.ask(everything(context))), title


def test_filters_offer_the_values_that_there_are(
    site: str, flagged: Deployment, flags: tuple[str, ...], asked: dict[str, dict[str, Any]]
) -> None:
    dashboard = Visitor(site, "admin").json(f"/api/v1/dashboard/{SLUG}")["result"]
    filters = json.loads(dashboard["json_metadata"])["native_filter_configuration"]
    visitor = Visitor(site, "reader" if RBAC in flags else "viewer")
    offered = {}
    for each in filters:
        target = each["targets"][0]
        if not target:
            continue
        form = {"type": "NATIVE_FILTER", "native_filter_id": each["id"], "dashboardId": dashboard["id"]}
        query = {"columns": [target["column"]["name"]], "metrics": [], "row_limit": 1000, "filters": []}
        context = {
            "datasource": {"id": target["datasetId"], "type": "table"},
            "queries": [query],
            "form_data": form,
        }
        [rows] = visitor.ask(context)
        offered[query["columns"][0]] = {value for row in rows for value in row.values()}
    assert HOSTILE in offered["workspace"]
    assert set(HOSTILE_NAMES) <= offered["campaign_name"]
    # A chosen value picks its rows, whatever it holds.
    for column, value in (("workspace", HOSTILE), ("campaign_name", HOSTILE_NAMES[2])):
        context = everything(asked["Campaigns"])
        for query in context["queries"]:
            query["filters"] = [{"col": column, "op": "IN", "val": [value]}]
        [rows] = visitor.ask(context)
        assert sum(row["sent"] for row in rows) == sent(flagged, **{column: [value]}) > 0


def test_a_row_rule_picks_its_rows(site: str, flagged: Deployment, asked: dict[str, dict[str, Any]]) -> None:
    [rows] = Visitor(site, "narrow").ask(everything(asked["Campaigns"]))
    assert 0 < sum(row["sent"] for row in rows) == sent(flagged, workspace=[HOSTILE]) < sent(flagged)


def guest_of(deployment: Deployment, site: str, *workspaces: str) -> Visitor:
    embedding = json.loads((deployment.folder / "embedding.json").read_text())
    token = Superset(site, "admin", PASSWORD, embedding).guest_token("ann", workspaces=workspaces)
    return Visitor(site, token=token)


def test_a_guest_sees_their_rows_and_previews(
    site: str, flags: tuple[str, ...], flagged: Deployment, asked: dict[str, dict[str, Any]]
) -> None:
    guest = guest_of(flagged, site, HOSTILE)
    embedded = {title: asked[title] for title in Visitor(site, "admin").charts(SLUG)}
    for title, context in (embedded if flags == ALL else one_of_each(embedded)).items():
        assert all(guest.ask(everything(context))), title
    [rows] = guest.ask(everything(asked["Campaigns"]))
    assert sum(row["sent"] for row in rows) == sent(flagged, workspace=[HOSTILE])
    addresses = links(guest, asked["Emails"])
    assert len(addresses) > 1
    assert "proof=" in next(iter(addresses.values()))
    assert Visitor(site).get(next(iter(addresses.values()))).status_code == 200


@pytest.mark.parametrize("user", ["viewer", "reader", "narrow", "nobody"])
def test_previews_follow_the_dashboard(
    site: str, flagged: Deployment, flags: tuple[str, ...], addresses: dict[int, str], within: set[int], user: str
) -> None:
    visitor = Visitor(site, user)
    sees_it = user in ("viewer", "narrow") or (user == "reader" and RBAC in flags)
    assert visitor.get(UNKNOWN).status_code == 404
    for id_ in (min(within), min(addresses.keys() - within)):
        status = 200 if sees_it and (user != "narrow" or id_ in within) else 404
        assert visitor.get(addresses[id_]).status_code == status
        assert visitor.get(f"/campaign-email/{id_}/body").status_code == status
    if sees_it:
        where = {"email_id": [str(min(within))], **({"workspace": [HOSTILE]} if user == "narrow" else {})}
        page = visitor.get(addresses[min(within)]).text
        assert f"{sent(flagged, **where):,}" in page
        assert 'class="url"' in page, "the clicked links"


# ---------------------------------------------------------------------------------------------------------------
# Results and events of asynchronous queries


asynchronous = pytest.mark.parametrize("flags", [ALL, (ASYNCHRONOUS,)], ids=["all", ASYNCHRONOUS], indirect=True)


def start(visitor: Visitor, context: dict[str, Any]) -> dict[str, Any]:
    """The job of a chart's request."""
    answer = visitor.post("/api/v1/chart/data", json={**everything(context), "force": True})
    assert answer.status_code == 202, answer.text[:500]
    return dict(answer.json())


@asynchronous
def test_a_result_is_told_as_an_answer_at_once_is(
    site: str, flagged: Deployment, asked: dict[str, dict[str, Any]]
) -> None:
    guest = guest_of(flagged, site, HOSTILE)
    event = guest.event(start(guest, asked["Emails"]))
    assert set(event) == {"id", "channel_id", "job_id", "user_id", "status", "errors", "result_url"}
    answer = guest.get(event["result_url"])
    assert answer.headers["Cache-Control"] == "private, no-store", "it has links that only this guest may open"
    assert set(answer.json()) == {"result"}
    for query in answer.json()["result"]:
        assert (query.get("query"), query.get("stacktrace")) == (None, None)
        assert "proof=" in json.dumps(query["data"]) or query["rowcount"] == 1


def sent_in(answer: requests.Response) -> int:
    return sum(row["sent"] for row in answer.json()["result"][0]["data"])


@asynchronous
def test_a_key_of_somebody_elses_result_opens_no_row_of_theirs(
    site: str, flagged: Deployment, asked: dict[str, dict[str, Any]]
) -> None:
    guest, other, viewer = (
        guest_of(flagged, site, HOSTILE),
        guest_of(flagged, site, "AMER"),
        Visitor(site, "viewer"),
    )
    url = {each: each.event(start(each, asked["Campaigns"]))["result_url"] for each in (guest, viewer)}
    own = sent_in(guest.get(url[guest]))
    assert 0 < own == sent(flagged, workspace=[HOSTILE]) < sent(flagged)
    for each in url.values():
        answer = other.get(each)
        assert answer.status_code in (403, 422), answer.text[:500]
        assert set(answer.json()) == {"message"}
    # With the key of the same request a guest reads what their own rows gave, or nothing.
    answer = guest.get(url[viewer])
    assert answer.status_code == 422 or sent_in(answer) == own
    assert Visitor(site).get(url[viewer]).status_code == 401


@asynchronous
def test_events_are_those_of_ones_own_jobs(site: str, flagged: Deployment, asked: dict[str, dict[str, Any]]) -> None:
    guest, other = guest_of(flagged, site, HOSTILE), guest_of(flagged, site, "AMER")
    job = start(guest, asked["Campaigns"])
    guest.event(job)
    assert other.json("/api/v1/async_event/")["result"] == []
    assert Visitor(site).get("/api/v1/async_event/").status_code == 401


@asynchronous
def test_a_refusal_reaches_the_page_as_its_sentence(
    site: str, flagged: Deployment, asked: dict[str, dict[str, Any]]
) -> None:
    guest = guest_of(flagged, site, HOSTILE)
    context = everything(asked["Campaigns"])
    context["queries"][0]["filters"] = [{"col": "campaign_name", "op": "TEMPORAL_RANGE", "val": "Last week"}]
    answer = guest.post("/api/v1/chart/data", json={**context, "force": True})
    event = guest.event(answer.json())
    assert event["status"] == "error"
    assert [each["message"] for each in event["errors"]] == [NOT_A_TIME]

"""The dashboard in a browser over tables that a refresh stored on MariaDB and on Spark shows the report's figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timezone
from typing import Any, NamedTuple

import duckdb
import logs
import pytest
from dashboard_page import DASHBOARD, LONG, TABS, chart, log_in, open_tab, settle, until
from deployment import IMPORTED, SCHEMA, Deployment, give_viewer_role, put_back
from logs import Table
from playwright.sync_api import Browser, Page, Response, expect

from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA
from superset_campaign_plugin.reporting.run_report import run_report
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.superset_assets.definitions import load_dashboards

TYPES = {"BIGINT": "integer", "VARCHAR": "text", "TIMESTAMP": "time", "BOOLEAN": "flag"}
[DASHBOARD_CHARTS] = [each.charts for each in load_dashboards() if each.name == "campaign_email_performance"]
FIGURES = {metric.name for metric in load_semantics().metrics}
OUTCOMES = ("delivered", "hard_bounced", "soft_bounced", "pending", "aborted")
# Of the columns that the report shows at first, those that are no ratios.
COUNTS = ("sent", "hard_bounced", "soft_bounced", "opened", "clicked_link", "unsubscribed")


class Opened(NamedTuple):
    """The dashboard, where its figures are, the days that it shows, and what each chart got, by title."""

    page: Page
    uri: str
    days: dict[str, date]
    queries: dict[str, list[dict[str, Any]]]

    def report(self, *by: str) -> list[dict[str, Any]]:
        return run_report(self.uri, by=by, facts=StoredSource(DEFAULT_SCHEMA), **self.days).records()


def tables(deployment: Deployment) -> Iterator[Table]:
    """The made-up year of the deployment's own warehouse."""
    with duckdb.connect(deployment.warehouse.removeprefix("duckdb:///"), read_only=True) as connection:
        names = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = ?", [SCHEMA]).fetchall()
        for (name,) in names:
            if name.startswith("activity_") or name in ("campaign", "program", "email_template_history"):
                found = connection.execute(f"SELECT * FROM {SCHEMA}.{name}")
                columns = {column: TYPES[str(kind)] for column, kind, *_ in found.description}
                yield Table(name, columns, found.fetchall())


@pytest.fixture(scope="module", params=["mysql", "hive"])
def engine(request: pytest.FixtureRequest) -> str:
    """Spark only with `--all-on-spark`: `tests/superset/test_other_engines.py` asks it for every chart, too."""
    return request.param


@pytest.fixture(scope="module")
def opened(
    engine: str,
    deployment: Deployment,
    address: str,
    browser: Browser,
    warehouse_on: Callable[[str], Any],
) -> Iterator[Opened]:
    from superset_campaign_plugin.bundle.install import install
    from superset_campaign_plugin.bundle.uninstall import uninstall

    warehouse = warehouse_on(engine)
    logs.load(tables(deployment), warehouse.uri)
    assert refresh(warehouse.uri).mode == "full"
    with deployment.app.app_context():
        uninstall()
        install(database=IMPORTED, uri=warehouse.uri, schema=None, source="fivetran")
        give_viewer_role()
        titles = titles_by_id()
    context = browser.new_context(viewport={"width": 1440, "height": 3000}, base_url=address)
    page = context.new_page()
    page.set_default_timeout(LONG)
    log_in(page)
    queries: dict[str, list[dict[str, Any]]] = {}

    def keep(response: Response) -> None:
        if "/api/v1/chart/data" in response.url:
            asked = response.request.post_data_json
            title = titles.get(asked["form_data"].get("slice_id"))
            if title:
                queries[title] = response.json()["result"]

    page.on("response", keep)
    page.goto(DASHBOARD)
    settle(page)
    for tab in TABS:
        open_tab(page, tab)
    until(page, lambda: queries.keys() >= {each.title for each in DASHBOARD_CHARTS.values()})
    shown = queries["Key figures"][0]
    days = {"date_from": utc_day(shown["from_dttm"]), "date_to": utc_day(shown["to_dttm"])}
    yield Opened(page, warehouse.uri, days, queries)
    context.close()
    with deployment.app.app_context():
        put_back()
    warehouse.drop()


def utc_day(milliseconds: float) -> date:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).date()


def titles_by_id() -> dict[int, str]:
    from superset import db
    from superset.models.slice import Slice

    return {chart.id: chart.slice_name for chart in db.session.query(Slice)}


def test_every_chart_shows_the_reports_figures(opened: Opened) -> None:
    assert set(opened.queries) == {each.title for each in DASHBOARD_CHARTS.values()}
    assert [query["error"] for queries in opened.queries.values() for query in queries if query["error"]] == []
    expect(opened.page.get_by_text(re.compile("(Data|Unexpected) error"))).to_have_count(0)

    [total] = opened.report()
    by_campaign = {(row["campaign_id"],): row for row in opened.report("campaign")}
    by_email = {(row["campaign_id"], row["email_id"]): row for row in opened.report("campaign", "email")}
    by_week = {row["week"]: row for row in opened.report("week")}
    assert total["sent"] > 100
    for title, key, expected in (
        ("Campaigns", ("campaign_id",), by_campaign),
        ("Emails", ("campaign_id", "email_id"), by_email),
    ):
        [rows] = (query["data"] for query in opened.queries[title])
        assert {tuple(row[name] for name in key) for row in rows} == set(expected)
        for row in rows:
            assert_figures(row, expected[tuple(row[name] for name in key)])
    [[key_figures]] = (query["data"] for query in opened.queries["Key figures"])
    assert_figures(key_figures, total)
    assert key_figures["opened_percent"] == pytest.approx(100 * total["pct_opened"])
    expect(chart(opened.page, "Key figures")).to_contain_text(f"{total['sent']:,}")

    sums, rates = (query["data"] for query in opened.queries["Sends and engagement over time"])
    assert {date.fromisoformat(row["sent_week"]) for row in sums} == set(by_week)
    for row in (*sums, *rates):
        assert_figures(row, by_week[date.fromisoformat(row["sent_week"])])
    [ended] = (query["data"] for query in opened.queries["How the sends ended"])
    shares = {row["column_title"].lower().replace(" ", "_"): row["column_share"] for row in ended}
    assert shares == pytest.approx({name: total[name] / total["sent"] for name in OUTCOMES})
    [report] = (query["data"] for query in opened.queries["Report with the columns you pick"])
    expected = [tuple(row[name] for name in COUNTS) for row in by_email.values()]
    assert sorted(tuple(row[name] for name in COUNTS) for row in report) == sorted(expected)
    expect(chart(opened.page, "Report with the columns you pick").locator("tbody tr")).to_have_count(len(report))


def assert_figures(row: dict[str, Any], expected: dict[str, Any]) -> None:
    """All figures of a chart's row are those of the report's row of the same meaning."""
    names = row.keys() & expected.keys() & FIGURES
    assert names
    for name in names:
        assert row[name] == pytest.approx(expected[name]), name

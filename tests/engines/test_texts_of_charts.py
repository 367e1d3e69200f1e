"""The texts that charts and links are made of, on every engine: days, weeks and minutes as they are in the report."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from logs import Log

from superset_campaign_plugin.report.datasets import REPORT_DATASET, Options
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.reporting.dataset_sql import dataset_sql
from superset_campaign_plugin.reporting.query import dataset_rows
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect

pytestmark = pytest.mark.on_every_engine

QUIET = "No activity for more than 3 days: emails that were sent since then are not in the data yet"


def test_texts_and_links_of_the_report(warehouse: Any) -> None:
    # The 25th of February 2024 is a Sunday, the 29th a Thursday.
    log = Log().send(1, 10, 100, "2024-02-25 23:59").send(1, 10, 101, "2024-02-29 00:00")
    log.send(2, 10, 100, "2024-03-01 10:00").open(2, 10, 100, "2024-03-02 11:42")
    # Of four people who got it two opened, one of three in the third campaign.
    for person in (100, 101, 102):
        log.send(3, 20, person, "2024-03-01 10:00").deliver(3, 20, person, "2024-03-01 10:01")
    log.open(3, 20, 100, "2024-03-01 10:30")
    warehouse.load(log)
    metrics = load_semantics().datasets[REPORT_DATASET].metrics
    with connect(warehouse.uri) as (connection, engine):
        sql = dataset_sql(connection, engine, resolve("fivetran", None), Options(), [REPORT_DATASET])[REPORT_DATASET]
        rows = dataset_rows(sql, "report")
        weeks = connection.scalars(sa.select(sa.column("sent_week")).select_from(rows).distinct())
        assert sorted(weeks) == ["2024-02-19", "2024-02-26"]
        figures = [sa.literal_column(metric.expression).label(metric.name) for metric in metrics]
        by_campaign = sa.select(sa.column("campaign_id"), *figures).select_from(rows).group_by(sa.column("campaign_id"))
        first, second, third = sorted(connection.execute(by_campaign).mappings(), key=lambda row: row["campaign_id"])
    address = "/campaign-email/10/?campaign_id={}&sent_from={}&sent_to={}"
    link = '<a title="10" href="{}" target="_blank">10</a>'
    assert first["email_preview"] == link.format(address.format(1, "2024-02-25", "2024-02-29"))
    assert second["email_preview"] == link.format(address.format(2, "2024-03-01", "2024-03-01"))
    assert (first["first_day"], first["last_day"], first["time_zone_of_days"]) == ("2024-02-25", "2024-02-29", "UTC")
    assert second["data_until"] == "2024-03-02 11:42"
    assert second["notice"] == QUIET
    assert float(second["opened_percent"]) == 100
    assert first["opened_percent"] is None
    assert first["opened_against_average"] is None
    assert float(second["opened_against_average"]) == pytest.approx(100 - 50)
    assert float(third["opened_against_average"]) == pytest.approx(100 / 3 - 50)
    assert float(third["clicked_link_against_average"]) == 0


@pytest.mark.parametrize("engine", ["duckdb", "postgresql", "mysql"], indirect=True)
def test_days_are_those_of_the_time_zone(warehouse: Any) -> None:
    warehouse.load(Log().send(1, 10, 100, "2024-02-25 23:59"))
    with connect(warehouse.uri) as (connection, engine):
        options = Options(rules=Rules(time_zone="Europe/Berlin"))
        sql = dataset_sql(connection, engine, resolve("fivetran", None), options, [REPORT_DATASET])[REPORT_DATASET]
        shown = sa.select(sa.column("sent_day"), sa.column("time_zone")).select_from(dataset_rows(sql, "report"))
        assert connection.execute(shown).one() == ("2024-02-26", "Europe/Berlin")


def notice(warehouse: Any, as_of: str) -> str:
    """The notice on the dashboard at that time (UTC)."""
    metrics = load_semantics().datasets[REPORT_DATASET].metrics
    expression = next(metric.expression for metric in metrics if metric.name == "notice")
    with connect(warehouse.uri) as (connection, engine):
        options = Options(as_of=datetime.fromisoformat(as_of))
        sql = dataset_sql(connection, engine, resolve("fivetran", None), options, [REPORT_DATASET])[REPORT_DATASET]
        shown = sa.literal_column(expression).label("notice")
        return str(connection.scalar(sa.select(shown).select_from(dataset_rows(sql, "report"))))


@pytest.mark.on_spark
def test_a_notice_says_what_makes_the_figures_too_low(warehouse: Any) -> None:
    """First that the log stands still, else which kinds of activities it has no table for."""
    log = Log().send(1, 10, 100, "2024-03-01 09:00").deliver(1, 10, 100, "2024-03-01 09:05")
    for happens in (log.bounce, log.soft_bounce, log.open, log.click, log.unsubscribe):
        happens(1, 10, 100, "2024-03-01 09:05")
    warehouse.load(log)
    assert notice(warehouse, "2024-03-04 09:05") == ""
    assert notice(warehouse, "2024-03-04 09:06") == QUIET
    warehouse.execute("DROP TABLE activity_click_email")
    assert notice(warehouse, "2024-03-02 00:00") == (
        "The log has no activities of the kind Clicked. Clicked Link stays 0, and there are no links."
    )
    warehouse.execute("DROP TABLE activity_unsubscribe_email")
    assert notice(warehouse, "2024-03-02 00:00") == "The log has no activities of the kind Clicked and Unsubscribed."

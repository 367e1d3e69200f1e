"""The semantic layer is whole, and everything that shows it agrees with it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import logs
import pytest
import sqlalchemy as sa
import sqlglot
from oracle import FIELDS
from pyhive.sqlalchemy_hive import HiveDialect
from sqlalchemy import literal_column
from sqlglot import exp

from superset_campaign_plugin.bundle.assemble import build_bundle
from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.report.datasets import Options
from superset_campaign_plugin.reporting.dataset_sql import dataset_sql
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.superset_assets.identity import database_uuid
from superset_campaign_plugin.warehouse import connect

ROOT = Path(__file__).resolve().parents[2]
DATASETS = (
    "campaign_email_columns",
    "campaign_email_deliverability",
    "campaign_email_links",
    "campaign_email_people",
    "campaign_email_performance",
    "campaign_email_quality",
    "campaign_email_timing",
    "campaign_email_variants",
)
STEPS = {
    "campaign_email_performance": {
        "counted_sends",
        "email_activities",
        "email_records",
        "record_status",
        "daily_rollup",
    },
    "campaign_email_columns": {"email_records", "record_status", "daily_rollup", "report", "report_columns"},
    "campaign_email_links": {"counted_sends", "recipients", "link_clicks"},
    "campaign_email_people": {"email_records", "people_status", "email_people"},
    "campaign_email_deliverability": {"counted_sends", "email_activities", "email_records", "deliverability_rollup"},
    "campaign_email_timing": {"counted_sends", "email_activities", "email_records", "timing_rollup"},
    "campaign_email_variants": {"email_records", "variants_of_records", "tested_records", "variant_rollup"},
    "campaign_email_quality": {"email_log", "log_totals", "placed_events", "events_with_sends", "record_status"},
}


@pytest.fixture(scope="module", params=["duckdb", "sqlite"])
def dialect(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def uri(dialect: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with one send that was clicked and one that was not."""
    log = logs.Log().campaign(1, "Spring", program=7).program(7, "Webinars").email(10, "Invitation")
    log.send(1, 10, 100, "2024-03-07 12:00", variant=1).click(1, 10, 100, "2024-03-07 13:00")
    log.send(1, 10, 101, "2024-03-07 12:00", variant=2)
    uri = f"{dialect}:///{tmp_path_factory.mktemp(dialect)}/log.db"
    logs.write(log, uri)
    return uri


@pytest.fixture(scope="module")
def queries(uri: str) -> dict[str, str]:
    """The SQL of each dataset."""
    with connect(uri) as (connection, engine):
        return dataset_sql(connection, engine, resolve("fivetran", None), Options())


def used_columns(expression: str, dialect: str) -> set[str]:
    return {column.name for column in sqlglot.parse_one(expression, read=dialect).find_all(exp.Column)}


def test_the_fields_are_marketos_in_their_order() -> None:
    assert [metric.name for metric in load_semantics().metrics] == FIELDS


def test_every_ratio_divides_the_counts_that_marketo_divides() -> None:
    metrics = {metric.name: metric for metric in load_semantics().metrics}
    below = dict.fromkeys(("delivered", "hard_bounced", "soft_bounced"), "sent")
    below |= dict.fromkeys(("opened", "clicked_link", "unsubscribed"), "delivered")
    below |= dict.fromkeys(("human_opened", "human_clicked_link"), "delivered")
    expected = {f"pct_{name}": (name, denominator) for name, denominator in below.items()}
    expected["clicked_to_opened_ratio"] = ("clicked_link", "opened")
    assert {metric.name: metric.ratio for metric in metrics.values() if metric.ratio} == expected
    assert {metrics[name].kind for ratio in expected.values() for name in ratio} == {"count"}


def test_every_dimension_of_the_report_is_there() -> None:
    # A row of the report holds a whole day of sends, so of the time of a send it keeps the day and the extremes.
    assert [dimension.name for dimension in load_semantics().dimensions][:12] == [
        *("source_name", "workspace", "program_id", "program_name", "campaign_id", "campaign_name", "campaign_active"),
        *("email_id", "email_name", "email_subject", "operational", "sent_date"),
    ]


def test_the_metrics_are_certified_in_the_bundle() -> None:
    engine = get_engine("duckdb")
    bundle = build_bundle(dict.fromkeys(DATASETS, "SELECT 1"), engine, database_uuid("Warehouse"), None)
    assert set(bundle.datasets) == {*DATASETS} - {"campaign_email_people"}
    of_people = build_bundle(dict.fromkeys(DATASETS, "SELECT 1"), engine, database_uuid("Warehouse"), None, people=True)
    assert set(of_people.datasets) == set(DATASETS)
    assert {*of_people.dashboards} - {*bundle.dashboards} == {"campaign_email_people"}
    for config in bundle.datasets.values():
        for metric in config["metrics"]:
            certification = metric["extra"]["certification"]
            assert certification["certified_by"]
            assert certification["details"]


def test_names_are_unique_within_a_dataset() -> None:
    for dataset in load_semantics().datasets.values():
        names = [item.name for item in (*dataset.dimensions, *dataset.metrics)]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("name", DATASETS)
def test_the_sql_gives_the_dimensions_and_what_the_metrics_add_up(
    uri: str, dialect: str, queries: dict[str, str], name: str
) -> None:
    dataset = load_semantics().datasets[name]
    expected = {dimension.name for dimension in dataset.dimensions}
    for metric in dataset.metrics:
        expected |= used_columns(metric.expression, dialect)
    with connect(uri) as (connection, _):
        found = list(connection.execute(sa.text(queries[name].replace(":", r"\:"))).keys())
    assert len(found) == len(set(found))
    assert set(found) == expected


@pytest.mark.parametrize("name", DATASETS)
def test_every_metric_runs_over_its_dataset(uri: str, queries: dict[str, str], name: str) -> None:
    metrics = load_semantics().datasets[name].metrics
    wanted = ", ".join(f'{metric.expression} AS "{metric.name}"' for metric in metrics)
    with connect(uri) as (connection, _):
        query = f"SELECT {wanted} FROM ({queries[name]}) AS dataset"
        row = connection.execute(sa.text(query.replace(":", r"\:"))).mappings().one()
    expected = {
        "campaign_email_links": {"clicks": 1, "people": 1},
        "campaign_email_performance": {"sent": 2, "delivered": 1, "pct_delivered": 0.5, "clicked_to_opened_ratio": 1},
        "campaign_email_columns": {"sent": 2, "delivered": 1, "pct_delivered": 0.5, "clicked_to_opened_ratio": 1},
        # A problem, of the second check: the loader stopped long ago.
        "campaign_email_quality": {"urgency": 198},
        "campaign_email_people": {"sent": 2, "delivered": 1, "pct_delivered": 0.5, "clicked_to_opened_ratio": 1},
        "campaign_email_deliverability": {"sent": 2, "delivered": 1, "bounced": 0, "light": "Too few to tell"},
        "campaign_email_variants": {"sent": 2, "clicked_link": 1, "verdict": "Not a variant of one email"},
        "campaign_email_timing": {"sent": 2, "opened": 1, "clicked_link": 1, "delivered_24h": 0},
    }[name]
    assert {metric: row[metric] for metric in expected} == expected


@pytest.mark.parametrize("name", DATASETS)
def test_the_sql_is_read_by_people_and_by_superset(dialect: str, queries: dict[str, str], name: str) -> None:
    sql = queries[name]
    assert "anon_" not in sql
    tree = sqlglot.parse_one(sql, read=dialect)
    steps = {step.alias for step in tree.find_all(exp.CTE)}
    assert STEPS[name] <= steps
    # Superset puts the SQL into a subquery and row rules into its tree.
    sqlglot.parse_one(f"SELECT * FROM ({sql}) AS virtual_table WHERE workspace = 'EMEA'", read=dialect)


def test_every_metric_is_described_and_formatted() -> None:
    for dataset in load_semantics().datasets.values():
        for metric in dataset.metrics:
            assert metric.title
            assert metric.description
            assert metric.source
            assert metric.format or metric.kind in ("time", "other")


def test_the_page_of_metrics_is_current() -> None:
    spec = importlib.util.spec_from_file_location("metrics_page", ROOT / "scripts" / "metrics_page.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    assert page.PAGE.read_text(encoding="utf-8") == page.render()


def test_no_drivers_dialect_cuts_a_metric() -> None:
    """PyHive takes an expression with two dots for schema.table.column, and leaves out what stands before the first."""
    for dataset in load_semantics().datasets.values():
        for metric in dataset.metrics:
            written = str(literal_column(metric.expression).compile(dialect=HiveDialect()))
            assert written.replace("%%", "%") == metric.expression, (dataset.name, metric.name)

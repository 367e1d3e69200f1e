"""What the alerts ask, on real engines: counted by hand, through the dataset's own SQL and the stored tables."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from logs import WRITABLE, Log

from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA
from superset_campaign_plugin.report.alerts import MIN_SENT, activity_sql, bounces_sql
from superset_campaign_plugin.report.datasets import REPORT_DATASET, Options
from superset_campaign_plugin.report.sqltext import executable
from superset_campaign_plugin.reporting.dataset_sql import dataset_sql
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect

pytestmark = pytest.mark.on_every_engine

NOW = datetime.now(timezone.utc).replace(tzinfo=None)


def ago(**time: float) -> str:
    return (NOW - timedelta(**time)).isoformat(sep=" ", timespec="seconds")


def sent(log: Log, people: range, when: str, bounced: int = 0) -> None:
    """The email to these people; of the first ones the email bounced, by turns hard and soft."""
    for place, person in enumerate(people):
        log.send(1, 10, person, when)
        if place < bounced:
            (log.bounce if place % 2 else log.soft_bounce)(1, 10, person, when)


def asked(warehouse: Any, sql: Any, days: int, *, stored: bool = False) -> Any:
    """The number that an alert gets."""
    facts = StoredSource(DEFAULT_SCHEMA) if stored else None
    with connect(facts.uri(warehouse.uri) if facts else warehouse.uri) as (connection, engine):
        source = resolve("fivetran", None)
        report = dataset_sql(connection, engine, source, Options(), [REPORT_DATASET], facts)[REPORT_DATASET]
        return connection.execute(executable(sql(report, engine, days))).scalar()


def test_what_the_alerts_get(warehouse: Any) -> None:
    """120 people two days ago, of whom 6 bounced: 5 %. All 90 of ten days ago bounced, and all 50 of twenty.

    Of 14 days these are 96 of 210. The last hour has no activity; the last two days have none, the last three have
    the row of the day of the send.
    """
    log = Log()
    sent(log, range(1, 121), ago(hours=50), bounced=6)
    sent(log, range(201, 291), ago(days=10), bounced=90)
    sent(log, range(301, 351), ago(days=20), bounced=50)
    warehouse.load(log)
    assert float(asked(warehouse, bounces_sql, 7)) == pytest.approx(5.0)
    assert float(asked(warehouse, bounces_sql, 14)) == pytest.approx(100 * 96 / 210)
    assert asked(warehouse, activity_sql, 3) == 1
    assert asked(warehouse, activity_sql, 2) == 0


@pytest.mark.parametrize("warehouse", WRITABLE, indirect=True)
def test_stored_tables_give_the_same(warehouse: Any) -> None:
    """One person fewer than a share is made of, all of whom bounced; then one more, who did not."""
    log = Log()
    sent(log, range(1, MIN_SENT), ago(hours=50), bounced=MIN_SENT - 1)
    warehouse.load(log)
    refresh(warehouse.uri)
    assert asked(warehouse, bounces_sql, 7, stored=True) is None
    warehouse.load(log.send(1, 10, MIN_SENT, ago(hours=50)))
    refresh(warehouse.uri)
    assert float(asked(warehouse, bounces_sql, 7, stored=True)) == pytest.approx(99.0)
    assert asked(warehouse, activity_sql, 3, stored=True) == 1
    assert asked(warehouse, activity_sql, 2, stored=True) == 0

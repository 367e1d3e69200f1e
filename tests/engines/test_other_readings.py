"""The ways to read a log that an export may have been counted by, on logs that are counted by hand."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from logs import drawn, utc
from snapshot import TypicalCatalog

from superset_campaign_plugin.engines import ENGINES, Engine
from superset_campaign_plugin.report.datasets import REPORT_DATASET, Options, build_dataset
from superset_campaign_plugin.report.other_readings import Counted, OtherFacts, Window, logged_until
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.sqltext import sql_text
from superset_campaign_plugin.reporting.causes import Counting, Setting
from superset_campaign_plugin.reporting.query import ReportRequest
from superset_campaign_plugin.sources import get_layout
from superset_campaign_plugin.sources.build_relations import build_relations
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect

NOW = utc("2024-06-01")
BY = ("source", "program", "campaign", "email")


def counts(
    warehouse: Any, drawing: str | None, days: tuple[date, date] | None = None, **setting: Any
) -> dict[str, int]:
    """The counts that are not 0 of the only row."""
    warehouse.load(drawn(drawing or ""))
    date_from, date_to = days or (None, None)
    setting = {"as_of": NOW, **setting}
    with connect(warehouse.uri) as (connection, engine):
        logs = resolve("fivetran", None).live_logs(connection, engine)
        request = ReportRequest(by=BY, date_from=date_from, date_to=date_to)
        counting = Counting(connection, engine, logs, request, by_campaign=True)
        [found] = counting.figures(Setting(Rules(), **setting)).values()
    return {name: number for name, number in found.items() if number}


def test_activities_of_the_days(warehouse: Any) -> None:
    """Of March: 100 was sent to, 101 opened what was sent in February, 102 opened in April what was sent in March.

    campaign  email  person  time              activity
    1         10     100     2024-03-05 10:00  send
    1         10     100     2024-03-05 10:01  deliver
    1         10     101     2024-02-28 10:00  send
    1         10     101     2024-02-28 10:01  deliver
    1         10     101     2024-03-01 00:00  open
    1         10     102     2024-03-31 23:59  send
    1         10     102     2024-03-31 23:59  deliver
    1         10     102     2024-04-01 00:00  open
    1         10     103     2024-03-07 10:00  send
    """
    days = (date(2024, 3, 1), date(2024, 4, 1))
    drawing = test_activities_of_the_days.__doc__
    assert counts(warehouse, drawing, days) == {"sent": 3, "delivered": 2, "opened": 1, "aborted": 1}
    assert counts(warehouse, drawing, days, counted=Counted.BY_ACTIVITY) == {
        "sent": 3,
        "delivered": 3,
        "opened": 1,
        "aborted": 1,
    }


def test_people_whose_send_is_not_in_the_log(warehouse: Any) -> None:
    """101 and 102 were sent the email before the log begins. Who clicked names no campaign, so nobody knows of which.

    campaign  email  person  time              activity
    1         10     100     2024-03-05 10:00  send
    1         10     100     2024-03-05 10:01  deliver
    1         10     101     2024-03-01 10:01  deliver
    1         10     102     2024-03-02 10:01  bounce
    1         10     101     2024-03-09 10:00  open
    -         10     104     2024-03-09 10:00  click
    """
    drawing = test_people_whose_send_is_not_in_the_log.__doc__
    assert counts(warehouse, drawing) == {"sent": 1, "delivered": 1}
    assert counts(warehouse, drawing, counted=Counted.WITHOUT_SEND) == {
        "sent": 3,
        "delivered": 2,
        "hard_bounced": 1,
        "opened": 1,
    }
    # On the day of their first activity.
    assert counts(warehouse, drawing, (date(2024, 3, 1), date(2024, 3, 2)), counted=Counted.WITHOUT_SEND) == {
        "sent": 1,
        "delivered": 1,
        "opened": 1,
    }


def test_the_log_of_an_earlier_moment(warehouse: Any) -> None:
    """What was logged at that moment is there, what was logged later is not.

    campaign  email  person  time              activity
    1         10     100     2024-03-05 10:00  send
    1         10     101     2024-03-05 10:00  send
    1         10     100     2024-03-06 10:00  open
    1         10     101     2024-03-06 10:01  open
    1         10     102     2024-03-06 10:01  send
    """
    drawing = test_the_log_of_an_earlier_moment.__doc__
    assert counts(warehouse, drawing) == {"sent": 3, "delivered": 2, "opened": 2, "aborted": 1}
    until = datetime(2024, 3, 6, 10)  # noqa: DTZ001
    assert counts(warehouse, drawing, until=until) == {"sent": 2, "delivered": 1, "opened": 1, "aborted": 1}
    assert counts(warehouse, drawing, until=until, as_of=until) == {
        "sent": 2,
        "delivered": 1,
        "opened": 1,
        "pending": 1,
    }


@pytest.mark.parametrize("name", sorted(ENGINES))
@pytest.mark.parametrize("counted", [Counted.WITHOUT_SEND, Counted.BY_ACTIVITY])
def test_the_sql_parses_for_every_engine(name: str, counted: Counted) -> None:
    engine: Engine = ENGINES[name]
    relations = logged_until(build_relations(get_layout("fivetran"), TypicalCatalog(), engine), engine, NOW)
    facts = OtherFacts(relations, engine, Rules(), NOW, counted, Window(utc("2024-03-01"), NOW))
    assert "first_activity_at" in sql_text(build_dataset(REPORT_DATASET, facts, engine, Options(as_of=NOW)), engine)

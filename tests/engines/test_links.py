"""Clicks on links, by the day of the send: counted by hand, and against the independent count, direct and stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import WRITABLE, Log, random_logs
from oracle import email_records, link_figures

from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA
from superset_campaign_plugin.report.datasets import Options
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.reporting.dataset_sql import dataset_sql
from superset_campaign_plugin.reporting.query import dataset_rows
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect

LINKS = "campaign_email_links"
KEY = ("campaign_id", "email_id", "sent_date")
EXAMPLES = {"duckdb": 6, "sqlite": 12, "postgresql": 4, "mysql": 4, "hive": 1}
A, B, HOME = "https://example.com/a", "https://example.com/b", "https://example.com/"


def asked(warehouse: Any, columns: list[str], names: list[str], rules: Rules, *, stored: bool) -> list[dict[str, Any]]:
    """The metrics of these names for each group of the columns."""
    facts = StoredSource(DEFAULT_SCHEMA) if stored else None
    metrics = {metric.name: metric.expression for metric in load_semantics().datasets[LINKS].metrics}
    with connect(facts.uri(warehouse.uri) if facts else warehouse.uri) as (connection, engine):
        sql = dataset_sql(connection, engine, resolve("fivetran", None), Options(rules=rules), [LINKS], facts)[LINKS]
        groups = [sa.column(name) for name in columns]
        figures = [sa.literal_column(metrics[name]).label(name) for name in names]
        query = sa.select(*groups, *figures).select_from(dataset_rows(sql, "links")).group_by(*groups)
        return [dict(row) for row in connection.execute(query).mappings()]


def day_of(value: Any) -> date:
    return date.fromisoformat(str(value)[:10])


def test_shares_are_of_all_clicks_and_of_all_who_clicked(warehouse: Any) -> None:
    """Two emails, sent on the 1st and the 2nd of March; 100 clicks the links A (twice) and B, 101 clicks B.

    102 clicks A of the other email, a week after its send. Of 5 clicks A has 3 and B has 2; of 3 people who clicked,
    2 clicked A and 2 clicked B. The home page stands in no email, and 103 clicks nothing.
    """
    log = Log().send(1, 10, 100, "2024-03-01 10:00").send(1, 10, 101, "2024-03-01 10:00")
    log.send(1, 20, 102, "2024-03-02 10:00").send(1, 20, 103, "2024-03-02 10:00")
    log.click(1, 10, 100, "2024-03-01 11:00", link=A).click(1, 10, 100, "2024-03-01 12:00", link=A)
    log.click(1, 10, 100, "2024-03-03 11:00", link=B).click(1, 10, 101, "2024-03-03 11:00", link=B)
    log.click(1, 20, 102, "2024-03-09 11:00", link=A)
    log.click(1, 20, 104, "2024-03-09 11:00", link=HOME)  # of whom no send is known
    warehouse.load(log)
    names = ["clicks", "pct_clicks", "people", "pct_people", "emails"]
    found = {
        row["link"]: [float(row[name]) for name in names]
        for row in asked(warehouse, ["link"], names, Rules(), stored=False)
    }
    assert found == {
        A: [3, pytest.approx(3 / 5), 2, pytest.approx(2 / 3), 2],
        B: [2, pytest.approx(2 / 5), 2, pytest.approx(2 / 3), 1],
    }
    days = asked(warehouse, ["sent_date", "link"], ["clicks"], Rules(), stored=False)
    assert {(day_of(row["sent_date"]).day, row["link"]): int(row["clicks"]) for row in days} == {
        (1, A): 2,
        (1, B): 2,
        (2, A): 1,
    }


@pytest.mark.parametrize("engine", WRITABLE, indirect=True)
def test_links_equal_the_independent_count(warehouse: Any) -> None:
    @settings(
        max_examples=EXAMPLES[warehouse.engine],
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(log=random_logs(max_size=80), rules=st.builds(Rules, people=st.sampled_from(People)))
    def equal(log: Log, rules: Rules) -> None:
        warehouse.load(log)
        expected = link_figures(log, rules)
        everybody = sum(record.clicked for record in email_records(log, rules).values())
        people: Counter[str | None] = Counter()
        for links in expected.values():
            people.update({link: number for link, (_, number) in links.items()})
        refresh(warehouse.uri, source="fivetran", rules=rules)
        for stored in (False, True):
            found: dict[Any, dict[str | None, tuple[int, int]]] = defaultdict(dict)
            for row in asked(warehouse, [*KEY, "link"], ["clicks", "people"], rules, stored=stored):
                campaign, email, day = (row[name] for name in KEY)
                found[campaign, email, day_of(day)][row["link"]] = int(row["clicks"]), int(row["people"])
            assert found == expected
            shares = asked(warehouse, ["link"], ["pct_people"], rules, stored=stored)
            assert {row["link"]: float(row["pct_people"]) for row in shares} == {
                link: pytest.approx(number / everybody) for link, number in people.items()
            }

    equal()

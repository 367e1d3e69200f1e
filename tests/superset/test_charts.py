"""Every shipped chart, run the way Superset runs it, shows the numbers of the command line."""

from __future__ import annotations

import pytest
from deployment import CHARTS, SCHEMA, Deployment, run_chart

from superset_campaign_plugin.reporting.run_report import run_report
from superset_campaign_plugin.semantics import load_semantics, report_columns

COUNTS = [metric.name for metric in load_semantics().metrics if metric.kind == "count"]


@pytest.mark.parametrize("name", sorted(CHARTS))
def test_every_chart_runs_and_shows_something(deployment: Deployment, name: str) -> None:
    for rows in run_chart(deployment, name, time_offsets=[]):
        assert rows


def test_the_campaigns_are_those_of_the_command_line(deployment: Deployment) -> None:
    rows, [total] = run_chart(deployment, "campaigns")
    report = run_report(deployment.warehouse, schema=SCHEMA, by=["campaign"])
    shown = {row["campaign_id"]: [row[name] for name in COUNTS if name in row] for row in rows}
    names = [name for name in COUNTS if name in rows[0]]
    assert shown == {row["campaign_id"]: [row[name] for name in names] for row in report.records()}
    [everything] = run_report(deployment.warehouse, schema=SCHEMA, by=[]).records()
    for name, value in total.items():
        assert value == pytest.approx(everything[name]), name


def test_the_emails_total_is_the_ratio_of_the_sums(deployment: Deployment) -> None:
    rows, [total] = run_chart(deployment, "emails")
    assert total["pct_delivered"] == pytest.approx(
        sum(row["delivered"] for row in rows) / sum(row["sent"] for row in rows)
    )
    assert total["email_preview"] == ""


def test_a_time_range_includes_its_first_day_and_not_its_last(deployment: Deployment) -> None:
    by_day = run_report(deployment.warehouse, schema=SCHEMA, by=["day"]).records()
    first, last = by_day[len(by_day) // 3]["day"], by_day[len(by_day) // 2]["day"]
    time_range = [{"col": "sent_date", "op": "TEMPORAL_RANGE", "val": f"{first} : {last}"}]
    _, [total] = run_chart(deployment, "campaigns", filters=time_range)
    assert total["sent"] == sum(row["sent"] for row in by_day if first <= row["day"] < last)


def test_the_report_shows_every_column_like_the_wide_dataset(deployment: Deployment) -> None:
    [rows] = run_chart(deployment, "report")
    expected = run_report(deployment.warehouse, schema=SCHEMA, by=["campaign", "email"]).records()
    metrics = [metric.name for metric in report_columns(load_semantics().metrics)]
    assert sum(row["sent"] for row in rows) == sum(row["sent"] for row in expected)
    assert len(rows) == len({(row["campaign_name"], row["email_id"]) for row in expected})
    by_link = {row["email_link"]: row for row in rows}
    assert set(metrics) <= set(next(iter(by_link.values())))


def test_a_column_that_is_filtered_away_has_no_figure(deployment: Deployment) -> None:
    [rows] = run_chart(deployment, "report", filters=[{"col": "column_title", "op": "IN", "val": ["Sent", "% Opened"]}])
    shown = {name for row in rows for name, value in row.items() if value is not None}
    assert shown == {"campaign_label", "email_link", "sent", "pct_opened"}


def test_the_outcomes_add_up_to_the_sends(deployment: Deployment) -> None:
    [outcomes] = run_chart(deployment, "how_sends_ended")
    [everything] = run_report(deployment.warehouse, schema=SCHEMA, by=[]).records()
    assert sum(row["column_total"] for row in outcomes) == everything["sent"]


def test_the_viewer_role_runs_every_chart_and_an_outsider_none(deployment: Deployment) -> None:
    from superset.exceptions import SupersetSecurityException

    for name in CHARTS:
        run_chart(deployment, name, user="viewer", time_offsets=[])
        with pytest.raises(SupersetSecurityException):
            run_chart(deployment, name, user="outsider")


def test_the_weeks_of_the_time_chart_hold_every_send(deployment: Deployment) -> None:
    weeks, _ = run_chart(deployment, "engagement_over_time")
    [everything] = run_report(deployment.warehouse, schema=SCHEMA, by=[]).records()
    assert sum(row["sent"] for row in weeks) == everything["sent"]
    assert all(row["sent_date"].weekday() == 0 for row in weeks)

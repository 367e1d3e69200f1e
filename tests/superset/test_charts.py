"""Every shipped chart, run the way Superset runs it, shows the numbers of the command line."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

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
    [rows] = run_chart(deployment, "campaigns")
    report = run_report(deployment.warehouse, schema=SCHEMA, by=["campaign"])
    shown = {row["campaign_id"]: [row[name] for name in COUNTS if name in row] for row in rows}
    names = [name for name in COUNTS if name in rows[0]]
    assert shown == {row["campaign_id"]: [row[name] for name in names] for row in report.records()}


def test_the_key_figures_are_ratios_of_sums_in_percent(deployment: Deployment) -> None:
    [[figures]] = run_chart(deployment, "key_figures", time_offsets=[])
    [everything] = run_report(deployment.warehouse, schema=SCHEMA, by=[]).records()
    assert figures.pop("sent") == everything["sent"]
    shares = {"delivered", "opened", "human_opened", "clicked_link", "unsubscribed"}
    expected = {f"{name}_percent": 100 * everything[f"pct_{name}"] for name in shares}
    expected["clicked_to_opened_percent"] = 100 * everything["clicked_to_opened_ratio"]
    assert figures == pytest.approx(expected)


def test_emails_are_compared_with_the_average_of_those_shown(deployment: Deployment) -> None:
    by_email = run_report(deployment.warehouse, schema=SCHEMA, by=["program", "campaign", "email"]).records()
    program = max(by_email, key=lambda row: row["sent"])["program_name"]
    for some, expected in (
        ([], by_email),
        (
            [{"col": "program_name", "op": "IN", "val": [program]}],
            [r for r in by_email if r["program_name"] == program],
        ),
    ):
        [rows] = run_chart(deployment, "emails", filters=some)
        rates = {(row["campaign_id"], row["email_id"]): row for row in expected}
        assert {(row["campaign_id"], row["email_id"]) for row in rows} == set(rates)
        delivered = sum(row["delivered"] for row in expected)
        for name in ("opened", "clicked_link"):
            average = sum(row[name] for row in expected) / delivered
            for row in rows:
                rate = rates[row["campaign_id"], row["email_id"]][f"pct_{name}"]
                against = math.nan if rate is None else 100 * (rate - average)
                assert row[f"{name}_against_average"] == pytest.approx(against, nan_ok=True)


def test_the_line_under_the_title_has_the_days_and_the_end_of_the_data(deployment: Deployment) -> None:
    days = [row["day"] for row in run_report(deployment.warehouse, schema=SCHEMA, by=["day"]).records()]
    [everything] = run_report(deployment.warehouse, schema=SCHEMA, by=[]).records()
    some = [{"col": "sent_date", "op": "TEMPORAL_RANGE", "val": f"{days[3]} : {days[9]}"}]
    [[period]] = run_chart(deployment, "period", filters=some)
    assert period == {
        "first_day": str(days[3]),
        "last_day": str(days[8]),
        "time_zone_of_days": "UTC",
        "left_out_of_figures": "",
    }
    [[data]] = run_chart(deployment, "data_until")
    assert data["data_until"] == str(everything["last_activity"])[:16]
    # The log ends today, and has every kind of activity.
    assert data["notice"] == ""


def test_an_emails_link_has_the_campaign_and_the_days_of_its_row(deployment: Deployment) -> None:
    by_day = run_report(deployment.warehouse, schema=SCHEMA, by=["campaign", "email", "day"]).records()
    days = sorted({row["day"] for row in by_day})
    begin, end = days[len(days) // 3], days[2 * len(days) // 3]
    expected: dict[tuple[int, int], list[Any]] = {}
    for row in by_day:
        if begin <= row["day"] < end:
            expected.setdefault((row["campaign_id"], row["email_id"]), []).append(row["day"])
    time_range = [{"col": "sent_date", "op": "TEMPORAL_RANGE", "val": f"{begin} : {end}"}]
    [rows] = run_chart(deployment, "emails", filters=time_range)
    assert {(row["campaign_id"], row["email_id"]) for row in rows} == set(expected)
    for place, row in enumerate(rows):
        days = expected[row["campaign_id"], row["email_id"]]
        scope = f"campaign_id={row['campaign_id'] or 0}&sent_from={min(days)}&sent_to={max(days)}"
        assert f' href="/campaign-email/{row["email_id"]}/?{scope}" target="_blank">' in row["email_preview"]
        if place < 3:
            answer = deployment.client("viewer").get(f"/api/v1/campaign_email/{row['email_id']}?{scope}")
            assert answer.get_json()["result"]["figures"]["sent"] == row["sent"]


def test_a_time_range_includes_its_first_day_and_not_its_last(deployment: Deployment) -> None:
    by_day = run_report(deployment.warehouse, schema=SCHEMA, by=["day"]).records()
    first, last = by_day[len(by_day) // 3]["day"], by_day[len(by_day) // 2]["day"]
    time_range = [{"col": "sent_date", "op": "TEMPORAL_RANGE", "val": f"{first} : {last}"}]
    [[figures]] = run_chart(deployment, "key_figures", filters=time_range, time_offsets=[])
    assert figures["sent"] == sum(row["sent"] for row in by_day if first <= row["day"] < last)


def test_the_report_shows_every_column_like_the_wide_dataset(deployment: Deployment) -> None:
    [rows] = run_chart(deployment, "report")
    expected = run_report(deployment.warehouse, schema=SCHEMA, by=["campaign", "email"]).records()
    metrics = [metric.name for metric in report_columns(load_semantics().metrics)]
    assert sum(row["sent"] for row in rows) == sum(row["sent"] for row in expected)
    assert len(rows) == len({(row["campaign_id"], row["email_id"]) for row in expected})
    assert set(metrics) <= set(rows[0])


def test_a_column_that_is_filtered_away_has_no_figure(deployment: Deployment) -> None:
    [rows] = run_chart(deployment, "report", filters=[{"col": "column_title", "op": "IN", "val": ["Sent", "% Opened"]}])
    shown = {name for row in rows for name, value in row.items() if value is not None}
    assert shown <= {"campaign_label", "campaign_id", "email_label", "email_id", "sent", "pct_opened"}


def test_opens_are_of_people_or_of_machines_alone(deployment: Deployment) -> None:
    report = {row["week"]: row for row in run_report(deployment.warehouse, schema=SCHEMA, by=["week"]).records()}
    counts, shares = run_chart(deployment, "people_over_time")
    assert {date.fromisoformat(row["sent_week"]) for row in counts} == set(report)
    for row in counts:
        expected = report[date.fromisoformat(row["sent_week"])]
        assert row["human_opened"] + row["machine_only_opened"] == expected["opened"]
    for row in shares:
        expected = report[date.fromisoformat(row["sent_week"])]
        share = expected["human_opened"] / expected["opened"] if expected["opened"] else math.nan
        assert row["pct_human_of_opened"] == pytest.approx(share, nan_ok=True)
    [rows] = run_chart(deployment, "emails_by_people")
    by_email = run_report(deployment.warehouse, schema=SCHEMA, by=["campaign", "email"]).records()
    expected = {(row["campaign_id"], row["email_id"]): row for row in by_email}
    for row in rows:
        own = expected[row["campaign_id"], row["email_id"]]
        assert {name: row[name] for name in COUNTS if name in row} == {
            name: own[name] for name in COUNTS if name in row
        }


def test_the_outcomes_are_shares_of_the_sends(deployment: Deployment) -> None:
    [outcomes] = run_chart(deployment, "how_sends_ended")
    [everything] = run_report(deployment.warehouse, schema=SCHEMA, by=[]).records()
    names = ("delivered", "hard_bounced", "soft_bounced", "pending", "aborted")
    shares = {row["column_title"].lower().replace(" ", "_"): row["column_share"] for row in outcomes}
    assert shares == pytest.approx({name: everything[name] / everything["sent"] for name in names})


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
    assert all(date.fromisoformat(row["sent_week"]).weekday() == 0 for row in weeks)

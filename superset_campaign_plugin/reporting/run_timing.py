"""When people opened and clicked, from a database URI to the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from superset_campaign_plugin.report.datasets import TIMING_DATASET, Options
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.reporting.dataset_sql import FactsSource
from superset_campaign_plugin.reporting.query import GROUPINGS, Report, ReportRequest
from superset_campaign_plugin.reporting.run_dataset import run_dataset
from superset_campaign_plugin.semantics import load_semantics

# By the time since the send; nobody was sent an email a time after the send.
HOURS = "hours"
TIMING_GROUPINGS = {
    **GROUPINGS,
    "weekday": ("weekday_label",),
    "hour": ("sent_hour",),
    HOURS: ("hours_since_send", "hours_label"),
}
# Where a person reads how many people a rate stands on, it need not be left out.
_FOR_COLOURS = "pct_opened_3d_of_many"
_OF_HOURS = ("opened", "clicked_link", "human_opened", "human_clicked_link")


def run_timing(
    uri: str,
    *,
    source: str = "fivetran",
    schema: str | None = None,
    date_from: date | None = None,
    date_to: date | None = None,
    by: Sequence[str] = ("campaign", "email"),
    where: Mapping[str, Sequence[str]] | None = None,
    rules: Rules | None = None,
    facts: FactsSource | None = None,
) -> Report:
    """Compute the timing from a loader's tables, or from `facts`; `ReportRequest` explains the arguments.

    The figures are those of the dataset; grouped by `HOURS` they are the people who did something first in that time.
    Raises the errors of `run_dataset`.
    """
    rules = rules or Rules()
    request = timing_request(by, date_from, date_to, where)
    report = run_dataset(TIMING_DATASET, uri, source, schema, Options(rules=rules), request, facts, without_sends)
    zone = f"days, weekdays and hours of the send are those of {rules.time_zone}"
    return replace(report, notes=[*report.notes, zone])


def timing_request(
    by: Sequence[str],
    date_from: date | None = None,
    date_to: date | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
) -> ReportRequest:
    """What is asked of the dataset. Raises `UsageError` for a grouping that there is not."""
    metrics = [
        metric
        for metric in load_semantics().datasets[TIMING_DATASET].metrics
        if (metric.name in _OF_HOURS if HOURS in by else metric.format is not None and metric.name != _FOR_COLOURS)
    ]
    return ReportRequest(by, date_from, date_to, where, TIMING_GROUPINGS, metrics)


def without_sends(report: Report) -> Report:
    """The report without the rows of the sends, which have no time since the send."""
    if "hours_since_send" not in report.columns:
        return report
    place = report.columns.index("hours_since_send")
    return replace(report, rows=[row for row in report.rows if row[place] is not None])

"""Which variant of a tested email does better, from a database URI to the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from superset_campaign_plugin.report.datasets import VARIANTS_DATASET, Options
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.reporting.dataset_sql import FactsSource
from superset_campaign_plugin.reporting.query import GROUPINGS, Report, ReportRequest
from superset_campaign_plugin.reporting.run_dataset import run_dataset
from superset_campaign_plugin.reporting.run_report import to_utc
from superset_campaign_plugin.semantics import load_semantics

VARIANT = "variant"
VARIANT_GROUPINGS = {**GROUPINGS, VARIANT: ("variant",)}
# A verdict compares the variants of one email of one campaign, each over all of its rows.
_COMPARED = {"campaign", "email", VARIANT}
_MAY_BE_THERE = {"source", "workspace", "program"}
_FIGURES = (
    *("sent", "delivered", "opened", "pct_opened", "pct_opened_low", "pct_opened_high", "human_opened"),
    *("pct_human_opened", "clicked_link", "pct_clicked_link", "pct_clicked_link_low", "pct_clicked_link_high"),
    *("unsubscribed", "pct_unsubscribed"),
)
_VERDICT = "verdict"
NONE = "no email of these sends was sent in variants, or the log does not name them"


def run_variants(
    uri: str,
    *,
    source: str = "fivetran",
    schema: str | None = None,
    as_of: datetime | None = None,
    date_from: date | None = None,
    date_to: date | None = None,
    by: Sequence[str] = ("campaign", "email", VARIANT),
    where: Mapping[str, Sequence[str]] | None = None,
    rules: Rules | None = None,
    facts: FactsSource | None = None,
) -> Report:
    """Compute the figures of tested emails by variant from a loader's tables, or from `facts`; `ReportRequest` explains
    the arguments.

    `as_of` is the clock, by default now. The verdict is there where the groups are the variants of each email. Raises
    the errors of `run_dataset`.
    """
    request = variants_request(by, date_from, date_to, where)
    options = Options(as_of=None if as_of is None else to_utc(as_of), rules=rules or Rules())
    report = run_dataset(VARIANTS_DATASET, uri, source, schema, options, request, facts)
    tested = any(row["sent"] for row in report.records())
    return report if tested else replace(report, notes=[*report.notes, NONE])


def variants_request(
    by: Sequence[str],
    date_from: date | None = None,
    date_to: date | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
) -> ReportRequest:
    """What is asked of the dataset. Raises `UsageError` for a grouping that there is not."""
    own = {metric.name: metric for metric in load_semantics().datasets[VARIANTS_DATASET].metrics}
    compares = {*by} >= _COMPARED and {*by} <= _COMPARED | _MAY_BE_THERE
    names = (*_FIGURES, _VERDICT) if compares else _FIGURES
    return ReportRequest(by, date_from, date_to, where, VARIANT_GROUPINGS, [own[name] for name in names])

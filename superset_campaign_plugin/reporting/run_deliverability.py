"""Which domains take the emails, and why emails bounce, from a database URI to the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial

from superset_campaign_plugin.report.datasets import DELIVERABILITY_DATASET, Options
from superset_campaign_plugin.report.deliverability import DID_NOT_BOUNCE
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.reporting.dataset_sql import FactsSource
from superset_campaign_plugin.reporting.query import GROUPINGS, Report, ReportRequest
from superset_campaign_plugin.reporting.run_dataset import run_dataset
from superset_campaign_plugin.reporting.run_report import to_utc
from superset_campaign_plugin.semantics import Metric, load_semantics

DOMAIN, REASON = "domain", "reason"
DELIVERABILITY_GROUPINGS = {
    **GROUPINGS,
    DOMAIN: ("domain",),
    REASON: ("bounce_kind", "bounce_category", "bounce_reason"),
}
# What is the report's over any grouping; what is known of a domain; and what is asked of a reason.
_FIGURES = ("sent", "delivered", "hard_bounced", "soft_bounced", "pending", "aborted")
_SHARES = ("pct_hard_bounced", "pct_soft_bounced")
_OF_DOMAINS = ("light", "domain_pct_bounced", "domain_pct_hard_bounced", "domain_pct_soft_bounced")
_OF_REASONS = ("bounced", "pct_of_bounced")
_ORDER = "worst_first"


def run_deliverability(
    uri: str,
    *,
    source: str = "fivetran",
    schema: str | None = None,
    as_of: datetime | None = None,
    date_from: date | None = None,
    date_to: date | None = None,
    by: Sequence[str] = (DOMAIN,),
    where: Mapping[str, Sequence[str]] | None = None,
    rules: Rules | None = None,
    facts: FactsSource | None = None,
) -> Report:
    """Compute the deliverability from a loader's tables, or from `facts`; `ReportRequest` explains the arguments.

    `as_of` is the clock, by default now. Grouped by `DOMAIN` the worst domains come first; grouped by `REASON` the rows
    are those of people who bounced, the most frequent first. Raises the errors of `run_dataset`.
    """
    request = deliverability_request(by, date_from, date_to, where)
    options = Options(as_of=None if as_of is None else to_utc(as_of), rules=rules or Rules())
    arranged = partial(_arranged, by=by)
    return run_dataset(DELIVERABILITY_DATASET, uri, source, schema, options, request, facts, arranged)


def deliverability_request(
    by: Sequence[str],
    date_from: date | None = None,
    date_to: date | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
) -> ReportRequest:
    """What is asked of the dataset. Raises `UsageError` for a grouping that there is not."""
    own: dict[str, Metric] = {each.name: each for each in load_semantics().datasets[DELIVERABILITY_DATASET].metrics}
    names = _OF_REASONS if REASON in by else (*_OF_DOMAINS, *_FIGURES) if DOMAIN in by else (*_FIGURES, *_SHARES)
    metrics = [own[name] for name in (*names, *([_ORDER] if DOMAIN in by else []))]
    return ReportRequest(by, date_from, date_to, where, DELIVERABILITY_GROUPINGS, metrics)


def _arranged(report: Report, by: Sequence[str]) -> Report:
    columns, rows = report.columns, report.rows
    if REASON in by:
        kind = columns.index("bounce_kind")
        bounced = columns.index("bounced")
        rows = sorted((row for row in rows if row[kind] != DID_NOT_BOUNCE), key=lambda row: -int(row[bounced]))
    if DOMAIN in by:
        order = columns.index(_ORDER)
        rows = sorted(rows, key=lambda row: -int(row[order] or 0))
        rows = [(*row[:order], *row[order + 1 :]) for row in rows]
        columns = [name for name in columns if name != _ORDER]
    return replace(report, columns=columns, rows=rows)

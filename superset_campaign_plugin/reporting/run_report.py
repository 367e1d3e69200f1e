"""The whole way from a database URI to the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timezone

from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.report.datasets import REPORT_DATASET, Options
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.reporting.dataset_sql import FactsSource
from superset_campaign_plugin.reporting.query import Report, ReportRequest
from superset_campaign_plugin.reporting.run_dataset import run_dataset


def run_report(
    uri: str,
    *,
    source: str = "fivetran",
    schema: str | None = None,
    as_of: datetime | None = None,
    date_from: date | None = None,
    date_to: date | None = None,
    by: Sequence[str] = ("campaign", "email"),
    where: Mapping[str, Sequence[str]] | None = None,
    rules: Rules | None = None,
    facts: FactsSource | None = None,
) -> Report:
    """Compute the report from a loader's tables. `ReportRequest` explains the arguments; `as_of` is the clock,
    and `rules` say what counts. The figures come from the log, or from `facts`.

    Raises the errors of `run_dataset`.
    """
    request = ReportRequest(by=by, date_from=date_from, date_to=date_to, where=where)
    options = Options(as_of=None if as_of is None else to_utc(as_of), rules=rules or Rules())
    return run_dataset(REPORT_DATASET, uri, source, schema, options, request, facts)


def to_utc(moment: datetime) -> datetime:
    """The moment as UTC without a zone; one without a zone is taken as UTC."""
    try:
        return moment if moment.tzinfo is None else moment.astimezone(timezone.utc).replace(tzinfo=None)
    except OverflowError as error:
        raise UsageError(f"{moment.isoformat()} lies outside the calendar") from error

"""The whole way from a database URI to the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timezone

from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.report.datasets import REPORT_DATASET, Options
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.reporting.dataset_sql import FactsSource, dataset_sql
from superset_campaign_plugin.reporting.query import Report, ReportRequest, fetch
from superset_campaign_plugin.reporting.where import check_where
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect


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

    Raises `UsageError` for what cannot be meant, as a field of `where` of whose values the report holds none,
    `SourceError` where the tables are not the layout's,
    `DatabaseError` where the database fails.
    """
    request = ReportRequest(by=by, date_from=date_from, date_to=date_to, where=where)
    resolved = resolve(source, schema)
    dataset = load_semantics().datasets[REPORT_DATASET]
    for field in where or {}:
        dataset.dimension(field)
    options = Options(as_of=None if as_of is None else to_utc(as_of), rules=rules or Rules())
    with connect(uri if facts is None else facts.uri(uri)) as (connection, engine):
        found = dataset_sql(connection, engine, resolved, options, [REPORT_DATASET], facts, check_values=True)
        sql = found[REPORT_DATASET]
        report = fetch(connection, engine, dataset, sql, request)
        return replace(report, notes=check_where(connection, engine, dataset, sql, where, report))


def to_utc(moment: datetime) -> datetime:
    """The moment as UTC without a zone; one without a zone is taken as UTC."""
    try:
        return moment if moment.tzinfo is None else moment.astimezone(timezone.utc).replace(tzinfo=None)
    except OverflowError as error:
        raise UsageError(f"{moment.isoformat()} lies outside the calendar") from error

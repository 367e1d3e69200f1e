"""From a database URI to the figures of one dataset, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from superset_campaign_plugin.report.datasets import Options
from superset_campaign_plugin.reporting.dataset_sql import FactsSource, dataset_sql
from superset_campaign_plugin.reporting.query import Report, ReportRequest, fetch
from superset_campaign_plugin.reporting.where import check_where
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect


def run_dataset(
    name: str,
    uri: str,
    source: str,
    schema: str | None,
    options: Options,
    request: ReportRequest,
    facts: FactsSource | None,
    arranged: Callable[[Report], Report] = lambda report: report,
) -> Report:
    """Compute what is asked of the dataset `name`, from the log or from `facts`; `arranged` orders its rows or leaves
    some out.

    Raises `UsageError` for what cannot be meant, as a field of `where` of whose values the report holds none,
    `SourceError` where the tables are not the layout's,
    `DatabaseError` where the database fails.
    """
    resolved = resolve(source, schema)
    dataset = load_semantics().datasets[name]
    for field in request.where or {}:
        dataset.dimension(field)
    with connect(uri if facts is None else facts.uri(uri)) as (connection, engine):
        sql = dataset_sql(connection, engine, resolved, options, [name], facts, check_values=True)[name]
        report = arranged(fetch(connection, engine, dataset, sql, request))
        return replace(report, notes=check_where(connection, engine, dataset, sql, request.where, report))

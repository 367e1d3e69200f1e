"""Computes what another choice of `people` does to the figures of the whole report.

Both are computed from the log of this moment, so that the difference is that of the rule alone.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.engine import Connection

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.datasets import REPORT_DATASET, Options
from superset_campaign_plugin.report.figures_change import FIGURES, FiguresChange
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.reporting.dataset_sql import computed_sql
from superset_campaign_plugin.reporting.query import ReportRequest, fetch
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import resolve


def compare_people(
    connection: Connection,
    engine: Engine,
    source: str,
    schema: str | None,
    rules: Rules,
    keep: str,
    attached: str | None = None,
) -> FiguresChange:
    """The figures of the log's whole report by the rules, with merged people counted once and as sent.

    `attached` names the database that holds the log, where the connection has attached it beside its own.

    Raises `SourceError` and `DatabaseError` as the report does.
    """
    logs = resolve(source, schema).live_logs(connection, engine, attached)
    for log in logs:
        log.check_values(connection)
    dataset = load_semantics().datasets[REPORT_DATASET]
    totals: dict[str, dict[str, int]] = {}

    def figures(people: People) -> dict[str, int]:
        # The days of the sends are in no total.
        options = Options(rules=replace(rules, people=people, time_zone="UTC"))
        sql = computed_sql(logs, options, [REPORT_DATASET])[REPORT_DATASET]
        if sql not in totals:  # in a log without merges both are the same query
            [row] = fetch(connection, engine, dataset, sql, ReportRequest(by=())).records()
            totals[sql] = {name: row[name] for name in FIGURES}
        return totals[sql]

    return FiguresChange(figures(People.MERGED), figures(People.AS_SENT), keep)

"""What another choice of `people` does to the figures of the whole report: said before an upgrade changes them.

Until 0.2.0 a report counted merged people once where nobody chose. Now it counts as Marketo's does, which merges do not
change. Both are computed from the log of this moment, so that the difference is that of the rule alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.datasets import Options
from superset_campaign_plugin.report.query import Request, fetch
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.report.run import REPORT_DATASET, check_values_of, computed_sql
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources import get_layout
from superset_campaign_plugin.sources.catalog import Catalog, LiveCatalog
from superset_campaign_plugin.sources.instances import Instance, read_instances

FIGURES = ("sent", "delivered", "opened", "clicked_link")
# How the former choice is kept, by where the rules come from.
KEEP_BY_SETTING = 'set "people": "merged" in the block SUPERSET_CAMPAIGN of superset_config.py'
KEEP_BY_OPTION = "give --people merged"


@dataclass(frozen=True)
class FiguresChange:
    """The figures of the whole report, before with merged people once and now as sent. `keep` says how to go back."""

    before: dict[str, int]
    now: dict[str, int]
    keep: str

    @property
    def sentence(self) -> str:
        """One sentence for the person who upgrades."""
        rule = "merged people no longer count once, but under each id that was sent an email, as in Marketo's report"
        if self.before == self.now:
            return f"{rule}; the figures stay the same"
        titles = {metric.name: metric.title for metric in load_semantics().metrics}
        figures = ", ".join(f"{titles[name]} {self.now[name]:,} (before: {self.before[name]:,})" for name in FIGURES)
        return f"the figures change: {rule}; {figures}; to keep them as they were, {self.keep}"

    def as_dict(self) -> dict[str, Any]:
        """The form of `--json`."""
        return {
            "people": {"before": People.MERGED.value, "now": People.AS_SENT.value},
            "before": self.before,
            "now": self.now,
            "same": self.before == self.now,
            "sentence": self.sentence,
        }


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

    def catalog_of(instance: Instance) -> Catalog:
        return LiveCatalog(connection, engine, instance.schema, attached)

    for instance in read_instances(source, schema):
        check_values_of(connection, engine, get_layout(instance.source), catalog_of(instance))
    dataset = load_semantics().datasets[REPORT_DATASET]
    totals: dict[str, dict[str, int]] = {}

    def figures(people: People) -> dict[str, int]:
        # The days of the sends are in no total.
        options = Options(rules=replace(rules, people=people, time_zone="UTC"))
        sql = computed_sql(catalog_of, engine, source, schema, options, [REPORT_DATASET])[REPORT_DATASET]
        if sql not in totals:  # in a log without merges both are the same query
            [row] = fetch(connection, engine, dataset, sql, Request(by=())).records()
            totals[sql] = {name: row[name] for name in FIGURES}
        return totals[sql]

    return FiguresChange(figures(People.MERGED), figures(People.AS_SENT), keep)

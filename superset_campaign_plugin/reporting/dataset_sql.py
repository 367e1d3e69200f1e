"""The SQL that the datasets are made of: computed from the log, or read from the stored tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from sqlalchemy.engine import Connection

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.datasets import Options, build_dataset, computed_dataset
from superset_campaign_plugin.report.facts import Facts
from superset_campaign_plugin.report.sqltext import side_by_side, sql_text
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.instances import Instance
from superset_campaign_plugin.sources.resolved import Log, Source


class FactsSource(Protocol):
    """Where the datasets' figures come from if not from the log: the stored tables."""

    def uri(self, uri: str) -> str:
        """The URI of the database that holds them, for the warehouse at `uri`."""

    def facts(self, connection: Connection, engine: Engine, instance: Instance, options: Options) -> Facts:
        """The figures of an instance, on a connection to that database."""


def dataset_sql(
    connection: Connection,
    engine: Engine,
    source: Source,
    options: Options,
    names: Iterable[str] | None = None,
    facts: FactsSource | None = None,
    *,
    check_values: bool = False,
) -> dict[str, str]:
    """The SQL of the datasets `names`, by default of all, for the tables and columns that the database has.

    With `facts` the connection is to the database that holds them, and `names` are datasets that they can give.
    With `check_values` an id or time of the log that cannot be read raises `SourceError`, unless there are `facts`.
    """
    wanted = list(load_semantics().datasets if names is None else names)
    logs = source.live_logs(connection, engine) if facts is None else ()
    if check_values:
        for log in logs:
            log.check_values(connection)
    if options.rules.time_zone != "UTC":
        engine.check_zone(connection, options.rules.time_zone)
    if facts is None:
        return computed_sql(logs, options, wanted)
    parts: dict[str, dict[str, str]] = {name: {} for name in wanted}
    for instance in source.instances:
        own = replace(options, source_name=instance.name)
        figures = facts.facts(connection, engine, instance, own)
        for name in wanted:
            parts[name][instance.name or ""] = sql_text(build_dataset(name, figures, engine, own), engine)
    return {name: side_by_side(sql, engine) for name, sql in parts.items()}


def computed_sql(logs: Sequence[Log], options: Options, names: Iterable[str]) -> dict[str, str]:
    """The SQL that computes the datasets `names` from the logs of the instances."""
    engine = logs[0].engine
    wanted = list(names)
    parts: dict[str, dict[str, str]] = {name: {} for name in wanted}
    for log in logs:
        own = replace(options, source_name=log.instance.name)
        relations = log.relations()
        for name in wanted:
            sql = sql_text(computed_dataset(name, relations, engine, own), engine)
            parts[name][log.instance.name or ""] = sql
    return {name: side_by_side(sql, engine) for name, sql in parts.items()}

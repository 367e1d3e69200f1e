"""The SQL that the datasets are made of: computed from the log, or read from the stored tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from typing import Protocol

from sqlalchemy.engine import Connection
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.datasets import (
    DETAILS_DATASET,
    PEOPLE_DATASET,
    Options,
    build_dataset,
    computed_dataset,
)
from superset_campaign_plugin.report.facts import Facts
from superset_campaign_plugin.report.missing import missing_in_words
from superset_campaign_plugin.report.people_details import with_attributes
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
    """The SQL of the datasets `names`, by default of all without attributes of people, for what the database has.

    With `facts` the connection is to the database that holds them, and `names` are datasets that they can give; for
    `DETAILS_DATASET` it holds the loader's table of people, too.
    With `check_values` an id or time of the log that cannot be read raises `SourceError`, unless there are `facts`.
    """
    wanted = list(load_semantics().names(people=True) if names is None else names)
    logs = source.live_logs(connection, engine) if facts is None or DETAILS_DATASET in wanted else ()
    if check_values and facts is None:
        for log in logs:
            log.check_values(connection)
    if options.rules.time_zone != "UTC":
        engine.check_zone(connection, options.rules.time_zone)
    if facts is None:
        return computed_sql(logs, options, wanted)
    parts: dict[str, dict[str, str]] = {name: {} for name in wanted}
    for instance, log in zip_longest(source.instances, logs):
        own = replace(options, source_name=instance.name)
        figures = facts.facts(connection, engine, instance, own)
        build = partial(build_dataset, facts=figures, engine=engine, options=own)
        for name in wanted:
            parts[name][instance.name or ""] = sql_text(_query(name, build, log, own), engine)
    return {name: side_by_side(sql, engine) for name, sql in parts.items()}


def computed_sql(logs: Sequence[Log], options: Options, names: Iterable[str]) -> dict[str, str]:
    """The SQL that computes the datasets `names` from the logs of the instances."""
    engine = logs[0].engine
    wanted = list(names)
    parts: dict[str, dict[str, str]] = {name: {} for name in wanted}
    for log in logs:
        relations = log.relations()
        own = replace(options, source_name=log.instance.name, missing=missing_in_words(relations.absent))
        build = partial(computed_dataset, relations=relations, engine=engine, options=own)
        for name in wanted:
            parts[name][log.instance.name or ""] = sql_text(_query(name, build, log, own), engine)
    return {name: side_by_side(sql, engine) for name, sql in parts.items()}


def _query(name: str, build: Callable[[str], Select], log: Log | None, options: Options) -> Select:
    """What `build` makes of the dataset; of the people's details it is the people, with the attributes of the log."""
    if name != DETAILS_DATASET or log is None:
        return build(name)
    return with_attributes(build(PEOPLE_DATASET), log.people_columns(options.attributes), options.attributes)

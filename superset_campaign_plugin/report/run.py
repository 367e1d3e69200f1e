"""The whole way from a database URI to the report, and to the SQL that the datasets are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timezone
from typing import Any, Protocol

from sqlalchemy import literal_column
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.advice import of_instance
from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import SourceError, UsageError
from superset_campaign_plugin.report.datasets import Options, build_dataset, computed_dataset
from superset_campaign_plugin.report.facts import Facts
from superset_campaign_plugin.report.quality import MAX_EXAMPLE
from superset_campaign_plugin.report.query import Report, Request, fetch
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.sqltext import executable, plain_sql, side_by_side, sql_text
from superset_campaign_plugin.report.where import check_where
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources import Layout, get_layout
from superset_campaign_plugin.sources.catalog import Catalog, LiveCatalog
from superset_campaign_plugin.sources.custom import check_mapping
from superset_campaign_plugin.sources.instances import Instance, read_instances
from superset_campaign_plugin.sources.relations import build_relations
from superset_campaign_plugin.sources.unreadable import bad_log_values
from superset_campaign_plugin.warehouse import connect

REPORT_DATASET = "campaign_email_performance"


class FactsSource(Protocol):
    """Where the datasets' figures come from if not from the log: the stored tables."""

    def uri(self, uri: str) -> str:
        """The URI of the database that holds them, for the warehouse at `uri`."""

    def facts(self, connection: Connection, engine: Engine, instance: Instance, options: Options) -> Facts:
        """The figures of an instance, on a connection to that database."""


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
    """Compute the report from a loader's tables. `Request` explains the arguments; `as_of` is the clock,
    and `rules` say what counts. The figures come from the log, or from `facts`.

    Raises `UsageError` for what cannot be meant, as a field of `where` of whose values the report holds none,
    `SourceError` where the tables are not the layout's,
    `DatabaseError` where the database fails.
    """
    request = Request(by=by, date_from=date_from, date_to=date_to, where=where)
    for instance in read_instances(source, schema):
        get_layout(instance.source)
    dataset = load_semantics().datasets[REPORT_DATASET]
    for field in where or {}:
        dataset.dimension(field)
    options = Options(as_of=None if as_of is None else to_utc(as_of), rules=rules or Rules())
    with connect(uri if facts is None else facts.uri(uri)) as (connection, engine):
        if facts is None:
            check_values(connection, engine, source, schema)
        sql = dataset_sql(connection, engine, source, schema, options, [REPORT_DATASET], facts)[REPORT_DATASET]
        report = fetch(connection, engine, dataset, sql, request)
        return replace(report, notes=check_where(connection, engine, dataset, sql, where, report))


def dataset_sql(
    connection: Connection,
    engine: Engine,
    source: str,
    schema: str | None,
    options: Options,
    names: Iterable[str] | None = None,
    facts: FactsSource | None = None,
) -> dict[str, str]:
    """The SQL of the datasets `names`, by default of all, for the tables and columns that the database has.

    With `facts` the connection is to the database that holds them, and `names` are datasets that they can give.
    """
    if options.rules.time_zone != "UTC":
        engine.check_zone(connection, options.rules.time_zone)
    wanted = list(load_semantics().datasets if names is None else names)
    if facts is None:
        return computed_sql(
            lambda instance: LiveCatalog(connection, engine, instance.schema), engine, source, schema, options, wanted
        )
    parts: dict[str, dict[str, str]] = {name: {} for name in wanted}
    for instance in read_instances(source, schema):
        own = replace(options, source_name=instance.name)
        figures = facts.facts(connection, engine, instance, own)
        for name in wanted:
            parts[name][instance.name or ""] = sql_text(build_dataset(name, figures, engine, own), engine)
    return {name: side_by_side(sql, engine) for name, sql in parts.items()}


def computed_sql(
    catalog_of: Callable[[Instance], Catalog],
    engine: Engine,
    source: str,
    schema: str | None,
    options: Options,
    names: Iterable[str],
) -> dict[str, str]:
    """The SQL that computes the datasets `names` from the log, for the tables and columns of an instance's catalog."""
    wanted = list(names)
    parts: dict[str, dict[str, str]] = {name: {} for name in wanted}
    for instance in read_instances(source, schema):
        own = replace(options, source_name=instance.name)
        with of_instance(instance.name, source):
            relations = build_relations(get_layout(instance.source), catalog_of(instance), engine)
        for name in wanted:
            parts[name][instance.name or ""] = sql_text(computed_dataset(name, relations, engine, own), engine)
    return {name: side_by_side(sql, engine) for name, sql in parts.items()}


def check_values(connection: Connection, engine: Engine, source: str, schema: str | None) -> None:
    """Raise `SourceError` for an id or time of the log that cannot be read: the error names table, column, example."""
    for instance in read_instances(source, schema):
        catalog = LiveCatalog(connection, engine, instance.schema)
        check_values_of(connection, engine, get_layout(instance.source), catalog)


def check_values_of(
    connection: Connection,
    engine: Engine,
    layout: Layout,
    catalog: Catalog,
    only: Mapping[str, ColumnElement[Any]] | None = None,
) -> None:
    """The same for the tables of one catalog; `only` are conditions on the rows of some of them, by their names."""
    if layout.strict:
        check_mapping(layout, catalog)
    for doubt in bad_log_values(layout, catalog, engine):
        values = doubt.values
        if only and doubt.table in only:
            # As text: the condition is on the table that `values` reads, under the name that it has in any query.
            values = values.where(literal_column(plain_sql(only[doubt.table], engine)))
        found = connection.execute(executable(sql_text(values.limit(1), engine))).first()
        if found is not None:
            example = str(found[0])[:MAX_EXAMPLE]
            raise SourceError(
                f"column {doubt.column} of table {doubt.table} holds {example!r}, which is not {doubt.expected}"
            )


def to_utc(moment: datetime) -> datetime:
    """The moment as UTC without a zone; one without a zone is taken as UTC."""
    try:
        return moment if moment.tzinfo is None else moment.astimezone(timezone.utc).replace(tzinfo=None)
    except OverflowError as error:
        raise UsageError(f"{moment.isoformat()} lies outside the calendar") from error

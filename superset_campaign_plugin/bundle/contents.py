"""What a warehouse decides of a bundle: the SQL of the datasets, and the range of time on which the dashboard opens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy.engine import Connection

from superset_campaign_plugin.bundle.opening import opening_range
from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.datasets import QUALITY_DATASET, Options
from superset_campaign_plugin.report.run import REPORT_DATASET, FactsSource, check_values, dataset_sql
from superset_campaign_plugin.semantics import load_semantics

Opened = Callable[[], AbstractContextManager[tuple[Connection, Engine]]]


def read_contents(
    log: Opened,
    stored: Opened,
    source: str,
    schema: str | None,
    options: Options,
    facts: FactsSource | None,
) -> tuple[dict[str, str], str | None]:
    """The SQL of each dataset by name, and the range of time.

    `log` opens the database of the loader's tables, and `stored` the one that holds `facts`. Without `facts` all is
    computed from the log; with them that is done for the data quality alone.
    """
    names = list(load_semantics().datasets)
    with log() as (connection, engine):
        if facts is None:
            check_values(connection, engine, source, schema)
            sql = dataset_sql(connection, engine, source, schema, options, names)
            return sql, opening_range(connection, sql[REPORT_DATASET])
        sql = dataset_sql(connection, engine, source, schema, options, [QUALITY_DATASET])
    with stored() as (connection, engine):
        rest = [name for name in names if name != QUALITY_DATASET]
        sql |= dataset_sql(connection, engine, source, schema, options, rest, facts)
        return sql, opening_range(connection, sql[REPORT_DATASET])

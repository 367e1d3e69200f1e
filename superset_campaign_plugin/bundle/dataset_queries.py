"""The SQL of a bundle's datasets, and the range of time on which its dashboard opens.

A warehouse decides both; without one, the SQL follows from the loader's layout alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

from sqlalchemy.engine import Connection

from superset_campaign_plugin.bundle.opening import ALL_TIME, opening_range
from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.report.datasets import DETAILS_DATASET, QUALITY_DATASET, REPORT_DATASET, Options
from superset_campaign_plugin.reporting.dataset_sql import FactsSource, computed_sql, dataset_sql
from superset_campaign_plugin.sources.assumed import LayoutCatalog
from superset_campaign_plugin.sources.resolved import Source

# What reads the loader's tables, and so is computed in their database where the stored tables lie in another one.
OF_THE_LOG = (QUALITY_DATASET, DETAILS_DATASET)

Opened = Callable[[], AbstractContextManager[tuple[Connection, Engine]]]


def read_contents(
    log: Opened,
    stored: Opened,
    source: Source,
    options: Options,
    facts: FactsSource | None,
    names: Collection[str],
    *,
    apart: bool,
) -> tuple[dict[str, str], str | None]:
    """The SQL of each of the datasets `names`, and the range of time.

    `log` opens the database of the loader's tables, and `stored` the one that holds `facts`, which is another one where
    they lie `apart`. Without `facts` all is computed from the log; with them that is done for the data quality, and for
    attributes of people where these and the facts lie apart.
    """
    of_the_log = [name for name in names if name in (OF_THE_LOG if apart else (QUALITY_DATASET,))]
    with log() as (connection, engine):
        if facts is None:
            sql = dataset_sql(connection, engine, source, options, names, check_values=True)
            return sql, opening_range(connection, sql[REPORT_DATASET])
        sql = dataset_sql(connection, engine, source, options, of_the_log)
    with stored() as (connection, engine):
        rest = [name for name in names if name not in of_the_log]
        sql |= dataset_sql(connection, engine, source, options, rest, facts)
        return sql, opening_range(connection, sql[REPORT_DATASET])


def assumed_contents(
    engine: Engine, source: Source, options: Options, without: Collection[str], names: Collection[str]
) -> tuple[dict[str, str], str]:
    """The same without a warehouse: for every table and column of the layout but those of `without`.

    The range of time is all time, which has data wherever there are some. Raises `UsageError` where the engine has no
    time zones and the rules name one. Whether a server knows that zone is not asked.
    """
    if not engine.time_zones and options.rules.time_zone != "UTC":
        raise UsageError(f"{engine.name} knows no time zones, so leave out --time-zone")
    unused = () if options.rules.leave_out_archived else ("archived",)
    logs = source.logs(engine, lambda instance, layout: LayoutCatalog(layout, engine, instance.schema, without, unused))
    return computed_sql(logs, options, names), ALL_TIME

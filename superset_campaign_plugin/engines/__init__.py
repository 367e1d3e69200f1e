"""The SQL engines that the report runs on. A new one is one file here and one line in `ENGINES`."""

from __future__ import annotations

from superset_campaign_plugin.engines.base import Engine
from superset_campaign_plugin.engines.bigquery import BigQuery
from superset_campaign_plugin.engines.clickhouse import ClickHouse
from superset_campaign_plugin.engines.databricks import Databricks
from superset_campaign_plugin.engines.duckdb import DuckDB
from superset_campaign_plugin.engines.mysql import MySQL
from superset_campaign_plugin.engines.postgresql import PostgreSQL
from superset_campaign_plugin.engines.redshift import Redshift
from superset_campaign_plugin.engines.snowflake import Snowflake
from superset_campaign_plugin.engines.spark import Spark
from superset_campaign_plugin.engines.sqlite import SQLite
from superset_campaign_plugin.engines.trino import Trino
from superset_campaign_plugin.errors import unknown

_ALL: tuple[Engine, ...] = (
    BigQuery(),
    ClickHouse(),
    Databricks(),
    DuckDB(),
    MySQL(),
    PostgreSQL(),
    Redshift(),
    Snowflake(),
    Spark(),
    SQLite(),
    Trino(),
)
ENGINES: dict[str, Engine] = {name: engine for engine in _ALL for name in (engine.name, *engine.aliases)}

__all__ = ["ENGINES", "Engine", "get_engine"]


def get_engine(name: str) -> Engine:
    """The engine of a SQLAlchemy dialect's name. Raises `UsageError` for one the report does not run on."""
    if name not in ENGINES:
        raise unknown("engine", name, ENGINES)
    return ENGINES[name]

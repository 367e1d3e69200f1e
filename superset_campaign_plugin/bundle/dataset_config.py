"""A virtual dataset as Superset stores it: the SQL with the semantic layer's columns and metrics."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import SourceError
from superset_campaign_plugin.literals import taken_part
from superset_campaign_plugin.semantics import Dataset, Dimension, Metric
from superset_campaign_plugin.superset_assets.identity import dataset_uuid

CERTIFIED_BY = "Superset Campaign Plugin"
_TYPES = {"id": "BIGINT", "text": "VARCHAR", "flag": "VARCHAR"}


def dataset_config(
    dataset: Dataset, sql: str, engine: Engine, database: UUID, schema: str | None, catalog: str | None = None
) -> dict[str, Any]:
    """The dataset in the form of Superset's export, for its importer.

    Raises `SourceError` where a name of the warehouse's holds what Superset or a driver would not leave as it is.
    """
    if (taken := taken_part(sql)) is not None:
        # Texts are written without such parts (`literals.py`); a name of a table or column cannot be.
        raise SourceError(
            f"the name of a schema, table or column that {dataset.name} reads holds {taken!r}, which Superset or a "
            "driver would take for a template, a format or a parameter; make a view with plain names, and name its "
            "schema with --schema"
        )
    times = [dimension.name for dimension in dataset.dimensions if dimension.type == "time"]
    return {
        "table_name": dataset.name,
        "description": dataset.description,
        "main_dttm_col": times[0] if times else None,
        "catalog": catalog,
        "schema": schema,
        "sql": sql,
        "filter_select_enabled": True,
        "extra": _certification(dataset.title),
        "uuid": str(dataset_uuid(dataset.name)),
        "columns": [_column(dimension, engine) for dimension in dataset.dimensions],
        "metrics": [_metric(metric) for metric in dataset.metrics],
        "version": "1.0.0",
        "database_uuid": str(database),
    }


def _column(dimension: Dimension, engine: Engine) -> dict[str, Any]:
    is_time = dimension.type == "time"
    return {
        "column_name": dimension.name,
        "verbose_name": dimension.title,
        "description": dimension.description,
        "type": engine.timestamp_type if is_time else _TYPES[dimension.type],
        "is_dttm": is_time,
        "is_active": True,
        "groupby": True,
        "filterable": True,
    }


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "metric_name": metric.name,
        "verbose_name": metric.title,
        "description": metric.description,
        "expression": metric.expression,
        "d3format": metric.format,
        "extra": _certification(metric.source),
    }


def _certification(details: str) -> dict[str, Any]:
    return {"certification": {"certified_by": CERTIFIED_BY, "details": details}}

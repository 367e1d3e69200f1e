"""Private names of Superset that the plugin reads; nothing else of the package may."""

# Superset's classes come without types.
# mypy: no-warn-return-any

from __future__ import annotations

from typing import Any

from superset.common.query_context_processor import QueryContextProcessor


def dataset_of(asked: Any) -> Any:
    """The dataset that a processor of a chart's queries asks; what is no processor as it is."""
    return asked._qc_datasource if isinstance(asked, QueryContextProcessor) else asked


def own_time_grain(engine_spec: Any, duration: str) -> str | None:
    """The SQL by which Superset itself cuts times to that duration (as "P1W"), whatever a deployment configures."""
    return engine_spec._time_grain_expressions.get(duration)

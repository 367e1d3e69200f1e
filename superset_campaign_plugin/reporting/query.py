"""The report as a table: any grouping, filter and range of days over the report's dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import column, literal_column, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select, Subquery

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import UsageError, unknown
from superset_campaign_plugin.flags import read_flag
from superset_campaign_plugin.report.datasets import REPORT_DATASET
from superset_campaign_plugin.report.sqltext import executable
from superset_campaign_plugin.semantics import Dataset, Dimension, Metric, load_semantics

# A grouping and the dimensions that it shows.
GROUPINGS: dict[str, tuple[str, ...]] = {
    "source": ("source_name",),
    "workspace": ("workspace",),
    "program": ("program_id", "program_name"),
    "campaign": ("campaign_id", "campaign_name"),
    "email": ("email_id", "email_name"),
    "day": ("day",),
    "week": ("week",),
    "month": ("month",),
}
_GRAINS = ("day", "week", "month")
_FLAGS: dict[bool | None, str] = {True: "Yes", False: "No"}


@dataclass(frozen=True)
class Report:
    """A table: `columns` are field names, `rows` tuples in their order.

    Counts are int, ratios float from 0 to 1 or None, times datetime in UTC without a zone, days date. `notes` are
    sentences about what was asked, for whoever reads the table. `dataset` is the one whose fields they are.
    """

    columns: list[str]
    rows: list[tuple[Any, ...]]
    notes: list[str] = field(default_factory=list)
    dataset: str = REPORT_DATASET

    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries by field name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class ReportRequest:
    """What is asked of the report.

    `date_from` is inclusive and `date_to` exclusive, both days of the first send, as Superset's time ranges are.
    `where` maps a dimension to the values that it may have; an empty value means none. `groupings` are those that there
    are, and `metrics` the figures, by default all of the report's.
    """

    by: Sequence[str] = ("campaign", "email")
    date_from: date | None = None
    date_to: date | None = None
    where: Mapping[str, Sequence[str]] | None = None
    groupings: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: GROUPINGS)
    metrics: Sequence[Metric] = field(default_factory=lambda: load_semantics().metrics)

    def __post_init__(self) -> None:
        for grouping in self.by:
            if grouping not in self.groupings:
                raise unknown("grouping", grouping, self.groupings)
        if len(set(self.by)) < len(self.by):
            raise UsageError(f"a grouping stands twice in {','.join(self.by)}")
        if self.date_from and self.date_to and self.date_from >= self.date_to:
            raise UsageError(
                f"nothing lies between {self.date_from} and {self.date_to}: the end is exclusive, "
                "so it must be later than the start"
            )


def fetch(connection: Connection, engine: Engine, dataset: Dataset, sql: str, request: ReportRequest) -> Report:
    """Run the request on the dataset whose SQL is `sql`; rows come sorted by their groups."""
    source = dataset_rows(sql, dataset.name)
    query, groups = _query(source, engine, dataset, request)
    readers: list[Callable[[Any], Any]] = [_read_day if group in _GRAINS else _as_is for group in groups]
    readers += [_reader(metric) for metric in request.metrics]
    found = connection.execute(query).fetchall()
    rows = [tuple(read(value) for read, value in zip(readers, row, strict=True)) for row in found]
    # Sorted here, since engines differ in where nulls stand and how letters compare.
    rows.sort(key=lambda row: [(value is None, value) for value in row[: len(groups)]])
    columns = [*groups, *(metric.name for metric in request.metrics)]
    return Report(columns=columns, rows=rows, dataset=dataset.name)


def dataset_rows(sql: str, name: str) -> Subquery:
    """A dataset's SQL as a subquery."""
    return executable(sql).columns().subquery(name)


def _query(source: Subquery, engine: Engine, dataset: Dataset, request: ReportRequest) -> tuple[Select, list[str]]:
    groups = [name for grouping in request.by for name in request.groupings[grouping]]
    sent_date: ColumnElement[Any] = column("sent_date")
    grains = [name for name in groups if name in _GRAINS]
    # The grains become columns first: an expression with a bound value is not the same one again in GROUP BY.
    chosen = select(literal_column("*"), *(_grain(engine, name, sent_date) for name in grains)).select_from(source)
    if request.date_from:
        chosen = chosen.where(sent_date >= engine.time_literal(midnight(request.date_from)))
    if request.date_to:
        chosen = chosen.where(sent_date < engine.time_literal(midnight(request.date_to)))
    for name, values in (request.where or {}).items():
        chosen = chosen.where(allowed(dataset.dimension(name), values, engine))
    keys: list[ColumnElement[Any]] = [column(name) for name in groups]
    metrics = [literal_column(metric.expression).label(metric.name) for metric in request.metrics]
    return select(*keys, *metrics).select_from(chosen.subquery("chosen")).group_by(*keys), groups


def _grain(engine: Engine, name: str, moment: ColumnElement[Any]) -> ColumnElement[Any]:
    grain: ColumnElement[Any] = getattr(engine, name)(moment)
    return grain.label(name)


def allowed(dimension: Dimension, values: Sequence[str], engine: Engine) -> ColumnElement[Any]:
    """The condition that a row has one of the values, as people write them."""
    return or_(*(has_value(dimension, value, engine) for value in values))


def has_value(dimension: Dimension, value: str, engine: Engine) -> ColumnElement[Any]:
    """The condition that a row has the value, as a person writes it; an empty one means none.

    Raises `UsageError` for a value that the dimension cannot have.
    """
    own: ColumnElement[Any] = column(dimension.name)
    return own.is_(None) if value == "" else own == _value(dimension, value, engine)


def _value(dimension: Dimension, value: str, engine: Engine) -> Any:
    if dimension.type == "text":
        return value
    try:
        if dimension.type == "id":
            return _identifier(value)
        if dimension.type == "flag":
            return _FLAGS[read_flag(value)]
        return engine.time_literal(midnight(date.fromisoformat(value)))
    except (KeyError, ValueError) as error:
        expected = {"id": "a whole number", "flag": "yes or no", "time": "a day such as 2026-01-31"}[dimension.type]
        raise UsageError(f"{dimension.name} is {expected}, not {value!r}") from error


def _identifier(value: str) -> int:
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError(value)
    return number


def midnight(day: date) -> datetime:
    """The moment at which the day begins."""
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - times inside the report are UTC without a zone


def _as_is(value: Any) -> Any:
    return value


def _read_count(value: Any) -> int:
    # Without a single row to add up a sum is null, and nobody was sent anything.
    return int(value or 0)


def _read_ratio(value: Any) -> float | None:
    return None if value is None else float(value)


def read_time(value: Any) -> datetime | None:
    """SQLite answers with a text; elsewhere a time comes as one. All are cut to milliseconds, SQLite's grain."""
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment - timedelta(microseconds=moment.microsecond % 1000)


def _read_day(value: Any) -> date | None:
    moment = read_time(value)
    return None if moment is None else moment.date()


def _reader(metric: Metric) -> Callable[[Any], Any]:
    """What makes a value of a metric one of the report. Of those with a formula of their own the format tells it."""
    if metric.is_share:
        return _read_ratio
    if metric.kind == "other" and metric.format is None:
        return _as_is
    return _READERS.get(metric.kind, _read_count)


_READERS: dict[str, Callable[[Any], Any]] = {"count": _read_count, "ratio": _read_ratio, "time": read_time}

"""The semantic layer: the dimensions, metrics and datasets of `datasets/*.yaml` as objects.

The names follow Superset's own `superset_core.semantic_layers` (Dimension, Metric), so that a later move to it is
a change of form only. Everything that shows a title, a description or a figure reads it from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from superset_campaign_plugin import resources
from superset_campaign_plugin.attributes import Attribute
from superset_campaign_plugin.errors import BundleError, unknown

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

DIMENSION_TYPES = ("id", "text", "flag", "time")


@dataclass(frozen=True)
class Dimension:
    """A column to group and filter by. `type` is one of `DIMENSION_TYPES`."""

    name: str
    title: str
    type: str
    description: str


@dataclass(frozen=True)
class Metric:
    """A figure. `expression` is its SQL aggregate over a dataset's rows; `format` a d3 number format or None.

    `kind` is count, ratio (`ratio` names its two metrics), time, or other; a count adds up the column `sum`.
    """

    name: str
    title: str
    description: str
    source: str
    expression: str
    format: str | None = None
    ratio: tuple[str, str] | None = None
    sum: str | None = None

    @property
    def kind(self) -> str:
        """What the value is: count, ratio, time, or other."""
        if self.ratio is not None:
            return "ratio"
        if self.sum is not None:
            return "count"
        return "time" if self.expression.startswith(("MIN(", "MAX(")) and self.format is None else "other"

    @property
    def is_share(self) -> bool:
        """Whether the value is a fraction that is shown in percent."""
        return self.format is not None and self.format.endswith("%")


@dataclass(frozen=True)
class Dataset:
    """One virtual dataset: its columns in order, and its metrics.

    One `about_people` has rows of single people, and is in a Superset only where that was asked for. One with
    `details_of` has the rows of that dataset with attributes of these people, and is there where some were chosen.
    """

    name: str
    title: str
    description: str
    dimensions: tuple[Dimension, ...]
    metrics: tuple[Metric, ...]
    about_people: bool = False
    details_of: str | None = None

    def dimension(self, name: str) -> Dimension:
        """The dimension of that name; raises `UsageError` with the nearest name."""
        for dimension in self.dimensions:
            if dimension.name == name:
                return dimension
        raise unknown("field", name, [dimension.name for dimension in self.dimensions])

    def with_attributes(self, attributes: Iterable[Attribute]) -> Dataset:
        """The dataset with a dimension for each attribute. A title that could be taken for another says whose it is."""
        titles = [*(each.title for each in self.dimensions), *(each.title for each in self.metrics)]
        own = []
        for each in attributes:
            taken = any(title == each.title or title.startswith(f"{each.title} ") for title in titles)
            title = f"Person's {each.title}" if taken else each.title
            told = f"{title}, as the loader's table of people has it; empty where it has nothing for the person."
            own.append(Dimension(each.name, title, "text", told))
        return replace(self, dimensions=(*self.dimensions, *own))


@dataclass(frozen=True)
class Semantics:
    """All of `datasets/`: `metrics` are the report's figures in their order."""

    dimensions: tuple[Dimension, ...]
    metrics: tuple[Metric, ...]
    datasets: dict[str, Dataset]

    def names(self, *, people: bool, details: bool = False) -> list[str]:
        """The names of the datasets, those about people with `people` alone, their details with `details` as well."""
        return [
            name
            for name, dataset in self.datasets.items()
            if (people or not dataset.about_people) and (details or dataset.details_of is None)
        ]


class _DimensionSchema(Schema):
    name = fields.String(required=True)
    title = fields.String(required=True)
    type = fields.String(required=True, validate=validate.OneOf(DIMENSION_TYPES))
    description = fields.String(required=True)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Dimension:
        return Dimension(**data)


class _MetricSchema(Schema):
    name = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    source = fields.String(required=True)
    format = fields.String(load_default=None)
    expression = fields.String()
    sum = fields.String()
    min = fields.String()
    max = fields.String()
    ratio = fields.List(fields.String(), validate=validate.Length(equal=2))

    @validates_schema
    def _one_formula(self, data: dict[str, Any], **_: Any) -> None:
        formulas = [key for key in ("expression", "sum", "min", "max", "ratio") if key in data]
        if len(formulas) != 1:
            raise ValidationError("a metric has exactly one of expression, sum, min, max and ratio")


class _DatasetSchema(Schema):
    title = fields.String(required=True)
    description = fields.String(required=True)
    about_people = fields.Boolean(load_default=False)
    dimensions = fields.Raw(required=True)
    columns = fields.List(fields.Nested(_DimensionSchema), load_default=[])
    report_metrics = fields.String(required=True, validate=validate.OneOf(("as_they_are", "by_column", "none")))
    metrics = fields.List(fields.Nested(_MetricSchema), load_default=[])


class _DetailsSchema(Schema):
    title = fields.String(required=True)
    description = fields.String(required=True)
    details_of = fields.String(required=True)


def _load(schema: Schema, data: Any, where: str, many: bool = False) -> Any:
    try:
        return schema.load(data, many=many)
    except ValidationError as error:
        raise BundleError(f"{where}: {error.messages}") from error


# Written with an exponent it is binary; of decimal numbers many engines cut the quotient after a few digits.
_AS_FRACTION = "1e0"


def _expression(raw: dict[str, Any], sums: dict[str, str]) -> str:
    if "expression" in raw:
        return str(raw["expression"])
    for aggregate in ("sum", "min", "max"):
        if aggregate in raw:
            return f"{aggregate.upper()}({raw[aggregate]})"
    numerator, denominator = raw["ratio"]
    return f"{_AS_FRACTION} * SUM({sums[numerator]}) / NULLIF(SUM({sums[denominator]}), 0)"


def _metrics(raw_metrics: list[dict[str, Any]]) -> tuple[Metric, ...]:
    sums = {raw["name"]: raw["sum"] for raw in raw_metrics if "sum" in raw}
    return tuple(
        Metric(
            name=raw["name"],
            title=raw["title"],
            description=raw["description"],
            source=raw["source"],
            expression=_expression(raw, sums),
            format=raw["format"],
            ratio=tuple(raw["ratio"]) if "ratio" in raw else None,
            sum=raw.get("sum"),
        )
        for raw in raw_metrics
    )


def _dataset(name: str, file: Traversable, dimensions: tuple[Dimension, ...], metrics: tuple[Metric, ...]) -> Dataset:
    raw = _load(_DatasetSchema(), resources.read_yaml(file), file.name)
    chosen = raw["dimensions"]
    shared = {"as_they_are": metrics, "by_column": _by_column(metrics), "none": ()}[raw["report_metrics"]]
    return Dataset(
        name=name,
        title=raw["title"],
        description=raw["description"],
        dimensions=(
            *(dimension for dimension in dimensions if chosen == "all" or dimension.name in chosen),
            *raw["columns"],
        ),
        about_people=raw["about_people"],
        metrics=(*shared, *_metrics(raw["metrics"])),
    )


def _by_column(metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
    """The metrics over rows that hold one report column each, as numerator and denominator."""
    return tuple(
        replace(metric, expression=_column_expression(place, metric))
        for place, metric in enumerate(report_columns(metrics), start=1)
    )


def _column_expression(place: int, metric: Metric) -> str:
    numerator = f"SUM(CASE WHEN column_position = {place} THEN numerator END)"
    if metric.kind == "count":
        return numerator
    return f"{_AS_FRACTION} * {numerator} / NULLIF(SUM(CASE WHEN column_position = {place} THEN denominator END), 0)"


def report_columns(metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
    """The metrics that a viewer can pick as columns, in their order: all but the times."""
    return tuple(metric for metric in metrics if metric.kind in ("count", "ratio"))


@cache
def load_semantics() -> Semantics:
    """Read and check `datasets/*.yaml`. Raises `BundleError` naming the file and the fault."""
    directory = resources.folder("datasets")
    files = dict(resources.yaml_files(directory))
    raw_dimensions = resources.read_yaml(files.pop("dimensions"))["dimensions"]
    dimensions = tuple(_load(_DimensionSchema(), raw_dimensions, "dimensions.yaml", many=True))
    raw_metrics = resources.read_yaml(files.pop("metrics"))["metrics"]
    metrics = _metrics(_load(_MetricSchema(), raw_metrics, "metrics.yaml", many=True))
    details = {name: raw for name, file in files.items() if "details_of" in (raw := resources.read_yaml(file))}
    datasets = {name: _dataset(name, file, dimensions, metrics) for name, file in files.items() if name not in details}
    for name, raw in details.items():
        own = _load(_DetailsSchema(), raw, f"{name}.yaml")
        datasets[name] = replace(datasets[own["details_of"]], name=name, **own)
    return Semantics(dimensions=dimensions, metrics=metrics, datasets=datasets)

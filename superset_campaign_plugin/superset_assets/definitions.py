"""`dashboards/<name>/` as objects: read, and checked against the datasets they use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from superset_campaign_plugin import resources
from superset_campaign_plugin.attributes import Attribute
from superset_campaign_plugin.errors import BundleError
from superset_campaign_plugin.semantics import load_semantics

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

DEFAULT_DATASET = "campaign_email_performance"
CHART_TYPES = ("table", "pivot_table_v2", "mixed_timeseries", "echarts_timeseries_bar")


@dataclass(frozen=True)
class Chart:
    """A chart: `params` are Superset's form data without the parts that every chart shares.

    No filter of the dashboard acts on one that is `unfiltered`, and no time filter on one with an `own_time_range`.
    """

    name: str
    title: str
    dataset: str
    viz_type: str
    description: str
    params: dict[str, Any]
    unfiltered: bool = False
    own_time_range: bool = False


@dataclass(frozen=True)
class Filter:
    """A native filter. `type` is time or value; `charts` names the only charts it acts on, empty for all.

    `several_instances` marks one that has a choice only where the report covers several Marketo instances, and `typed`
    one of more values than a list shows: what somebody types is taken as it is.
    """

    name: str
    type: str
    column: str | None
    dataset: str
    within: list[str]
    charts: list[str]
    sort_by: str | None
    default: Any
    description: str
    several_instances: bool
    typed: bool


@dataclass(frozen=True)
class Cell:
    """A chart in a row, `width` of 12 columns."""

    name: str
    width: int


@dataclass(frozen=True)
class Row:
    """Charts side by side, all `height` units of 8 pixels high."""

    charts: list[Cell]
    height: int


@dataclass(frozen=True)
class Tab:
    """Rows under a heading of their own. The `name` never changes: links and reports of a tab know it by that."""

    name: str
    title: str
    layout: list[Row]


@dataclass(frozen=True)
class Dashboard:
    """A dashboard with its charts by name. Its rows are in `layout`, or in `tabs`; the other one is empty.

    One with `details` is another dashboard with attributes of people beside, and is there where some were chosen.
    """

    name: str
    title: str
    slug: str
    description: str
    color_scheme: str
    label_colors: dict[str, str]
    css: str
    filters: list[Filter]
    layout: list[Row]
    tabs: list[Tab]
    charts: dict[str, Chart]
    details: bool = False

    @property
    def is_about_people(self) -> bool:
        """Whether a chart of it shows single people."""
        datasets = load_semantics().datasets
        return any(datasets[chart.dataset].about_people for chart in self.charts.values())

    @property
    def rows(self) -> list[Row]:
        """All rows, those of the first tab first."""
        return [*self.layout, *(row for tab in self.tabs for row in tab.layout)]


class _ChartSchema(Schema):
    title = fields.String(required=True)
    dataset = fields.String(required=True)
    viz_type = fields.String(required=True, validate=validate.OneOf(CHART_TYPES))
    description = fields.String(required=True)
    params = fields.Dict(required=True)
    unfiltered = fields.Boolean(load_default=False)
    own_time_range = fields.Boolean(load_default=False)


class _FilterSchema(Schema):
    name = fields.String(required=True)
    type = fields.String(load_default="value", validate=validate.OneOf(("time", "value")))
    column = fields.String(load_default=None)
    dataset = fields.String(load_default=DEFAULT_DATASET)
    within = fields.List(fields.String(), load_default=list)
    charts = fields.List(fields.String(), load_default=list)
    sort_by = fields.String(load_default=None)
    default = fields.Raw(load_default=None)
    description = fields.String(load_default="")
    several_instances = fields.Boolean(load_default=False)
    typed = fields.Boolean(load_default=False)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Filter:
        return Filter(**data)


class _CellSchema(Schema):
    name = fields.String(required=True)
    width = fields.Integer(required=True, validate=validate.Range(1, 12))

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Cell:
        return Cell(**data)


class _RowSchema(Schema):
    charts = fields.List(fields.Nested(_CellSchema), required=True)
    height = fields.Integer(required=True)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Row:
        return Row(**data)


class _TabSchema(Schema):
    name = fields.String(required=True, validate=validate.Regexp("[a-z_]+$"))
    title = fields.String(required=True)
    layout = fields.List(fields.Nested(_RowSchema), required=True)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Tab:
        return Tab(**data)


class _DashboardSchema(Schema):
    title = fields.String(required=True)
    slug = fields.String(required=True)
    description = fields.String(required=True)
    color_scheme = fields.String(required=True)
    label_colors = fields.Dict(fields.String(), fields.String(), load_default=dict)
    filters = fields.List(fields.Nested(_FilterSchema), required=True)
    layout = fields.List(fields.Nested(_RowSchema), load_default=list)
    tabs = fields.List(fields.Nested(_TabSchema), load_default=list)
    narrow = fields.Boolean(load_default=False)


class _DetailsSchema(Schema):
    title = fields.String(required=True)
    slug = fields.String(required=True)
    description = fields.String(required=True)
    details_of = fields.String(required=True)
    hidden = fields.List(fields.String(), required=True)


# What tells Marketo instances apart; their campaigns and emails may have the same ids and names.
_INSTANCE = "source_name"
_GROUPS = ("groupby", "groupbyRows")
# The column after which attributes of people stand, and the column whose filter theirs are like.
_PERSON, _PERSON_ID = "person_link", "person_id"
# With three of them the table fits a window of 1,280 pixels.
_ATTRIBUTE_WIDTH = 100


def load_dashboards(
    several_instances: bool = False, *, people: bool = False, attributes: Sequence[Attribute] = ()
) -> tuple[Dashboard, ...]:
    """Read and check every folder of `dashboards/`. Raises `BundleError` naming the file and the fault.

    With `several_instances` of Marketo, tables of campaigns and emails begin with the instance; without, the filter
    that chooses among them is left out. Dashboards about people are there with `people` alone, those with `attributes`
    of people only if there are some.
    """
    found = [each for each in _load_dashboards() if people or not each.is_about_people]
    found = [
        _with_attributes(each, attributes) if each.details else each for each in found if attributes or not each.details
    ]
    return tuple(map(_with_instances if several_instances else _without_instances, found))


def _with_instances(dashboard: Dashboard) -> Dashboard:
    charts = {name: replace(chart, params=_apart(chart)) for name, chart in dashboard.charts.items()}
    return replace(dashboard, charts=charts)


def _apart(chart: Chart) -> dict[str, Any]:
    """The chart's parameters, grouped by instance first wherever it is grouped by campaigns or emails."""
    dimensions = {dimension.name for dimension in load_semantics().datasets[chart.dataset].dimensions}
    apart = {
        name: [_INSTANCE, *chart.params[name]] for name in _GROUPS if chart.params.get(name) and _INSTANCE in dimensions
    }
    return {**chart.params, **apart}


def _with_attributes(dashboard: Dashboard, attributes: Sequence[Attribute]) -> Dashboard:
    """The attributes as columns after the person in each table of persons, and as filters after that of the time."""
    person = next(each for each in dashboard.filters if each.column == _PERSON_ID)
    datasets = load_semantics().datasets
    details = next(each for each in datasets.values() if each.details_of == person.dataset)
    shown = details.with_attributes(attributes).dimensions[-len(attributes) :]
    names = [each.name for each in shown]
    own = [
        replace(person, name=each.title, column=each.name, dataset=details.name, description=each.description)
        for each in shown
    ]
    place = next(place for place, each in enumerate(dashboard.filters, start=1) if each.type == "time")
    charts = {}
    for name, chart in dashboard.charts.items():
        params, columns = dict(chart.params), chart.params["groupby"]
        if _PERSON in columns:
            after = columns.index(_PERSON) + 1
            params["groupby"] = [*columns[:after], *names, *columns[after:]]
            widths = {each: {"columnWidth": _ATTRIBUTE_WIDTH} for each in names}
            params["column_config"] = {**params["column_config"], **widths}
        charts[name] = replace(chart, params=params)
    return replace(dashboard, charts=charts, filters=[*dashboard.filters[:place], *own, *dashboard.filters[place:]])


def _without_instances(dashboard: Dashboard) -> Dashboard:
    left_out = {filter_.name for filter_ in dashboard.filters if filter_.several_instances}
    filters = [
        replace(filter_, within=[name for name in filter_.within if name not in left_out])
        for filter_ in dashboard.filters
        if filter_.name not in left_out
    ]
    return replace(dashboard, filters=filters)


@cache
def _load_dashboards() -> tuple[Dashboard, ...]:
    folders = sorted(resources.folder("dashboards").iterdir(), key=lambda entry: entry.name)
    return tuple(load_dashboard(folder) for folder in folders if folder.is_dir())


def load_dashboard(folder: Traversable) -> Dashboard:
    """Read and check one such folder. Raises `BundleError` naming the file and the fault."""
    file = folder / "dashboard.yaml"
    if "details_of" in resources.read_yaml(file):
        return _load_details(folder, _read(_DetailsSchema(), file))
    charts = {
        name: Chart(name=name, **_read(_ChartSchema(), file)) for name, file in resources.yaml_files(folder / "charts")
    }
    raw = _read(_DashboardSchema(), file)
    sheets = [folder / "style.css", *([resources.folder("dashboards") / "narrow.css"] if raw.pop("narrow") else [])]
    css = "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    dashboard = Dashboard(name=folder.name, charts=charts, css=css, **raw)
    _check(dashboard)
    return dashboard


def _load_details(folder: Traversable, raw: dict[str, Any]) -> Dashboard:
    """The dashboard that it has the details of, over the dataset with attributes, and with a style in addition."""
    of = load_dashboard(resources.folder("dashboards") / raw.pop("details_of"))
    details = {each.details_of: each.name for each in load_semantics().datasets.values() if each.details_of}
    hidden = {name: {"visible": False} for name in raw.pop("hidden")}

    def chart(own: Chart) -> Chart:
        params = own.params
        if "column_config" in params:
            params = {**params, "column_config": {**params["column_config"], **hidden}}
        # A chart is known by its name, whatever dashboard it is of.
        return replace(own, name=f"{own.name}_details", dataset=details.get(own.dataset, own.dataset), params=params)

    def row(own: Row) -> Row:
        return replace(own, charts=[replace(cell, name=f"{cell.name}_details") for cell in own.charts])

    charts = [chart(own) for own in of.charts.values()]
    return replace(
        of,
        name=folder.name,
        **raw,
        details=True,
        charts={each.name: each for each in charts},
        layout=[row(own) for own in of.layout],
        css="\n".join([of.css, (folder / "style.css").read_text(encoding="utf-8")]),
    )


def _read(schema: Schema, file: Traversable) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(resources.read_yaml(file))
    except ValidationError as error:
        raise BundleError(f"{file.name}: {error.messages}") from error
    return loaded


def _check(dashboard: Dashboard) -> None:
    """Every name that a dashboard uses stands somewhere, and every chart stands on it once."""
    if bool(dashboard.layout) == bool(dashboard.tabs):
        raise BundleError(f"{dashboard.name}: give either layout or tabs")
    tabs = [tab.name for tab in dashboard.tabs]
    if len(set(tabs)) < len(tabs):
        raise BundleError(f"{dashboard.name}: two of the tabs {tabs} have one name")
    placed = [cell.name for row in dashboard.rows for cell in row.charts]
    if sorted(placed) != sorted(dashboard.charts):
        raise BundleError(
            f"{dashboard.name}: the layout shows {sorted(placed)}, charts/ has {sorted(dashboard.charts)}"
        )
    for row in dashboard.rows:
        if sum(cell.width for cell in row.charts) > 12:
            raise BundleError(f"{dashboard.name}: {[cell.name for cell in row.charts]} are wider than 12 columns")
    datasets = load_semantics().datasets
    users = [(user.name, user.dataset) for user in dashboard.charts.values()]
    users += [(user.name, user.dataset) for user in dashboard.filters]
    for name, dataset in users:
        if dataset not in datasets:
            raise BundleError(f"{dashboard.name}: {name} uses the unknown dataset {dataset}")
    names = {filter_.name for filter_ in dashboard.filters}
    for filter_ in dashboard.filters:
        if unknown := {*filter_.within} - names | {*filter_.charts} - {*placed}:
            raise BundleError(f"{dashboard.name}: the filter {filter_.name} names the unknown {sorted(unknown)}")

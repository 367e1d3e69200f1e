"""The figures of one email, computed through Superset as the viewer, so that access and row rules hold.

Whoever asks for an email that the report does not show to them gets None, for whichever reason: there is no such
email, their row rules hide it, or they have no access to the report at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from superset import db, is_feature_enabled, security_manager
from superset.commands.chart.data.get_data_command import ChartDataCommand
from superset.common.chart_data import ChartDataResultFormat, ChartDataResultType
from superset.common.query_context_factory import QueryContextFactory
from superset.connectors.sqla.models import SqlaTable
from superset.exceptions import SupersetSecurityException
from superset.models.dashboard import Dashboard
from superset.models.slice import Slice

from superset_campaign_plugin.emails.key import EmailKey
from superset_campaign_plugin.embedding import guests
from superset_campaign_plugin.errors import InstallError
from superset_campaign_plugin.preview.scope import Scope
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.superset_assets.identity import dataset_uuid

REPORT = "campaign_email_performance"
LINKS = "campaign_email_links"

# A page shows no more, and one email in more campaigns or with more links than this has not been seen.
_MAX_ROWS = 1000
_NAMES = ("email_name", "email_subject", "operational")
_CAMPAIGN = ("workspace", "program_name", "campaign_id", "campaign_name")

Row = dict[str, Any]


@dataclass(frozen=True)
class CampaignFigures:
    """The figures of the email in one campaign."""

    campaign_id: int | None
    campaign_name: str | None
    program_name: str | None
    workspace: str | None
    figures: Row


@dataclass(frozen=True)
class LinkFigures:
    """A clicked link; `share` is its part of all clicks, from 0 to 1. The log may hold no address: None."""

    link: str | None
    clicks: int
    people: int
    share: float | None


@dataclass(frozen=True)
class Insight:
    """What the viewer may know of an email.

    `figures` holds a value for every metric of the report, by name, in its order: counts are int, ratios float from
    0 to 1, times datetime in UTC without a zone, and None is unknown. They are of the sends in `scope`. `campaigns`
    lists all campaigns with sends on its days, the largest first, with the figures of these days; `all_campaigns` does
    so for all days. `links` are of the scope's campaign, but always of all days, as are the people in `clicked`; it is
    None where the viewer has no access to the dataset of links.
    """

    key: EmailKey
    scope: Scope
    email_name: str
    email_subject: str | None
    operational: str | None
    figures: Row
    campaigns: tuple[CampaignFigures, ...]
    all_campaigns: tuple[CampaignFigures, ...]
    links: tuple[LinkFigures, ...] | None

    @property
    def clicked(self) -> int | None:
        """Clicked Link of the links' own scope."""
        return count_of("clicked_link", self.all_campaigns, self.scope)


def count_of(metric: str, campaigns: Sequence[CampaignFigures], scope: Scope) -> int | None:
    """The sum of a count over the campaigns, or over the one of the scope; None where there is none."""
    meant = [each for each in campaigns if scope.campaign_id is None or scope.is_of(each.campaign_id)]
    known = [each.figures[metric] for each in meant if each.figures.get(metric) is not None]
    return sum(known) if known else None


def find_report() -> SqlaTable | None:
    """The report's dataset; None before it is installed. Says nothing about the viewer's access."""
    return find_dataset(REPORT)


def is_visible(key: EmailKey) -> bool:
    """Whether the report shows this email to the viewer: it has been sent, in rows that the viewer may see."""
    return _figures(find_report(), key, Scope()) is not None


def load_insight(key: EmailKey, scope: Scope) -> Insight | None:
    """The figures of an email as the viewer may see them, or None if the report does not show it to the viewer.

    Raises Superset's own errors where a query fails.
    """
    report = find_report()
    figures = _figures(report, key, scope)
    if figures is None:
        return None
    rows, campaigns = _campaigns(report, key, Scope())
    shown = [each.campaign_id for each in campaigns if scope.campaign_id is None or scope.is_of(each.campaign_id)]
    first = rows[0] if rows else {}
    return Insight(
        key=key,
        scope=scope,
        email_name=str(first.get("email_name") or key.email_id),
        email_subject=first.get("email_subject"),
        operational=first.get("operational"),
        figures=figures,
        campaigns=_campaigns(report, key, scope.of_campaign(None))[1] if scope.has_days else campaigns,
        all_campaigns=campaigns,
        links=_links(key, shown),
    )


def _campaigns(report: SqlaTable | None, key: EmailKey, scope: Scope) -> tuple[list[Row], tuple[CampaignFigures, ...]]:
    """The email's campaigns in the scope, as they come and as figures."""
    names = _metric_names(report)
    conditions = [*conditions_of(key), *scope.conditions()]
    rows = query_as_viewer(report, [*_CAMPAIGN, *_NAMES], names, conditions, order="sent") or []
    return rows, tuple(
        CampaignFigures(
            **{name: row.get(name) for name in _CAMPAIGN}, figures={name: _value(row.get(name), name) for name in names}
        )
        for row in rows
    )


def load_links(key: EmailKey, campaign_id: int | None) -> tuple[LinkFigures, ...]:
    """The clicked links alone, of an email that `is_visible`; none without access to them."""
    report = find_report()
    return _links(key, campaign_ids(report, key, Scope(campaign_id))) or ()


def campaign_ids(report: SqlaTable | None, key: EmailKey, scope: Scope) -> list[int | None]:
    """The campaigns in which the report shows the email to the viewer; None is the unknown one."""
    rows = query_as_viewer(report, ["campaign_id"], ["sent"], [*conditions_of(key), *scope.conditions()], order="sent")
    return [row["campaign_id"] for row in rows or []]


def find_dataset(name: str) -> SqlaTable | None:
    """The plugin's dataset of that name; None where it is not installed. Says nothing about the viewer's access."""
    return db.session.query(SqlaTable).filter_by(uuid=dataset_uuid(name)).one_or_none()


def _figures(report: SqlaTable | None, key: EmailKey, scope: Scope) -> Row | None:
    """The totals of an email that the viewer may see, in the scope; None for any other."""
    if not key.is_possible():
        return None
    names = _metric_names(report)
    rows = query_as_viewer(report, [], names, [*conditions_of(key), *scope.conditions()], order=None)
    figures = {name: _value(rows[0].get(name), name) for name in names} if rows else {}
    return figures if figures.get("sent") else None


def _links(key: EmailKey, campaign_ids: list[int | None]) -> tuple[LinkFigures, ...] | None:
    # Only of campaigns that the report shows: the row rules of the report may not be set on the links as well.
    if not campaign_ids:
        return ()
    conditions = [*conditions_of(key), {"col": "campaign_id", "op": "IN", "val": campaign_ids}]
    rows = query_as_viewer(find_dataset(LINKS), ["link"], ["clicks", "people"], conditions, order="clicks")
    if rows is None:
        return None
    counts = [(row.get("link"), _whole(row.get("clicks")) or 0, _whole(row.get("people")) or 0) for row in rows]
    total = sum(clicks for _, clicks, _ in counts)
    return tuple(
        LinkFigures(link or None, clicks, people, clicks / total if total else None) for link, clicks, people in counts
    )


def _metric_names(report: SqlaTable | None) -> list[str]:
    """The report's metrics that the dataset still has; an admin may have removed some."""
    present = {metric.metric_name for metric in report.metrics} if report else set()
    return [metric.name for metric in load_semantics().metrics if metric.name in present]


def conditions_of(key: EmailKey) -> list[Row]:
    """The conditions for an email's rows. Without an instance only rows that name none are meant."""
    instance = {"col": "source_name", "op": "IS NULL"}
    if key.source_name is not None:
        instance = {"col": "source_name", "op": "==", "val": key.source_name}
    return [{"col": "email_id", "op": "==", "val": key.email_id}, instance]


def query_as_viewer(
    dataset: SqlaTable | None, columns: list[str], metrics: list[str], conditions: list[Row], order: str | None
) -> list[Row] | None:
    """The rows of a chart query as the viewer, the largest `order` first; None without access to the dataset."""
    if dataset is None:
        return None
    # Superset leaves out a filter on a column that the dataset lacks, and would answer for every email.
    missing = {condition["col"] for condition in conditions} - {column.column_name for column in dataset.columns}
    if missing:
        raise InstallError(f"dataset {dataset.table_name} has no column {min(missing)}; run: superset campaign install")
    query = {
        "columns": columns,
        "metrics": metrics,
        "filters": conditions,
        "row_limit": _MAX_ROWS,
        "orderby": [[order, False]] if order in metrics else [],
    }
    context = QueryContextFactory().create(
        datasource={"id": dataset.id, "type": "table"},
        queries=[query],
        result_type=ChartDataResultType.FULL,
        result_format=ChartDataResultFormat.JSON,
        form_data=dashboard_of(dataset),
        force=False,
    )
    command = ChartDataCommand(context)
    try:
        command.validate()
    except SupersetSecurityException:
        # A dashboard of before its tab of links, or without it, lets nobody at them. Those of an email that it shows
        # to the viewer are theirs to see, and their row rules hold for them too.
        report = find_report()
        if dataset.uuid != dataset_uuid(LINKS) or report is None or dashboard_of(report) is None:
            return None
    rows: list[Row] = command.run()["queries"][0]["data"]
    return [{name: None if _is_missing(value) else value for name, value in row.items()} for row in rows]


def dashboard_of(dataset: SqlaTable) -> dict[str, Any] | None:
    """What Superset must be told of a dashboard that lets the viewer at the dataset; None where none has to."""
    if guests.is_guest():
        return guests.form_data(dataset)
    if not is_feature_enabled("DASHBOARD_RBAC") or security_manager.can_access_datasource(dataset):
        return None
    shown_on = Dashboard.slices.any(Slice.datasource_id == dataset.id, datasource_type=dataset.type)
    by_role = db.session.query(Dashboard).filter(Dashboard.roles.any(), shown_on).order_by(Dashboard.id)
    open_to_viewer = (each for each in by_role if security_manager.can_access_dashboard(each))
    return next((guests.form_data_on(each, dataset) for each in open_to_viewer), None)


def _is_missing(value: Any) -> bool:
    """Whether a value of a data frame stands for none; neither NaN nor NaT equals itself."""
    return value is None or bool(value != value)


def _value(value: Any, metric: str) -> Any:
    kinds = {metric.name: metric.kind for metric in load_semantics().metrics}
    readers = {"count": _whole, "ratio": _fraction, "time": _moment}
    return readers.get(kinds[metric], lambda given: given)(value)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _fraction(value: Any) -> float | None:
    return None if value is None or not math.isfinite(float(value)) else float(value)


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    # SQLite keeps times as text.
    text = value.isoformat() if isinstance(value, date) else str(value)
    try:
        return datetime.fromisoformat(text.replace("Z", "")).replace(tzinfo=None)
    except ValueError:
        return None

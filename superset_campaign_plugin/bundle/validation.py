"""Checks an installation as a whole: every asset is there and refers to what is there, and every chart runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from superset import db, security_manager
from superset.charts.schemas import ChartDataQueryContextSchema
from superset.connectors.sqla.models import SqlaTable
from superset.models.core import Database
from superset.models.dashboard import Dashboard
from superset.models.slice import Slice
from superset.utils.core import QueryStatus

from superset_campaign_plugin.attributes import Attribute, attributes_of
from superset_campaign_plugin.bundle.chart_config import query_context
from superset_campaign_plugin.bundle.install_plan import opened
from superset_campaign_plugin.bundle.merging.dashboard_layout import charts_of
from superset_campaign_plugin.bundle.merging.dashboards import ids_here, read_position
from superset_campaign_plugin.errors import CampaignError
from superset_campaign_plugin.host.acting import acting_as
from superset_campaign_plugin.rights import how_to_grant_by_words
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.superset_assets.definitions import CHART_TYPES, load_dashboards
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dashboard_uuid, dataset_uuid
from superset_campaign_plugin.superset_assets.installed_assets import find
from superset_campaign_plugin.superset_assets.manifest import Manifest, not_installed, read_manifest
from superset_campaign_plugin.warehouse import reason
from superset_campaign_plugin.wording import counted


@dataclass(frozen=True)
class AssetCheck:
    """One asset, whether it passed, and what was found."""

    kind: str
    name: str
    passed: bool
    message: str

    def as_dict(self) -> dict[str, Any]:
        """The form of `--json`."""
        return asdict(self)


def validate() -> list[AssetCheck]:
    """Check datasets, charts and dashboards, in this order. Raises `InstallError` where nothing is installed."""
    manifest = read_manifest()
    if manifest is None:
        raise not_installed()
    people, attributes = manifest.has_people, attributes_of(manifest.people_columns)
    checks = [
        _dataset(name, manifest, attributes) for name in load_semantics().names(people=people, details=bool(attributes))
    ]
    for dashboard in load_dashboards(bool(manifest.instances), people=people, attributes=attributes):
        checks += [_chart(name, str(chart_uuid(dashboard.name, name))) for name in dashboard.charts]
        checks.append(_dashboard(dashboard.name))
    return checks


def _dataset(name: str, manifest: Manifest, attributes: tuple[Attribute, ...]) -> AssetCheck:
    dataset = find(SqlaTable, str(dataset_uuid(name)))
    if dataset is None:
        return AssetCheck("dataset", name, False, "it was deleted; `superset campaign install` brings it back")
    shipped = load_semantics().datasets[name]
    if shipped.details_of is not None:
        shipped = shipped.with_attributes(attributes)
        try:
            _check_attributes(manifest, attributes)
        except CampaignError as error:
            return AssetCheck("dataset", name, False, f"{error}; `superset campaign install --people-columns` chooses")
    missing = {each.name for each in shipped.dimensions} - {each.column_name for each in dataset.columns}
    missing |= {each.name for each in shipped.metrics} - {each.metric_name for each in dataset.metrics}
    if missing:
        return AssetCheck("dataset", name, False, f"it lacks {', '.join(sorted(missing))}; `superset campaign install`")
    found = f"{counted(len(dataset.columns), 'column')}, {counted(len(dataset.metrics), 'metric')}"
    return AssetCheck("dataset", name, True, found)


def _check_attributes(manifest: Manifest, attributes: tuple[Attribute, ...]) -> None:
    """Raises as `Log.people_columns` where the loader's table of people has not got the columns of the attributes."""
    known = manifest.warehouse
    database = find(Database, str(known["database"]))
    if database is None:
        return  # which the checks of the charts say
    with opened(database, known["schema"]) as (connection, engine):
        for log in resolve(str(known["source"]), known["schema"]).live_logs(connection, engine):
            log.people_columns(attributes)


def _chart(name: str, uuid: str) -> AssetCheck:
    chart = find(Slice, uuid)
    if chart is None:
        return AssetCheck("chart", name, False, "it was deleted; `superset campaign install` brings it back")
    if chart.datasource is None:
        return AssetCheck("chart", name, False, "its dataset was deleted; `superset campaign install` brings it back")
    queries = json.loads(chart.query_context or "null") or _built(chart)
    if queries is None:
        return AssetCheck(
            "chart", name, True, "not run: people made another chart of it; saving it in Superset lets it run"
        )
    queries["datasource"] = {"id": chart.datasource_id, "type": chart.datasource_type}
    try:
        # Somebody must ask; row rules of roles are none of nobody's.
        with acting_as(security_manager.get_anonymous_user()):
            results = ChartDataQueryContextSchema().load(queries).get_payload(cache_query_context=False)["queries"]
    except SQLAlchemyError as error:
        database = chart.datasource.database
        said = reason(error, make_url(database.sqlalchemy_uri_decrypted))
        return AssetCheck("chart", name, False, f"{database.database_name}: {said}")
    faults = [each for each in results if each.get("status") == QueryStatus.FAILED or each.get("error")]
    if faults:
        return AssetCheck("chart", name, False, _said(faults[0], make_url(chart.datasource.database.sqlalchemy_uri)))
    return AssetCheck("chart", name, True, counted(sum(each.get("rowcount") or 0 for each in results), "row"))


def _said(result: dict[str, Any], url: URL) -> str:
    """Why the query of a chart failed, and for a right that is missing, who grants it how."""
    # PostgreSQL adds the place in the SQL, which nobody here has written.
    said = " ".join(str(result.get("error")).partition("\nLINE ")[0].split())
    missing = how_to_grant_by_words(said, result.get("query"), url)
    return f"{said}; {missing}" if missing else said


def _built(chart: Slice) -> dict[str, Any] | None:
    """The queries of a chart that nobody has saved since an upgrade merged it."""
    if chart.viz_type not in CHART_TYPES:
        return None
    return query_context(json.loads(chart.params or "{}"))


def _dashboard(name: str) -> AssetCheck:
    dashboard = find(Dashboard, str(dashboard_uuid(name)))
    if dashboard is None:
        return AssetCheck("dashboard", name, False, "it was deleted; `superset campaign install` brings it back")
    datasets = {id_ for (id_,) in db.session.query(SqlaTable.id)}
    charts = set(charts_of(read_position(dashboard, ids_here())).values())
    dead = charts - {chart.id for chart in dashboard.slices}
    filters = json.loads(dashboard.json_metadata or "{}").get("native_filter_configuration") or []
    lost = [
        each["name"]
        for each in filters
        if any(target.get("datasetId", next(iter(datasets))) not in datasets for target in each.get("targets") or [])
    ]
    if dead or lost:
        what = [
            *(["charts that were deleted"] if dead else []),
            *(f"the filter {each}, without a dataset" for each in lost),
        ]
        return AssetCheck("dashboard", name, False, f"it holds {', '.join(what)}; run `superset campaign install`")
    return AssetCheck("dashboard", name, True, f"{counted(len(charts), 'chart')}, {counted(len(filters), 'filter')}")

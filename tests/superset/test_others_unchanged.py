"""Other people of the same Superset get what they get without the plugin, byte for byte.

Another team has a dashboard over a database of its own, and one over the report's warehouse, with guests and users of
its own. What they ask is asked of two Supersets over copies of the same metadata, one with the plugin and one without.
Times and tokens against forged requests are the only things that may differ.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deployment import SCHEMA, Deployment, _add_user
from others import TESTS, answers, ask, plain

from superset_campaign_plugin.superset_assets.identity import dataset_uuid

REPORT = "campaign_email_performance"
HOOK = "from superset_campaign_plugin import init_app"


# What a preview's link looks like, in rows and in requests of others.
ANCHOR = '<a title="x" href="/campaign-email/5/" target="_blank">x</a>'
PROOF = "/campaign-email/5/?proof=abc"
ROWS = f"SELECT id, name, workspace_name, TIMESTAMP '2024-03-01 10:00:00' AS day, '{ANCHOR}' AS link"


@dataclass(frozen=True)
class Team:
    """The other team's ids, by what they are."""

    ids: dict[str, Any]
    ours: str  # the id by which the plugin's dashboard is embedded

    @property
    def rules(self) -> list[dict[str, Any]]:
        return [{"dataset": self.ids["dataset"], "clause": "id > 0"}]

    def guest(self, *resources: str) -> dict[str, Any]:
        named = resources or (self.ids["embedded"],)
        return {
            "user": {"username": "zoe"},
            "resources": [{"type": "dashboard", "id": resource} for resource in named],
            "rls": self.rules,
        }


def make_team() -> Team:
    """Dashboards, charts, datasets, annotations, a role and a user of another team."""
    from superset import db, security_manager
    from superset.connectors.sqla.models import SqlaTable, SqlMetric, TableColumn
    from superset.daos.dashboard import EmbeddedDashboardDAO
    from superset.models.annotations import Annotation, AnnotationLayer
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    from superset_campaign_plugin.embedding.embed import embed
    from superset_campaign_plugin.embedding.roles import create_guest_role
    from superset_campaign_plugin.superset_assets.installed_assets import find

    told = embed(["https://portal.example.com"])
    create_guest_role()
    warehouse = find(SqlaTable, str(dataset_uuid(REPORT))).database
    dataset = SqlaTable(table_name="their campaigns", database=warehouse, sql=f"{ROWS} FROM {SCHEMA}.campaign")
    kinds = {"id": "BIGINT", "name": "VARCHAR", "workspace_name": "VARCHAR", "day": "TIMESTAMP", "link": "VARCHAR"}
    dataset.columns = [
        TableColumn(column_name=name, type=kind, is_dttm=kind == "TIMESTAMP", groupby=True, filterable=True)
        for name, kind in kinds.items()
    ]
    dataset.metrics = [SqlMetric(metric_name="count", expression="COUNT(*)")]
    dataset.main_dttm_col = "day"
    layer = AnnotationLayer(name="theirs", annotation=[Annotation(short_descr="a release")])
    db.session.add_all([dataset, layer])
    db.session.flush()
    query = {"columns": ["name"], "metrics": ["count"], "filters": [], "orderby": [["name", True]], "row_limit": 10}
    source = {"id": dataset.id, "type": "table"}
    chart = Slice(
        slice_name="Their campaigns",
        viz_type="table",
        datasource_id=dataset.id,
        datasource_type="table",
        params=json.dumps({"groupby": ["name"], "metrics": ["count"]}),
        query_context=json.dumps({"datasource": source, "queries": [query], "result_format": "json"}),
    )
    filters = [{"id": "NATIVE_FILTER-1", "targets": [{"datasetId": dataset.id, "column": {"name": "name"}}]}]
    dashboard = Dashboard(
        dashboard_title="Their campaigns",
        slug="their-campaigns",
        slices=[chart],
        json_metadata=json.dumps({"native_filter_configuration": filters, "shared_label_colors": ["North America"]}),
    )
    db.session.add(dashboard)
    db.session.flush()
    first = db.session.query(Dashboard).filter_by(slug="theirs").one()
    embedded = [EmbeddedDashboardDAO.upsert(each, []) for each in (dashboard, first)]
    role = security_manager.add_role("Their team")
    for each in (dataset, first.slices[0].datasource):
        permission = security_manager.find_permission_view_menu("datasource_access", each.get_perm())
        security_manager.add_permission_role(role, permission)
    _add_user("zack", "Gamma")
    zack = security_manager.find_user("zack")
    zack.roles = [*zack.roles, role]
    dashboard.owners = dataset.owners = chart.owners = [zack]
    db.session.commit()
    ids = {
        **{"dashboard": dashboard.id, "dataset": dataset.id, "chart": chart.id, "layer": layer.id},
        **{"embedded": str(embedded[0].uuid), "first": str(embedded[1].uuid)},
        **{"their chart": first.slices[0].id, "their dataset": first.slices[0].datasource_id},
        "query": query,
    }
    return Team(ids, told.as_dict()["dashboard"])


@pytest.fixture(scope="module")
def team(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> tuple[Team, Path]:
    """The other team, and a folder with metadata in which it is; the deployment's own are as before."""
    from superset import db

    folder = tmp_path_factory.mktemp("others")
    file, kept = deployment.folder / "superset.db", folder / "kept.db"
    with deployment.app.app_context():
        db.session.commit()
        shutil.copyfile(file, kept)
        try:
            made = make_team()
            shutil.copyfile(file, folder / "superset.db")
        finally:
            db.session.rollback()
            db.session.remove()
            db.engine.dispose()
            shutil.copyfile(kept, file)
    return made, folder


def sql(text: str) -> dict[str, Any]:
    return {"expressionType": "SQL", "label": "mine", "sqlExpression": text}


def data(team: Team, kind: str = "dashboard", **changes: Any) -> dict[str, Any]:
    """A request for the data of the chart; `kind` is the place that it names as its own."""
    places = {"dashboard": {"slice_id": team.ids["chart"], "dashboardId": team.ids["dashboard"]}, "nothing": {}}
    places["filter"] = {"dashboardId": team.ids["dashboard"], "native_filter_id": "NATIVE_FILTER-1"}
    more = {name: changes.pop(name) for name in ("result_type", "result_format", "force") if name in changes}
    return {
        "datasource": {"id": team.ids["dataset"], "type": "table"},
        "queries": [{**team.ids["query"], **changes}],
        "form_data": {**places[kind], **({"type": "NATIVE_FILTER"} if kind == "filter" else {})},
        **more,
    }


def asked_for_data(team: Team) -> list[dict[str, Any]]:
    """What charts, filters, exports and drilling ask, and what is wrong in one way or another."""
    layer = {
        **{"annotationType": "EVENT", "sourceType": "NATIVE", "value": team.ids["layer"], "name": "n"},
        **{"show": True, "showMarkers": True, "style": "solid"},
    }
    total = {"expressionType": "SIMPLE", "aggregate": "SUM", "column": {"column_name": "name"}}
    as_text = {"col": "name", "op": "==", "val": 5}
    return [
        data(team),
        data(team),  # from the cache
        *(data(team, result_format=form) for form in ("csv", "xlsx")),
        *(data(team, result_type=kind) for kind in ("query", "samples", "drill_detail", "results", "columns")),
        data(team, "filter", columns=["workspace_name"], metrics=[]),
        data(team, "filter", columns=["link"], metrics=[]),
        data(team, "filter", filters=[{"col": "link", "op": "IN", "val": [PROOF, ANCHOR]}]),
        data(team, "filter", columns=[sql("current_setting('threads')")], metrics=[]),
        data(team, "filter", metrics=[sql("max(current_setting('threads'))")]),
        data(team, "filter", extras={"where": "current_setting('threads') IS NOT NULL"}),
        data(team, "filter", orderby=[[sql("max(name)"), True]]),
        data(team, "filter", filters=[as_text]),
        data(team, "filter", filters=[{"col": "name", "op": "TEMPORAL_RANGE", "val": "Last week"}]),
        data(team, "filter", filters=[{"col": "day", "op": "TEMPORAL_RANGE", "val": "2024-01-01 : 2024-06-01"}]),
        data(team, "filter", filters=[{"col": "name", "op": "IN", "val": [{"a": 1}]}]),
        data(team, "filter", filters=[{"col": "name", "op": "LIKE", "val": "ends in \\"}]),
        data(
            team,
            "filter",
            metrics=[total],
        ),
        data(team, "filter", columns=[sql("1 ORDER BY name")], metrics=[]),
        data(team, "filter", columns=[sql("CAST(name AS INTEGER)")], metrics=[], force=True),
        data(team, "filter", annotation_layers=[layer]),
        data(team, "nothing"),
        data(team, columns=["no_such_column"]),
        {**data(team), "datasource": {"id": team.ids["their dataset"], "type": "table"}},
        {},
    ]


def questions(team: Team, who: Any) -> list[list[Any]]:
    """Of one person: [who, method, address, body]."""
    ids = team.ids
    there = f"datasource_type=table&datasource_id={ids['dataset']}"
    values = f"/api/v1/datasource/table/{ids['dataset']}/column"
    addresses = [
        *(f"/api/v1/{kind}/" for kind in ("dashboard", "chart", "dataset", "annotation_layer", "theme")),
        *(f"/api/v1/{kind}/related/owners" for kind in ("dashboard", "chart")),
        "/api/v1/dashboard/?q=(filters:!((col:owners,opr:rel_m_m,value:1)))",
        *(f"/api/v1/dashboard/their-campaigns{part}" for part in ("", "/charts", "/datasets", "/embedded", "/tabs")),
        *(f"/api/v1/dashboard/theirs{part}" for part in ("", "/charts", "/datasets")),
        "/api/v1/dashboard/999",
        *(f"/api/v1/dashboard/{ids['dashboard']}/{part}/x/" for part in ("thumbnail", "screenshot")),
        *(f"/api/v1/chart/{ids['chart']}{part}" for part in ("", "/data/", "/thumbnail/x/", "/screenshot/x/")),
        f"/api/v1/dataset/{ids['dataset']}",
        f"/api/v1/dataset/{ids['dataset']}/drill_info/?q=(dashboard_id:{ids['dashboard']})",
        f"/api/v1/annotation_layer/{ids['layer']}/annotation/",
        *(f"{values}/{name}/values/" for name in ("workspace_name", "no_such_column")),
        f"/api/v1/explore/?slice_id={ids['chart']}",
        *("/api/v1/me/", "/api/v1/me/roles/", "/api/v1/menu/", "/api/v1/security/csrf_token/"),
        *("/api/v1/time_range/?q=%27Last%20moon%27", "/api/v1/time_range/?q=%272024-01-01%20%3A%202024-02-01%27"),
        *("/health", "/nowhere", "/static/assets/none.js", "/superset/welcome/", "/sqllab/"),
        *("/superset/dashboard/their-campaigns/", f"/embedded/{ids['embedded']}"),
    ]
    filtered = {"filters": [{"col": "name", "op": "==", "val": PROOF}]}
    posts = [
        *(("/api/v1/chart/data", body) for body in asked_for_data(team)),
        (f"/datasource/samples?{there}", {}),
        *((f"/datasource/samples?{there}&dashboard_id={ids['dashboard']}", body) for body in ({}, filtered)),
        (f"/api/v1/dashboard/{ids['dashboard']}/permalink", {"urlParams": []}),
        (f"/api/v1/dashboard/{ids['dashboard']}/filter_state", {"value": json.dumps({"link": PROOF})}),
        ("/superset/log/?explode=events", {"events": "[]"}),
    ]
    gets = [[who, "GET", address, None] for address in addresses]
    return [*gets, *([who, "POST", address, body] for address, body in posts)]


def test_others_get_what_they_get_without_the_plugin(deployment: Deployment, team: tuple[Team, Path]) -> None:
    made, folder = team
    settings = (TESTS / "superset_config.py").read_text()
    without = folder / "without.py"
    without.write_text("\n".join(line for line in settings.splitlines() if not line.startswith(HOOK)))
    assert HOOK in settings
    with_plugin = folder / "with_plugin.py"
    with_plugin.write_text(settings)
    people = [made.guest(), made.guest(made.ids["embedded"], made.ids["first"]), "zack", "admin"]
    asked = [question for who in people for question in questions(made, who)]
    programs = [ask(deployment, folder, config, asked) for config in (with_plugin, without)]
    ours, theirs = (
        answers(program, folder / config.stem) for program, config in zip(programs, (with_plugin, without), strict=True)
    )
    differing = [
        (question, one, other)
        for question, one, other in zip(asked, ours, theirs, strict=True)
        if plain(one) != plain(other)
    ]
    assert not differing, f"{len(differing)} of {len(asked)}: {differing[:5]}"
    # Else they would be alike for want of answers.
    statuses = [status for status, _, _ in theirs]
    each = len(asked) // len(people)
    for number, who in enumerate(people):
        assert statuses[number * each : (number + 1) * each].count(200) > 25, who

"""The ZIP that Superset's own import takes: whole, the same each time, without secrets and without foreign ids."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import logs
import pytest
import sqlglot
import yaml
from click.testing import CliRunner
from layouts import LAYOUTS, MAPPING

from superset_campaign_plugin.bundle.assemble import (
    Bundle,
    Target,
    build_bundle,
    database_config,
    preview_path,
    write_bundle,
    write_bundle_for_layout,
)
from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.engines import ENGINES, get_engine
from superset_campaign_plugin.errors import BundleError, DatabaseError, SourceError, UsageError
from superset_campaign_plugin.report.rules import LinkRules, People, Rules
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources import layouts
from superset_campaign_plugin.sources.assumed import LayoutCatalog
from superset_campaign_plugin.sources.catalog import LiveCatalog
from superset_campaign_plugin.sources.reader import bare_name
from superset_campaign_plugin.superset_assets.definitions import load_dashboard, load_dashboards
from superset_campaign_plugin.warehouse import connect, parse_uri

ROOT = "superset_campaign_bundle"
FOLDERS = ("databases", "datasets", "charts", "dashboards")
NASTY_SCHEMA = "50 < \"7\" & 'x' --"
LAST_13_WEEKS = "DATEADD(DATETIME('today'), -90, day) : DATEADD(DATETIME('today'), 1, day)"
TAKEN = ("50% off", "{{ 7*7 }}", "a {% raw %}", "{# x", "a :name")
Files = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = f"duckdb:///{tmp_path_factory.mktemp('bundle')}/log.duckdb"
    logs.write(logs.Log().send(1, 10, 100, "2024-03-07 12:00"), uri)
    return uri


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Files]:
    """Writes a bundle and reads its files back, by their paths below the root."""

    def build(uri: str, schema: str | None = None, database: str = "Warehouse", **target: Any) -> Files:
        file = tmp_path_factory.mktemp("zip") / "bundle.zip"
        write_bundle(file, uri=uri, schema=schema, source="fivetran", target=Target(database=database, **target))
        return read(file)

    return build


def read(file: Path) -> Files:
    """The files of a ZIP by their paths below the root."""
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert {name.split("/")[0] for name in archive.namelist()} == {ROOT}
        return {name.removeprefix(f"{ROOT}/"): yaml.safe_load(archive.read(name)) for name in archive.namelist()}


@pytest.fixture(scope="module")
def files(build: Callable[..., Files], uri: str) -> Files:
    return build(uri)


def of(files: Files, folder: str) -> dict[str, dict[str, Any]]:
    """The configurations of a folder by their file's stem."""
    return {Path(path).stem: config for path, config in files.items() if path.startswith(f"{folder}/")}


def test_the_zip_holds_all_that_is_shipped(files: Files) -> None:
    assert files["metadata.yaml"]["type"] == "Dashboard"
    assert files["metadata.yaml"]["version"] == "1.0.0"
    assert {path.split("/")[0] for path in files} == {"metadata.yaml", *FOLDERS}
    assert len(of(files, "databases")) == 1
    assert set(of(files, "datasets")) == set(load_semantics().names(people=False))
    assert set(of(files, "dashboards")) == {dashboard.name for dashboard in load_dashboards()}
    assert set(of(files, "charts")) == {name for dashboard in load_dashboards() for name in dashboard.charts}
    assert {config["version"] for config in files.values()} == {"1.0.0"}


def test_people_are_in_it_when_they_are_asked_for(build: Callable[..., Files], files: Files, uri: str) -> None:
    with_people = build(uri, people=True)
    added = {f"{path.split('/')[0]}/{Path(path).stem}" for path in {*with_people} - {*files}}
    name = "campaign_email_people"
    assert added == {f"datasets/{name}", f"dashboards/{name}", "charts/people", "charts/people_counts"}


def test_a_second_build_differs_in_its_time_alone(build: Callable[..., Files], files: Files, uri: str) -> None:
    again = build(uri)
    del again["metadata.yaml"]["timestamp"]
    assert again == {**files, "metadata.yaml": {"version": "1.0.0", "type": "Dashboard"}}


def test_uuids_do_not_hang_on_the_warehouse(build: Callable[..., Files], files: Files, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/other.db"
    logs.write(logs.Log().send(2, 20, 200, "2025-03-07 12:00").open(2, 20, 200, "2025-03-07 12:00"), other)
    again = build(other)
    for folder in FOLDERS:
        uuids = [{name: config["uuid"] for name, config in of(found, folder).items()} for found in (files, again)]
        assert uuids[0] == uuids[1]
    uuids = [config["uuid"] for config in files.values() if "uuid" in config]
    assert len(uuids) == len(set(uuids)) == len(files) - 1


def test_another_database_name_is_another_database(build: Callable[..., Files], files: Files, uri: str) -> None:
    [one], [other] = (of(found, "databases").values() for found in (files, build(uri, database="Other")))
    assert (one["database_name"], other["database_name"]) == ("Warehouse", "Other")
    assert one["uuid"] != other["uuid"]


def test_what_refers_to_something_finds_it(files: Files) -> None:
    [database] = of(files, "databases").values()
    assert {config["database_uuid"] for config in of(files, "datasets").values()} == {database["uuid"]}
    datasets = {config["uuid"] for config in of(files, "datasets").values()}
    assert {config["dataset_uuid"] for config in of(files, "charts").values()} <= datasets
    charts = {config["uuid"]: config["slice_name"] for config in of(files, "charts").values()}
    shown: dict[str, str] = {}
    for dashboard in of(files, "dashboards").values():
        cells = [item["meta"] for item in dashboard["position"].values() if is_chart(item)]
        shown |= {cell["uuid"]: cell["sliceName"] for cell in cells}
        targets = [target for item in filters(dashboard) for target in item["targets"] if target]
        assert {target["datasetUuid"] for target in targets} <= datasets
    assert shown == charts


def is_chart(cell: object) -> bool:
    return isinstance(cell, dict) and cell.get("type") == "CHART"


def filters(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return dashboard["metadata"]["native_filter_configuration"]


def test_what_stands_on_a_dashboard_knows_its_place(files: Files) -> None:
    """Superset finds the charts of a tab, and the tabs that a filter acts in, by the components above them."""
    for name, dashboard in of(files, "dashboards").items():
        position = dashboard["position"]
        reached = []
        waiting = [("ROOT_ID", [])]
        while waiting:
            id_, above = waiting.pop()
            assert position[id_]["id"] == id_
            assert position[id_].get("parents", []) == above
            reached.append(id_)
            waiting += [(child, [*above, id_]) for child in position[id_].get("children", [])]
        # An empty grid stays beside tabs, as in the dashboards that Superset makes.
        apart = {"HEADER_ID", "GRID_ID"} if "TABS-report" in position else {"HEADER_ID"}
        components = {id_: cell for id_, cell in position.items() if isinstance(cell, dict)}
        assert sorted(reached) == sorted(components.keys() - apart)
        [shipped] = [each for each in load_dashboards() if each.name == name]
        titles = {id_: cell["meta"]["text"] for id_, cell in components.items() if cell["type"] == "TAB"}
        assert titles == {f"TAB-{tab.name}": tab.title for tab in shipped.tabs}


def test_a_click_on_a_cell_filters_every_chart() -> None:
    """Superset leaves out a filter on a column that a chart's dataset lacks, and the chart would show everything.

    A link, a weekday, a domain, a reason of a bounce or a variant is of its own tab alone, and narrows nothing else.
    """
    of_one_tab = {"link", "weekday_label", "domain", "bounce_kind", "bounce_category", "bounce_reason", "variant"}
    for dashboard in load_dashboards():
        columns = {
            chart.name: {each.name for each in load_semantics().datasets[chart.dataset].dimensions}
            for chart in dashboard.charts.values()
            if not chart.unfiltered
        }
        for chart in dashboard.charts.values():
            clicked = {*chart.params.get("groupby", []), *chart.params.get("groupbyRows", [])} - of_one_tab
            for name, known in columns.items():
                assert clicked <= known, (chart.name, name)


CHART = "{title: One, dataset: campaign_email_performance, viz_type: table, description: One., params: {}}"
HEAD = "{title: T, slug: t, description: D., color_scheme: c, filters: []"
ROWS = "[{height: 9, charts: [{name: one, width: 12}]}]"


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ("", "give either layout or tabs"),
        (f"layout: {ROWS}, tabs: [{{name: a, title: A, layout: {ROWS}}}]", "give either layout or tabs"),
        (f"tabs: [{{name: a, title: A, layout: {ROWS}}}, {{name: a, title: B, layout: []}}]", "have one name"),
        (f"tabs: [{{name: a, title: A, layout: {ROWS}}}, {{name: b, title: B, layout: {ROWS}}}]", "the layout shows"),
        ("tabs: [{name: a, title: A, layout: []}]", "the layout shows"),
        (f"tabs: [{{name: 'A b', title: A, layout: {ROWS}}}]", "String does not match"),
    ],
)
def test_a_layout_that_cannot_be_meant_is_refused(layout: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "one.yaml").write_text(CHART)
    (tmp_path / "style.css").touch()
    (tmp_path / "dashboard.yaml").write_text(f"{HEAD}, {layout}}}")
    with pytest.raises(BundleError, match=words):
        load_dashboard(tmp_path)


@pytest.mark.parametrize("uri", ["postgresql://reader:s3cr%40t@host:5432/db", "postgresql+psycopg2://u:s3cr%40t@h/d"])
def test_a_password_is_masked(uri: str) -> None:
    config = database_config("Warehouse", uri)
    assert config["sqlalchemy_uri"] == uri.replace("s3cr%40t", "XXXXXXXXXX")
    assert "s3cr" not in json.dumps(config)


@pytest.mark.parametrize("uri", ["duckdb:////x", "postgresql://h/d", "mysql://h/d", "sqlite:////x", "snowflake://a/d"])
def test_a_connection_has_all_that_an_importer_asks_for(uri: str) -> None:
    """Superset 6.1 fails without `extra`, 6.0 also without `allow_csv_upload`."""
    config = database_config("Warehouse", uri)
    assert isinstance(config["extra"], dict)
    assert config["allow_csv_upload"] is False


def test_a_duckdb_file_is_opened_to_read(files: Files, uri: str) -> None:
    [database] = of(files, "databases").values()
    assert database["sqlalchemy_uri"] == uri
    arguments = database["extra"]["engine_params"]["connect_args"]
    connection = duckdb.connect(uri.removeprefix("duckdb:///"), **arguments)
    with connection, pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("CREATE TABLE written (id INTEGER)")


def test_every_chart_asks_only_for_what_its_dataset_has(files: Files) -> None:
    datasets = {config["uuid"]: config for config in of(files, "datasets").values()}
    for name, chart in of(files, "charts").items():
        dataset = datasets[chart["dataset_uuid"]]
        metrics = {metric["metric_name"] for metric in dataset["metrics"]}
        columns = {column["column_name"] for column in dataset["columns"]}
        context = json.loads(chart["query_context"])
        assert context["queries"], name
        assert context["form_data"] == chart["params"], name
        assert chart["params"]["viz_type"] == chart["viz_type"], name
        for query in context["queries"]:
            asked = set(query["metrics"]) | {order[0] for order in query.get("orderby", [])}
            assert query["metrics"], name
            assert asked <= metrics, name
            named = {column["sqlExpression"] if isinstance(column, dict) else column for column in query["columns"]}
            assert named | {choice["col"] for choice in query["filters"]} <= columns, name


def test_filters_offer_columns_of_their_dataset_and_follow_filters_that_exist(files: Files) -> None:
    columns = {
        config["uuid"]: {column["column_name"] for column in config["columns"]}
        for config in of(files, "datasets").values()
    }
    for dashboard in of(files, "dashboards").values():
        ids = [item["id"] for item in filters(dashboard)]
        assert len(ids) == len(set(ids))
        for place, item in enumerate(filters(dashboard)):
            # A filter hangs on earlier ones only, so none hangs on itself by a detour.
            assert set(item["cascadeParentIds"]) <= set(ids[:place]), item["name"]
            for target in filter(None, item["targets"]):
                assert target["column"]["name"] in columns[target["datasetUuid"]]
        assert any(item["cascadeParentIds"] for item in filters(dashboard))


def test_no_id_of_a_deployment_is_in_it(files: Files) -> None:
    assert set(keys(files)) & {"chartsInScope", "tabsInScope", "datasetId", "datasource_id", "slice_id"} == set()
    contexts = [json.loads(chart["query_context"]) for chart in of(files, "charts").values()]
    assert set(keys(contexts)) & {"chartsInScope", "datasetId", "slice_id", "dashboardId"} == set()
    # The importer puts the dataset's own id in.
    assert {context["datasource"]["id"] for context in contexts} == {0}
    for dashboard in of(files, "dashboards").values():
        stand_ins = {cell["meta"]["chartId"] for cell in dashboard["position"].values() if is_chart(cell)}
        assert {id_ for item in filters(dashboard) for id_ in item["scope"]["excluded"]} <= stand_ins


def keys(content: object) -> Iterator[str]:
    """Every key at any depth."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield key
            yield from keys(value)
    if isinstance(content, list):
        for value in content:
            yield from keys(value)


def test_a_schema_whose_name_is_markup_for_others_survives(build: Callable[..., Files], tmp_path: Path) -> None:
    file = tmp_path / "nasty.duckdb"
    uri = f"duckdb:///{file}"
    logs.write(logs.Log().send(1, 10, 100, "2024-03-07 12:00"), uri)
    with duckdb.connect(str(file)) as connection:
        schema = f'"{NASTY_SCHEMA.replace(chr(34), chr(34) * 2)}"'
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"CREATE TABLE {schema}.activity_send_email AS FROM main.activity_send_email")
        connection.execute("DROP TABLE main.activity_send_email")
    for name, dataset in of(build(uri, schema=NASTY_SCHEMA, database=NASTY_SCHEMA), "datasets").items():
        assert dataset["schema"] == NASTY_SCHEMA
        sqlglot.parse_one(dataset["sql"], read="duckdb")
        with duckdb.connect(str(file), read_only=True) as connection:
            rows = connection.execute(f"SELECT COUNT(*) FROM ({dataset['sql']})").fetchone()[0]
        assert rows > 0 or name in ("campaign_email_links", "campaign_email_variants")


def test_assets_are_of_their_own_type_and_need_no_dataset_twice(
    build: Callable[..., Files], files: Files, uri: str
) -> None:
    assets = build(uri, kind="assets")
    assert assets["metadata.yaml"]["type"] == "assets"
    once = {path: config for path, config in files.items() if not path.startswith("datasets/replaced/")}
    assert {**assets, "metadata.yaml": None} == {**once, "metadata.yaml": None}


def test_what_replaces_a_dataset_comes_first_and_is_the_same_but_for_its_uuid(files: Files) -> None:
    order = [Path(path) for path in files if path.startswith("datasets/")]
    assert [path.stem for path in order[: len(order) // 2]] == [path.stem for path in order[len(order) // 2 :]]
    assert {path.parent.name for path in order[: len(order) // 2]} == {"replaced"}
    for name, config in of(files, "datasets").items():
        first = files[f"datasets/replaced/{name}.yaml"]
        assert first["uuid"] != config["uuid"]
        assert {**first, "uuid": config["uuid"]} == config


def test_a_connection_that_is_there_is_named_by_its_uuid(build: Callable[..., Files], uri: str) -> None:
    """The import of dashboards wants its file, that of assets would write over the connection with it.

    Where no connection has the UUID, the masked password stops the import. The warehouse's address is in neither.
    """
    identity = UUID(int=7)
    dashboards, assets = (build(uri, kind=kind, database_id=identity) for kind in ("dashboards", "assets"))
    [database] = of(dashboards, "databases").values()
    assert database["uuid"] == str(identity)
    assert ":XXXXXXXXXX@" in database["sqlalchemy_uri"]
    assert uri not in json.dumps([dashboards, assets])
    assert of(assets, "databases") == {}
    for found in (dashboards, assets):
        assert {config["database_uuid"] for config in of(found, "datasets").values()} == {str(identity)}


@pytest.mark.parametrize(
    ("links", "app_root", "href"),
    [(False, None, None), (True, None, "/campaign-email/"), (True, "/superset/", "/superset/campaign-email/")],
)
def test_emails_link_to_previews_where_there_are_some(
    build: Callable[..., Files], uri: str, links: bool, app_root: str | None, href: str | None
) -> None:
    files = build(uri, preview_path=preview_path(links, app_root))
    sql = of(files, "datasets")["campaign_email_performance"]["sql"]
    with duckdb.connect(uri.removeprefix("duckdb:///"), read_only=True) as connection:
        [cell] = connection.execute(f"SELECT email_link FROM ({sql})").fetchone()
    assert cell == ("10" if href is None else f'<a title="10" href="{href}10/?campaign_id=1" target="_blank">10</a>')


@pytest.mark.parametrize(
    ("links", "app_root"), [(False, "/superset"), (True, "superset"), (True, '/a"b'), (True, "//x")]
)
def test_what_is_no_application_root_is_refused(links: bool, app_root: str) -> None:
    with pytest.raises(UsageError, match=r"--app-root|not a path"):
        preview_path(links, app_root)


def test_it_counts_by_the_rules_that_are_given(tmp_path: Path) -> None:
    file, uri = tmp_path / "bundle.zip", f"duckdb:///{tmp_path}/log.duckdb"
    logs.write(logs.Log().send(1, 10, 100, "2024-03-07 12:00").click(1, 10, 100, "2024-03-07 13:00", link="x"), uri)
    rules = Rules(links=LinkRules((), ("{{ x }} 100%",)))
    write_bundle(file, uri=uri, schema=None, source="fivetran", target=Target(), rules=rules)
    with zipfile.ZipFile(file) as archive:
        sql = yaml.safe_load(archive.read(f"{ROOT}/datasets/campaign_email_performance.yaml"))["sql"]
    assert "mkt_unsubscribe" not in sql
    assert "{^{ x }} 100~" in sql


@pytest.mark.parametrize(("sent", "value"), [("2024-03-07 12:00", None), (None, LAST_13_WEEKS)])
def test_it_opens_where_there_is_data(
    build: Callable[..., Files], tmp_path: Path, sent: str | None, value: str | None
) -> None:
    uri = f"duckdb:///{tmp_path}/log.duckdb"
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M")
    logs.write(logs.Log().send(1, 10, 100, sent or now), uri)
    times = [
        item
        for dashboard in of(build(uri), "dashboards").values()
        for item in filters(dashboard)
        if item["filterType"] == "filter_time"
    ]
    assert [item["defaultDataMask"]["filterState"].get("value") for item in times] == [value] * len(times) != []


@pytest.mark.parametrize("schema", TAKEN)
def test_a_name_that_cannot_be_written_so_that_it_passes_is_refused(
    build: Callable[..., Files], tmp_path: Path, schema: str
) -> None:
    uri = f"duckdb:///{tmp_path}/taken.duckdb"
    logs.write(logs.Log().send(1, 10, 100, "2024-03-07 12:00"), uri)
    with duckdb.connect(f"{tmp_path}/taken.duckdb") as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"')
        connection.execute(f'CREATE TABLE "{schema}".activity_send_email AS FROM main.activity_send_email')
    with pytest.raises(SourceError, match="would take for a template, a format or a parameter; make a view"):
        build(uri, schema=schema)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"schema": "nowhere"}, SourceError),
        ({"uri": "duckdb:////nowhere/x.duckdb"}, DatabaseError),
        ({"file": "missing/bundle.zip"}, BundleError),
    ],
)
def test_a_failure_leaves_no_file(uri: str, tmp_path: Path, options: dict[str, str], error: type[Exception]) -> None:
    wanted: dict[str, Any] = {"uri": uri, "schema": None, "source": "fivetran", "target": Target(), **options}
    with pytest.raises(error):
        write_bundle(tmp_path / wanted.pop("file", "bundle.zip"), **wanted)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def bundle() -> Callable[[str | None], Bundle]:
    def make(time_range: str | None) -> Bundle:
        sql = dict.fromkeys(load_semantics().datasets, "SELECT 1")
        return build_bundle(sql, get_engine("duckdb"), UUID(int=1), None, default_time_range=time_range)

    return make


@pytest.mark.parametrize(("time_range", "value"), [(None, LAST_13_WEEKS), ("Last year", "Last year"), ("", None)])
def test_the_time_filter_opens_on_the_range_that_is_asked(
    bundle: Callable[[str | None], Bundle], time_range: str | None, value: str | None
) -> None:
    dashboards = bundle(time_range).dashboards.values()
    items = [item for each in dashboards for item in filters(each) if item["filterType"] == "filter_time"]
    assert items
    for item in items:
        assert item["defaultDataMask"]["filterState"].get("value") == value
        assert item["defaultDataMask"]["extraFormData"].get("time_range") == value


# -------------------------------------------------------------------------------------------------------------------
# Without a warehouse


def written_for_layout(folder: Path, engine: str, source: str, **options: Any) -> Files:
    file = folder / f"{engine}.zip"
    target = Target(options.pop("kind", "dashboards"))
    write_bundle_for_layout(file, engine=engine, source=source, target=target, **{"schema": None, **options})
    return read(file)


SOURCES = (*sorted(layouts()), "custom")
NAMES = sorted({engine.name for engine in ENGINES.values()})
# Each engine with a layout of its own, and all of them where there is time: `make soak`.
PAIRS = [
    (engine, source)
    for number, engine in enumerate(NAMES)
    for place, source in enumerate(SOURCES)
    if "ROUNDS" in os.environ or number % len(SOURCES) == place
]


@pytest.mark.parametrize(("engine", "source"), PAIRS)
def test_every_layout_has_a_bundle_for_every_engine(engine: str, source: str, tmp_path: Path) -> None:
    """Its SQL can be parsed and gives the dataset's columns, and it opens where there is data."""
    if source == "custom":
        source = str(tmp_path / "custom.yaml")
        Path(source).write_text(MAPPING, encoding="utf-8")
    files = written_for_layout(tmp_path, engine, source, schema="marketo")
    for name, dataset in of(files, "datasets").items():
        [statement] = sqlglot.parse(dataset["sql"], read=get_engine(engine).sqlglot)
        assert {column["column_name"] for column in dataset["columns"]} <= set(statement.named_selects), name
    [database] = of(files, "databases").values()
    assert parse_uri(database["sqlalchemy_uri"])[1].name == engine
    items = [item for dashboard in of(files, "dashboards").values() for item in filters(dashboard)]
    values = [
        item["defaultDataMask"]["filterState"].get("value") for item in items if item["filterType"] == "filter_time"
    ]
    assert values == [None] * len(values) != []


def test_a_layout_asks_for_what_its_warehouse_has(tmp_path: Path) -> None:
    """On a full warehouse the SQL of the layout, and that of the warehouse itself, give the same rows."""
    for source, tables in LAYOUTS.items():
        if source == "custom":
            continue
        uri = f"duckdb:///{tmp_path}/{source}.duckdb"
        logs.write(full_log(), uri, layout=tables, zoned=source != "bulk")
        lacking = lacked(uri, source)
        files = written_for_layout(tmp_path, "duckdb", source, without=lacking)
        write_bundle(tmp_path / "own.zip", uri=uri, schema=None, source=source, target=Target())
        own = of(read(tmp_path / "own.zip"), "datasets")
        with duckdb.connect(uri.removeprefix("duckdb:///"), read_only=True) as connection:
            for name, dataset in of(files, "datasets").items():
                rows = [
                    sorted(filter(says_something, connection.execute(sql).fetchall()), key=repr)
                    for sql in (dataset["sql"], own[name]["sql"])
                ]
                assert rows[0] == rows[1], (source, name)


def says_something(row: tuple) -> bool:
    """Whether it is no finding that all values can be read: who has not seen a column's type has to look."""
    return row[2:5:2] != ("Values that cannot be read", 0)


def full_log() -> logs.Log:
    """A log with a row for every table of a layout."""
    log = logs.Log().send(1, 10, 100, "2024-03-01").send(1, 10, 101, "2024-03-02")
    for happen in (log.deliver, log.bounce, log.soft_bounce, log.open, log.click, log.unsubscribe):
        happen(1, 10, 100, "2024-03-03")
    return (
        log.merge(100, 101).delete(999).campaign(1, "Spring", program=7).program(7, "Webinars").email(10, "Invitation")
    )


def lacked(uri: str, source: str) -> list[str]:
    """What of the layout the test's own tables do not have."""
    engine = get_engine("duckdb")
    known = LayoutCatalog(layouts()[source], engine, None)
    lacking = []
    with connect(uri) as (connection, _):
        live = LiveCatalog(connection, engine, None)
        for table in sorted(known.tables()):
            own = live.columns(table)
            if own is None:
                lacking.append(table)
                continue
            spelled = {bare_name(name) for name in own}
            lacking += [f"{table}.{name}" for name in known.columns(table) or () if bare_name(name) not in spelled]
    return lacking


def test_what_a_warehouse_lacks_is_left_out(tmp_path: Path) -> None:
    name, lacking = "campaign_email_links", ("activity_merge_leads", "activity_click_email.link")
    rules = Rules(people=People.MERGED)
    files = [
        written_for_layout(tmp_path, "postgresql", "fivetran", rules=rules, without=without)
        for without in ((), lacking)
    ]
    whole, partial = (of(each, "datasets")[name]["sql"] for each in files)
    for part in ("FROM activity_merge_leads", "loaded.link"):
        assert part in whole
        assert part not in partial


def test_a_column_that_no_rule_asks_for_is_not_expected(tmp_path: Path) -> None:
    """Fivetran has it in some warehouses only."""
    rules = Rules(leave_out_archived=True)
    files = [written_for_layout(tmp_path, "postgresql", "fivetran", rules=each) for each in (Rules(), rules)]
    plain, asking = (of(each, "datasets")["campaign_email_performance"]["sql"] for each in files)
    assert "loaded._fivetran_deleted" not in plain
    assert "loaded._fivetran_deleted" in asking


@pytest.mark.parametrize(
    ("options", "exit_code", "words"),
    [
        ((), 2, "or give --engine"),
        (("--engine", "postgresql", "--uri", "duckdb:///x"), 2, "--uri, or --engine"),
        (("--engine", "postgres"), 2, "did you mean 'postgresql'"),
        (("--engine", "postgresql", "--source", "fivetrann"), 2, "did you mean 'fivetran'"),
        (("--engine", "postgresql", "--without", "activity_merge_lead"), 2, "did you mean 'activity_merge_leads'"),
        (("--engine", "postgresql", "--without", "campaign.program"), 2, "did you mean 'program_"),
        (("--engine", "postgresql", "--without", "activity_send_email"), 1, "the fivetran layout needs it"),
        (("--engine", "postgresql", "--without", "activity_send_email.lead_id"), 1, "has no column 'lead_id'"),
        (("--engine", "postgresql", "--stored"), 2, "--stored needs a --uri"),
        (("--engine", "sqlite", "--time-zone", "Europe/Berlin"), 2, "leave out --time-zone"),
        (("--uri", "duckdb:///x", "--without", "campaign"), 2, "--without is for --engine"),
        (("--engine", "mysql", "--database", "X", "--database-uuid", str(UUID(int=1))), 2, "leave out --database"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: tuple[str, ...], exit_code: int, words: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(campaign, ["bundle", *options, "--output", str(tmp_path / "x.zip")])
    assert result.exit_code == exit_code, result.output
    assert words in result.output
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_the_import_writes_over(tmp_path: Path) -> None:
    def said(*options: str) -> str:
        command = ["bundle", "--engine", "postgresql", "--output", str(tmp_path / "x.zip"), *options]
        result = CliRunner().invoke(campaign, command)
        assert result.exit_code == 0, result.output
        return result.stderr

    assert "writes over a connection named 'Ours'" in said("--database", "Ours")
    assert "write the warehouse's address into that connection" in said()
    assert "connection" not in said("--database-uuid", str(UUID(int=1)))

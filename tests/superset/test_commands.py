"""The commands of an admin's year: what would be done, what differs, how it stands, whether it works."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from deployment import DATABASE, IMPORTED, SCHEMA, Deployment, put_back
from layouts import airbyte, spelled
from logs import Log, write

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.superset_assets.identity import chart_uuid, dashboard_uuid, dataset_uuid

REPORT = "campaign_email_performance"


@pytest.fixture
def app(deployment: Deployment) -> Iterator[Deployment]:
    """An application context; whatever the test did, the report is installed as it was at its end."""
    with deployment.app.app_context():
        yield deployment
        put_back()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(campaign, list(arguments))


def as_json(*arguments: str, code: int = 0) -> Any:
    """What a command prints with --json, which is JSON and nothing else."""
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def chart(name: str) -> Any:
    from superset.models.slice import Slice

    from superset_campaign_plugin.superset_assets.installed_assets import find

    return find(Slice, str(chart_uuid(REPORT, name)))


def dataset() -> Any:
    from superset.connectors.sqla.models import SqlaTable

    from superset_campaign_plugin.superset_assets.installed_assets import find

    return find(SqlaTable, str(dataset_uuid(REPORT)))


def dashboard() -> Any:
    from superset.models.dashboard import Dashboard

    from superset_campaign_plugin.superset_assets.installed_assets import find

    return find(Dashboard, str(dashboard_uuid(REPORT)))


def rename_chart() -> None:
    from superset import db

    chart("campaigns").slice_name = "Our campaigns"
    db.session.commit()


def test_a_dry_run_says_what_the_run_does_and_writes_nothing(app: Deployment) -> None:
    from superset import db

    rename_chart()
    db.session.delete(chart("emails"))
    dataset().sql = "SELECT 1"
    db.session.commit()
    before = app.metadata()
    planned = as_json("install", "--dry-run")["changes"]
    assert app.metadata() == before
    done = [each for each in as_json("install")["changes"] if each["kind"] != "role"]
    assert planned == done
    assert {each["name"]: each["action"] for each in done if each["action"] != "unchanged"} == {
        "campaigns": "kept",
        REPORT: "updated",
        "emails": "created",
    }


def test_a_dry_run_upon_a_database_that_is_not_registered_registers_none(app: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "other.duckdb"
    file.write_bytes((app.folder / "warehouse.duckdb").read_bytes())
    before = app.metadata()
    changes = as_json("install", "--dry-run", "--database", IMPORTED, "--uri", f"duckdb:///{file}", "--schema", SCHEMA)[
        "changes"
    ]
    assert {"action": "created", "kind": "database", "name": IMPORTED, "fields": []} in changes
    assert {each["field"] for each in changes[-1]["fields"]} <= {"made anew"}
    assert app.metadata() == before


def test_another_database_takes_the_datasets_with_it(app: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "other.duckdb"
    file.write_bytes((app.folder / "warehouse.duckdb").read_bytes())
    result = run("install", "--database", IMPORTED, "--uri", f"duckdb:///{file}", "--schema", SCHEMA)
    assert result.exit_code == 0, result.output
    assert dataset().database.database_name == IMPORTED
    assert run("validate").exit_code == 0
    back = run("install", "--database", DATABASE, "--schema", SCHEMA)
    assert back.exit_code == 0, back.output
    assert dataset().database.database_name == DATABASE
    # The connection that an installation made goes with the plugin, though it is not in use any more.
    removed = {(each["kind"], each["name"]) for each in as_json("uninstall", "--yes")["changes"]}
    assert ("database", IMPORTED) in removed


def test_the_layout_is_found_once_and_kept(app: Deployment, tmp_path: Path) -> None:
    """With the prefix of its tables, by upgrades and refreshes; another one has to be asked for."""
    uri = f"duckdb:///{tmp_path}/prefixed.duckdb"
    write(Log().send(1, 10, 100, "2024-03-07"), uri, layout=spelled(airbyte, lambda name: f"marketo__{name}"))
    asked = ("install", "--database", IMPORTED, "--uri", uri)
    without = run(*asked)
    assert without.exit_code == 1
    assert "so give --table-prefix marketo__" in without.stderr
    found = run(*asked, "--table-prefix", "marketo__")
    assert found.exit_code == 0, found.output
    assert "the tables are those of airbyte:marketo__" in found.stderr
    for again in (("install",), asked, ("install", "--table-prefix", "marketo__")):
        result = run(*again)
        assert result.exit_code == 0, result.output
        assert "the tables are" not in result.stderr
        assert as_json("status")["source"] == "airbyte:marketo__"
    assert run("refresh").exit_code == 0
    assert as_json("status")["reads"] == "stored"
    assert run("validate").exit_code == 0
    assert "so give --table-prefix marketo__" in run("install", "--source", "airbyte").stderr


def test_one_asset_is_overwritten(app: Deployment) -> None:
    from superset import db

    rename_chart()
    dashboard().dashboard_title = "Our report"
    db.session.commit()
    assert run("install", "--overwrite", "campaigns").exit_code == 0
    assert (chart("campaigns").slice_name, dashboard().dashboard_title) == ("Campaigns", "Our report")
    assert run("install", "--overwrite").exit_code == 0
    assert dashboard().dashboard_title == "Campaign Email Performance"
    mistaken = run("install", "--overwrite", "chart/campaign")
    assert (mistaken.exit_code, "did you mean 'chart/campaigns'" in mistaken.stderr) == (2, True)


def test_diff_shows_both_values(app: Deployment) -> None:
    assert run("diff").stdout == "everything is as shipped\n"
    rename_chart()
    shown = run("diff").stdout
    assert "chart campaigns (kept)" in shown
    assert "shipped now     Campaigns" in shown
    assert "there           Our campaigns" in shown
    (asset,) = as_json("diff", "campaigns")
    assert asset["fields"] == [
        {
            "field": "slice_name",
            "outcome": "kept",
            "shipped_before_known": True,
            "shipped_before": "Campaigns",
            "shipped_now": "Campaigns",
            "there": "Our campaigns",
        }
    ]
    assert as_json("diff", "chart/campaigns") == [asset]
    assert as_json("diff", "emails") == []
    assert "unknown dataset, chart or dashboard 'dataset/campaigns'" in run("diff", "dataset/campaigns").stderr
    assert "did you mean 'campaigns'" in run("diff", "campaign").stderr


def test_sql_that_an_upgrade_replaced_can_be_read_again(app: Deployment) -> None:
    from dataclasses import replace

    from superset import db

    from superset_campaign_plugin.bundle.install_plan import settings

    dataset().sql = "SELECT 1 AS theirs"
    db.session.commit()
    assert "kept" in run("install").stdout  # no other SQL is shipped, so theirs is not outdated
    with app.settings(rules=replace(settings().rules, time_zone="Asia/Tokyo")):
        assert "replaced    sql" in run("install").stdout
        assert "Asia/Tokyo" in dataset().sql
        assert "SELECT 1 AS theirs" in run("diff", "--replaced").stdout
        assert run("validate").exit_code == 0


def test_status_tells_an_admin_how_it_stands(app: Deployment) -> None:
    rename_chart()
    found = as_json("status")
    assert (found["database"], found["source"], found["schema"]) == (DATABASE, "fivetran", SCHEMA)
    assert found["version"] == found["installed_version"]
    assert found["access"]["Campaign Report Viewer"] == 1
    assert "outsider" not in json.dumps(found)
    assert [each["name"] for each in found["not_as_shipped"]] == ["campaigns"]
    assert found["problem"] is None
    text = run("status").stdout
    assert "not as shipped  kept chart campaigns" in text
    assert "Campaign Report Viewer (1 person)" in text


def test_status_is_there_although_the_warehouse_is_not(app: Deployment) -> None:
    file = app.folder / "warehouse.duckdb"
    file.rename(file.with_suffix(".away"))
    try:
        found = as_json("status")
    finally:
        file.with_suffix(".away").rename(file)
    assert "warehouse.duckdb" in found["problem"]
    assert found["database"] == DATABASE


def test_validate_names_the_chart_that_fails(app: Deployment) -> None:
    from superset import db

    assert all(each["passed"] for each in as_json("validate"))
    dataset().sql = "SELECT nothing FROM nowhere"
    db.session.commit()
    failed = [each for each in as_json("validate", code=1) if not each["passed"]]
    assert {each["kind"] for each in failed} == {"chart"}
    assert "nowhere" in failed[0]["message"]


def test_validate_names_what_was_deleted(app: Deployment) -> None:
    from superset import db

    db.session.delete(chart("emails"))
    db.session.commit()
    failed = {each["name"]: each["message"] for each in as_json("validate", code=1) if not each["passed"]}
    assert "it was deleted" in failed["emails"]
    assert "charts that were deleted" in failed[REPORT]
    assert run("install").exit_code == 0
    assert run("validate").exit_code == 0


def test_uninstall_tells_peoples_copies_from_ours(app: Deployment) -> None:
    from superset import db
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    original = chart("campaigns")
    copy = Slice(
        slice_name=original.slice_name,
        viz_type="table",
        datasource_id=original.datasource_id,
        datasource_type="table",
        params=original.params,
    )
    theirs = Dashboard(dashboard_title="Campaign Email Performance", slices=[copy, chart("emails")])
    db.session.add_all([copy, theirs])
    db.session.commit()
    before = app.metadata()
    planned = as_json("uninstall", "--dry-run")
    in_the_way = " ".join(planned["notes"])
    assert f"'Campaigns' (/explore/?slice_id={copy.id}" in in_the_way
    assert f"'Campaign Email Performance' (/superset/dashboard/{theirs.id}/) with the chart 'Emails'" in in_the_way
    assert {"action": "removed", "kind": "dashboard", "name": "Campaign Email Performance", "fields": []} in planned[
        "changes"
    ]
    refused = run("uninstall", "--yes")
    assert (refused.exit_code, f"/superset/dashboard/{theirs.id}/" in refused.stderr) == (1, True)
    assert app.metadata() == before
    db.session.delete(theirs)
    db.session.delete(copy)
    db.session.commit()


def test_nothing_is_removed_without_a_yes(app: Deployment) -> None:
    before = app.metadata()
    assert CliRunner().invoke(campaign, ["uninstall"], input="n\n").exit_code == 1
    assert app.metadata() == before


@pytest.mark.parametrize("engine", ["duckdb", "postgresql", "mysql", "sqlite"])
def test_stored_tables_go_with_the_plugin(app: Deployment, warehouse_on: Any, engine: str) -> None:
    import logs
    import sqlalchemy as sa

    warehouse = warehouse_on(engine)
    warehouse.load(logs.Log().send(1, 10, 100, "2024-03-07 12:00").deliver(1, 10, 100, "2024-03-07 12:01"))
    stored = app.settings(stored_schema=f"{warehouse.uri.rpartition('/')[2].partition('?')[0]}_report")
    try:
        with stored:
            assert run("install", "--database", IMPORTED, "--uri", warehouse.uri).exit_code == 0
            refreshed = run("refresh")
            assert refreshed.exit_code == 0, refreshed.output
            (planned,) = [
                each
                for each in as_json("uninstall", "--dry-run", "--stored-tables")["changes"]
                if each["kind"] == "stored table"
            ]
            assert planned["action"] == "removed"
            removed = run("uninstall", "--yes", "--stored-tables")
            assert removed.exit_code == 0, removed.output
        if engine == "duckdb":
            assert not list(Path(sa.engine.make_url(warehouse.uri).database).parent.glob("*campaign_report*"))
            with duckdb.connect(sa.engine.make_url(warehouse.uri).database, read_only=True) as connection:
                assert connection.execute("SELECT count(*) FROM activity_send_email").fetchone() == (1,)
        else:
            inspector = sa.inspect(sa.create_engine(warehouse.uri, poolclass=sa.pool.NullPool))
            if engine == "postgresql":  # the schema may be an administrator's, with rights on it
                assert inspector.get_table_names(planned["name"]) + inspector.get_view_names(planned["name"]) == []
            left = {*inspector.get_table_names(), *inspector.get_view_names()}
            assert "activity_send_email" in left
            assert not [name for name in left if name.startswith("campaign_report")]
    finally:
        warehouse.drop()


def test_a_manifest_of_another_release_is_read(app: Deployment) -> None:
    """What a newer release has written stays where it does not know it, and the first release reads ours."""
    from superset import db

    from superset_campaign_plugin.superset_assets import manifest as manifests

    entry = manifests._entry()
    values = json.loads(entry.value)
    entry.value = json.dumps({**values, "of a newer release": [1]}).encode()
    db.session.commit()
    assert run("install").exit_code == 0
    assert json.loads(manifests._entry().value)["of a newer release"] == [1]
    # The first release takes these fields and no others, and looks at two parts of each asset.
    known = {"assets", "database", "roles", "schema_permission", "warehouse", "instances"}
    assert set(values) == known
    assert all({"made", "stored"} <= set(asset) for asset in values["assets"].values())
    assert run("uninstall", "--yes").exit_code == 0

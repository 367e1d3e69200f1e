"""Several Marketo instances in one report: the same ids in each, and no figure of one in another's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import logs
import pytest
import sqlalchemy as sa
from layouts import airbyte
from logs import CLOCKS, Log, crowd

from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.reporting.doctor import run_doctor
from superset_campaign_plugin.reporting.run_report import run_report

CLOCK = CLOCKS[5]
BY = ("source", "workspace", "program", "campaign", "email", "day")


def named(folder: Path, text: str) -> str:
    """The value of --source for a file that names instances."""
    file = folder / "instances.yaml"
    file.write_text(text)
    return str(file)


def together(**reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of each instance's own report, with its name."""
    return [{"source_name": name, **row} for name, rows in reports.items() for row in rows]


@pytest.mark.on_spark
def test_two_loaders_side_by_side(warehouse, tmp_path):
    """One log in Fivetran's tables and another, of the same ids, in Airbyte's, in one database."""
    emea, japan = crowd(people=120, seed=5), crowd(people=80, seed=6)
    warehouse.load(emea)
    logs.write(japan, warehouse.uri, layout=airbyte)
    source = named(tmp_path, "instances: {EMEA: {source: fivetran}, Japan-2: {source: airbyte}}")
    own = {name: warehouse.records(source=name, as_of=CLOCK, by=BY[1:]) for name in ("fivetran", "airbyte")}
    assert {row["campaign_id"] for row in own["fivetran"]} & {row["campaign_id"] for row in own["airbyte"]}
    found = warehouse.records(source=source, as_of=CLOCK, by=BY)
    assert found == together(EMEA=own["fivetran"], **{"Japan-2": own["airbyte"]})
    # Each log has its own newest activity, by which its sends are old enough.
    times = {name: warehouse.timing(source=name, by=["email"]).records() for name in ("fivetran", "airbyte")}
    timed = warehouse.timing(source=source, by=["source", "email"]).records()
    assert timed == together(EMEA=times["fivetran"], **{"Japan-2": times["airbyte"]})
    # A name in another spelling is another name, also where texts compare without regard to case.
    with pytest.raises(UsageError, match="unknown source_name 'emea': did you mean 'EMEA'"):
        warehouse.records(source=source, as_of=CLOCK, by=BY, where={"source_name": ["emea"]})


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"], indirect=True)
def test_two_schemas_of_one_loader_and_what_is_stored_of_them(warehouse, tmp_path):
    """Each instance's stored tables lie in a schema of their own, and a refresh brings both up to date."""
    warehouse.clear()
    later = Log().send(900, 901, 902, "2024-05-20 10:00").click(900, 901, 902, "2024-05-20 11:00")
    for schema, seed in (("marketo_emea", 5), ("marketo_japan", 6)):
        logs.write(crowd(people=60, seed=seed), warehouse.uri, schema=schema)
    source = named(
        tmp_path,
        "instances:\n  EMEA: {source: fivetran, schema: marketo_emea}\n"
        "  Japan: {source: fivetran, schema: marketo_japan}\n",
    )
    assert refresh(warehouse.uri, source=source).mode == "full"
    again = refresh(warehouse.uri, source=source)
    assert (again.mode, again.reason.count("unchanged")) == ("unchanged", 2)
    for where in ({}, {"source_name": ["Japan"]}):
        asked: dict[str, Any] = {"source": source, "as_of": CLOCK, "by": BY, "where": where}
        direct = warehouse.records(**asked)
        assert direct == warehouse.records(**asked, facts=StoredSource("campaign_report"))
        names = {row["source_name"] for row in direct}
        assert names == set(where.get("source_name", ["EMEA", "Japan"]))
        del asked["as_of"]
        timed = warehouse.timing(**asked)
        assert timed.rows
        assert timed == warehouse.timing(**asked, facts=StoredSource("campaign_report"))
    alone = warehouse.records(schema="marketo_japan", as_of=CLOCK, by=BY[1:])
    assert [{**row, "source_name": "Japan"} for row in alone] == direct

    logs.write(later, warehouse.uri, schema=None, layout=lambda log: in_schema(log, warehouse, "marketo_japan"))
    assert refresh(warehouse.uri, source=source).mode == "incremental"
    stored = warehouse.records(source=source, as_of=CLOCK, by=["source"], facts=StoredSource("campaign_report"))
    assert stored == warehouse.records(source=source, as_of=CLOCK, by=["source"])
    assert stored[1]["sent"] == sum(row["sent"] for row in alone) + 1


def in_schema(log, warehouse, schema):
    """Insert the log's rows into tables that are there already; nothing is left to write."""
    for table in logs.fivetran_tables(log):
        if table.name in ("activity_send_email", "activity_click_email"):
            columns = ", ".join(table.columns)
            for row in table.rows:
                values = ", ".join("NULL" if value is None else f"'{value}'" for value in row)
                warehouse.execute(f"INSERT INTO {schema}.{table.name} ({columns}) VALUES ({values})")
    return []


@pytest.mark.parametrize("engine", ["sqlite", "mysql"], indirect=True)
def test_without_schemas_nothing_of_several_instances_is_stored(warehouse, tmp_path):
    warehouse.load(crowd(people=5, seed=1))
    logs.write(crowd(people=5, seed=2), warehouse.uri, layout=airbyte)
    source = named(tmp_path, "instances: {EMEA: {source: fivetran}, Japan: {source: airbyte}}")
    with pytest.raises(UsageError, match="no schemas to keep the stored tables of several Marketo instances apart"):
        refresh(warehouse.uri, source=source)


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_the_doctor_says_whose_log_it_is(warehouse, tmp_path):
    warehouse.load(Log().send(1, 10, 100, "2024-03-01 10:00"))
    logs.write(Log().send(1, 10, 100, "2024-03-01 10:00").open(2, 20, 200, "2024-03-01"), warehouse.uri, layout=airbyte)
    source = named(tmp_path, "instances: {EMEA: {source: fivetran}, Japan: {source: airbyte}}")
    orphans = [
        finding.about
        for finding in run_doctor(warehouse.uri, source=source, as_of=CLOCK)
        if finding.finding == "Activities without a send" and finding.found
    ]
    assert orphans == ["Japan: opened"]


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_links_to_previews_name_the_instance(warehouse, tmp_path):
    from superset_campaign_plugin.report.datasets import REPORT_DATASET, Options
    from superset_campaign_plugin.reporting.dataset_sql import dataset_sql
    from superset_campaign_plugin.reporting.query import dataset_rows
    from superset_campaign_plugin.sources.resolved import resolve
    from superset_campaign_plugin.warehouse import connect

    warehouse.load(Log().send(1, 10, 100, "2024-03-01 10:00"))
    source = named(tmp_path, "instances: {EMEA: {source: fivetran}}")
    with connect(warehouse.uri) as (connection, engine):
        sql = dataset_sql(connection, engine, resolve(source, None), Options(), [REPORT_DATASET])[REPORT_DATASET]
        [link] = connection.scalars(sa.select(sa.column("email_link")).select_from(dataset_rows(sql, "report")))
    assert link == '<a title="10" href="/campaign-email/10/?source=EMEA&campaign_id=1" target="_blank">10</a>'


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("instances: {}", {}, "instances: Shorter than minimum length 1"),
        ("instances: [EMEA]", {}, "instances: Not a valid mapping"),
        ("instances: {EMEA: {schema: emea}}", {}, r"instances.EMEA.source: Missing data"),
        ("instances: {EMEA: {source: fivetran, shcema: emea}}", {}, "shcema: Unknown field"),
        ("instances: {'E M': {source: fivetran}}", {}, "use letters, digits, - and _"),
        ("instances: {A: {source: fivetran}, B: {source: fivetran}}", {}, "A and B read the same tables"),
        (
            "instances: {A-1: {source: fivetran, schema: a}, A_1: {source: fivetran, schema: b}}",
            {},
            "A-1 and A_1 are too much alike",
        ),
        ("instances: {A: {source: fivetran}}", {"schema": "a"}, "leave out --schema"),
        ("instances: {A: {source: fivetrn}}", {}, "did you mean 'fivetran'"),
    ],
)
def test_a_wrong_file_says_where_and_what(tmp_path, text, options, message):
    with pytest.raises(UsageError, match=message):
        run_report(f"duckdb:///{tmp_path}/none.duckdb", source=named(tmp_path, text), **options)


def test_a_mapping_is_found_beside_the_file(tmp_path):
    from superset_campaign_plugin.sources.instances import read_instances

    [instance] = read_instances(named(tmp_path, json.dumps({"instances": {"A": {"source": "ours.yaml"}}})), None)
    assert instance.source == str(tmp_path / "ours.yaml")

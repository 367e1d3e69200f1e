"""The same log in every loader's tables gives the same report, cell for cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from layouts import FORMS, JSON_MAPPING, LAYOUTS, MAPPING, airbyte, raw
from logs import CLOCKS, Log, Table, crowd
from oracle import assert_report, report

from superset_campaign_plugin.errors import SourceError, UsageError
from superset_campaign_plugin.report.relations import CAMPAIGN_COLUMNS, EMAIL_COLUMNS, PROGRAM_COLUMNS
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.sources import get_layout, layouts
from superset_campaign_plugin.sources.layout import Layout
from superset_campaign_plugin.sources.reader import bare_name

BY = ("workspace", "program", "campaign", "email", "day")


@pytest.fixture
def source(tmp_path: Path) -> Callable[[str], str]:
    """The value of --source for a layout."""
    mappings = {"custom": MAPPING, "raw": JSON_MAPPING}
    for name, text in mappings.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return lambda layout: str(tmp_path / f"{layout}.yaml") if layout in mappings else layout


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "rules", [Rules(), Rules(merge_people=False, leave_out_deleted=True, leave_out_bots=True)], ids=["default", "other"]
)
def test_every_layout_gives_the_same_report(warehouse, source, layout, rules):
    log = known_to(layout, get_layout(source(layout)), crowd(people=250, seed=5))
    warehouse.load(log, layout=LAYOUTS[layout])
    actual = warehouse.report(source=source(layout), as_of=CLOCKS[5], by=BY, rules=rules)
    assert_report(actual, report(log, as_of=CLOCKS[5], by=BY, rules=rules), BY)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_layout_gives_the_same_report(warehouse, source, form):
    """Names in capitals or after a prefix, merges that lie elsewhere, attributes within JSON."""
    name, tables = FORMS[form]
    log = crowd(people=250, seed=5)
    warehouse.load(log, layout=tables)
    actual = warehouse.report(source=source(name), as_of=CLOCKS[5], by=BY, rules=Rules(leave_out_bots=True))
    assert log.merges
    assert_report(actual, report(log, as_of=CLOCKS[5], by=BY, rules=Rules(leave_out_bots=True)), BY)


def known_to(name: str, layout: Layout, log: Log) -> Log:
    """What the loader's tables can hold of the log: one may lack merges, deletions, names, or the result of a send."""
    columns = {bare_name(column) for table in LAYOUTS[name](log) for column in table.columns}
    activities = log.activities
    if bare_name(layout.columns.result) not in columns:
        activities = [replace(activity, action_result=None) for activity in activities]
    return replace(
        log,
        activities=activities,
        merges=log.merges if layout.merges else [],
        deletions=log.deletions if layout.deletions else [],
        campaigns=log.campaigns if layout.campaigns else [],
        programs=log.programs if layout.programs else [],
        emails=log.emails if layout.emails else [],
    )


# How an engine makes of a text what it keeps objects in.
OBJECTS = {
    "duckdb": (
        "CAST(attributes AS JSON)",
        "CAST(CAST(attributes AS JSON) AS MAP(VARCHAR, VARCHAR))",
        'from_json(attributes, \'{"Link": "VARCHAR", "User Agent": "VARCHAR"}\')',
    ),
    "postgresql": ("CAST(attributes AS JSON)", "CAST(attributes AS JSONB)"),
    "hive": ("from_json(attributes, 'MAP<STRING, STRING>')", "from_json(attributes, 'STRUCT<Link: STRING>')"),
}


@pytest.mark.parametrize("engine", OBJECTS, indirect=True)
def test_an_object_is_read_whatever_holds_it(warehouse, tmp_path):
    """The click on a link of the plugin's own, and no other, is left out; what has no attributes has no link."""
    log = Log().send(1, 10, 100, "2024-03-01 10:00").send(1, 10, 101, "2024-03-01 10:00").send(1, 10, 102, "2024-03-01")
    log.click(1, 10, 100, "2024-03-01 11:00", link="https://example.com/?a=%22b%22&c='d'")
    log.click(1, 10, 101, "2024-03-01 11:00", link="mailto:somebody@example.com")
    log.click(1, 10, 102, "2024-03-01 11:00", link=None)
    warehouse.load(log, layout=raw)
    keep = "guid, kind, happened, lead, campaign, asset"
    for place, expression in enumerate(OBJECTS[warehouse.engine]):
        kind = "USING parquet " if warehouse.engine == "hive" else ""
        warehouse.execute(
            f"CREATE TABLE typed_{place} {kind}AS SELECT {keep}, {expression} AS attributes FROM raw_activities"
        )
        mapping = tmp_path / f"typed_{place}.yaml"
        mapping.write_text(
            "columns: {activity_id: guid, person_id: lead, activity_at: happened, campaign_id: campaign, "
            f"email_id: asset, activity_type: kind, link: attributes.Link}}\nevents:\n"
            f"  sent: {{table: typed_{place}, types: [6]}}\n  clicked: {{table: typed_{place}, types: [11]}}\n"
        )
        [row] = warehouse.records(source=str(mapping))
        assert (row["sent"], row["opened"], row["clicked_link"]) == (3, 3, 2), expression


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_no_figure_shows_is_named_right_too(source, name):
    """Without its id a repeated row counts as one of its own, and without its sync time a refresh reads too much."""
    layout, log = get_layout(source(name)), crowd(people=20, seed=5)
    tables = {table.name: {bare_name(column) for column in table.columns} for table in LAYOUTS[name](log)}
    for event in layout.events.values():
        columns = tables.get(event.table)
        assert columns is None or bare_name(layout.columns.activity_id) in columns
        assert (
            columns is None or not layout.columns.loaded_at or columns & set(map(bare_name, layout.columns.loaded_at))
        )


@pytest.mark.parametrize("name", layouts())
def test_every_layout_is_held_to_the_others_and_names_what_the_report_reads(name):
    layout = layouts()[name]
    assert name in LAYOUTS
    for table, known in (
        (layout.campaigns, CAMPAIGN_COLUMNS),
        (layout.programs, PROGRAM_COLUMNS),
        (layout.emails, EMAIL_COLUMNS),
    ):
        assert table is None or set(table.columns) <= set(known)


def test_a_nested_subject_is_read(warehouse):
    warehouse.load(Log().send(1, 10, 100, "2024-03-01 10:00").email(10, "Invitation"), layout=airbyte)
    [row] = warehouse.records(source="airbyte", where={"email_subject": ["Hello"]})
    assert row["sent"] == 1


def test_a_campaign_without_its_program_s_id_shows_the_program_s_name(warehouse):
    def layout(log: Log) -> list[Table]:
        return [*airbyte(log), Table("campaigns", {"id": "integer", "programName": "text"}, [(1, "Webinars")])]

    warehouse.load(Log().send(1, 10, 100, "2024-03-01 10:00"), layout=layout)
    [row] = warehouse.records(source="airbyte", by=["program"])
    assert (row["program_id"], row["program_name"]) == (None, "Webinars")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (
            ("sent: mail_sent", "sent: mail_snet"),
            SourceError,
            "'mail_snet'.* did you mean 'mail_sent'",
        ),
        (
            ("link: url", "link: urll"),
            SourceError,
            "'urll', which the table mail_log does not.* did you mean 'url'",
        ),
        (("activity_type: kind", "activity_type: kidn"), SourceError, "'kidn'.* did you mean 'kind'"),
        (("person_id: contact", "person_id: contcat"), SourceError, "'contcat'.* 'contact'"),
        (("newest: [changed]", "newest: [chnged]"), SourceError, "'chnged'.* did you mean 'changed'"),
        (("label", "lable"), SourceError, "'lable'.* did you mean 'label'"),
        (("result: outcome", "result: happened_to"), SourceError, "'happened_to'"),
        (("person_id: contact", ""), UsageError, "columns.person_id: Missing data"),
        (("sent: mail_sent", "sended: mail_sent"), UsageError, "events.sended"),
        (("sent: mail_sent", ""), UsageError, "what was sent"),
        (("link: url", "links: url"), UsageError, "columns.links: there is no .* did you mean 'link'"),
        (("campaigns:", "campaign:"), UsageError, "campaign: there is no .* did you mean 'campaigns'"),
        (("delivered: {table:", "delivered: {tabel:"), UsageError, "events.delivered.tabel: .* did you mean 'table'"),
        (("types: [7]", "types: [seven]"), UsageError, "events.delivered"),
        (("name: ours", "name: [ours"), UsageError, "is no YAML"),
    ],
)
def test_a_wrong_mapping_says_where_and_what(warehouse, tmp_path, wrong, error, text):
    warehouse.load(Log().send(1, 10, 100, "2024-03-01 10:00"), layout=LAYOUTS["custom"])
    mapping = tmp_path / "mapping.yaml"
    assert wrong[0] in MAPPING
    mapping.write_text(MAPPING.replace(*wrong))
    with pytest.raises(error, match=text):
        warehouse.report(source=str(mapping))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_mapping_that_is_not_there(warehouse):
    with pytest.raises(UsageError, match=r"nowhere\.yaml"):
        warehouse.report(source="nowhere.yaml")

"""The same log in every loader's tables gives the same report, cell for cell."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from layouts import FORMS, JSON_MAPPING, LAYOUTS, MAPPING, airbyte, raw, spelled
from logs import CLOCKS, Log, Table, crowd, fivetran_tables, utc, with_bounces, with_variants, write
from oracle import (
    assert_deliverability,
    assert_report,
    assert_timing,
    assert_variants,
    deliverability,
    report,
    timing,
    variants,
)

from superset_campaign_plugin.errors import SourceError, UsageError
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.report.relations import CAMPAIGN_COLUMNS, EMAIL_COLUMNS, PROGRAM_COLUMNS
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.reporting.doctor import run_doctor
from superset_campaign_plugin.sources import get_layout, layouts
from superset_campaign_plugin.sources.catalog import LiveCatalog
from superset_campaign_plugin.sources.layout import Layout
from superset_campaign_plugin.sources.prefix import with_prefix
from superset_campaign_plugin.sources.reader import bare_name
from superset_campaign_plugin.sources.recognise import recognise
from superset_campaign_plugin.warehouse import connect

BY = ("workspace", "program", "campaign", "email", "day")
TIMES = ("workspace", "email", "hour", "hours")
TESTED = ("campaign", "email", "variant")
REACHED = ("workspace", "domain", "reason")


@pytest.fixture
def source(tmp_path: Path) -> Callable[[str], str]:
    """The value of --source for a layout."""
    mappings = {"custom": MAPPING, "raw": JSON_MAPPING}
    for name, text in mappings.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return lambda layout: str(tmp_path / f"{layout}.yaml") if layout in mappings else layout


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "rules",
    [Rules(), Rules(people=People.MERGED, leave_out_deleted=True, leave_out_bots=True), Rules(people=People.HIDDEN)],
    ids=["default", "merged", "hidden"],
)
def test_every_layout_gives_the_same_report(warehouse, source, layout, rules):
    log = with_variants(with_bounces(crowd(people=250, seed=5), random.Random(5)), random.Random(6))
    log = known_to(layout, get_layout(source(layout)), log)
    warehouse.load(log, layout=LAYOUTS[layout])
    actual = warehouse.report(source=source(layout), as_of=CLOCKS[5], by=BY, rules=rules)
    assert_report(actual, report(log, as_of=CLOCKS[5], by=BY, rules=rules), BY)
    if rules.people is People.MERGED:  # once for each layout
        timed = warehouse.timing(source=source(layout), by=TIMES, rules=rules)
        assert_timing(timed, timing(log, by=TIMES, rules=rules), TIMES)
        reached = warehouse.deliverability(source=source(layout), as_of=CLOCKS[5], by=REACHED, rules=rules)
        assert_deliverability(reached, deliverability(log, as_of=CLOCKS[5], by=REACHED, rules=rules), REACHED)
        tested = warehouse.variants(source=source(layout), as_of=CLOCKS[5], by=TESTED, rules=rules)
        assert_variants(tested, variants(log, as_of=CLOCKS[5], by=TESTED, rules=rules), TESTED)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_layout_gives_the_same_report(warehouse, source, form):
    """Names in capitals or after a prefix, merges that lie elsewhere, attributes within JSON."""
    name, tables = FORMS[form]
    log = with_variants(with_bounces(crowd(people=250, seed=5), random.Random(5)), random.Random(6))
    warehouse.load(log, layout=tables)
    actual = warehouse.report(source=source(name), as_of=CLOCKS[5], by=BY, rules=Rules(leave_out_bots=True))
    assert log.merges
    assert_report(actual, report(log, as_of=CLOCKS[5], by=BY, rules=Rules(leave_out_bots=True)), BY)
    if form == "attributes as JSON":
        reached = warehouse.deliverability(source=source(name), as_of=CLOCKS[5], by=REACHED)
        assert_deliverability(reached, deliverability(log, as_of=CLOCKS[5], by=REACHED), REACHED)
        tested = warehouse.variants(source=source(name), as_of=CLOCKS[5], by=TESTED)
        assert_variants(tested, variants(log, as_of=CLOCKS[5], by=TESTED), TESTED)


def known_to(name: str, layout: Layout, log: Log) -> Log:
    """What the loader's tables can hold of the log: one may lack merges, deletions, names, or the result of a send."""
    columns = {bare_name(column) for table in LAYOUTS[name](log) for column in table.columns}
    activities = log.activities
    if bare_name(layout.columns.result) not in columns:
        activities = [replace(activity, action_result=None) for activity in activities]
    if bare_name(layout.columns.bounce_category) not in columns:
        activities = [activity._replace(category=None, details=None, address=None) for activity in activities]
    if bare_name(layout.columns.test_variant) not in columns:
        activities = [activity._replace(variant=None) for activity in activities]
    return replace(
        log,
        activities=activities,
        addresses=log.addresses if layout.addresses else [],
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
@pytest.mark.on_spark
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
        (("name: ours", "name: [ours"), UsageError, "is not valid YAML"),
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


SEND = Log().send(1, 10, 100, "2024-03-01 10:00")
EMAILS = ("emails", "marketo_email", "mails")


def versions(*emails: tuple[str, str | None, str]) -> Callable[[Log], list[Table]]:
    """Fivetran's tables with these versions of email 10: subject, status, day of the change."""
    columns = {"id": "integer", "name": "text", "subject": "text", "status": "text", "updated_at": "time"}

    def tables(log: Log) -> list[Table]:
        rows = [(10, f"{subject}'s name", subject, status, utc(day)) for subject, status, day in emails]
        return [*fivetran_tables(log), Table("email_template_history", columns, rows)]

    return tables


@pytest.mark.parametrize(
    ("found", "right"),
    [
        ([("sale", "approved", "2024-01-01"), ("unfinished", "draft", "2024-03-01")], "sale"),
        (
            [("old", "approved", "2024-01-01"), ("sale", "Approved ", "2024-02-01"), ("no", "draft", "2024-03-01")],
            "sale",
        ),
        ([("first", "draft", "2024-01-01"), ("second", "draft", "2024-03-01")], "second"),
        ([("sale", "approved", "2024-01-01"), ("no", None, "2024-03-01"), ("no", "", "2024-03-02")], "sale"),
        ([("old", None, "2024-01-01"), ("new", None, "2024-03-01")], "new"),
    ],
)
def test_people_were_sent_the_approved_version(warehouse, found, right):
    """The preview has the same one: `pull-emails` asks for a draft only where there is nothing else."""
    warehouse.load(SEND, layout=versions(*found))
    [row] = warehouse.records(by=["email"], where={"email_subject": [right]})
    assert row["email_name"] == f"{right}'s name"


@pytest.mark.parametrize("source_name", ["airbyte", "bulk", "custom"])
def test_every_table_of_emails_may_tell_its_approved_versions(warehouse, tmp_path, source_name):
    [emails] = [table for table in LAYOUTS[source_name](Log().email(10, "Sent")) if table.name in EMAILS]
    changed = {"changed", "updatedAt", "updated_at"} & emails.columns.keys()
    columns = {"status" if name in ("workspace", "team") else name: kind for name, kind in emails.columns.items()}
    rows = [
        tuple({"status": status, "name": name, "label": name, **dict.fromkeys(changed, utc(day))}.get(own, value)
              for own, value in zip(columns, row, strict=True))
        for row in emails.rows
        for status, name, day in (("approved", "Sent", "2024-01-01"), ("draft", "Unfinished", "2024-03-01"))
    ]  # fmt: skip
    others = [table for table in LAYOUTS[source_name](SEND) if table.name not in EMAILS]
    warehouse.load(SEND, layout=lambda _: [*others, Table(emails.name, columns, rows)])
    mapping = tmp_path / "with_status.yaml"
    mapping.write_text(
        MAPPING.replace(
            "mails, id: number, name: label, workspace: team", "mails, id: number, name: label, status: status"
        )
    )
    name = str(mapping) if source_name == "custom" else source_name
    [row] = warehouse.records(source=name, by=["email"])
    assert row["email_name"] == "Sent"


@pytest.mark.parametrize("engine", ["duckdb", "postgresql", "mysql"], indirect=True)
def test_of_two_spellings_the_layout_s_own_goes_first(warehouse):
    """DuckDB holds one of them alone, SQLite too."""
    both = [*fivetran_tables(SEND)]
    if warehouse.engine != "duckdb":
        both += spelled(fivetran_tables, str.upper)(Log())
    warehouse.load(SEND, layout=lambda _: both)
    assert [row["sent"] for row in warehouse.records()] == [1]


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"], indirect=True)
def test_a_column_is_found_under_marketo_s_own_name_for_it(warehouse):
    named = spelled(
        LAYOUTS["lakeflow"], str, lambda own: {"action_result": "Action Result", "link": "Link"}.get(own, own)
    )
    log = Log().send(1, 10, 100, "2024-03-01").send(1, 10, 101, "2024-03-01", result="skipped")
    warehouse.load(log.click(1, 10, 100, "2024-03-02", link="mailto:x@example.com"), layout=named)
    [row] = warehouse.records(source="lakeflow")
    assert (row["sent"], row["clicked_link"]) == (1, 0)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("tables", "source_name", "words"),
    [
        (
            "marketo__activities_send_email",
            "airbyte",
            "there is marketo__activities_send_email, so give --table-prefix marketo__",
        ),
        ("X_ACTIVITY_SEND_EMAIL", "fivetran", "there is X_ACTIVITY_SEND_EMAIL, so give --table-prefix X_"),
        ("a_activity_send_email b_activity_send_email", "fivetran", "--table-prefix a_ or --table-prefix b_"),
        ("activity_send_email", "fivetran:marketo_", "there is activity_send_email, so give no --table-prefix"),
        (
            "activity_send_email_old",
            "fivetran",
            "there is activity_send_email_old, which a mapping of your own can name",
        ),
        ("marketo_activity", "fivetran", "there are the tables of bulk, so check --source"),
        ("ACTIVITIES_SEND_EMAIL", "fivetran", "there are the tables of airbyte or singer, so check --source"),
        ("other", "fivetran", "the fivetran layout needs it; check --source and --schema"),
    ],
)
def test_a_table_that_is_not_there_is_told_with_the_nearest_ones(warehouse, tables, source_name, words):
    warehouse.load(SEND, layout=lambda _: [Table(name, {"id": "integer"}, []) for name in tables.split()])
    with pytest.raises(SourceError, match=re.escape(words)):
        warehouse.report(source=source_name)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_mapping_s_tables_may_have_another_prefix(warehouse, tmp_path):
    warehouse.load(SEND, layout=spelled(raw, lambda name: name.replace("raw_", "crm_")))
    mapping = tmp_path / "mapping.yaml"
    for text, words in ((JSON_MAPPING, "give table_prefix: crm_"), (JSON_MAPPING.replace("raw_", "crm_"), "")):
        mapping.write_text(text)
        if words:
            with pytest.raises(SourceError, match=words):
                warehouse.report(source=str(mapping))
        else:
            assert [row["sent"] for row in warehouse.records(source=str(mapping))] == [1]


@pytest.mark.parametrize("prefix", ["a b", "a;b", "a'b", "a.b", "{{x}}"])
def test_what_begins_no_table_s_name_is_no_prefix(prefix):
    with pytest.raises(UsageError, match="not a valid prefix of tables' names"):
        with_prefix("airbyte", prefix)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_each_instance_may_have_its_prefix(warehouse, source, tmp_path):
    """In one schema, also by one mapping, whose own prefix the file's goes before."""
    warehouse.load(SEND, layout=spelled(airbyte, lambda name: f"emea_{name}"))
    for number, layout in enumerate((spelled(airbyte, lambda name: f"japan_{name}"), raw), start=2):
        log = Log()
        for person in range(number):
            log.send(1, 10, person, "2024-03-01")
        write(log, warehouse.uri, layout=layout)
    write(SEND, warehouse.uri, layout=spelled(raw, lambda name: name.replace("raw_", "other_")))
    file = tmp_path / "instances.yaml"
    file.write_text(
        "instances:\n  EMEA: {source: airbyte, table_prefix: emea_}\n  Japan: {source: airbyte, table_prefix: japan_}\n"
        "  Raw: {source: raw.yaml}\n  Other: {source: raw.yaml, table_prefix: other_}\n"
    )
    found = {row["source_name"]: row["sent"] for row in warehouse.records(source=str(file), by=["source"])}
    assert found == {"EMEA": 1, "Japan": 2, "Raw": 3, "Other": 1}
    with pytest.raises(UsageError, match="leave out --table-prefix"):
        warehouse.report(source=with_prefix(str(file), "x_"))


@pytest.mark.parametrize("engine", ["duckdb", "sqlite", "postgresql", "mysql"], indirect=True)
@pytest.mark.parametrize("form", ["merged ids in a table", "merged people beside merges", "attributes as JSON"])
def test_every_dataset_and_what_is_stored_of_a_form(warehouse, source, form):
    """The doctor's query is the largest, and what a refresh stores gives the numbers of the log."""
    name, tables = FORMS[form]
    log = crowd(people=60, seed=5)
    warehouse.load(log, layout=tables)
    asked = {"source": source(name), "as_of": CLOCKS[5], "by": BY}
    right = report(log, as_of=CLOCKS[5], by=BY)
    merges = [each for each in run_doctor(warehouse.uri, source=source(name)) if each.about == "merges"]
    assert sum(each.found for each in merges) >= len(log.merges)
    refresh(warehouse.uri, source=source(name))
    assert_report(warehouse.report(**asked, facts=StoredSource("campaign_report")), right, BY)


RECOGNISED = {
    **{name: ((LAYOUTS[name],), name) for name in LAYOUTS if name != "custom"},
    "singer where it cannot nest": ((FORMS["merged ids in a table"][1],), "singer"),
    "capitals": ((FORMS["in capitals"][1],), "fivetran"),
    "fivetran beside another": ((fivetran_tables, airbyte), "fivetran"),
}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("case", RECOGNISED)
def test_the_layout_is_known_by_its_tables(warehouse, case):
    layouts_there, right = RECOGNISED[case]
    warehouse.load(SEND, layout=lambda log: [table for layout in layouts_there for table in layout(log)])
    assert recognised(warehouse) == right


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "custom"])
def test_the_layout_is_known_after_a_prefix(warehouse, name):
    warehouse.load(SEND, layout=spelled(LAYOUTS[name], lambda own: f"x__{own}"))
    assert recognised(warehouse, "x__") == f"{name}:x__"
    with pytest.raises(SourceError, match=f"for .*{name}.* give --table-prefix x__"):
        recognised(warehouse)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("there", "words"),
    [
        (
            (airbyte, LAYOUTS["bulk"]),
            r"several layouts: airbyte \(activities_send_email\), bulk \(marketo_activity\); say",
        ),
        ((raw,), "looked for activities_send_email, marketo_activity, activity_send_email, activity_6; check"),
    ],
)
def test_what_is_not_clear_is_asked(warehouse, there, words):
    warehouse.load(SEND, layout=lambda log: [table for layout in there for table in layout(log)])
    with pytest.raises(SourceError, match=words):
        recognised(warehouse)


def recognised(warehouse, prefix: str | None = None) -> str:
    with connect(warehouse.uri) as (connection, engine):
        return recognise(LiveCatalog(connection, engine, None), prefix)

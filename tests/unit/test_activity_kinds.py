"""The one table of the log is whole, and what is told of it elsewhere follows from it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import yaml

from superset_campaign_plugin.load.extract import STORED_TYPES, Activity
from superset_campaign_plugin.load.store import activity_table
from superset_campaign_plugin.report.activity_kinds import (
    ATTRIBUTES,
    DELETE_TYPES,
    KINDS,
    LOG_COLUMNS,
    MERGE_TYPES,
    ActivityColumns,
    EventKind,
    Happening,
    Status,
)
from superset_campaign_plugin.report.checks import CHECKS, effect_of
from superset_campaign_plugin.report.quality import QUERIES
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.custom import load_mapping


def test_every_kind_has_a_row_a_bit_and_an_effect() -> None:
    assert list(KINDS) == list(EventKind)
    for names in ([own.number for own in KINDS.values()], [own.table for own in KINDS.values()]):
        assert len(set(names)) == len(names)
    for kind in EventKind:
        assert Happening[kind.name].value.bit_count() == 1
        assert bool(effect_of(kind, Rules())) == (kind is not EventKind.SENT)
    assert {0} == {one & other for one in Happening for other in Happening if one is not other}


def test_load_stores_every_kind_and_every_attribute() -> None:
    assert {own.number for own in KINDS.values()} | {*MERGE_TYPES, *DELETE_TYPES} == STORED_TYPES
    assert Activity._fields[-len(ATTRIBUTES) :] == ATTRIBUTES
    assert tuple(activity_table().columns.keys()) == (*Activity._fields, "loaded_at")


def test_a_mapping_can_name_every_kind_and_every_column(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    columns = {column.name: f"our_{column.name}" for column in LOG_COLUMNS}
    events = {kind.name.lower(): {"table": f"our_{kind.name}", "types": [own.number]} for kind, own in KINDS.items()}
    file.write_text(yaml.safe_dump({"columns": columns, "events": events}))
    layout = load_mapping(str(file))
    assert {kind: (table.table, *table.types) for kind, table in layout.events.items()} == {
        kind: (f"our_{kind.name}", own.number) for kind, own in KINDS.items()
    }
    assert [name for column in LOG_COLUMNS for name in layout.columns.names_of(column)] == list(columns.values())
    assert len(columns) == len(fields(ActivityColumns))


def test_every_status_is_a_metric_of_the_report() -> None:
    sums = {metric.sum: metric.title for metric in load_semantics().metrics}
    assert {status.rollup_column: sums[status.rollup_column] for status in Status} == {
        status.rollup_column: status.value for status in Status
    }


def test_every_check_of_doctor_has_one_query() -> None:
    assert sorted(check.finding for checks, _ in QUERIES for check in checks) == sorted(
        check.finding for check in CHECKS
    )

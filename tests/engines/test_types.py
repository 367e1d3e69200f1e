"""Whatever type and spelling a column has, its values are read right, or one sentence names table, column and example.

`ROUNDS=200 pytest tests/engines/test_types.py` is the long run; `make test` has a few rounds.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layouts import LAYOUTS, MAPPING
from logs import CLOCKS, Log, random_logs
from oracle import assert_report, report
from test_layouts import known_to
from typed import canonical, kind_of, write_typed, wrong_forms

from superset_campaign_plugin.errors import SourceError
from superset_campaign_plugin.report.checks import MERGES, ROWS, UNREADABLE
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.reporting.doctor import Finding, run_doctor
from superset_campaign_plugin.sources import get_layout
from superset_campaign_plugin.sources.layout import Layout

pytestmark = pytest.mark.on_every_engine

ROUNDS = {"duckdb": 10, "sqlite": 12, "postgresql": 6, "mysql": 6, "hive": 1}
BY = ("workspace", "program", "campaign", "email", "day")
# Only by this choice do the lists of merged people count.
RULES = Rules(people=People.MERGED)
SOURCE_KINDS = {
    "send": "sent",
    "deliver": "delivered",
    "bounce": "hard bounced",
    "soft_bounce": "soft bounced",
    "open": "opened",
    "click": "clicked",
    "unsubscribe": "unsubscribed",
}


def rounds(engine: str) -> int:
    """Spark takes half a minute for one, so the long run has a tenth of them there."""
    asked = int(os.environ.get("ROUNDS", ROUNDS[engine]))
    return max(1, asked // 10) if engine == "hive" else asked


def at_midnight(log: Log) -> Log:
    """The log of a loader that keeps days only."""

    def cut(moment: datetime) -> datetime:
        return moment.replace(hour=0, minute=0, second=0, microsecond=0)

    return replace(
        log,
        activities=[activity._replace(time=cut(activity.time)) for activity in log.activities],
        merges=[merge._replace(time=cut(merge.time)) for merge in log.merges],
    )


def check_doctor(findings: list[Finding], log: Log, layout: Layout) -> None:
    """The rows of each kind and the merges are those of the log, and nothing is said to be unreadable."""
    by_check = {(each.finding, each.about): each.found for each in findings}
    for kind, about in SOURCE_KINDS.items():
        sent = [each for each in log.activities if each.kind == kind]
        if kind == "send":
            sent = [each for each in sent if (each.action_result or "").strip().lower() not in ("skipped", "failed")]
        assert by_check.get((ROWS.finding, about), 0) == len(sent)
    if layout.merges:
        assert by_check.get((MERGES.finding, "merges"), 0) == len(log.merges)
    assert not [each for each in findings if each.finding == UNREADABLE.finding and each.found]


@pytest.mark.on_spark
def test_any_types(warehouse: Any, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING)

    @settings(
        max_examples=rounds(warehouse.engine),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(
        log=random_logs(max_size=20),
        name=st.sampled_from(sorted(LAYOUTS)),
        midnight=st.booleans(),
        seed=st.integers(0, 2**32),
        clock=st.sampled_from(CLOCKS),
    )
    def read_right(log: Log, name: str, midnight: bool, seed: int, clock: datetime) -> None:
        source = str(mapping) if name == "custom" else name
        layout = get_layout(source)
        log = known_to(name, layout, at_midnight(log) if midnight else log)
        tables = list(LAYOUTS[name](log))
        warehouse.clear()
        chosen = write_typed(tables, warehouse.uri, warehouse.engine, random.Random(seed))
        try:
            found = warehouse.report(source=source, as_of=clock, by=BY, rules=RULES)
            assert_report(found, report(log, as_of=clock, by=BY, rules=RULES), BY)
            check_doctor(run_doctor(warehouse.uri, source=source, as_of=clock, rules=RULES), log, layout)
        except Exception as error:
            types = {f"{table}.{column}": (form.type, form.spell.__name__) for (table, column), form in chosen.items()}
            error.add_note(f"{name}: {types}") if hasattr(error, "add_note") else None
            raise

    read_right()


def test_what_is_refused_is_named(warehouse: Any, tmp_path: Path) -> None:
    """An id or time of the log in a form that cannot be read: the error holds table, column and one of the values."""
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(MAPPING)

    @settings(
        max_examples=max(1, rounds(warehouse.engine) // 2),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(
        log=random_logs(max_size=20),
        name=st.sampled_from(sorted(LAYOUTS)),
        seed=st.integers(0, 2**32),
        wrong=st.sampled_from(wrong_forms(warehouse.engine)),
    )
    def named(log: Log, name: str, seed: int, wrong: Any) -> None:
        rng = random.Random(seed)
        source = str(mapping) if name == "custom" else name
        layout = get_layout(source)
        log = known_to(name, layout, log)
        names = layout.columns
        strict = {names.activity_at} if wrong.kind == "time" else {names.person_id, names.campaign_id, names.email_id}
        strict = {column.lower().replace("_", "") for column in strict}
        log_tables = {event.table for event in layout.events.values()}
        tables = list(LAYOUTS[name](log))
        places = [
            (table.name, column)
            for table in tables
            if table.name in log_tables
            for place, column in enumerate(table.columns)
            if column.lower().replace("_", "") in strict
            and any(
                canonical(kind_of(column, table.columns[column]), row[place]) is not None
                for row in table.rows
                if name != "bulk" or row[1] not in (32, 37)
            )
        ]
        if not places:
            return
        table, column = rng.choice(places)
        warehouse.clear()
        write_typed(tables, warehouse.uri, warehouse.engine, rng, (table, column, wrong.form))
        for run in (warehouse.report, lambda **asked: run_doctor(warehouse.uri, **asked)):
            with pytest.raises(SourceError) as caught:
                run(source=source, as_of=CLOCKS[0], rules=RULES)
            message = str(caught.value)
            assert f"column {column} of table {table} holds '" in message
            assert len(message.splitlines()) == 1

    named()

"""Stored tables are what a full computation gives, whatever came in, in whatever order, whoever was killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from layouts import airbyte, bulk
from logs import (
    CLOCKS,
    WRITABLE,
    Activity,
    Log,
    Table,
    append,
    crowd,
    random_logs,
    utc,
    with_hours,
    with_variants,
    write,
)
from oracle import assert_report, assert_timing, assert_variants, report, timing, variants

from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.errors import RefreshError
from superset_campaign_plugin.refresh import plan
from superset_campaign_plugin.refresh.place import stored_uri
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.session import open_session
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.refresh.tables import COLUMNS, DEFAULT_SCHEMA, STATE, tables_of
from superset_campaign_plugin.report.rules import People, Rules

# Rounds of the property test; `ROUNDS=200 make test ARGS=tests/soundness/test_refresh.py` runs that many on each.
ROUNDS = {"duckdb": 12, "sqlite": 12, "postgresql": 8, "mysql": 8, "hive": 2}
MUTATED = {"duckdb": 3, "sqlite": 6, "postgresql": 3, "mysql": 2}
PLANS = {"duckdb": 3, "sqlite": 3, "postgresql": 3, "mysql": 2, "hive": 1}
KILLS = 6
BY = ("campaign", "email", "day")
writable = pytest.mark.parametrize("engine", WRITABLE, indirect=True)
DAY = "2024-03-01 10:00"
LONG_AFTER = utc("2026-01-01")


def rounds(engine: str, usual: int) -> int:
    return int(os.environ.get("ROUNDS", usual))


def without_sync_times(log: Log, _: datetime) -> Iterator[Table]:
    """A loader that keeps no time of its own: only days tell what is new."""
    for table in airbyte(log, always=True):
        keep = [place for place, name in enumerate(table.columns) if name != "_airbyte_extracted_at"]
        names = list(table.columns)
        columns = {names[place]: table.columns[names[place]] for place in keep}
        yield Table(table.name, columns, [tuple(row[place] for place in keep) for row in table.rows])


def with_sync_times(log: Log, loaded: datetime) -> Iterator[Table]:
    """A loader that keeps a time of its own, with the variants of tested emails."""
    for table in bulk(log, loaded):
        if table.name == "marketo_activity":
            variants = [activity.variant for activity in log.activities]
            variants += [None] * (len(table.rows) - len(variants))  # merges and deletions
            rows = [(*row, variant) for row, variant in zip(table.rows, variants, strict=True)]
            table = table._replace(columns={**table.columns, "test_variant": "integer"}, rows=rows)
        yield table


LOADERS: dict[str, tuple[str, Callable[[Log, datetime], Iterator[Table]]]] = {
    "sync times": ("bulk", with_sync_times),
    "days alone": ("airbyte", without_sync_times),
}


def stored_rows(warehouse: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the stored tables that do not depend on when they were stored."""
    engine = sa.create_engine(stored_uri(warehouse.uri), poolclass=sa.pool.NullPool)
    schema = f"{DEFAULT_SCHEMA}." if get_engine(warehouse.engine).schemas else ""
    with engine.connect() as connection:
        return {
            name: sorted(
                map(tuple, connection.execute(sa.text(f"SELECT {', '.join(COLUMNS[name])} FROM {schema}{name}"))),
                key=repr,
            )
            for name in tables_of(get_engine(warehouse.engine))
            if name != STATE
        }


def load(warehouse: Any, log: Log, tables: Callable[[Log, datetime], Iterator[Table]], number: int) -> None:
    """What one run of the loader adds; each is later than the one before."""
    append(tables(log, utc("2024-07-01") + timedelta(hours=6 * number)), warehouse.uri)


# ---------------------------------------------------------------------------------------------------------------
# Any batches


@st.composite
def batches(draw: st.DrawFn) -> list[Log]:
    """A random log in up to four parts, in any order; some of the rows come again in a later part."""
    log = with_hours(draw(random_logs(max_size=60)))
    count = draw(st.integers(1, 4))
    parts = [Log() for _ in range(count)]
    seed = draw(st.integers(0, 2**16))
    rng = random.Random(seed)
    log = with_variants(log, rng)
    for kind in ("activities", "campaigns", "programs", "emails", "merges", "deletions"):
        for row in getattr(log, kind):
            first = rng.randrange(count)
            getattr(parts[first], kind).append(row)
            if rng.randrange(4) == 0:
                getattr(parts[rng.randrange(first, count)], kind).append(row)
    return parts


def together(parts: list[Log]) -> Log:
    whole = Log()
    for part in parts:
        for kind in ("activities", "campaigns", "programs", "emails", "merges", "deletions"):
            getattr(whole, kind).extend(getattr(part, kind))
    return whole


@pytest.mark.on_every_engine
@pytest.mark.parametrize("loader", LOADERS)
def test_any_batches_end_as_one_computation_does(warehouse, loader):
    source, tables = LOADERS[loader]

    @settings(
        max_examples=rounds(warehouse.engine, ROUNDS[warehouse.engine]) // 2,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(
        parts=batches(),
        rules=st.builds(
            Rules, people=st.sampled_from(People), leave_out_deleted=st.booleans(), leave_out_bots=st.booleans()
        ),
        clock=st.sampled_from(CLOCKS),
    )
    def equal(parts, rules, clock):
        warehouse.clear()
        modes = []
        for number, part in enumerate(parts):
            load(warehouse, part, tables, number)
            modes.append(refresh(warehouse.uri, source=source, rules=rules))
        assert modes[0].mode == "full"
        # Only once: from then on all sends are kept.
        first = "the first activities without a campaign came in"
        assert [each.reason for each in modes[1:] if each.mode == "full"] in ([], [first])
        kept = stored_rows(warehouse)
        facts = StoredSource(DEFAULT_SCHEMA)
        actual = warehouse.report(source=source, as_of=clock, by=BY, rules=rules, facts=facts)
        assert_report(actual, report(together(parts), as_of=clock, by=BY, rules=rules), BY)
        # With the clock running it is the view that answers.
        viewed = warehouse.report(source=source, by=BY, rules=rules, facts=facts)
        assert_report(viewed, report(together(parts), as_of=LONG_AFTER, by=BY, rules=rules), BY)
        by = (*BY, "hour", "hours")
        timed = warehouse.timing(source=source, by=by, rules=rules, facts=facts)
        assert_timing(timed, timing(together(parts), by=by, rules=rules), by)
        compared = ("campaign", "email", "variant")
        tested = warehouse.variants(source=source, as_of=clock, by=compared, rules=rules, facts=facts)
        assert_variants(tested, variants(together(parts), as_of=clock, by=compared, rules=rules), compared)
        refresh(warehouse.uri, source=source, rules=rules, full=True)
        assert stored_rows(warehouse) == kept

    equal()


# ---------------------------------------------------------------------------------------------------------------
# Rows that change or go

# What somebody may do to a log; {table}, {person} and {link} are the loader's names.
MUTATIONS = (
    "UPDATE {table} SET {person} = 100 WHERE {person} = 200",
    "UPDATE {table} SET {person} = 300 - {person} WHERE {person} < 300",
    "UPDATE {table} SET link = 'https://example.com/other' WHERE {person} = 100",
    "DELETE FROM {table} WHERE {person} = 100",
    "INSERT INTO {table} SELECT * FROM {table} WHERE {person} = 200",
    "",
)
OF_SYNC_TIMES = (
    "UPDATE {table} SET loaded_at = '2024-09-01', {person} = 77 WHERE {person} = 200",
    "UPDATE {table} SET loaded_at = '2024-06-01' WHERE {person} = 100",
    "DELETE FROM {table} WHERE loaded_at < '2024-07-01 03:00'",
)


@pytest.mark.on_every_engine
@pytest.mark.parametrize("loader", LOADERS)
@writable
def test_a_verified_refresh_ends_as_one_computation_does(warehouse, loader):
    """Whatever was changed in place, taken out, or stamped long before the newest, beside what came in."""
    source, tables = LOADERS[loader]
    names = {"bulk": ("marketo_activity", "lead_id"), "airbyte": ("activities_click_email", "leadId")}[source]
    table, person = (
        sa.engine.make_url(warehouse.uri).get_dialect()().identifier_preparer.quote(each) for each in names
    )
    possible = (*MUTATIONS, *(OF_SYNC_TIMES if source == "bulk" else ()))

    @settings(
        max_examples=rounds(warehouse.engine, MUTATED[warehouse.engine]),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(
        parts=batches(),
        mutations=st.lists(st.sampled_from(possible), min_size=1, max_size=2),
        hours=st.sampled_from([-200, -1, 100]),
        refreshed=st.booleans(),
        people=st.sampled_from(People),
    )
    def equal(parts, mutations, hours, refreshed, people):
        warehouse.clear()
        rules = Rules(people=people)
        # Of everything something is there, so that no table is missing.
        load(warehouse, Log().send(1, 10, 100, DAY).click(1, 10, 100, DAY), tables, 0)
        for number, part in enumerate(parts[:-1]):
            load(warehouse, part, tables, number)
        refresh(warehouse.uri, source=source, rules=rules)
        warehouse.execute(*(each.format(table=table, person=person) for each in mutations if each))
        load(warehouse, parts[-1], lambda log, moment: tables(log, moment + timedelta(hours=hours)), 0)
        if refreshed:
            refresh(warehouse.uri, source=source, rules=rules)
        refresh(warehouse.uri, source=source, rules=rules, verify=True)
        kept = stored_rows(warehouse)
        again = refresh(warehouse.uri, source=source, rules=rules, verify=True)
        assert (again.mode, again.found) == ("unchanged", [])
        refresh(warehouse.uri, source=source, rules=rules, full=True)
        assert stored_rows(warehouse) == kept

    equal()


def of_day(log: Log, hours: float) -> Iterator[Table]:
    return bulk(log, utc("2024-07-01") + timedelta(hours=hours))


THE_CLICK = "marketo_activity {} WHERE activity_type_id = 11 AND lead_id = 100"


@writable
@pytest.mark.parametrize(
    ("clicked", "change", "late", "by_itself", "found"),
    [
        (0, "DELETE FROM " + THE_CLICK.format(""), -1, "full", []),
        (0, "UPDATE " + THE_CLICK.format("SET lead_id = 101"), None, "full", []),
        (
            -48,
            "UPDATE " + THE_CLICK.format("SET lead_id = 101, loaded_at = '2024-07-02'"),
            None,
            "incremental",
            ["clicked, rows of 2024-03-01: 1 fewer than were read"],
        ),
        (0, "", -25, "unchanged", ["opened, rows of 2024-03-01: 1 more than were read"]),
        (
            -48,
            "DELETE FROM " + THE_CLICK.format(""),
            2,
            "incremental",
            ["clicked, rows of 2024-03-01: 1 fewer than were read"],
        ),
    ],
    ids=["gone beside a late one", "changed", "changed with a new sync time", "late by more than a day", "gone of old"],
)
def test_what_a_refresh_sees_and_what_a_verification_sees(warehouse, clicked, change, late, by_itself, found):
    """Rows of the last day that go or change are seen at once; what lies further back is for --verify to see.

    activity    person  sync time             then
    two sends   100,101 2024-07-01 00:00
    an open     101     2024-07-01 00:00
    a click     101     2024-07-01 00:00
    a click     100     `clicked` hours later  it goes, or is changed
    an open     100                            it comes, stamped `late` hours after the newest sync time
    """
    begun = Log().send(1, 10, 100, DAY).send(1, 10, 101, DAY).open(1, 10, 101, DAY).click(1, 10, 101, DAY)
    append(of_day(begun, 0), warehouse.uri)
    append(of_day(Log([Activity("click", 9, utc(DAY), 1, 10, 100)]), clicked), warehouse.uri)
    refresh(warehouse.uri, source="bulk")
    if change:
        warehouse.execute(change)
    if late is not None:
        append(of_day(Log([Activity("open", 8, utc(DAY), 1, 10, 100)]), late), warehouse.uri)
    seen = refresh(warehouse.uri, source="bulk")
    assert seen.mode == by_itself
    verified = refresh(warehouse.uri, source="bulk", verify=True)
    assert verified.found == found
    assert verified.mode == ("full" if found else "unchanged")
    kept = stored_rows(warehouse)
    refresh(warehouse.uri, source="bulk", full=True)
    assert stored_rows(warehouse) == kept


# ---------------------------------------------------------------------------------------------------------------
# What a refresh does


def small(people: int = 40) -> Log:
    return crowd(people=people, seed=3)


@pytest.mark.parametrize("loader", LOADERS)
def test_a_second_refresh_has_nothing_to_do(warehouse, loader):
    source, tables = LOADERS[loader]
    load(warehouse, small(), tables, 0)
    assert refresh(warehouse.uri, source=source).mode == "full"
    before = stored_rows(warehouse)
    summary = refresh(warehouse.uri, source=source)
    assert (summary.mode, summary.pairs) == ("unchanged", 0)
    assert stored_rows(warehouse) == before


def test_only_what_is_new_is_computed(warehouse):
    load(warehouse, small(), bulk, 0)
    refresh(warehouse.uri, source="bulk")
    load(warehouse, Log([Activity("send", 90_001, utc(DAY), 1, 10, 9_001)]), bulk, 1)
    summary = refresh(warehouse.uri, source="bulk")
    assert (summary.mode, summary.pairs, sum(summary.new_rows.values())) == ("incremental", 1, 1)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_everything_is_computed_where_that_is_cheaper(warehouse, monkeypatch):
    """From a share of new rows on; a few rows are merged whatever the share."""
    load(warehouse, small(), bulk, 0)
    refresh(warehouse.uri, source="bulk")
    load(warehouse, Log([Activity("send", 90_001, utc(DAY), 1, 10, 9_001)]), bulk, 1)
    assert refresh(warehouse.uri, source="bulk").mode == "incremental"
    more = crowd(people=40, seed=4)
    more.activities = [each._replace(id=each.id + 10_000) for each in more.activities]
    load(warehouse, more, bulk, 2)
    assert refresh(warehouse.uri, source="bulk", dry_run=True).mode == "incremental"
    monkeypatch.setattr(plan, "_MERGED_ANYHOW", 10)
    summary = refresh(warehouse.uri, source="bulk")
    assert (summary.mode, summary.reason) == (
        "full",
        "so many rows came in that to compute everything anew is quicker",
    )


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"], indirect=True)
def test_records_made_in_parts_are_those_made_at_once(warehouse, monkeypatch):
    engine = get_engine(warehouse.engine)

    @settings(max_examples=rounds(warehouse.engine, 6), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(log=random_logs(max_size=60), parts=st.integers(2, 9))
    def equal(log, parts):
        warehouse.clear()
        load(warehouse, log, bulk, 0)
        monkeypatch.setattr(engine, "rows_at_once", None)
        refresh(warehouse.uri, source="bulk")
        at_once = stored_rows(warehouse)
        monkeypatch.setattr(engine, "rows_at_once", max(1, len(log.activities) // parts))
        refresh(warehouse.uri, source="bulk", full=True)
        assert stored_rows(warehouse) == at_once

    equal()


def test_rows_that_the_loader_committed_late_are_found(warehouse):
    """Stamped before the newest, and seen only after."""
    load(warehouse, Log().send(1, 10, 100, DAY), bulk, 1)
    refresh(warehouse.uri, source="bulk")
    load(warehouse, Log([Activity("open", 2, utc(DAY), 1, 10, 100)]), bulk, 0)
    load(warehouse, Log([Activity("send", 3, utc(DAY), 1, 10, 101)]), bulk, 0)
    assert refresh(warehouse.uri, source="bulk").mode == "incremental"
    [row] = warehouse.records(source="bulk", by=[], facts=StoredSource(DEFAULT_SCHEMA))
    assert (row["sent"], row["opened"]) == (2, 1)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Log().open(1, 10, 100, DAY), Log([Activity("send", 2, utc(DAY), 1, 10, 100)]), (1, 1)),
        (
            Log().send(1, 10, 100, DAY).open(None, 10, 100, "2024-03-05 10:00"),
            Log([Activity("send", 3, utc("2024-03-04 10:00"), 2, 10, 100)]),
            (2, 1),
        ),
    ],
    ids=["a late send", "a late send takes an open over"],
)
def test_what_came_late_is_put_right(warehouse, before, after, expected):
    load(warehouse, before, bulk, 0)
    refresh(warehouse.uri, source="bulk")
    load(warehouse, after, bulk, 1)
    assert refresh(warehouse.uri, source="bulk").mode == "incremental"
    [row] = warehouse.records(source="bulk", by=[], facts=StoredSource(DEFAULT_SCHEMA))
    assert (row["sent"], row["opened"]) == expected


BOTH_SENT = Log().send(1, 10, 100, DAY).send(1, 10, 101, DAY).open(1, 10, 101, DAY)
ORPHAN = Log().send(1, 10, 100, DAY).open(1, 10, 101, DAY)


@pytest.mark.parametrize(
    ("people", "before", "after", "mode", "expected"),
    [
        (People.AS_SENT, BOTH_SENT, Log().merge(100, 101), "unchanged", (2, 1)),
        (People.MERGED, BOTH_SENT, Log().merge(100, 101), "incremental", (1, 1)),
        (People.MERGED, ORPHAN, Log().merge(100, 101), "incremental", (1, 1)),
        (People.HIDDEN, BOTH_SENT, Log().merge(100, 101), "incremental", (1, 0)),
        (People.HIDDEN, ORPHAN, Log().merge(99, 100), "incremental", (0, 0)),
        (People.AS_SENT, BOTH_SENT, Log().delete(101), "unchanged", (2, 1)),
        (People.MERGED, BOTH_SENT, Log().delete(101), "unchanged", (2, 1)),
        (People.HIDDEN, BOTH_SENT, Log().delete(101), "incremental", (1, 0)),
    ],
    ids=lambda value: value.value if isinstance(value, People) else None,
)
def test_merges_and_deletions_that_come_later(warehouse, people, before, after, mode, expected):
    rules = Rules(people=people)
    load(warehouse, before, bulk, 0)
    refresh(warehouse.uri, source="bulk", rules=rules)
    load(warehouse, after, bulk, 1)
    assert refresh(warehouse.uri, source="bulk", rules=rules).mode == mode
    [row] = warehouse.records(source="bulk", by=[], rules=rules, facts=StoredSource(DEFAULT_SCHEMA))
    assert (row["sent"], row["opened"]) == expected


@pytest.mark.parametrize("people", [People.MERGED, People.HIDDEN])
def test_a_merge_alone_is_noticed(warehouse, people):
    """Also where rows are not changed in place, and no row of a send or of an event is new."""
    rules = Rules(people=people)
    load(warehouse, BOTH_SENT, bulk, 0)
    refresh(warehouse.uri, source="bulk", rules=rules)
    load(warehouse, Log().merge(100, 101), bulk, 1)
    summary = refresh(warehouse.uri, source="bulk", rules=rules)
    assert summary.reason == "people were merged or deleted since the last refresh"
    [row] = warehouse.records(source="bulk", by=[], rules=rules, facts=StoredSource(DEFAULT_SCHEMA))
    assert row["sent"] == 1
    assert refresh(warehouse.uri, source="bulk", rules=rules).mode == "unchanged"


def test_pending_turns_into_aborted_without_a_refresh(warehouse):
    load(warehouse, Log().send(1, 10, 100, DAY), bulk, 0)
    refresh(warehouse.uri, source="bulk")
    facts = StoredSource(DEFAULT_SCHEMA)
    sent = utc(DAY)
    for clock, expected in ((timedelta(days=3, seconds=-1), (1, 0)), (timedelta(days=3), (0, 1))):
        [row] = warehouse.records(source="bulk", by=[], as_of=sent + clock, facts=facts)
        assert (row["pending"], row["aborted"]) == expected


def test_rows_that_are_gone_make_everything_anew(warehouse):
    load(warehouse, small(), bulk, 0)
    refresh(warehouse.uri, source="bulk")
    warehouse.execute("DELETE FROM marketo_activity WHERE activity_type_id = 10")
    summary = refresh(warehouse.uri, source="bulk")
    assert (summary.mode, summary.reason) == ("full", "rows that were opened are gone from the log")


def test_other_rules_make_everything_anew(warehouse):
    load(warehouse, small(), bulk, 0)
    refresh(warehouse.uri, source="bulk")
    other = Rules(people=People.MERGED)
    with pytest.raises(
        RefreshError, match="count merged people under the ids they had, and are asked to count merged people once"
    ):
        warehouse.report(source="bulk", rules=other, facts=StoredSource(DEFAULT_SCHEMA))
    summary = refresh(warehouse.uri, source="bulk", rules=other)
    assert (summary.mode, summary.reason) == ("full", "the rules changed")


MAPPING = """
name: ours
columns:
  activity_id: id
  person_id: lead_id
  activity_at: activity_date
  campaign_id: campaign_id
  email_id: primary_attribute_value_id
events:
  sent: activity_send_email
"""


def test_a_mapping_that_is_edited_under_its_name_makes_everything_anew(warehouse, tmp_path):
    """Whatever decides what the stored tables hold is compared, not what it is called."""
    write(small(), warehouse.uri, drop=["campaign", "program", "email_template_history"])
    mapping, facts = tmp_path / "ours.yaml", StoredSource(DEFAULT_SCHEMA)
    mapping.write_text(MAPPING)
    refresh(warehouse.uri, source=str(mapping))
    mapping.write_text(f"{MAPPING}  opened: activity_open_email\n")
    with pytest.raises(RefreshError, match=r"made when ours\.yaml said something else"):
        warehouse.report(source=str(mapping), facts=facts)
    summary = refresh(warehouse.uri, source=str(mapping))
    assert (summary.mode, summary.reason) == ("full", "the layout changed")
    direct = warehouse.records(source=str(mapping), as_of=LONG_AFTER, by=BY)
    assert warehouse.records(source=str(mapping), as_of=LONG_AFTER, by=BY, facts=facts) == direct
    assert sum(row["opened"] for row in direct) > 0


def test_a_column_that_the_loader_adds_makes_everything_anew(warehouse):
    """With values for the rows of before, which no sync time shows."""
    write(Log().send(1, 10, 100, DAY).open(1, 10, 100, DAY), warehouse.uri)
    refresh(warehouse.uri)
    warehouse.execute(
        "ALTER TABLE activity_open_email ADD COLUMN is_bot_activity BOOLEAN",
        "UPDATE activity_open_email SET is_bot_activity = TRUE",
    )
    summary = refresh(warehouse.uri)
    assert (summary.mode, summary.reason) == ("full", "the loader's tables changed")
    [row] = warehouse.records(by=[], as_of=LONG_AFTER, facts=StoredSource(DEFAULT_SCHEMA))
    assert (row["opened"], row["human_opened"]) == (1, 0)


def test_a_dry_run_writes_nothing(warehouse):
    load(warehouse, small(), bulk, 0)
    summary = refresh(warehouse.uri, source="bulk", dry_run=True)
    assert (summary.mode, summary.dry_run) == ("full", True)
    with pytest.raises(RefreshError, match="no stored tables"):
        warehouse.report(source="bulk", facts=StoredSource(DEFAULT_SCHEMA))


@writable
@pytest.mark.parametrize("full", [True, False], ids=["full", "incremental"])
def test_statements_are_printed_and_nothing_is_written(warehouse, full):
    """All that a run executes is printed; of an incremental one, each reading of the log has the range condition."""
    load(warehouse, small(20), bulk, 0)
    refresh(warehouse.uri, source="bulk")
    load(warehouse, Log([Activity("open", 90_001, utc(DAY), 1, 10, 1)]), bulk, 1)
    before = stored_rows(warehouse)
    printed = refresh(warehouse.uri, source="bulk", full=full, sql=True)
    assert printed.mode == ("full" if full else "incremental")
    assert stored_rows(warehouse) == before
    written = [each for each in printed.statements if "campaign_email_daily" in each.split(" SELECT ")[0]]
    assert any(each.startswith("CREATE TABLE" if full else "DELETE FROM") for each in written)
    reads = [
        each
        for each in printed.statements
        if "marketo_activity AS loaded" in each and not each.startswith(("CREATE VIEW", "PRAGMA"))
    ]
    assert reads
    # A day before the newest sync time of the last refresh, or that time itself; of SQLite a day more, as text.
    ranged = [
        each for each in reads if any(day in each for day in ("2024-06-30 00:00", "2024-07-01 00:00", "'2024-06-29'"))
    ]
    assert full or ranged == reads
    assert refresh(warehouse.uri, source="bulk", dry_run=True).mode == "incremental"


@writable
def test_a_sync_time_in_the_future_hides_no_rows(warehouse):
    append(of_day(Log().send(1, 10, 100, DAY), 0), warehouse.uri)
    append(of_day(Log([Activity("send", 5, utc(DAY), 1, 10, 101)]), 24 * 365 * 50), warehouse.uri)
    refresh(warehouse.uri, source="bulk")
    append(of_day(Log([Activity("send", 6, utc(DAY), 1, 10, 102)]), 1), warehouse.uri)
    refresh(warehouse.uri, source="bulk")
    [row] = warehouse.records(source="bulk", by=[], facts=StoredSource(DEFAULT_SCHEMA))
    assert row["sent"] == 3


# What happens to a log between two refreshes; each takes the step's number, of which ids and times are made.
HAPPENINGS: dict[str, Callable[[int], Log]] = {
    "nothing": lambda number: Log(),
    "new rows": lambda number: Log([Activity("send", 80_000 + number, utc(DAY), 1, 10, 9_000 + number)]),
    "rows that come again": lambda number: Log().send(1, 10, 100, DAY),
    "a merge": lambda number: Log().merge(100 + number % 3, 103 + number % 2),
    "a deletion": lambda number: Log(deletions=[100 + number % 5]),
    "a new name": lambda number: Log().campaign(1, f"Campaign {number}", updated=f"2024-02-{number + 1:02} 00:00"),
}
REMOVALS = {
    "bulk": "DELETE FROM marketo_activity WHERE activity_type_id = 10",
    "airbyte": "DELETE FROM activities_open_email",
}
CHANGES_OF_RULES = {
    "merged people once": {"people": People.MERGED},
    "merged people hidden": {"people": People.HIDDEN},
    "merged people as sent": {"people": People.AS_SENT},
    "deleted people left out": {"leave_out_deleted": True},
    "bots left out": {"leave_out_bots": True},
}


@pytest.mark.parametrize("loader", LOADERS)
def test_a_dry_run_says_what_the_run_then_does(warehouse, loader):
    """Whatever came in, late or not, was merged, deleted or taken out of the log, and whichever rules changed."""
    source, tables = LOADERS[loader]
    steps = st.tuples(
        st.sampled_from([*HAPPENINGS, "rows are gone", *CHANGES_OF_RULES]), st.booleans().map(lambda late: -9 * late)
    )

    @settings(
        max_examples=rounds(warehouse.engine, PLANS[warehouse.engine]),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(taken=st.lists(steps, min_size=1, max_size=6), people=st.sampled_from(People), left_out=st.booleans())
    @example(taken=[("a merge", 0), ("a deletion", 0), ("nothing", 0)], people=People.MERGED, left_out=True)
    @example(taken=[("a merge", 0), ("a deletion", 0), ("nothing", 0)], people=People.HIDDEN, left_out=False)
    def same(taken, people, left_out):
        warehouse.clear()
        rules = Rules(people=people, leave_out_deleted=left_out)
        begun = Log().send(1, 10, 100, DAY).open(1, 10, 100, DAY).send(1, 10, 101, DAY).click(2, 10, 102, DAY)
        load(warehouse, begun, tables, 0)
        refresh(warehouse.uri, source=source, rules=rules)
        for number, (what, late) in enumerate(taken, start=1):
            if what == "rows are gone" and warehouse.engine in WRITABLE:
                warehouse.execute(REMOVALS[source])
            elif what in CHANGES_OF_RULES:
                rules = replace(rules, **CHANGES_OF_RULES[what])
            elif what in HAPPENINGS:
                load(warehouse, HAPPENINGS[what](number), tables, number + late)
            said = refresh(warehouse.uri, source=source, rules=rules, dry_run=True)
            done = refresh(warehouse.uri, source=source, rules=rules)
            assert (said.mode, said.reason, said.new_rows) == (done.mode, done.reason, done.new_rows), what
            assert (said.dry_run, done.dry_run) == (True, False)

    same()


@pytest.mark.parametrize("loader", LOADERS)
def test_a_dry_run_leaves_the_stored_tables_as_they_are(warehouse, loader):
    """Also where it has looked for what is new, for which it makes temporary tables."""
    source, tables = LOADERS[loader]
    load(warehouse, Log().send(1, 10, 100, DAY).send(1, 10, 101, DAY), tables, 0)
    refresh(warehouse.uri, source=source)
    before = stored_rows(warehouse)
    load(warehouse, Log([Activity("send", 90_001, utc(DAY), 1, 10, 102)]).merge(100, 101), tables, 1)
    refresh(warehouse.uri, source=source, dry_run=True)
    assert stored_rows(warehouse) == before
    assert refresh(warehouse.uri, source=source, dry_run=True).mode != "unchanged"


# ---------------------------------------------------------------------------------------------------------------
# Killed, and two at once

_REFRESH = """
import sys
from superset_campaign_plugin.refresh.place import stored_uri
from superset_campaign_plugin.refresh.run import refresh
print("begun", flush=True)
refresh(sys.argv[1], source="bulk", progress=lambda title: print(title, flush=True))
"""


def start(uri: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", _REFRESH, uri], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.on_every_engine
def test_killed_at_any_moment(warehouse, tmp_path):
    """Readers see the old state or the new, nothing between; the next run ends right, and nothing stays behind."""
    rng = random.Random(7)
    facts = StoredSource(DEFAULT_SCHEMA)
    whole = Log()
    for number in range(rounds(warehouse.engine, KILLS)):
        part = crowd(people=30, seed=number)
        part.activities = [a._replace(id=a.id + 10_000 * number) for a in part.activities]
        before = whole
        whole = together([whole, part])
        load(warehouse, part, bulk, number)
        process = start(warehouse.uri)
        time.sleep(rng.random() * 0.6)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if number:
            seen = warehouse.report(source="bulk", as_of=CLOCKS[5], by=["campaign"], facts=facts)
            assert any(shows(seen, log) for log in (before, whole))
        refresh(warehouse.uri, source="bulk")
        actual = warehouse.report(source="bulk", as_of=CLOCKS[5], by=BY, facts=facts)
        assert_report(actual, report(whole, as_of=CLOCKS[5], by=BY), BY)
    if warehouse.engine == "duckdb":
        file = sa.engine.make_url(warehouse.uri).database
        folder, name = os.path.split(file)
        stored = f"{name}.campaign_report.duckdb"
        assert set(os.listdir(folder)) == {name, stored, f".{stored}.lock"}


def shows(seen: Any, log: Log) -> bool:
    """Whether the figures are those of the log, whatever the campaigns are called by now."""
    expected = {row["campaign_id"]: row["sent"] for row in report(log, as_of=CLOCKS[5], by=["campaign"])}
    return {row["campaign_id"]: row["sent"] for row in seen.records()} == expected


@pytest.mark.on_every_engine
def test_two_at_once(warehouse):
    """One works, the other says so, and works when the first is done."""
    load(warehouse, small(), bulk, 0)
    with open_session(warehouse.uri, write=True), pytest.raises(RefreshError, match="another refresh"):
        refresh(warehouse.uri, source="bulk")
    assert refresh(warehouse.uri, source="bulk").mode == "full"

"""Where no transaction holds the making of tables, a refresh merges into copies that views show once they are whole.

Snowflake is such an engine. PostgreSQL stands in for it here, told to work that way, on connections that commit every
statement by itself.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layouts import bulk
from logs import CLOCKS, Activity, Log, crowd, utc
from oracle import assert_report, report
from test_refresh import BY, DAY, batches, load, rounds, small, stored_rows, together

from superset_campaign_plugin.engines.postgresql import PostgreSQL
from superset_campaign_plugin.refresh.removal import remove_stored
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA, STATE, TABLES
from superset_campaign_plugin.report.rules import People, Rules

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
FACTS = StoredSource(DEFAULT_SCHEMA)
ROUNDS, KILLS = 4, 12


class Killed(BaseException):
    """The process ends here."""


class Killer:
    """Ends whatever runs before its statement number `at`, counted from 1; 0 lets everything run."""

    def __init__(self) -> None:
        self.at = self.count = 0

    def arm(self, at: int) -> None:
        self.at, self.count = at, 0

    def __call__(self, *_: object) -> None:
        self.count += 1
        if self.count == self.at:
            self.at = 0
            raise Killed


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Killer]:
    """Every connection commits each statement by itself, and the engine says so."""
    monkeypatch.setattr(PostgreSQL, "change_over", "view")
    killer = Killer()

    def by_itself(connection: object, _: object) -> None:
        connection.autocommit = True  # type: ignore[attr-defined]

    sa.event.listen(sa.pool.Pool, "connect", by_itself)
    sa.event.listen(sa.engine.Engine, "before_cursor_execute", killer)
    yield killer
    sa.event.remove(sa.pool.Pool, "connect", by_itself)
    sa.event.remove(sa.engine.Engine, "before_cursor_execute", killer)


def names_in(warehouse) -> dict[str, str]:
    """The kind of everything in the stored schema, BASE TABLE or VIEW."""
    query = "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'campaign_report'"
    engine = sa.create_engine(warehouse.uri, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        return dict(tuple(row) for row in connection.execute(sa.text(query)))


def test_any_batches_end_as_one_computation_does(warehouse, killer) -> None:
    @settings(
        max_examples=rounds(warehouse.engine, ROUNDS),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    )
    @given(parts=batches(), rules=st.builds(Rules, people=st.sampled_from(People)), clock=st.sampled_from(CLOCKS))
    def equal(parts, rules, clock):
        warehouse.clear()
        for number, part in enumerate(parts):
            load(warehouse, part, bulk, number)
            refresh(warehouse.uri, source="bulk", rules=rules)
        kept = stored_rows(warehouse)
        actual = warehouse.report(source="bulk", as_of=clock, by=BY, rules=rules, facts=FACTS)
        assert_report(actual, report(together(parts), as_of=clock, by=BY, rules=rules), BY)
        refresh(warehouse.uri, source="bulk", rules=rules, full=True)
        assert stored_rows(warehouse) == kept

    equal()


def test_a_kill_at_any_statement_loses_nothing(warehouse, killer) -> None:
    """Whichever statement is the last, also while the views change: the next refresh ends as a full one does."""
    rng = random.Random(5)
    whole = small()
    load(warehouse, whole, bulk, 0)
    killer.arm(0)
    refresh(warehouse.uri, source="bulk")
    for number in range(1, rounds(warehouse.engine, KILLS) + 1):
        part = crowd(people=10, seed=number)
        part.activities = [each._replace(id=each.id + 10_000 * number) for each in part.activities]
        whole = together([whole, part])
        load(warehouse, part, bulk, number)
        killer.arm(0)
        refresh(warehouse.uri, source="bulk", dry_run=True)
        # Every third dies among the last statements, which change the views.
        killer.arm(rng.randrange(1, 170) if number % 3 else rng.randrange(150, 185))
        try:
            refresh(warehouse.uri, source="bulk")
        except Killed:
            assert warehouse.records(source="bulk", by=[], facts=FACTS)[0]["sent"] > 0
        killer.arm(0)
        refresh(warehouse.uri, source="bulk")
        actual = warehouse.report(source="bulk", as_of=CLOCKS[5], by=BY, facts=FACTS)
        assert_report(actual, report(whole, as_of=CLOCKS[5], by=BY), BY)
    kept = stored_rows(warehouse)
    refresh(warehouse.uri, source="bulk", full=True)
    assert stored_rows(warehouse) == kept
    tables = [name for name, kind in names_in(warehouse).items() if kind == "BASE TABLE"]
    assert sorted(name.partition("_run_")[0] for name in tables) == sorted(TABLES), "nothing is left of killed runs"


def test_only_what_is_new_is_computed(warehouse, killer) -> None:
    load(warehouse, small(), bulk, 0)
    assert refresh(warehouse.uri, source="bulk").mode == "full"
    assert refresh(warehouse.uri, source="bulk").mode == "unchanged"
    load(warehouse, Log([Activity("send", 90_001, utc(DAY), 1, 10, 9_001)]), bulk, 1)
    summary = refresh(warehouse.uri, source="bulk")
    assert (summary.mode, summary.pairs, sum(summary.new_rows.values())) == ("incremental", 1, 1)
    assert refresh(warehouse.uri, source="bulk", verify=True).mode == "unchanged"


def test_tables_of_an_earlier_release_give_way_to_views(warehouse, monkeypatch) -> None:
    """Which had no views in the place of tables. All of it can be removed, before and after."""
    load(warehouse, small(), bulk, 0)
    refresh(warehouse.uri, source="bulk")
    monkeypatch.setattr(PostgreSQL, "change_over", "view")
    summary = refresh(warehouse.uri, source="bulk")
    assert (summary.mode, summary.reason) == ("full", "the stored tables are those of an earlier release")
    assert {name for name, kind in names_in(warehouse).items() if kind == "VIEW"} >= {*TABLES}
    actual = warehouse.report(source="bulk", as_of=CLOCKS[5], by=BY, facts=FACTS)
    assert_report(actual, report(small(), as_of=CLOCKS[5], by=BY), BY)
    remove_stored(warehouse.uri, source="bulk", schema=None, stored_schema=DEFAULT_SCHEMA, chosen_file=None)
    assert not names_in(warehouse)


def test_the_state_is_the_last_that_changes(warehouse, killer) -> None:
    load(warehouse, small(), bulk, 0)
    refresh(warehouse.uri, source="bulk")
    load(warehouse, Log([Activity("send", 90_001, utc(DAY), 1, 10, 9_001)]), bulk, 1)
    replaced = [
        statement.split()[4].rpartition(".")[2]
        for statement in refresh(warehouse.uri, source="bulk", sql=True).statements
        if statement.startswith("CREATE OR REPLACE VIEW")
    ]
    assert sorted(replaced) == sorted(TABLES)
    assert replaced[-1] == STATE

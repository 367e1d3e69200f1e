"""Which variant of a tested email does better, counted by hand on every engine."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import CLOCKS, Log, random_logs, with_variants
from oracle import assert_variants, variants, wilson

from superset_campaign_plugin.engines.sqlite import with_square_roots
from superset_campaign_plugin.host import sqlite_functions
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.reporting.run_variants import NONE

SENT, LATER = "2024-03-01 10:00", "2024-03-01 10:05"
EXAMPLES = {"duckdb": 8, "sqlite": 16, "postgresql": 4, "mysql": 4}
STORED = {"facts": StoredSource("campaign_report")}


def sent_in_variants(log: Log, email: int, counts: dict[int, tuple[int, int]]) -> Log:
    """An email of which (delivered, clicked) people were sent each variant."""
    person = 1000 * email
    for variant, (people, clicked) in counts.items():
        for place in range(people):
            person += 1
            log.send(1, email, person, SENT, variant=variant).deliver(1, email, person, LATER)
            if place < clicked:
                log.click(1, email, person, LATER)
    return log


def found(warehouse: Any, **asked: Any) -> list[tuple[Any, ...]]:
    """(email, variant, sent, clicked, verdict)"""
    names = ("email_id", "variant", "sent", "clicked_link", "verdict")
    return [tuple(row[name] for name in names) for row in warehouse.variants(**asked).records()]


@pytest.mark.on_spark
def test_who_is_ahead_and_by_which_interval(warehouse: Any) -> None:
    """Counted by hand, with Agresti and Caffo's interval of the difference.

    email  variant  delivered  clicked  (x+1)/(n+2)
    10     1        200        10       0.05446
    10     2        200        30       0.15347   difference 0.09901, 1.96 * 0.02999 = 0.05878: ahead
    20     1        200        10       0.05446
    20     2        200        17       0.08911   difference 0.03465, 1.96 * 0.02562 = 0.05022: too close
    30     1        200        40
    30     2        99         0        too few
    40     2        150        3        nothing to compare with
    50     1, 2, 3  200        10, 22, 10         0.05941 against 1.96 * 0.02780 = 0.05448 for two variants, but against
                                                  2.394 * 0.02780 = 0.06655 for three: too close
    """
    log = sent_in_variants(Log(), 10, {1: (200, 10), 2: (200, 30)})
    sent_in_variants(log, 20, {1: (200, 10), 2: (200, 17)})
    sent_in_variants(log, 30, {1: (200, 40), 2: (99, 0)})
    sent_in_variants(log, 40, {2: (150, 3)})
    sent_in_variants(log, 50, {1: (200, 10), 2: (200, 22), 3: (200, 10)})
    warehouse.load(log)
    assert found(warehouse) == [
        (10, 1, 200, 10, "✅ Variant 2 is ahead"),
        (10, 2, 200, 30, "✅ Variant 2 is ahead"),
        (20, 1, 200, 10, "Too close to tell"),
        (20, 2, 200, 17, "Too close to tell"),
        (30, 1, 200, 40, "Too few people"),
        (30, 2, 99, 0, "Too few people"),
        (40, 2, 150, 3, "Only one variant"),
        (50, 1, 200, 10, "Too close to tell"),
        (50, 2, 200, 22, "Too close to tell"),
        (50, 3, 200, 10, "Too close to tell"),
    ]
    # Wilson's interval of 10 in 200, as R's binom.wilson gives it: 2.74 % to 8.96 %.
    first = warehouse.variants(where={"email_id": ["10"]}).records()[0]
    assert [round(first[f"pct_clicked_link{end}"], 4) for end in ("_low", "", "_high")] == [0.0274, 0.05, 0.0896]
    # What a filter leaves is compared: of the three, two.
    two = warehouse.variants(where={"email_id": ["50"], "variant": ["1", "2"]}).records()
    assert {row["verdict"] for row in two} == {"✅ Variant 2 is ahead"}


def test_the_first_send_that_names_a_variant_decides(warehouse: Any) -> None:
    """
    person  sends, by time                variant
    1       nothing, then 2, then 1       2
    2       2 and 1 at one time           1
    3       0                             none
    4       1, skipped; then 2            2
    5       1 in another campaign, and 2  2, and 1 there
    6       -1                            none
    """
    log = Log()
    for at, variant in (("2024-03-01", None), ("2024-03-02", 2), ("2024-03-03", 1)):
        log.send(1, 10, 1, at, variant=variant)
    log.send(1, 10, 2, SENT, variant=2).send(1, 10, 2, SENT, variant=1)
    log.send(1, 10, 3, SENT, variant=0)
    log.send(1, 10, 4, SENT, "skipped", variant=1).send(1, 10, 4, LATER, variant=2)
    log.send(2, 10, 5, SENT, variant=1).send(1, 10, 5, LATER, variant=2)
    log.send(1, 10, 6, SENT, variant=-1)
    warehouse.load(log.replay())
    by = ("campaign", "variant")
    rows = [(row["campaign_id"], row["variant"], row["sent"]) for row in warehouse.variants(by=by).records()]
    assert rows == [(1, 1, 1), (1, 2, 3), (2, 1, 1)]


@pytest.mark.on_spark
def test_a_log_that_names_no_variant(warehouse: Any) -> None:
    """Neither where no table has the column, nor where every send has 0; the report itself is as before."""
    log = Log().send(1, 10, 100, SENT).open(1, 10, 100, LATER)
    warehouse.load(log)
    assert [row["sent"] for row in warehouse.records()] == [1]
    nothing = warehouse.variants()
    assert (nothing.rows, nothing.notes) == ([], [NONE])
    log.activities[0] = log.activities[0]._replace(variant=0)
    warehouse.load(log)
    refresh(warehouse.uri)
    for asked in ({}, STORED):
        nothing = warehouse.variants(**asked)
        assert (nothing.rows, nothing.notes) == ([], [NONE])
    assert [row["sent"] for row in warehouse.variants(by=()).records()] == [0]


def test_any_variants(warehouse: Any) -> None:
    """As the log gives them, and as a refresh stored them."""

    @settings(max_examples=EXAMPLES[warehouse.engine], deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        log=random_logs(),
        seed=st.randoms(use_true_random=False),
        clock=st.sampled_from(CLOCKS),
        by=st.sampled_from([(), ("campaign", "email"), ("day", "variant"), ("campaign", "email", "variant")]),
        people=st.sampled_from(People),
        flags=st.tuples(st.booleans(), st.booleans()),
        stored=st.booleans(),
    )
    def equal(log, seed, clock, by, people, flags, stored):
        log = with_variants(log, seed)
        rules = Rules(people=people, leave_out_deleted=flags[0], leave_out_bots=flags[1])
        warehouse.load(log)
        asked = {"as_of": clock, "by": by, "rules": rules}
        if stored:
            refresh(warehouse.uri, rules=rules)
        actual = warehouse.variants(**asked, **(STORED if stored else {}))
        assert_variants(actual, variants(log, **asked), by)

    equal()


def test_sqlite_without_mathematical_functions(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that lacks the square root, as seen from Python, takes one of our own; in Superset's connections, too.

    With another build, nobody's connections are touched.
    """

    class Lacking(sqlite3.Connection):
        def execute(self, sql: str, *more: Any) -> Any:
            raise sqlite3.OperationalError("no such function: SQRT")

        def create_function(self, name: str, count: int, function: Any, **more: Any) -> None:
            own[name] = function

    own: dict[str, Any] = {}
    monkeypatch.setattr(sqlite_functions, "lacks_square_roots", lambda _: False)
    sqlite_functions.register()
    assert not sa.event.contains(sa.engine.Engine, "connect", sqlite_functions._complete)
    monkeypatch.setattr(sqlite_functions, "lacks_square_roots", lambda _: True)
    sqlite_functions.register()
    engine = sa.create_engine(f"sqlite:///{tmp_path}/log.db", connect_args={"factory": Lacking})
    engine.connect().close()
    sa.event.remove(sa.engine.Engine, "connect", sqlite_functions._complete)
    assert [own["SQRT"](value) for value in (4, None, -1)] == [2, None, None]
    with sqlite3.connect(":memory:") as connection:
        with_square_roots(connection)
        assert connection.execute("SELECT SQRT(2.25)").fetchone() == (1.5,)


@pytest.mark.parametrize(("count", "of"), [(0, 10), (10, 10), (1, 3)])
def test_an_interval_holds_its_share(count: int, of: int) -> None:
    low, high = wilson(count, of)
    assert 0 <= low <= count / of <= high <= 1 + 1e-12

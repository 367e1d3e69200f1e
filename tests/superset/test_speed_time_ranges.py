"""A time range comes to what Superset says, and anew when the clock moves on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from deployment import Deployment

from superset_campaign_plugin.host.speed import time_ranges


@pytest.fixture(autouse=True)
def _within_superset(deployment: Deployment) -> None:
    """A Superset in which the plugin has been set up; its modules cannot be loaded before."""


def test_within_a_second_a_formula_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from superset.utils.date_parser import datetime_eval, get_since_until

    monkeypatch.setattr(time_ranges.time, "time", lambda: 1_000.5)
    datetime_eval.remembered.cache_clear()
    first = get_since_until("Last quarter")
    read = datetime_eval.remembered.cache_info().misses
    assert read == 2
    assert get_since_until("Last quarter") == first
    assert datetime_eval.remembered.cache_info().misses == read


def test_the_next_second_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from superset.utils.date_parser import datetime_eval

    datetime_eval.remembered.cache_clear()
    for second in (1_000, 1_001):
        monkeypatch.setattr(time_ranges.time, "time", lambda second=second: second)
        datetime_eval("DATETIME('today')")
    assert datetime_eval.remembered.cache_info().misses == 2


def test_formulas_differ() -> None:
    from superset.utils.date_parser import datetime_eval

    today, before = datetime_eval("DATETIME('today')"), datetime_eval("DATEADD(DATETIME('today'), -1, day)")
    assert today - before == timedelta(days=1)
    assert datetime_eval(None) is None


def test_what_is_no_formula_is_refused_each_time() -> None:
    from superset.utils.date_parser import datetime_eval

    for _ in range(2):
        with pytest.raises(ValueError, match="Expected"):
            datetime_eval("NO('formula')")

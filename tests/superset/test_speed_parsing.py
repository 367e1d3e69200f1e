"""What the parser remembers is the same for everyone, whatever a caller does with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deployment import Deployment

from superset_campaign_plugin.host.speed.parsing import REMEMBERED


@pytest.fixture(autouse=True)
def _within_superset(deployment: Deployment) -> Iterator[None]:
    """A Superset in which the plugin acts on all SQL; its modules cannot be loaded before."""
    with deployment.app.app_context(), deployment.settings(performance_patches=True):
        yield


def test_a_changed_statement_is_not_what_the_next_caller_gets() -> None:
    from superset.sql.parse import SQLStatement

    sql = "SELECT workspace FROM report"
    untouched = SQLStatement(sql, "postgresql").format()
    changed = SQLStatement(sql, "postgresql")
    changed._parsed.selects[0].this.set("this", "changed")
    assert "changed" in changed.format()
    assert SQLStatement(sql, "postgresql").format() == untouched
    assert SQLStatement._parse.remembered.cache_info().hits >= 2


def test_the_engine_is_part_of_what_is_remembered() -> None:
    from superset.sql.parse import SQLStatement

    sql = 'SELECT "a"'
    assert SQLStatement(sql, "postgresql").format() != SQLStatement(sql, "mysql").format()


def test_long_texts_do_not_add_up() -> None:
    """A guest may filter by a list of any length, and by another one the next time."""
    from superset.sql.parse import SQLStatement

    texts = [f"SELECT '{number}{'x' * (REMEMBERED // 2)}'" for number in range(3)]
    for text in texts:
        SQLStatement(text, "postgresql")
    before = SQLStatement._parse.remembered.cache_info().misses
    SQLStatement(texts[0], "postgresql")
    assert SQLStatement._parse.remembered.cache_info().misses > before, "it was still there"
    assert "x" * REMEMBERED in SQLStatement(f"SELECT '{'x' * REMEMBERED}'", "postgresql").format()
    assert SQLStatement._parse.remembered.cache_info().currsize <= REMEMBERED

"""The speed patches act on the plugin's datasets, and on others where the setting says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from deployment import Deployment


@pytest.fixture
def asked(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """How often a warehouse is asked for its default schema, within a request."""
    from superset.models.core import Database

    found: list[Any] = []
    inspector = Database.get_inspector
    monkeypatch.setattr(
        Database, "get_inspector", lambda self, **named: (found.append(named), inspector(self, **named))[1]
    )
    Database.get_default_schema.remembered.clear()
    with deployment.app.test_request_context():
        yield found


@pytest.mark.parametrize(
    ("table", "everywhere", "acts"),
    [
        ("campaign_email_performance", False, True),
        ("campaign_email_performance", True, True),
        ("theirs", False, False),
        ("theirs", True, True),
    ],
)
def test_they_act_on_the_plugins_datasets(
    deployment: Deployment, asked: list[Any], table: str, everywhere: bool, acts: bool
) -> None:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.sql.parse import SQLStatement

    dataset = db.session.query(SqlaTable).filter_by(table_name=table).one()
    parsed = SQLStatement._parse.remembered.cache_info
    with deployment.settings(performance_patches=True) if everywhere else nullcontext():
        before = parsed()
        keys = [dataset.get_extra_cache_keys({}) for _ in range(3)]
        after = parsed()
    assert keys == [keys[0]] * 3
    assert len(asked) == (1 if acts else 3)
    assert (after.hits + after.misses > before.hits + before.misses) == acts


def test_what_is_asked_within_a_query_of_the_plugin_ends_with_it(deployment: Deployment, asked: list[Any]) -> None:
    from superset import db
    from superset.connectors.sqla.models import SqlaTable

    tables = [
        db.session.query(SqlaTable).filter_by(table_name=name).one() for name in ("campaign_email_links", "theirs")
    ]
    tables[0].get_extra_cache_keys({})
    count = len(asked)
    for _ in range(2):
        tables[0].database.get_default_schema(None)
        tables[1].get_extra_cache_keys({})
    assert len(asked) == count + 4

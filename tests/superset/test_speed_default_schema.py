"""The default schema is remembered for whom it is the same, and for a while alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from deployment import Deployment


@pytest.fixture
def database(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The warehouse's connection; it counts in `asked` how often the warehouse is asked."""
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.core import Database

    with deployment.app.test_request_context(), deployment.settings(performance_patches=True):
        from superset import db

        found = db.session.query(SqlaTable).first().database
        asked: list[Any] = []
        inspector = Database.get_inspector
        monkeypatch.setattr(
            Database, "get_inspector", lambda self, **named: (asked.append(named), inspector(self, **named))[1]
        )
        Database.get_default_schema.remembered.clear()
        found.asked = asked
        yield found
        db.session.rollback()


def test_a_warehouse_is_asked_once(database: Any) -> None:
    first = database.get_default_schema(None)
    assert (database.get_default_schema(None), len(database.asked)) == (first, 1)
    database.get_default_schema("another catalog")
    assert len(database.asked) == 2


def test_a_changed_connection_is_asked_again(database: Any) -> None:
    database.get_default_schema(None)
    database.changed_on = None
    database.get_default_schema(None)
    assert len(database.asked) == 2


def test_where_people_connect_as_themselves_nothing_is_remembered(database: Any) -> None:
    database.impersonate_user = True
    database.get_default_schema(None)
    database.get_default_schema(None)
    assert len(database.asked) == 2

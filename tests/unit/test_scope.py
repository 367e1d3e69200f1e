"""Which sends a preview's address asks for: read, checked, said in words, and turned into filters."""

from __future__ import annotations

from datetime import date

import pytest
from marshmallow import ValidationError

from superset_campaign_plugin.preview.present import days
from superset_campaign_plugin.preview.schemas import ScopeSchema
from superset_campaign_plugin.preview.scope import Scope


def test_an_address_is_read() -> None:
    asked = {"campaign_id": "7", "sent_from": "2026-08-28", "sent_to": "2026-11-26", "view": "text"}
    assert ScopeSchema().load(asked) == Scope(7, date(2026, 8, 28), date(2026, 11, 26))
    assert ScopeSchema().load({"view": "text"}) == Scope()


@pytest.mark.parametrize(
    "asked",
    [
        *({"campaign_id": value} for value in ("", "x", "1.5", "-1", str(2**63), "1 OR 1=1")),
        *({"sent_from": value} for value in ("", "today", "2026-02-30", "1969-12-31", "3000-01-01", "2026-01-01 : ")),
        {"sent_from": "2026-02-02", "sent_to": "2026-02-01"},
    ],
)
def test_what_is_no_scope_is_refused(asked: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ScopeSchema().load(asked)


def test_it_is_a_filter_on_the_campaign_and_the_days() -> None:
    campaign = {"col": "campaign_id", "op": "==", "val": 7}
    assert Scope(7, date(2026, 8, 28), date(2026, 11, 26)).conditions() == [
        campaign,
        {"col": "sent_date", "op": "TEMPORAL_RANGE", "val": "2026-08-28 : 2026-11-27"},
    ]
    assert Scope(7).conditions() == [campaign]
    assert Scope(0).conditions() == [{"col": "campaign_id", "op": "IS NULL"}]
    assert Scope(None, None, date(2999, 12, 31)).conditions()[0]["val"] == "1970-01-01 : 3000-01-01"
    assert Scope().conditions() == []


def test_a_campaign_that_is_unknown_is_a_campaign() -> None:
    assert Scope(0).is_of(None)
    assert Scope(7).is_of(7)
    assert not Scope().is_of(None)
    assert not Scope(7).is_of(None)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2026, 8, 28), date(2026, 11, 26), "28 Aug – 26 Nov 2026"),
        (date(2025, 12, 30), date(2026, 1, 2), "30 Dec 2025 – 2 Jan 2026"),
        (date(2026, 1, 2), date(2026, 1, 2), "2 Jan 2026"),
        (None, date(2026, 1, 2), "until 2 Jan 2026"),
        (date(2026, 1, 2), None, "since 2 Jan 2026"),
        (None, None, None),
    ],
)
def test_days_are_said_in_words(first: date | None, last: date | None, words: str | None) -> None:
    assert days(first, last) == words

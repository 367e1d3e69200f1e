"""Numbers, ages and advice in the sentences that commands end with."""

from __future__ import annotations

import pytest

from superset_campaign_plugin import advice
from superset_campaign_plugin.wording import ago, counted

MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 people"), (1, "1 person"), (2, "2 people"), (1_204_311, "1,204,311 people")]
)
def test_one_is_one_and_others_are_many(number: int, words: str) -> None:
    assert counted(number, "person", "people") == words
    assert counted(number, "row") == words.replace("people", "rows").replace("person", "row")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "less than a minute ago"),
        (0, "less than a minute ago"),
        (59.9, "less than a minute ago"),
        (MINUTE, "1 minute ago"),
        (12.9 * MINUTE, "12 minutes ago"),
        (HOUR, "60 minutes ago"),
        (2 * HOUR - 1, "119 minutes ago"),
        (2 * HOUR, "2 hours ago"),
        (2 * DAY - 1, "47 hours ago"),
        (2 * DAY, "2 days ago"),
        (400 * DAY, "400 days ago"),
    ],
)
def test_an_age_is_in_a_unit_that_says_enough(seconds: float, words: str) -> None:
    assert ago(seconds) == words


def test_advice_names_what_the_command_has() -> None:
    assert (advice.address(), advice.tables()) == ("--uri", "check --source and --schema")
    assert advice.tables(["a"]) == "the tables lie in schema a; give --schema a"
    assert advice.tables(["a", "b"]) == "such tables lie in the schemas a, b; give --schema NAME"
    with advice.registered("Warehouse"), advice.installed_tables():
        assert advice.address() == "the database 'Warehouse' of this Superset"
        for said in (advice.tables(), advice.tables(["a"])):
            assert "superset campaign install" in said
            assert "check --" not in said
        assert advice.tables(["a"]).endswith("run: superset campaign install --schema a")
    with advice.of_instance("Japan", "instances.yaml"):
        assert advice.tables() == "check source and schema of the instance Japan in instances.yaml"
        assert advice.tables(["a"]).endswith("give the instance Japan this schema in instances.yaml: a")
    with advice.of_instance(None, "fivetran"):
        assert advice.tables() == "check --source and --schema"
    assert advice.address() == "--uri"

"""Rows of an export and of the report: which are one, and what is offered where none is."""

from __future__ import annotations

import pytest

from superset_campaign_plugin.reporting.marketo_export import Export, ExportRow
from superset_campaign_plugin.reporting.matching import Key, Match, Named, match_rows

KNOWN = {
    Key("", 1, 10): Named("Invitation", "Spring Sale", {"Shop"}),
    Key("", 1, 11): Named("Reminder", "Spring Sale", {"Shop"}),
    Key("", 2, 10): Named("Library.Invitation", "Autumn", {"Shop"}),
    Key("", 3, 12): Named("Welcome", "Twice", {"Shop"}),
    Key("", 4, 12): Named("Welcome", "Twice", {"Library"}),
    Key("", 5, 13): Named("v1.2 news", "News", set()),
}


def matched(*names: tuple[str, str], ids: tuple[int | None, int | None] = (None, None)) -> list[Match]:
    rows = tuple(
        ExportRow(place, email, campaign, ids[1], ids[0], {}) for place, (campaign, email) in enumerate(names, 2)
    )
    return match_rows(Export("x.csv", True, (), rows, None, None), KNOWN)


@pytest.mark.parametrize(
    ("campaign", "email", "key"),
    [
        ("Spring Sale", "Invitation", (1, 10)),
        ("Shop.Spring Sale", "Shop.Invitation", (1, 10)),  # as Marketo writes them, with the program
        ("Spring Sale", "Library.Reminder", (1, 11)),  # an email of another program than the campaign
        ("Autumn", "Library.Invitation", (2, 10)),  # a loader's name that holds the program
        ("  spring  SALE", "invitation", (1, 10)),  # by case and spaces
        ("Ｓpring Sale", "Invitation", (1, 10)),  # and by width
        ("News", "v1.2 news", (5, 13)),  # a point that follows no program
        ("Shop.Twice", "Welcome", (3, 12)),  # the program tells two campaigns of one name apart
    ],
)
def test_a_row_is_found(campaign: str, email: str, key: tuple[int, int]) -> None:
    [match] = matched((campaign, email))
    assert match.key == Key("", *key)


def test_a_program_that_is_not_the_campaigns_is_no_match() -> None:
    [match] = matched(("Library.Spring Sale", "Invitation"))
    assert match.key is None


def test_near_names_are_offered_and_not_taken() -> None:
    [match] = matched(("Spring Sale", "Invitatoin"))
    assert (match.key, match.why, match.near[0]) == (
        None,
        "the report has no row of this name",
        "Spring Sale / Invitation",
    )
    assert Key("", 1, 10) in match.aside
    [match] = matched(("Something", "else"))
    assert (match.key, match.near, match.aside) == (None, (), frozenset())


def test_of_several_rows_of_one_name_none_is_taken() -> None:
    [match] = matched(("Twice", "Welcome"))
    assert match.key is None
    assert match.why == "several rows of the report have this name: email 12 of campaign 3, email 12 of campaign 4"
    one, other, third = matched(
        ("Spring Sale", "Invitation"), ("spring sale", "invitation"), ("Autumn", "Library.Invitation")
    )
    assert (one.key, other.key) == (None, None)
    assert one.why == "rows 2, 3 of the export have the same names"
    assert third.key == Key("", 2, 10)


def test_ids_go_before_names() -> None:
    [match] = matched(("Twice", "Welcome"), ids=(4, 12))
    assert match.key == Key("", 4, 12)
    [match] = matched(("Spring Sale", "Invitation"), ids=(9, 9))
    assert (match.key, match.why) == (None, "the report has no row of these ids")

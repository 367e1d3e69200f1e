"""What an email's CSS says in another spelling, and what it asks about the preview's own attributes."""

from __future__ import annotations

import pytest

from superset_campaign_plugin.preview.click_marks import ClickMark
from superset_campaign_plugin.preview.css import ImagePolicy, clean_declarations, clean_stylesheet
from superset_campaign_plugin.preview.sanitize import clean_html


@pytest.mark.parametrize(
    "importance",
    ["!important", "! important", "!IMPORTANT", "!/**/Important", " ! \n important "],
)
def test_importance_is_known_however_it_is_spelled(importance: str) -> None:
    """A browser takes each of these for the same, and an important style of a link would win over its clicks."""
    css = clean_declarations(f"outline: none{importance}; color: red", ImagePolicy(False))
    assert css.replace(" !", "!") == "outline: none!important; color: red"
    link = f'<a href="https://a.example/" style="outline: none{importance}; color: red">x</a>'
    shown = clean_html(link, remote_images=False, marks=lambda _: ClickMark("1", "one click", 1)).html
    assert "important" not in shown.lower()
    assert "color: red" in shown
    hidden = f'<img src="https://a.example/x.gif" style="display: none{importance}">'
    assert clean_html(hidden, remote_images=True).tracking_pixels == 1


@pytest.mark.parametrize("value", ["none ! !important important", "none !important !important", "none ! none", "!"])
def test_importance_stands_once_and_last(value: str) -> None:
    assert clean_declarations(f"outline: {value}", ImagePolicy(False)) == ""


@pytest.mark.parametrize("attribute", ["title", "TITLE", "data-clicks", "data-heat"])
def test_no_rule_of_an_email_reads_the_clicks(attribute: str) -> None:
    """With an image for each figure it would tell the sender what the report says."""
    css = f'a[{attribute}*="3 clicks"] {{ background: url(https://a.example/3) }} a[href] {{ color: red }}'
    assert clean_stylesheet(css, ImagePolicy(True)) == "a[href] { color: red }"

"""The semantic layer is whole, and everything that shows it agrees with it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from superset_campaign_plugin.config import load_settings
from superset_campaign_plugin.errors import SettingsError
from superset_campaign_plugin.semantics import load_semantics

ROOT = Path(__file__).resolve().parents[2]
FIELDS = [
    *("sent", "delivered", "pct_delivered", "hard_bounced", "pct_hard_bounced", "soft_bounced", "pct_soft_bounced"),
    *("pending", "aborted", "opened", "pct_opened", "clicked_link", "pct_clicked_link", "clicked_to_opened_ratio"),
    *("unsubscribed", "pct_unsubscribed", "first_sent", "last_sent", "last_activity"),
]


def test_the_fields_are_marketos_in_their_order() -> None:
    assert [metric.name for metric in load_semantics().metrics] == FIELDS


def test_ratios_divide_counts() -> None:
    metrics = {metric.name: metric for metric in load_semantics().metrics}
    for metric in metrics.values():
        assert all(metrics[name].kind == "count" for name in metric.ratio or ())


def test_every_metric_is_described_and_formatted() -> None:
    for dataset in load_semantics().datasets.values():
        for metric in dataset.metrics:
            assert metric.title
            assert metric.description
            assert metric.source
            assert metric.format or metric.kind in ("time", "other")


def test_the_page_of_metrics_is_current() -> None:
    spec = importlib.util.spec_from_file_location("metrics_page", ROOT / "scripts" / "metrics_page.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    assert page.PAGE.read_text(encoding="utf-8") == page.render()


def test_settings_have_defaults() -> None:
    settings = load_settings({})
    assert settings.marketo_url is None
    assert settings.link_rules.uncounted_parts == ("mkt_unsubscribe=1",)


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"marketo_ur": "https://app.marketo.com"}, "did you mean 'marketo_url'"),
        ({"marketo_url": "javascript:alert(1)"}, "marketo_url"),
        ({"max_email_bytes": "many"}, "max_email_bytes"),
        ({"max_email_bytes": 0}, "max_email_bytes"),
        ({"uncounted_link_parts": [""]}, "uncounted_link_parts"),
        ({"uncounted_link_parts": "mkt"}, "uncounted_link_parts"),
        ([], "a dictionary"),
    ],
)
def test_a_wrong_setting_says_what_and_where(block: object, text: str) -> None:
    with pytest.raises(SettingsError, match=r"superset_config\.py") as caught:
        load_settings({"SUPERSET_CAMPAIGN": block})
    assert text in str(caught.value)

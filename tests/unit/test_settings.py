"""The settings block of `superset_config.py`: its defaults, its keys, and what a wrong one is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from superset_campaign_plugin.config import Settings, load_settings
from superset_campaign_plugin.errors import SettingsError, UsageError
from superset_campaign_plugin.report.rules import Rules

EVERY_KEY = {
    "marketo_url": "https://app-ab12.marketo.com",
    "content_schema": "marketing",
    "stored_schema": "kept",
    "stored_file": "/data/stored.duckdb",
    "max_email_bytes": 5,
    "preview_link_minutes": 5,
    "previews_per_minute": 0,
    "merge_people": False,
    "leave_out_deleted": True,
    "leave_out_bots": True,
    "leave_out_operational": True,
    "leave_out_archived": True,
    "time_zone": "Europe/Berlin",
    "uncounted_link_prefixes": ["MAILTO:", "tel:"],
    "uncounted_link_parts": ["Unsubscribe=Yes"],
    "privacy_proxy_agents": ["Apple"],
    "image_proxy_agents": ["GMail"],
}


def load(block: object) -> Settings:
    return load_settings({"SUPERSET_CAMPAIGN": block, "SECRET_KEY": "theirs"})


@pytest.mark.parametrize("config", [{}, {"SUPERSET_CAMPAIGN": {}}, {"SECRET_KEY": "theirs"}])
def test_settings_have_defaults(config: dict[str, object]) -> None:
    settings = load_settings(config)
    assert settings == Settings()
    assert (settings.marketo_url, settings.content_schema, settings.max_email_bytes) == (None, None, 2_000_000)
    assert settings.rules.links.uncounted_prefixes == ("mailto:",)
    assert settings.rules.links.uncounted_parts == ("mkt_unsubscribe=1",)


def test_every_key_is_taken() -> None:
    settings = load(EVERY_KEY)
    assert settings.marketo_url == "https://app-ab12.marketo.com"
    assert settings.content_schema == "marketing"
    assert settings.max_email_bytes == 5
    assert (settings.stored_schema, settings.stored_file) == ("kept", "/data/stored.duckdb")
    assert (settings.preview_link_minutes, settings.previews_per_minute) == (5, 0)
    rules = settings.rules
    assert (rules.merge_people, rules.leave_out_deleted, rules.leave_out_bots) == (False, True, True)
    assert (rules.leave_out_operational, rules.leave_out_archived, rules.time_zone) == (True, True, "Europe/Berlin")
    assert (rules.agents.privacy_proxies, rules.agents.image_proxies) == (("apple",), ("gmail",))
    # Links are compared in lower case.
    assert settings.rules.links.uncounted_prefixes == ("mailto:", "tel:")
    assert settings.rules.links.uncounted_parts == ("unsubscribe=yes",)


def test_every_setting_has_its_key() -> None:
    names = [field.name for kind in (Settings, Rules) for field in dataclasses.fields(kind)]
    lists = {
        *("uncounted_link_prefixes", "uncounted_link_parts"),
        *("privacy_proxy_agents", "image_proxy_agents"),
    }
    assert set(EVERY_KEY) == {*names} - {"rules", "links", "agents"} | lists


def test_every_setting_is_in_the_manual() -> None:
    manual = "".join((Path(__file__).parents[2] / "docs" / name).read_text() for name in ("install.md", "numbers.md"))
    assert [key for key in EVERY_KEY if f"`{key}`" not in manual] == []


@pytest.mark.parametrize("zone", ["Europe/Berln", "", "../etc/passwd", "UTC+2"])
def test_a_wrong_time_zone_is_told(zone: str) -> None:
    with pytest.raises(SettingsError, match=r"time_zone.*is no time zone"):
        load({"time_zone": zone})


def test_one_key_leaves_the_others_at_their_defaults() -> None:
    assert load({"max_email_bytes": 7}) == dataclasses.replace(Settings(), max_email_bytes=7)


@pytest.mark.parametrize("key", ["marketo_url", "content_schema"])
def test_none_turns_an_optional_setting_off(key: str) -> None:
    assert load({key: None}) == Settings()


def test_empty_lists_count_every_click() -> None:
    rules = load({"uncounted_link_prefixes": [], "uncounted_link_parts": []}).rules.links
    assert (rules.uncounted_prefixes, rules.uncounted_parts) == ((), ())


def test_the_block_is_not_changed_and_not_kept() -> None:
    block = {"uncounted_link_parts": ["A"]}
    settings = load(block)
    block["uncounted_link_parts"].append("B")
    assert settings.rules.links.uncounted_parts == ("a",)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("marketo_ur", "marketo_url"),
        ("max_email_byte", "max_email_bytes"),
        ("content_shema", "content_schema"),
        ("uncounted_links_parts", "uncounted_link_parts"),
    ],
)
def test_an_unknown_key_is_told_the_nearest(key: str, meant: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({key: None})
    assert "SUPERSET_CAMPAIGN in superset_config.py" in str(caught.value)
    assert f"unknown setting {key!r}: did you mean {meant!r}?" in str(caught.value)


@pytest.mark.parametrize("key", ["", "zzz", 7])
def test_an_unknown_key_like_no_other_is_told_all_of_them(key: object) -> None:
    with pytest.raises(SettingsError) as caught:
        load({key: None})
    assert all(name in str(caught.value) for name in EVERY_KEY)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("marketo_url", 7),
        ("marketo_url", ""),
        ("marketo_url", "app-ab12.marketo.com"),
        ("marketo_url", "http://app-ab12.marketo.com"),
        ("marketo_url", "javascript:alert(1)"),
        ("content_schema", 7),
        ("content_schema", ["marketing"]),
        ("max_email_bytes", "many"),
        ("max_email_bytes", "5"),
        ("max_email_bytes", 1.5),
        ("max_email_bytes", 0),
        ("max_email_bytes", -1),
        ("max_email_bytes", None),
        ("preview_link_minutes", 0),
        ("preview_link_minutes", 10_081),
        ("preview_link_minutes", "60"),
        ("previews_per_minute", -1),
        ("previews_per_minute", None),
        ("uncounted_link_prefixes", "mailto:"),
        ("uncounted_link_prefixes", None),
        ("uncounted_link_prefixes", [""]),
        ("uncounted_link_parts", [7]),
        ("uncounted_link_parts", {"mkt_unsubscribe": 1}),
    ],
)
def test_a_wrong_value_is_told_with_its_key_and_file(key: str, value: object) -> None:
    with pytest.raises(SettingsError) as caught:
        load({key: value})
    message = str(caught.value)
    assert message.startswith(f"SUPERSET_CAMPAIGN[{key!r}] in superset_config.py: ")
    assert "\n" not in message


@pytest.mark.parametrize("block", [None, [], "marketo_url", 7, [("marketo_url", None)]])
def test_a_block_that_is_no_dictionary_is_told(block: object) -> None:
    with pytest.raises(SettingsError, match=r"SUPERSET_CAMPAIGN in superset_config\.py must be a dictionary") as caught:
        load(block)
    assert type(block).__name__ in str(caught.value)


def test_a_wrong_setting_is_a_mistake_in_what_was_asked() -> None:
    with pytest.raises(UsageError) as caught:
        load({"marketo_url": 7})
    assert caught.value.exit_code == 2

"""The settings block of `superset_config.py`: its defaults, its keys, and what a wrong one is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from superset_campaign_plugin.config import Settings, load_settings, replaced_settings
from superset_campaign_plugin.errors import SettingsError, UsageError
from superset_campaign_plugin.report.rules import BounceLight, DomainRules, People, Rules

EVERY_KEY = {
    "marketo_url": "https://app-ab12.marketo.com",
    "content_schema": "marketing",
    "stored_schema": "kept",
    "stored_file": "/data/stored.duckdb",
    "max_email_bytes": 5,
    "preview_link_minutes": 5,
    "previews_per_minute": 0,
    "performance_patches": True,
    "harden_all_guests": True,
    "people": "merged",
    "merge_people": True,
    "leave_out_deleted": True,
    "leave_out_bots": True,
    "leave_out_operational": True,
    "leave_out_archived": True,
    "leave_out_domains": True,
    "leave_out_addresses": ["*@Own.Example", "qa@agency.example"],
    "time_zone": "Europe/Berlin",
    "uncounted_link_prefixes": ["MAILTO:", "tel:"],
    "uncounted_link_parts": ["Unsubscribe=Yes"],
    "privacy_proxy_agents": ["Apple"],
    "image_proxy_agents": ["GMail"],
    "domain_least_people": 1,
    "bounce_rate_watch": 0.025,
    "bounce_rate_refuse": 1,
    "bounce_rate_least_sent": 7,
}


def load(block: object) -> Settings:
    return load_settings({"SUPERSET_CAMPAIGN": block, "SECRET_KEY": "theirs"})


@pytest.mark.parametrize("config", [{}, {"SUPERSET_CAMPAIGN": {}}, {"SECRET_KEY": "theirs"}])
def test_settings_have_defaults(config: dict[str, object]) -> None:
    settings = load_settings(config)
    assert settings == Settings()
    assert (settings.marketo_url, settings.content_schema, settings.max_email_bytes) == (None, None, 2_000_000)
    assert (settings.performance_patches, settings.harden_all_guests) == (False, False)
    assert settings.rules.links.uncounted_prefixes == ("mailto:",)
    assert settings.rules.links.uncounted_parts == ("mkt_unsubscribe=1",)


def test_every_key_is_taken() -> None:
    settings = load(EVERY_KEY)
    assert settings.marketo_url == "https://app-ab12.marketo.com"
    assert settings.content_schema == "marketing"
    assert settings.max_email_bytes == 5
    assert (settings.stored_schema, settings.stored_file) == ("kept", "/data/stored.duckdb")
    assert (settings.preview_link_minutes, settings.previews_per_minute) == (5, 0)
    assert (settings.performance_patches, settings.harden_all_guests) == (True, True)
    rules = settings.rules
    assert (rules.people, rules.leave_out_deleted, rules.leave_out_bots) == (People.MERGED, True, True)
    assert (rules.leave_out_operational, rules.leave_out_archived, rules.time_zone) == (True, True, "Europe/Berlin")
    assert (rules.agents.privacy_proxies, rules.agents.image_proxies) == (("apple",), ("gmail",))
    assert (rules.leave_out_domains, rules.domains) == (True, DomainRules(least_people=1))
    assert rules.leave_out_addresses == ("*@own.example", "qa@agency.example")
    assert repr(rules.light) == repr(BounceLight(watch=25, refuse=1000, least_sent=7))
    # Links are compared in lower case.
    assert settings.rules.links.uncounted_prefixes == ("mailto:", "tel:")
    assert settings.rules.links.uncounted_parts == ("unsubscribe=yes",)


def test_every_setting_has_its_key() -> None:
    names = [field.name for kind in (Settings, Rules) for field in dataclasses.fields(kind)]
    lists = {
        *("uncounted_link_prefixes", "uncounted_link_parts"),
        *("privacy_proxy_agents", "image_proxy_agents"),
    }
    own = {"domain_least_people", "bounce_rate_watch", "bounce_rate_refuse", "bounce_rate_least_sent"}
    groups = {"rules", "links", "agents", "domains", "light", "people_chosen"}
    assert set(EVERY_KEY) == {*names} - groups | lists | own | {"merge_people"}


def test_every_setting_is_in_the_manual() -> None:
    manual = "".join((Path(__file__).parents[2] / "docs" / name).read_text() for name in ("install.md", "numbers.md"))
    assert [key for key in EVERY_KEY if f"`{key}`" not in manual] == []


@pytest.mark.parametrize("zone", ["Europe/Berln", "", "../etc/passwd", "UTC+2"])
def test_a_wrong_time_zone_is_told(zone: str) -> None:
    with pytest.raises(SettingsError, match=r"time_zone.*is not a valid time zone"):
        load({"time_zone": zone})


def test_one_key_leaves_the_others_at_their_defaults() -> None:
    assert load({"max_email_bytes": 7}) == dataclasses.replace(Settings(), max_email_bytes=7)


@pytest.mark.parametrize("key", ["marketo_url", "content_schema"])
def test_none_turns_an_optional_setting_off(key: str) -> None:
    assert load({key: None}) == Settings()


def test_empty_lists_count_every_click() -> None:
    rules = load({"uncounted_link_prefixes": [], "uncounted_link_parts": []}).rules.links
    assert (rules.uncounted_prefixes, rules.uncounted_parts) == ((), ())


def test_a_domain_is_watched_before_it_refuses() -> None:
    with pytest.raises(SettingsError, match=r"bounce_rate_watch, 0.2, is above bounce_rate_refuse, 0.1"):
        load({"bounce_rate_watch": 0.2})


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
        ("people", "once"),
        ("people", "MERGED"),
        ("people", ""),
        ("people", True),
        ("people", None),
        ("merge_people", "yes"),
        ("merge_people", 1.5),
        ("merge_people", None),
        ("leave_out_deleted", None),
        ("leave_out_deleted", "true"),
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
        ("performance_patches", "yes"),
        ("harden_all_guests", 1.5),
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


PEOPLE: list[tuple[dict[str, object], People, bool, list[str]]] = [
    # What the block says; the choice, whether deleted people are left out, and the keys that others take the place of.
    ({}, People.AS_SENT, False, []),
    ({"people": "as_sent"}, People.AS_SENT, False, []),
    ({"people": "as-sent"}, People.AS_SENT, False, []),
    ({"people": "merged"}, People.MERGED, False, []),
    ({"people": "hidden"}, People.HIDDEN, True, []),
    ({"merge_people": True}, People.MERGED, False, ["merge_people"]),
    ({"merge_people": False}, People.AS_SENT, False, ["merge_people"]),
    ({"leave_out_deleted": True}, People.AS_SENT, True, ["leave_out_deleted"]),
    ({"leave_out_deleted": False}, People.AS_SENT, False, []),
    ({"merge_people": True, "leave_out_deleted": True}, People.MERGED, True, ["merge_people", "leave_out_deleted"]),
    ({"people": "merged", "merge_people": True}, People.MERGED, False, ["merge_people"]),
    ({"people": "as_sent", "merge_people": False}, People.AS_SENT, False, ["merge_people"]),
    ({"people": "merged", "leave_out_deleted": True}, People.MERGED, True, []),
    ({"people": "hidden", "leave_out_deleted": True}, People.HIDDEN, True, []),
]


@pytest.mark.parametrize(("block", "people", "without_deleted", "replaced"), PEOPLE)
def test_merged_and_deleted_people(
    block: dict[str, object], people: People, without_deleted: bool, replaced: list[str]
) -> None:
    settings = load(block)
    assert (settings.rules.people, settings.rules.leave_out_deleted) == (people, without_deleted)
    assert settings.people_chosen == bool({"people", "merge_people"} & {*block})
    sentences = replaced_settings({"SUPERSET_CAMPAIGN": block})
    assert [sentence.split('"')[1] for sentence in sentences] == replaced
    for sentence in sentences:
        assert sentence.startswith('SUPERSET_CAMPAIGN["')
        # Whoever does what it says has the choice of before, or Marketo's own.
        written = sentence.split('"people": "')[1].split('"')[0]
        assert written == (people.value if "merge_people" in sentence else "hidden")


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"merge_people": True, "people": "hidden"}, 'merge_people: True and people: "hidden"'),
        ({"merge_people": False, "people": "hidden"}, 'merge_people: False and people: "hidden"'),
        ({"merge_people": True, "people": "as_sent"}, 'merge_people: True and people: "as_sent"'),
        ({"merge_people": False, "people": "merged"}, 'merge_people: False and people: "merged"'),
        ({"leave_out_deleted": False, "people": "hidden"}, 'leave_out_deleted: False and people: "hidden"'),
    ],
)
def test_settings_that_contradict_each_other_are_refused(block: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(block)
    assert str(caught.value) == f"SUPERSET_CAMPAIGN in superset_config.py: {said} contradict each other; leave one out"


@pytest.mark.parametrize("block", [None, [], "marketo_url", 7, [("marketo_url", None)]])
def test_a_block_that_is_no_dictionary_is_told(block: object) -> None:
    with pytest.raises(SettingsError, match=r"SUPERSET_CAMPAIGN in superset_config\.py must be a dictionary") as caught:
        load(block)
    assert type(block).__name__ in str(caught.value)


def test_a_wrong_setting_is_a_mistake_in_what_was_asked() -> None:
    with pytest.raises(UsageError) as caught:
        load({"marketo_url": 7})
    assert caught.value.exit_code == 2

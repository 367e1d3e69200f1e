"""The list of what to look at for a new Superset is that of the records."""

from __future__ import annotations

from scripts.superset_page import PAGE, render
from superset_campaign_plugin.host.records import PATCHES
from superset_campaign_plugin.versions import SUPPORTED


def test_the_page_has_what_the_records_say() -> None:
    assert render() in PAGE.read_text(encoding="utf-8"), "run: make docs"


def test_records_name_supported_releases_alone() -> None:
    for patch in PATCHES:
        releases = [release for target in patch.targets for release in target.releases]
        assert set(releases) <= set(SUPPORTED), patch.name
        assert len(releases) == len(set(releases)), f"{patch.name} has two methods for one release"

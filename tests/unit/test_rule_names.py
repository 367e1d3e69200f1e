"""A rule has one name: in the docs, in the SQL and its code, in the count without SQL, in a metric's certification."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"\b(?:record|opened|clicked|status)\.[a-z]+(?:-[a-z]+)+")
OF_TIMING = re.compile(r"\btiming\.[a-z]+(?:-[a-z]+)+")
OF_VARIANTS = re.compile(r"\bvariant\.(?:interval|verdict|[a-z]+(?:-[a-z]+)+)")


def names_in(file: str, name: re.Pattern[str] = NAME) -> set[str]:
    return set(name.findall((ROOT / file).read_text(encoding="utf-8")))


def test_every_rule_of_the_docs_is_named_where_it_is_carried_out() -> None:
    documented = {*re.findall(r"^\| `([a-z.-]+)` \|", (ROOT / "docs/numbers.md").read_text(encoding="utf-8"), re.M)}
    rules = {
        name for name in documented if "." in name and not (OF_TIMING.fullmatch(name) or OF_VARIANTS.fullmatch(name))
    }
    assert len(rules) == 11
    plain = {name for name in rules if not NAME.fullmatch(name)}  # a name of one word, which prose holds as well
    for file in ("superset_campaign_plugin/report/records.py", "tests/oracle.py"):
        text = (ROOT / file).read_text(encoding="utf-8")
        assert names_in(file) == rules - plain, file
        assert all(name in text for name in plain), file


def test_every_rule_of_the_timing_is_named_where_it_is_carried_out() -> None:
    rules = names_in("docs/numbers.md", OF_TIMING)
    assert len(rules) == 3
    for file in ("superset_campaign_plugin/report/timing.py", "tests/oracle.py", "docs/timing.md"):
        assert names_in(file, OF_TIMING) == rules, file
    assert names_in("datasets/campaign_email_timing.yaml", OF_TIMING) <= rules


def test_every_rule_of_the_variants_is_named_where_it_is_carried_out() -> None:
    rules = names_in("docs/numbers.md", OF_VARIANTS)
    assert len(rules) == 4
    for file in ("tests/oracle.py", "docs/variants.md"):
        assert names_in(file, OF_VARIANTS) == rules, file
    carried_out = ("superset_campaign_plugin/report/variants.py", "datasets/campaign_email_variants.yaml")
    assert {name for file in carried_out for name in names_in(file, OF_VARIANTS)} == rules


def test_a_certification_names_rules_that_there_are() -> None:
    assert names_in("datasets/metrics.yaml")
    assert names_in("datasets/metrics.yaml") <= names_in("docs/numbers.md")

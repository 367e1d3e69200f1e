"""What a log lacks, in a sentence for those who read the figures."""

from __future__ import annotations

from collections.abc import Iterable

from superset_campaign_plugin.report.activity_kinds import KINDS, EventKind
from superset_campaign_plugin.report.relations import Absent
from superset_campaign_plugin.wording import listed


def missing_in_words(absent: Iterable[Absent]) -> str:
    """The kinds of activities of which the log has no table, with what that does to the figures where it is one kind;
    empty where it has all. `doctor` says it of each, and of columns, too.
    """
    kinds = [each.part for each in absent if isinstance(each.part, EventKind)]
    if not kinds:
        return ""
    sentence = f"The log has no activities of the kind {listed([kind.value.capitalize() for kind in kinds])}."
    return f"{sentence} {KINDS[kinds[0]].without}" if len(kinds) == 1 else sentence

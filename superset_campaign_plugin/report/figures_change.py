"""What another choice of `people` does to the figures of the whole report: said before an upgrade changes them.

Until 0.2.0 a report counted merged people once where nobody chose. Now it counts as Marketo's does, which merges do not
change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from superset_campaign_plugin.report.rules import People
from superset_campaign_plugin.semantics import load_semantics

FIGURES = ("sent", "delivered", "opened", "clicked_link")
# How the former choice is kept, by where the rules come from.
KEEP_BY_SETTING = 'set "people": "merged" in the block SUPERSET_CAMPAIGN of superset_config.py'
KEEP_BY_OPTION = "give --people merged"


@dataclass(frozen=True)
class FiguresChange:
    """The figures of the whole report, before with merged people once and now as sent. `keep` says how to go back."""

    before: dict[str, int]
    now: dict[str, int]
    keep: str

    @property
    def sentence(self) -> str:
        """One sentence for the person who upgrades."""
        rule = "merged people no longer count once, but under each id that was sent an email, as in Marketo's report"
        if self.before == self.now:
            return f"{rule}; the figures stay the same"
        titles = {metric.name: metric.title for metric in load_semantics().metrics}
        figures = ", ".join(f"{titles[name]} {self.now[name]:,} (before: {self.before[name]:,})" for name in FIGURES)
        return f"the figures change: {rule}; {figures}; to keep them as they were, {self.keep}"

    def as_dict(self) -> dict[str, Any]:
        """The form of `--json`."""
        return {
            "people": {"before": People.MERGED.value, "now": People.AS_SENT.value},
            "before": self.before,
            "now": self.now,
            "same": self.before == self.now,
            "sentence": self.sentence,
        }

"""What an installation did, or would do, to one asset: what commands print, and give as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from superset_campaign_plugin.bundle.merging.three_way import FieldDifference


@dataclass(frozen=True)
class Change:
    """What happened to one asset: created, updated, unchanged, kept (people changed it) or removed.

    `differences` are the fields that were, or are, not as shipped.
    """

    action: str
    kind: str
    name: str
    differences: tuple[FieldDifference, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The form of `--json`."""
        return {
            "action": self.action,
            "kind": self.kind.removesuffix("s"),
            "name": self.name,
            "fields": [difference.as_dict() for difference in self.differences],
        }

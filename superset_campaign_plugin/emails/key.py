"""Which email an address, a proof or a query is about. Knows neither Flask nor Superset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from superset_campaign_plugin.emails.contents import MAX_ID
from superset_campaign_plugin.sources.instances import NAME


@dataclass(frozen=True)
class EmailKey:
    """The email's id in Marketo and, where the report covers several Marketo instances, the one that it is of."""

    email_id: int
    source_name: str | None = None

    def __str__(self) -> str:
        # No id holds a hyphen, so the last one ends the instance's name, and no two keys read the same.
        return str(self.email_id) if self.source_name is None else f"{self.source_name}-{self.email_id}"

    def is_possible(self) -> bool:
        """Whether there can be such an email; addresses may hold anything."""
        return 0 < self.email_id <= MAX_ID and (self.source_name is None or bool(NAME.fullmatch(self.source_name)))

    def facts(self) -> dict[str, Any]:
        """What the log of events says of it."""
        if self.source_name is None or not self.is_possible():
            return {"email_id": self.email_id}
        return {"email_id": self.email_id, "source_name": self.source_name}

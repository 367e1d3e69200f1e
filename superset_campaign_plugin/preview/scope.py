"""Which of an email's sends the figures of a preview are of. Knows neither Flask nor Superset."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from superset_campaign_plugin.report.relations import UNKNOWN_CAMPAIGN

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)


@dataclass(frozen=True)
class Scope:
    """The sends of one campaign, of a range of days, of both, or all of them.

    campaign_id         None for all campaigns, `UNKNOWN_CAMPAIGN` for the sends that name none
    sent_from, sent_to  days in the report's time zone, both inclusive; None for no limit
    """

    campaign_id: int | None = None
    sent_from: date | None = None
    sent_to: date | None = None

    @property
    def has_days(self) -> bool:
        """Whether it is limited to a range of days."""
        return self.sent_from is not None or self.sent_to is not None

    @property
    def time_range(self) -> str | None:
        """The days as Superset writes them, whose ranges end before their last day; None where there is no limit."""
        if not self.has_days:
            return None
        return f"{self.sent_from or FIRST_DAY} : {(self.sent_to or LAST_DAY) + timedelta(days=1)}"

    def is_of(self, campaign_id: int | None) -> bool:
        """Whether it is limited to the campaign, which the report gives as None where it is unknown."""
        return self.campaign_id is not None and self.campaign_id == (campaign_id or UNKNOWN_CAMPAIGN)

    def of_all_days(self) -> Scope:
        """The same without a limit of days."""
        return replace(self, sent_from=None, sent_to=None)

    def of_campaign(self, campaign_id: int | None) -> Scope:
        """The same days of that campaign, or of all."""
        return replace(self, campaign_id=campaign_id)

    def conditions(self) -> list[dict[str, Any]]:
        """It as filters of a chart query on the report."""
        found: list[dict[str, Any]] = []
        if self.campaign_id == UNKNOWN_CAMPAIGN:
            found.append({"col": "campaign_id", "op": "IS NULL"})
        elif self.campaign_id is not None:
            found.append({"col": "campaign_id", "op": "==", "val": self.campaign_id})
        if self.time_range is not None:
            found.append({"col": "sent_date", "op": "TEMPORAL_RANGE", "val": self.time_range})
        return found

    def parameters(self) -> dict[str, Any]:
        """It as parameters of a preview's address; None stands for one that is not needed."""
        return {"campaign_id": self.campaign_id, "sent_from": self.sent_from, "sent_to": self.sent_to}

"""Where the datasets' figures come from: computed from the log in the query itself, or read from stored tables."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sqlalchemy.sql.selectable import CTE, TableClause

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.deliverability import bounce_rows, deliverability_rollup, domain_rows
from superset_campaign_plugin.report.links import link_clicks
from superset_campaign_plugin.report.people import resolve_people
from superset_campaign_plugin.report.records import counted_sends, email_records, record_status
from superset_campaign_plugin.report.relations import Names, Relations
from superset_campaign_plugin.report.rollup import daily_rollup
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.timing import timing_rollup
from superset_campaign_plugin.report.variants import (
    first_variants,
    knows_variants,
    no_variants,
    variant_rollup,
    variant_rows,
)


class Facts(Protocol):
    """The tables of figures that the datasets give names to."""

    def view(self, name: str) -> TableClause | None:
        """The view that holds a whole dataset but for its links to previews, where there is one."""

    def names(self) -> Names:
        """What the ids of campaigns, programs and emails stand for."""

    def daily(self) -> CTE:
        """The daily rollup; `rollup.py` gives its columns."""

    def links(self) -> CTE:
        """Clicks by campaign, email, day of the send, and link; `links.py` gives the columns."""

    def records(self) -> CTE:
        """The email records with their first times; `records.py` gives the columns."""

    def timing(self) -> CTE:
        """The timing rollup with `observed_hours`; `as_read` of `timing.py` gives its columns."""

    def deliverability(self, rules: Rules) -> CTE:
        """Who was reached, by domain and reason of a bounce; `deliverability.py` gives the columns."""

    def variants(self, rules: Rules) -> CTE:
        """Who was sent which variant of a tested email; `variants.py` gives the columns."""


class ComputedFacts:
    """The figures as the log gives them at the moment of the query."""

    def __init__(self, relations: Relations, engine: Engine, rules: Rules, as_of: datetime | None) -> None:
        self._relations = resolve_people(relations, engine, rules)
        self._engine = engine
        self._rules = rules
        self._as_of = as_of

    def view(self, name: str) -> None:
        return None

    def names(self) -> Names:
        return self._relations.names

    def daily(self) -> CTE:
        records = email_records(self._relations, self._engine, self._rules)
        return daily_rollup(record_status(records, self._engine, self._as_of), self._engine, self._rules)

    def links(self) -> CTE:
        return link_clicks(self._relations, self._engine, self._rules)

    def records(self) -> CTE:
        return email_records(self._relations, self._engine, self._rules, timed=True)

    def timing(self) -> CTE:
        return timing_rollup(self.records(), self._engine, self._rules)

    def deliverability(self, rules: Rules) -> CTE:
        sends = counted_sends(self._relations)
        records = email_records(self._relations, self._engine, rules, sends)
        domains = domain_rows(self._relations, self._engine, rules).cte("domains_of_people")
        bounces = bounce_rows(self._relations, self._engine, rules, sends).cte("bounces_that_decide")
        return deliverability_rollup(records, domains, bounces, self._engine, rules, self._as_of)

    def variants(self, rules: Rules) -> CTE:
        if not knows_variants(self._relations):
            return no_variants(self._engine)
        records = email_records(self._relations, self._engine, rules)
        named = variant_rows(self._relations).cte("named_variants")
        return variant_rollup(records, first_variants(named), self._engine, rules, self._as_of)

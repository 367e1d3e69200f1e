"""Whether the installed report's figures change because nobody chose what merged people count as.

Looked up before anything is written. Needs a Superset application context.
"""

from __future__ import annotations

from typing import Any

from superset.models.core import Database

from superset_campaign_plugin.bundle.install_plan import READS_STORED, InstallPlan, opened, settings
from superset_campaign_plugin.errors import RefreshError
from superset_campaign_plugin.refresh.state import StoredSource, kept_people
from superset_campaign_plugin.report.figures_change import KEEP_BY_SETTING, FiguresChange
from superset_campaign_plugin.report.rules import People
from superset_campaign_plugin.report.rules_in_words import read_rules
from superset_campaign_plugin.reporting.compare_people import compare_people
from superset_campaign_plugin.sources.instances import read_instances
from superset_campaign_plugin.warehouse import connect

# What an installation's manifest keeps of the rules, as stored tables do.
RULES = "rules"


def plan_changes_figures(plan: InstallPlan) -> FiguresChange | None:
    """What carrying out the plan does to the figures of the installed report; None where none of its rules change.

    A report over another warehouse than before has other figures anyway. Raises as the report does.
    """
    known, wanted = plan.manifest.warehouse, plan.described()
    if any(known.get(name) != wanted[name] for name in ("database", "source", "schema")):
        return None
    return installed_changes_figures(known, plan.warehouse.database)


def installed_changes_figures(known: dict[str, Any], database: Database) -> FiguresChange | None:
    """The same for a refresh of the report that is installed upon `database`; `known` is of the manifest."""
    rules = settings().rules
    if settings().people_chosen or rules.people is not People.AS_SENT:
        return None
    source, schema = str(known["source"]), known["schema"]
    if People.MERGED not in _shown_people(known, database):
        return None
    with opened(database, schema) as (connection, engine):
        return compare_people(connection, engine, source, schema, rules, KEEP_BY_SETTING)


def _shown_people(known: dict[str, Any], database: Database) -> set[People | None]:
    """What the dashboard counts merged people as."""
    if known.get("reads") == READS_STORED:
        source, uri = StoredSource(settings().stored_schema, settings().stored_file), database.sqlalchemy_uri_decrypted
        instances = read_instances(str(known["source"]), known["schema"])
        try:
            place = source.uri(uri)
            with connect(place) if place != uri else opened(database, None) as (connection, engine):
                return kept_people(connection, engine, instances, settings().stored_schema)
        except RefreshError:  # the file of the stored tables is gone
            return set()
    kept = read_rules(known.get(RULES, ""))
    # Releases that kept no rules here counted merged people once, where nobody chose.
    return {People.MERGED if kept is None else kept.people}

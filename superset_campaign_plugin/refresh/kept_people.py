"""Whether a refresh changes the figures because nobody chose what merged people count as: looked up before it."""

from __future__ import annotations

from superset_campaign_plugin.refresh.session import open_session
from superset_campaign_plugin.refresh.state import kept_people
from superset_campaign_plugin.report.figures_change import FiguresChange
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.reporting.compare_people import compare_people
from superset_campaign_plugin.sources.instances import read_instances


def change_of_figures(
    uri: str,
    *,
    source: str,
    schema: str | None,
    stored_schema: str,
    stored_file: str | None,
    rules: Rules,
    keep: str,
) -> FiguresChange | None:
    """What refreshing stored tables that count merged people once does to the figures; None where none do.

    `keep` says how to keep them. Only looks. Raises what the refresh raises that cannot read the log.
    """
    if rules.people is not People.AS_SENT:
        return None
    instances = read_instances(source, schema)
    with open_session(uri, stored_file, write=False) as session:
        connection, engine = session.connection, session.engine
        if People.MERGED not in kept_people(connection, engine, instances, stored_schema):
            return None
        return compare_people(connection, engine, source, schema, rules, keep, session.attached)

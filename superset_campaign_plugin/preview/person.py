"""What the log says of one person and one email, for viewers who may see the people behind the figures.

The dataset of people, queried as the viewer, says whether they may, and in which campaigns. Then the log itself is
read, as `superset-campaign explain` does: the stored tables hold what an activity came to, not each activity.
"""

from __future__ import annotations

from dataclasses import dataclass

from superset.connectors.sqla.models import SqlaTable

from superset_campaign_plugin.emails.key import EmailKey
from superset_campaign_plugin.embedding import guests
from superset_campaign_plugin.embedding.held import has_row_rules
from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.preview.email import settings, warehouse_connection
from superset_campaign_plugin.preview.insight import (
    campaign_ids,
    conditions_of,
    find_dataset,
    find_report,
    query_as_viewer,
)
from superset_campaign_plugin.preview.scope import Scope
from superset_campaign_plugin.report.datasets import PEOPLE_DATASET, Options, marketo_person
from superset_campaign_plugin.report.relations import UNKNOWN_CAMPAIGN
from superset_campaign_plugin.reporting.explain import Explanation, explain_in
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.superset_assets.manifest import installed_manifest


@dataclass(frozen=True)
class ExplainedPerson:
    """One person's figures for an email, explained; `is_limited` where lines are left out that the viewer may not see.

    `explanation` has no outcome where the log has lost the send since the last refresh. `marketo_url` opens the person
    in Marketo; None where the instance's address is not known.
    """

    key: EmailKey
    person_id: int
    explanation: Explanation
    is_limited: bool
    marketo_url: str | None


def explain_person(key: EmailKey, person_id: int) -> ExplainedPerson | None:
    """Explain the person's figures; None where the viewer may see no row of the person and the email.

    Viewers with row rules get the lines that count for the campaigns of their rows. A line that counts nowhere is of
    nobody's rows, so they do not get it. Raises the errors of Superset and of the warehouse where the log cannot be
    read.
    """
    report, people = find_report(), find_dataset(PEOPLE_DATASET)
    if guests.is_guest() or report is None or people is None or not key.is_possible():
        return None
    of_person = {"col": "person_id", "op": "==", "val": person_id}
    rows = query_as_viewer(people, ["campaign_id"], ["sent"], [*conditions_of(key), of_person], order="sent")
    # Somebody's own row rule may stand on the report's dataset alone.
    shown = {_known(campaign) for campaign in campaign_ids(report, key, Scope())}
    campaigns = {_known(row["campaign_id"]) for row in rows or []} & shown
    if not campaigns:
        return None
    explanation = _explain(report, key, person_id)
    is_limited = has_row_rules()
    if is_limited:
        explanation = explanation.of_campaigns(campaigns)
    base = None if key.source_name else settings().marketo_url
    url = None if base is None else f"{marketo_person(base)}{person_id}"
    return ExplainedPerson(key, person_id, explanation, is_limited, url)


def _explain(report: SqlaTable, key: EmailKey, person_id: int) -> Explanation:
    known = installed_manifest().warehouse
    source = resolve(str(known["source"]), known["schema"])
    with warehouse_connection(report, known, known["schema"]) as connection:
        logs = source.live_logs(connection, get_engine(connection.engine.url.get_backend_name()))
        log = next(each for each in logs if each.instance.name == key.source_name)
        return explain_in(connection, log, Options(rules=settings().rules), person=person_id, email=key.email_id)


def _known(campaign_id: int | None) -> int:
    return UNKNOWN_CAMPAIGN if campaign_id is None else int(campaign_id)

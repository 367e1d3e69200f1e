"""A log as a file of Marketo's bulk activity extract."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

from logs.model import Log
from logs.tables import ACTIVITY_TYPES

BULK_HEADER = (
    "marketoGUID",
    "leadId",
    "activityDate",
    "activityTypeId",
    "campaignId",
    "primaryAttributeValueId",
    "primaryAttributeValue",
    "attributes",
)


def write_bulk(log: Log, path: Path, delimiter: str = ",", compress: bool = False) -> None:
    """Write the log's activities as one extract file. The extract has no assets, and no row without a person."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(BULK_HEADER)
    for activity in log.activities:
        if activity.person is None:
            continue
        attributes = {"Campaign Run ID": str(activity.id % 97)}
        if activity.action_result is not None:
            attributes["Action Result"] = activity.action_result
        if activity.link is not None:
            attributes["Link"] = activity.link
        ids = ["null" if id is None else id for id in (activity.campaign, activity.email)]
        writer.writerow(
            (
                f"guid-{activity.id}",
                activity.person,
                f"{activity.time.isoformat()}Z",
                ACTIVITY_TYPES[activity.kind],
                *ids,
                activity.named,
                json.dumps(attributes),
            )
        )
    raw = text.getvalue().encode("utf-8")
    path.write_bytes(gzip.compress(raw) if compress else raw)

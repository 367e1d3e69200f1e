"""People that Marketo has deleted: the bulk extract leaves them out, so they are fetched page by page.

Sources are Adobe's pages *Activities* (Get Deleted Leads) and *Paging Tokens*. Marketo forgets deletions after 14 days.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from superset_campaign_plugin.errors import LoadError, MarketoError
from superset_campaign_plugin.marketo.client import Client
from superset_campaign_plugin.marketo.jobs import FIELDS
from superset_campaign_plugin.marketo.values import spell_time, storable

_TOKEN = "/rest/v1/activities/pagingtoken.json"  # noqa: S105 - a path
_LIST = "/rest/v1/activities/deletedleads.json"


def write_deletions(client: Client, since: datetime, target: Path) -> int:
    """Write the deletions since then (UTC) into a file that `load` takes, and return how many there are.

    Raises the errors of `Client`, and `LoadError` where the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(FIELDS)
    count = 0
    for fields in _deletions(client, since):
        writer.writerow([_field(fields.get(name)) for name in FIELDS])
        count += 1
    try:
        target.write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise LoadError(f"cannot write {target}: {error.strerror or error}") from error
    return count


def _deletions(client: Client, since: datetime) -> Iterator[dict[str, Any]]:
    token: object = client.answer(_TOKEN, sinceDatetime=spell_time(since)).get("nextPageToken")
    while True:
        if not isinstance(token, str) or not token:
            raise MarketoError("Marketo gives no token for the page of deleted people; check MARKETO_URL")
        answer = client.answer(_LIST, nextPageToken=token)
        result = answer.get("result")
        for fields in result if isinstance(result, list) else []:
            if not isinstance(fields, dict) or type(fields.get("leadId")) is not int:
                raise MarketoError("Marketo's list of deleted people holds one without an id; check MARKETO_URL")
            yield fields
        if answer.get("moreResult") is not True:
            return
        if answer.get("nextPageToken") == token:
            raise MarketoError("Marketo gives the same page of deleted people again and again")
        token = answer.get("nextPageToken")


def _field(value: object) -> str:
    """A field of the file. A deletion's attributes are a list, which says nothing to the report."""
    return "" if value is None or isinstance(value, (list, dict)) else storable(str(value))

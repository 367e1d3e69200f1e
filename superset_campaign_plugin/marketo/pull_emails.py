"""Which emails are fetched from Marketo, and how they come into the table that the preview reads.

Two lists are asked for, the approved emails and the drafts, and a draft counts only where the email has no approved
version: what was sent is what was approved. Sources are Adobe's pages *Get Emails*, *Get Email Full Content* and *Get
Email Dynamic Content* of the Marketo asset API.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from superset_campaign_plugin.emails.contents import (
    MAX_ID,
    Content,
    format_sender,
    prepare_table,
    store_contents,
    stored_versions,
)
from superset_campaign_plugin.errors import MarketoBusyError, MarketoError, MarketoRefusalError
from superset_campaign_plugin.marketo.client import Client
from superset_campaign_plugin.marketo.credentials import read_credentials
from superset_campaign_plugin.marketo.values import parse_time, storable

# Few enough that little is lost when the program is killed, many enough that DuckDB's file is not locked all the time.
BATCH = 10

_LIST = "/rest/asset/v1/emails.json"


@dataclass(frozen=True)
class ListedEmail:
    """What a list says of an email; `fields` is its entry as Marketo gives it."""

    email_id: int
    status: str
    updated_at: datetime | None
    fields: dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """An email whose content could not be read, and why. What is stored of it stays."""

    email_id: int
    reason: str


@dataclass(frozen=True)
class PulledEmails:
    """How many emails were stored, how many were stored before in Marketo's newest version, and what went wrong."""

    stored: int
    unchanged: int
    failures: tuple[Failure, ...]


def pull_emails(
    uri: str,
    environment: Mapping[str, str],
    *,
    schema: str | None = None,
    everything: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> PulledEmails:
    """Store the emails that Marketo has and the table has not in their newest version; `everything` stores them all.

    A run that ends early keeps what it has stored, and the next goes on from there. Raises `UsageError` for missing
    or wrong credentials in the environment, `DatabaseError` where the database fails and `MarketoError` where Marketo
    does; a single email that cannot be read is a `Failure` of the result instead.
    """
    credentials = read_credentials(environment)
    # First of all, so that a database that cannot be written costs no call.
    prepare_table(uri, schema)
    stored = {} if everything else stored_versions(uri, schema)
    with Client(credentials, sleep=sleep, clock=clock) as client:
        emails = list_emails(client)
        wanted = [email for email in emails if not _is_stored(email, stored)]
        run = _EmailPull(uri, schema)
        try:
            for number, email in enumerate(wanted):
                progress(number, len(wanted))
                run.add(client, email)
        except (MarketoError, KeyboardInterrupt) as error:
            run.store()
            if isinstance(error, MarketoError) and run.stored:
                raise type(error)(
                    f"{error}; {run.stored} emails were stored, a further run fetches the rest"
                ) from error
            raise
        run.store()
        progress(len(wanted), len(wanted))
    # Where other emails are up to date, one that Marketo refuses for good is no reason to fail every night.
    if run.failures and not run.stored and len(wanted) == len(emails):
        first = run.failures[0]
        raise MarketoError(f"none of {len(wanted)} emails could be read; email {first.email_id}: {first.reason}")
    return PulledEmails(stored=run.stored, unchanged=len(emails) - len(wanted), failures=tuple(run.failures))


def list_emails(client: Client) -> list[ListedEmail]:
    """Every email that the API user may see, by id, in its approved version or else as a draft."""
    emails: dict[int, ListedEmail] = {}
    for status in ("approved", "draft"):
        listed = {email.email_id: email for page in client.pages(_LIST, status=status) for email in _read(page, status)}
        emails = {**listed, **emails}
    return [emails[email_id] for email_id in sorted(emails)]


class _EmailPull:
    """The emails of one run on their way into the table."""

    def __init__(self, uri: str, schema: str | None) -> None:
        self.stored = 0
        self.failures: list[Failure] = []
        self._uri = uri
        self._schema = schema
        self._contents: list[Content] = []
        self._versions: dict[int, datetime | None] = {}
        self._busy = False

    def add(self, client: Client, email: ListedEmail) -> None:
        """Fetch an email, and store a batch once it is full."""
        try:
            content = _fetch(client, email)
        except MarketoBusyError as error:
            # One email that Marketo never gets done must not stop the others; two in a row are Marketo itself.
            if self._busy:
                raise
            self._busy = True
            self.failures.append(Failure(email.email_id, str(error)))
            return
        except MarketoRefusalError as error:
            content = None
            self.failures.append(Failure(email.email_id, str(error)))
        self._busy = False
        if content is None:
            return
        self._contents.append(content)
        self._versions[email.email_id] = email.updated_at
        if len(self._contents) == BATCH:
            self.store()

    def store(self) -> None:
        """Store what is still on its way."""
        contents, self._contents = self._contents, []
        if contents:
            self.stored += store_contents(self._uri, contents, self._schema, self._versions).loaded


def _is_stored(email: ListedEmail, stored: Mapping[int, datetime]) -> bool:
    before = stored.get(email.email_id)
    return before is not None and email.updated_at is not None and before >= email.updated_at


def _read(page: list[Any], status: str) -> Iterator[ListedEmail]:
    for fields in page:
        email_id = fields.get("id") if isinstance(fields, dict) else None
        if type(email_id) is not int or not 0 < email_id <= MAX_ID:
            raise MarketoError("Marketo's list of emails holds one without an id; check MARKETO_URL")
        yield ListedEmail(email_id, status, parse_time(fields.get("updatedAt")), fields)


def _fetch(client: Client, email: ListedEmail) -> Content:
    result = client.get(f"/rest/asset/v1/email/{email.email_id}/fullContent.json", status=email.status, type="HTML")
    first = result[0] if result else None
    html = first.get("content") if isinstance(first, dict) else None
    if not isinstance(html, str):
        raise MarketoRefusalError("Marketo gives no HTML of it")
    return Content(
        email_id=email.email_id,
        html=storable(html),
        subject=field_text(client, email, "subject"),
        sender=format_sender(field_text(client, email, "fromName"), field_text(client, email, "fromEmail")),
        preheader=field_text(client, email, "preHeader"),
    )


def field_text(client: Client, email: ListedEmail, name: str) -> str | None:
    """A field's text, which is bare or `{"type": "Text", "value": …}`; of several by segment the default one."""
    field = email.fields.get(name)
    kind, value = (field.get("type"), field.get("value")) if isinstance(field, dict) else ("Text", field)
    if isinstance(kind, str) and kind.lower() == "dynamiccontent":
        value = _default_text(client, email, value)
    return storable(value).strip() or None if isinstance(value, str) else None


def _default_text(client: Client, email: ListedEmail, section: object) -> object:
    """The variation for people of no segment. `section` is its id in Marketo and no text for people."""
    path = f"/rest/asset/v1/email/{email.email_id}/dynamicContent/{quote(str(section), safe='')}.json"
    try:
        result = client.get(path, status=email.status)
    except MarketoRefusalError:
        return None
    variations = result[0].get("content") if result and isinstance(result[0], dict) else None
    for variation in variations if isinstance(variations, list) else ():
        if isinstance(variation, dict) and variation.get("segmentName") == "Default":
            return variation.get("content")
    return None

"""One email as a viewer may see it: figures, stored content and cleaned body. The page and the API both show this."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import SQLAlchemyError
from superset.connectors.sqla.models import SqlaTable
from superset.models.core import Database

from superset_campaign_plugin.config import EXTENSION, Settings
from superset_campaign_plugin.emails.contents import Content, read_content
from superset_campaign_plugin.emails.key import EmailKey
from superset_campaign_plugin.embedding import guests
from superset_campaign_plugin.preview.click_marks import marks_of
from superset_campaign_plugin.preview.insight import (
    Insight,
    LinkFigures,
    find_report,
    is_visible,
    load_insight,
    load_links,
)
from superset_campaign_plugin.preview.sanitize import CleanBody, EmailTooLarge, clean_html
from superset_campaign_plugin.preview.scope import Scope
from superset_campaign_plugin.superset_assets.installed_assets import find
from superset_campaign_plugin.superset_assets.manifest import read_manifest
from superset_campaign_plugin.warehouse import reason

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Email:
    """An email that the viewer may see.

    `content` is None where none is stored or the warehouse does not give it; `body` is None then too, and where `state`
    says that the HTML is too large or cannot be read.
    """

    insight: Insight
    content: Content | None
    body: CleanBody | None
    marketo_url: str | None
    is_too_large: bool = False
    is_unavailable: bool = False

    @property
    def state(self) -> str:
        """What there is to show: stored, missing, unavailable, too_large or unreadable."""
        if self.content is None:
            return "unavailable" if self.is_unavailable else "missing"
        if self.body is not None:
            return "stored"
        return "too_large" if self.is_too_large else "unreadable"


@dataclass(frozen=True)
class Body:
    """The body of an email: `source` as it was stored, which nothing but text may be made of, and clean."""

    source: str
    clean: CleanBody


def open_email(key: EmailKey, scope: Scope, *, remote_images: bool) -> Email | None:
    """The email, or None for one that the viewer may not see. Content is read only once they may.

    `scope` limits the figures.
    """
    insight = load_insight(key, scope)
    report = find_report()
    if insight is None or report is None:
        return None
    # A portal's visitors have no Marketo of ours to open, and of several instances the setting knows one at most.
    base = None if guests.is_guest() or key.source_name else settings().marketo_url
    url = marketo_link(base, key.email_id)
    try:
        content = _stored(report, key)
    except SQLAlchemyError as error:
        # On DuckDB a loader that writes keeps all others out of its file. The figures are in another one.
        said = reason(error, make_url(report.database.sqlalchemy_uri_decrypted))
        logger.error(
            "The content of email %s cannot be read, so its preview shows figures alone: %s", key.email_id, said
        )
        return Email(insight, None, None, url, is_unavailable=True)
    try:
        return Email(insight, content, _clean(content, remote_images, ()), url)
    except EmailTooLarge:
        return Email(insight, content, None, url, is_too_large=True)


def open_body(key: EmailKey, campaign_id: int | None, *, remote_images: bool, clicks: bool) -> Body | None:
    """The body alone; None where the viewer may not see the email or there is nothing to show.

    With `clicks` its links are marked with theirs, in the one campaign or in all.
    """
    report = find_report()
    if report is None or not is_visible(key):
        return None
    content = _stored(report, key)
    try:
        clean = _clean(content, remote_images, load_links(key, campaign_id) if clicks else ())
    except EmailTooLarge:
        return None
    return None if content is None or clean is None else Body(content.html, clean)


def settings() -> Settings:
    """The plugin's settings in the running application."""
    found: Settings = current_app.extensions[EXTENSION]
    return found


@contextmanager
def warehouse_connection(report: SqlaTable, known: Mapping[str, Any], schema: str | None) -> Iterator[Connection]:
    """A connection to the log, where the emails' content lies, too: the report may be read from a file of stored
    tables. `known` is the manifest's `warehouse`."""
    warehouse = (find(Database, str(known["database"])) if known else None) or report.database
    with (
        warehouse.get_sqla_engine(catalog=warehouse.get_default_catalog(), schema=schema) as engine,
        engine.connect() as connection,
    ):
        yield connection


def marketo_link(base: str | None, email_id: int) -> str | None:
    """Where the email asset opens in Marketo; None where the instance's address is not set."""
    return f"{base.rstrip('/')}/#EM{email_id}A1" if base else None


def _stored(report: SqlaTable, key: EmailKey) -> Content | None:
    manifest = read_manifest()
    known = manifest.warehouse if manifest else {}
    schema = settings().content_schema or known.get("schema", report.schema)
    if key.source_name is not None:
        # Ids of several instances in one table would be mixed, so each has its own, beside its log.
        # Without a schema of its own it has none: the database's default may hold those of another instance.
        schema = manifest.instances.get(key.source_name) if manifest else None
        if schema is None:
            return None
    with warehouse_connection(report, known, schema) as connection:
        return read_content(connection, schema, key.email_id)


def _clean(content: Content | None, remote_images: bool, clicked: Sequence[LinkFigures]) -> CleanBody | None:
    """The clean body; None where there is none, or it cannot be cleaned. Raises `EmailTooLarge`."""
    if content is None:
        return None
    marks, limit = marks_of(clicked), settings().max_email_bytes
    try:
        return clean_html(content.html, remote_images=remote_images, max_bytes=limit, marks=marks)
    except EmailTooLarge:
        raise
    except Exception:
        # One email's HTML must not take its figures from the viewer: whatever it does to the cleaning, they are shown.
        logger.exception(
            "The HTML of email %s cannot be cleaned, so its preview shows the figures alone", content.email_id
        )
        return None

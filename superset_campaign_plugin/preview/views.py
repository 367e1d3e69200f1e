"""The preview's addresses: the page of an email, the email itself for the frame in it, and the page of one person."""

# Superset's classes and decorators come without types.
# mypy: allow-subclassing-any, allow-untyped-decorators

from __future__ import annotations

import logging
from collections.abc import Callable

from flask import Response, g, request
from flask_appbuilder import expose, permission_name
from marshmallow import ValidationError
from superset import security_manager
from superset.extensions import talisman
from superset.superset_typing import FlaskResponse
from superset.views.base import BaseSupersetView
from superset.views.utils import redirect_to_login

from superset_campaign_plugin.emails.key import EmailKey
from superset_campaign_plugin.embedding.audit_log import record
from superset_campaign_plugin.embedding.guests import acting_as_guest, guest_of_proof
from superset_campaign_plugin.embedding.rate_limit import refused
from superset_campaign_plugin.errors import ProofError
from superset_campaign_plugin.preview.email import open_body, open_email
from superset_campaign_plugin.preview.pages import (
    VIEWS,
    Look,
    body_document,
    busy_page,
    failure_page,
    not_found_page,
    person_page,
    preview_page,
    refusal_page,
)
from superset_campaign_plugin.preview.person import explain_person
from superset_campaign_plugin.preview.schemas import ScopeSchema
from superset_campaign_plugin.preview.scope import Scope
from superset_campaign_plugin.report.datasets import PERSON_PAGE

logger = logging.getLogger(__name__)

PERMISSION = "CampaignEmail"

# Talisman would put the deployment's policy in place of the stricter one that each answer carries.
_own_policy = talisman(content_security_policy=None, frame_options=None)


_ELSEWHERE = ("cross-site", "same-site")


class CampaignEmailView(BaseSupersetView):
    """Previews of emails, for everybody whom the report shows the email."""

    route_base = "/campaign-email"
    class_permission_name = PERMISSION

    @expose("/<int:email_id>/", methods=("GET",))
    @_own_policy
    @permission_name("read")
    def preview(self, email_id: int) -> FlaskResponse:
        """The page: `source` names the Marketo instance where there are several, `campaign_id` limits its figures to
        one campaign, `sent_from` and `sent_to` to the sends of those days, `images=1` loads remote images, `view` is
        one of `VIEWS`, and `clicks=0` takes the clicks off the email's links."""
        return _answer("preview", email_key(email_id), self._preview)

    @expose("/<int:email_id>/body", methods=("GET",))
    @_own_policy
    @permission_name("read")
    def body(self, email_id: int) -> FlaskResponse:
        """The cleaned email as a document of its own; the parameters are those of the page."""
        return _answer("body", email_key(email_id), self._body)

    @expose(f"/<int:email_id>/{PERSON_PAGE}/<int:person_id>/", methods=("GET",))
    @_own_policy
    @permission_name("read")
    def person(self, email_id: int, person_id: int) -> FlaskResponse:
        """The page that explains one person's figures for the email; `source` names the Marketo instance where there
        are several."""

        def show(key: EmailKey) -> Response | None:
            explained = explain_person(key, person_id)
            return None if explained is None else person_page(explained)

        return _answer("person", email_key(email_id), show, person=person_id)

    @staticmethod
    def _preview(key: EmailKey) -> Response | None:
        look = _look()
        try:
            email = open_email(key, asked_scope(), remote_images=look.images)
        except ValidationError:
            return None
        return None if email is None else preview_page(email, look)

    @staticmethod
    def _body(key: EmailKey) -> Response | None:
        look = _look()
        try:
            scope = asked_scope()
        except ValidationError:
            return None
        body = open_body(key, scope.campaign_id, remote_images=look.images, clicks=look.clicks)
        return None if body is None else body_document(body, look)


def email_key(email_id: int) -> EmailKey:
    """The email that the request's address is about: its `source` names the Marketo instance, if there are several."""
    return EmailKey(email_id, request.args.get("source"))


def asked_scope() -> Scope:
    """What the request's address limits the figures to. Raises `ValidationError` where that cannot be."""
    scope: Scope = ScopeSchema().load(request.args.to_dict())
    return scope


def _look() -> Look:
    """How the email is to be shown; whatever else the address says is the usual look."""
    view = request.args.get("view", "")
    return Look(
        view=view if view in VIEWS else VIEWS[0],
        # Not where another site's page led here: there the viewer has not asked.
        images=request.args.get("images") == "1" and request.headers.get("Sec-Fetch-Site") not in _ELSEWHERE,
        clicks=request.args.get("clicks") != "0",
    )


def _answer(place: str, key: EmailKey, show: Callable[[EmailKey], Response | None], **facts: int) -> FlaskResponse:
    """What `show` makes for who asks: a person with their session, or the guest whose proof the address bears.

    `place` names the address in the log and the account on which the request counts. The frame's request has one of
    its own, so that an opened preview counts once.
    """
    refusal: ProofError | None = None
    guest = None
    try:
        guest = guest_of_proof(key)
    except ProofError as error:
        refusal = error
    with acting_as_guest(guest):
        if wait := refused(place):
            answer, outcome = busy_page(wait.seconds), "too many requests"
        elif refusal is not None:
            answer, outcome = refusal_page(refusal), f"refused: {refusal}"
        else:
            answer, outcome = _shown(show, key)
        if wait is None or wait.is_news:
            record(f"CampaignEmailView.{place}", outcome=outcome, **key.facts(), **facts)
    return answer


def _shown(show: Callable[[EmailKey], Response | None], key: EmailKey) -> tuple[FlaskResponse, str]:
    """What `show` makes, with a word on it; for nothing to show one and the same answer, which tells no more."""
    try:
        shown = show(key) if security_manager.can_access("can_read", PERMISSION) else None
    except Exception:
        # Whatever an email, its figures or its database raise: the viewer gets a page, and the log the reason.
        logger.exception("The preview of email %s failed", key)
        return failure_page(), "failed"
    if shown is not None:
        return shown, "shown"
    if not g.user.is_authenticated:
        return redirect_to_login(), "sent to log in"
    return not_found_page(), "not found, or not theirs to see"

"""The preview over REST: the same email, figures and rules as on the page."""

# Superset's classes and decorators come without types.
# mypy: allow-subclassing-any, allow-untyped-decorators, no-warn-return-any

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Response
from flask_appbuilder.api import expose, permission_name, protect, safe
from marshmallow import ValidationError
from superset.views.base_api import BaseSupersetApi, statsd_metrics

from superset_campaign_plugin.emails.key import EmailKey
from superset_campaign_plugin.embedding.audit_log import record
from superset_campaign_plugin.embedding.rate_limit import refused
from superset_campaign_plugin.preview.email import Email, open_email
from superset_campaign_plugin.preview.schemas import CampaignEmailResponseSchema
from superset_campaign_plugin.preview.views import PERMISSION, asked_scope, email_key


class CampaignEmailRestApi(BaseSupersetApi):
    """Emails of the report."""

    resource_name = "campaign_email"
    allow_browser_login = True
    class_permission_name = PERMISSION

    openapi_spec_tag = "Campaign Emails"
    openapi_spec_component_schemas = (CampaignEmailResponseSchema,)

    response_schema = CampaignEmailResponseSchema()

    @expose("/<int:email_id>", methods=("GET",))
    @protect()
    @safe
    @permission_name("read")
    @statsd_metrics
    def get(self, email_id: int) -> Response:
        """Get an email's figures, campaigns and links.
        ---
        get:
          summary: Get an email's figures, campaigns and links
          description: >-
            What the report shows the caller of an email, by the report's own access and row rules. An email that does
            not exist and one that the caller may not see give the same 404.
          parameters:
          - in: path
            schema:
              type: integer
              format: int64
              minimum: 1
            name: email_id
            description: The email's id in Marketo
          - in: query
            schema:
              type: string
            name: source
            description: The Marketo instance that the email is of, where the report covers several
          - in: query
            schema:
              type: integer
              format: int64
              minimum: 0
            name: campaign_id
            description: Limits figures and links to one campaign; 0 is the unknown one
          - in: query
            schema:
              type: string
              format: date
            name: sent_from
            description: Limits figures to sends from this day on
          - in: query
            schema:
              type: string
              format: date
            name: sent_to
            description: Limits figures to sends until this day, inclusive
          responses:
            200:
              description: The email
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      result:
                        $ref: '#/components/schemas/CampaignEmailResponseSchema'
            400:
              $ref: '#/components/responses/400'
            401:
              $ref: '#/components/responses/401'
            403:
              $ref: '#/components/responses/403'
            404:
              description: >-
                There is no such email that the caller may see. An address whose id is no whole number gets Superset's
                page for unknown addresses
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      message:
                        type: string
                text/html: {}
            422:
              $ref: '#/components/responses/422'
            429:
              description: More requests than the deployment allows one person
              headers:
                Retry-After:
                  description: Seconds until there is room again
                  schema:
                    type: integer
              content:
                application/json:
                  schema:
                    type: object
                    properties:
                      message:
                        type: string
            500:
              $ref: '#/components/responses/500'
        """
        # Pages and this count on one account: a preview is a preview.
        key = email_key(email_id)
        if wait := refused("preview"):
            if wait.is_news:
                self._log(key, "too many requests")
            response = self.response(429, message=f"Too many previews at once; try again in {wait.seconds} s")
            response.headers["Retry-After"] = str(wait.seconds)
            return response
        try:
            scope = asked_scope()
        except ValidationError as error:
            name, [fault, *_] = next(iter(error.messages_dict.items()))
            return self.response_400(message=f"{name} {fault}")
        email = open_email(key, scope, remote_images=False)
        self._log(key, "not found, or not theirs to see" if email is None else "shown")
        if email is None:
            return self.response_404()
        response = self.response(200, result=self.response_schema.dump(as_result(email)))
        response.headers["Cache-Control"] = "private, no-store"
        return response

    def _log(self, key: EmailKey, outcome: str) -> None:
        record(f"{self.__class__.__name__}.get", outcome=outcome, **key.facts())


def as_result(email: Email) -> dict[str, Any]:
    """The email in the shape of `CampaignEmailResponseSchema`."""
    insight, content = email.insight, email.content
    return {
        "email_id": insight.key.email_id,
        "source_name": insight.key.source_name,
        "email_name": insight.email_name,
        "subject": (content.subject if content else None) or insight.email_subject,
        "sender": content.sender if content else None,
        "preheader": content.preheader if content else None,
        "content": email.state,
        "marketo_url": email.marketo_url,
        "scope": asdict(insight.scope),
        "figures": _plain(insight.figures),
        "campaigns": [{**asdict(each), "figures": _plain(each.figures)} for each in insight.campaigns],
        "links": None if insight.links is None else [asdict(link) for link in insight.links],
        "blocked_images": email.body.blocked_images if email.body else None,
    }


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures with their times as text."""
    return {
        name: f"{value.isoformat(timespec='seconds')}Z" if isinstance(value, datetime) else value
        for name, value in figures.items()
    }

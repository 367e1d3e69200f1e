"""What Superset answers to a guest of the report: what the embedded page asks for, and of that what it reads.

Superset gives whoever may read a dashboard the accounts, roles and SQL behind it, in lists, filters and errors, and
draws pictures of it as another account. Nothing of that has to be thought of here: an endpoint, a field or a text that
is not known to the page is not given. Guests of other dashboards get what Superset gives them.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response, jsonify, request

from superset_campaign_plugin.embedding import guests, requests
from superset_campaign_plugin.embedding.fields import ANSWERS
from superset_campaign_plugin.embedding.refusals import BAD_REQUEST, FORBIDDEN, NOT_FOUND, told
from superset_campaign_plugin.embedding.unseen import unseen
from superset_campaign_plugin.host import endpoints


def register(app: Flask) -> None:
    """Hook both ways into the application."""
    app.before_request(_refuse)
    # Flask runs these in reverse order: this one before the compression, which Superset registered earlier.
    app.after_request(_tell)


def refusal(status: int, text: str) -> Response:
    """A refusal as Superset's own APIs give it."""
    answer: Response = jsonify(message=text)
    answer.status_code = status
    return answer


@unseen
def _refuse() -> Response | None:
    if not guests.is_guarded():
        return None
    if guests.has_lost_the_role():
        return refusal(403, FORBIDDEN)
    if request.endpoint in endpoints.OPEN:
        return None
    if request.endpoint is None:
        return refusal(404, NOT_FOUND)
    if request.endpoint not in ANSWERS:
        return refusal(403, FORBIDDEN)
    if not requests.is_of_the_page(request):
        return refusal(400, BAD_REQUEST)
    return None if requests.is_about_something(request) else refusal(403, FORBIDDEN)


@unseen
def _tell(response: Response) -> Response:
    if not guests.is_guarded() or request.endpoint in endpoints.PREVIEW_PAGES:
        return response
    if response.status_code >= 400:
        return _without_words(response)
    tell = ANSWERS.get(request.endpoint or "")
    if tell is None or response.status_code >= 300:
        return response
    if response.mimetype == "application/json" and not response.is_streamed:
        response.set_data(json.dumps(tell(response.get_json(silent=True))))
    elif request.endpoint not in endpoints.EXPORTS:
        response.set_data(b"")
    return response


def _without_words(response: Response) -> Response:
    """The refusal with a text of ours, and nothing beside it."""
    said = response.get_json(silent=True) if response.mimetype == "application/json" else None
    if request.endpoint in endpoints.PREVIEWS and response.status_code < 500:
        return response
    answer = refusal(response.status_code, told(_first_text(said), response.status_code))
    for name in ("Content-Encoding", "Content-Disposition", "ETag"):
        response.headers.pop(name, None)
    response.direct_passthrough = False
    response.mimetype = "application/json"
    response.set_data(answer.get_data())
    return response


def _first_text(said: Any) -> Any:
    if not isinstance(said, dict):
        return None
    errors = said.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else said
    return first.get("message") or said.get("error") if isinstance(first, dict) else first

"""Preview links of guests: signed on the way out, plain again on the way in.

Datasets and caches hold the plain link alone. An answer to a guest gets proofs after Superset has made it, so no cache
of Superset ever sees one; and what a guest sends back, such as a filter on a cell that is a link, loses them before
Superset reads it.
"""

# Flask's registrations come without types here.
# mypy: no-warn-return-any

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, current_app, g, request
from werkzeug.datastructures import ImmutableMultiDict

from superset_campaign_plugin.emails.key import EmailKey
from superset_campaign_plugin.embedding import guests
from superset_campaign_plugin.embedding.audit_log import record
from superset_campaign_plugin.embedding.unseen import unseen
from superset_campaign_plugin.host import endpoints
from superset_campaign_plugin.report.datasets import PREVIEW_PATH

# A text in JSON that is the anchor of `report/datasets.py` from its first character to its last. The name in it is
# escaped, so neither quotes nor angle brackets stand in it; JSON may have put backslashes there.
_NAME = r'(?:[^"\\<>]|\\[^"])*'
_INSTANCE = r"source=[A-Za-z0-9_-]{1,40}"
_SCOPE = r"campaign_id=[0-9]{1,19}(?:&sent_from=[0-9-]{10}&sent_to=[0-9-]{10})?"
_EMAIL = rf"([0-9]{{1,19}})/\??({_INSTANCE})?&?({_SCOPE})?"
_SIGNED = re.compile(
    rf"({re.escape(PREVIEW_PATH)}[0-9]{{1,19}}/(?:body)?(?:\?{_INSTANCE})?(?:[?&]{_SCOPE})?)"
    rf"(?:\?|&|&amp;){guests.PARAMETER}=[A-Za-z0-9_.-]*"
)

# One anywhere among an address's parameters.
_ANY_PROOF = re.compile(rf"(?<=[?&]){guests.PARAMETER}=[^&#]*")


def register(app: Flask) -> None:
    """Hook both ways into the application."""
    app.before_request(_take_proof_from_address)
    app.before_request(_take_proofs_from_filters)
    # Flask runs these in reverse order: this one before the compression, which Superset registered earlier.
    app.after_request(_sign_links)


@unseen
def _sign_links(response: Response) -> Response:
    if (
        request.endpoint not in endpoints.ROWS
        or response.status_code != 200
        or response.mimetype != "application/json"
        or response.is_streamed
        or "Content-Encoding" in response.headers
        or not guests.is_guest_of_the_report()
    ):
        return response
    text = response.get_data(as_text=True)
    path = (current_app.config["APPLICATION_ROOT"] or "/").rstrip("/") + PREVIEW_PATH
    if path not in text:
        return response
    issue = guests.proofs().issuer(guests.guest_of_token())
    issued: dict[EmailKey, str | None] = {}

    def sign(match: re.Match[str]) -> str:
        before, email_id, instance, scope, after = match.groups()
        key = EmailKey(int(email_id), instance.removeprefix("source=") if instance else None)
        if key not in issued:
            issued[key] = issue(key)
        proof = issued[key]
        if proof is None:
            return match[0]
        # The proof last: taken off again, it leaves the link of the dataset to the letter.
        query = "&".join(part for part in (instance, scope, f"{guests.PARAMETER}={proof}") if part)
        return f"{before}{email_id}/?{query}{after}"

    signed = re.sub(_anchor(path), sign, text)
    if issued:
        response.set_data(signed)
        response.headers["Cache-Control"] = "private, no-store"
        too_long = sum(proof is None for proof in issued.values())
        record("CampaignEmail.links", emails=len(issued) - too_long, too_many_rules_for_a_link=too_long)
    return response


def _anchor(path: str) -> str:
    return rf'("<a title=\\"{_NAME}\\" href=\\"{re.escape(path)}){_EMAIL}(\\" target=\\"_blank\\">{_NAME}</a>")'


@unseen
def _take_proof_from_address() -> None:
    """Leave the request without its proof: every query that Superset runs logs the parameters and the referrer."""
    if PREVIEW_PATH in request.headers.get("Referer", ""):
        request.environ["HTTP_REFERER"] = _ANY_PROOF.sub("", request.headers["Referer"])
    if guests.PARAMETER not in request.args or request.endpoint not in endpoints.PREVIEWS:
        return
    guests.keep_proof(request.args[guests.PARAMETER])
    others = [pair for pair in request.args.items(multi=True) if pair[0] != guests.PARAMETER]
    request.args = ImmutableMultiDict(others)
    request.query_string = urlencode(others).encode()
    request.environ["QUERY_STRING"] = urlencode(others)


@unseen
def _take_proofs_from_filters() -> None:
    if g.get("user") is None or not guests.is_guest_of_the_report():
        return
    if request.is_json:
        if _SIGNED.search(request.get_data(as_text=True)):
            _clean(request.get_json(silent=True))
    elif any(_SIGNED.search(value) for value in request.form.values()):
        request.form = ImmutableMultiDict((name, _plain(value)) for name, value in request.form.items(multi=True))


def _plain(text: str) -> str:
    return _SIGNED.sub(r"\1", text)


def _clean(value: Any) -> Any:
    """The value without proofs; what holds others is changed in place, for the request keeps what it has parsed."""
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, dict):
        cleaned = {_plain(key): _clean(item) for key, item in value.items()}
        value.clear()
        value.update(cleaned)
    elif isinstance(value, list):
        value[:] = [_clean(item) for item in value]
    return value

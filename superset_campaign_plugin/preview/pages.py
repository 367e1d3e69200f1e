"""The answers of the preview as whole responses, each with its own policy of what a browser may do with it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from flask import Response, render_template, request, url_for

from superset_campaign_plugin import __version__
from superset_campaign_plugin.embedding.guests import is_guest, proof_in_use
from superset_campaign_plugin.errors import ProofError, ProofExpired, SharingEnded
from superset_campaign_plugin.preview import present
from superset_campaign_plugin.preview.sanitize import CleanBody, shown_address
from superset_campaign_plugin.semantics import load_semantics

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import Headers

    from superset_campaign_plugin.preview.email import Email

ASSETS = "campaign_email"

_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_BODY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src {images}; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'; sandbox"
)

# What a browser would do for links and images, had they kept their addresses.
_BODY_STYLE = """
html { background: #fff; color: #1f2933; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
body { margin: 0; overflow-wrap: anywhere; }
img { max-width: 100%; }
a[title] { color: #0b5cad; text-decoration: underline; cursor: help; }
img:not([src]) { display: inline-block; position: relative; box-sizing: border-box; vertical-align: middle; }
img:not([src]):not([alt=""]) { min-width: 24px; min-height: 56px; }
img:not([src])::after { content: attr(alt); position: absolute; inset: 0; box-sizing: border-box; padding: 4px 8px;
  display: grid; place-items: center; overflow: hidden; background: #e4e7eb; border: 1px solid #cbd2d9; color: #3e4c59;
  font: 13px/1.35 system-ui, sans-serif; text-align: center; text-decoration: none; letter-spacing: normal; }
"""


class _Unreferred(Response):
    """A response whose page tells no other server where its reader came from."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        # Said at the very end: Talisman puts the deployment's value on every response, and lets no view decide.
        headers = super().get_wsgi_headers(environ)
        headers["Referrer-Policy"] = "no-referrer"
        return headers


def preview_page(email: Email, campaign_id: int | None, *, remote_images: bool) -> Response:
    """The page of an email. `campaign_id` is the one its figures are limited to."""
    metrics = load_semantics().metrics
    insight = email.insight
    content = email.content
    chosen = (
        next((each for each in insight.campaigns if each.campaign_id == campaign_id), None) if campaign_id else None
    )
    # url_for leaves out what is None.
    place: dict[str, Any] = {"email_id": insight.email_id, "proof": proof_in_use()}
    limited = {**place, "campaign_id": campaign_id}
    html = render_template(
        "campaign_email/preview.html",
        version=__version__,
        email=email,
        insight=insight,
        subject=(content.subject if content else None) or insight.email_subject or insight.email_name,
        sender=present.parse_sender(content.sender if content else None),
        preheader=content.preheader if content else None,
        chosen=chosen,
        cards=present.cards(insight.figures, metrics),
        further=present.further_figures(insight.figures, metrics),
        metrics=[metric for metric in metrics if metric.name in insight.figures],
        campaign_columns=[metric for metric in metrics if metric.name in _CAMPAIGN_COLUMNS],
        words={link.url: link.text for link in reversed(email.body.links)} if email.body else {},
        text=present.as_text,
        shown_address=shown_address,
        images_shown=remote_images,
        page_url=url_for(".preview", **limited),
        images_url=url_for(".preview", **limited, images=1),
        all_url=url_for(".preview", **place),
        campaign_url=lambda number: url_for(".preview", **place, campaign_id=number),
        body_url=url_for(".body", **place, images=1 if remote_images else None),
    )
    return _page(html)


_CAMPAIGN_COLUMNS = ("sent", "pct_delivered", "pct_opened", "pct_clicked_link", "unsubscribed")


def not_found_page() -> Response:
    """The one answer for an email that is not there and for one that the viewer may not see."""
    return _message(
        404,
        "Email not found",
        "There is no email at this address that you can see. It may have been removed from the report, or your access "
        "may not include it.",
    )


def failure_page() -> Response:
    """The answer when figures or content cannot be read. The reason is in the log, for the people who run this."""
    return _message(
        500,
        "This email cannot be shown right now",
        "The report's database did not answer as it should. Try again in a few minutes; if it stays like this, tell "
        "the people who run Superset for you.",
    )


def refusal_page(error: ProofError) -> Response:
    """The answer to a link whose proof does not hold. It is the same whether or not there is such an email."""
    if isinstance(error, ProofExpired):
        return _message(
            410,
            "This link has expired",
            "Links to emails work for a limited time. Open the report again and click the email's name once more.",
            way_home=False,
        )
    if isinstance(error, SharingEnded):
        return _message(
            403,
            "The report is not shared this way any more",
            "Ask the people who gave you the report for a new way to it.",
            way_home=False,
        )
    return _message(
        403,
        "This link does not work",
        "It may have been cut or changed on its way to you. Open the report again and click the email's name once "
        "more.",
        way_home=False,
    )


def busy_page(seconds: int) -> Response:
    """The answer to more requests than the deployment allows one person; there is room again after `seconds`."""
    response = _message(
        429,
        "Too many previews at once",
        f"You have opened more emails than are allowed within a minute. Try again in {seconds} "
        f"second{'' if seconds == 1 else 's'}.",
        way_home=False,
    )
    response.headers["Retry-After"] = str(seconds)
    return response


def body_document(body: CleanBody, *, remote_images: bool) -> Response:
    """The cleaned email as a document for the frame. The fragment is the only markup here that is not our own."""
    html = (
        '<!DOCTYPE html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="referrer" content="no-referrer"><title>Email</title><style>{_BODY_STYLE}</style></head>'
        f"<body>{body.html}</body></html>"
    )
    response = _Unreferred(html, mimetype="text/html")
    images = "data: https: http:" if remote_images else "data:"
    return _guarded(response, _BODY_POLICY.format(images=images), "SAMEORIGIN")


def _message(status: int, title: str, text: str, *, way_home: bool = True) -> Response:
    # Superset has nothing for a guest but the pages that a portal shows.
    home = escape(request.script_root or "") + "/" if way_home and not is_guest() else None
    return _page(
        render_template("campaign_email/message.html", version=__version__, title=title, text=text, home=home), status
    )


def _page(html: str, status: int = 200) -> Response:
    return _guarded(_Unreferred(html, status=status, mimetype="text/html"), _PAGE_POLICY, "DENY")


def _guarded(response: Response, policy: str, frames: str) -> Response:
    """The response with its policy. The views tell Talisman to add none, which would replace this one."""
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Frame-Options"] = frames
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "private, no-store"
    return response

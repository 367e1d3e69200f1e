"""The answers of the preview as whole responses, each with its own policy of what a browser may do with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

from flask import Response, current_app, g, request, url_for
from jinja2 import StrictUndefined

from superset_campaign_plugin import __version__
from superset_campaign_plugin.embedding.guests import is_guest, proof_in_use
from superset_campaign_plugin.errors import ProofError, ProofExpired, SharingEnded
from superset_campaign_plugin.preview import present
from superset_campaign_plugin.preview.badges import STYLE as CLICKS_STYLE
from superset_campaign_plugin.preview.badges import badges
from superset_campaign_plugin.preview.click_marks import link_rows
from superset_campaign_plugin.preview.email import settings
from superset_campaign_plugin.preview.insight import count_of
from superset_campaign_plugin.preview.people_link import people_link
from superset_campaign_plugin.preview.sanitize import text_of
from superset_campaign_plugin.preview.scope import Scope
from superset_campaign_plugin.preview.targets import shown_address, without_utm
from superset_campaign_plugin.reporting.explanation import counted_in
from superset_campaign_plugin.reporting.output import shown_time
from superset_campaign_plugin.semantics import load_semantics

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import Headers

    from superset_campaign_plugin.preview.email import Body, Email
    from superset_campaign_plugin.preview.insight import Insight
    from superset_campaign_plugin.preview.person import ExplainedPerson

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


# As clients show emails at night: their own background and ink, where the email sets none.
_DARK_STYLE = "html { background: #121212; color: #e8eaed; } a[title] { color: #8ab4f8; }"
_SOURCE_STYLE = (
    "<style>body { margin: 12px; counter-reset: line; font: 13px/1.5 ui-monospace, monospace; } "
    "code { display: block; white-space: pre-wrap; padding-left: 4.5em; counter-increment: line; position: relative; } "
    "code::before { content: counter(line); position: absolute; left: 0; width: 3.5em; text-align: right; "
    "color: #616e7c; }</style>"
)


def _fragment(body: Body, view: str) -> str:
    if view == "source":
        return _source(body.source)
    return text_of(body.clean) if view == "text" else body.clean.html + badges(body.clean.marks)


def _source(html: str) -> str:
    """The source as text, a line each with its number; the last one holds all lines that are too many to number."""
    lines = html.replace("\r\n", "\n").replace("\r", "\n").split("\n", _NUMBERED_LINES)
    return _SOURCE_STYLE + "".join(f"<code>{escape(line) or ' '}</code>" for line in lines)


class _Unreferred(Response):
    """A response whose page tells no other server where its reader came from."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        # Said at the very end: Talisman puts the deployment's value on every response, and lets no view decide.
        headers = super().get_wsgi_headers(environ)
        headers["Referrer-Policy"] = "no-referrer"
        return headers


# How an email can be looked at, the usual way first, with the words of the switch.
VIEWS = ("email", "dark", "text", "source")
_VIEW_TITLES = dict(zip(VIEWS, ("Email", "On dark", "Text", "Source"), strict=True))

# A browser would be long at work on millions of them.
_NUMBERED_LINES = 20_000
# A page shows no more links; the API has them all.
_SHOWN_LINKS = 200


@dataclass(frozen=True)
class Look:
    """How the email is shown: one of `VIEWS`, with remote images, with the clicks at its links."""

    view: str = VIEWS[0]
    images: bool = False
    clicks: bool = True

    def parameters(self, **changes: Any) -> dict[str, Any]:
        """The look, with changes, as parameters of an address; the usual look needs none."""
        look = replace(self, **changes)
        return {
            "view": None if look.view == VIEWS[0] else look.view,
            "images": 1 if look.images else None,
            "clicks": None if look.clicks else 0,
        }


def preview_page(email: Email, look: Look) -> Response:
    """The page of an email."""
    metrics = load_semantics().metrics
    insight, scope = email.insight, email.insight.scope
    content = email.content
    chosen = next((each for each in insight.all_campaigns if scope.is_of(each.campaign_id)), None)
    # url_for leaves out what is None.
    place: dict[str, Any] = {
        "email_id": insight.key.email_id,
        "source": insight.key.source_name,
        "proof": proof_in_use(),
    }
    limited = {**place, **scope.parameters()}

    def page_url(**changes: Any) -> str:
        return url_for(".preview", **limited, **look.parameters(**changes))

    def scope_url(other: Scope) -> str:
        return url_for(".preview", **place, **other.parameters())

    links = None
    if insight.links is not None:
        placed = email.body.links if email.body else None
        links = link_rows(insight.links, placed, insight.clicked, settings().rules.links)
    html = _render(
        "preview.html",
        email=email,
        insight=insight,
        subject=(content.subject if content else None) or insight.email_subject or insight.email_name,
        sender=present.parse_sender(content.sender if content else None),
        preheader=content.preheader if content else None,
        chosen=chosen,
        scope=scope,
        scope_days=present.days(scope.sent_from, scope.sent_to),
        scopes=[
            (title, present.as_text(sent, ",d"), scope_url(other)) for title, sent, other in _other_scopes(insight)
        ],
        cards=present.cards(insight.figures, metrics),
        further=present.further_figures(insight.figures, metrics),
        metrics=[metric for metric in metrics if metric.name in insight.figures],
        campaign_columns=[metric for metric in metrics if metric.name in _CAMPAIGN_COLUMNS],
        links=links[:_SHOWN_LINKS] if links is not None else None,
        links_left_out=len(links[_SHOWN_LINKS:]) if links is not None else 0,
        text=present.as_text,
        shown_address=shown_address,
        without_utm=without_utm,
        look=look,
        views=[(title, page_url(view=view), view == look.view) for view, title in _VIEW_TITLES.items()],
        images_url=page_url(images=not look.images),
        clicks_url=page_url(clicks=not look.clicks),
        people_url=people_link(insight.key, scope),
        campaign_url=lambda number: scope_url(scope.of_campaign(number)),
        body_url=url_for(".body", **limited, **look.parameters()),
    )
    return _page(html)


def person_page(person: ExplainedPerson) -> Response:
    """The page that explains one person's figures for an email."""
    explanation = person.explanation
    campaigns = {outcome["campaign_id"]: outcome["campaign_name"] for outcome in explanation.outcomes}
    html = _render(
        "person.html",
        person=person,
        email_name=next((outcome["email_name"] for outcome in explanation.outcomes), None),
        email_url=url_for(".preview", email_id=person.key.email_id, source=person.key.source_name),
        campaigns=campaigns,
        counted=counted_in,
        minute=shown_time,
    )
    return _page(html)


def _other_scopes(insight: Insight) -> list[tuple[str, int | None, Scope]]:
    """The wider scopes that a viewer can go to, with their words and how many were sent the email there."""
    scope = insight.scope
    wider: list[tuple[str, int | None, Scope]] = []
    several = len(insight.all_campaigns) > 1
    if scope.has_days:
        title = "This campaign, all days" if scope.campaign_id is not None and several else "All days"
        wider.append((title, count_of("sent", insight.all_campaigns, scope), scope.of_all_days()))
    if scope.campaign_id is not None and several:
        every = scope.of_campaign(None)
        title = "All campaigns, these days" if scope.has_days else f"All {len(insight.all_campaigns)} campaigns"
        wider.append((title, count_of("sent", insight.campaigns, every), every))
        if scope.has_days:
            title = f"All {len(insight.all_campaigns)} campaigns, all days"
            wider.append((title, count_of("sent", insight.all_campaigns, every), Scope()))
    return wider


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
    """The answer when the email cannot be shown. The reason is in the log, for the people who run this."""
    return _message(
        500,
        "This email cannot be shown right now",
        "Its figures or its content could not be read. Try again in a few minutes; if it stays like this, tell the "
        "people who run Superset for you.",
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


def body_document(body: Body, look: Look) -> Response:
    """The email as a document for the frame. The fragment is the only markup here that is not our own."""
    style = _BODY_STYLE + (_DARK_STYLE if look.view == "dark" else "") + (CLICKS_STYLE if look.clicks else "")
    html = (
        '<!DOCTYPE html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="referrer" content="no-referrer"><title>Email</title><style>{style}</style></head>'
        f"<body>{_fragment(body, look.view)}</body></html>"
    )
    response = _Unreferred(html, mimetype="text/html")
    images = "data: https: http:" if look.images else "data:"
    return _guarded(response, _BODY_POLICY.format(images=images), "SAMEORIGIN")


def _message(status: int, title: str, text: str, *, way_home: bool = True) -> Response:
    # Superset has nothing for a guest but the pages that a portal shows.
    home = escape(request.script_root or "") + "/" if way_home and not is_guest() else None
    return _page(_render("message.html", title=title, text=text, home=home), status)


def _render(template: str, **context: Any) -> str:
    """The template with what it shows. A name that it lacks is an error; Flask would leave the place empty."""
    environment = current_app.jinja_env.overlay(undefined=StrictUndefined)
    return environment.get_template(f"campaign_email/{template}").render(version=__version__, **context)


def _page(html: str, status: int = 200) -> Response:
    response = _guarded(_Unreferred(html, status=status, mimetype="text/html"), _PAGE_POLICY, "DENY")
    if g.user.is_authenticated and not is_guest():
        # Else a page that opened this one could count its frames, and so find out which emails there are. A guest's
        # page comes from a portal's frame, whose sandbox it inherits, and there a browser would refuse it for this.
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response


def _guarded(response: Response, policy: str, frames: str) -> Response:
    """The response with its policy. The views tell Talisman to add none, which would replace this one."""
    response.headers["Content-Security-Policy"] = policy
    response.headers["X-Frame-Options"] = frames
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "private, no-store"
    return response

"""A sample portal: two customers, each of whom sees their own rows of the report on a page of the portal.

This file is its whole back end. What a portal of your own needs of it is `guest_token`: ask who is signed in, look up
what they may see, and have Superset issue a token for exactly that.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import (
    Flask,
    Response,
    abort,
    jsonify,
    redirect,
    render_template,
    request,
    send_from_directory,
    session,
    url_for,
)

from superset_campaign_plugin.embedding.portal import Superset
from superset_campaign_plugin.errors import PortalError

VENDOR = Path(__file__).resolve().parent / "vendor"


@dataclass(frozen=True)
class Customer:
    """Somebody who signs in, and the workspaces whose rows they may see."""

    company: str
    person: str
    email: str
    workspaces: tuple[str, ...]


# A portal of your own has these in its database, behind real sign-in.
CUSTOMERS = {
    "alder": Customer("Alder & Finch", "Nora Alder", "nora@alder-finch.example", ("EMEA",)),
    "redwood": Customer("Redwood Supply", "Miles Carter", "miles@redwood-supply.example", ("North America",)),
}


def create_app() -> Flask:
    """The portal, with everything it needs to know from the environment."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ["PORTAL_SECRET_KEY"],
        # Browsers keep cookies by host, without the port: Superset beside it has one that is named `session`.
        SESSION_COOKIE_NAME="portal_session",
        # Another site's form comes without the session, and so without the token of this portal's own forms.
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=os.environ.get("PORTAL_COOKIE_SECURE", "") == "1",
    )
    embedding = json.loads(Path(os.environ["CAMPAIGN_EMBEDDING_FILE"]).read_text())
    public_address = os.environ["PORTAL_SUPERSET_PUBLIC_URL"].rstrip("/")
    superset = Superset(
        os.environ["PORTAL_SUPERSET_URL"],
        os.environ["CAMPAIGN_PORTAL_USER"],
        os.environ["CAMPAIGN_PORTAL_PASSWORD"],
        embedding,
    )

    app.jinja_env.globals["form_token"] = form_token

    @app.before_request
    def refuse_forged_forms() -> None:
        if request.method == "POST" and not is_own_form():
            abort(403, "This form is too old, or is not of this portal. Go back, reload the page and try again.")

    @app.get("/")
    def home() -> Any:
        customer = signed_in()
        if customer is None:
            return render_template("sign_in.html", customers=CUSTOMERS)
        return render_template(
            "report.html", customer=customer, dashboard=embedding["dashboard"], superset=public_address
        )

    @app.post("/sign-in")
    def sign_in() -> Any:
        session.clear()
        name = request.form.get("customer", "")
        if name not in CUSTOMERS:
            abort(400, "There is no such customer.")
        session["customer"] = name
        return redirect(url_for("home"))

    @app.post("/sign-out")
    def sign_out() -> Any:
        session.clear()
        return redirect(url_for("home"))

    @app.get("/guest-token")
    def guest_token() -> Any:
        customer = signed_in()
        if customer is None:
            return jsonify(error="Please sign in again."), 401
        try:
            # What the token lets see is decided here; nothing in it comes from the browser.
            token = superset.guest_token(customer.email, workspaces=customer.workspaces)
        except PortalError:
            app.logger.exception("Superset issued no guest token")
            return jsonify(error="The report cannot be reached right now."), 502
        answer = jsonify(token=token)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @app.get("/vendor/<path:name>")
    def vendor(name: str) -> Response:
        return send_from_directory(VENDOR, name)

    @app.get("/health")
    def health() -> str:
        return "OK"

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self'; frame-src {public_address}; frame-ancestors 'none'; base-uri 'none'; "
            "form-action 'self'; object-src 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        if response.mimetype == "text/html":
            # Pages have the token of one session in them.
            response.headers["Cache-Control"] = "no-store"
        # Superset looks at the origin of the page that embeds it, so the browser must send that much.
        response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
        return response

    return app


def signed_in() -> Customer | None:
    """The customer of this session."""
    return CUSTOMERS.get(session.get("customer", ""))


def form_token() -> str:
    """What every form of this session brings along, so that no other site can send one for its visitor."""
    if "form_token" not in session:
        session["form_token"] = secrets.token_urlsafe(32)
    return str(session["form_token"])


def is_own_form() -> bool:
    """Whether the form that came bears this session's token."""
    wanted, given = session.get("form_token", ""), request.form.get("form_token", "")
    return bool(wanted) and hmac.compare_digest(wanted.encode(), given.encode())

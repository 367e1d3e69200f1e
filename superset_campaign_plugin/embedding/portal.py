"""For the back end of a portal: guest tokens that show each visitor their own rows.

    from superset_campaign_plugin.embedding.portal import Superset

    superset = Superset("https://superset.example.com", username, password, json.load(open("embedding.json")))
    token = superset.guest_token("ann@customer.example", workspaces=["EMEA"])

`embedding.json` is what `superset campaign embed --json` printed. Nothing here needs Superset, or anything but Python.
"""

from __future__ import annotations

import http.cookiejar
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from superset_campaign_plugin.embedding.row_clauses import EVERYTHING, NOTHING, each_grant, row_clause
from superset_campaign_plugin.errors import PortalError, UsageError, unknown

# Of these datasets every row has a workspace; a visitor sees nothing of any other.
WITH_WORKSPACES = (
    "campaign_email_performance",
    "campaign_email_columns",
    "campaign_email_links",
    "campaign_email_timing",
    "campaign_email_deliverability",
    "campaign_email_variants",
)


def guest_token_request(
    embedding: Mapping[str, Any],
    *,
    username: str,
    workspaces: Sequence[str] = (),
    programs: Sequence[str] | None = None,
    instances: Sequence[str] | None = None,
    everything: bool = False,
) -> dict[str, Any]:
    """The body of Superset's `POST /api/v1/security/guest_token/` for one visitor.

    They see the rows of `workspaces`, of these only the `programs` if some are named; where the report covers several
    Marketo instances, those of `instances`, or a workspace of that name in each. `username` stands in Superset's logs.
    Raises `UsageError` for no workspace at all, which would be a mistake more often than a wish: whoever may see all
    rows gets `everything`. The same goes for lists of programs or instances that are there and empty, as those of a
    visitor from whom the last one was taken, and for a text in the place of a list or anything but texts in one.
    """
    for kind, names in (("workspaces", workspaces), ("programs", programs), ("instances", instances)):
        if isinstance(names, str) or any(not isinstance(name, str) for name in names or ()):
            raise UsageError(f"{kind} must be a list of texts, not {names!r}")
        if names is not None and not names and kind != "workspaces":
            raise UsageError(f"a visitor with no {kind} would see those of all; leave {kind} out if that is meant")
    if everything is not (not workspaces):
        raise UsageError("name the workspaces that the visitor may see, or say everything=True")
    if not username:
        raise UsageError("a guest needs a username; it stands in Superset's logs")
    for instance in instances or ():
        if instance not in embedding["instances"]:
            raise unknown("Marketo instance", instance, embedding["instances"])
    grants = each_grant(workspaces, programs or (), instances or ())
    # An embedding of an earlier version says nothing of characters.
    texts = {"backslash_escapes": embedding["backslash_escapes"], "character": embedding.get("character")}
    clause = EVERYTHING if everything else row_clause(grants, **texts)
    # One for every dataset: the plugin shows a guest nothing of what no rule names.
    rules = [
        {"dataset": number, "clause": clause if name in WITH_WORKSPACES else NOTHING}
        for name, number in embedding["datasets"].items()
    ]
    return {
        "user": {"username": username},
        "resources": [{"type": "dashboard", "id": embedding["dashboard"]}],
        "rls": rules,
    }


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The library would send the access token on to wherever an answer points."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Superset:
    """A Superset that issues guest tokens to this portal, as the account that it gave to it.

    The account needs the permissions `can grant guest token` and `can read` on `SecurityRestApi`, and no others.
    """

    def __init__(self, address: str, username: str, password: str, embedding: Mapping[str, Any]) -> None:
        if not address.startswith(("https://", "http://")):
            raise UsageError(f"{address!r} is not the address of a Superset; write it as https://superset.example.com")
        self._address = address.rstrip("/")
        self._credentials = {"username": username, "password": password, "provider": "db", "refresh": False}
        self._embedding = embedding
        # Superset's protection against forged requests ties its token to a session cookie.
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies, _NoRedirects)

    def guest_token(self, username: str, **rows: Any) -> str:
        """A token for one visitor, valid for some minutes; `rows` are those of `guest_token_request`.

        Raises `PortalError` where Superset cannot be reached or refuses.
        """
        body = guest_token_request(self._embedding, username=username, **rows)
        access = self._call("/api/v1/security/login", self._credentials)["access_token"]
        headers = {"Authorization": f"Bearer {access}"}
        csrf = self._call("/api/v1/security/csrf_token/", None, headers)["result"]
        referrer = {"X-CSRFToken": csrf, "Referer": self._address}
        return str(self._call("/api/v1/security/guest_token/", body, {**headers, **referrer})["token"])

    def _call(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(self._address + path, data, sent)  # noqa: S310 - http or https, see above
        try:
            with self._opener.open(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            location = error.headers.get("Location")
            reason = f"it is at {location} now" if location else error.read(500).decode(errors="replace")
            raise PortalError(f"Superset answered {error.code} to {path}: {reason}") from error
        except (OSError, ValueError) as error:
            raise PortalError(f"Superset at {self._address} cannot be reached: {error}") from error

"""Where Marketo is and who asks: from the environment, as options would stay in the history of the shell."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from superset_campaign_plugin.errors import UsageError

VARIABLES = ("MARKETO_URL", "MARKETO_CLIENT_ID", "MARKETO_CLIENT_SECRET")

_EXAMPLE = "write it as in https://123-ABC-456.mktorest.com"


@dataclass(frozen=True)
class Credentials:
    """The base address without a slash at its end, and a LaunchPoint service's id and secret, which no text shows."""

    url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def encrypted(self) -> bool:
        return self.url.startswith("https:")


def read_credentials(environment: Mapping[str, str]) -> Credentials:
    """The credentials of an environment. Raises `UsageError` naming what is missing or wrong, never its value."""
    values = [environment.get(name, "").strip() for name in VARIABLES]
    missing = [name for name, value in zip(VARIABLES, values, strict=True) if not value]
    if missing:
        raise UsageError(f"{' and '.join(missing)} must be set in the environment; docs/cli.md says where to find them")
    url, client_id, client_secret = values
    return Credentials(_base(url), client_id, client_secret)


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"MARKETO_URL is not a valid address; {_EXAMPLE}") from error
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"MARKETO_URL must not hold a user or password; {_EXAMPLE}")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(f"MARKETO_URL is not the address of a web server; {_EXAMPLE}")
    if parts.scheme == "http" and not _loopback(parts.hostname):
        raise UsageError("MARKETO_URL must begin with https://, else the secret would travel readable for all between")
    # Marketo's own pages show the address with one of these at its end.
    path = parts.path.rstrip("/").removesuffix("/rest").removesuffix("/identity")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

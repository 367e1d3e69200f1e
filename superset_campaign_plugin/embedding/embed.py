"""Turns embedding of the dashboard on and off, with a role of the least that its guests need."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from superset import db, is_feature_enabled
from superset.connectors.sqla.models import SqlaTable
from superset.daos.dashboard import EmbeddedDashboardDAO
from superset.models.dashboard import Dashboard

from superset_campaign_plugin.embedding.roles import GUEST_ROLE, create_guest_role, extra_guest_permissions
from superset_campaign_plugin.embedding.row_access import escapes_backslashes
from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.report.datasets import REPORT_DATASET
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.superset_assets.identity import dashboard_uuid, dataset_uuid
from superset_campaign_plugin.superset_assets.installed_assets import find
from superset_campaign_plugin.superset_assets.manifest import missing_part, read_manifest, write_manifest

_DEFAULT_SECRET = "test-guest-secret-change-me"  # noqa: S105 - Superset's own, which everybody knows
_SHORTEST_SECRET = 32
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Embedding:
    """What a portal needs to know; `portal.py` takes it as JSON.

    `dashboard` is the id for the embedded SDK, `datasets` the ids of the plugin's datasets by name,
    `backslash_escapes` and `character` say how the warehouse's SQL has texts, and `instances` names the Marketo
    instances that the report covers, if there are several.
    """

    dashboard: str
    datasets: dict[str, int]
    backslash_escapes: bool
    instances: list[str]
    character: str

    def as_dict(self) -> dict[str, Any]:
        """The embedding as JSON."""
        return asdict(self)


def embed(domains: list[str]) -> Embedding:
    """Let these origins embed the dashboard, and no others. Doing it again changes what differs.

    Raises `UsageError` for what is no origin, and `InstallError` where nothing is installed.
    """
    allowed = [_origin(domain) for domain in domains]
    if not allowed:
        raise UsageError("name the portal's origin with --allow-domain; without one every page could embed the report")
    dashboard, manifest = _dashboard(), read_manifest()
    if manifest is None:
        raise missing_part("dashboard was")
    datasets = {name: find(SqlaTable, str(dataset_uuid(name))) for name in load_semantics().datasets}
    if datasets[REPORT_DATASET] is None:
        raise missing_part(f"dataset {REPORT_DATASET} was")
    embedded = EmbeddedDashboardDAO.upsert(dashboard, allowed)
    if create_guest_role():
        manifest.roles = [*manifest.roles, GUEST_ROLE]
        write_manifest(manifest)
    db.session.commit()
    engine = get_engine(datasets[REPORT_DATASET].database.backend)
    return Embedding(
        str(embedded.uuid),
        {name: table.id for name, table in datasets.items() if table is not None},
        escapes_backslashes(engine),
        sorted(manifest.instances),
        engine.character,
    )


def wider_role() -> str | None:
    """What is to be said of a guest role that was there already with more than guests need; None if it has no more.

    It may be meant so: a portal that calls more of the SDK needs more. So nobody takes it unless they are asked to.
    """
    extra = extra_guest_permissions()
    return f"the role {GUEST_ROLE!r} lets guests do more than the report needs: {', '.join(extra)}" if extra else None


def narrow_role() -> list[str]:
    """Take from the guest role what guests of the report do not need; what that was, by name."""
    taken = extra_guest_permissions(take=True)
    db.session.commit()
    return taken


def stop_embedding() -> bool:
    """Turn embedding off: guests' pages and their links to previews stop working. False if it was off."""
    dashboard = _dashboard()
    if not dashboard.embedded:
        return False
    for embedded in list(dashboard.embedded):
        db.session.delete(embedded)
    db.session.commit()
    return True


def missing_settings() -> list[str]:
    """What `superset_config.py` still lacks for embedding, a line each."""
    config = current_app.config
    missing = []
    if not is_feature_enabled("EMBEDDED_SUPERSET"):
        missing.append('FEATURE_FLAGS = {"EMBEDDED_SUPERSET": True}')
    if config["GUEST_ROLE_NAME"] != GUEST_ROLE:
        missing.append(f"GUEST_ROLE_NAME = {GUEST_ROLE!r}  # it is {config['GUEST_ROLE_NAME']!r}")
    secret = config["GUEST_TOKEN_JWT_SECRET"]
    if secret == _DEFAULT_SECRET or len(secret) < _SHORTEST_SECRET:
        missing.append(f"GUEST_TOKEN_JWT_SECRET = …  # of your own, {_SHORTEST_SECRET} characters or more")
    if config["TALISMAN_ENABLED"]:
        policy = config["TALISMAN_CONFIG"].get("content_security_policy") or {}
        if "frame-ancestors" not in policy:
            missing.append(
                'TALISMAN_CONFIG["content_security_policy"]["frame-ancestors"] = ["\'self\'", the portal\'s origin]'
            )
    return missing


def _dashboard() -> Dashboard:
    dashboard = find(Dashboard, str(dashboard_uuid(REPORT_DATASET)))
    if dashboard is None:
        raise missing_part("dashboard was")
    return dashboard


def _origin(domain: str) -> str:
    """The domain as an origin, which is what browsers send."""
    parts = urlsplit(domain)
    host = parts.hostname or ""
    plain = f"{parts.scheme}://{parts.netloc}"
    is_origin = parts.scheme in ("http", "https") and host and domain.rstrip("/") == plain
    if not is_origin or any(mark in domain for mark in "*@ "):
        raise UsageError(f"{domain!r} is not a valid origin; write it as https://portal.example.com, without a path")
    if parts.scheme == "http" and host not in _LOCAL:
        raise UsageError(f"{domain!r} is not encrypted, so anybody between could read guests' tokens; use https")
    return plain

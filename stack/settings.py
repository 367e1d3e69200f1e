"""What a stack keeps between its starts: secrets and ports, in a file that its owner alone can read."""

from __future__ import annotations

import json
import os
import secrets
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from servers.ports import HOST, free_port

ROOT = Path(__file__).resolve().parent.parent
SECRETS = (
    *("secret_key", "guest_secret", "metadata_password", "warehouse_password", "redis_password"),
    *("owner_password", "admin_password", "portal_password", "portal_secret"),
)


@dataclass(frozen=True)
class Settings:
    """The secrets of a stack by name, and the ports of its servers that nobody needs to know."""

    secrets: dict[str, str]
    postgresql_port: int
    redis_port: int


def load_settings(state: Path) -> Settings:
    """The settings of the stack in that folder; made at its first start."""
    file = state / "settings.json"
    if file.exists():
        stored = json.loads(file.read_text())
        known = Settings(**stored)
        return Settings(
            {name: known.secrets[name] for name in SECRETS},
            known.postgresql_port,
            known.redis_port,
        )
    settings = Settings({name: secrets.token_urlsafe(32) for name in SECRETS}, free_port(), free_port())
    settings.secrets["admin_password"] = secrets.token_urlsafe(9)  # people type this one
    partial = file.with_suffix(".part")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(asdict(settings), indent=2))
    partial.replace(file)
    return settings


def environment(state: Path, settings: Settings, port: int, portal_port: int | None) -> dict[str, str]:
    """The variables of docker/README.md, for every process of the stack."""
    known = settings.secrets
    database = f"{HOST}:{settings.postgresql_port}"
    portal = {} if portal_port is None else _portal_environment(known, port, portal_port, state)
    # What the person at the keyboard has set for another Superset must not reach this one.
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SUPERSET_", "CAMPAIGN_", "PORTAL_", "GUEST_TOKEN_", "FLASK_", "SESSION_COOKIE_"))
        and name not in ("REDIS_URL", "MARKETO_URL", "ENABLE_PROXY_FIX", "PYTHONPATH")
    }
    return {
        **inherited,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "FLASK_APP": "superset.app:create_app()",
        "SUPERSET_ENV": "production",  # as in the official image: Superset's own limits are on
        "SUPERSET_CONFIG_PATH": str(ROOT / "docker" / "superset_config.py"),
        "SUPERSET_HOME": str(state / "home"),
        "SUPERSET_SECRET_KEY": known["secret_key"],
        "SUPERSET_DATABASE_URI": f"postgresql+psycopg2://superset:{known['metadata_password']}@{database}/superset",
        "REDIS_URL": f"redis://:{known['redis_password']}@{HOST}:{settings.redis_port}",
        "SUPERSET_PORT": str(port),
        "SUPERSET_WORKER_PROCESSES": "1",
        "SUPERSET_BEAT_FOLDER": str(state),
        "SUPERSET_ADMIN_USER": "admin",
        "SUPERSET_ADMIN_PASSWORD": known["admin_password"],
        "CAMPAIGN_DATABASE": "Campaign Warehouse",
        "CAMPAIGN_WAREHOUSE_URI": warehouse_uri(settings),
        "CAMPAIGN_SCHEMA": "marketo",
        "CAMPAIGN_SOURCE": "fivetran",
        "MARKETO_URL": "https://app-demo.marketo.example",
        **portal,
    }


def warehouse_uri(settings: Settings) -> str:
    """The warehouse as its own account, which owns it and nothing else."""
    password = settings.secrets["warehouse_password"]
    return f"postgresql+psycopg2://campaign:{password}@{HOST}:{settings.postgresql_port}/warehouse"


def _portal_environment(known: dict[str, str], port: int, portal_port: int, state: Path) -> dict[str, str]:
    return {
        "SUPERSET_PORTAL_ORIGINS": f"http://{HOST}:{portal_port}",
        "GUEST_TOKEN_JWT_SECRET": known["guest_secret"],
        "CAMPAIGN_PORTAL_USER": "portal",
        "CAMPAIGN_PORTAL_PASSWORD": known["portal_password"],
        "CAMPAIGN_EMBEDDING_FILE": str(state / "embedding.json"),
        "PORTAL_SECRET_KEY": known["portal_secret"],
        "PORTAL_PORT": str(portal_port),
        "PORTAL_SUPERSET_URL": f"http://{HOST}:{port}",
        "PORTAL_SUPERSET_PUBLIC_URL": f"http://{HOST}:{port}",
    }

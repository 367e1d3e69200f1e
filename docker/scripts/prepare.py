"""The part of `init.sh` that needs the application: accounts, the report, and what the portal needs to know.

It reads passwords and addresses from the environment, since others can read the arguments of a command.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from superset.app import create_app

PORTAL_ROLE = "Campaign Portal"


def main() -> None:
    """Do what the environment asks for; doing it again changes nothing."""
    app = create_app()
    with app.app_context():
        if name := os.environ.get("SUPERSET_ADMIN_USER"):
            set_account(name, "Admin", os.environ["SUPERSET_ADMIN_PASSWORD"])
        if install_report() and (origins := os.environ.get("SUPERSET_PORTAL_ORIGINS", "").split()):
            embed_report(origins)


def set_account(name: str, role: str, password: str) -> None:
    """Make the account, or give it this password if it has another."""
    from superset import security_manager
    from werkzeug.security import check_password_hash

    user = security_manager.find_user(name)
    if user is None:
        wanted = security_manager.find_role(role)
        # Superset wants an address; nothing is sent to this one.
        if not security_manager.add_user(name, name, "", f"{name}@localhost", wanted, password=password):
            raise SystemExit(f"Error: the account {name} could not be made; the lines above say why")
    elif not check_password_hash(user.password, password):
        security_manager.reset_password(user.id, password)


def install_report() -> bool:
    """Install the report, or bring it up to date; False if no warehouse is named."""
    from superset_campaign_plugin.bundle.install import install

    database, uri = os.environ.get("CAMPAIGN_DATABASE") or None, os.environ.get("CAMPAIGN_WAREHOUSE_URI") or None
    if not database and not uri:
        return False
    changes = install(
        database=database,
        uri=uri,
        schema=os.environ.get("CAMPAIGN_SCHEMA") or None,
        source=os.environ.get("CAMPAIGN_SOURCE") or "fivetran",
    )
    for change in changes:
        print(f"{change.action:<10} {change.kind.removesuffix('s'):<10} {change.name}")
    return True


def embed_report(origins: list[str]) -> None:
    """Let the portals embed the dashboard, and leave them what they need to ask for guest tokens."""
    from superset import db, security_manager

    from superset_campaign_plugin.embedding.embed import embed, missing_settings, wider_role

    embedding = embed(origins)
    if missing := missing_settings():
        raise SystemExit("Error: the configuration lacks " + "; ".join(missing))
    if wider := wider_role():
        print(f"{wider}; superset campaign embed --narrow-role takes that away")
    if name := os.environ.get("CAMPAIGN_PORTAL_USER"):
        role = security_manager.add_role(PORTAL_ROLE)
        # `can_read` is that of the token against forged requests, which Superset wants with the other.
        names = ("can_grant_guest_token", "can_read")
        role.permissions = [security_manager.add_permission_view_menu(name, "SecurityRestApi") for name in names]
        db.session.commit()
        set_account(name, PORTAL_ROLE, os.environ["CAMPAIGN_PORTAL_PASSWORD"])
    if file := os.environ.get("CAMPAIGN_EMBEDDING_FILE"):
        target = Path(file)
        partial = target.with_name(target.name + ".part")
        partial.write_text(json.dumps(embedding.as_dict(), indent=2))
        partial.replace(target)


if __name__ == "__main__":
    main()

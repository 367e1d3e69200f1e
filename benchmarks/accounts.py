"""Makes the load's users in a deployment: run with the stack's environment, accounts as JSON on standard input."""

from __future__ import annotations

import json
import sys
from typing import Any

from superset_campaign_plugin.superset_app import superset_app


def main() -> None:
    """Make each with the viewer's role, and bind those with a workspace to it."""
    wanted = json.load(sys.stdin)
    with superset_app().app_context():
        for each in wanted:
            make(each)


def make(wanted: dict[str, Any]) -> None:
    """One account; doing it again changes its password alone."""
    from superset import security_manager

    from superset_campaign_plugin.embedding.roles import VIEWER_ROLE
    from superset_campaign_plugin.embedding.row_access import grant

    name, password, workspace = wanted["name"], wanted["password"], wanted["workspace"]
    roles = [security_manager.find_role(VIEWER_ROLE)]
    if workspace is not None:
        roles.append(security_manager.add_role(f"Load: {workspace}"))
        grant(f"Load: {workspace}", [workspace])
    user = security_manager.find_user(name)
    if user is None:
        security_manager.add_user(name, name, "", f"{name}@localhost", roles, password=password)
    else:
        security_manager.reset_password(user.id, password)


if __name__ == "__main__":
    main()

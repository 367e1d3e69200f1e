"""The viewer role and the guest role: the least with which people use the dashboard, its exports and its previews."""

from __future__ import annotations

from superset import db, security_manager
from superset.connectors.sqla.models import SqlaTable

VIEWER_ROLE = "Campaign Report Viewer"
GUEST_ROLE = "Campaign Report Guest"

# (permission, view), by what people do with it.
_GUEST_PERMISSIONS = (
    # open the dashboard and its charts, and filter them
    ("can_read", "Dashboard"),
    ("can_read", "Chart"),
    ("can_time_range", "Api"),
    # learn what of the rest they may do
    ("can_read", "CurrentUserRestApi"),
    # the page tells what was done on it, and without this each time asks for a login
    ("can_log", "Superset"),
    # drill to the rows of a figure
    ("can_drill", "Dashboard"),
    ("can_samples", "Datasource"),
    ("can_get_drill_info", "Dataset"),
    # export figures
    ("can_csv", "Superset"),
    # preview an email
    ("can_read", "CampaignEmail"),
)
_VIEWER_PERMISSIONS = (
    *_GUEST_PERMISSIONS,
    # open the dashboard in Superset itself, with what people may have put on it
    ("can_dashboard", "Superset"),
    ("can_explore_json", "Superset"),
    ("can_read", "Dataset"),
    ("can_read", "CssTemplate"),
    ("can_read", "Theme"),
    ("can_read", "Annotation"),
    # share what is filtered
    ("can_read", "DashboardFilterStateRestApi"),
    ("can_write", "DashboardFilterStateRestApi"),
    ("can_read", "DashboardPermalinkRestApi"),
    ("can_write", "DashboardPermalinkRestApi"),
    ("can_dashboard_permalink", "Superset"),
    # export charts
    ("can_export", "Chart"),
)


def create_viewer_role(datasets: list[SqlaTable]) -> bool:
    """Create the role within the running transaction, with access to `datasets` alone; False if there is one."""
    return _create(VIEWER_ROLE, [*_VIEWER_PERMISSIONS, *(("datasource_access", dataset.perm) for dataset in datasets)])


def create_guest_role() -> bool:
    """The same for guests of the embedded dashboard, whose tokens let them at its datasets; False if there is one.

    It is what the embedded page asks for, and no more: nothing of a deployment but this dashboard.
    """
    return _create(GUEST_ROLE, list(_GUEST_PERMISSIONS))


def extra_guest_permissions(*, take: bool = False) -> list[str]:
    """What the guest role lets guests do beyond what the embedded page asks for, as Superset's pages name it.

    With `take` it loses that, within the running transaction. Empty where there is no such role.
    """
    role = security_manager.find_role(GUEST_ROLE)
    held = list(role.permissions) if role is not None else []
    extra = [each for each in held if (each.permission.name, each.view_menu.name) not in _GUEST_PERMISSIONS]
    if extra and take:
        role.permissions = [each for each in held if each not in extra]
    return sorted(f"{each.permission.name.replace('_', ' ')} on {each.view_menu.name}" for each in extra)


def delete_role(name: str) -> None:
    """Delete a role within the running transaction; people who had it lose it."""
    role = security_manager.find_role(name)
    if role is not None:
        db.session.delete(role)


def _create(name: str, wanted: list[tuple[str, str]]) -> bool:
    if security_manager.find_role(name) is not None:
        return False
    found = [security_manager.find_permission_view_menu(*pair) for pair in wanted]
    permissions = [permission for permission in found if permission]
    db.session.add(security_manager.role_model(name=name, permissions=permissions))
    return True

"""The viewer role and the guest role: the least with which people use the dashboard, its exports and its previews."""

from __future__ import annotations

from superset import db, security_manager
from superset.connectors.sqla.models import SqlaTable

VIEWER_ROLE = "Campaign Report Viewer"
GUEST_ROLE = "Campaign Report Guest"

# (permission, view), by what a viewer does with it.
_PERMISSIONS = (
    # open the dashboard and its charts
    ("can_read", "Dashboard"),
    ("can_read", "Chart"),
    ("can_read", "Dataset"),
    ("can_dashboard", "Superset"),
    ("can_explore_json", "Superset"),
    ("can_time_range", "Api"),
    ("can_read", "CurrentUserRestApi"),
    ("can_read", "CssTemplate"),
    ("can_read", "Theme"),
    ("can_read", "Annotation"),
    ("can_log", "Superset"),
    # filter it, and share what is filtered
    ("can_read", "DashboardFilterStateRestApi"),
    ("can_write", "DashboardFilterStateRestApi"),
    ("can_read", "DashboardPermalinkRestApi"),
    ("can_write", "DashboardPermalinkRestApi"),
    ("can_dashboard_permalink", "Superset"),
    # drill to the rows of a figure
    ("can_drill", "Dashboard"),
    ("can_samples", "Datasource"),
    ("can_get_drill_info", "Dataset"),
    # export
    ("can_csv", "Superset"),
    ("can_export", "Chart"),
    # preview an email
    ("can_read", "CampaignEmail"),
)


def create_viewer_role(datasets: list[SqlaTable]) -> bool:
    """Create the role within the running transaction, with access to `datasets` alone; False if there is one."""
    return _create(VIEWER_ROLE, [*_PERMISSIONS, *(("datasource_access", dataset.perm) for dataset in datasets)])


def create_guest_role() -> bool:
    """The same for guests of the embedded dashboard, whose tokens let them at its datasets; False if there is one."""
    return _create(GUEST_ROLE, list(_PERMISSIONS))


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

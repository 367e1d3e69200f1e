"""What an administrator wants to know after an installation: where the dashboards are, and what is left to do.

Needs a Superset application context.
"""

from __future__ import annotations

from superset import security_manager
from superset.models.dashboard import Dashboard

from superset_campaign_plugin.bundle.install_plan import READS_LOG, InstallPlan, application_root
from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.superset_assets.installed_assets import find


def dashboard_paths(plan: InstallPlan) -> dict[str, str]:
    """The paths of the dashboards' pages in this Superset, by their titles; people may have changed both."""
    found = [find(Dashboard, config["uuid"]) for config in plan.bundle.dashboards.values()]
    return {each.dashboard_title: application_root() + each.url for each in found if each is not None}


def next_steps(plan: InstallPlan) -> list[str]:
    """A phrase for each thing that is left to do after the installation that was planned so."""
    steps = []
    updates = get_engine(plan.warehouse.database.backend).updates_rows
    # Of stored tables that cannot be read, the plan's notes say what to do.
    if plan.reads == READS_LOG and updates and any(each.refreshed_at is None for each in plan.stored_tables):
        steps.append("superset campaign refresh (it stores the figures in the warehouse, and charts open faster)")
    for name in plan.roles:
        role = security_manager.find_role(name)
        if role is not None and not role.user:
            steps.append(f"give people the role {name!r} (nobody has it yet)")
    return steps

"""What is installed in this Superset, and how it stands. Needs a Superset application context."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

from superset import security_manager
from superset.models.core import Database
from superset.models.dashboard import Dashboard

from superset_campaign_plugin import __version__
from superset_campaign_plugin.advice import installed_tables
from superset_campaign_plugin.bundle.install_plan import StoredTables, installed_request, make_plan, settings
from superset_campaign_plugin.embedding.roles import DETAILS_ROLE, PEOPLE_ROLE, VIEWER_ROLE, access_role
from superset_campaign_plugin.embedding.row_access import list_grants
from superset_campaign_plugin.embedding.row_clauses import Grant
from superset_campaign_plugin.errors import CampaignError
from superset_campaign_plugin.report.datasets import REPORT_DATASET
from superset_campaign_plugin.report.rules_in_words import people_in_words
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.subscriptions.made import subscriptions
from superset_campaign_plugin.superset_assets.identity import dashboard_uuid, dataset_uuid
from superset_campaign_plugin.superset_assets.installed_assets import find, installed_datasets
from superset_campaign_plugin.superset_assets.manifest import installed_manifest
from superset_campaign_plugin.wording import ago, counted

# Who has one of these sees every dataset of the deployment.
_EVERYTHING = ("all_datasource_access", "all_database_access")


def read_status() -> dict[str, Any]:
    """The status as JSON.

    Where the warehouse cannot be read, `problem` says why, and the rest is there. Raises `InstallError` where nothing
    is installed.
    """
    known = installed_manifest().warehouse
    database = find(Database, str(known["database"]))
    found: dict[str, Any] = {
        "version": __version__,
        "installed_version": known.get("version"),
        "superset": version("apache-superset"),
        "database": None if database is None else database.database_name,
        "address": None if database is None else database.safe_sqlalchemy_uri(),
        "source": known["source"],
        "schema": known["schema"],
        "reads": known.get("reads"),
        "rules": asdict(settings().rules),
        "stored_tables": [],
        "not_as_shipped": [],
        "people": installed_manifest().has_people,
        "people_columns": list(installed_manifest().people_columns),
        "access": _access(VIEWER_ROLE),
        "access_to_people": _access(PEOPLE_ROLE),
        "access_to_people_columns": _access(DETAILS_ROLE),
        "row_access": {role: [asdict(each) for each in grants] for role, grants in list_grants().items()},
        "embedded_by": _embedded_by(),
        "subscriptions": [each.as_dict() for each in subscriptions(installed_manifest())],
        "problem": None,
    }
    try:
        with installed_tables():
            plan = make_plan(installed_request())
        found["stored_tables"] = [_stored(each) for each in plan.stored_tables]
        found["not_as_shipped"] = [each.change.as_dict() for each in plan.assets if each.action != "unchanged"]
    except CampaignError as error:
        found["problem"] = str(error)
    return found


def as_text(status: dict[str, Any]) -> str:
    """The status for people."""
    installed = status["installed_version"] or "an older one"
    rules = status["rules"]
    left_out = [name.removeprefix("leave_out_") for name, on in rules.items() if name.startswith("leave_out_") and on]
    lines = [
        ("plugin", f"{status['version']}; installed by {installed}; Superset {status['superset']}"),
        ("database", f"{status['database'] or 'deleted'}  {status['address'] or ''}".strip()),
        ("layout", f"{status['source']}, schema {status['schema'] or '(default)'}"),
        ("rules", f"days of {rules['time_zone']}; {people_in_words(rules['people'])}"),
        ("left out", ", ".join(left_out) or "nothing"),
        ("figures", "read the stored tables" if status["reads"] == "stored" else "are computed from the log"),
    ]
    lines += [("stored tables", _stored_line(each)) for each in status["stored_tables"]]
    changed = [f"{each['action']} {each['kind']} {each['name']}" for each in status["not_as_shipped"]]
    lines.append(("not as shipped", "; ".join(changed) or "nothing"))
    for role, people in status["access"].items():
        lines.append(("seen by", f"{role} ({counted(people, 'person', 'people')})"))
    lines.append(("people", "installed" if status["people"] else "not installed"))
    for role, people in status["access_to_people"].items():
        lines.append(("people seen by", f"{role} ({counted(people, 'person', 'people')})"))
    if status["people_columns"]:
        lines.append(("their columns", ", ".join(status["people_columns"])))
    for role, people in status["access_to_people_columns"].items():
        lines.append(("columns seen by", f"{role} ({counted(people, 'person', 'people')})"))
    for role, grants in status["row_access"].items():
        lines.append(("row access", f"{role}: {'; '.join(Grant(**each).words for each in grants) or 'nothing'}"))
    lines.append(("embedded by", ", ".join(status["embedded_by"]) or "nobody"))
    lines += [(f"{each['kind']} by mail", _sent_line(each)) for each in status["subscriptions"]]
    if status["problem"]:
        lines.append(("problem", status["problem"]))
    return "".join(f"{title:<16}{text}\n" for title, text in lines)


def _stored_line(table: dict[str, Any]) -> str:
    place = f"{table['schema'] or 'the database'}{', ' + table['instance'] if table['instance'] else ''}"
    if table["refreshed_at"] is None:
        return f"{place}: none; a refresh makes them"
    words = table["not_read_since_they"]
    other = f"; not read, since they {words}" if words else ""
    age = _now() - datetime.fromisoformat(table["refreshed_at"])
    return f"{place}: refreshed {ago(age.total_seconds())}{other}"


def _sent_line(each: dict[str, Any]) -> str:
    if not each["active"]:
        last = "turned off in Superset"
    elif each["last_run"] is None:
        last = "has not run yet"
    else:
        age = _now() - datetime.fromisoformat(each["last_run"].replace("Z", "+00:00"))
        last = f"{each['last_state']} {ago(age.total_seconds())}"
    return f"{each['name']}, to {', '.join(each['to']) or 'nobody'}; {each['when']} ({each['time_zone']}); {last}"


def _stored(tables: StoredTables) -> dict[str, Any]:
    """When the stored tables of a Marketo instance were refreshed (UTC), and why they are not read, if so."""
    at = tables.refreshed_at
    return {
        "instance": tables.instance,
        "schema": tables.schema,
        "refreshed_at": None if at is None else at.isoformat(),
        "age_hours": None if at is None else round((_now() - at).total_seconds() / 3600, 1),
        "not_read_since_they": None if tables.difference is None else tables.difference.words,
    }


def _access(to: str) -> dict[str, int]:
    """The roles that may read the datasets that the plugin's role `to` is for, with how many people have each."""
    datasets = load_semantics().datasets
    uuids = {dataset_uuid(name) for name, dataset in datasets.items() if access_role(dataset) == to}
    perms = {dataset.perm for dataset in installed_datasets() if dataset.uuid in uuids}
    roles: dict[str, int] = {}
    if not perms:
        return roles
    for role in security_manager.get_all_roles():
        held = {(each.permission.name, each.view_menu.name) for each in role.permissions if each.permission}
        if any(name in _EVERYTHING for name, _ in held) or perms & {view for _, view in held}:
            roles[role.name] = len(role.user)
    return dict(sorted(roles.items()))


def _embedded_by() -> list[str]:
    dashboard = find(Dashboard, str(dashboard_uuid(REPORT_DATASET)))
    embedded = dashboard.embedded if dashboard is not None else []
    return sorted({domain for each in embedded for domain in each.allowed_domains})


def _now() -> datetime:
    return datetime.now(timezone.utc)

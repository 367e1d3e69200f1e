"""The viewer role and the guest role: the least with which people use the dashboard, its exports and its previews.
Roles of their own let people at the single people behind the figures, and at these people's attributes; they are given
beside the viewer role.

All are the plugin's own and are brought up to date by every `install` and `embed`: what is missing is added, what an
earlier version gave and this one does not is taken away, and what admins added stays. So that these can be told apart,
what the plugin gave is remembered beside the manifest.
"""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from superset import appbuilder, db, is_feature_enabled, security_manager
from superset.connectors.sqla.models import SqlaTable
from superset.key_value.models import KeyValueEntry
from superset.views.datasource.utils import get_samples

from superset_campaign_plugin.errors import InstallError
from superset_campaign_plugin.semantics import Dataset
from superset_campaign_plugin.superset_assets.manifest import read_manifest

logger = logging.getLogger(__name__)

VIEWER_ROLE = "Campaign Report Viewer"
GUEST_ROLE = "Campaign Report Guest"
PEOPLE_ROLE = "Campaign Report People"
DETAILS_ROLE = "Campaign Report People Details"

Pair = tuple[str, str]

# (permission, view), by what people do with it.
GUEST_PERMISSIONS: tuple[Pair, ...] = (
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
VIEWER_PERMISSIONS: tuple[Pair, ...] = (
    *GUEST_PERMISSIONS,
    # open the dashboard in Superset itself, with what people may have put on it
    ("can_dashboard", "Superset"),
    ("can_explore_json", "Superset"),
    ("can_read", "CssTemplate"),
    ("can_read", "Theme"),
    ("can_read", "Annotation"),
    # share what is filtered: the menu, the link that it makes, and opening one
    ("can_share_dashboard", "Superset"),
    ("can_share_chart", "Superset"),
    ("can_read", "DashboardFilterStateRestApi"),
    ("can_write", "DashboardFilterStateRestApi"),
    ("can_read", "DashboardPermalinkRestApi"),
    ("can_write", "DashboardPermalinkRestApi"),
    ("can_dashboard_permalink", "Superset"),
)
_SAMPLES = ("can_samples", "Datasource")
# Where workers run the queries of charts: learn that a query of one's own is done.
_EVENTS = ("can_list", "AsyncEventsRestApi")

# What was given before anything was remembered, and is not any more: files with the datasets' SQL and the address of
# their connection, and the datasets' own pages.
_GIVEN_BEFORE = (*VIEWER_PERMISSIONS, ("can_export", "Chart"), ("can_read", "Dataset"))

_RESOURCE = "superset_campaign"
_UUID = uuid5(NAMESPACE_URL, "superset_campaign_plugin/roles")


@dataclass(frozen=True)
class RoleChange:
    """What happened to a role: created, updated or unchanged; true if it was created."""

    action: str

    def __bool__(self) -> bool:
        return self.action == "created"


def create_viewer_role(datasets: list[SqlaTable]) -> RoleChange:
    """Create the role within the running transaction, or bring it up to date, with access to `datasets` alone.

    Raises `InstallError` where Superset has not made its permissions yet.
    """
    general = [each for each in VIEWER_PERMISSIONS if each != _SAMPLES or _samples_are_checked()]
    access = [("datasource_access", dataset.get_perm()) for dataset in datasets]
    return _bring_up_to_date(VIEWER_ROLE, [*general, *_of_flags(), *access])


def create_people_role(name: str, datasets: list[SqlaTable]) -> RoleChange:
    """The same for a role of those who may see single people: access to these `datasets` about people, and no more."""
    return _bring_up_to_date(name, [("datasource_access", dataset.get_perm()) for dataset in datasets])


def access_role(dataset: Dataset) -> str:
    """The role that is for the dataset. No other one of the plugin has access to it, but that for attributes of people
    has access to these people, too."""
    if dataset.details_of is not None:
        return DETAILS_ROLE
    return PEOPLE_ROLE if dataset.about_people else VIEWER_ROLE


def create_guest_role() -> RoleChange:
    """The same for guests of the embedded dashboard, whose tokens let them at its datasets.

    It is what the embedded page asks for, and no more: nothing of a deployment but this dashboard.
    """
    return _bring_up_to_date(GUEST_ROLE, [*GUEST_PERMISSIONS, *_of_flags()])


def extra_guest_permissions(*, take: bool = False) -> list[str]:
    """What the guest role lets guests do beyond what the embedded page asks for, as Superset's pages name it.

    With `take` it loses that, within the running transaction. Empty where there is no such role.
    """
    role = security_manager.find_role(GUEST_ROLE)
    held = list(role.permissions) if role is not None else []
    needed = {*GUEST_PERMISSIONS, *_of_flags()}
    extra = [each for each in held if _pair(each) not in needed]
    if extra and take:
        role.permissions = [each for each in held if each not in extra]
    return sorted(_as_shown(_pair(each)) for each in extra)


def delete_role(name: str) -> None:
    """Delete a role within the running transaction; people who had it lose it."""
    role = security_manager.find_role(name)
    if role is not None:
        db.session.delete(role)
    _remember(name, None)


def take_back_permissions() -> list[str]:
    """Take from roles that were there before the plugin what it gave them, within the running transaction.

    Gives their names. Roles that the plugin made are for `delete_role`.
    """
    names = sorted(_remembered())
    for name in names:
        role = security_manager.find_role(name)
        if role is not None:
            given = _given(name)
            role.permissions = [each for each in role.permissions if _pair(each) not in given]
        _remember(name, None)
    return names


def _bring_up_to_date(name: str, wanted: list[Pair]) -> RoleChange:
    permissions = _existing(wanted)
    role = security_manager.find_role(name)
    if role is None:
        db.session.add(security_manager.role_model(name=name, permissions=permissions))
        _remember(name, map(_pair, permissions))
        return RoleChange("created")
    given, held = _given(name), list(role.permissions)
    kept = [each for each in held if _pair(each) not in given.difference(wanted)]
    added = [each for each in permissions if each not in held]
    if added or kept != held:
        role.permissions = [*kept, *added]
    _remember(name, given.intersection(wanted) | set(map(_pair, added)))
    return RoleChange("updated" if added or kept != held else "unchanged")


def _existing(wanted: list[Pair]) -> list[Any]:
    """These permissions as Superset has them. Raises `InstallError` for one that `superset init` makes."""
    found = {pair: security_manager.find_permission_view_menu(*pair) for pair in wanted}
    missing = [pair for pair, permission in found.items() if permission is None]
    made = _made_at_init() if missing else set()
    for pair in missing:
        # A role with half of its permissions would be found out by those who have it.
        if pair in made or pair[0] == "datasource_access" or not _was_initialized():
            raise InstallError(
                f"Superset has not made its permissions yet, such as {_as_shown(pair)!r}; run: superset init"
            )
        logger.warning("this Superset has no permission %r, so its role goes without it", _as_shown(pair))
    return [permission for permission in found.values() if permission is not None]


def _made_at_init() -> set[Pair]:
    """The permissions that `superset init` makes of the views that there are."""
    return {
        (permission, view.class_permission_name)
        for view in appbuilder.baseviews
        for permission in view.base_permissions or ()
    }


def _was_initialized() -> bool:
    """Whether `superset init` has made those that are of no view."""
    every = "all_datasource_access"
    return security_manager.find_permission_view_menu(every, every) is not None


def _given(name: str) -> set[Pair]:
    """What the plugin gave that role."""
    remembered = _remembered().get(name)
    if remembered is not None:
        return {(permission, view) for permission, view in remembered}
    manifest = read_manifest()
    return set(_GIVEN_BEFORE) if manifest is not None and name in manifest.roles else set()


def _remembered() -> dict[str, list[list[str]]]:
    entry = _entry()
    return {} if entry is None else json.loads(entry.value)


def _remember(name: str, given: Iterable[Pair] | None) -> None:
    """Keep what the plugin gave that role; None where it has none any more."""
    roles = _remembered()
    if given is None:
        roles.pop(name, None)
    else:
        roles[name] = sorted(map(list, given))
    entry, value = _entry(), json.dumps(roles, sort_keys=True).encode()
    if not roles:
        if entry is not None:
            db.session.delete(entry)
    elif entry is None:
        db.session.add(KeyValueEntry(resource=_RESOURCE, uuid=_UUID, value=value))
    elif entry.value != value:
        entry.value = value


def _entry() -> KeyValueEntry | None:
    return db.session.query(KeyValueEntry).filter_by(resource=_RESOURCE, uuid=_UUID).one_or_none()


def _pair(permission: Any) -> Pair:
    return permission.permission.name, permission.view_menu.name


def _as_shown(pair: Pair) -> str:
    return f"{pair[0].replace('_', ' ')} on {pair[1]}"


def _of_flags() -> list[Pair]:
    return [_EVENTS] if is_feature_enabled("GLOBAL_ASYNC_QUERIES") else []


def _samples_are_checked() -> bool:
    """Whether Superset asks if a person may read the dataset of which they want rows. 6.0 asks that of guests alone."""
    return "dashboard_id" in inspect.signature(get_samples).parameters

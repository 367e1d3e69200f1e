"""Guests of the embedded report: as proofs carry them, and as Superset knows them within a request."""

# Superset's classes and functions come without types.
# mypy: no-warn-return-any

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from flask import current_app, g, has_request_context, request
from superset import db, is_feature_enabled, security_manager
from superset.connectors.sqla.models import SqlaTable
from superset.daos.dashboard import EmbeddedDashboardDAO
from superset.models.dashboard import Dashboard
from superset.security.guest_token import GuestUser
from werkzeug.local import LocalProxy

from superset_campaign_plugin.emails.key import EmailKey
from superset_campaign_plugin.embedding import chart_contents
from superset_campaign_plugin.embedding.preview_tokens import Guest, Proofs
from superset_campaign_plugin.embedding.roles import GUEST_ROLE
from superset_campaign_plugin.embedding.row_clauses import NOTHING
from superset_campaign_plugin.errors import SharingEnded
from superset_campaign_plugin.host import records
from superset_campaign_plugin.host.acting import acting_as
from superset_campaign_plugin.host.endpoints import LARGEST_ID
from superset_campaign_plugin.host.patching import apply
from superset_campaign_plugin.host.settings import current_settings
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.superset_assets.installed_assets import dataset_ids, datasets_and_copies

PARAMETER = "proof"
_FROM_ADDRESS = "superset_campaign_proof"
_OF_THE_REPORT = "superset_campaign_guest"


def proofs() -> Proofs:
    """The proofs of this deployment. `PREVIOUS_SECRET_KEY`, Superset's own name for it, still opens links."""
    secrets = [current_app.config["SECRET_KEY"], current_app.config.get("PREVIOUS_SECRET_KEY")]
    return Proofs([secret for secret in secrets if secret])


def is_guest() -> bool:
    """Whether the request is made by a guest, by token or by proof."""
    return bool(security_manager.is_guest_user())


def is_guest_of_the_report() -> bool:
    """Whether the request is made by a guest of whose dashboards at least one shows a dataset of the plugin.

    So is a guest of the plugin's role whose dashboards are all gone: nobody else can say what may be told to them.
    """
    if not is_guest():
        return False
    # Flask-Login's name for whoever asks stays the same while they change.
    user = g.user._get_current_object() if isinstance(g.user, LocalProxy) else g.user
    # One request may load the same guest twice (`unseen.py`).
    asked = request.environ if has_request_context() else user
    known = g.get(_OF_THE_REPORT)
    if known is None or known[0] is not asked or known[1] != user.resources:
        known = (asked, user.resources, _shows_the_report())
        setattr(g, _OF_THE_REPORT, known)
    return bool(known[2])


def is_guarded() -> bool:
    """Whether the plugin guards the guest who asks: one of the report always, others with `harden_all_guests`."""
    return is_guest_of_the_report() or (is_guest() and current_settings().harden_all_guests)


def has_lost_the_role() -> bool:
    """Whether the guest's role was the plugin's, and is gone, as after `uninstall`."""
    return _has_our_role() and any(role is None for role in g.user.roles)


def guest_of_token() -> Guest:
    """The guest who makes the request, with their rules for the plugin's datasets by name; others are left out."""
    user = g.user
    names = {str(id_): name for name, id_ in dataset_ids().items()}
    rules: list[tuple[str | None, str]] = []
    # As the token has them: what no rule names is closed anew wherever the proof is opened.
    for rule in user.guest_token.get("rls_rules") or ():
        # Superset lays a rule without a dataset on every one.
        dataset = str(rule["dataset"]) if rule.get("dataset") else None
        if dataset is None or dataset in names:
            rules.append((None if dataset is None else names[dataset], rule.get("clause", "")))
    dashboards = tuple(str(resource["id"]) for resource in user.resources if resource["type"] == "dashboard")
    return Guest(user.username, dashboards, tuple(rules))


def keep_proof(proof: str) -> None:
    """Remember the proof of the request's address, out of reach of what logs the request."""
    setattr(g, _FROM_ADDRESS, proof)


def guest_of_proof(key: EmailKey) -> GuestUser | None:
    """The guest whom the address's proof stands for; None without a proof.

    None as well for who is logged in or brings a guest token: they see what they may see, no more and no less.
    Raises a `ProofError` for a proof that does not hold for this email, here and now.
    """
    proof = g.get(_FROM_ADDRESS)
    if proof is None or g.user.is_authenticated:
        return None
    guest = proofs().open(proof, key, current_settings().preview_link_minutes * 60)
    # Without the feature Superset would take a guest's row rules for none.
    if not is_feature_enabled("EMBEDDED_SUPERSET"):
        raise SharingEnded("embedding is turned off in this deployment")
    if not any(_embedded(resource) for resource in guest.dashboards):
        raise SharingEnded("the dashboard of a proof is not embedded any more")
    if security_manager.find_role(current_app.config["GUEST_ROLE_NAME"]) is None:
        raise SharingEnded(f"there is no role {current_app.config['GUEST_ROLE_NAME']!r}, which GUEST_ROLE_NAME names")
    return security_manager.get_guest_user_from_token(
        {
            "user": {"username": guest.username},
            "resources": [{"type": "dashboard", "id": resource} for resource in guest.dashboards],
            "rls_rules": _as_superset_rules(guest),
            PARAMETER: proof,
        }
    )


def acting_as_guest(guest: GuestUser | None) -> AbstractContextManager[None]:
    """Within, the request is the guest's; None leaves it as it is."""
    return nullcontext() if guest is None else acting_as(guest)


def proof_in_use() -> str | None:
    """The proof by which the request is made, for the page's own addresses to bear it on."""
    return g.user.guest_token.get(PARAMETER) if is_guest() else None


def dashboards() -> list[Dashboard]:
    """The dashboards that the guest may see, as far as they are embedded."""
    found = (_embedded(str(resource["id"])) for resource in g.user.resources)
    return [dashboard for dashboard in found if dashboard is not None]


def register(manager: Any) -> None:
    """Let guests see nothing of those datasets of the plugin that no rule of theirs is for, and never of people.

    A portal may know datasets of before: since it asked, an upgrade brought another, or one was made anew with another
    id. To Superset a dataset without a rule is open, so every visitor would see the rows of all.
    Raises `HookError` in a release that makes guests in another way.
    """
    apply(records.GUEST_RULES, _closing, type(manager))


def _closing(make: Callable[..., Any]) -> Callable[..., Any]:
    def make_held(manager: Any, token: Any) -> Any:
        guest = make(manager, token)
        ids, datasets = dataset_ids(), load_semantics().datasets
        named = {str(rule["dataset"]) for rule in guest.rls if rule.get("dataset")}
        # A rule without a dataset lies on every one.
        on_all = any(not rule.get("dataset") for rule in guest.rls)
        closed = [
            id_
            for name, id_ in ids.items()
            # Rules of one dataset hold together, so this one leaves nothing of what others let through.
            if datasets[name].about_people or not (on_all or str(id_) in named)
        ]
        guest.rls = [*guest.rls, *({"dataset": id_, "clause": NOTHING} for id_ in closed)]
        return guest

    return make_held


def form_data(report: SqlaTable) -> dict[str, Any] | None:
    """What Superset must be told to let a guest query the report: one of their dashboards that shows it."""
    if not is_guest():
        return None
    for resource in g.user.resources:
        dashboard = _embedded(str(resource["id"]))
        if dashboard is not None and report in dashboard.datasources:
            return form_data_on(dashboard, report)
    return None


def form_data_on(dashboard: Dashboard, dataset: SqlaTable) -> dict[str, Any]:
    """What Superset must be told of a query whose viewer has access to the dataset by this dashboard that shows it.

    It is that of a figure drilled by a column. 6.1 lets at the rows of a dashboard's dataset without it, 6.0 does not.
    """
    shown = (dataset.id, dataset.type)
    charts = [each.id for each in dashboard.slices if (each.datasource_id, each.datasource_type) == shown]
    columns = [each.column_name for each in dataset.columns if each.groupby]
    if not charts or not columns:
        return {"dashboardId": dashboard.id}
    return {"dashboardId": dashboard.id, "slice_id": 0, "chart_id": charts[0], "groupby": columns[:1]}


def _has_our_role() -> bool:
    return bool(current_app.config["GUEST_ROLE_NAME"] == GUEST_ROLE)


def _shows_the_report() -> bool:
    found = [_named(str(resource["id"])) for resource in g.user.resources if "id" in resource]
    shown = [dashboard for dashboard in found if dashboard is not None]
    if not shown:
        return _has_our_role()
    ours = datasets_and_copies()
    return any(ours & chart_contents.datasets(dashboard) for dashboard in shown)


def _named(resource: str) -> Dashboard | None:
    """The dashboard that a guest token calls so; Superset asks only of some whether it is embedded."""
    embedded = EmbeddedDashboardDAO.find_by_id(resource)
    if embedded is not None:
        return embedded.dashboard
    is_id = resource.isdecimal() and int(resource) <= LARGEST_ID
    return db.session.query(Dashboard).filter_by(id=int(resource)).one_or_none() if is_id else None


def _embedded(resource: str) -> Dashboard | None:
    """The dashboard that a guest token calls so, by the id of its embedding or its own; None if not embedded."""
    dashboard = _named(resource)
    return dashboard if dashboard is not None and dashboard.embedded else None


def _as_superset_rules(guest: Guest) -> list[dict[str, Any]]:
    ids = dataset_ids()
    missing = {dataset for dataset, _ in guest.rules if dataset is not None} - set(ids)
    if missing:
        raise SharingEnded(f"a proof has row rules for {min(missing)}, a dataset that is not there any more")
    return [
        {"clause": clause} if dataset is None else {"dataset": ids[dataset], "clause": clause}
        for dataset, clause in guest.rules
    ]

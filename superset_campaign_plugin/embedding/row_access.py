"""Workspaces as boundaries: which rows a role may see, kept as Superset's own row-level rules on every dataset.

The rules are all that is stored: their description holds the grants that their clause is made of. So whoever deletes
or edits one in Superset has decided, and nothing here disagrees. Rules of several roles of one person add up, since
they share a group. Needs a Superset application context.
"""

# Superset's classes come without types.
# mypy: no-warn-return-any

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import column, literal, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from superset import db, security_manager
from superset.connectors.sqla.models import RowLevelSecurityFilter, SqlaTable
from superset.exceptions import SupersetException
from superset.utils.core import RowLevelSecurityFilterType

from superset_campaign_plugin.advice import registered
from superset_campaign_plugin.embedding.row_clauses import NOTHING, Grant, each_grant, row_clause
from superset_campaign_plugin.engines import Engine, get_engine
from superset_campaign_plugin.errors import InstallError, UsageError, unknown
from superset_campaign_plugin.report.datasets import REPORT_DATASET
from superset_campaign_plugin.report.sqltext import plain_sql
from superset_campaign_plugin.reporting.query import dataset_rows
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.superset_assets.identity import dataset_uuid
from superset_campaign_plugin.superset_assets.manifest import missing_part, read_manifest
from superset_campaign_plugin.warehouse import refusal

GROUP = "superset_campaign"
_TITLE = "Campaign report: {}"
_TITLE_OF_REST = "Campaign report: {}, what has no workspace"
_WORKSPACE = "workspace"


def grant(
    role: str,
    workspaces: Sequence[str],
    programs: Sequence[str] = (),
    instances: Sequence[str] = (),
    *,
    force: bool = False,
) -> list[Grant]:
    """Let a role see workspaces, or programs of them, and nothing else but what it was granted before.

    With `instances` only those of these Marketo instances; else a workspace of that name in each.
    Gives all that the role may see now. Raises `UsageError` for a workspace or program that the report does not hold,
    unless `force`, and for an instance that is not installed; `InstallError` where there is no such role or nothing is
    installed.
    """
    added = each_grant(workspaces, programs, instances)
    _check_instances(instances)
    if not force:
        _check_known(added)
    return _keep(role, added | set(_grants(_rule(role))))


def revoke(
    role: str, workspaces: Sequence[str] = (), programs: Sequence[str] = (), instances: Sequence[str] = ()
) -> list[Grant]:
    """Take grants back: the named ones, or all. A role whose last grant is taken sees nothing.

    Gives what the role may still see. Raises `UsageError` where something of it was never granted, and then nothing is
    taken: whoever mistypes a name must not believe that it is closed.
    """
    rule = _rule(role)
    if rule is None:
        raise _without_boundary(role)
    if security_manager.find_role(role) is None:
        raise InstallError(
            f"there is no role {role!r} any more; remove its boundary with: superset campaign revoke {role!r} --lift"
        )
    grants = _grants(rule)
    named = {"workspace": workspaces, "program": programs, "instance": instances}
    taken = [each for each in grants if _matches(each, named)]
    _check_granted(role, grants, taken, named)
    return _keep(role, [each for each in grants if each not in taken])


def lift(role: str) -> None:
    """Remove a role's boundary: it sees every row of the datasets that it has access to.

    Raises `UsageError` for a role that has none.
    """
    rules = [rule for rule in _rules() if rule.name in (_TITLE.format(role), _TITLE_OF_REST.format(role))]
    if not rules:
        raise _without_boundary(role)
    for rule in rules:
        db.session.delete(rule)
    db.session.commit()


def list_grants() -> dict[str, list[Grant]]:
    """What each role with a boundary may see."""
    return {role: _grants(rule) for role, rule in _bound_roles().items()}


def granted(role: str) -> list[Grant] | None:
    """What a role may see; None where it has no boundary."""
    rule = _rule(role)
    return None if rule is None else _grants(rule)


def cover_datasets() -> None:
    """Lay the rules on all datasets that are installed now, within the running transaction."""
    bound, rest = _datasets()
    for rule in _rules():
        wanted = rest if rule.clause == NOTHING and not rule.description else bound
        if set(rule.tables) != set(wanted):
            rule.tables = wanted


def boundary_names() -> list[str]:
    """The names of all rules."""
    return sorted(rule.name for rule in _rules())


def remove_boundaries() -> None:
    """Delete all rules within the running transaction."""
    for rule in _rules():
        db.session.delete(rule)
    db.session.flush()


def escapes_backslashes(engine: Engine) -> bool:
    """Whether a backslash in a text of the engine's SQL escapes what follows."""
    return "\\\\" in plain_sql(select(literal("\\")), engine)


def _keep(role: str, grants: Any) -> list[Grant]:
    """Write what the role may see, unless it is so already."""
    found = security_manager.find_role(role)
    if found is None:
        raise unknown("role", role, [each.name for each in security_manager.get_all_roles()])
    bound, rest = _datasets()
    kept = sorted(grants, key=lambda each: each.place)
    engine = get_engine(bound[0].database.backend)
    clause = row_clause(kept, backslash_escapes=escapes_backslashes(engine), character=engine.character)
    _put(_TITLE.format(role), found, bound, clause, json.dumps([asdict(each) for each in kept], ensure_ascii=False))
    _put(_TITLE_OF_REST.format(role), found, rest, NOTHING, "")
    db.session.commit()
    return kept


def _put(name: str, role: Any, tables: list[SqlaTable], clause: str, description: str) -> None:
    rule = db.session.query(RowLevelSecurityFilter).filter_by(name=name).one_or_none()
    if rule is None:
        rule = RowLevelSecurityFilter(name=name, filter_type=RowLevelSecurityFilterType.REGULAR, group_key=GROUP)
        db.session.add(rule)
    wanted = {"clause": clause, "description": description, "roles": [role], "tables": tables}
    for attribute, value in wanted.items():
        if getattr(rule, attribute) != value:
            setattr(rule, attribute, value)


def _rules() -> list[RowLevelSecurityFilter]:
    rules = db.session.query(RowLevelSecurityFilter).filter_by(group_key=GROUP)
    return rules.order_by(RowLevelSecurityFilter.name).all()


def _rule(role: str) -> RowLevelSecurityFilter | None:
    return next((rule for rule in _rules() if rule.name == _TITLE.format(role)), None)


def _bound_roles() -> dict[str, RowLevelSecurityFilter]:
    """The rules of the roles that have a boundary, by the roles' names."""
    named = {rule.name: rule for rule in _rules()}
    roles = sorted(role.name for rule in named.values() for role in rule.roles if rule.name == _TITLE.format(role.name))
    return {role: named[_TITLE.format(role)] for role in roles}


def _grants(rule: RowLevelSecurityFilter | None) -> list[Grant]:
    if rule is None:
        return []
    try:
        grants = [Grant(**each) for each in json.loads(rule.description)]
    except (TypeError, ValueError) as error:
        raise _edited(rule) from error
    for each in grants:
        if not isinstance(each.workspace, str) or not all(
            part is None or isinstance(part, str) for part in (each.program, each.instance)
        ):
            raise _edited(rule)
    return grants


def _datasets() -> tuple[list[SqlaTable], list[SqlaTable]]:
    """The installed datasets whose rows have a workspace, and the others, which show nothing within a boundary."""
    bound: list[SqlaTable] = []
    rest: list[SqlaTable] = []
    for name, dataset in load_semantics().datasets.items():
        table = db.session.query(SqlaTable).filter_by(uuid=dataset_uuid(name)).one_or_none()
        if table is not None:
            has_workspace = any(dimension.name == _WORKSPACE for dimension in dataset.dimensions)
            (bound if has_workspace else rest).append(table)
    if not bound:
        raise missing_part("datasets were")
    return bound, rest


def _without_boundary(role: str) -> UsageError:
    if security_manager.find_role(role) is None:
        return unknown("role", role, [each.name for each in security_manager.get_all_roles()])
    bound = ", ".join(map(repr, _bound_roles())) or "no role"
    return UsageError(
        f"nothing was granted to the role {role!r}, which has no boundary, so nothing is taken back; {bound} has one"
    )


def _check_granted(role: str, grants: list[Grant], taken: list[Grant], named: dict[str, Sequence[str]]) -> None:
    """Raises `UsageError` for the first name that takes no grant away, with what is granted, and to whom that name."""
    if not grants:
        raise UsageError(
            f"nothing is granted to the role {role!r}, which sees nothing already; --lift removes its boundary"
        )
    for part in ("program", "instance", "workspace"):
        for name in named[part]:
            if any(getattr(each, part) == name for each in taken):
                continue
            asked = {**named, part: [name]}
            others = ", ".join(map(repr, _holders(asked))) or "no role"
            raise UsageError(
                f"{_within(part, asked)} is not granted to the role {role!r}, so nothing is taken back; it is granted "
                f"to {others}, and to {role!r} are granted: {'; '.join(each.words for each in grants)}"
            )


_PARTS = {"program": "the program", "instance": "the Marketo instance", "workspace": "the workspace"}


def _within(part: str, named: dict[str, Sequence[str]]) -> str:
    """What was asked for, with the other names by which it was chosen."""
    others = {other: names for other, names in named.items() if names and other != part}
    told = [
        f"{_PARTS[each]} {' or '.join(repr(name or '(no workspace)') for name in names)}"
        for each, names in ({part: named[part]} | others).items()
    ]
    return " within ".join(told)


def _matches(grant: Grant, named: dict[str, Sequence[str]]) -> bool:
    return all(not names or getattr(grant, part) in names for part, names in named.items())


def _holders(named: dict[str, Sequence[str]]) -> list[str]:
    """The roles to which something of these names is granted."""
    found = []
    for role, rule in _bound_roles().items():
        # Of a rule that people edited it is not known what it grants.
        with contextlib.suppress(InstallError):
            if any(_matches(each, named) for each in _grants(rule)):
                found.append(role)
    return found


def _edited(rule: RowLevelSecurityFilter) -> InstallError:
    return InstallError(
        f"the description of the row-level rule {rule.name!r} was changed; delete the rule and grant again"
    )


def _check_instances(names: Sequence[str]) -> None:
    manifest = read_manifest()
    there_are = manifest.instances if manifest else {}
    for name in names:
        if not there_are:
            raise UsageError("the report is of one Marketo instance here, so no grant can name another")
        if name not in there_are:
            raise unknown("Marketo instance", name, there_are)


def _check_known(grants: set[Grant]) -> None:
    rows = _known_places()
    for each in sorted(grants, key=lambda each: each.place):
        within = [row for row in rows if each.instance in (None, row[0])]
        known = {workspace or "" for _, workspace, _ in within}
        if each.workspace not in known:
            raise unknown(
                "workspace" if each.instance is None else f"workspace of {each.instance}", each.workspace, known
            )
        there_are = {program for _, workspace, program in within if (workspace or "") == each.workspace and program}
        if each.program is not None and each.program not in there_are:
            raise unknown(f"program of {each.workspace or 'no workspace'}", each.program, there_are)


def _known_places() -> list[Any]:
    """The Marketo instances, workspaces and programs that the installed report holds, as rows."""
    _datasets()
    # By its UUID: people may rename it.
    report = db.session.query(SqlaTable).filter_by(uuid=dataset_uuid(REPORT_DATASET)).one_or_none()
    if report is None:
        raise missing_part(f"dataset {REPORT_DATASET} was")
    names = [column(name) for name in ("source_name", _WORKSPACE, "program_name")]
    asked = select(*names).select_from(dataset_rows(report.sql, "report")).distinct()
    try:
        opened = report.database.get_sqla_engine(catalog=report.catalog, schema=report.schema)
        with opened as pool, pool.connect() as there:
            return there.execute(asked).fetchall()
    except (SQLAlchemyError, SupersetException, ImportError) as error:
        url = make_url(report.database.sqlalchemy_uri)
        name = report.database.database_name
        with registered(name):
            raise refusal(url, error, f"the workspaces of {name!r} cannot be read") from error

"""Which rows somebody may see, as SQL. Knows neither Superset nor SQLAlchemy, so that a portal can use it as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from superset_campaign_plugin.errors import UsageError

NOTHING = "1 = 0"
EVERYTHING = "1 = 1"


@dataclass(frozen=True)
class Grant:
    """The rows of a workspace, or those of one of its programs. An empty workspace stands for rows without one.

    With `instance` they are those of one Marketo instance; else a workspace of that name counts in each.
    """

    workspace: str
    program: str | None = None
    instance: str | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        """Its place among others."""
        return self.instance or "", self.workspace, self.program or ""


def row_clause(grants: Iterable[Grant], *, backslash_escapes: bool) -> str:
    """A condition that holds for the rows of any of the grants, and for none without grants.

    `backslash_escapes` says how the warehouse's SQL reads texts: whether a backslash in one escapes what follows.
    Raises `UsageError` for a name that Superset would take for a template.
    """
    kept = set(grants)
    parts = _of_any_instance({grant for grant in kept if grant.instance is None}, backslash_escapes)
    for instance in sorted({grant.instance for grant in kept if grant.instance is not None}):
        theirs = " OR ".join(
            _of_any_instance({grant for grant in kept if grant.instance == instance}, backslash_escapes)
        )
        parts.append(f"(source_name = {_text(instance, backslash_escapes)} AND ({theirs}))")
    return " OR ".join(parts) or NOTHING


def _of_any_instance(grants: set[Grant], backslash_escapes: bool) -> list[str]:
    whole = {grant.workspace for grant in grants if grant.program is None}
    parts = [_workspaces(whole, backslash_escapes)] if whole else []
    for workspace in sorted({grant.workspace for grant in grants} - whole):
        programs = sorted(grant.program for grant in grants if grant.workspace == workspace and grant.program)
        names = ", ".join(_text(program, backslash_escapes) for program in programs)
        parts.append(f"({_workspaces({workspace}, backslash_escapes)} AND program_name IN ({names}))")
    return parts


def each_grant(workspaces: Sequence[str], programs: Sequence[str], instances: Sequence[str]) -> set[Grant]:
    """The grants of these workspaces, of these only the programs if some are named, in the instances if some are.

    Raises `UsageError` for a program without a name: every row has a program's name, or its id in the place of one.
    """
    if "" in programs:
        raise UsageError("a program must have a name")
    return {
        Grant(workspace, program, instance)
        for workspace, program, instance in product(workspaces, programs or (None,), instances or (None,))
    }


def _workspaces(names: set[str], backslash_escapes: bool) -> str:
    named = ", ".join(_text(name, backslash_escapes) for name in sorted(names) if name)
    conditions = [f"workspace IN ({named})"] if named else []
    if "" in names:
        conditions.append("workspace IS NULL")
    return conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"


def _text(value: str, backslash_escapes: bool) -> str:
    # Superset runs its templates over row rules, and no quoting protects from that.
    if any(mark in value for mark in ("{{", "{%", "{#")):
        raise UsageError(f"no row rule can name {value!r}: Superset would run it as a template")
    escaped = value.replace("\\", "\\\\").replace("'", "\\'") if backslash_escapes else value.replace("'", "''")
    return f"'{escaped}'"

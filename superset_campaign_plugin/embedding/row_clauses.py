"""Which rows somebody may see, as SQL. Knows neither Superset nor SQLAlchemy, so that a portal can use it as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.literals import written_literal

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

    @property
    def words(self) -> str:
        """The same for people."""
        program = "" if self.program is None else f", program {self.program}"
        instance = "" if self.instance is None else f", Marketo instance {self.instance}"
        return f"{self.workspace or '(no workspace)'}{program}{instance}"


@dataclass(frozen=True)
class Texts:
    """How the warehouse's SQL has texts.

    `backslash_escapes` says whether a backslash in one escapes what follows; `character` is the expression for a
    character by its code, as in `CHR({})`, or None where it is not known.
    """

    backslash_escapes: bool
    character: str | None = None

    def literal(self, value: str) -> str:
        """The text as an expression that Superset's templates and drivers leave as it is."""
        return written_literal(value, self._quote, self.character)

    def _quote(self, value: str) -> str:
        if self.backslash_escapes:
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        return "'" + value.replace("'", "''") + "'"


def row_clause(grants: Iterable[Grant], *, backslash_escapes: bool, character: str | None = None) -> str:
    """A condition that holds for the rows of any of the grants, and for none without grants.

    The arguments after the grants are those of `Texts`.
    """
    kept, texts = set(grants), Texts(backslash_escapes, character)
    parts = _of_any_instance({grant for grant in kept if grant.instance is None}, texts)
    for instance in sorted({grant.instance for grant in kept if grant.instance is not None}):
        theirs = " OR ".join(_of_any_instance({grant for grant in kept if grant.instance == instance}, texts))
        parts.append(f"(source_name = {texts.literal(instance)} AND ({theirs}))")
    return " OR ".join(parts) or NOTHING


def _of_any_instance(grants: set[Grant], texts: Texts) -> list[str]:
    whole = {grant.workspace for grant in grants if grant.program is None}
    parts = [_workspaces(whole, texts)] if whole else []
    for workspace in sorted({grant.workspace for grant in grants} - whole):
        programs = sorted(grant.program for grant in grants if grant.workspace == workspace and grant.program)
        names = ", ".join(map(texts.literal, programs))
        parts.append(f"({_workspaces({workspace}, texts)} AND program_name IN ({names}))")
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


def _workspaces(names: set[str], texts: Texts) -> str:
    named = ", ".join(texts.literal(name) for name in sorted(names) if name)
    conditions = [f"workspace IN ({named})"] if named else []
    if "" in names:
        conditions.append("workspace IS NULL")
    return conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"

"""How a loader lays out its tables, as data. Each layout is a file of its own that fills these in.

A layout names tables and columns only; `build_relations.py` turns it, and what the warehouse really has, into the
canonical relations that the report reads. Column names are found however the destination spells them: `leadId`,
`leadid`, `LEAD_ID` and `lead_id` are one name. Table names are found in upper and lower case alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from superset_campaign_plugin.report.activity_kinds import KINDS, ActivityColumns, EventKind


@dataclass(frozen=True)
class LogTable:
    """A table of activities: all of its rows or, where `types` are given, those of these activity types."""

    table: str
    types: tuple[int, ...] = ()


@dataclass(frozen=True)
class MergedIdsTable:
    """The ids of merges, one row each, in a table beside that of the merges: so does a destination that cannot nest.

    `merge` is the column with the merge's activity id. The id of the merged person is in the first of `ids` that is not
    null; a column whose name goes on after two underscores, as `value__string`, is another type's part of it.
    """

    table: str
    merge: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class MergedPeopleTable:
    """Merged people, one row each: who it was, under whose id they are now, and when, where the table tells."""

    table: str
    person_id: str
    surviving_id: str
    merged_at: str


@dataclass(frozen=True)
class AssetTable:
    """A table of campaigns, programs, emails or people, possibly with several versions of an id.

    `columns` maps the canonical column, one of those in `report/relations.py`, to the loader's. The newest version
    is the first when ordered by `newest`, each descending. Where a table has the column `status`, approved versions go
    before all others, which people have not been sent.
    """

    table: str
    id: str
    columns: dict[str, str]
    newest: tuple[str, ...]
    status: str = ""


@dataclass(frozen=True)
class Layout:
    """One loader. Every table but the send table may be absent: loaders create a table with its first row.

    `addresses` is the table of people, of which the column `email` alone is read.
    Merges may lie in any of three: as lists of ids in the table `merges`, in `merged_ids`, in `merged_people`.
    `strict` layouts are a user's own mapping: whatever they name must be there. All table names begin with `prefix`.
    """

    name: str
    title: str
    events: dict[EventKind, LogTable]
    merges: LogTable | None
    deletions: LogTable | None
    columns: ActivityColumns
    campaigns: AssetTable | None
    programs: AssetTable | None
    emails: AssetTable | None
    addresses: AssetTable | None = None
    merged_ids: MergedIdsTable | None = None
    merged_people: MergedPeopleTable | None = None
    strict: bool = False
    prefix: str = ""

    def log_tables(self) -> Iterator[LogTable]:
        """Every table of activities."""
        yield from self.events.values()
        yield from (table for table in (self.merges, self.deletions) if table is not None)

    def asset_tables(self) -> Iterator[AssetTable]:
        """Every table of campaigns, programs, emails and people."""
        tables = (self.campaigns, self.programs, self.emails, self.addresses)
        yield from (table for table in tables if table is not None)

    def renamed(self, name: Callable[[str], str]) -> Layout:
        """The layout with other names for its tables."""
        parts = ("merges", "deletions", "campaigns", "programs", "emails", "addresses", "merged_ids", "merged_people")
        own = {part: getattr(self, part) for part in parts}
        return replace(
            self,
            events={kind: replace(table, table=name(table.table)) for kind, table in self.events.items()},
            **{part: replace(table, table=name(table.table)) for part, table in own.items() if table is not None},
        )

    def with_prefix(self, prefix: str) -> Layout:
        """The layout as a destination has it that puts `prefix` before the names of all tables."""
        return replace(self.renamed(lambda name: prefix + name), prefix=prefix + self.prefix)


def one_table_each(prefix: str) -> dict[EventKind, LogTable]:
    """The event tables of a loader that keeps one table an activity type."""
    return {kind: LogTable(prefix + own.table) for kind, own in KINDS.items()}


def one_table_for_all(table: str) -> dict[EventKind, LogTable]:
    """The event tables of a loader that keeps all activities in one."""
    return {kind: LogTable(table, (own.number,)) for kind, own in KINDS.items()}

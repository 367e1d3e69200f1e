"""The canonical relations: the one form that every loader's tables are brought into and that the report reads.

events      campaign_id, email_id, person_id (whole numbers, any may be null), activity_at (UTC time),
            activity_id (text), loaded_at (UTC time of the loader's last write, where it keeps one); for clicks link
            (text or null); for opens and clicks, where the log tells, user_agent (text) and bot (a condition);
            for bounces, where the log tells, category, details and address (texts or null);
            for sends a campaign_id that is never null, and where the log has them email_name (text or null) and
            variant (a whole number or null; from 1 it is the variant of an email test)
merges      surviving_id, merged_ids (text: whole numbers with commas between), merged_at
deletions   person_id, loaded_at
campaigns   campaign_id, name, program_id, program_name, workspace, active, archived (Yes / No / null), one row an id
programs    program_id, name, workspace, one row an id
addresses   person_id, address (text or null), one row an id
emails      email_id, name, subject, operational, archived (Yes / No / null), workspace, one row an id
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.report.activity_kinds import EventKind

CAMPAIGN_COLUMNS = ("name", "program_id", "program_name", "workspace", "active", "archived")
PROGRAM_COLUMNS = ("name", "workspace")
EMAIL_COLUMNS = ("name", "subject", "operational", "archived", "workspace")
ADDRESS_COLUMNS = ("email",)


# The campaign of a send that names none. Marketo's own ids begin at 1, and null would match nothing in a join.
UNKNOWN_CAMPAIGN = 0


@dataclass(frozen=True)
class Absent:
    """A table, or a column of one, that the warehouse lacks. `part` says what it would bring.

    Without a table it is the layout that names none.
    """

    part: EventKind | str
    table: str | None = None
    column: str | None = None


@dataclass(frozen=True)
class Unreadable:
    """A column in which values may be that cannot be read, and so are null. `part` says what they would bring.

    `values` is the query for these values as they stand there: one column, `value` (text), one row each.
    """

    part: str
    table: str
    column: str
    values: Select


@dataclass(frozen=True)
class Spellings:
    """Columns of a table that are one to the layout, as `campaign_id` and `campaignid` are; the first goes first."""

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Names:
    """What ids stand for, one row an id; the columns are those of the relations of the same names."""

    campaigns: Select
    programs: Select
    emails: Select


@dataclass(frozen=True)
class Relations:
    """The canonical relations of one warehouse. An absent event table is left out; the sends are always there.

    `sends` holds only sends that count; `unsent` those that were skipped or failed, None where the log does not tell.
    `email_assets` are the emails as their table has them, without names that only the log holds.
    `addresses` is None where the loader has no people's addresses.
    `merges` and `deletions` are None where the loader has no such table. `absent` names all that is not there,
    `unreadable` the columns that may hold bad values, `spellings` those that a table has more than once.
    """

    sends: Select
    unsent: Select | None
    events: dict[EventKind, Select]
    merges: Select | None
    deletions: Select | None
    campaigns: Select
    programs: Select
    emails: Select
    email_assets: Select
    absent: tuple[Absent, ...]
    addresses: Select | None = None
    unreadable: tuple[Unreadable, ...] = ()
    spellings: tuple[Spellings, ...] = ()

    @property
    def names(self) -> Names:
        """The newest names of the assets."""
        return Names(self.campaigns, self.programs, self.emails)

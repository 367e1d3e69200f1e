"""What an SQL engine must be able to do, in standard SQL; each engine's own file overrides only what differs.

All times inside the report are UTC without a zone. Every method takes and gives SQLAlchemy expressions, so the
report's steps read the same on every engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Literal

from sqlalchemy import BigInteger, cast, extract, func, inspect, literal, literal_column, types
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.fingerprint import Fingerprint
from superset_campaign_plugin.engines.locks import Locks
from superset_campaign_plugin.engines.reading import Reading
from superset_campaign_plugin.engines.rendering import with_safe_literals
from superset_campaign_plugin.errors import UsageError

Columns = dict[str, types.TypeEngine]


class Engine(Reading, Fingerprint):
    """The shared default, and the record of what an engine is and can do. How it reads columns is in `reading.py`, and
    how it tells rows apart in `fingerprint.py`.

    name                the SQLAlchemy dialect's name, which is that of the URI and of Superset's `backend`
    aliases             other dialects of the same SQL
    sqlglot             the dialect in which Superset parses the engine's SQL
    timestamp_type      the type, in Superset's eyes, of a time without a zone
    time_zones          False where the engine knows UTC alone, so `local_time` cannot be asked for
    joins_rename        True where `a.x` of a join is not called `x` if the other table has an `x`, too
    updates_rows        False where rows cannot be changed in place, so nothing but the report can be had there
    merges              False where a refresh computes everything anew whenever anything is new
    schemas             False where a database has no schemas within it
    change_over         how new tables take the place of old ones: within a "transaction", by one statement that
                        renames them all ("rename"), or under a "view"
    create_schema       makes a schema where there is none of that name
    copy_table          makes the table {new} with the rows of {old}, which a refresh under views merges into
    replace_view        puts a view of a query in the place of another view, whose rights to read it keeps
    table_format        what CREATE TABLE … AS needs before AS
    keeps_indexes       True where an index makes finding single rows fast
    nested_loops        True where it joins in no other way, so that whatever is joined needs an index
    index_in_create     True where CREATE TABLE … AS can make an index, and CREATE INDEX would end the transaction
    needs_analyze       True where a new table is planned for badly until ANALYZE has looked at it
    rebuild_share       the share of new rows from which on a full refresh costs no more than merging them: as measured
                        on DuckDB and SQLite
    refresh_settings    statements that give a refresh the memory it may use
    rows_at_once        of how many activities a full refresh makes the records at once, by parts of the people, so that
                        they need no more memory than that; None where the engine sees to it itself
    bit_or, bit_and     the functions that join the bits of a group's rows, and those that two numbers share; the
                        second one is None where an operator does that
    locks               its statements about locks
    rights              query of who was granted what on the tables :names of :schema (grantee, right, table), where a
                        new table of the same name does not have it
    character           the function that gives a character by its code
    runs_in_tests       False where no server of it is at hand, so that snapshots hold its SQL
    """

    name: str
    aliases: tuple[str, ...] = ()
    sqlglot: str
    timestamp_type = "TIMESTAMP"
    schemas = True
    change_over: Literal["transaction", "rename", "view"] = "transaction"
    create_schema = "CREATE SCHEMA IF NOT EXISTS {}"
    copy_table = "CREATE TABLE {new} AS SELECT * FROM {old}"
    replace_view = "CREATE OR REPLACE VIEW {name} AS {query}"
    table_format = ""
    keeps_indexes = False
    nested_loops = False
    index_in_create = False
    needs_analyze = False
    rebuild_share = 0.3
    refresh_settings: tuple[str, ...] = ()
    rows_at_once: int | None = None
    bit_or: str = "bit_or"
    bit_and: str | None = None
    locks = Locks()
    rights: str | None = None
    time_zones = True
    joins_rename = False
    updates_rows = True
    merges = True
    character = "CHR({})"
    runs_in_tests = True

    def dialect(self) -> Dialect:
        """The dialect that writes the engine's SQL, with texts that pass through Superset and drivers as they are."""
        return with_safe_literals(self.own_dialect(), self.character)

    def own_dialect(self) -> Dialect:
        """The same before texts are seen to; it renders them without doubling percent signs."""
        raise NotImplementedError

    def now(self) -> ColumnElement[Any]:
        """The present moment in UTC."""
        return literal_column("CURRENT_TIMESTAMP AT TIME ZONE 'UTC'")

    def time_literal(self, moment: datetime) -> ColumnElement[Any]:
        """A fixed moment; `moment` is UTC without a zone."""
        return literal_column(f"TIMESTAMP '{moment.isoformat(sep=' ', timespec='milliseconds')}'")

    def not_before(self, column: ColumnElement[Any], moment: datetime) -> ColumnElement[Any] | None:
        """A condition on a loader's column of times itself, by which an engine can pass over what is older.

        It may let older rows through. None where the column, as it is, does not compare with a fixed moment.
        """
        return None

    def days_before(self, moment: ColumnElement[Any], days: int) -> ColumnElement[Any]:
        """`moment` minus whole days."""
        return moment - literal_column(f"INTERVAL '{days} days'")

    def read_columns(
        self, connection: Connection, schema: str | None, attached: str | None = None
    ) -> Mapping[str, Columns] | None:
        """The columns of every table, where the engine has a better source than SQLAlchemy's inspector; else None.

        `attached` names the attached database to look in, on an engine whose connections can hold several.
        """
        return None

    def schema_names(self, connection: Connection, attached: str | None = None) -> list[str]:
        """The names of the schemas in the database; `attached` is as in `read_columns`."""
        return list(inspect(connection).get_schema_names())

    def list_part(self, text: ColumnElement[Any], place: ColumnElement[Any]) -> ColumnElement[Any]:
        """The part at `place`, from 1, of a text such as `12,34`; null or empty where it has fewer parts."""
        return func.split_part(text, literal(","), place)

    def after_last(self, text: ColumnElement[Any], mark: str) -> ColumnElement[Any]:
        """What stands in `text` behind the last `mark`, one ASCII character; all of it where there is none."""
        return func.reverse(func.split_part(func.reverse(text), literal(mark), literal_column("1")))

    def any_bits(self, mask: ColumnElement[Any], width: int) -> ColumnElement[Any]:
        """The bits that are set in `mask` in any row of a group; a mask has at most `width` bits."""
        joined: ColumnElement[Any] = getattr(func, self.bit_or)(mask)
        return joined

    def has_bits(self, mask: ColumnElement[Any], bits: int) -> ColumnElement[Any]:
        """Whether any of `bits` is set in `mask`."""
        operator = mask.op("&") if self.bit_and is None else partial(getattr(func, self.bit_and), mask)
        return operator(literal(bits)) != literal(0)

    def local_time(self, moment: ColumnElement[Any], zone: str) -> ColumnElement[Any]:
        """A UTC moment as the clocks of `zone` (such as Europe/Berlin) show it, without a zone."""
        aware = moment.op("AT TIME ZONE")(literal_column("'UTC'"))
        return aware.op("AT TIME ZONE")(literal(zone))

    def check_zone(self, connection: Connection, zone: str) -> None:
        """Raise `UsageError` where the engine has no time zones, `DatabaseError` where the server lacks this one."""
        if not self.time_zones:
            raise UsageError(f"{self.name} knows no time zones, so the report is in UTC there, not in {zone!r}")

    def day(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        """Midnight of the moment's day, as a time, so that time ranges compare alike on every engine."""
        return self._truncate("day", moment)

    def quotient(self, number: ColumnElement[Any], by: int) -> ColumnElement[Any]:
        """How many times `by` goes into a whole number that is not below 0."""
        return cast(func.floor(number / literal(by)), BigInteger)

    def hour(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        """The hour of the moment's day, 0 to 23."""
        return cast(extract("hour", moment), BigInteger)

    def week(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        """Midnight of the Monday of the moment's week."""
        return self._truncate("week", moment)

    def month(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        """Midnight of the first day of the moment's month."""
        return self._truncate("month", moment)

    def _truncate(self, unit: str, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.date_trunc(literal(unit), moment)

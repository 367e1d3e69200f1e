"""MySQL from 8.0 and MariaDB from 10.6 on."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import BigInteger, and_, case, cast, func, literal, literal_column, select, types
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines.base import Engine
from superset_campaign_plugin.engines.forms import ENDS_WITH_ZONE
from superset_campaign_plugin.engines.kinds import Kind, kind_of
from superset_campaign_plugin.engines.locks import Locks
from superset_campaign_plugin.engines.reading import quoted_key
from superset_campaign_plugin.errors import DatabaseError

_TIME = mysql.DATETIME(fsp=6)  # a plain DATETIME has no fractions of a second
_ISO_8601 = (
    "^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([T ]+[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?)?$"
)
_OFFSET = "[+-][0-9]{2}(:?[0-9]{2})?$"
_ZONE = f" *(Z|UTC|Z?{_OFFSET[:-1]})$"
_MICROSECOND = literal_column("MICROSECOND")


class _Statements(mysql.base.MySQLCompiler):  # type: ignore[misc]
    def default_from(self) -> str:
        # sqlglot would quote the FROM DUAL, and then it is a table. None of these versions needs it.
        return ""


class MySQL(Engine):
    """Texts compare without regard to case and accents here, so they are read with a collation that sees both.

    What it cannot read it reads as null, or reads the beginning of. Its regular expressions are written with
    REGEXP_INSTR: sqlglot, and so Superset, turns the operator into a function that MariaDB does not have. Zones
    such as Europe/Berlin are known once an administrator has loaded them; see `check_zone`.
    """

    name = "mysql"
    aliases = ("mariadb",)
    sqlglot = "mysql"
    timestamp_type = "DATETIME"
    time_type = _TIME
    casts_decimals = True
    schemas = False
    keeps_indexes = True
    change_over = "rename"
    nested_loops = True
    index_in_create = True
    locks = Locks(
        take="SELECT GET_LOCK(:name, 0)",
        # Else INSERT ... SELECT would lock the loader's rows until the end.
        isolation="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        wait="SET SESSION lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}",
        refusals=(1205, 1213),
    )
    character = "CHAR({} USING utf8mb4)"

    def own_dialect(self) -> Dialect:
        dialect = mysql.dialect(paramstyle="named")
        dialect.statement_compiler = _Statements
        return dialect

    def milliseconds(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        microseconds = func.timestampdiff(_MICROSECOND, cast(literal("1970-01-01"), _TIME), moment)
        return microseconds.op("DIV")(literal_column("1000"))

    def now(self) -> ColumnElement[Any]:
        return literal_column("UTC_TIMESTAMP(3)")

    def time_literal(self, moment: datetime) -> ColumnElement[Any]:
        return cast(literal(moment.isoformat(sep=" ", timespec="milliseconds")), _TIME)

    def not_before(self, column: ColumnElement[Any], moment: datetime) -> ColumnElement[Any] | None:
        if not isinstance(column.type, types.TIMESTAMP):
            return None
        return column >= func.from_unixtime(literal_column(str(int(moment.replace(tzinfo=timezone.utc).timestamp()))))

    def days_before(self, moment: ColumnElement[Any], days: int) -> ColumnElement[Any]:
        return moment - literal_column(f"INTERVAL {days} DAY")

    def time(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        if isinstance(column.type, types.TIMESTAMP):
            # A TIMESTAMP shows in the session's zone, but for its distance from 1970.
            microseconds = func.unix_timestamp(column) * literal_column("1000000")
            return func.timestampadd(_MICROSECOND, microseconds, cast(literal("1970-01-01"), _TIME))
        return super().time(column)

    def bad_time(self, column: ColumnElement[Any]) -> ColumnElement[Any] | None:
        # A column may hold 0000-00-00, whatever its type.
        if kind_of(column.type) in (Kind.DAY, Kind.TIME):
            return func.year(column) == literal_column("0")
        return super().bad_time(column)

    def parse_time(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        clocks = func.regexp_replace(text, literal(_ZONE), literal(""))
        offset = func.coalesce(func.nullif(func.regexp_substr(text, literal(_OFFSET)), literal("")), literal("+00"))
        digits = func.replace(func.substr(offset, literal_column("4")), literal(":"), literal(""))
        minutes = func.right(func.concat(literal("00"), digits), literal_column("2"))
        zone = func.concat(func.left(offset, literal_column("3")), literal(":"), minutes)
        zoned = and_(self.matches(text, ENDS_WITH_ZONE), self.matches(clocks, _ISO_8601))
        return case(
            (self.matches(text, _ISO_8601), cast(text, _TIME)),
            (zoned, func.convert_tz(cast(clocks, _TIME), zone, literal("+00:00"))),
        )

    def matches(self, text: ColumnElement[Any], pattern: str) -> ColumnElement[Any]:
        return func.regexp_instr(text, literal(pattern)) > 0

    def text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        if kind_of(column.type) is Kind.DOCUMENT:
            column = func.json_unquote(column)
        return cast(column, mysql.CHAR(charset="utf8mb4")).collate("utf8mb4_bin")

    def flag(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return super().flag(cast(column, BigInteger) if kind_of(column.type) is Kind.BITS else column)

    def contains(self, text: ColumnElement[Any], part: str) -> ColumnElement[Any]:
        return func.locate(literal(part), text) > 0

    def list_part(self, text: ColumnElement[Any], place: ColumnElement[Any]) -> ColumnElement[Any]:
        # Past its end SUBSTRING_INDEX gives the last part, so the list is made long enough.
        padded = func.concat(text, func.repeat(literal(","), place))
        return func.substring_index(
            func.substring_index(padded, literal(","), place), literal(","), literal_column("-1")
        )

    def after_last(self, text: ColumnElement[Any], mark: str) -> ColumnElement[Any]:
        return func.substring_index(text, literal(mark), literal_column("-1"))

    def json_text(self, column: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        # Not JSON_VALUE: MySQL's gives no text that is longer than 512 characters, as links are.
        found = func.json_unquote(func.json_extract(column, literal(f"$.{quoted_key(key)}")))
        return func.nullif(self.text(found), literal("null"), type_=types.String())

    def local_time(self, moment: ColumnElement[Any], zone: str) -> ColumnElement[Any]:
        return func.convert_tz(moment, literal("+00:00"), literal(zone))

    def check_zone(self, connection: Connection, zone: str) -> None:
        if connection.execute(select(self.local_time(literal("2024-01-01"), zone))).scalar() is None:
            raise DatabaseError(
                f"the server does not know the time zone {zone!r}: a null would stand for every time; "
                "load its zones with mysql_tzinfo_to_sql (MariaDB: mariadb-tzinfo-to-sql)"
            )

    def day(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(func.date(moment), _TIME)

    def week(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return _days_earlier(moment, func.weekday(moment))

    def month(self, moment: ColumnElement[Any]) -> ColumnElement[Any]:
        return _days_earlier(moment, func.dayofmonth(moment) - literal_column("1"))


def _days_earlier(moment: ColumnElement[Any], days: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(func.timestampadd(literal_column("DAY"), -days, func.date(moment)), _TIME)

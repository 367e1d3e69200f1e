"""Writes a log's tables with columns of any type and spelling that an engine can hold their values in.

Loaders and destinations choose types as they like. `FORMS` has, for each engine, the forms of a column of whole
numbers, of times, of yes or no, of texts and of lists of ids; `write_typed` draws one for each column.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from logs import Table

from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.flags import NO, YES

Spell = Callable[[Any, random.Random], str]
# Columns whose kind the layouts of the tests write as text.
FLAGS = {"is_bot_activity", "robot", "active", "operational", "_fivetran_deleted"}
LISTS = {"merge_ids", "swallowed"}
IDS = {"primaryAttributeValueId", "primary_attribute_value_id"}


@dataclass(frozen=True)
class Form:
    """A type, and how a value is spelled in SQL: `{}` in `sql` stands for the spelled text, in quotes if `quoted`."""

    type: str
    spell: Spell
    sql: str = "{}"
    quoted: bool = True
    days: bool = False  # holds midnights only


def whole(value: Any, _: random.Random) -> str:
    return str(int(value))


def decimal(value: Any, _: random.Random) -> str:
    return f"{int(value)}.0"


def padded(value: Any, rng: random.Random) -> str:
    return rng.choice(("{}", " {} ", "{}.0", "{}.00", "{}.")).format(int(value))


def in_quotes(value: Any, _: random.Random) -> str:
    return f'"{value}"'


def iso(value: datetime, _: random.Random) -> str:
    return value.isoformat(" ")


def zoned(value: datetime, _: random.Random) -> str:
    return f"{value.isoformat(' ')}+00:00"


def day(value: datetime, _: random.Random) -> str:
    return value.date().isoformat()


def any_time(value: datetime, rng: random.Random) -> str:
    """One of the spellings that are read on every engine."""
    hours = rng.choice((0, 1, -5))
    local, plain = value + timedelta(hours=hours), value.isoformat(rng.choice("T "))
    there = local.isoformat(rng.choice("T "))
    sign = f"{'-' if hours < 0 else '+'}{abs(hours):02}"
    spellings = [plain, f"{plain}Z", f"{plain}+0000", f"{plain} UTC", f"{plain}UTC", f"{plain}Z+0000"]
    spellings += [f"{there}{sign}", f"{there}{sign}00", f"{there}{sign}:00", f"{there} {sign}:00", f" {plain} "]
    if value.time() == datetime.min.time():
        spellings.append(day(value, rng))
    if not value.second and not value.microsecond:
        short = value.strftime("%Y-%m-%d %H:%M")
        spellings += [short, f"{short}Z", f"{short} UTC"]
    return rng.choice(spellings)


def a_time_in_quotes(value: datetime, rng: random.Random) -> str:
    return f'"{any_time(value, rng).strip()}"'


def word(value: Any, rng: random.Random) -> str:
    said = rng.choice([text for text in (YES if value else NO) if "'" not in text])
    return rng.choice((said, said.upper(), said.title(), f" {said}"))


def digit(value: Any, _: random.Random) -> str:
    return str(int(value))


def true_or_false(value: Any, _: random.Random) -> str:
    return str(bool(value)).lower()


def as_it_is(value: Any, _: random.Random) -> str:
    return str(value)


def any_list(value: list[int], rng: random.Random) -> str:
    numbers = [*map(str, value)]
    spellings = [f"[{','.join(numbers)}]", ",".join(numbers), ", ".join(numbers)]
    spellings += [",".join(f"{number}.0" for number in numbers)]
    return rng.choice([*spellings, json_list(value, rng)])


def json_list(value: list[int], rng: random.Random) -> str:
    item = rng.choice(("{}", '"{}"', '{{"value":{}}}', '{{"value": "{}"}}', "{}.0"))
    return f"[{rng.choice((',', ', ')).join(item.format(number) for number in value)}]"


def listed(item: str, around: str) -> Spell:
    """An array of the engine's own."""
    return lambda value, _: around.format(", ".join(item.format(number) for number in value))


def number(type_: str, spell: Spell = whole, sql: str = "{}") -> Form:
    return Form(type_, spell, sql, quoted=False)


def document(type_: str, spell: Spell) -> Form:
    """JSON, cast: PostgreSQL takes no expression of texts for it."""
    return Form(type_, spell, f"CAST({{}} AS {type_})")


FORMS: dict[str, dict[str, list[Form]]] = {
    "duckdb": {
        "integer": [
            *(number(name) for name in ("BIGINT", "INTEGER", "HUGEINT", "UBIGINT", "DECIMAL(38, 0)", "DECIMAL(18, 3)")),
            *(number(name) for name in ("DOUBLE", "FLOAT")),
            *(Form("VARCHAR", padded), Form("JSON", whole), Form("JSON", in_quotes), Form("BLOB", whole)),
        ],
        "time": [
            *(Form("TIMESTAMP", iso), Form("TIMESTAMPTZ", zoned), Form("TIMESTAMP_NS", iso), Form("TIMESTAMP_MS", iso)),
            *(Form("DATE", day, days=True), Form("VARCHAR", any_time), Form("JSON", a_time_in_quotes)),
            Form("BLOB", any_time),
        ],
        "flag": [
            *(Form("BOOLEAN", true_or_false), number("INTEGER"), number("DOUBLE"), number("DECIMAL(4, 2)")),
            *(Form("VARCHAR", word), Form("BIT", digit), Form("JSON", true_or_false), Form("BLOB", word)),
        ],
        "text": [Form("VARCHAR", as_it_is), Form("BLOB", as_it_is, "encode({})")],
        "list": [
            *(Form("VARCHAR", any_list), Form("JSON", json_list), Form("BLOB", any_list)),
            *(
                Form(name, listed(item, "[{}]"), quoted=False)
                for name, item in (
                    *(("BIGINT[]", "{}"), ("VARCHAR[]", "'{}'"), ("DOUBLE[]", "{}.0")),
                    *(
                        ('STRUCT("value" BIGINT)[]', "{{'value': {}}}"),
                        ('STRUCT("value" VARCHAR)[]', "{{'value': '{}'}}"),
                    ),
                )
            ),
        ],
    },
    "postgresql": {
        "integer": [
            *(number(name) for name in ("BIGINT", "INTEGER", "NUMERIC(38, 0)", "NUMERIC", "DOUBLE PRECISION", "REAL")),
            *(
                Form("TEXT", padded),
                Form("CHAR(30)", padded),
                document("JSONB", whole),
                document("JSON", in_quotes),
            ),
            Form("BYTEA", whole, "convert_to({}, 'UTF8')"),
        ],
        "time": [
            *(Form("TIMESTAMP", iso), Form("TIMESTAMPTZ", zoned), Form("TIMESTAMPTZ(3)", zoned)),
            *(Form("DATE", day, days=True), Form("TEXT", any_time), Form("VARCHAR(60)", any_time)),
            *(document("JSONB", a_time_in_quotes), Form("BYTEA", any_time, "convert_to({}, 'UTF8')")),
        ],
        "flag": [
            *(Form("BOOLEAN", true_or_false), number("SMALLINT"), number("DOUBLE PRECISION"), number("NUMERIC(4, 2)")),
            *(Form("TEXT", word), Form("BIT(1)", digit), document("JSONB", true_or_false)),
        ],
        "text": [
            *(Form("TEXT", as_it_is), Form("VARCHAR(300)", as_it_is)),
            Form("BYTEA", as_it_is, "convert_to({}, 'UTF8')"),
        ],
        "list": [
            *(
                Form("TEXT", any_list),
                document("JSON", json_list),
                document("JSONB", json_list),
            ),
            *(
                Form(name, listed(item, f"CAST(ARRAY[{{}}] AS {name})"), quoted=False)
                for name, item in (
                    *(("BIGINT[]", "{}"), ("TEXT[]", "'{}'"), ("NUMERIC[]", "{}.0")),
                    ("JSONB[]", """CAST('{{"value": {}}}' AS JSONB)"""),
                )
            ),
        ],
    },
    "mysql": {
        "integer": [
            *(number(name) for name in ("BIGINT", "INT UNSIGNED", "DECIMAL(38, 0)", "DECIMAL(20, 3)", "DOUBLE")),
            *(Form("VARCHAR(40)", padded), Form("TEXT", padded), Form("JSON", whole), Form("VARBINARY(40)", whole)),
        ],
        "time": [
            *(Form("DATETIME(6)", iso), Form("TIMESTAMP(6) NULL", iso), Form("DATE", day, days=True)),
            *(Form("VARCHAR(60)", any_time), Form("LONGTEXT", any_time), Form("VARBINARY(60)", any_time)),
        ],
        "flag": [
            *(number("BOOLEAN"), number("INT"), number("DOUBLE"), number("DECIMAL(4, 2)"), Form("VARCHAR(10)", word)),
            *(Form("BIT(1)", digit, "b{}"), Form("VARBINARY(10)", word)),
        ],
        "text": [Form("TEXT", as_it_is), Form("VARCHAR(300)", as_it_is), Form("BLOB", as_it_is)],
        "list": [Form("TEXT", any_list), Form("JSON", json_list), Form("VARBINARY(300)", any_list)],
    },
    "sqlite": {
        "integer": [
            *(number(name) for name in ("BIGINT", "INTEGER", "NUMERIC", "REAL", "DOUBLE", "DECIMAL(10, 2)", "")),
            *(Form("TEXT", padded), Form("VARCHAR(20)", padded), Form("", padded), Form("BLOB", padded)),
        ],
        "time": [
            *(
                Form(name, spell)
                for name in ("DATETIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ", "TEXT", "")
                for spell in (iso, any_time)
            ),
            Form("DATE", day, days=True),
        ],
        "flag": [
            *(number("BOOLEAN"), number("INTEGER"), number("REAL"), number("NUMERIC"), Form("TEXT", word)),
            *(Form("BOOLEAN", word), Form("", word)),
        ],
        "text": [Form("TEXT", as_it_is), Form("", as_it_is), Form("BLOB", as_it_is, "CAST({} AS BLOB)")],
        "list": [Form("TEXT", any_list), Form("", any_list), Form("JSON", json_list)],
    },
    "hive": {
        "integer": [
            *(number(name) for name in ("BIGINT", "INT", "DECIMAL(38, 0)", "DECIMAL(18, 3)", "DOUBLE")),
            *(Form("STRING", padded), Form("VARCHAR(30)", padded), Form("BINARY", whole, "CAST({} AS BINARY)")),
        ],
        "time": [
            *(Form("TIMESTAMP", zoned, "TIMESTAMP {}"), Form("TIMESTAMP_NTZ", iso, "to_timestamp_ntz({})")),
            *(Form("DATE", day, "DATE {}", days=True), Form("STRING", any_time)),
        ],
        "flag": [
            *(number("BOOLEAN", true_or_false), number("INT"), number("DOUBLE"), number("DECIMAL(4, 2)")),
            *(Form("STRING", word), Form("BINARY", word, "CAST({} AS BINARY)")),
        ],
        "text": [Form("STRING", as_it_is), Form("BINARY", as_it_is, "CAST({} AS BINARY)")],
        "list": [
            Form("STRING", any_list),
            *(
                Form(name, listed(item, "array({})"), quoted=False)
                for name, item in (
                    *(("ARRAY<BIGINT>", "{}L"), ("ARRAY<STRING>", "'{}'"), ("ARRAY<DOUBLE>", "{}.0D")),
                    *(
                        ("ARRAY<STRUCT<value: BIGINT>>", "named_struct('value', {}L)"),
                        ("ARRAY<STRUCT<value: STRING>>", "named_struct('value', '{}')"),
                    ),
                )
            ),
        ],
    },
}


@dataclass(frozen=True)
class Wrong:
    """A form of which no value can be read, and of which kind of column."""

    kind: str
    form: Form


def _seconds(value: Any, _: random.Random) -> str:
    return str(int((value - datetime(1970, 1, 1)).total_seconds()))  # noqa: DTZ001


def _half(value: Any, _: random.Random) -> str:
    return f"{value}.5"


_TEXT = {"duckdb": "VARCHAR", "postgresql": "TEXT", "mysql": "VARCHAR(60)", "sqlite": "TEXT", "hive": "STRING"}
_REAL = {"duckdb": "DOUBLE", "postgresql": "DOUBLE PRECISION", "mysql": "DOUBLE", "sqlite": "REAL", "hive": "DOUBLE"}


def wrong_forms(engine: str) -> list[Wrong]:
    """What is refused on every engine."""
    return [
        Wrong("time", number("BIGINT", _seconds)),
        Wrong("time", number(_REAL[engine], _seconds)),
        Wrong("time", Form(_TEXT[engine], lambda _, rng: rng.choice(("soon", "2024-02-30", "now", "31/12/2024")))),
        Wrong("integer", number(_REAL[engine], _half)),
        Wrong(
            "integer",
            Form(_TEXT[engine], lambda value, rng: rng.choice(("{}.5", "x{}", "{} {}", "1e3")).format(value, 1)),
        ),
    ]


def kind_of(column: str, kind: str) -> str:
    """The kind of a column of the tests' layouts, whatever type they give it themselves."""
    if column in FLAGS:
        return "flag"
    if column in LISTS:
        return "list"
    return "integer" if column in IDS else kind


def canonical(kind: str, value: Any) -> Any:
    """A value of the tests' tables as Python has it."""
    if value is None or (kind in ("list", "integer") and value == ""):
        return None
    if kind == "flag":
        return value if isinstance(value, bool) else value == "true"
    if kind == "list":
        return [int(part) for part in value.strip("[]").split(",")]
    return int(value) if kind == "integer" else value


def fits(form: Form, values: Iterable[Any]) -> bool:
    return not form.days or all(value.time() == datetime.min.time() for value in values if value is not None)


def write_typed(
    tables: Iterable[Table],
    uri: str,
    engine: str,
    rng: random.Random,
    wrong: tuple[str, str, Form] | None = None,
) -> dict[tuple[str, str], Form]:
    """Fill an empty database, every column in a form that is drawn; (table, column) of `wrong` in that one.

    Gives the form of each (table, column).
    """
    dialect = get_engine(engine).dialect()
    quote = dialect.identifier_preparer.quote

    def literal(text: str) -> str:
        return str(sa.literal(text).compile(dialect=dialect, compile_kwargs={"literal_binds": True}))

    def cell(form: Form, value: Any) -> str:
        if value is None:
            return "NULL"
        spelled = form.spell(value, rng)
        return form.sql.format(literal(spelled) if form.quoted else spelled)

    chosen: dict[tuple[str, str], Form] = {}
    pool = sa.create_engine(uri, poolclass=sa.pool.NullPool)
    with pool.begin() as connection:

        def run(sql: str) -> None:
            connection.execute(sa.text(sql.replace(":", r"\:")))

        if engine == "mysql":
            run("SET time_zone = '+00:00'")
        if engine == "hive":
            run("SET TIME ZONE 'UTC'")
        for table in tables:
            kinds = [kind_of(name, kind) for name, kind in table.columns.items()]
            rows = [[canonical(kind, value) for kind, value in zip(kinds, row, strict=True)] for row in table.rows]
            forms = []
            for place, (name, kind) in enumerate(zip(table.columns, kinds, strict=True)):
                possible = [form for form in FORMS[engine][kind] if fits(form, (row[place] for row in rows))]
                form = rng.choice(possible)
                if wrong is not None and wrong[:2] == (table.name, name):
                    form = wrong[2]
                forms.append(form)
                chosen[table.name, name] = form
            columns = ", ".join(f"{quote(name)} {form.type}" for name, form in zip(table.columns, forms, strict=True))
            run(f"CREATE TABLE {quote(table.name)} ({columns}){' USING parquet' if engine == 'hive' else ''}")
            if rows:
                values = ", ".join(
                    f"({', '.join(cell(form, value) for form, value in zip(forms, row, strict=True))})" for row in rows
                )
                run(f"INSERT INTO {quote(table.name)} VALUES {values}")
    pool.dispose()
    return chosen

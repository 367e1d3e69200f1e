"""The statements of a refresh on an engine of which no server is at hand.

An empty DuckDB stands in for the warehouse: what is to be looked up there is answered as a log with one new send would,
and nothing of the engine's SQL is run.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
import sqlglot
from sqlglot import exp

from superset_campaign_plugin.engines import Engine, get_engine
from superset_campaign_plugin.refresh.change_detection import Mark, log_tables
from superset_campaign_plugin.refresh.run import _Run
from superset_campaign_plugin.refresh.session import LOCK_WAIT, Session
from superset_campaign_plugin.refresh.state import describe, digest, state_rows
from superset_campaign_plugin.refresh.tables import DAYS, DEFAULT_SCHEMA, STATE
from superset_campaign_plugin.report.datasets import Options
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.sqltext import plain_sql
from superset_campaign_plugin.sources.instances import Instance

READ_UNTIL = datetime(2024, 3, 2)  # noqa: DTZ001
ANSWERS: dict[str, str] = {
    "newest": "TIMESTAMP '2024-03-02 06:00'",
    "activity_day": "TIMESTAMP '2024-03-02'",
    "log_table": "'sent'",
    "known": "0",
}
INSTANCE = Instance(None, "fivetran", "marketo")
_DATASET = re.compile(r"^(CREATE (?:OR REPLACE )?VIEW \S+ (?:COPY GRANTS )?AS) (?!SELECT \* FROM).*")
_MOMENT = re.compile(r"20(?!24)\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?")


def refresh_statements(engine: Engine, relations: Relations, *, begun: bool) -> list[str]:
    """The statements of a refresh of an engine, in order, without those that look into the catalog.

    `begun` says whether there are stored tables already. Moments of today are written as NOW, and the name of the run
    as RUN.
    """
    pool = sa.create_engine("duckdb:///:memory:", poolclass=sa.pool.StaticPool)
    with pool.connect() as connection:
        schema = DEFAULT_SCHEMA if engine.schemas else None
        run = _Run(
            Session(connection, engine, None, LOCK_WAIT), relations, Options(), schema, lambda _: None, _no_check
        )
        described = describe(INSTANCE, Rules())
        if begun:
            _begin(connection, run, described, relations)
        written: list[str] = []
        sa.event.listen(connection, "before_cursor_execute", _Recorder(engine, written), retval=True)
        run.go(described, full=False, verify=False, dry_run=False, sql=False)
    return [_without_moments(statement, run.fresh.run) for statement in written]


def _no_check(_: object) -> None:
    """The values of the log are not looked at."""


def _begin(connection: Any, run: _Run, described: dict[str, str], relations: Relations) -> None:
    """Let there be a state, as a refresh of before has left it."""
    queries = run._queries(run._nothing_read()).values()
    made_of = {**described, "loader's tables": digest(plain_sql(query, run.engine) for query in queries)}
    marks = dict.fromkeys(log_tables(relations), Mark(1_000_000, READ_UNTIL))
    rows = state_rows(made_of, marks, datetime(2024, 3, 2, tzinfo=timezone.utc), True, run.fresh.run and "before")
    place = f"{run.schema}." if run.schema else ""
    if run.schema:
        connection.exec_driver_sql(f"CREATE SCHEMA {run.schema}")
    connection.exec_driver_sql(f"CREATE TABLE {place}{STATE} AS {plain_sql(rows, get_engine('duckdb'))}")


class _Recorder:
    """Keeps each statement of the engine, and has DuckDB run a harmless one with the columns of its answer."""

    def __init__(self, engine: Engine, written: list[str]) -> None:
        self._engine = engine
        self._written = written

    def __call__(self, _: object, __: object, statement: str, parameters: Any, *___: object) -> tuple[str, Any]:
        if re.search(r"information_schema|duckdb_|pg_catalog|current_schema", statement):
            return statement, parameters
        statement = statement.replace("%%", "%")
        self._written.append(statement)
        if statement.startswith("SELECT") and re.search(rf"FROM (\w+\.)?{STATE}\b", statement):
            return statement, parameters
        return self._answer(statement), ()

    def _answer(self, statement: str) -> str:
        if not statement.startswith(("SELECT", "WITH")):
            return "SELECT 1"
        query = sqlglot.parse_one(statement, dialect=self._engine.sqlglot)
        names = [column.alias_or_name for column in query.selects]
        nothing = any(table.name == DAYS for table in query.find_all(exp.Table))
        answers = ", ".join(f"{ANSWERS.get(name, '1')}" for name in names)
        return f"SELECT {answers}{' WHERE false' if nothing else ''}"


def _without_moments(statement: str, run: str | None) -> str:
    statement = statement.replace(run, "RUN") if run else statement
    return _MOMENT.sub("NOW", statement)


def as_file(statements: list[str]) -> str:
    """The statements as a snapshot holds them: one a line, but for the queries of datasets, which have their own."""
    lines = (_DATASET.sub(r"\1 …", " ".join(statement.split())) for statement in statements)
    return "".join(f"{line};\n" for line in lines)

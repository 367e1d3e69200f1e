"""The demo's year of campaigns in PostgreSQL, as a loader would have left it there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import duckdb
from psycopg2 import sql

from demo.generate import generate
from stack.servers import connect, empty_database
from stack.settings import Settings, warehouse_uri
from superset_campaign_plugin.emails.contents import load_emails
from superset_campaign_plugin.refresh.run import refresh

SCHEMA = "marketo"
OWNER = "campaign"
# DuckDB's types that the demo has, as PostgreSQL names them.
TYPES = {"BIGINT": "bigint", "BOOLEAN": "boolean", "TIMESTAMP": "timestamp", "VARCHAR": "text"}
Report = Callable[[str, "float | None"], None]


def load_warehouse(state: Path, settings: Settings, sends: int, report: Report) -> None:
    """Make the data up, load them, and store what takes long to compute. After a stop it begins from the start."""
    folder = state / "made-up"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    file, emails = folder / "warehouse.duckdb", folder / "emails"
    generate(file, emails, end=datetime.now(timezone.utc).date(), sends=sends, progress=report)
    report("Loading PostgreSQL", None)
    empty_database(settings, "warehouse")
    _copy(file, folder, settings)
    load_emails(warehouse_uri(settings), emails, schema=SCHEMA)
    report("Storing records and rollups", None)
    refresh(warehouse_uri(settings), source="fivetran", schema=SCHEMA)
    shutil.rmtree(folder)


def _copy(file: Path, folder: Path, settings: Settings) -> None:
    """Copy every table by way of a CSV file, the quickest that both sides know."""
    with duckdb.connect(str(file), read_only=True) as source, connect(settings, "warehouse") as target:
        columns = source.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = ? "
            "ORDER BY table_name, column_index",
            [SCHEMA],
        ).fetchall()
        tables: dict[str, list[tuple[str, str]]] = {}
        for table, column, kind in columns:
            tables.setdefault(table, []).append((column, TYPES[kind]))
        with target.cursor() as cursor:
            cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(OWNER)))
            cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(SCHEMA)))
            for table, described in tables.items():
                name = sql.Identifier(SCHEMA, table)
                cells = [sql.SQL("{} " + kind).format(sql.Identifier(column)) for column, kind in described]
                cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(name, sql.SQL(", ").join(cells)))
                rows = folder / "rows.csv"
                quoted = str(rows).replace("'", "''")
                source.execute(f"COPY {SCHEMA}.{table} TO '{quoted}' (HEADER false, NULLSTR '\\N')")
                with rows.open() as handle:
                    cursor.copy_expert(sql.SQL("COPY {} FROM STDIN (FORMAT csv, NULL '\\N')").format(name), handle)
                rows.unlink()
            cursor.execute("ANALYZE")
    target.close()

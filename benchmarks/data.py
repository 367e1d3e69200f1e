"""A warehouse of any size in Fivetran's layout, made by DuckDB itself: the same rows for the same size.

Of 100 activities 45 are sends, 41 deliveries, 10 opens, 3 clicks and 1 a bounce or an unsubscribe, over 400 campaigns
with two emails each, one after the other through 2025. Campaigns, emails and days are as many at every size; what is
added comes from the campaigns after them.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import sqlalchemy as sa

CAMPAIGNS = 400
START = "TIMESTAMP '2025-01-01'"
# Each campaign sends on one day, within eight hours.
_SENDS = f"""
    SELECT i AS id,
        (i // {{each}} + 1)::BIGINT AS campaign_id,
        (i // {{each}} * 2 + hash(i + 7) % 2 + 1000)::BIGINT AS primary_attribute_value_id,
        (hash(i + 13) % {{people}})::BIGINT AS lead_id,
        {START} + INTERVAL 1 DAY * (i // {{each}} * 361 // {CAMPAIGNS})::INT
            + INTERVAL 1 SECOND * (hash(i + 3) % 28800)::INT AS activity_date,
        {{synced}} AS _fivetran_synced
    FROM range({{first}}, {{last}}) AS numbers(i)
"""
# (table, condition on the send, seconds after it, more columns)
EVENTS = (
    ("activity_email_delivered", "hash(id + 1) % 100 < 91", "hash(id + 2) % 60", ""),
    ("activity_open_email", "hash(id + 1) % 100 < 22", "hash(id + 4) % 200000", ", 'Mozilla/5.0 (X11)' AS user_agent"),
    (
        "activity_click_email",
        "hash(id + 1) % 100 < 7",
        "hash(id + 5) % 250000",
        ", 'https://example.com/page/' || hash(id + 6) % 50 AS link",
    ),
    ("activity_email_bounced", "hash(id + 1) % 100 = 97", "hash(id + 2) % 60", ""),
    ("activity_email_bounced_soft", "hash(id + 1) % 100 = 98", "hash(id + 2) % 60", ""),
    ("activity_unsubscribe_email", "hash(id + 1) % 400 = 3", "hash(id + 5) % 250000", ""),
)
_SENDS_OF_ALL = 0.45


def make(file: Path, activities: int) -> int:
    """Make the database with about so many activities; gives their number."""
    file.unlink(missing_ok=True)
    sends = int(activities * _SENDS_OF_ALL)
    with duckdb.connect(str(file)) as connection:
        _fill(connection, 0, sends, sends, "activity_date + INTERVAL 1 HOUR", "CREATE TABLE {} AS")
        connection.execute(
            f"CREATE TABLE campaign AS SELECT i + 1 AS id, 'Campaign ' || i AS name, i % 20 AS program_id, "
            f"CASE i % 3 WHEN 0 THEN 'EMEA' WHEN 1 THEN 'Americas' ELSE 'Asia' END AS workspace_name, "
            f"true AS active, {START} AS updated_at FROM range({CAMPAIGNS}) AS numbers(i)"
        )
        connection.execute(
            f"CREATE TABLE program AS SELECT i AS id, 'Program ' || i AS name, {START} AS updated_at "
            "FROM range(20) AS numbers(i)"
        )
        connection.execute(
            f"CREATE TABLE email_template_history AS SELECT i + 1000 AS id, 'Email ' || i AS name, "
            f"'Subject' AS subject, false AS operational, {START} AS updated_at, 1 AS version "
            f"FROM range({2 * CAMPAIGNS}) AS numbers(i)"
        )
        return count(connection)


def add(file: Path, share: float, run: int) -> int:
    """What the loader adds in one more run: that share of the activities, synced later; gives their number."""
    with duckdb.connect(str(file)) as connection:
        [first, planned] = connection.execute(
            f"SELECT max(id) + 1, count(*) FILTER (campaign_id <= {CAMPAIGNS}) FROM activity_send_email"
        ).fetchone() or (0, 0)
        before = count(connection)
        synced = f"TIMESTAMP '2026-02-01' + INTERVAL {run} DAY"
        _fill(connection, first, first + int(planned * share), planned, synced, "INSERT INTO {}")
        return count(connection) - before


def count(connection: duckdb.DuckDBPyConnection) -> int:
    """The activities of all tables."""
    tables = ("activity_send_email", *(table for table, *_ in EVENTS))
    total = "+".join(f"(SELECT count(*) FROM {table})" for table in tables)
    [number] = connection.execute(f"SELECT {total}").fetchone() or (0,)
    return int(number)


def _fill(connection: duckdb.DuckDBPyConnection, first: int, last: int, planned: int, synced: str, into: str) -> None:
    people, each = max(planned // 20, 1), max(planned // CAMPAIGNS, 1)
    drawn = _SENDS.format(first=first, last=last, people=people, each=each, synced="NULL")
    sends = f"SELECT * FROM ({drawn}) AS drawn"
    stamped = sends.replace("SELECT *", f"SELECT * EXCLUDE (_fivetran_synced), {synced} AS _fivetran_synced")
    connection.execute(f"{into.format('activity_send_email')} {stamped} ORDER BY activity_date")
    for table, condition, seconds, more in EVENTS:
        moved = (
            f"SELECT id, campaign_id, primary_attribute_value_id, lead_id, "
            f"activity_date + INTERVAL 1 SECOND * ({seconds})::INT AS activity_date, _fivetran_synced{more} "
            f"FROM ({stamped}) AS sent WHERE {condition} ORDER BY activity_date"
        )
        connection.execute(f"{into.format(table)} {moved}")


def copy_to_postgresql(file: Path, uri: str) -> None:
    """The same tables in a PostgreSQL database, through CSV and its COPY."""
    types = {"VARCHAR": "text", "BOOLEAN": "boolean", "TIMESTAMP": "timestamp"}
    engine = sa.create_engine(uri, poolclass=sa.pool.NullPool)
    with duckdb.connect(str(file), read_only=True) as source, engine.begin() as target:
        for [table] in source.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            columns = source.execute(
                f"SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '{table}'"
            )
            described = ", ".join(f"{name} {types.get(kind, 'bigint')}" for name, kind in columns.fetchall())
            target.execute(sa.text(f"CREATE TABLE {table} ({described})"))
            rows = file.with_name(f"{table}.csv")
            source.execute(f"COPY {table} TO '{rows}' (HEADER false)")
            with rows.open() as lines, target.connection.driver_connection.cursor() as cursor:
                cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT csv)", lines)
            rows.unlink()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as target:
        target.execute(sa.text("ANALYZE"))

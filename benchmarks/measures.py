"""What the benchmarks measure with: a plain query, a refresh in a process of its own, one more run of the loader."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import data
from benchmarks.processes import highest_memory

_UNION = " UNION ALL ".join(
    f"SELECT campaign_id, primary_attribute_value_id AS email_id, lead_id, activity_date FROM {table}"
    for table in ("activity_send_email", *(table for table, *_ in data.EVENTS))
)
_PLAIN = (
    "CREATE TABLE plain AS SELECT campaign_id, email_id, lead_id, min(activity_date) AS first_at, "
    f"max(activity_date) AS last_at, count(*) AS activities FROM ({_UNION}) AS log GROUP BY 1, 2, 3"
)
# SQLite has no INTERVAL.
_LATER = {"sqlite": ("datetime(activity_date, '+1 year')", "datetime('2026-02-01', '+{} days')")}


def plain(uri: str) -> None:
    """The plainest query that could stand in for the refresh."""
    execute(uri, "DROP TABLE IF EXISTS plain", _PLAIN)


def execute(uri: str, *statements: str) -> int:
    """Run statements in one transaction; a database that nobody has open. Gives the rows that they changed."""
    engine = sa.create_engine(uri, poolclass=sa.pool.NullPool)
    changed = 0
    with engine.begin() as connection:
        for statement in statements:
            changed += max(0, connection.execute(sa.text(statement)).rowcount)
    engine.dispose()
    return changed


def refresh(uri: str, *options: str) -> tuple[float, float, dict[str, Any]]:
    """Seconds, the highest memory in GB, and the summary of a refresh in a process of its own."""
    execute(uri, "DROP TABLE IF EXISTS plain")
    script = Path(sys.executable).parent / "superset-campaign"
    command = [str(script), "refresh", "--uri", uri, "--json", *options]
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    highest = highest_memory(process)
    seconds = time.monotonic() - begun
    output = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"the refresh failed: {output}")
    return seconds, highest, json.loads(output)


def add_rows(uri: str, run: int, rows: int) -> int:
    """One more run of the loader with about so many rows: what the first campaigns did, done again by new ones."""
    engine = sa.engine.make_url(uri).get_backend_name()
    at, synced = _LATER.get(
        engine, ("activity_date + INTERVAL '1 year'", "TIMESTAMP '2026-02-01' + INTERVAL '{} days'")
    )
    tables = ("activity_send_email", *(table for table, *_ in data.EVENTS))
    sends = int(rows * 0.45)
    more = {table: ", link" if "click" in table else ", user_agent" if "open" in table else "" for table in tables}
    newest = f"(SELECT max(id) FROM (SELECT id FROM activity_send_email WHERE campaign_id <= {data.CAMPAIGNS} "
    statements = [
        f"INSERT INTO {table} SELECT id + {run * 1_000_000_000}, campaign_id + {run * data.CAMPAIGNS}, "
        f"primary_attribute_value_id + {run * 10_000}, lead_id, {at}, {synced.format(run)}{more[table]} "
        f"FROM {table} WHERE campaign_id <= {data.CAMPAIGNS} AND id <= "
        f"{newest} ORDER BY id LIMIT {sends}) AS first_sends)"
        for table in tables
    ]
    return execute(uri, *statements)


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)

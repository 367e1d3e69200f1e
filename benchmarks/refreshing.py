"""Measures what a refresh costs beside a plain query, by size of the log and by how much came in.

python -m benchmarks.refreshing                                # a part of `make bench`; writes refreshing.json
python -m benchmarks.refreshing --duckdb 1000000 --postgresql 0 --sqlite 0 --repeat 3 --output /tmp/bench
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from benchmarks import data
from benchmarks.measures import add_rows, execute, plain, refresh, say, timed

SAME_ROWS = 50_000
LOG_TABLES = ("activity_send_email", *(table for table, *_ in data.EVENTS))


def main() -> None:
    """Measure every engine and size that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--duckdb", type=int, nargs="*", default=[5_000_000, 50_000_000])
    parser.add_argument("--postgresql", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--sqlite", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    wanted = parser.parse_args()
    results = measure(
        {"duckdb": wanted.duckdb, "postgresql": wanted.postgresql, "sqlite": wanted.sqlite}, wanted.repeat
    )
    wanted.output.mkdir(parents=True, exist_ok=True)
    (wanted.output / "refreshing.json").write_text(json.dumps(results, indent=2) + "\n")


def measure(sizes: dict[str, list[int]], repeat: int) -> dict[str, Any]:
    """The figures of each engine and size: median, least and most of `repeat` runs, in seconds."""
    results: dict[str, Any] = {"repeat": repeat, "cores": os.cpu_count(), "logs": []}
    for engine, numbers in sizes.items():
        for size in filter(None, numbers):
            with ExitStack() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="campaign-bench-")))
                made, uri, add = _MAKE[engine](stack, folder, size)
                say(f"{engine}, {made:,} activities")
                results["logs"].append(
                    {"engine": engine, "activities": made, **_measure(uri, engine, repeat, add, made)}
                )
    return results


def _measure(uri: str, engine: str, repeat: int, add: Callable[[int, int], int], activities: int) -> dict[str, Any]:
    loads = [os.getloadavg()[0]]
    runs: dict[str, list[float]] = {"plain": [timed(lambda: plain(uri)) for _ in range(repeat)]}
    blocks: dict[str, list[int]] = {}

    def run(name: str, *options: str) -> dict[str, Any]:
        before = _blocks(uri) if engine == "postgresql" else 0
        *_, summary = refresh(uri, *options)
        if engine == "postgresql":
            blocks.setdefault(name, []).append(_blocks(uri) - before)
        runs.setdefault(name, []).append(summary["seconds"])
        loads.append(os.getloadavg()[0])
        say(f"  {name}: {summary['mode']}, {summary['reason']}, {summary['seconds']:.2f} s")
        return summary

    number = 0
    for _ in range(repeat):
        run("full", "--full")
    for name, rows in (("nothing new", 0), ("a further 1 %", activities // 100), ("50,000 rows", SAME_ROWS)):
        for _ in range(repeat):
            number += 1
            if rows:
                add(number, rows)
            run(name)
    found: dict[str, Any] = {name: _spread(seconds) for name, seconds in runs.items()}
    if blocks:
        found["blocks"] = {name: int(statistics.median(each)) for name, each in blocks.items()}
    found["load"] = {"least": round(min(loads), 1), "most": round(max(loads), 1)}
    return found


def _spread(seconds: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(seconds), 3),
        "least": round(min(seconds), 3),
        "most": round(max(seconds), 3),
    }


def _blocks(uri: str) -> int:
    """The blocks of the log's tables that PostgreSQL has read so far, from the disk or from its memory."""
    engine = sa.create_engine(uri, poolclass=sa.pool.NullPool)
    query = sa.text(
        "SELECT sum(heap_blks_read + heap_blks_hit) FROM pg_statio_user_tables WHERE schemaname = 'public' "
        "AND relname IN :tables"
    ).bindparams(sa.bindparam("tables", value=list(LOG_TABLES), expanding=True))
    with engine.connect() as connection:
        return int(connection.execute(query).scalar() or 0)


# ---------------------------------------------------------------------------------------------------------------
# Logs

Made = tuple[int, str, Callable[[int, int], int]]


def _duckdb(_: ExitStack, folder: Path, size: int) -> Made:
    file = folder / "warehouse.duckdb"
    uri = f"duckdb:///{file}"
    return data.make(file, size), uri, partial(add_rows, uri)


def _postgresql(stack: ExitStack, folder: Path, size: int) -> Made:
    from servers.postgresql import postgresql

    file = folder / "warehouse.duckdb"
    uri = f"{stack.enter_context(postgresql())}/postgres"
    made = data.make(file, size)
    data.copy_to_postgresql(file, uri)
    execute(uri, *(f"CREATE INDEX {table}_synced ON {table} (_fivetran_synced)" for table in LOG_TABLES), "ANALYZE")
    return made, uri, partial(add_rows, uri)


def _sqlite(_: ExitStack, folder: Path, size: int) -> Made:
    file, target = folder / "warehouse.duckdb", folder / "warehouse.sqlite"
    made = data.make(file, size)
    with duckdb.connect(str(file), read_only=True) as source, sqlite3.connect(target) as connection:
        for [table] in source.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            rows = source.execute(f"SELECT * FROM {table}")
            kinds = {"VARCHAR": "TEXT", "BOOLEAN": "BOOLEAN", "TIMESTAMP": "TIMESTAMP"}
            described = ", ".join(f"{name} {kinds.get(str(kind), 'BIGINT')}" for name, kind, *_ in rows.description)
            connection.execute(f"CREATE TABLE {table} ({described})")
            marks = ", ".join("?" * len(rows.description))
            while batch := rows.fetchmany(50_000):
                spelled = [[str(value) if hasattr(value, "isoformat") else value for value in row] for row in batch]
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", spelled)
    uri = f"sqlite:///{target}"
    return made, uri, partial(add_rows, uri)


_MAKE: dict[str, Callable[[ExitStack, Path, int], Made]] = {
    "duckdb": _duckdb,
    "postgresql": _postgresql,
    "sqlite": _sqlite,
}

if __name__ == "__main__":
    main()

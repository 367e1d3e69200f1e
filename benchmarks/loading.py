"""Measures `load` against DuckDB's own reader of CSV, and writes loading.json and README.md.

PYTHONPATH=.:tests python -m benchmarks.loading --rows 1000000 5000000 --repeat 5
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from benchmarks import page
from benchmarks.processes import highest_memory
from superset_campaign_plugin.load.extract import COLUMNS

# Of 100 activities 45 are sends, 41 deliveries, 9 opens, 3 clicks, a bounce, and a visit, which is not stored.
_ROWS = """
    SELECT 783957693 + i AS "marketoGUID",
        hash(i + 1) % 200000 AS "leadId",
        strftime(TIMESTAMP '2026-01-01' + INTERVAL 1 SECOND * (hash(i + 2) % 31000000)::INT, '%Y-%m-%dT%H:%M:%SZ')
            AS "activityDate",
        CASE WHEN kind < 45 THEN 6 WHEN kind < 86 THEN 7 WHEN kind < 95 THEN 10 WHEN kind < 98 THEN 11
            WHEN kind < 99 THEN 8 ELSE 1 END AS "activityTypeId",
        hash(i + 3) % 400 AS "campaignId",
        email AS "primaryAttributeValueId",
        'Program ' || email % 20 || '.Email ' || email AS "primaryAttributeValue",
        CASE WHEN kind < 86 THEN '{"Campaign Run ID":' || hash(i + 5) % 100000 || ',"Choice Number":0,"Step ID":7}'
            WHEN kind < 95 THEN '{"Campaign Run ID":' || hash(i + 5) % 100000 || ',"Device":"unknown",'
                || '"Is Bot Activity":"false","Is Mobile Device":false,"Platform":"Windows",'
                || '"User Agent":"Mozilla/5.0 (Windows NT 10.0)"}'
            WHEN kind < 98 THEN '{"Is Bot Activity":"false","Link":"https://example.com/page/' || hash(i + 5) % 50
                || '","User Agent":"Mozilla/5.0 (X11)"}'
            ELSE '{}' END AS attributes
    FROM (SELECT i, hash(i + 4) % 100 AS kind, 1000 + hash(i + 6) % 800 AS email FROM range(?) AS numbers(i))
"""
_TYPES = {
    "leadId": "BIGINT",
    "activityDate": "TIMESTAMP",
    "activityTypeId": "INTEGER",
    "campaignId": "BIGINT",
    "primaryAttributeValueId": "BIGINT",
}


def main() -> None:
    """Measure the sizes that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    wanted = parser.parse_args()
    results = measure(wanted.rows, wanted.repeat)
    wanted.output.mkdir(parents=True, exist_ok=True)
    (wanted.output / "loading.json").write_text(json.dumps(results, indent=2) + "\n")
    page.write(wanted.output)


def measure(sizes: list[int], repeat: int) -> dict[str, Any]:
    """All figures: seconds, of the clock and of the processors, medians of `repeat`; memory in GB, the highest."""
    results: dict[str, Any] = {"cores": os.cpu_count(), "files": []}
    with tempfile.TemporaryDirectory(prefix="campaign-bench-") as folder:
        for rows in sizes:
            results["files"].append(_measure(Path(folder), rows, repeat))
    return results


def _measure(folder: Path, rows: int, repeat: int) -> dict[str, Any]:
    extract, database = folder / "extract.csv", folder / "warehouse.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({_ROWS.replace('?', str(rows))}) TO '{extract}' (HEADER)")
    runs: list[dict[str, float]] = []
    # In turn, so that both meet the same hours of the machine.
    for _ in range(repeat):
        runs.append(_read_csv(extract, database) | _load(extract, database))
        print(f"{rows:,} rows: {runs[-1]}", file=sys.stderr, flush=True)
    megabytes = extract.stat().st_size // 1_000_000
    extract.unlink()
    return summary(rows, megabytes, runs)


def summary(rows: int, megabytes: int, runs: list[dict[str, float]]) -> dict[str, Any]:
    """The medians of the runs, and the highest memory."""
    medians = {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0] if name != "load_gb"}
    highest = round(max(run["load_gb"] for run in runs), 2)
    return {"rows": rows, "megabytes": megabytes, "runs": len(runs), **medians, "load_gb": highest}


def _read_csv(extract: Path, database: Path) -> dict[str, float]:
    """DuckDB's own reader, which is told the columns, into a table of them without a key."""
    _remove(database)
    columns = ", ".join(f"'{name}': '{_TYPES.get(name, 'VARCHAR')}'" for name in COLUMNS)
    begun, used = time.monotonic(), time.process_time()
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            f"CREATE TABLE plain AS SELECT * FROM read_csv('{extract}', header = true, columns = {{{columns}}})"
        )
    return {"read_csv": time.monotonic() - begun, "read_csv_cpu": time.process_time() - used}


def _load(extract: Path, database: Path) -> dict[str, float]:
    """The command, with its start."""
    _remove(database)
    code = "from superset_campaign_plugin.cli import main; main()"
    command = [sys.executable, "-c", code, "load", str(extract), "--uri", f"duckdb:///{database}"]
    begun, used = time.monotonic(), _used_by_children()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    highest = highest_memory(process)
    if process.returncode:
        raise SystemExit("the load failed")
    return {"load": time.monotonic() - begun, "load_cpu": _used_by_children() - used, "load_gb": highest}


def _used_by_children() -> float:
    """Seconds of the processors that processes which have ended used."""
    times = os.times()
    return times.children_user + times.children_system


def _remove(database: Path) -> None:
    for file in (database, database.with_name(f"{database.name}.wal")):
        file.unlink(missing_ok=True)


if __name__ == "__main__":
    main()

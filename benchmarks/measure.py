"""Measures the refresh, the dashboard's queries and the loading, and writes README.md, its figures and its plot.

make bench                                  # as the README shows it
make bench ARGS="--activities 2000000 --postgresql 500000 --repeat 1 --output /tmp/bench"
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import data, loading, page, refreshing
from benchmarks.measures import plain, refresh, say, timed
from servers.postgresql import postgresql
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.refresh.tables import DEFAULT_SCHEMA
from superset_campaign_plugin.report.datasets import Options
from superset_campaign_plugin.reporting.dataset_sql import FactsSource, dataset_sql
from superset_campaign_plugin.reporting.query import ReportRequest, dataset_rows, fetch
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect

PERFORMANCE, COLUMNS = "campaign_email_performance", "campaign_email_columns"
# What the dashboard's charts ask, by the chart's name.
QUERIES: dict[str, tuple[str, ...]] = {
    "Key figures": (),
    "Sends and engagement over time": ("day",),
    "Campaigns": ("program", "campaign"),
    "Emails": ("campaign", "email"),
    "Workspace filter": ("workspace",),
}
BY_COLUMN = "Report with the columns you pick"
STORED = StoredSource(DEFAULT_SCHEMA)


def main() -> None:
    """Run everything; bounded by the sizes and repetitions that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--activities", type=int, default=50_000_000)
    parser.add_argument("--postgresql", type=int, default=10_000_000)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000], help="of extracts to load")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    wanted = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="campaign-bench-")))
        results: dict[str, Any] = {"repeat": wanted.repeat, "cores": os.cpu_count(), "duckdb": [], "postgresql": []}
        for size in (wanted.activities // 100, wanted.activities // 10, wanted.activities):
            file = folder / "warehouse.duckdb"
            made = data.make(file, size)
            uri = f"duckdb:///{file}"
            say(f"DuckDB, {made:,} activities")
            results["duckdb"].append(measure(uri, made, wanted.repeat, partial(data.add, file, 0.01)))
        if wanted.postgresql:
            server = stack.enter_context(postgresql())
            made = data.make(file, wanted.postgresql)
            uri = f"{server}/postgres"
            data.copy_to_postgresql(file, uri)
            say(f"PostgreSQL, {made:,} activities")
            results["postgresql"].append(measure(uri, made, wanted.repeat, partial(add_to_postgresql, uri, made)))
    wanted.output.mkdir(parents=True, exist_ok=True)
    (wanted.output / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    (wanted.output / "loading.json").write_text(
        json.dumps(loading.measure(wanted.rows, wanted.repeat), indent=2) + "\n"
    )
    sizes = {
        "duckdb": [wanted.activities // 10, wanted.activities],
        "postgresql": [wanted.postgresql // 10, wanted.postgresql],
        "sqlite": [wanted.activities // 500, wanted.activities // 50],
    }
    (wanted.output / "refreshing.json").write_text(
        json.dumps(refreshing.measure(sizes, wanted.repeat), indent=2) + "\n"
    )
    (wanted.output / "compared.svg").write_text(page.plot(results["duckdb"]))
    page.write(wanted.output)


def measure(uri: str, activities: int, repeat: int, add: Callable[[int], int]) -> dict[str, Any]:
    """All figures of one warehouse: seconds, medians of `repeat`; memory in GB, the highest."""
    found: dict[str, Any] = {"activities": activities}
    found["plain_group_by"] = median([timed(lambda: plain(uri)) for _ in range(repeat)])
    runs = [refresh(uri, "--full") for _ in range(repeat)]
    found["full_refresh"] = median([summary["seconds"] for *_, summary in runs])
    found["full_refresh_gb"] = max(memory for _, memory, _ in runs)
    found["start"] = median([seconds - summary["seconds"] for seconds, _, summary in runs])
    found["stored"] = queries(uri, repeat, STORED)
    found["direct"] = queries(uri, 1 if activities > 20_000_000 else repeat, None)
    more = []
    for run in range(1, repeat + 1):
        added = add(run)
        *_, summary = refresh(uri)
        more.append(summary["seconds"])
        say(f"  {added:,} more: {summary['mode']}, {summary['pairs']:,} pairs, {summary['seconds']:.2f} s")
    found["more_refresh"] = median(more)
    found["records"], found["daily_rows"] = summary["records"], summary["daily_rows"]
    say("  " + json.dumps({name: value for name, value in found.items() if not isinstance(value, dict)}))
    return found


def queries(uri: str, repeat: int, facts: FactsSource | None) -> dict[str, float]:
    """Seconds of each query of the dashboard."""
    with connect(uri) as (connection, engine):
        sql = dataset_sql(connection, engine, resolve("fivetran", None), Options(), [PERFORMANCE, COLUMNS], facts)
        dataset = load_semantics().datasets[PERFORMANCE]

        def ask(by: tuple[str, ...]) -> float:
            return timed(lambda: fetch(connection, engine, dataset, sql[PERFORMANCE], ReportRequest(by=by)))

        def by_column() -> None:
            rows = dataset_rows(sql[COLUMNS], COLUMNS)
            title, top = sa.column("column_title"), sa.func.sum(sa.column("numerator"))
            connection.execute(sa.select(title, top).select_from(rows).group_by(title)).fetchall()

        taken = {name: median([ask(by) for _ in range(repeat)]) for name, by in QUERIES.items()}
        return {**taken, BY_COLUMN: median([timed(by_column) for _ in range(repeat)])}


def add_to_postgresql(uri: str, activities: int, run: int) -> int:
    """One more run of the loader: what the first hundredth of the campaigns did, done again by new ones."""
    number = 0
    first = int(data.CAMPAIGNS * 0.01)
    engine = sa.create_engine(uri, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        for table in ("activity_send_email", *(table for table, *_ in data.EVENTS)):
            more = ", link" if "click" in table else ", user_agent" if "open" in table else ""
            done = connection.execute(
                sa.text(
                    f"INSERT INTO {table} SELECT id + {run * activities}, campaign_id + {run * data.CAMPAIGNS}, "
                    f"primary_attribute_value_id + {run * 10_000}, lead_id, activity_date + INTERVAL '1 year', "
                    f"TIMESTAMP '2026-02-01' + INTERVAL '{run} days'{more} FROM {table} WHERE campaign_id <= {first}"
                )
            )
            number += done.rowcount
    engine.dispose()
    return number


def median(seconds: list[float]) -> float:
    """The median, in milliseconds' grain."""
    return round(statistics.median(seconds), 3)


if __name__ == "__main__":
    main()

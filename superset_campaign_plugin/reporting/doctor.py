"""The findings about a warehouse's log, from its URI to a table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from itertools import groupby

from sqlalchemy import column, select

from superset_campaign_plugin.report.checks import SEVERITIES
from superset_campaign_plugin.report.datasets import QUALITY_DATASET, Options
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.reporting.dataset_sql import dataset_sql
from superset_campaign_plugin.reporting.output import plain_text, shown_text, shown_time
from superset_campaign_plugin.reporting.query import dataset_rows, read_time
from superset_campaign_plugin.reporting.run_report import to_utc
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect


@dataclass(frozen=True, order=True)
class Finding:
    """What was looked for, where, and how many there are; `quality.py` gives the fields. Times are UTC."""

    place: int
    about: str
    severity: str
    finding: str
    found: int
    first_at: datetime | None
    last_at: datetime | None
    advice: str


_FIELDS = tuple(field.name for field in fields(Finding))


def run_doctor(
    uri: str,
    *,
    source: str = "fivetran",
    schema: str | None = None,
    as_of: datetime | None = None,
    rules: Rules | None = None,
) -> list[Finding]:
    """What the log lacks, the most urgent checks first. Arguments and errors are those of `run_report`."""
    options = Options(as_of=None if as_of is None else to_utc(as_of), rules=rules or Rules())
    resolved = resolve(source, schema)
    with connect(uri) as (connection, engine):
        found = dataset_sql(connection, engine, resolved, options, [QUALITY_DATASET], check_values=True)
        sql = found[QUALITY_DATASET]
        query = select(*map(column, _FIELDS)).select_from(dataset_rows(sql, QUALITY_DATASET))
        rows = [row._asdict() for row in connection.execute(query)]
    times = [{name: read_time(row[name]) for name in ("first_at", "last_at")} for row in rows]
    return sorted(
        Finding(**{**row, **read, "found": int(row["found"] or 0)}) for row, read in zip(rows, times, strict=True)
    )


def as_table(findings: Sequence[Finding]) -> str:
    """What needs attention first, each with its advice; then the rest as a plain list."""
    lines: list[str] = []
    for severity in SEVERITIES[:-1]:
        for title, group in _groups(findings, severity):
            lines.append(f"{severity.upper()}: {title}")
            for advice, part in groupby(group, key=lambda finding: finding.advice):
                lines += [f"    {advice}", *(f"    - {_with_times(each)}" for each in part)]
    lines.append("Fine:" if lines else "No problems found. Checks run:")
    for title, group in _groups(findings, SEVERITIES[-1]):
        found = ", ".join(f"{shown_text(each.about)} {each.found:,}" for each in group if each.found)
        lines.append(f"    {title}: {found or 'none'}")
    return "\n".join(lines) + "\n"


def _groups(findings: Sequence[Finding], severity: str) -> Iterator[tuple[str, Iterator[Finding]]]:
    """The findings of one severity by what was looked for."""
    chosen = [finding for finding in findings if finding.severity == severity]
    return groupby(chosen, key=lambda finding: finding.finding)


def _with_times(finding: Finding) -> str:
    times = [shown_time(moment) for moment in (finding.first_at, finding.last_at) if moment is not None]
    when = f" ({' to '.join(dict.fromkeys(times))})" if times else ""
    return f"{shown_text(finding.about)}: {finding.found:,}{when}"


def as_csv(findings: Sequence[Finding]) -> str:
    """Field names, then the findings; times in UTC, empty for null."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_FIELDS)
    writer.writerows([plain_text(value) for value in asdict(finding).values()] for finding in findings)
    return buffer.getvalue()


def as_json(findings: Sequence[Finding]) -> str:
    """A list of objects by field name; times in UTC as text."""
    records = [
        {name: plain_text(value) if isinstance(value, datetime) else value for name, value in asdict(finding).items()}
        for finding in findings
    ]
    return json.dumps(records, indent=2, ensure_ascii=False) + "\n"


FORMS: dict[str, Callable[[Sequence[Finding]], str]] = {"table": as_table, "csv": as_csv, "json": as_json}

"""Whether answers are right: the figures of the person's own rows, computed apart from the dashboard, and no others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import Any

import sqlalchemy as sa

from benchmarks.people import Answer, Choice, decoded
from superset_campaign_plugin.report.datasets import REPORT_DATASET, Options
from superset_campaign_plugin.reporting.dataset_sql import dataset_sql
from superset_campaign_plugin.reporting.query import dataset_rows
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect

NAMES = ("workspace", "program_name", "campaign_name", "email_name")
KEYS = ("campaign_id", "email_id")
# Pending and aborted are left out: they change with the clock.
SUMS = ("sent", "delivered", "opened", "clicked_link", "unsubscribed")
_COLUMNS = (*NAMES, "operational", *KEYS, "sent_date")
Figures = dict[tuple[str, ...], tuple[int, ...]]


@dataclass
class Truth:
    """The report by email and day, computed from the loader's tables: no stored table, no Superset."""

    rows: list[dict[str, Any]]
    _known: dict[Any, Figures] = field(default_factory=dict)
    _foreign: dict[str | None, list[str]] = field(default_factory=dict)

    def offered(self, workspace: str | None) -> dict[str, list[str]]:
        """The values in the rows of a workspace, by column; None stands for all rows."""
        rows = [row for row in self.rows if workspace in (None, row["workspace"])]
        columns = (*NAMES, "operational")
        return {name: sorted({row[name] for row in rows if row[name] is not None}) for name in columns}

    def workspaces(self) -> list[str]:
        """All of them."""
        return self.offered(None)["workspace"]

    def figures(self, workspace: str | None, choice: Choice, begin: date, end: date, keys: tuple[str, ...]) -> Figures:
        """The sums that a person of that workspace must see, by the keys; `end` is the first day after."""
        known = (workspace, choice.values, begin, end, keys)
        if known not in self._known:
            sums: dict[tuple[str, ...], Counter[str]] = {}
            for row in self.rows:
                if (
                    workspace in (None, row["workspace"])
                    and all(row[name] == value for name, value in choice.values)
                    and begin <= row["sent_date"] < end
                ):
                    group = sums.setdefault(tuple(str(row[key]) for key in keys), Counter())
                    group.update({name: row[name] for name in SUMS})
            self._known[known] = {key: tuple(group[name] for name in SUMS) for key, group in sums.items()}
        return self._known[known]

    def foreign(self, workspace: str | None) -> list[str]:
        """Names that stand in the rows of other workspaces alone, as JSON writes them."""
        if workspace is None:
            return []
        if workspace not in self._foreign:
            own = {row[name] for row in self.rows if row["workspace"] == workspace for name in NAMES}
            others = {row[name] for row in self.rows if row["workspace"] != workspace for name in NAMES} - own - {None}
            self._foreign[workspace] = [json.dumps(name)[1:-1] for name in sorted(others)]
        return self._foreign[workspace]


def read_truth(uri: str, schema: str) -> Truth:
    """Compute it."""
    with connect(uri) as (connection, engine):
        sql = dataset_sql(connection, engine, resolve("fivetran", schema), Options(), [REPORT_DATASET])[REPORT_DATASET]
        sums = [sa.column(f"{name}_count").label(name) for name in SUMS]
        query = sa.select(*map(sa.column, _COLUMNS), *sums).select_from(dataset_rows(sql, "report"))
        rows = [dict(row) for row in connection.execute(query).mappings()]
    for row in rows:
        sent: date = row["sent_date"]
        row["sent_date"] = sent.date() if isinstance(sent, datetime) else sent
    return Truth(rows)


def faults(answers: Iterable[Answer], truth: Truth) -> list[tuple[Answer, str]]:
    """Every answer that shows anything but the person's own rows with the right figures; what failed is left out."""
    found = []
    for answer in answers:
        if answer.fault or not answer.body:
            continue
        text = decoded(answer)
        if foreign := [name for name in truth.foreign(answer.workspace) if f'"{name}"' in text or f">{name}<" in text]:
            found.append((answer, f"names of another workspace: {foreign[:3]}"))
        elif answer.is_chart:
            found += [(answer, fault) for fault in _wrong_figures(answer, json.loads(text)["result"], truth)]
    return found


def cached(answers: Iterable[Answer]) -> float:
    """The share of charts that came from the cache altogether."""
    each = [
        all(result.get("is_cached") for result in json.loads(decoded(answer))["result"])
        for answer in answers
        if answer.is_chart and not answer.fault
    ]
    return sum(each) / len(each) if each else 0.0


def _wrong_figures(answer: Answer, results: list[dict[str, Any]], truth: Truth) -> list[str]:
    """What differs from the truth in a chart's results."""
    wrong = []
    for result in results:
        # The figures beside a filter on titles are rows of one figure each.
        by_title = "column_title" in result["colnames"]
        if not by_title and "sent" not in result["colnames"]:
            continue
        begin, end = _day(result["from_dttm"]), _day(result["to_dttm"])
        keys = tuple(key for key in KEYS if key in result["colnames"])
        expected = truth.figures(answer.workspace, answer.choice, begin, end, keys)
        rows = result["data"]
        if by_title or {"sent_week", "email_label"} & {*result["colnames"]}:
            column = "column_total" if by_title else "sent"
            shown, total = sum(row[column] or 0 for row in rows), sum(sums[0] for sums in expected.values())
            if shown != total:
                wrong.append(f"{shown} sent instead of {total} ({answer.choice})")
            continue
        names = [name for name in SUMS if name in result["colnames"]]
        places = [SUMS.index(name) for name in names]
        got = {tuple(str(row[key]) for key in keys): tuple(int(row[name] or 0) for name in names) for row in rows}
        want = {key: tuple(sums[place] for place in places) for key, sums in expected.items()}
        if not keys:  # without rows there is still a line of totals
            want = want or {(): (0,) * len(names)}
            got = got or {(): (0,) * len(names)}
        if got != want:
            key = next(iter({*got.items()} ^ {*want.items()}))[0]
            wrong.append(f"{key}: {got.get(key)} instead of {want.get(key)} ({answer.choice})")
    return wrong


def _day(milliseconds: float) -> date:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).date()

"""The load's own arithmetic and page, and what Superset does without Redis."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from benchmarks import page
from benchmarks.answers import Truth, faults
from benchmarks.durations import percentile, summary
from benchmarks.people import Answer, Choice
from benchmarks.recording import narrowed

ROWS = [
    {"workspace": workspace, "program_name": f"{workspace} program", "campaign_name": "Spring", "email_name": "Hello",
     "operational": "No", "campaign_id": number, "email_id": 1, "sent_date": date(2026, 1, 2),
     "sent": 10 * number, "delivered": 9, "opened": 3, "clicked_link": 1, "unsubscribed": 0}
    for number, workspace in ((1, "EMEA"), (2, "APAC"))
]  # fmt: skip


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile([3, 1, 2, 4], 50) == 2
    assert percentile(list(range(1, 101)), 95) == 95
    assert percentile([7], 95) == 7
    with pytest.raises(ValueError, match="no percentile"):
        percentile([], 50)
    assert summary([])["p95"] is None


def test_a_choice_comes_before_the_conditions_of_the_chart_in_every_query() -> None:
    own = {"col": "sent_date", "op": "TEMPORAL_RANGE", "val": "No filter"}
    body = {"queries": [{"filters": [own], "time_range": "Last week"}] * 2, "form_data": {}}
    asked = json.loads(narrowed(json.dumps(body), {"workspace": ["EMEA"]}, "Last year"))
    for query in asked["queries"]:
        assert query["filters"] == [{"col": "workspace", "op": "IN", "val": ["EMEA"]}, own]
        assert query["time_range"] == "Last year"


def answer(data: list[dict[str, Any]], workspace: str | None = "EMEA") -> Answer:
    """Campaigns of January 2026 as a chart's answer."""
    begin, end = 1767225600000, 1769904000000
    result = {"data": data, "colnames": list(data[0]), "from_dttm": begin, "to_dttm": end}
    body = json.dumps({"result": [result]}).encode()
    return Answer("ann", workspace, Choice(), "/api/v1/chart/data?", True, True, 0, 0, 200, "", body)


def test_right_figures_of_ones_own_rows_are_no_fault() -> None:
    assert faults([answer([{"campaign_id": 1, "sent": 10, "opened": 3}])], Truth(ROWS)) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"campaign_id": 1, "sent": 11}], "instead of"),
        ([{"campaign_id": 1, "sent": 10}, {"campaign_id": 2, "sent": 20}], "instead of"),
        ([{"campaign_id": 1, "sent": 10, "program_name": "APAC program"}], "another workspace"),
    ],
)
def test_wrong_figures_and_rows_of_others_are_faults(rows: list[dict[str, Any]], expected: str) -> None:
    [(_, fault)] = faults([answer(rows)], Truth(ROWS))
    assert expected in fault


def test_each_half_of_the_page_keeps_the_other(tmp_path: Path) -> None:
    results = json.loads((Path(page.__file__).parent / "results.json").read_text())
    (tmp_path / "results.json").write_text(json.dumps(results))
    page.write(tmp_path)
    before = (tmp_path / "README.md").read_text()
    counts = {"answers": 9, "cached": 0.5, "errors": 0, "wrong": []}

    def part(slower: int, people: int) -> dict[str, Any]:
        waits = {"opening": 1.0, "change": 0.5, "request": 0.1}
        spread = {
            name: {"count": 3, "p50": slower * seconds, "p95": slower * 2 * seconds, "max": 60.0}
            for name, seconds in waits.items()
        }
        return {**spread, **counts, "people": people}

    load = {"guests": 5, "users": 2, "seconds": 9, "cores": 2, "workers": 2, "calls": {"user": {"files": 3}},
            "alone": part(1, 1), "third": part(2, 3), "together": part(7, 7)}  # fmt: skip
    (tmp_path / "load.json").write_text(json.dumps(load))
    page.write(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert text.startswith(before.rstrip("\n"))
    assert "| from a change to the last chart, 95th percentile, s | 1.00 | 2.00 | 2.0 | 7.00 | 7.0 |" in text
    assert "the limit is NOT held" in text
    (tmp_path / "load.json").write_text(json.dumps({**load, "together": part(5, 7)}))
    page.write(tmp_path)
    assert "the limit is held" in (tmp_path / "README.md").read_text()


def test_superset_computes_where_redis_is_gone() -> None:
    from servers.ports import free_port
    from superset_campaign_plugin.caching import ForgivingRedisCache

    cache = ForgivingRedisCache(host="127.0.0.1", port=free_port())
    assert cache.get("figure") is None
    assert cache.set("figure", 1) is False
    assert cache.delete("figure") is False

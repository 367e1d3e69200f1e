"""The report in Superset over a warehouse on MariaDB and on Spark: every chart runs, and shows the same numbers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from deployment import CHARTS, HOSTILE_NAMES, IMPORTED, Deployment, give_viewer_role, metadata, run_chart
from logs import Log, crowd, with_variants

from superset_campaign_plugin.errors import InstallError
from superset_campaign_plugin.reporting.run_report import run_report

PEOPLE = 200


def named_log() -> Log:
    """Believable activities, and names that break careless SQL."""
    log = with_variants(crowd(people=PEOPLE, seed=11), random.Random(11))
    for number, name in enumerate(HOSTILE_NAMES, start=9_001):
        log.campaign(number, name, workspace="O'Brien \\ 100%").email(number, name)
        log.send(number, number, 1, "2024-03-01 10:00").open(number, number, 1, "2024-03-01 11:00")
    return log


@pytest.fixture(scope="module", params=["mysql", "hive"])
def elsewhere(request: pytest.FixtureRequest, warehouse_on: Callable[[str], Any]) -> Iterator[Any]:
    """A warehouse on a server of that engine."""
    warehouse = warehouse_on(request.param)
    yield warehouse.load(named_log())
    warehouse.drop()


def test_the_report_over_another_engine(bare: Deployment, elsewhere: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed twice, read by every chart, narrowed by a boundary, and taken out again."""
    from superset_campaign_plugin.bundle.install import install
    from superset_campaign_plugin.bundle.uninstall import uninstall
    from superset_campaign_plugin.embedding import row_access

    before = metadata(bare.folder / "superset.db")
    wanted: dict[str, Any] = {"database": IMPORTED, "uri": elsewhere.uri, "schema": None, "source": "fivetran"}
    if elsewhere.engine == "hive":
        monkeypatch.setitem(bare.app.config, "TIME_GRAIN_ADDON_EXPRESSIONS", {})
        with pytest.raises(InstallError, match="give wrong weeks on Spark; put the TIME_GRAINS"):
            install(**wanted)
        assert metadata(bare.folder / "superset.db") == before
        monkeypatch.undo()
    install(**wanted)
    assert {change.action for change in install(**wanted)} == {"unchanged"}
    give_viewer_role()

    for name in CHARTS:
        assert run_chart(bare, name, user="viewer", time_offsets=[], filters=[])
    weeks = {row["week"]: row["sent"] for row in run_report(elsewhere.uri, by=["week"]).records()}
    series, _ = run_chart(bare, "engagement_over_time", time_offsets=[], filters=[])
    assert {date.fromisoformat(row["sent_week"]): row["sent"] for row in series} == weeks
    [rows] = run_chart(bare, "campaigns", filters=[])
    [[total]] = run_chart(bare, "key_figures", filters=[], time_offsets=[])
    report = {row["campaign_id"]: row for row in run_report(elsewhere.uri, by=["campaign"]).records()}
    # With a null among the ids, some drivers' columns become floating-point numbers, and null is not a number.
    shown = {None if row["campaign_id"] != row["campaign_id"] else row["campaign_id"]: row["sent"] for row in rows}
    assert shown == {id_: row["sent"] for id_, row in report.items()}
    opened = run_report(elsewhere.uri, by=[]).records()[0]["pct_opened"]
    assert total["opened_percent"] == pytest.approx(100 * opened)
    assert {row["campaign_name"] for id_, row in report.items() if id_ and id_ > 9_000} == set(HOSTILE_NAMES)

    row_access.grant("Campaign Report Viewer", ["O'Brien \\ 100%"])
    [found] = run_chart(bare, "campaigns", user="viewer", filters=[])
    assert {row["campaign_id"] for row in found} == {id_ for id_ in report if id_ and id_ > 9_000}

    days = [{"col": "sent_date", "op": "TEMPORAL_RANGE", "val": "2024-03-01 : 2024-03-02"}]
    [[day]] = run_chart(bare, "key_figures", user="viewer", filters=days, time_offsets=[])
    assert (day["sent"], float(day["opened_percent"])) == (len(HOSTILE_NAMES), 100)

    uninstall()
    assert metadata(bare.folder / "superset.db") == before

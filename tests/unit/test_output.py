"""The report as a table for a terminal."""

from __future__ import annotations

import pytest
from wcwidth import wcswidth

from superset_campaign_plugin.reporting.output import as_table
from superset_campaign_plugin.reporting.query import Report

NAMES = ["Spring", "春のセール", "Überraschung", "한국어 이메일", "e\u0301te\u0301", "🎉 Party", "שלום"]


@pytest.mark.parametrize("name", NAMES)
def test_columns_stand_below_each_other_whatever_the_letters(name: str) -> None:
    report = Report(["campaign_name", "sent"], [(other, count) for count, other in enumerate([name, *NAMES, "x"])])
    lines = as_table(report).splitlines()
    assert len({wcswidth(line) for line in lines}) == 1
    assert [line.rsplit(maxsplit=1)[0].strip() for line in lines[2:]] == [name, *NAMES, "x"]

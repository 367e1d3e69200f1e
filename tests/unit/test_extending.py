"""docs/extending.md says what a new kind of activity takes: its changes are made in a copy, which then counts it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "extending.md"
KINDS = Path("superset_campaign_plugin/report/activity_kinds.py")
METRICS = Path("datasets/metrics.yaml")

# Two were sent an email, and one of them complained twice.
SCRIPT = """
import sys

import logs
import sqlalchemy as sa

from superset_campaign_plugin.load.extract import STORED_TYPES
from superset_campaign_plugin.refresh.run import refresh
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.reporting.doctor import run_doctor
from superset_campaign_plugin.reporting.run_report import run_report
from superset_campaign_plugin.sources.bulk import LAYOUT

uri = sys.argv[1]
logs.write(logs.Log().send(1, 10, 100, "2024-03-07 12:00").send(1, 10, 101, "2024-03-07 12:00"), uri)
[missing] = [each for each in run_doctor(uri) if each.about == "activity_spam_complaint"]
assert (missing.finding, missing.advice) == ("Missing table", "Spam Complaints stays 0."), missing
engine = sa.create_engine(uri)
with engine.begin() as connection:
    one = "SELECT * FROM activity_send_email WHERE lead_id = 100"
    connection.execute(sa.text(f"CREATE TABLE activity_spam_complaint AS {one} UNION ALL {one}"))
engine.dispose()
[row] = run_report(uri, by=()).records()
assert (row["sent"], row["spam_complaints"], row["opened"], row["aborted"]) == (2, 1, 0, 2), row
refresh(uri)
assert run_report(uri, by=(), facts=StoredSource("campaign_report")).records() == [row]
assert 100_001 in STORED_TYPES
assert [100_001] in [list(table.types) for table in LAYOUT.events.values()]
print("counted")
"""


def blocks(language: str) -> list[str]:
    """The page's blocks of that language, as they stand there but for what indents them."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def apply(text: str, change: str) -> str:
    """The text with the lines that the change adds, behind the line that stands before them there."""
    before, added = change.rstrip("\n").split("\n")
    assert (before[0], added[0]) == (" ", "+")
    assert text.count(f"{before[1:]}\n") == 1, before
    return text.replace(f"{before[1:]}\n", f"{before[1:]}\n{added[1:]}\n")


def test_the_example_counts_a_new_kind_of_activity(tmp_path: Path) -> None:
    copied = shutil.ignore_patterns("__pycache__")
    for folder in ("superset_campaign_plugin", "datasets", "dashboards"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=copied)
    kinds = tmp_path / KINDS
    text = kinds.read_text(encoding="utf-8")
    for change in blocks("diff"):
        text = apply(text, change)
    kinds.write_text(text, encoding="utf-8")
    [metric] = blocks("yaml")
    with (tmp_path / METRICS).open("a", encoding="utf-8") as file:
        file.write(metric)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), f"duckdb:///{tmp_path}/log.duckdb"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "tests")])},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert done.stdout == "counted\n", done.stderr[-2000:]


def test_the_files_that_the_page_names_are_there() -> None:
    named = set(re.findall(r"`([\w/]+\.(?:py|yaml))`", PAGE.read_text(encoding="utf-8")))
    places = (
        ROOT,
        ROOT / "superset_campaign_plugin",
        ROOT / "datasets",
        *(ROOT / "superset_campaign_plugin").iterdir(),
    )
    missing = {name for name in named if not any((place / name).is_file() for place in places)}
    assert missing <= {"dashboard.yaml"}

"""The built wheel, installed where no checkout is, finds what it ships."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import logs
import pytest
from click.testing import CliRunner

from superset_campaign_plugin import __version__
from superset_campaign_plugin.cli import campaign

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel; it borrows other packages from the running one."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    [wheel] = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    [packages] = (folder / "venv" / "lib").glob("python*/site-packages")
    # Behind its own packages, and without the link to this checkout, which a .pth there would follow.
    (packages / "borrowed.pth").write_text(next(path for path in sys.path if path.endswith("site-packages")) + "\n")
    return python


@pytest.fixture(scope="module")
def shipped(installed: Path) -> set[str]:
    """The files in the wheel."""
    [wheel] = installed.parents[2].glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = f"duckdb:///{tmp_path_factory.mktemp('warehouse')}/log.duckdb"
    logs.write(logs.Log().send(1, 10, 100, "2024-03-07 12:00"), uri)
    return uri


def run(*command: str, cwd: Path | None = None) -> str:
    # PYTHONPATH could lead the wheel's Python back to the checkout.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_is_what_runs(installed: Path, tmp_path: Path) -> None:
    where = run(str(installed), "-c", "import superset_campaign_plugin as p; print(p.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent.parent)


def test_the_wheel_holds_every_file_that_the_package_reads(shipped: set[str]) -> None:
    package = "superset_campaign_plugin"
    beside = [file.relative_to(ROOT) for name in ("datasets", "dashboards") for file in files_below(ROOT / name)]
    within = [file.relative_to(ROOT / package) for file in files_below(ROOT / package)]
    assert {f"{package}/{file}" for file in (*beside, *within)} <= shipped
    assert {f"{package}/datasets/metrics.yaml", f"{package}/preview/static/preview.css"} <= shipped
    assert f"{package}/preview/templates/campaign_email/preview.html" in shipped


def files_below(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


def test_the_wheel_holds_nothing_of_the_tests_and_the_demo(shipped: set[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in shipped} == {"superset_campaign_plugin"}


def test_the_console_script_knows_its_version(installed: Path, tmp_path: Path) -> None:
    script = str(installed.parent / "superset-campaign")
    assert run(script, "--version", cwd=tmp_path).strip().endswith(__version__)


def test_the_sql_is_that_of_the_checkout(installed: Path, tmp_path: Path, uri: str) -> None:
    script = str(installed.parent / "superset-campaign")
    sql = run(script, "sql", "--uri", uri, cwd=tmp_path)
    assert sql == CliRunner().invoke(campaign, ["sql", "--uri", uri]).stdout
    assert "daily_rollup AS (" in sql


def test_the_definitions_come_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "from superset_campaign_plugin import resources as r; print(r.folder('datasets'), r.folder('dashboards'))"
    folders = run(str(installed), "-c", code, cwd=tmp_path).split()
    assert all(Path(folder).is_relative_to(installed.parent.parent) for folder in folders)


def test_it_writes_the_whole_bundle(installed: Path, tmp_path: Path, uri: str) -> None:
    command = str(installed.parent / "superset-campaign")
    run(command, "bundle", "--uri", uri, "--output", str(tmp_path / "bundle.zip"), cwd=tmp_path)
    names = {Path(name).name for name in zipfile.ZipFile(tmp_path / "bundle.zip").namelist()}
    shipped = {file.name for file in (ROOT / "dashboards").glob("*/charts/*.yaml")}
    shipped |= {file.name for file in (ROOT / "datasets").glob("campaign_*.yaml")}
    assert shipped <= names


def test_it_has_the_pages_of_the_preview(installed: Path, tmp_path: Path) -> None:
    code = "import superset_campaign_plugin.preview as p, pathlib; print(*pathlib.Path(p.__file__).parent.rglob('*.*'))"
    found = run(str(installed), "-c", code, cwd=tmp_path)
    assert "templates/campaign_email/preview.html" in found
    assert "static/preview.css" in found

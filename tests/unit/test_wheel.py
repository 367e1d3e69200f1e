"""The built wheel, installed where no checkout is, finds what it ships."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import logs
import pytest

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


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_is_what_runs(installed: Path, tmp_path: Path) -> None:
    where = run(str(installed), "-c", "import superset_campaign_plugin as p; print(p.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent.parent)


def test_it_writes_the_whole_bundle(installed: Path, tmp_path: Path) -> None:
    log = logs.Log()
    log.send(1, 10, 100, "2024-03-07 12:00")
    uri = f"duckdb:///{tmp_path}/log.duckdb"
    logs.write(log, uri)
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

"""The built wheel, installed where no checkout is, finds what it ships."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from importlib import metadata
from pathlib import Path

import logs
import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import constraints
from superset_campaign_plugin import __version__, versions
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


# ---------------------------------------------------------------------------------------------------------------
# What the wheel says of itself, and what it needs


@pytest.fixture(scope="module")
def described(installed: Path) -> Message:
    """The wheel's metadata."""
    [wheel] = installed.parents[2].glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(archive.read(name))


def requirements(described: Message, extra: str = "") -> list[Requirement]:
    """What the wheel needs, with an extra or without."""
    found = [Requirement(text) for text in described.get_all("Requires-Dist", [])]
    return [each for each in found if each.marker is None or each.marker.evaluate({"extra": extra})]


def pins(file: Path) -> dict[str, list[str]]:
    """The versions of each package in a file of requirements, which may differ between releases of Python."""
    found: dict[str, list[str]] = {}
    for line in file.read_text().splitlines():
        if "==" in line and not line.lstrip().startswith("#"):
            name, version = line.partition(";")[0].split("==")
            found.setdefault(canonicalize_name(name.strip()), []).append(version.strip())
    return found


def test_the_metadata_names_licence_authors_and_addresses(described: Message, shipped: set[str]) -> None:
    assert described["License-Expression"] == "Apache-2.0"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in shipped)
    assert described["Author"]
    assert all("https://" in address for address in described.get_all("Project-URL", [""]))
    assert not [line for line in described.get_all("Classifier", []) if line.startswith("License")]
    assert described["Version"] == __version__


def test_the_pages_name_this_wheel() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = {name for page in pages for name in re.findall(r"superset_campaign_plugin-[^ ]+\.whl", page.read_text())}
    assert named == {f"superset_campaign_plugin-{__version__}-py3-none-any.whl"}
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_superset_is_an_extra(described: Message) -> None:
    """So that an installation beside a Superset upgrades and downgrades nothing of it."""
    names = {canonicalize_name(each.name) for each in requirements(described)}
    assert not {name for name in names if "superset" in name or name.startswith("flask")}
    [superset] = [each for each in requirements(described, "superset") if each.name == "apache-superset"]
    (below, _), *_, (above, minor) = versions.SUPPORTED
    assert all(superset.specifier.contains(f"{one}.{two}.0") for one, two in versions.SUPPORTED)
    assert not superset.specifier.contains(f"{below - 1}.99")
    assert not superset.specifier.contains(f"{above}.{minor + 1}.0")


@pytest.mark.parametrize("file", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda file: file.name)
def test_each_superset_has_what_the_wheel_needs(described: Message, file: Path) -> None:
    pinned = pins(file)
    if "apache-superset" not in pinned:
        pytest.skip("pins no Superset")
    for each in requirements(described):
        for version in pinned[canonicalize_name(each.name)]:
            assert each.specifier.contains(version), each


def test_the_constraints_are_those_of_the_demo(installed: Path, tmp_path: Path) -> None:
    """The command prints what lies in the wheel, which is what `make requirements` makes of the pins."""
    script = str(installed.parent / "superset-campaign")
    printed = run(script, "constraints", cwd=tmp_path)
    assert printed == constraints.FILE.read_text() == constraints.render()
    (tmp_path / "printed.txt").write_text(printed)
    assert pins(tmp_path / "printed.txt") == pins(ROOT / "requirements" / "demo.txt")
    assert "Superset 6.1.0" in printed.splitlines()[0]
    assert "Python 3.10 to 3.12" in printed.splitlines()[0]


# ---------------------------------------------------------------------------------------------------------------
# Without Superset


@pytest.fixture(scope="module")
def alone(installed: Path, described: Message, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and what its metadata asks for, down to the last, and no more."""
    folder = tmp_path_factory.mktemp("alone")
    [wheel] = installed.parents[2].glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    [packages] = (folder / "venv" / "lib").glob("python*/site-packages")
    for name in needed([*requirements(described), *requirements(described, "duckdb")]):
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}:
            if not (packages / top).exists() and top != "__pycache__":
                (packages / top).symlink_to(distribution.locate_file(top))
    return python


def needed(wanted: list[Requirement]) -> set[str]:
    """The distributions that the requirements need, with what those need."""
    found: set[str] = set()
    while wanted:
        each = wanted.pop()
        name = canonicalize_name(each.name)
        if name not in found:
            found.add(name)
            further = [Requirement(text) for text in metadata.requires(name) or []]
            wanted += [one for one in further if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def test_the_data_commands_run_without_superset(alone: Path, tmp_path: Path) -> None:
    uri = f"duckdb:///{tmp_path}/log.duckdb"
    log = logs.Log().send(1, 10, 100, "2024-03-07 12:00")
    logs.write(log, uri)
    logs.write_bulk(log, tmp_path / "bulk.csv")
    (tmp_path / "10.html").write_text("<p>Hello</p>")
    code = "import importlib.util as u; print([name for name in ('superset', 'flask', 'celery') if u.find_spec(name)])"
    assert run(str(alone), "-c", code).strip() == "[]"
    for arguments in (
        ("report", "--time-zone", "Europe/Berlin"),
        ("doctor",),
        ("sql",),
        ("refresh",),
        ("report", "--stored"),
        ("bundle", "--output", "bundle.zip"),
        ("load", "bulk.csv"),
        ("load-emails", "."),
    ):
        command, *options = arguments
        run(str(alone.parent / "superset-campaign"), command, "--uri", uri, *options, cwd=tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        *("install --database x", "uninstall --yes", "refresh", "refresh --full --dry-run", "list", "embed"),
        *("grant role --workspace x", "revoke role"),
    ],
)
def test_a_command_that_needs_superset_says_so(alone: Path, arguments: str) -> None:
    command = [str(alone.parent / "superset-campaign"), *arguments.split()]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: Superset is not installed in this environment; run this command in the environment of your Superset\n"
    )


# ---------------------------------------------------------------------------------------------------------------
# What it holds


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
    run(command, "bundle", "--uri", uri, "--with-people", "--output", str(tmp_path / "bundle.zip"), cwd=tmp_path)
    names = {Path(name).name for name in zipfile.ZipFile(tmp_path / "bundle.zip").namelist()}
    shipped = {file.name for file in (ROOT / "dashboards").glob("*/charts/*.yaml")}
    # No bundle has columns of people.
    shipped |= {file.name for file in (ROOT / "datasets").glob("campaign_*.yaml") if "_details" not in file.name}
    assert shipped <= names


def test_it_has_the_pages_of_the_preview(installed: Path, tmp_path: Path) -> None:
    code = "import superset_campaign_plugin.preview as p, pathlib; print(*pathlib.Path(p.__file__).parent.rglob('*.*'))"
    found = run(str(installed), "-c", code, cwd=tmp_path)
    assert "templates/campaign_email/preview.html" in found
    assert "static/preview.css" in found

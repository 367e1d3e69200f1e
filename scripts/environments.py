"""Environments of another Superset or another Python than .venv has, for the tests of versions.

    python -m scripts.environments 6.0 3.10

builds `.venvs/superset-6.0-python-3.10` from the pinned requirements, or keeps one that has the same requirements, and
prints its path. Without the plugin: who uses it installs the wheel.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".venvs"
REQUIREMENTS = {"6.0": "superset-6.0.txt", "6.1": "demo.txt"}
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"

_PROBE = "import sys; print('%d.%d' % sys.version_info[:2])"
_STAMP = ".ready"


class NoPythonError(Exception):
    """This machine has no such Python, and none can be downloaded."""


def build(superset: str, python: str) -> Path:
    """The folder of an environment of that Superset and Python (both as "6.0", "3.10"), built where it is missing.

    Raises `NoPythonError`, and `RuntimeError` where an installation fails.
    """
    requirements = ROOT / "requirements" / REQUIREMENTS[superset]
    interpreter = find_python(python)
    folder = FOLDER / f"superset-{superset}-python-{python}"
    # What it holds is decided by these alone, so a second run builds nothing.
    wanted = hashlib.sha256(f"{interpreter}\n{requirements.read_text()}".encode()).hexdigest()
    stamp = folder / _STAMP
    if stamp.is_file() and stamp.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", interpreter, str(folder))
    install(folder, "--requirement", str(requirements))
    stamp.write_text(wanted)
    return folder


def install(folder: Path, *wanted: str) -> None:
    """Install packages into the environment, as `uv pip install` takes them."""
    _run(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *wanted)


def uninstall(folder: Path, package: str) -> None:
    """Take the package out of the environment, if it is there."""
    _run(sys.executable, "-m", "uv", "pip", "uninstall", "--quiet", "--python", f"{folder}/bin/python", package)


def find_python(version: str) -> str:
    """The path of a Python of that version ("3.10"): this one, one of the machine, or one that uv downloads."""
    if version == HERE:
        return str(Path(sys.executable).resolve())
    # pyenv's own programs answer for the versions alone that somebody switched on.
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    programs = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python{version}"))]
    for program in filter(None, programs):
        if _answers(str(program), version):
            return str(program)
    done = _uv_python("install", version)
    found = _uv_python("find", "--managed-python", version)
    if found.returncode:
        why = done.stderr.strip().splitlines()[-1:] or ["unknown reason"]
        raise NoPythonError(f"Python {version} is not installed here, and uv cannot download it: {why[0].strip()}")
    return found.stdout.strip()


def _uv_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "uv", "python", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _answers(program: str, version: str) -> bool:
    done = subprocess.run([program, "-c", _PROBE], capture_output=True, text=True, check=False)
    return done.stdout.strip() == version


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")


if __name__ == "__main__":
    try:
        print(build(*sys.argv[1:3]))
    except (NoPythonError, RuntimeError) as error:
        sys.exit(f"Error: {error}")

"""Takes each defence of tests/defences.yaml out of a copy of the tree, and shows that its test fails there.

make defences                                   # all of them; most start a Superset of their own, so it takes a while
make defences ARGS="--only 'oversized'"         # those whose threat has this in it
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import yaml

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "defences.yaml"
SECONDS = 600  # for one test, with the Superset that it starts
_RESULTS = "results.xml"
# How pytest begins what it says of a test that found out, by `assert` or by `raises`.
_ASSERTED = ("AssertionError", "assert ", "Failed: DID NOT RAISE")


@dataclass(frozen=True)
class Defence:
    """What holds against a threat: `text` in `file`. `without` takes it out, with `more` at the file's end."""

    threat: str
    file: str
    text: str
    without: str
    test: str
    more: str = ""

    def take_out(self, root: Path) -> None:
        """Raises `ValueError` where the text does not stand in the file exactly once."""
        file = root / self.file
        code = file.read_text()
        if code.count(self.text) != 1:
            raise ValueError(f"{self.file} has {code.count(self.text)} times, not once: {self.text}")
        more = f"\n\n{self.more}\n" if self.more else ""
        file.write_text(code.replace(self.text, self.without) + more)


def load_defences(file: Path = LIST) -> list[Defence]:
    """The list, in its order."""
    return [Defence(**entry) for entry in yaml.safe_load(file.read_text())]


def main() -> int:
    """Try them; 1 if a test passes without its defence, or fails with it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="a part of the threat's text")
    wanted = parser.parse_args()
    chosen = [defence for defence in load_defences() if wanted.only in defence.threat]
    if not chosen:
        parser.error(f"no threat has {wanted.only!r} in it")
    with tempfile.TemporaryDirectory(prefix="campaign-defences-") as folder:
        whole = _copy(Path(folder) / "whole")
        _check_import(whole)
        print("With every defence in its place:", flush=True)
        if _pytest(whole, sorted({defence.test for defence in chosen})) != 0:
            print("the tests fail with every defence in place; correct that first")
            return 1
        open_ones = 0
        for number, defence in enumerate(chosen):
            tree = _copy(Path(folder) / str(number))
            defence.take_out(tree)
            missed = _pytest(tree, [defence.test]) == 1 and _says_so(tree)
            open_ones += not missed
            word = "fails" if missed else "DOES NOT FAIL by an assertion"
            print(f"{defence.threat}: without it {defence.test} {word}", flush=True)
            shutil.rmtree(tree)
    print(f"{len(chosen) - open_ones} of {len(chosen)} defences are missed by their tests when they are gone")
    return 1 if open_ones else 0


def _copy(to: Path) -> Path:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    return to


def _environment(tree: Path) -> dict[str, str]:
    """That in which the tree's package comes before the installed one."""
    return {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}


def _check_import(tree: Path) -> None:
    command = [sys.executable, "-c", "import superset_campaign_plugin as it; print(it.__file__)"]
    done = subprocess.run(command, cwd=tree, env=_environment(tree), capture_output=True, text=True, check=True)
    if not Path(done.stdout.strip()).is_relative_to(tree.resolve()):
        raise RuntimeError(f"{done.stdout.strip()} would be tried, which is not of the copy")


def _says_so(tree: Path) -> bool:
    """Whether a test there failed by what it asserts, and not by an error, which a broken file would cause as well."""
    failures = ElementTree.parse(tree / _RESULTS).getroot().iter("failure")  # noqa: S314 - pytest wrote it just now
    return any(failure.get("message", "").startswith(_ASSERTED) for failure in failures)


def _pytest(tree: Path, tests: list[str]) -> int:
    """The exit code of the tests in this tree: 0 where all pass, 1 where they ran and one did not."""
    options = ["-q", "--no-header", "-p", "no:cacheprovider", "--tb=no", f"--junitxml={_RESULTS}"]
    command = [sys.executable, "-m", "pytest", *options, *tests]
    limit = SECONDS * len(tests)
    done = subprocess.run(command, cwd=tree, env=_environment(tree), capture_output=True, text=True, timeout=limit)
    lines = done.stdout.strip().splitlines() or ["no output"]
    told = [line[:160] for line in lines[:-1] if line.startswith(("FAILED", "ERROR"))][:3]
    print("\n".join(f"   {line}" for line in (*told, lines[-1])), flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

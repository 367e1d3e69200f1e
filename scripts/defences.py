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

import yaml

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "defences.yaml"
SECONDS = 600  # for one test, with the Superset that it starts


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
        print("With every defence in its place:", flush=True)
        if _pytest(whole, sorted({defence.test for defence in chosen})) != 0:
            print("the tests fail as it is; mend that first")
            return 1
        open_ones = 0
        for number, defence in enumerate(chosen):
            tree = _copy(Path(folder) / str(number))
            defence.take_out(tree)
            code = _pytest(tree, [defence.test])
            # 1 says that tests ran and failed; anything else, that they could not run.
            held = code == 1
            open_ones += not held
            word = "fails" if held else "PASSES" if code == 0 else f"cannot run (exit code {code})"
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


def _pytest(tree: Path, tests: list[str]) -> int:
    """The exit code of the tests in this tree, whose package comes before the installed one."""
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "--tb=no", *tests]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    limit = SECONDS * len(tests)
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=limit)
    lines = done.stdout.strip().splitlines() or ["no output"]
    print(
        "\n".join(f"   {line}" for line in lines if line.startswith(("FAILED", "ERROR")) or line is lines[-1]),
        flush=True,
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

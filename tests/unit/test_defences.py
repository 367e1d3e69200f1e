"""The list of defences is of the code as it stands; that their tests miss them, `make defences` shows."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from scripts.defences import ROOT, Defence, load_defences

DEFENCES = load_defences()


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: defence.threat)
def test_a_defence_can_be_taken_out(defence: Defence, tmp_path: Path) -> None:
    copied = tmp_path / defence.file
    copied.parent.mkdir(parents=True)
    shutil.copy(ROOT / defence.file, copied)
    defence.take_out(tmp_path)
    assert copied.read_text() != (ROOT / defence.file).read_text()
    ast.parse(copied.read_text())


@pytest.mark.parametrize("test", sorted({defence.test for defence in DEFENCES}))
def test_the_test_that_misses_it_is_there(test: str) -> None:
    file, name = test.split("::")
    functions = [
        node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef)
    ]
    assert name in functions


def test_a_text_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match="0 times, not once"):
        Defence("a threat", "code.py", "y = 1", "", "a test").take_out(tmp_path)

"""Private names of Superset and Flask-AppBuilder are read in `host/` alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import superset_campaign_plugin
from superset_campaign_plugin.host.records import PATCHES, PRIVATE_NAMES

PACKAGE = Path(superset_campaign_plugin.__file__).parent
FILES = [file for file in PACKAGE.rglob("*.py") if not file.is_relative_to(PACKAGE / "host")]

HOSTS = ("superset", "flask_appbuilder")
# Private by its first letter, and documented by Werkzeug.
OTHERS = {"_get_current_object"}
# The methods that records wrap, as far as they are private, and the names that host/private.py reads.
KNOWN = {each.name for each in PRIVATE_NAMES} | {
    target.method for patch in PATCHES for target in patch.targets if target.method.startswith("_")
}


def imported(node: ast.AST) -> list[str]:
    """The paths of what a statement imports."""
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{each.name}" for each in node.names]
    return [each.name for each in node.names] if isinstance(node, ast.Import) else []


def private_names(tree: ast.AST) -> Iterator[str]:
    """What a file imports of Superset by a private name, and what it reads of any object but its own.

    A file that imports nothing of Superset can read nothing of it.
    """
    knows = any(path.split(".")[0] in HOSTS for node in ast.walk(tree) for path in imported(node))
    for node in ast.walk(tree) if knows else ():
        if isinstance(node, ast.ImportFrom | ast.Import):
            for path in imported(node):
                first, *rest = path.split(".")
                if first in HOSTS and any(each.startswith("_") for each in rest):
                    yield path
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if node.attr in KNOWN or not (own or node.attr in OTHERS):
                yield node.attr
        elif isinstance(node, ast.Constant) and node.value in KNOWN:
            yield str(node.value)


def test_no_file_but_those_of_host_reads_a_private_name() -> None:
    found = {
        str(file.relative_to(PACKAGE)): names
        for file in FILES
        if (names := sorted(set(private_names(ast.parse(file.read_text(encoding="utf-8"))))))
    }
    assert found == {}


def test_each_way_to_a_private_name_is_seen() -> None:
    for line in (
        "from superset.sql.parse import _hidden",
        "from superset._internal import shown",
        "import flask_appbuilder._compat",
        "x = dataset._process_select_expression",
        "x = getattr(dataset, '_qc_datasource')",
        "def f(self): return self._qc_datasource",
        "x = security_manager._anything()",
    ):
        assert list(private_names(ast.parse(f"from superset import db\n{line}"))), line
    assert not list(private_names(ast.parse("from superset.models.core import Database\nx = self._mine\n")))


def test_the_host_reads_no_private_name_that_is_on_no_list() -> None:
    text = (PACKAGE / "host" / "private.py").read_text(encoding="utf-8")
    assert {name for name in private_names(ast.parse(text)) if name.startswith("_")} == {
        each.name for each in PRIVATE_NAMES
    }

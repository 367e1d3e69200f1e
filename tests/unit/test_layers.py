"""The order of the package's layers: a module imports what lies in its own layer or below, never what lies above.

Imports within functions count as well: they are there so that a command starts fast, not to turn the order round.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import superset_campaign_plugin

PACKAGE = superset_campaign_plugin.__name__
ROOT = Path(superset_campaign_plugin.__file__).parent

# From the ground up, by modules and folders of the package. docs/architecture.md says what each is for.
LAYERS = (
    ("errors", "wording", "literals", "flags", "advice", "resources", "rights", "versions", "caching"),
    ("attributes", "database_files", "semantics"),
    ("engines",),
    ("warehouse", "locking"),
    ("report",),
    ("sources",),
    ("load", "refresh"),
    ("emails", "marketo"),
    ("reporting",),
    ("config",),
    ("host", "superset_app"),
    ("superset_assets",),
    ("embedding",),
    ("preview", "viewport"),
    ("bundle", "subscriptions"),
    ("tasks", "cli", "__init__"),
)

# Imports that climb, each with the reason. The list may only shrink: one that is not needed any more fails the test.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("refresh.kept_people", "reporting.compare_people"): "before it begins, a refresh says what it does to the figures",
}


def test_every_module_has_a_layer() -> None:
    placed = [part for layer in LAYERS for part in layer]
    assert len(placed) == len(set(placed))
    assert {_part(module) for module in _modules()} <= set(placed)


def test_the_page_of_layers_names_every_folder() -> None:
    page = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = {_part(module) for module, file in _modules().items() if file.parent != ROOT}
    assert {folder for folder in folders if f"`{folder}/`" not in page} == set()


def test_the_files_that_the_page_names_are_there() -> None:
    page = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+/[\w/]+\.(?:py|yaml))`", page))
    assert {name for name in named if not (ROOT / name).is_file() and not (ROOT.parent / name).is_file()} == set()


def test_no_import_climbs() -> None:
    climbs = {
        (module, imported)
        for module, imports in _graph().items()
        for imported in imports
        if _layer(imported) > _layer(module)
    }
    assert climbs - EXCEPTIONS.keys() == set()


def test_each_exception_is_needed() -> None:
    for module, imported in EXCEPTIONS:
        assert imported in _graph()[module], f"{module} does not import {imported} any more: take the line out"
        assert _layer(imported) > _layer(module), f"{imported} does not lie above {module} any more: take the line out"


def test_no_modules_import_each_other_in_a_circle() -> None:
    left = {module: set(imports) for module, imports in _graph().items()}
    while free := {module for module, imports in left.items() if not imports & left.keys() - {module}}:
        left = {module: imports for module, imports in left.items() if module not in free}
    assert sorted(left) == []


def test_imports_within_functions_and_conditions_count() -> None:
    code = f"""
if TYPE_CHECKING:
    from {PACKAGE}.engines import Engine

def late():
    import {PACKAGE}.cli.report
    from {PACKAGE} import __version__, tasks
"""
    assert set(_imports(ast.parse(code))) == {"engines", "cli.report", "tasks"}


def _modules() -> dict[str, Path]:
    """The files of the package by their modules' names, without the package's own; a folder has its folder's name."""
    found = {}
    for file in ROOT.rglob("*.py"):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = file
    return found


@cache
def _graph() -> dict[str, set[str]]:
    """Each module with the modules of the package that it imports anywhere."""
    return {
        module: set(_imports(ast.parse(file.read_text(encoding="utf-8")))) - {module}
        for module, file in _modules().items()
    }


def _imports(tree: ast.Module) -> Iterator[str]:
    known = _modules()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [(each.name, "") for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name the whole module"
            names = [(str(node.module), each.name) for each in node.names]
        else:
            continue
        for base, name in names:
            if base.partition(".")[0] == PACKAGE:
                module = base.removeprefix(PACKAGE).lstrip(".")
                inner = f"{module}.{name}".strip(".")
                if inner in known:
                    yield inner
                elif module:  # what the package itself holds, as its version, is no module
                    yield module


def _part(module: str) -> str:
    return module.partition(".")[0]


def _layer(module: str) -> int:
    return next(place for place, layer in enumerate(LAYERS) if _part(module) in layer)

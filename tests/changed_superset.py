"""Makes the Superset of this process one of a later release: a method has one more parameter, another name, or none."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from typing import Any

from superset_campaign_plugin.host.patching import places
from superset_campaign_plugin.host.records import Patch

MORE, RENAMED, GONE = "one more parameter", "another name", "gone"
SUFFIX = "_anew"


def change(patch: Patch, way: str, put: Callable[..., None] = setattr, take: Callable[..., None] = delattr) -> None:
    """Change the patch's method, without any patch, by `put` and `take`."""
    for where, name in places_of_all(patch):
        kept = vars(where)[name]
        method = getattr(kept, "__func__", kept)
        while hasattr(method, "__wrapped__"):
            method = method.__wrapped__
        kind = type(kept) if isinstance(kept, (staticmethod, classmethod)) else None
        changed = longer(method)
        if way == MORE:
            put(where, name, changed if kind is None else kind(changed))
        else:
            take(where, name)
            if way == RENAMED:
                put(where, f"{name}{SUFFIX}", method if kind is None else kind(method))


def places_of_all(patch: Patch) -> list[tuple[Any, str]]:
    """Every class that has the method, also one below the class that the dataset has it from."""
    return [
        (above, name)
        for where, name in places(patch)
        for above in getattr(where, "__mro__", (where,))
        if name in vars(above)
    ]


def longer(method: Callable[..., Any]) -> Callable[..., Any]:
    """The same method, with a parameter that may be left out."""

    def with_one_more(*args: Any, dialect: Any = None, **options: Any) -> Any:
        return method(*args, **options)

    signature = inspect.signature(method)
    more = inspect.Parameter("dialect", inspect.Parameter.KEYWORD_ONLY, default=None)
    with_one_more.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), more]
    )
    return with_one_more


def rename_methods(names: Iterable[str]) -> None:
    """Give these methods another name in all of Superset's modules, which must not have been loaded."""
    if names := list(names):
        assert "superset" not in sys.modules
        sys.meta_path.insert(0, _Finder(re.compile(rf"\b({'|'.join(names)})\b")))


class _Finder(PathFinder):
    def __init__(self, names: re.Pattern[str]) -> None:
        self._names = names

    def find_spec(  # type: ignore[override]
        self, fullname: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in ("superset", "flask_appbuilder"):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            source = spec.loader.get_data(spec.loader.path).decode()
            if self._names.search(source):
                spec.loader = _Loader(fullname, spec.loader.path, self._names)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, names: re.Pattern[str]) -> None:
        super().__init__(fullname, path)
        self._names = names

    def get_code(self, fullname: str) -> Any:
        source = importlib.util.decode_source(self.get_data(self.path))
        return compile(self._names.sub(rf"\1{SUFFIX}", source), self.path, "exec", dont_inherit=True)

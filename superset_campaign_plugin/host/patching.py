"""Wraps a method of Superset as its record says, and only where it is the method that the record was written for."""

from __future__ import annotations

import functools
import inspect
import logging
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from superset_campaign_plugin.errors import HookError
from superset_campaign_plugin.host.records import Patch, Target
from superset_campaign_plugin.versions import superset_release, superset_version

logger = logging.getLogger(__name__)

_MARK = "superset_campaign_patches"


def apply(patch: Patch, wrap: Callable[[Any], Callable[..., Any]], owner: Any = None) -> bool:
    """Put `wrap(method)` in the place of the record's method, once. True where it is in place.

    It is put where the class has the method from, so that nothing between overrides it. `wrap` gets a static method and
    a class method as the plain function. `owner` is the class that a deployment has in the place of Superset's own. In
    a release for which the record names no target nothing is done, if that release has no such method either.

    Where the method is not there, or its parameters are not those of the record, an optional patch is skipped and
    logged, and a required one raises `HookError`.
    """
    target = patch.target(superset_release())
    if target is None:
        return _check_absent(patch)
    owners = [(each, _load(each)) for each in target.owners] if owner is None else [(_path(owner), owner)]
    faults = [fault for path, each in owners if (fault := _wrap(patch, target, path, each, wrap))]
    if faults:
        _refuse(patch, faults[0])
    return not faults


def _wrap(patch: Patch, target: Target, path: str, owner: Any, wrap: Callable[[Any], Callable[..., Any]]) -> str | None:
    """Wrap the method of one owner; what is wrong with it where that cannot be done."""
    name = _shown(path, target.method)
    found = None if owner is None else _find(owner, target.method)
    if found is None:
        return f"has no {name}"
    where, kept = found
    method = getattr(kept, "__func__", kept)
    marks: frozenset[str] = getattr(method, _MARK, frozenset())
    if patch.name in marks:
        return None
    if not callable(method) or parameters(method) != target.parameters:
        return f"has another {name}({', '.join(parameters(method)) if callable(method) else ''})"
    wrapper = functools.update_wrapper(wrap(method), method)
    setattr(wrapper, _MARK, marks | {patch.name})
    kind = type(kept) if isinstance(kept, (staticmethod, classmethod)) else None
    setattr(where, target.method, wrapper if kind is None else kind(wrapper))
    return None


def parameters(method: Callable[..., Any]) -> tuple[str, ...]:
    """The names of its parameters as records write them: `*` and `**` before those that take any number."""
    stars: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return tuple(stars.get(each.kind, "") + each.name for each in inspect.signature(method).parameters.values())


def places(patch: Patch) -> list[tuple[Any, str]]:
    """Each class, or module, that has the patch's method in this release, with the method's name."""
    target = patch.target(superset_release())
    found = [] if target is None else [(_find(_load(path), target.method), target.method) for path in target.owners]
    return list(dict.fromkeys((each[0], name) for each, name in found if each is not None))


def applied(method: Any) -> frozenset[str]:
    """The names of the patches that a method has; it may be a static method or a class method as the class keeps it."""
    marks: frozenset[str] = getattr(getattr(method, "__func__", method), _MARK, frozenset())
    return marks


def _path(owner: type) -> str:
    return f"{owner.__module__}:{owner.__qualname__}"


def _shown(path: str, method: str) -> str:
    """As people know it: with its class, or the last name of its module."""
    return f"{re.split('[.:]', path)[-1]}.{method}"


def _load(path: str) -> Any:
    """The class or the module of that path; None where there is none."""
    module, _, name = path.partition(":")
    try:
        found = import_module(module)
    except ModuleNotFoundError:
        return None
    return getattr(found, name, None) if name else found


def _find(owner: Any, name: str) -> tuple[Any, Any] | None:
    """Where a class or a module has that attribute from, and the attribute as it is kept there."""
    for where in getattr(owner, "__mro__", (owner,)):
        if name in vars(where):
            return where, vars(where)[name]
    return None


def _check_absent(patch: Patch) -> bool:
    """For a release without a target: nothing is to be wrapped where no release's method is there."""
    for target in patch.targets:
        for path in target.owners:
            owner = _load(path)
            if owner is not None and _find(owner, target.method) is not None:
                _refuse(patch, f"has a method {_shown(path, target.method)}")
    return False


def _refuse(patch: Patch, fault: str) -> None:
    release = superset_version()
    if patch.required:
        raise HookError(
            f"Superset {release} {fault}, for which the patch {patch.name} was not written: {patch.why}; run a release "
            "that docs/superset-versions.md names, or take the plugin out of superset_config.py"
        )
    logger.warning(
        "Superset %s %s, for which the patch %s was not written, so it is left out: %s",
        *(release, fault, patch.name, patch.without),
    )

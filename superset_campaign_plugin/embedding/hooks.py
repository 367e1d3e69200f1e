"""How the plugin wraps the methods of Superset that decide what people held to some rows may see.

No such method is part of an API. One that is missing, or that no longer takes what the wrapper reads, would leave open
what the wrapper closes, so such a Superset does not start. docs/superset-versions.md lists every use.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from superset_campaign_plugin.errors import HookError

_MARK = "campaign_hooks"


def hook(owner: type, name: str, wrap: Callable[[Any], Any], *, by: str, reads: tuple[str, ...] = ()) -> None:
    """Put `wrap(method)` in the place of the method `name` of `owner`; a second call of the same `by` changes nothing.

    It is put where `owner` has the method from, so that nothing between overrides it. `by` is the module that wraps,
    `reads` the parameters that its wrapper looks at. `wrap` must use `functools.wraps`, and gets a static method as the
    plain function. Raises `HookError` where there is no such method, or it lacks a parameter.
    """
    where = next((each for each in owner.__mro__ if name in vars(each)), owner)
    found = vars(where).get(name)
    method = getattr(found, "__func__", found)
    if not callable(method) or not set(reads) <= set(inspect.signature(method).parameters):
        raise HookError(
            f"Superset {version('apache-superset')} has no method {owner.__name__}.{name}({', '.join(reads)}), which "
            "the plugin wraps to keep people to their rows; run a release that docs/superset-versions.md names, or "
            "take the plugin out of FLASK_APP_MUTATOR"
        )
    marks: frozenset[str] = getattr(method, _MARK, frozenset())
    if by in marks:
        return
    wrapper = wrap(method)
    setattr(wrapper, _MARK, marks | {by})
    setattr(where, name, staticmethod(wrapper) if isinstance(found, staticmethod) else wrapper)

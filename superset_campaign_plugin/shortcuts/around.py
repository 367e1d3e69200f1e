"""How a shortcut wraps a method of Superset: once, and not at all where a release lacks the method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def lay_around(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    """Put `wrap(method)` in the place of the method `name` of a class, or the function of a module.

    A class method is given to `wrap`, and put back, as the plain function within it.
    """
    found = vars(owner).get(name)
    function = getattr(found, "__func__", found)
    if function is None or hasattr(function, "shortcut"):
        return
    shortcut = wrap(function)
    shortcut.shortcut = True
    setattr(owner, name, classmethod(shortcut) if isinstance(found, classmethod) else shortcut)

"""As whom Superset's code runs.

Superset's own `override_user` leaves the user where the code within raises an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import g

_NOBODY = object()


@contextmanager
def acting_as(user: Any) -> Iterator[None]:
    """Within, Superset takes `user` for the one who asks, without any trace in the session."""
    before = g.get("user", _NOBODY)
    g.user = user
    try:
        yield
    finally:
        if before is _NOBODY:
            del g.user
        else:
            g.user = before

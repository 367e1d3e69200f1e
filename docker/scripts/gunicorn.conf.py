"""What web.sh cannot say on its command line."""

from __future__ import annotations

import gc
from typing import Any


def post_worker_init(worker: Any) -> None:
    """Superset has been loaded: leave its million objects out of Python's collections of garbage.

    Each full collection would halt all requests of the process for a third of a second.
    """
    gc.collect()
    gc.freeze()

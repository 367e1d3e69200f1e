"""Superset's web server, as the demo and the tests run it. The stack runs `docker/scripts/web.sh`."""

from __future__ import annotations

import contextlib
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from servers.ports import HOST
from servers.processes import Service, running


@contextlib.contextmanager
def superset(
    port: int, log: Path, *, environment: Mapping[str, str], folder: Path | None = None, python: str = sys.executable
) -> Iterator[Service]:
    """Serve the Superset of these variables until the block ends; begin once it answers, after about ten seconds.

    `python` is that of another environment, `folder` the one to run in.
    """
    command = [
        *(python, "-m", "gunicorn", "--bind", f"{HOST}:{port}", "--workers", "2", "--worker-class", "gthread"),
        *("--threads", "8", "--timeout", "120", "--preload", "superset.app:create_app()"),
    ]
    with running("the server", command, log, environment=environment, folder=folder) as server:
        server.wait_until(lambda: healthy(port))
        yield server


def healthy(port: int) -> bool:
    """Whether Superset answers on this port."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=5):
            return True
    except OSError:
        return False

"""What the tests in a real Superset share: the deployment without the report, and a Redis."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from deployment import Deployment, put_back


def wait_for_port(port: int) -> None:
    """Until a server of this machine answers there, half a minute at most."""
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"nothing answers on port {port}"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis of our own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture
def bare(deployment: Deployment) -> Iterator[Deployment]:
    """The deployment with the report taken out; it is back afterwards."""
    from superset_campaign_plugin.bundle.uninstall import uninstall

    with deployment.app.app_context():
        uninstall()
        yield deployment
        put_back()

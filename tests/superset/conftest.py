"""What the tests in a real Superset share: the deployment without the report, and a Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deployment import Deployment, put_back

from servers.ports import HOST, free_port
from servers.redis_server import redis_server as start_redis


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis of our own."""
    folder, port = tmp_path_factory.mktemp("redis"), free_port()
    with start_redis(folder, port, folder / "server.log"):
        yield f"redis://{HOST}:{port}/0"


@pytest.fixture
def bare(deployment: Deployment) -> Iterator[Deployment]:
    """The deployment with the report taken out; it is back afterwards."""
    from superset_campaign_plugin.bundle.uninstall import uninstall

    with deployment.app.app_context():
        uninstall()
        yield deployment
        put_back()

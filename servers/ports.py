"""Where servers for this machine alone listen."""

from __future__ import annotations

import random
import socket

from servers.errors import ServerError

HOST = "127.0.0.1"
# Below the ports that the system gives to connections that go out, so that none of those is in the way later.
FREE_PORTS = range(20_000, 32_000)


def port_fault(port: int) -> OSError | None:
    """Why no server could listen there; None where one could."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error
    return None


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    return port_fault(port) is None


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    for port in random.sample(FREE_PORTS, 200):
        if is_free(port):
            return port
    raise ServerError("no port of this machine is free")


def answers(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0

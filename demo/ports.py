"""Where servers for this machine alone listen."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


def port_fault(port: int) -> OSError | None:
    """Why no server could listen there; None where one could."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error
    return None

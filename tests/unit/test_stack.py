"""What a stack says before it starts anything. `browser/test_portal.py` starts one."""

from __future__ import annotations

import fcntl
import socket
import stat
from pathlib import Path

import pytest

from servers.ports import HOST, free_port
from stack.errors import StackError
from stack.settings import environment, load_settings
from stack.start import started


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind((HOST, 0))
        busy.listen()
        port = busy.getsockname()[1]
        with (
            pytest.raises(StackError, match=rf"port {port} on 127\.0\.0\.1 is in use"),
            started(tmp_path / "stack", port=port, portal_port=None),
        ):
            pytest.fail("it started")


def test_two_stacks_over_one_folder(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (
            pytest.raises(StackError, match=r"runs over .* already"),
            started(tmp_path, port=free_port(), portal_port=None),
        ):
            pytest.fail("it started")


def test_secrets_stay_and_are_their_owners_alone(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert stat.S_IMODE((tmp_path / "settings.json").stat().st_mode) == 0o600
    assert load_settings(tmp_path) == settings
    assert len(set(settings.secrets.values())) == len(settings.secrets)


def test_variables_of_another_superset_do_not_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERSET_PREVIOUS_SECRET_KEY", "theirs")
    monkeypatch.setenv("ENABLE_PROXY_FIX", "1")
    variables = environment(tmp_path, load_settings(tmp_path), 8088, None)
    assert "theirs" not in variables.values()
    assert "ENABLE_PROXY_FIX" not in variables
    assert "SUPERSET_PORTAL_ORIGINS" not in variables

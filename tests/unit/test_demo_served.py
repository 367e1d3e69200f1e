"""Which file the demo serves: made-up campaigns, or somebody's own, each with a Superset of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.served import MADE_UP, STATE, DemoError, own_database


def test_an_own_file_has_a_superset_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "campaigns.duckdb"
    file.write_bytes(b"x")
    served = own_database(str(file), "bulk", None)
    assert (served.warehouse, served.source, served.schema, served.made_up) == (file, "bulk", None, False)
    assert own_database(f"duckdb:///{file}", "bulk", None) == served
    states = {MADE_UP.state, served.state, own_database(str(file), "bulk", "marketo").state}
    assert len(states) == 3
    assert all(state == STATE or state.parent == STATE for state in states)


def test_a_file_that_has_grown_is_installed_again(tmp_path: Path) -> None:
    file = tmp_path / "campaigns.duckdb"
    file.write_bytes(b"x")
    before = own_database(str(file), "bulk", None).version()
    assert own_database(str(file), "bulk", None).version() == before
    file.write_bytes(b"xy")
    assert own_database(str(file), "bulk", None).version() != before
    assert MADE_UP.version() == ""


def test_what_cannot_be_served_is_told(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"no file .*nowhere\.duckdb"):
        own_database(str(tmp_path / "nowhere.duckdb"), "bulk", None)
    (tmp_path / "campaigns.duckdb").write_bytes(b"x")
    with pytest.raises(DemoError, match="unknown source 'bluk'"):
        own_database(str(tmp_path / "campaigns.duckdb"), "bluk", None)

"""Whoever asked before asks again afterwards, also where the code within failed."""

from __future__ import annotations

import pytest
from flask import Flask, g

from superset_campaign_plugin.host.acting import acting_as


def test_the_user_of_before_comes_back() -> None:
    with Flask("asked").app_context():
        g.user = "ann"
        with acting_as("bob"):
            assert g.user == "bob"
        assert g.user == "ann"


@pytest.mark.parametrize("before", ["ann", None])
def test_also_after_an_error(before: str | None) -> None:
    with Flask("asked").app_context():
        g.user = before
        with pytest.raises(ZeroDivisionError), acting_as("bob"):
            raise ZeroDivisionError
        assert g.user == before


def test_where_nobody_asked_nobody_does() -> None:
    with Flask("asked").app_context():
        with pytest.raises(ZeroDivisionError), acting_as("bob"):
            raise ZeroDivisionError
        assert "user" not in g

"""The names of endpoints are Superset's own; where one is gone nothing is open that was closed."""

from __future__ import annotations

import logging

import pytest
from deployment import Deployment
from flask import Flask

from superset_campaign_plugin.errors import HookError
from superset_campaign_plugin.host import endpoints

REFUSED = sorted(endpoints.PICTURES | endpoints.PICTURES_BY_KEY)
ANSWERED = sorted(endpoints.OPEN | endpoints.ANSWERED)


def copy_of(app: Flask, renamed: str) -> Flask:
    """An application with the same endpoints, but for one that has another name."""
    copy = Flask("copy", static_folder=None)
    for rule in app.url_map.iter_rules():
        name = "Renamed.view" if rule.endpoint == renamed else rule.endpoint
        copy.url_map.add(rule.empty())
        copy.url_map._rules[-1].endpoint = name
    return copy


def test_every_name_is_one_of_superset(deployment: Deployment, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        endpoints.check_endpoints(deployment.app)
    assert caplog.records == []


@pytest.mark.parametrize("name", REFUSED)
def test_without_a_name_by_which_something_is_refused_nothing_starts(deployment: Deployment, name: str) -> None:
    with pytest.raises(HookError, match=f"no endpoint {name}, ") as error:
        endpoints.check_endpoints(copy_of(deployment.app, name))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ANSWERED)
def test_a_name_at_which_guests_are_answered_is_logged(
    deployment: Deployment, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Under its new name it is on no list, so guests are refused there: `test_every_route` walks all that there are."""
    with caplog.at_level(logging.WARNING):
        endpoints.check_endpoints(copy_of(deployment.app, name))
    [record] = caplog.records
    assert f"no endpoint {name}, so the part" in record.getMessage()


def test_what_guests_are_answered_is_what_is_said_of_each_field() -> None:
    from superset_campaign_plugin.embedding.fields import ANSWERS

    assert set(ANSWERS) == endpoints.ANSWERED


def test_a_picture_of_a_new_release_is_refused_by_its_name() -> None:
    assert endpoints.is_picture_by_key("ReportRestApi.take_Screenshot")
    assert endpoints.is_picture_by_key("ChartRestApi.screenshot")
    # These say of which dashboard or chart they are, and are looked at by that.
    assert not any(endpoints.is_picture_by_key(name) for name in endpoints.PICTURES)
    assert not endpoints.is_picture_by_key("ChartRestApi.data")


@pytest.fixture
def unchecked(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A deployment whose start has not ended as Superset's does, and in which a name is gone."""
    monkeypatch.delitem(deployment.app.extensions, "superset_campaign_endpoints")
    monkeypatch.setattr(endpoints, "PICTURES", endpoints.PICTURES | {"ChartRestApi.drawing"})
    return deployment


def test_nothing_is_answered_before_the_names_are_compared(
    unchecked: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = unchecked.app.test_client()
    for path in ("/health", "/login/", "/api/v1/chart/data", "/static/assets/manifest.json", "/nowhere"):
        answer = client.get(path)
        assert answer.status_code == 503, path
        assert "ChartRestApi.drawing" not in answer.get_data(as_text=True)
    assert "no endpoint ChartRestApi.drawing" in caplog.text
    monkeypatch.setattr(endpoints, "PICTURES", endpoints.PICTURES - {"ChartRestApi.drawing"})
    assert client.get("/health").status_code == 200
    assert unchecked.app.extensions["superset_campaign_endpoints"]

"""What Superset needs to send reports and alerts: what its configuration lacks, and which servers do not answer.

Needs a Superset application context.
"""

from __future__ import annotations

import shutil
import socket
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urljoin

from flask import current_app
from superset import is_feature_enabled
from superset.extensions import celery_app

from superset_campaign_plugin.warehouse import reason

_SECONDS = 5
# What Superset's own configuration has, and nobody's server is.
_NO_SENDER = "superset@superset.com"
_NO_ADDRESS = "http://0.0.0.0:8080/"
_SCHEDULER = "reports.scheduler"


def lacking() -> list[str]:
    """A phrase for each setting without which no report is ever sent: what to write into superset_config.py."""
    config = current_app.config
    found = []
    if not is_feature_enabled("ALERT_REPORTS"):
        found.append('FEATURE_FLAGS = {"ALERT_REPORTS": True}')
    if config["SMTP_MAIL_FROM"] == _NO_SENDER:
        found.append("SMTP_HOST, SMTP_PORT, SMTP_USER, SMTP_PASSWORD and SMTP_MAIL_FROM of your mail server")
    if config["WEBDRIVER_BASEURL"] == _NO_ADDRESS:
        found.append(
            "WEBDRIVER_BASEURL, where workers reach Superset's web server, and WEBDRIVER_BASEURL_USER_FRIENDLY, where "
            "people do"
        )
    if not _beat_asks_for_reports():
        found.append(
            "CELERY_CONFIG with Superset's own imports and beat_schedule: class "
            "CeleryConfig(superset.config.CeleryConfig)"
        )
    if config["ALERT_REPORTS_NOTIFICATION_DRY_RUN"]:
        found.append("ALERT_REPORTS_NOTIFICATION_DRY_RUN = False, since mails are only logged")
    return found


def not_answering(*, pictures: bool) -> list[str]:
    """A phrase for each server or program that reports need and that does not answer from here.

    `pictures` is for reports that a browser takes a picture of. Workers may run elsewhere, with programs of their own.
    Nobody can ask beat whether it runs.
    """
    checks: list[tuple[str, Callable[[], None]]] = [
        ("the mail server", _ask_mail_server),
        ("Superset's web server", _ask_web_server),
        ("a Celery worker", _ask_workers),
    ]
    found = []
    for name, ask in checks:
        try:
            ask()
        except Exception as error:  # of whatever library the queue is of
            found.append(f"{name} does not answer: {reason(error)}")
    return [*found, *(_missing_programs() if pictures else ())]


def _beat_asks_for_reports() -> bool:
    schedule = celery_app.conf.beat_schedule or {}
    imports = celery_app.conf.imports or ()
    return "superset.tasks.scheduler" in imports and any(entry.get("task") == _SCHEDULER for entry in schedule.values())


def _ask_mail_server() -> None:
    host, port = current_app.config["SMTP_HOST"], current_app.config["SMTP_PORT"]
    try:
        socket.create_connection((host, port), timeout=_SECONDS).close()
    except OSError as error:
        raise OSError(f"SMTP_HOST {host}, port {port}: {error.strerror or error}") from error


def _ask_web_server() -> None:
    base = current_app.config["WEBDRIVER_BASEURL"]
    try:
        urllib.request.urlopen(urljoin(base, "health"), timeout=_SECONDS).close()  # noqa: S310 - of the configuration
    except OSError as error:
        raise OSError(f"WEBDRIVER_BASEURL {base}: {getattr(error, 'reason', error)}") from error


def _ask_workers() -> None:
    if not celery_app.control.inspect(timeout=1).ping():
        raise OSError("run celery --app=superset.tasks.celery_app:app worker, and the same with beat, once")


def _missing_programs() -> Iterator[str]:
    if find_spec("PIL") is None:
        yield "Pillow, which makes PDF files of pictures, is not installed here: pip install pillow"
    if is_feature_enabled("PLAYWRIGHT_REPORTS_AND_THUMBNAILS") and find_spec("playwright"):
        return
    kind = current_app.config["WEBDRIVER_TYPE"]
    driver = {"chrome": "chromedriver", "firefox": "geckodriver"}.get(kind, kind)
    service = current_app.config["WEBDRIVER_CONFIGURATION"].get("service", {})
    chosen = service.get("executable_path")
    if not (Path(chosen).exists() if chosen else shutil.which(driver)):
        yield (
            f"{chosen or driver}, which WEBDRIVER_TYPE {kind!r} needs, is not here; install it and its browser beside "
            "the worker"
        )

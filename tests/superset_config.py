"""The Superset of the tests: everything lies in the folder that the environment names."""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pymysql

from superset_campaign_plugin import init_app as FLASK_APP_MUTATOR  # noqa: F401 - Superset's name for the hook
from superset_campaign_plugin.engines.spark import TIME_GRAINS

# Superset asks MySQL's other driver what the types of columns are.
pymysql.install_as_MySQLdb()
# Superset's own time grains for `hive://` are wrong on Spark.
TIME_GRAIN_ADDON_EXPRESSIONS = {"hive": TIME_GRAINS}

SECRET_KEY = os.environ["CAMPAIGN_TEST_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = f"sqlite:///{os.environ['CAMPAIGN_TEST_FOLDER']}/superset.db"
# Tests are quicker than people; those of the limit set their own.
SUPERSET_CAMPAIGN = {
    "marketo_url": "https://app-test.marketo.example",
    "previews_per_minute": 0,
    **json.loads(os.environ.get("CAMPAIGN_TEST_SETTINGS", "{}")),
}
AUTH_RATE_LIMITED = False
# A name after a minus is off, which matters for those that are on in Superset by themselves.
FEATURE_FLAGS = {
    "EMBEDDED_SUPERSET": True,
    **{name.lstrip("-"): not name.startswith("-") for name in os.environ.get("CAMPAIGN_TEST_FLAGS", "").split()},
}
GUEST_ROLE_NAME = "Campaign Report Guest"
GUEST_TOKEN_JWT_SECRET = f"guests {SECRET_KEY}"
# A token outlives a long test on a busy machine, which else would go on as a stranger.
GUEST_TOKEN_JWT_EXP_SECONDS = 6 * 60 * 60

if FEATURE_FLAGS.get("GLOBAL_ASYNC_QUERIES"):
    _redis = urlsplit(os.environ["CAMPAIGN_TEST_REDIS"])
    CACHE_CONFIG = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": _redis.geturl(), "CACHE_KEY_PREFIX": "metadata_"}
    DATA_CACHE_CONFIG = {**CACHE_CONFIG, "CACHE_KEY_PREFIX": "data_"}
    GLOBAL_ASYNC_QUERIES_CACHE_BACKEND = {
        "CACHE_TYPE": "RedisCache",
        "CACHE_REDIS_HOST": _redis.hostname,
        "CACHE_REDIS_PORT": _redis.port,
    }
    GLOBAL_ASYNC_QUERIES_JWT_SECRET = f"events {SECRET_KEY}"

if "CAMPAIGN_TEST_SWITCH" in os.environ:

    def GET_FEATURE_FLAGS_FUNC(flags: dict[str, bool]) -> dict[str, bool]:
        """Of the flags of the start those alone that the test's file names, if there is one."""
        try:
            switched_on = Path(os.environ["CAMPAIGN_TEST_SWITCH"]).read_text().split()
        except FileNotFoundError:
            return flags
        return {**flags, **{name: name in switched_on for name in os.environ["CAMPAIGN_TEST_FLAGS"].split()}}


if "CAMPAIGN_TEST_MAIL_PORT" in os.environ:
    # Reports by mail, to a server of the test; WEBDRIVER_BASEURL is where the test serves this Superset.
    SMTP_HOST, SMTP_PORT, SMTP_STARTTLS = "127.0.0.1", int(os.environ["CAMPAIGN_TEST_MAIL_PORT"]), False
    SMTP_USER = SMTP_PASSWORD = ""
    SMTP_MAIL_FROM = "superset@example.com"
    WEBDRIVER_BASEURL = WEBDRIVER_BASEURL_USER_FRIENDLY = os.environ["CAMPAIGN_TEST_ADDRESS"]
    WEBDRIVER_OPTION_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    WEBDRIVER_WINDOW = {"dashboard": (1280, 1500), "slice": (1280, 800), "pixel_density": 1}
    SCREENSHOT_SELENIUM_HEADSTART = 0
    SCREENSHOT_SELENIUM_ANIMATION_WAIT = 1


class CELERY_CONFIG:
    """A worker of the tests refreshes the report every two seconds."""

    broker_url = os.environ.get("CAMPAIGN_TEST_REDIS", "memory://")
    result_backend = os.environ.get("CAMPAIGN_TEST_REDIS", "cache+memory://")
    imports = ("superset.tasks.scheduler",)
    beat_schedule = {  # noqa: RUF012
        "campaign report": {"task": "superset_campaign.refresh", "schedule": 2.0},
        "reports.scheduler": {"task": "reports.scheduler", "schedule": 60.0},
    }

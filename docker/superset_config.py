"""Superset's configuration in production; everything comes from the environment, and nothing has a default secret.

README.md beside this file has a table of the variables.
"""

import os
from copy import deepcopy

from celery.schedules import crontab
from superset.config import TALISMAN_CONFIG as SUPERSETS_TALISMAN_CONFIG
from superset.config import CeleryConfig as SupersetsCeleryConfig

from superset_campaign_plugin import init_app as FLASK_APP_MUTATOR  # noqa: F401 - Superset's name for the hook


def _is_on(name: str) -> bool:
    return os.environ.get(name, "").lower() in ("1", "true", "yes", "on")


SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
# After a change of the key, the old one lets `superset re-encrypt-secrets` read what it encrypted.
if previous := os.environ.get("SUPERSET_PREVIOUS_SECRET_KEY"):
    PREVIOUS_SECRET_KEY = previous
SQLALCHEMY_DATABASE_URI = os.environ["SUPERSET_DATABASE_URI"]

# ---------------------------------------------------------------------------------------------------------------
# Redis: the workers' queue, their results, the caches and the counts of limits, each in a database of its own

_REDIS = os.environ["REDIS_URL"].rstrip("/")


def _cache(name: str, seconds: int) -> dict[str, object]:
    return {
        # Without Redis, charts are computed anew and people notice little.
        "CACHE_TYPE": "superset_campaign_plugin.caching.ForgivingRedisCache",
        "CACHE_REDIS_URL": f"{_REDIS}/2",
        "CACHE_KEY_PREFIX": f"superset_{name}_",
        "CACHE_DEFAULT_TIMEOUT": seconds,
    }


_DAY = 24 * 60 * 60
CACHE_CONFIG = _cache("metadata", _DAY)
# A refresh by the hour makes figures that are older than this wrong.
DATA_CACHE_CONFIG = _cache("data", int(os.environ.get("SUPERSET_DATA_CACHE_SECONDS") or 900))
# What a link to a filtered dashboard refers to must not be lost with Redis: Superset's own default keeps it with the
# metadata.
RATELIMIT_STORAGE_URI = f"{_REDIS}/3"
# Without Redis each process counts by itself.
RATELIMIT_IN_MEMORY_FALLBACK_ENABLED = True


class CeleryConfig(SupersetsCeleryConfig):
    """Superset's own tasks and schedule, and the refresh of the report's stored tables."""

    broker_url = f"{_REDIS}/0"
    result_backend = f"{_REDIS}/1"
    broker_connection_retry_on_startup = True
    beat_schedule = dict(SupersetsCeleryConfig.beat_schedule)  # noqa: RUF012 - Celery reads plain attributes


CELERY_CONFIG = CeleryConfig
if _refresh := os.environ.get("CAMPAIGN_REFRESH", "15 * * * *"):
    CeleryConfig.beat_schedule["campaign report"] = {
        "task": "superset_campaign.refresh",
        "schedule": crontab.from_string(_refresh),
    }

# ---------------------------------------------------------------------------------------------------------------
# The report

SUPERSET_CAMPAIGN: dict[str, object] = {}
if marketo_url := os.environ.get("MARKETO_URL"):
    SUPERSET_CAMPAIGN["marketo_url"] = marketo_url

# ---------------------------------------------------------------------------------------------------------------
# Reports and alerts by mail: without a mail server Superset offers none

FEATURE_FLAGS: dict[str, bool] = {}
if _mail_server := os.environ.get("SMTP_HOST"):
    # A report has a picture of each tab, as Chromium shows it.
    FEATURE_FLAGS |= {"ALERT_REPORTS": True, "ALERT_REPORT_TABS": True, "PLAYWRIGHT_REPORTS_AND_THUMBNAILS": True}
    SMTP_HOST = _mail_server
    SMTP_PORT = int(os.environ.get("SMTP_PORT") or 587)
    SMTP_USER = os.environ.get("SMTP_USER", "")
    SMTP_PASSWORD = os.environ.get("SMTP_PASSWORD", "")
    SMTP_MAIL_FROM = os.environ.get("SMTP_FROM") or f"superset@{_mail_server}"
    SMTP_SSL = _is_on("SMTP_SSL")
    SMTP_STARTTLS = not SMTP_SSL and os.environ.get("SMTP_STARTTLS") != "0"
    # Else a server with any certificate would get the password.
    SMTP_SSL_SERVER_AUTH = True
# The worker's browser opens the dashboard here, as the owner of the report sees it; links in mails lead to the other.
_local = f"http://127.0.0.1:{os.environ.get('SUPERSET_PORT', '8088')}"
WEBDRIVER_BASEURL = os.environ.get("SUPERSET_INTERNAL_URL") or _local
WEBDRIVER_BASEURL_USER_FRIENDLY = os.environ.get("SUPERSET_PUBLIC_URL") or _local
# Tall enough for each tab: for a picture of what is taller Chromium resizes the page, and on a busy machine charts are
# then cut at the side. Twice as sharp as a screen.
WEBDRIVER_WINDOW = {"dashboard": (1280, 1500), "slice": (1280, 800), "pixel_density": 2}
# In a container Chromium can neither make a sandbox of its own nor rely on /dev/shm; it opens Superset's pages alone.
WEBDRIVER_OPTION_ARGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]

# ---------------------------------------------------------------------------------------------------------------
# Portals that embed it

TALISMAN_CONFIG = deepcopy(SUPERSETS_TALISMAN_CONFIG)
_origins = os.environ.get("SUPERSET_PORTAL_ORIGINS", "").split()
# Browsers refuse to show Superset's pages within those of any other origin.
TALISMAN_CONFIG["content_security_policy"]["frame-ancestors"] = ["'self'", *_origins]
if _origins:
    FEATURE_FLAGS["EMBEDDED_SUPERSET"] = True
    GUEST_ROLE_NAME = "Campaign Report Guest"
    GUEST_TOKEN_JWT_SECRET = os.environ["GUEST_TOKEN_JWT_SECRET"]

# ---------------------------------------------------------------------------------------------------------------
# Behind a proxy

ENABLE_PROXY_FIX = _is_on("ENABLE_PROXY_FIX")
SESSION_COOKIE_SECURE = _is_on("SESSION_COOKIE_SECURE")
TALISMAN_CONFIG["session_cookie_secure"] = SESSION_COOKIE_SECURE

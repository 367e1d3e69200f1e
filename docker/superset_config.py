"""Superset's configuration in the image; everything comes from the environment, and nothing has a default secret."""

import os

from superset_campaign_plugin import init_app as FLASK_APP_MUTATOR  # noqa: F401 - Superset's name for the hook

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = os.environ["SUPERSET_DATABASE_URI"]

SUPERSET_CAMPAIGN = {}
if marketo_url := os.environ.get("MARKETO_URL"):
    SUPERSET_CAMPAIGN["marketo_url"] = marketo_url

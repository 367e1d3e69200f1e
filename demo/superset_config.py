"""Superset's configuration for the demo. `python -m demo` passes the folder of its state and the key in the
environment; nothing secret stands here.
"""

import os
from pathlib import Path

from superset_campaign_plugin import init_app as FLASK_APP_MUTATOR  # noqa: F401 - Superset's name for the hook

_STATE = Path(os.environ["CAMPAIGN_DEMO_STATE"])

SECRET_KEY = os.environ["CAMPAIGN_DEMO_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = f"sqlite:///{os.environ.get('CAMPAIGN_DEMO_METADATA', _STATE / 'superset.db')}"
SUPERSET_CAMPAIGN = {"marketo_url": "https://app-demo.marketo.example"}

_CACHE = {"CACHE_TYPE": "FileSystemCache", "CACHE_THRESHOLD": 2000, "CACHE_DEFAULT_TIMEOUT": 86400}
CACHE_CONFIG = {**_CACHE, "CACHE_DIR": str(_STATE / "cache" / "metadata")}
DATA_CACHE_CONFIG = {**_CACHE, "CACHE_DIR": str(_STATE / "cache" / "data")}
FILTER_STATE_CACHE_CONFIG = {**_CACHE, "CACHE_DIR": str(_STATE / "cache" / "filters")}
EXPLORE_FORM_DATA_CACHE_CONFIG = {**_CACHE, "CACHE_DIR": str(_STATE / "cache" / "explore")}

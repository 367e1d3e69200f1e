"""Superset's configuration for the measurement of the speed patches: that of the demo, with guests and no limits."""

from demo.superset_config import *  # noqa: F403 - all of the demo's settings

FEATURE_FLAGS = {"EMBEDDED_SUPERSET": True}
GUEST_ROLE_NAME = "Campaign Report Guest"
GUEST_TOKEN_JWT_SECRET = "guests of a measurement, on this machine alone"  # noqa: S105
GUEST_TOKEN_JWT_EXP_SECONDS = 6 * 60 * 60
SUPERSET_CAMPAIGN = {}

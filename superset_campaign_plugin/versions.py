"""Which releases of Superset the plugin runs in.

The extra `superset` in pyproject.toml names the same range. It holds nobody who installs the plugin beside a Superset
that is there already, so it is checked again where the plugin starts.
"""

from __future__ import annotations

import re
from importlib import metadata, util

from superset_campaign_plugin import __version__
from superset_campaign_plugin.errors import InstallError

# (major, minor) of the releases that the tests run in.
SUPPORTED = ((6, 0), (6, 1))
_UNKNOWN = "of an unknown version"


def superset_version() -> str | None:
    """The version of the Superset in this environment; None where there is none. Loads nothing of it."""
    try:
        return metadata.version("apache-superset")
    except metadata.PackageNotFoundError:
        return None if util.find_spec("superset") is None else _UNKNOWN


def superset_release() -> tuple[int, int]:
    """The (major, minor) of that version; (0, 0) where it is not known."""
    numbers = re.match(r"(\d+)\.(\d+)", superset_version() or "")
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def check_superset_version() -> None:
    """Raise `InstallError` where no Superset is installed, or one of a release that is not supported."""
    found = superset_version()
    if found is None:
        raise InstallError(
            "Superset is not installed in this environment; run this command in the environment of your Superset"
        )
    if superset_release() not in SUPPORTED:
        known = " and ".join(f"{major}.{minor}" for major, minor in SUPPORTED)
        raise InstallError(
            f"this is Superset {found}, and superset_campaign_plugin {__version__} runs in Superset {known}; install a "
            "release of the plugin for this Superset, or take its line out of superset_config.py"
        )

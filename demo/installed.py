"""What the demo and the stack install: its version, and where it is seen."""

from __future__ import annotations

import hashlib
from pathlib import Path

from superset_campaign_plugin import resources

DASHBOARD = "superset/dashboard/campaign-email-performance/"


def shipped_version() -> str:
    """A hash of all that the installation puts into Superset, so that an upgrade installs again."""
    digest = hashlib.sha256()
    package = Path(resources.__file__).parent
    for folder in (package, package.parent / "datasets", package.parent / "dashboards"):
        for file in sorted(folder.rglob("*")):
            if file.suffix in (".py", ".yaml", ".css"):
                digest.update(file.read_bytes())
    return digest.hexdigest()

"""What Superset does again and again for every chart, done once: measured, and the same answers.

Each is a patch of one method (`records.SPEED`), and acts while a dataset of the plugin is asked (`scope.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from superset_campaign_plugin.host.speed import default_schema, guest_rules, parsing, scope


def register(own: Collection[UUID]) -> None:
    """Apply all of them, for the datasets of these UUIDs; doing it again changes nothing."""
    scope.register(own)
    default_schema.register()
    guest_rules.register()
    parsing.register()

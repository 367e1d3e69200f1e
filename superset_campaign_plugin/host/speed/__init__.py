"""What Superset 6.1 does again and again for every chart, done once: measured, and the same answers.

Each wraps a method of Superset (`around.py`), and does nothing where a release lacks that method.
All of them can go when Superset has its own.
"""

from __future__ import annotations

from superset_campaign_plugin.host.speed.default_schema import remember_default_schema
from superset_campaign_plugin.host.speed.guest_rules import find_guest_rules_by_id
from superset_campaign_plugin.host.speed.parsing import remember_parsed_sql
from superset_campaign_plugin.host.speed.permissions import look_permissions_up_once
from superset_campaign_plugin.host.speed.time_ranges import work_time_ranges_out_once


def take_shortcuts() -> None:
    """Take all of them; doing it again changes nothing."""
    remember_default_schema()
    remember_parsed_sql()
    find_guest_rules_by_id()
    look_permissions_up_once()
    work_time_ranges_out_once()

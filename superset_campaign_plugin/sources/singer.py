"""Singer's tap-marketo, and Stitch, which runs it: as Airbyte's streams, with sync columns of its own."""

from __future__ import annotations

from dataclasses import replace

from superset_campaign_plugin.sources.airbyte import LAYOUT as AIRBYTE

LAYOUT = replace(
    AIRBYTE,
    name="singer",
    title="Singer tap-marketo, Stitch",
    columns=replace(
        AIRBYTE.columns,
        email_id="primary_attribute_value_id",
        email_name="primary_attribute_value",
        loaded_at=("_sdc_batched_at", "_sdc_received_at", "_sdc_extracted_at"),
    ),
)

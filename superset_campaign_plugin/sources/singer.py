"""Singer's tap-marketo, and Stitch, which runs it: as Airbyte's streams, with sync columns of its own.

Where the destination cannot nest, the list `merge_ids` becomes a table, whose rows name the merge by its activity id.
"""

from __future__ import annotations

from dataclasses import replace

from superset_campaign_plugin.sources.airbyte import LAYOUT as AIRBYTE
from superset_campaign_plugin.sources.layout import MergedIdsTable

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
    merged_ids=MergedIdsTable(
        table="activities_merge_leads__merge_ids", merge="_sdc_source_key_marketoGUID", ids=("value", "_sdc_value")
    ),
)

"""The datasets as views over the stored tables.

A view holds all of a dataset but its links to previews, which are the deployment's. It reads the stored tables alone: a
view over a loader's table would keep some engines from letting the loader replace it.
"""

from __future__ import annotations

from dataclasses import replace

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.refresh.tables import StoredFacts, view_name
from superset_campaign_plugin.report.datasets import QUALITY_DATASET, Options, compose_dataset
from superset_campaign_plugin.report.sqltext import plain_sql
from superset_campaign_plugin.semantics import load_semantics


def view_queries(engine: Engine, schema: str | None, options: Options) -> dict[str, str]:
    """The SQL of each view over the stored tables of `schema`, by the view's name."""
    facts = StoredFacts(schema, engine, as_of=None)
    without_links = replace(options, preview_path=None)
    return {
        view_name(name): plain_sql(compose_dataset(name, facts, engine, without_links), engine)
        for name in load_semantics().names(people=True)
        if name != QUALITY_DATASET
    }

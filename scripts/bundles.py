"""Writes dist/bundles/<layout>-<engine>.zip, of which each needs no warehouse to be made: `make bundles`.

A release ships them. Each is for Superset's import of dashboards, and its tables are in the schema that the
connection's address names.
"""

from __future__ import annotations

from pathlib import Path

from superset_campaign_plugin.bundle.assemble import Target, write_bundle_for_layout
from superset_campaign_plugin.engines import ENGINES
from superset_campaign_plugin.sources import layouts

FOLDER = Path(__file__).resolve().parent.parent / "dist" / "bundles"


def write(folder: Path) -> list[Path]:
    """Write all of them into the folder, which is made; gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for source in sorted(layouts()):
        for engine in sorted({engine.name for engine in ENGINES.values()} - {"sqlite"}):  # Superset refuses SQLite
            written.append(folder / f"{source}-{engine}.zip")
            write_bundle_for_layout(written[-1], engine=engine, schema=None, source=source, target=Target())
    return written


if __name__ == "__main__":
    print(f"{len(write(FOLDER))} bundles in {FOLDER}")

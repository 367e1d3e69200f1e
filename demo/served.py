"""What the demo serves: the year that it makes up, or a DuckDB file that somebody has."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from servers.errors import ServerError
from superset_campaign_plugin.errors import CampaignError
from superset_campaign_plugin.sources.custom import is_mapping
from superset_campaign_plugin.sources.resolved import resolve

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".demo"


class DemoError(ServerError):
    """Something that the person at the keyboard can correct; the message says how."""


@dataclass(frozen=True)
class Served:
    """A warehouse with the layout and schema of its tables, and the folder of the Superset that serves it.

    Of the made-up one, what the dashboard reads is stored beside. Another one is read as it is, since `load` and
    `pull-activities` add to it meanwhile.
    """

    warehouse: Path
    source: str
    schema: str | None
    state: Path
    made_up: bool

    def version(self) -> str:
        """What the installation depends on besides the plugin: another file, or other contents."""
        if self.made_up:
            return ""
        status = self.warehouse.stat()
        return f" {self.source} {self.schema} {status.st_mtime_ns} {status.st_size}"


MADE_UP = Served(STATE / "warehouse.duckdb", "fivetran", "marketo", STATE, made_up=True)


def own_database(database: str, source: str, schema: str | None) -> Served:
    """Somebody's file. Raises `DemoError` where there is none, or the layout is unknown."""
    file = Path(database.removeprefix("duckdb:///")).resolve()
    if not file.is_file():
        raise DemoError(f"no file {file}; name a DuckDB file, such as superset-campaign pull-activities writes")
    try:
        if is_mapping(source):
            source = str(Path(source).resolve())  # Superset runs in another folder
        resolve(source, schema)
    except CampaignError as error:
        raise DemoError(str(error)) from error
    name = hashlib.sha256(f"{file} {schema or ''}".encode()).hexdigest()[:12]
    return Served(file, source, schema, STATE / f"own-{name}", made_up=False)

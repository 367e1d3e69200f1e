"""Where the stored tables lie: in the warehouse itself, or on DuckDB in a file of their own beside the loader's.

DuckDB lets one process write a file, or many read it. Stored tables in the loader's file would lock the loader out
while they are read or made, and would be locked by it. So the loader's file is only ever read.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL

from superset_campaign_plugin.database_files import file_of
from superset_campaign_plugin.errors import UsageError
from superset_campaign_plugin.warehouse import parse_uri

_SUFFIX = ".duckdb"
_NAME = "campaign_report"


def loader_file(url: URL) -> Path | None:
    """The loader's DuckDB file; None on another engine, and for a database that is no file."""
    return file_of(url) if url.get_backend_name() == "duckdb" else None


def stored_file(log: Path, chosen: str | None) -> Path:
    """The file of the stored tables: the `chosen` one, or `marketo.campaign_report.duckdb` beside `marketo.duckdb`.

    Raises `UsageError` where that is the loader's own file.
    """
    stem = log.stem if log.suffix == _SUFFIX else log.name
    file = Path(chosen) if chosen else log.with_name(f"{stem}.{_NAME}{_SUFFIX}")
    same = file.resolve() == log.resolve() or (file.exists() and log.exists() and file.samefile(log))
    if same:
        raise UsageError(f"{file} is the loader's own file; the stored tables need another one, see --stored-file")
    return file


def lock_beside(file: Path) -> Path:
    """The file that a refresh locks while it makes the stored tables of `file` anew."""
    return file.resolve().with_name(f".{file.name}.lock")


def stored_uri(uri: str, chosen: str | None = None) -> str:
    """The URI of the database that holds the stored tables of the warehouse at `uri`.

    Raises `UsageError` for a malformed URI, and for a `chosen` file where the warehouse is no DuckDB file.
    """
    url, engine = parse_uri(uri)
    log = loader_file(url)
    if log is None:
        if chosen:
            raise UsageError(
                f"a file of stored tables is for DuckDB alone; on {engine.name} they lie in the warehouse, in the "
                "schema that --stored-schema names"
            )
        return uri
    # Settings in the query, such as access_mode, are those of the connection to the loader's file.
    return str(url.set(database=str(stored_file(log, chosen)), query={}))

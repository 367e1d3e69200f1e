"""Removes the stored tables from the warehouse, and with them whatever else a refresh has made there."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import Connection

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import DatabaseError, RefreshError
from superset_campaign_plugin.locking import file_lock
from superset_campaign_plugin.refresh.fresh import plain_tables
from superset_campaign_plugin.refresh.place import loader_file, lock_beside, stored_file
from superset_campaign_plugin.refresh.session import open_session
from superset_campaign_plugin.refresh.state import read_state, schema_of
from superset_campaign_plugin.refresh.statements import execute, table_name
from superset_campaign_plugin.refresh.tables import STATE, TABLES, view_name
from superset_campaign_plugin.report.datasets import QUALITY_DATASET
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.catalog import LiveCatalog
from superset_campaign_plugin.sources.instances import read_instances
from superset_campaign_plugin.warehouse import connect, parse_uri


def stored_places(
    uri: str, *, source: str, schema: str | None, stored_schema: str, chosen_file: str | None
) -> list[str]:
    """Where stored tables lie that `remove_stored` would remove: schemas, or a DuckDB file."""
    url, _ = parse_uri(uri)
    log = loader_file(url)
    if log is not None:
        file = stored_file(log, chosen_file)
        return [str(file)] if file.exists() else []
    found = []
    with connect(uri) as (connection, engine):
        for instance in read_instances(source, schema):
            place = schema_of(instance, engine, stored_schema)
            if read_state(connection, engine, place) is not None:
                found.append(place or str(url.database))
    return found


def remove_stored(
    uri: str, *, source: str, schema: str | None, stored_schema: str, chosen_file: str | None
) -> list[str]:
    """Remove the stored tables of every Marketo instance; gives their places.

    A schema stays, with the rights on it: an administrator may have made it.

    Raises `RefreshError` while a refresh is running, and `DatabaseError` where the database refuses.
    """
    places = stored_places(uri, source=source, schema=schema, stored_schema=stored_schema, chosen_file=chosen_file)
    log = loader_file(parse_uri(uri)[0])
    if not places:
        return []
    if log is not None:
        _remove_file(stored_file(log, chosen_file))
        return places
    with open_session(uri, chosen_file, write=True) as session:
        for instance in read_instances(source, schema):
            place = schema_of(instance, session.engine, stored_schema)
            if read_state(session.connection, session.engine, place) is not None:
                _remove_tables(session.connection, session.engine, place)
    return places


def _remove_file(file: Path) -> None:
    lock = lock_beside(file)
    with file_lock(lock, RefreshError("a refresh is running; run this again when it is done"), "remove it yourself"):
        try:
            file.resolve().unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
        except OSError as error:
            raise DatabaseError(f"cannot remove {error.filename}: {error.strerror}") from error


def _remove_tables(connection: Connection, engine: Engine, schema: str | None) -> None:
    datasets = {view_name(name) for name in load_semantics().names(people=True) if name != QUALITY_DATASET}
    # Where tables cannot be renamed, a view has the name of each.
    viewed = set(TABLES) - plain_tables(connection, schema) if engine.change_over == "view" else set()
    views = datasets | viewed
    there = LiveCatalog(connection, engine, schema).tables()
    ours = {name for name in there - views if name in TABLES or name.rpartition("_")[0] in TABLES or _of_a_run(name)}

    # The state last: as long as it is there, the rest can be found and removed. Before it what reads others.
    def order(name: str) -> tuple[bool, bool, bool, str]:
        return name.startswith(STATE), name not in datasets, name not in views, name

    for name in sorted((views & there) | ours, key=order):
        kind = "VIEW" if name in views else "TABLE"
        execute(connection, f"DROP {kind} IF EXISTS {table_name(engine, name, schema)}")


def _of_a_run(name: str) -> bool:
    table, run, _ = name.partition("_run_")
    return bool(run) and table in TABLES

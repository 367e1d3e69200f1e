"""What errors advise to check: the options that named the warehouse and its tables, or what stands in their place.

An error arises far from the command that knows how the warehouse was named, so the command says it for all that runs
within. Imports nothing of the package, so that any part may ask.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar

_database: ContextVar[str | None] = ContextVar("database", default=None)
_instance: ContextVar[tuple[str, str] | None] = ContextVar("instance", default=None)
_is_installed: ContextVar[bool] = ContextVar("is_installed", default=False)


@contextlib.contextmanager
def registered(name: str) -> Iterator[None]:
    """Within, the warehouse is the database of that name in this Superset: nobody gave a --uri."""
    token = _database.set(name)
    try:
        yield
    finally:
        _database.reset(token)


@contextlib.contextmanager
def installed_tables() -> Iterator[None]:
    """Within, layout and schema are those of the installed report: the command has no --source and no --schema."""
    token = _is_installed.set(True)
    try:
        yield
    finally:
        _is_installed.reset(token)


@contextlib.contextmanager
def of_instance(name: str | None, file: str) -> Iterator[None]:
    """Within, the tables are those of a Marketo instance that the file names; of the only one, which needs no name."""
    token = _instance.set(None if name is None else (name, file))
    try:
        yield
    finally:
        _instance.reset(token)


def address() -> str:
    """What holds the warehouse's address, as in "check --uri"."""
    name = _database.get()
    return "--uri" if name is None else f"the database {name!r} of this Superset"


def tables(schemas: Sequence[str] = ()) -> str:
    """What to do where the loader's tables are not where, or not what, they should be; `schemas` hold such tables."""
    if len(schemas) == 1:
        where = f"the tables lie in schema {schemas[0]}; "
    elif schemas:
        where = f"such tables lie in the schemas {', '.join(schemas)}; "
    else:
        where = ""
    schema = schemas[0] if len(schemas) == 1 else "NAME"
    if (instance := _instance.get()) is not None:
        name, file = instance
        if schemas:
            return f"{where}give the instance {name} this schema in {file}: {schema}"
        return f"check source and schema of the instance {name} in {file}"
    if _is_installed.get():
        if schemas:
            return f"{where}run: superset campaign install --schema {schema}"
        return "`superset campaign install` sets the layout with --source, and their schema with --schema"
    return f"{where}give --schema {schema}" if schemas else "check --source and --schema"

"""The database connection that the datasets are bound to."""

from __future__ import annotations

import json
from typing import Any

from superset import db
from superset.commands.database.create import CreateDatabaseCommand
from superset.commands.database.exceptions import DatabaseInvalidError
from superset.exceptions import SupersetErrorsException, SupersetException
from superset.models.core import Database

from superset_campaign_plugin.bundle.assemble import CONNECTION_EXTRAS, STORED_NAME
from superset_campaign_plugin.bundle.stored import find
from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.engines.spark import Spark
from superset_campaign_plugin.errors import InstallError, unknown
from superset_campaign_plugin.warehouse import parse_uri

DEFAULT_NAME = "Campaign Warehouse"


def find_database(name: str) -> Database:
    """The registered connection of that name. Raises `InstallError` with the names there are."""
    names = {connection.database_name: connection for connection in db.session.query(Database)}
    if name not in names:
        if not names:
            raise InstallError(f"no database is registered in this Superset, so none is named {name!r}; give a --uri")
        raise InstallError(str(unknown("database", name, names)))
    return names[name]


def check_time_grains(connection: Database) -> None:
    """Raises `InstallError` where Superset would cut times wrongly: for Spark, unless it is told how."""
    if connection.backend != Spark.name:
        return
    week = connection.db_engine_spec.get_time_grain_expressions()["P1W"]
    if week == connection.db_engine_spec._time_grain_expressions["P1W"]:
        raise InstallError(
            "Superset's time grains for hive:// are Hive's, and give wrong weeks on Spark; put the TIME_GRAINS of "
            "superset_campaign_plugin.engines.spark into superset_config.py as docs/engines.md shows"
        )


def create_database(name: str | None, uri: str) -> tuple[Database, bool]:
    """The connection of that name, and whether it was made just now. Raises `InstallError` if it leads elsewhere."""
    url, engine = parse_uri(uri)
    name = name or DEFAULT_NAME
    existing = db.session.query(Database).filter_by(database_name=name).one_or_none()
    if existing is not None:
        if existing.sqlalchemy_uri_decrypted != url.render_as_string(hide_password=False):
            raise InstallError(
                f"the database {name!r} is registered with another address; leave out --uri, or choose another name"
            )
        return existing, False
    return _create(name, uri, engine), True


def stored_database(warehouse: Database, uri: str, known: str | None) -> tuple[Database, bool]:
    """The connection to the file of stored tables at `uri`, and whether it was made just now.

    `known` is the UUID of the one that an earlier installation made; it follows where the file has moved. Raises
    `InstallError` where the name is taken by another connection.
    """
    made = find(Database, known) if known else None
    if made is None:
        return create_database(STORED_NAME.format(warehouse.database_name), uri)
    if made.sqlalchemy_uri_decrypted != uri:
        made.set_sqlalchemy_uri(uri)
    return made, False


def _create(name: str, uri: str, engine: Engine) -> Database:
    properties: dict[str, Any] = {"database_name": name, "sqlalchemy_uri": uri, "expose_in_sqllab": False}
    if engine.name in CONNECTION_EXTRAS:
        properties["extra"] = json.dumps(CONNECTION_EXTRAS[engine.name])
    try:
        return CreateDatabaseCommand(properties).run()
    except DatabaseInvalidError as error:
        raise InstallError(f"Superset refuses the database {name!r}: {error.normalized_messages()}") from error
    except SupersetErrorsException as error:
        raise InstallError(f"Superset refuses the database {name!r}: {error.errors[0].message}") from error
    except SupersetException as error:
        raise InstallError(f"Superset refuses the database {name!r}: {error}") from error

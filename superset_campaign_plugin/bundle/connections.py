"""The database connection that the datasets are bound to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.engine import make_url
from superset import db
from superset.commands.database.create import CreateDatabaseCommand
from superset.commands.database.exceptions import DatabaseInvalidError
from superset.exceptions import SupersetErrorsException, SupersetException
from superset.models.core import Database

from superset_campaign_plugin.bundle.assemble import CONNECTION_EXTRAS, STORED_NAME
from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.engines.spark import Spark
from superset_campaign_plugin.errors import InstallError, UsageError, unknown
from superset_campaign_plugin.host.private import own_time_grain
from superset_campaign_plugin.refresh.state import StoredSource
from superset_campaign_plugin.superset_assets.installed_assets import find
from superset_campaign_plugin.superset_assets.manifest import Manifest
from superset_campaign_plugin.warehouse import parse_uri

DEFAULT_NAME = "Campaign Warehouse"


def find_database(name: str) -> Database:
    """The registered connection of that name. Raises `UsageError` with the names there are."""
    names = {connection.database_name: connection for connection in db.session.query(Database)}
    if name not in names:
        if not names:
            raise UsageError(f"no database is registered in this Superset, so none is named {name!r}; give a --uri")
        raise unknown("database", name, names)
    return names[name]


def check_time_grains(connection: Database) -> None:
    """Raises `InstallError` where Superset would cut times wrongly: for Spark, unless it is told how."""
    if connection.backend != Spark.name:
        return
    week = connection.db_engine_spec.get_time_grain_expressions()["P1W"]
    if week == own_time_grain(connection.db_engine_spec, "P1W"):
        raise InstallError(
            "Superset's time grains for hive:// are Hive's, and give wrong weeks on Spark; put the TIME_GRAINS of "
            "superset_campaign_plugin.engines.spark into superset_config.py as docs/engines.md shows"
        )


@dataclass(eq=False)
class Connection:
    """Superset's connection to a database: registered, or `new` and not registered yet.

    `address` is the URI that a registered one is to be changed to, where its file has moved.
    """

    database: Database
    new: bool = False
    address: str | None = None

    @property
    def uuid(self) -> UUID:
        """Its UUID, which a new one has as well."""
        return UUID(str(self.database.uuid))

    @property
    def uri(self) -> str:
        """Its URI with the password."""
        return self.address or str(self.database.sqlalchemy_uri_decrypted)

    def readable(self) -> Database:
        """A connection to read from, which is not registered where this one is yet to be changed."""
        return self.database if self.address is None else _unregistered(self.database.database_name, self.address)

    def follow(self) -> None:
        """Change the registered address to that which the file has now, within the running transaction."""
        if self.address is not None:
            self.database.set_sqlalchemy_uri(self.address)


def find_connection(name: str | None, uri: str | None) -> Connection:
    """The registered connection of that name, or a new one to `uri`.

    Raises `UsageError` if there is none of that name, or the one of that name leads elsewhere.
    """
    if uri is None:
        if name is None:
            raise UsageError("name the registered database with --database, or give a --uri")
        return Connection(find_database(name))
    url, _ = parse_uri(uri)
    name = name or DEFAULT_NAME
    if make_url(url.render_as_string(hide_password=False)).password != url.password:
        raise UsageError(
            "Superset cannot connect with a password that holds a % before two hexadecimal digits, since SQLAlchemy "
            "writes it another way than it reads it; give the account another password"
        )
    existing = db.session.query(Database).filter_by(database_name=name).one_or_none()
    if existing is None:
        return Connection(_unregistered(name, uri), new=True)
    if existing.sqlalchemy_uri_decrypted != url.render_as_string(hide_password=False):
        raise UsageError(
            f"the database {name!r} is registered with another address; leave out --uri, or choose another name"
        )
    return Connection(existing)


def stored_connection(warehouse: Connection, stored: StoredSource, manifest: Manifest) -> Connection:
    """Superset's connection to the stored tables: the warehouse's own, but to a file of them if they lie in one.

    One that an earlier installation made follows where the file has moved. Raises `InstallError` where the name is
    taken by another connection.
    """
    place = stored.uri(warehouse.uri)
    if place == warehouse.uri:
        return warehouse
    known = manifest.warehouse.get("stored_database")
    made = find(Database, known) if known else None
    if made is None:
        name = STORED_NAME.format(warehouse.database.database_name)
        existing = db.session.query(Database).filter_by(database_name=name).one_or_none()
        if existing is not None and existing.sqlalchemy_uri_decrypted != place:
            raise InstallError(
                f"this Superset has a database {name!r} that is not the file of the stored tables; rename that database"
            )
        return find_connection(name, place)
    return Connection(made, address=place if made.sqlalchemy_uri_decrypted != place else None)


def writable_uri(database: Database) -> str:
    """The URI of a registered connection for who writes: without a setting in its query that lets it read alone."""
    uri = make_url(database.sqlalchemy_uri_decrypted).difference_update_query(["access_mode"])
    return str(uri.render_as_string(hide_password=False))


def register(connection: Connection) -> Database:
    """Register a new connection, which Superset commits at once. Raises `InstallError` where it refuses it."""
    name, engine = connection.database.database_name, get_engine(connection.database.backend)
    properties: dict[str, Any] = {
        "database_name": name,
        "sqlalchemy_uri": connection.uri,
        "expose_in_sqllab": False,
        "uuid": connection.uuid,
    }
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


def _unregistered(name: str, uri: str) -> Database:
    database = Database(database_name=name, uuid=uuid4())
    database.set_sqlalchemy_uri(uri)
    if extra := CONNECTION_EXTRAS.get(database.backend):
        database.extra = json.dumps(extra)
    return database

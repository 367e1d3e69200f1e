"""What `--source` and `--schema` mean, resolved once where a command begins, and handed on as one object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.advice import of_instance
from superset_campaign_plugin.attributes import Attribute
from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.sources import get_layout
from superset_campaign_plugin.sources.build_relations import build_relations
from superset_campaign_plugin.sources.catalog import Catalog, LiveCatalog
from superset_campaign_plugin.sources.instances import Instance, read_instances
from superset_campaign_plugin.sources.layout import Layout
from superset_campaign_plugin.sources.people_columns import people_columns
from superset_campaign_plugin.sources.unreadable import check_values_of


@dataclass(frozen=True)
class Log:
    """The log of one Marketo instance, as it lies in a database: whose it is, its layout, and the tables there.

    `source` is what was given for it, which errors name.
    """

    source: str
    instance: Instance
    layout: Layout
    catalog: Catalog
    engine: Engine

    def relations(self) -> Relations:
        """The canonical relations. Raises `SourceError` for a missing send table or column, or one of a wrong type."""
        with of_instance(self.instance.name, self.source):
            return build_relations(self.layout, self.catalog, self.engine)

    def people_columns(self, attributes: Sequence[Attribute]) -> Select:
        """The attributes of each person, as `sources/people_columns.py` reads them, with its errors."""
        with of_instance(self.instance.name, self.source):
            return people_columns(self.layout, self.catalog, self.engine, attributes)

    def check_values(self, connection: Connection, only: Mapping[str, ColumnElement[Any]] | None = None) -> None:
        """Raise `SourceError` for an id or time that cannot be read: the error names table, column, example.

        `only` are conditions on the rows of some tables, by their names.
        """
        check_values_of(connection, self.engine, self.layout, self.catalog, only)


@dataclass(frozen=True)
class Source:
    """The Marketo instances that a report covers, each with the layout of its tables. `name` is as it was given."""

    name: str
    layouts: tuple[tuple[Instance, Layout], ...]

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The instances in their order."""
        return tuple(instance for instance, _ in self.layouts)

    @property
    def is_several(self) -> bool:
        """Whether the rows of the report say which instance they are of."""
        return self.instances[0].name is not None

    def logs(self, engine: Engine, catalog_of: Callable[[Instance, Layout], Catalog]) -> tuple[Log, ...]:
        """The logs of the instances, whose tables are in the catalogs."""
        return tuple(
            Log(self.name, instance, layout, catalog_of(instance, layout), engine) for instance, layout in self.layouts
        )

    def live_logs(self, connection: Connection, engine: Engine, attached: str | None = None) -> tuple[Log, ...]:
        """The logs in a database; `attached` names it where the connection has attached it beside its own."""
        return self.logs(engine, lambda instance, _: LiveCatalog(connection, engine, instance.schema, attached))


def resolve(source: str, schema: str | None) -> Source:
    """What the source's name and the schema mean: a layout, a mapping file, or a file of Marketo instances.

    Raises `UsageError` for an unknown layout, with the nearest one, and for a fault in a file.
    """
    instances = read_instances(source, schema)
    return Source(source, tuple((instance, get_layout(instance.source)) for instance in instances))

"""A dataset as a document, and changes of it written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from superset import db
from superset.connectors.sqla.models import SqlaTable, SqlMetric, TableColumn
from superset.models.core import Database

from superset_campaign_plugin.bundle.merging.three_way import Document, FieldDifference, Path, Policy, put, same
from superset_campaign_plugin.superset_assets.installed_assets import find

_FIELDS = ("table_name", "description", "main_dttm_col", "catalog", "schema", "sql")
_COLUMN = ("verbose_name", "description", "type", "is_dttm", "groupby", "filterable", "expression")
_METRIC = ("verbose_name", "description", "expression", "d3format")
_BOUND = frozenset(("database", "catalog", "schema", "sql"))
# What the SQL's own columns are, which charts and filters rest on.
_TECHNICAL = frozenset(("type", "is_dttm", "expression"))


def shipped(config: dict[str, Any]) -> Document:
    """The document of a dataset's configuration."""
    return {
        **{name: config[name] for name in _FIELDS},
        "database": config["database_uuid"],
        "extra": config["extra"],
        "columns": {
            each["column_name"]: {name: each[name] for name in _COLUMN if name in each} for each in config["columns"]
        },
        "metrics": {
            each["metric_name"]: {"extra": each["extra"], **{name: each[name] for name in _METRIC}}
            for each in config["metrics"]
        },
    }


def read(dataset: SqlaTable) -> Document:
    """The document of a dataset that is installed."""
    return {
        **{name: getattr(dataset, name) for name in _FIELDS},
        "database": str(dataset.database.uuid) if dataset.database else None,
        "extra": _parsed(dataset.extra),
        "columns": {each.column_name: {name: getattr(each, name) for name in _COLUMN} for each in dataset.columns},
        "metrics": {
            each.metric_name: {"extra": _parsed(each.extra), **{name: getattr(each, name) for name in _METRIC}}
            for each in dataset.metrics
        },
    }


def policy(dataset: SqlaTable) -> Policy:
    """Columns and metrics stay complete, and what is read is always what is shipped."""

    def equal(path: Path, one: Any, other: Any) -> bool:
        if path[0] == "columns" and path[-1] == "type":
            # Superset's "Sync columns" takes the database's own spelling of a type.
            return same(one, other) or _kind(dataset, one) == _kind(dataset, other)
        return same(one, other)

    return Policy(
        records=frozenset(("columns", "metrics")),
        restored=lambda path: len(path) == 2 or (path[0] == "columns" and path[-1] in _TECHNICAL),
        follows=lambda path: path[0] in _BOUND,
        # Superset's editor of datasets takes the certification from every metric that nobody has looked at.
        fragile=lambda path: path[0] == "metrics" and path[2:3] == ("extra",),
        same=equal,
    )


def write(dataset: SqlaTable, differences: Sequence[FieldDifference]) -> None:
    """Write the shipped values of the fields that the installation writes, and leave the rest as it is."""
    # Half of a new binding must not be stored: Superset would make permissions for the old connection's name with the
    # new catalog.
    with db.session.no_autoflush:
        for difference in differences:
            if difference.written:
                _write_field(dataset, difference)


def _write_field(dataset: SqlaTable, difference: FieldDifference) -> None:
    collection = _COLLECTIONS.get(difference.path[0])
    if collection is not None:
        _write_part(dataset, difference, *collection)
    elif difference.path[0] == "database":
        dataset.database = find(Database, difference.now)
    elif difference.path[0] == "extra":
        dataset.extra = _with(dataset.extra, difference.path[1:], difference.now)
    else:
        setattr(dataset, difference.path[0], difference.now)


_COLLECTIONS = {
    "columns": ("columns", TableColumn, "column_name"),
    "metrics": ("metrics", SqlMetric, "metric_name"),
}


def _write_part(dataset: SqlaTable, difference: FieldDifference, attribute: str, model: Any, key: str) -> None:
    _, name, *fields = difference.path
    parts = getattr(dataset, attribute)
    part: Any = next((each for each in parts if getattr(each, key) == name), None)
    if fields:
        if fields[0] == "extra":
            part.extra = _with(part.extra, tuple(fields[1:]), difference.now)
        else:
            setattr(part, fields[0], difference.now)
    elif difference.now is None:
        parts.remove(part)
    else:
        values = dict(difference.now)
        if "extra" in values:
            values["extra"] = json.dumps(values["extra"])
        parts.append(model(**{key: name}, **values))


def _kind(dataset: SqlaTable, type_: str | None) -> Any:
    """What Superset takes a type for: a text, a number, a time …"""
    found = dataset.db_engine_spec.get_column_spec(type_) if type_ else None
    return found.generic_type if found else None


def _parsed(text: str | None) -> dict[str, Any]:
    found = json.loads(text or "{}")
    return found if isinstance(found, dict) else {}


def _with(text: str | None, path: Path, value: Any) -> str:
    extra = _parsed(text)
    put(extra, path, value)
    return json.dumps(extra)

"""What a loader's column can hold, told from the type that a dialect reflects for it.

Loaders and destinations choose types freely: the same id is a BIGINT, a NUMERIC, a DOUBLE or a text, and a list of
ids a text, JSON, or an array of numbers, texts or structs. Each kind is read in its own way; see `reading.py`.
"""

from __future__ import annotations

from enum import Enum

from sqlalchemy import types

from superset_campaign_plugin.engines.rendering import Named


class Kind(Enum):
    """The kinds of columns."""

    WHOLE = "whole number"
    NUMBER = "number with decimals, or wider than 64 bits"
    TEXT = "text"
    FLAG = "boolean"
    BITS = "bits"
    DAY = "date"
    TIME = "time, with or without a zone"
    DOCUMENT = "JSON"
    LIST = "array, struct or map"
    BINARY = "bytes"
    OTHER = "any other type, which is read by way of its text"
    UNKNOWN = "not known: nobody looked at the warehouse"


class Composite(Named):
    """An array, struct or map, where a dialect has no type for it. `name` is the engine's."""


class Unnamed(Composite):
    """A type that the dialect does not know."""


# Types of drivers that may not be installed, by the names of their classes.
_BY_NAME = {
    **dict.fromkeys(("JSON", "JSONB", "VARIANT", "SUPER", "OBJECT"), Kind.DOCUMENT),
    **dict.fromkeys(("ARRAY", "STRUCT", "ROW", "MAP", "TUPLE", "NESTED", "COMPOSITE"), Kind.LIST),
    **dict.fromkeys(("BIT",), Kind.BITS),
    **dict.fromkeys(("VARBYTE", "BYTEA"), Kind.BINARY),
    **dict.fromkeys(("STRING", "FIXEDSTRING"), Kind.TEXT),
    **dict.fromkeys(("TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"), Kind.TIME),
    **dict.fromkeys(("DECFLOAT",), Kind.NUMBER),
}
_BY_TYPE: tuple[tuple[type[types.TypeEngine], Kind], ...] = (
    (types.NullType, Kind.UNKNOWN),
    (types.Boolean, Kind.FLAG),
    (types.Integer, Kind.WHOLE),
    (types.Numeric, Kind.NUMBER),
    (types.Enum, Kind.OTHER),  # a text to people, but PostgreSQL has no function of texts for it
    (types.String, Kind.TEXT),
    (types._Binary, Kind.BINARY),
    (types.DateTime, Kind.TIME),
    (types.Date, Kind.DAY),
)


def kind_of(type_: types.TypeEngine) -> Kind:
    """The kind of a reflected type."""
    named = _BY_NAME.get(type(type_).__name__.upper())
    if named is not None:
        return named
    return next((kind for base, kind in _BY_TYPE if isinstance(type_, base)), Kind.OTHER)


def is_object(type_: types.TypeEngine) -> bool:
    """Whether the type is one of its own for objects: JSON in a text is none, nor is a type that nobody looked at."""
    return kind_of(type_) not in (Kind.TEXT, Kind.BINARY, Kind.UNKNOWN)


def reflected(type_: types.TypeEngine) -> types.TypeEngine:
    """The type of a real column, which `NullType` is not: that stands for a column that nobody looked at."""
    return Unnamed("UNKNOWN") if isinstance(type_, types.NullType) else type_

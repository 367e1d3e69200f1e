"""The fixed identities of everything the plugin ships: the same in every deployment and every version."""

from __future__ import annotations

from uuid import UUID, uuid5

_NAMESPACE = UUID("6f2b6a57-7d0d-4bd5-9f0e-0a1f8f0c7a51")


def dataset_uuid(name: str) -> UUID:
    """The UUID of a dataset of `datasets/`, by its file's name."""
    return uuid5(_NAMESPACE, f"dataset/{name}")


def replaced_uuid(name: str) -> UUID:
    """The UUID that a dataset has while the import of dashboards replaces it, and never afterwards."""
    return uuid5(_NAMESPACE, f"replaced/{name}")


def chart_uuid(dashboard: str, name: str) -> UUID:
    """The UUID of a chart of `dashboards/<dashboard>/charts/`, by its file's name."""
    return uuid5(_NAMESPACE, f"chart/{dashboard}/{name}")


def dashboard_uuid(name: str) -> UUID:
    """The UUID of a dashboard of `dashboards/`, by its folder's name."""
    return uuid5(_NAMESPACE, f"dashboard/{name}")


def filter_id(dashboard: str, name: str) -> str:
    """The id of a native filter of a dashboard, by the dashboard's folder and the filter's name as it ships."""
    return f"NATIVE_FILTER-{uuid5(dashboard_uuid(dashboard), name)}"


def database_uuid(name: str) -> UUID:
    """The UUID that a bundle gives to the database connection of that name."""
    return uuid5(_NAMESPACE, f"database/{name}")


def position_uuid() -> UUID:
    """The namespace of the rows that are added to a dashboard whose order people have changed."""
    return uuid5(_NAMESPACE, "position")

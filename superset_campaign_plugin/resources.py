"""Finds the YAML that ships with the package.

In an installed wheel `datasets/` and `dashboards/` lie inside the package; in a checkout they stand beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from superset_campaign_plugin.errors import BundleError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def folder(name: str) -> Traversable:
    """The folder `datasets` or `dashboards`."""
    packaged = files("superset_campaign_plugin").joinpath(name)
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / name


def read_yaml(file: Traversable) -> Any:
    """The content of a YAML file. Raises `BundleError` naming file, line and fault."""
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise BundleError(f"{file.name} is not valid YAML: {' '.join(str(error).split())}") from error


def yaml_files(directory: Traversable) -> Iterator[tuple[str, Traversable]]:
    """(stem, file) of every YAML file right in `directory`, sorted by name."""
    for file in sorted(directory.iterdir(), key=lambda entry: entry.name):
        if file.is_file() and file.name.endswith(".yaml"):
            yield file.name.removesuffix(".yaml"), file

"""How a source's name carries the prefix of its tables: `airbyte:marketo__` is Airbyte's layout, whose tables a
destination has named `marketo__activities_send_email` and so on.

So the prefix goes wherever the name of the source goes, into what is installed and what is stored as well.
"""

from __future__ import annotations

import re

from superset_campaign_plugin.errors import UsageError

_PREFIX = re.compile(r"[\w$-]+")


def with_prefix(source: str, prefix: str | None) -> str:
    """The source's name with the prefix, which takes the place of one that it carries already.

    Raises `UsageError` for what cannot begin a table's name.
    """
    if not prefix:
        return source
    if not _PREFIX.fullmatch(prefix):
        raise UsageError(f"{prefix!r} is not a valid prefix of tables' names; it may hold letters, digits, _, - and $")
    return f"{split_prefix(source)[0]}:{prefix}"


def split_prefix(source: str) -> tuple[str, str]:
    """The layout or file that the source's name names, and the prefix, which may be empty."""
    name, colon, prefix = source.rpartition(":")
    # The colon of a path, as in C:\mapping.yaml, is followed by a file's name.
    return (name, prefix) if colon and name and _PREFIX.fullmatch(prefix) else (source, "")

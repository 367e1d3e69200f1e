"""The table of email contents that the preview reads, and its loading from a directory. Knows no Superset.

`marketo/pull_emails.py` fills the same table from Marketo itself.

1042.html        the email's HTML, UTF-8; the file's name is its id in Marketo
emails.yaml      optional: {1042: {subject: …, from_name: …, from_email: …, preheader: …}}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, Text, bindparam, select
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateColumn

from superset_campaign_plugin.engines import get_engine
from superset_campaign_plugin.engines.base import Columns
from superset_campaign_plugin.errors import UsageError, unknown
from superset_campaign_plugin.locking import one_at_a_time
from superset_campaign_plugin.sources.catalog import LiveCatalog
from superset_campaign_plugin.warehouse import connect

CONTENT_TABLE = "campaign_email_content"
MAX_ID = 2**63 - 1

_WORK = "load of emails"
_FIELDS = ("subject", "from_name", "from_email", "preheader")
_FACTS = ("emails.yaml", "emails.yml")
_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_NOTHING = frozenset({"", "~", "null"})


@dataclass(frozen=True)
class Content:
    """What is stored of an email; all but the HTML may be unknown. `sender` reads `Name <address>`."""

    email_id: int
    html: str
    subject: str | None = None
    sender: str | None = None
    preheader: str | None = None


@dataclass(frozen=True)
class LoadResult:
    """How many emails were stored, and how many of them took the place of an earlier version."""

    loaded: int
    replaced: int


def content_table(schema: str | None = None) -> Table:
    """The table, in the given schema or the database's own."""
    return Table(
        CONTENT_TABLE,
        MetaData(),
        Column("email_id", BigInteger, primary_key=True, autoincrement=False),
        Column("subject", Text),
        Column("sender", Text),
        Column("preheader", Text),
        Column("html", Text().with_variant(mysql.MEDIUMTEXT(), "mysql"), nullable=False),  # its TEXT ends at 64 KB
        Column("loaded_at", DateTime, nullable=False),
        # Marketo's own time of the version that is stored, in UTC; unknown of what came from a file.
        Column("updated_at", DateTime),
        schema=schema,
        mysql_charset="utf8mb4",
    )


def load_emails(uri: str, directory: Path, schema: str | None = None) -> LoadResult:
    """Store every `<email_id>.html` of the directory in one transaction; an id that is stored already is replaced.

    Raises `UsageError` for a directory, file name, file or YAML that is not as it should be, and `DatabaseError`
    where the database fails; then nothing is stored.
    """
    contents = read_directory(directory)
    prepare_table(uri, schema)
    return store_contents(uri, contents, schema)


def prepare_table(uri: str, schema: str | None = None) -> None:
    """Make the table where there is none, and give a table of an earlier release the column that it lacks.

    It is a transaction of its own: DuckDB writes no row into a table that the same transaction has altered. Raises
    `BusyError` where another process goes on writing emails.
    """
    with one_at_a_time(uri, _WORK, schema=schema) as (connection, engine):
        if not engine.updates_rows:
            raise UsageError(
                f"emails cannot be stored on {engine.name}; have {CONTENT_TABLE} made there by what fills the other "
                f"tables, with the columns {', '.join(column.name for column in content_table().c)}"
            )
        table = content_table(schema)
        columns = _columns(connection, schema)
        if columns is None:
            table.create(connection)
        elif "updated_at" not in columns:
            name = connection.dialect.identifier_preparer.format_table(table)
            column = CreateColumn(table.c.updated_at).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {column}")


def store_contents(
    uri: str,
    contents: Iterable[Content],
    schema: str | None = None,
    updated_at: Mapping[int, datetime | None] | None = None,
) -> LoadResult:
    """Store these contents in one transaction, each in the place of what its id had; the table must be prepared.

    `updated_at` is when Marketo last changed the version, by email id, in UTC without a zone. Raises
    `DatabaseError` where the database fails; then nothing is stored.
    """
    loaded_at = datetime.now(timezone.utc).replace(tzinfo=None)
    versions = updated_at or {}
    with one_at_a_time(uri, _WORK, schema=schema) as (connection, _):
        table = content_table(schema)
        stored = set(connection.scalars(select(table.c.email_id)))
        rows = {content.email_id: _row(content, loaded_at, versions.get(content.email_id)) for content in contents}
        new = [row for email_id, row in rows.items() if email_id not in stored]
        # Not deleted and inserted again: DuckDB refuses a key that was deleted in the same transaction.
        known = [{**row, "key": email_id} for email_id, row in rows.items() if email_id in stored]
        if new:
            connection.execute(table.insert(), new)
        if known:
            changed = {name: bindparam(name) for name in rows[known[0]["key"]] if name != "email_id"}
            connection.execute(table.update().where(table.c.email_id == bindparam("key")).values(changed), known)
    return LoadResult(loaded=len(rows), replaced=len(known))


def stored_versions(uri: str, schema: str | None = None) -> dict[int, datetime]:
    """When Marketo last changed the stored version of an email, by id, where that is known."""
    with connect(uri) as (connection, _):
        table = content_table(schema)
        columns = (table.c.email_id, table.c.updated_at)
        rows = connection.execute(select(*columns).where(table.c.updated_at.is_not(None)))
        return {row.email_id: row.updated_at for row in rows}


def read_content(connection: Connection, schema: str | None, email_id: int) -> Content | None:
    """The stored content of an email; None where none is stored or the table does not exist."""
    if not 0 < email_id <= MAX_ID or _columns(connection, schema) is None:
        return None
    table = content_table(schema)
    columns = (table.c.email_id, table.c.html, table.c.subject, table.c.sender, table.c.preheader)
    row = connection.execute(select(*columns).where(table.c.email_id == email_id)).mappings().first()
    return None if row is None else Content(**row)


def read_directory(directory: Path) -> list[Content]:
    """The emails of a directory, by id. Raises `UsageError` naming the file and the fault."""
    if not directory.is_dir():
        raise UsageError(f"no directory {directory}")
    try:
        files = sorted(file for file in directory.iterdir() if file.suffix.lower() == ".html" and file.is_file())
    except OSError as error:
        raise UsageError(f"{directory} cannot be read: {error.strerror}") from error
    if not files:
        raise UsageError(f"{directory} holds no .html file; emails are stored from files such as 1042.html")
    facts = _read_facts(directory)
    emails: dict[int, Content] = {}
    for file in files:
        email_id = _email_id(file.stem)
        if email_id is None:
            raise UsageError(f"{file}: the file's name is not an email id; name it as in 1042.html")
        if email_id in emails:
            raise UsageError(f"{file}: email {email_id} has two files, which differ in upper and lower case")
        known = facts.get(email_id, {})
        emails[email_id] = Content(
            email_id=email_id,
            html=_read_text(file),
            subject=known.get("subject"),
            sender=format_sender(known.get("from_name"), known.get("from_email")),
            preheader=known.get("preheader"),
        )
    return list(emails.values())


def _columns(connection: Connection, schema: str | None) -> Columns | None:
    # Not the inspector's own answer: without a schema it would find DuckDB's in any of them, and on Spark it fails.
    return LiveCatalog(connection, get_engine(connection.dialect.name), schema).columns(CONTENT_TABLE)


def _row(content: Content, loaded_at: datetime, updated_at: datetime | None) -> dict[str, Any]:
    return {
        "email_id": content.email_id,
        "subject": content.subject,
        "sender": content.sender,
        "preheader": content.preheader,
        "html": content.html,
        "loaded_at": loaded_at,
        "updated_at": updated_at,
    }


def _read_facts(directory: Path) -> dict[int, dict[str, str]]:
    """The fields of emails.yaml by email id; an email without an entry has none."""
    files = [directory / name for name in _FACTS if (directory / name).is_file()]
    if not files:
        return {}
    if len(files) > 1:
        raise UsageError(f"{directory} holds both {' and '.join(_FACTS)}; keep one of them")
    file = files[0]
    text = _read_text(file)
    try:
        # Every value is read as text: a subject such as 2024-12-24 or 007 is to stay as it is written.
        raw = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes strings, lists and mappings only
    except yaml.YAMLError as error:
        raise UsageError(f"{file} is not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise UsageError(f"{file} is not valid YAML: it is nested too deeply") from error
    if raw in ("", None):
        return {}
    if not isinstance(raw, dict):
        raise UsageError(f"{file} must map email ids to their fields, as in 1042: {{subject: Welcome}}")
    facts: dict[int, dict[str, str]] = {}
    for key, fields in raw.items():
        email_id = _email_id(key) if isinstance(key, str) else None
        if email_id is None:
            raise UsageError(f"{file}: {key!r} is not an email id")
        facts[email_id] = _checked_fields(file, email_id, fields)
    return facts


def _checked_fields(file: Path, email_id: int, fields: Any) -> dict[str, str]:
    if fields == "":
        return {}
    if not isinstance(fields, dict):
        raise UsageError(f"{file}: email {email_id} must have fields, which are {', '.join(_FIELDS)}")
    for name, value in fields.items():
        if name not in _FIELDS:
            raise UsageError(f"{file}: email {email_id}: {unknown('field', str(name), _FIELDS)}")
        if not isinstance(value, str):
            raise UsageError(f"{file}: email {email_id}: {name} must be text")
    return {name: value.strip() for name, value in fields.items() if value.strip() not in _NOTHING}


def _read_text(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 text; byte {error.start} is none of it") from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if "\0" in text:
        raise UsageError(f"{file} holds a null character, so it is not a text file")
    return text


def _email_id(text: str) -> int | None:
    number = int(text) if _ID.fullmatch(text) else 0
    return number if 0 < number <= MAX_ID else None


def format_sender(name: str | None, address: str | None) -> str | None:
    """`Name <address>`, or the one of them that is known."""
    if name and address:
        return f"{name} <{address}>"
    return name or address

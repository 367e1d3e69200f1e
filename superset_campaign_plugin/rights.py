"""What a database refuses for want of a right, and the statements by which its administrator grants it."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

# What `refresh` does on MySQL and MariaDB, where a schema is a database.
MYSQL_WRITES = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, CREATE VIEW, CREATE TEMPORARY TABLES"
_MYSQL_READS = ("SELECT", "SHOW VIEW")

_POSTGRESQL = re.compile(
    r"permission denied for (?P<kind>schema|table|view|relation|materialized view|foreign table|database) (?P<name>.+)"
)
_POSTGRESQL_OWNER = re.compile(r"must be (?:the )?owner of (?P<kind>table|view|relation|schema) (?P<name>.+)")
_POSTGRESQL_TEMPORARY = re.compile(r"permission denied to create temporary tables in database \"(?P<name>.+)\"")
_MYSQL_DATABASE = re.compile(r"Access denied for user '(?P<user>.*?)'@'(?P<host>.*?)' to database '(?P<database>.*?)'")
_MYSQL_COMMAND = re.compile(
    r"(?P<command>[A-Z, ]+) command denied to user '(?P<user>.*?)'@'.*?' for table "
    r"(?:`(?P<database>.*?)`\.)?[`'](?P<table>.*?)[`']"
)
_OTHERS = re.compile(
    r"permission denied|access denied|insufficient privilege|not authorized|does not have (?:the )?\S* ?permission"
    r"|not enough privileges",
    re.IGNORECASE,
)
_READING = re.compile(r"\s*(?:SELECT|WITH|SHOW|DESCRIBE|EXPLAIN)\b", re.IGNORECASE)
_SCHEMA_MADE = re.compile(r"\s*CREATE SCHEMA (?:IF NOT EXISTS )?(?P<schema>\"(?:[^\"]|\"\")+\"|\w+)", re.IGNORECASE)


def how_to_grant(error: SQLAlchemyError, url: URL | None = None) -> str | None:
    """What an administrator runs so that the statement is not refused again; None for an error of another kind.

    `url` tells the account and the database where the error does not. No password is in what is returned.
    """
    if not isinstance(error, DBAPIError) or error.orig is None:
        return None
    for known in (_of_postgresql, _of_mysql, _of_others):
        if told := known(error, url):
            return told
    return None


def how_to_grant_by_words(said: str, statement: str | None, url: URL | None = None) -> str | None:
    """The same where nothing but the database's own words are at hand, as in what Superset answers for a chart."""
    return how_to_grant(DBAPIError(statement, None, Exception(said)), url)


def _of_postgresql(error: DBAPIError, url: URL | None) -> str | None:
    message, account, statement = _first_line(error), _account(error, url), error.statement or ""
    quote = postgresql.dialect().identifier_preparer.quote
    if found := _POSTGRESQL_OWNER.match(message):
        kind, name = found["kind"], quote(found["name"].strip('"'))
        place = name if kind == "schema" else f"{_schema_of(name, statement, quote)}.{name}"
        return (
            f"another account made it, which alone may replace it; let that account do this, or an administrator runs "
            f"for each: ALTER {'TABLE' if kind == 'relation' else kind.upper()} {place} OWNER TO {account}"
        )
    if found := _POSTGRESQL_TEMPORARY.match(message):
        return f"an administrator runs: GRANT TEMPORARY ON DATABASE {quote(found['name'])} TO {account}"
    found = _POSTGRESQL.match(message)
    if found is None:
        return None
    kind, name = found["kind"], found["name"].strip('"')
    if kind == "database":
        made = _SCHEMA_MADE.match(statement)
        schema = made["schema"] if made else "campaign_report"
        return f"an administrator makes the schema for it: CREATE SCHEMA {schema} AUTHORIZATION {account}"
    if kind == "schema":
        schema, made = quote(name), re.match(r"\s*CREATE\b", statement, re.IGNORECASE)
        # A table made of a query names both, the one that it makes first.
        if made and _named_first(statement) in (None, name):
            return f"its owner runs: GRANT USAGE, CREATE ON SCHEMA {schema} TO {account}"
        return _to_read(schema, account)
    schema = _schema_of(name, statement, quote)
    if _READING.match(statement) or re.match(r"\s*CREATE\b", statement, re.IGNORECASE) or not statement:
        return _to_read(schema, account)
    if name.startswith("campaign_") and name != "campaign_email_content":
        return "another account made the stored tables, and it alone can refresh them: run this as that account"
    return f"its owner runs: GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.{quote(name)} TO {account}"


def _to_read(schema: str, account: str) -> str:
    return (
        f"the account that makes the tables runs: GRANT USAGE ON SCHEMA {schema} TO {account}; "
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {account}; "
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {account}"
    )


def _schema_of(table: str, statement: str, quote: Callable[[str], str]) -> str:
    """The schema by which the statement names the table, else the one that PostgreSQL looks in."""
    found = re.search(rf'("(?:[^"]|"")+"|\w+)\."?{re.escape(table)}"?(?!\w)', statement)
    return found[1] if found else quote("public")


def _named_first(statement: str) -> str | None:
    """The schema of what a CREATE makes."""
    found = re.match(r'[^.(]*?("(?:[^"]|"")+"|\w+)\.', statement)
    return found[1].strip('"').replace('""', '"') if found else None


def _of_mysql(error: DBAPIError, url: URL | None) -> str | None:
    message = str(error.orig)
    quote = mysql.dialect().identifier_preparer.quote
    if found := _MYSQL_DATABASE.search(message):
        reads = _READING.match(error.statement or "SELECT") is not None
        account = f"'{found['user']}'@'{found['host']}'"
        return _mysql_grant("SELECT" if reads else MYSQL_WRITES, quote(found["database"]), account)
    if found := _MYSQL_COMMAND.search(message):
        reads = found["command"].strip() in _MYSQL_READS and _READING.match(error.statement or "SELECT") is not None
        database = found["database"] or (url.database if url is not None else None)
        # MySQL says from where the account has come, not for which hosts it is.
        account = f"'{found['user']}'@'%'"
        return _mysql_grant("SELECT" if reads else MYSQL_WRITES, quote(database) if database else "*", account)
    return None


def _mysql_grant(rights: str, database: str, account: str) -> str:
    return f"an administrator runs: GRANT {rights} ON {database}.* TO {account}"


def _of_others(error: DBAPIError, url: URL | None) -> str | None:
    # Of MySQL, this is a wrong password.
    if not _OTHERS.search(_first_line(error)) or "using password" in _first_line(error):
        return None
    reads = _READING.match(error.statement or "SELECT") is not None
    what = "select from these tables" if reads else "create and change tables and views there"
    return f"an administrator grants {_account(error, url)} the right to {what}"


def _account(error: DBAPIError, url: URL | None) -> str:
    """The account that was refused, quoted."""
    info = getattr(getattr(getattr(error.orig, "cursor", None), "connection", None), "info", None)
    name = getattr(info, "user", None) or (url.username if url is not None else None)
    return str(postgresql.dialect().identifier_preparer.quote(name)) if name else "<the account>"


def _first_line(error: DBAPIError) -> str:
    return next((line.strip() for line in str(error.orig).splitlines() if line.strip()), "")

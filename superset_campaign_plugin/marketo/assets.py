"""Names of campaigns, programs and emails, from Marketo's asset API into the tables that the bulk layout reads.

Sources are Adobe's pages *Smart Campaigns*, *Programs*, *Emails* and *Folders*. An asset is in a folder or a program,
and a folder in another one: the way up leads to the program of a campaign, and says whether the asset is archived.
What Marketo has deleted keeps the name that was stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, MetaData, Table, Text, bindparam, select
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Connection

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import MarketoError
from superset_campaign_plugin.marketo.client import Client
from superset_campaign_plugin.marketo.pull_emails import field_text, list_emails
from superset_campaign_plugin.marketo.values import parse_time, storable
from superset_campaign_plugin.sources.bulk import LAYOUT
from superset_campaign_plugin.sources.catalog import LiveCatalog
from superset_campaign_plugin.sources.layout import AssetTable

_ROOTS = ("Marketing Activities", "Design Studio")
_DEPTH = 30  # levels of folders
_MAX_ID = 2**63 - 1
_PROGRAM, _FOLDER = "program", "folder"

Row = dict[str, Any]
_Place = tuple[str, int]  # program or folder, and its id


@dataclass(frozen=True)
class Assets:
    """The rows of the three tables, by id."""

    campaigns: dict[int, Row]
    programs: dict[int, Row]
    emails: dict[int, Row]


@dataclass(frozen=True)
class _Node:
    """A folder, or a program in its part as one."""

    parent: _Place | None
    path: str
    archived: bool


def asset_tables(schema: str | None = None) -> dict[str, Table]:
    """The tables by what they hold, in the given schema or the database's own."""
    text = Text().with_variant(mysql.LONGTEXT(), "mysql")
    own = {
        "campaigns": [
            Column("program_id", BigInteger),
            Column("program_name", text),
            Column("active", Boolean),
        ],
        "programs": [Column("channel", text), Column("type", text)],
        "emails": [Column("subject", text), Column("operational", Boolean), Column("status", text)],
    }
    return {
        part: Table(
            _layout(part).table,
            MetaData(),
            Column("id", BigInteger, primary_key=True, autoincrement=False),
            Column("name", text),
            *columns,
            Column("folder", text),
            Column("workspace", text),
            Column("archived", Boolean),
            Column("updated_at", DateTime),
            schema=schema,
            mysql_engine="InnoDB",
            mysql_charset="utf8mb4",
        )
        for part, columns in own.items()
    }


def read_assets(client: Client) -> Assets:
    """All campaigns, programs and emails that the API user may see. Raises the errors of `Client`."""
    nodes = _read_folders(client)
    programs: dict[int, Row] = {}
    for fields in _read_list(client, "/rest/asset/v1/programs.json"):
        programs[_id(fields)] = {
            **_common(fields, nodes),
            "channel": _text(fields.get("channel")),
            "type": _text(fields.get("type")),
        }
    campaigns: dict[int, Row] = {}
    for fields in _read_list(client, "/rest/asset/v1/smartCampaigns.json"):
        program_id = _program_above(_place(fields.get("folder")), nodes)
        campaigns[_id(fields)] = {
            **_common(fields, nodes),
            "program_id": program_id,
            "program_name": programs.get(program_id or 0, {}).get("name"),
            "active": _flag(fields.get("isActive")),
        }
    emails: dict[int, Row] = {}
    for email in list_emails(client):
        emails[email.email_id] = {
            **_common(email.fields, nodes),
            "subject": field_text(client, email, "subject"),
            "operational": _flag(email.fields.get("operational")),
            "status": email.status,
        }
    return Assets(campaigns, programs, emails)


def store_assets(connection: Connection, engine: Engine, schema: str | None, assets: Assets) -> list[str]:
    """Store them, each in the place of what its id had, in the transaction of the connection.

    Returns the tables that stay as they are because they are of other columns: somebody else's.
    """
    catalog = LiveCatalog(connection, engine, schema)
    kept = []
    for part, table in asset_tables(schema).items():
        columns = catalog.columns(table.name)
        if columns is None:
            table.create(connection)
        elif list(columns) != table.columns.keys():
            kept.append(table.name)
            continue
        _store(connection, table, getattr(assets, part))
    return kept


def _store(connection: Connection, table: Table, rows: Mapping[int, Row]) -> None:
    stored = {row["id"]: dict(row) for row in connection.execute(select(table)).mappings()}
    wanted = [{"id": key, **row} for key, row in rows.items()]
    new = [row for row in wanted if row["id"] not in stored]
    # Not deleted and inserted again: DuckDB refuses a key that was deleted in the same transaction.
    changed = [row for row in wanted if row["id"] in stored and row != stored[row["id"]]]
    if new:
        connection.execute(table.insert(), new)
    if changed:
        values = {column.name: bindparam(column.name) for column in table.columns if column.name != "id"}
        update = table.update().where(table.c.id == bindparam("key")).values(values)
        connection.execute(update, [{"key": row.pop("id"), **row} for row in changed])


def _layout(part: str) -> AssetTable:
    asset: AssetTable = getattr(LAYOUT, part)
    return asset


def _read_list(client: Client, path: str) -> list[dict[str, Any]]:
    return [fields for page in client.pages(path) for fields in page if isinstance(fields, dict)]


def _read_folders(client: Client) -> dict[_Place, _Node]:
    nodes: dict[_Place, _Node] = {}
    for name in _ROOTS:
        for root in _named_folders(client, name):
            where = json.dumps({"id": root, "type": "Folder"})
            for page in client.pages("/rest/asset/v1/folders.json", root=where, maxDepth=_DEPTH):
                for fields in page:
                    place = _place(fields.get("folderId")) if isinstance(fields, dict) else None
                    if place is not None:
                        nodes[place] = _Node(
                            _place(fields.get("parent")),
                            _text(fields.get("path")) or "",
                            fields.get("isArchive") is True,
                        )
    return nodes


def _named_folders(client: Client, name: str) -> list[int]:
    """The ids of the topmost folders of that name; anybody may have given it to another one as well."""
    found = client.get("/rest/asset/v1/folder/byName.json", name=name, type="Folder")
    topmost = [fields for fields in found if isinstance(fields, dict) and fields.get("path") == f"/{name}"]
    return [place[1] for fields in topmost if (place := _place(fields.get("folderId"))) is not None]


def _common(fields: Mapping[str, Any], nodes: Mapping[_Place, _Node]) -> Row:
    folder = fields.get("folder")
    place = _place(folder)
    node = None if place is None else nodes.get(place)
    own = folder.get("folderName") if isinstance(folder, dict) else None
    return {
        "name": _text(fields.get("name")),
        "folder": node.path if node else _text(own),
        "workspace": _text(fields.get("workspace")),
        "archived": any(each.archived for _, each in _way_up(place, nodes)),
        "updated_at": parse_time(fields.get("updatedAt")),
    }


def _program_above(place: _Place | None, nodes: Mapping[_Place, _Node]) -> int | None:
    """The id of the nearest program that something in this place lies in."""
    if place is not None and place[0] == _PROGRAM:
        return place[1]
    return next((number for (kind, number), _ in _way_up(place, nodes) if kind == _PROGRAM), None)


def _way_up(place: _Place | None, nodes: Mapping[_Place, _Node]) -> Sequence[tuple[_Place, _Node]]:
    way: list[tuple[_Place, _Node]] = []
    while place is not None and place in nodes and len(way) <= _DEPTH:
        way.append((place, nodes[place]))
        place = nodes[place].parent
    return way


def _place(fields: object) -> _Place | None:
    """A folder or program from `{"id": 28, "type": "Folder"}`; some lists call the id `value`, some write `FOLDER`."""
    if not isinstance(fields, dict):
        return None
    kind, number = str(fields.get("type", "")).lower(), fields.get("id", fields.get("value"))
    return (kind, number) if kind in (_PROGRAM, _FOLDER) and type(number) is int else None


def _id(fields: Mapping[str, Any]) -> int:
    number = fields.get("id")
    if type(number) is not int or not 0 < number <= _MAX_ID:
        raise MarketoError("Marketo's list of assets holds one without an id; check MARKETO_URL")
    return number


def _text(value: object) -> str | None:
    return storable(value).strip() or None if isinstance(value, str) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None

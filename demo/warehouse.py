"""Writes a simulated year as Fivetran's Marketo connector would have left it, into a new DuckDB file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np

from demo.activities import Simulation
from demo.agents import AGENTS, BOUNCES
from demo.catalog import Campaign, Catalog, Email, Program, Year
from demo.domains import domain_of
from demo.emails import UNSUBSCRIBE
from demo.people import DAY, People, seconds

SCHEMA = "marketo"
EVENTS = Path(__file__).parent / "events.sql"


class _Asset(NamedTuple):
    """A table of assets: its columns with their types, and its rows."""

    table: str
    columns: str
    rows: list[tuple[Any, ...]]


def write_warehouse(path: Path, catalog: Catalog, people: People, simulation: Simulation, year: Year) -> dict[str, int]:
    """Build the DuckDB file `path`, which must not exist, and return the number of rows of each table.

    Raises duckdb.Error when the file cannot be written.
    """
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.begin()
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        _register(connection, catalog, people, simulation, year)
        for statement in duckdb.extract_statements(EVENTS.read_text(encoding="utf-8")):
            parameters = {"unsubscribe": UNSUBSCRIBE} if "unsubscribe" in statement.named_parameters else None
            connection.execute(statement, parameters)
        for asset in (_programs(catalog, year), _campaigns(catalog, year), _emails(catalog, year)):
            connection.execute(f"CREATE TABLE {SCHEMA}.{asset.table} ({asset.columns})")
            _insert(connection, f"{SCHEMA}.{asset.table}", asset.rows)
        connection.commit()
        return _count_rows(connection)


def _count_rows(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = ? ORDER BY 1", [SCHEMA])
    return {str(name): connection.table(f"{SCHEMA}.{name}").shape[0] for (name,) in tables.fetchall()}


# The relations of events.sql


def _register(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, people: People, simulation: Simulation, year: Year
) -> None:
    _temporary(connection, "clock", "moment TIMESTAMP", [(year.now,)])
    _temporary(
        connection,
        "cell",
        "number BIGINT, cell_campaign_id BIGINT, email_id BIGINT, asset_name VARCHAR, step_id BIGINT",
        (
            (number, one.campaign.id, one.email.id, f"{one.email.program.name}.{one.email.name}", 4116 + 23 * number)
            for number, one in enumerate(catalog.cells)
        ),
    )
    _temporary(
        connection,
        "agent",
        "number BIGINT, user_agent VARCHAR, platform VARCHAR, device VARCHAR, is_mobile BOOLEAN",
        ((number, *agent) for number, agent in enumerate(AGENTS)),
    )
    _temporary(
        connection,
        "bounce",
        "number BIGINT, category BIGINT, subcategory BIGINT, details VARCHAR",
        ((number, one.category, one.subcategory, one.details) for number, one in enumerate(BOUNCES)),
    )
    _temporary(connection, "link", "number BIGINT, url VARCHAR", enumerate(simulation.links))
    log = {field.name: getattr(simulation.log, field.name) for field in fields(simulation.log)}
    connection.register("log", {"moment" if name == "at" else name: column for name, column in log.items()})
    _register_people(connection, people, year)


def _temporary(connection: duckdb.DuckDBPyConnection, name: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
    connection.execute(f"CREATE TEMP TABLE {name} ({columns})")
    _insert(connection, name, list(rows))


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert all rows with one statement, which is far quicker than one for each."""
    marks = "(" + ", ".join("?" * len(rows[0])) + ")"
    values = [value for row in rows for value in row]
    connection.execute(f"INSERT INTO {table} VALUES {', '.join([marks] * len(rows))}", values)  # noqa: S608


def _register_people(connection: duckdb.DuckDBPyConnection, people: People, year: Year) -> None:
    """Everybody with name and address; and who was merged (`merged`) or deleted (`deleted`), about one in a hundred."""
    names = people.full_names()
    addresses = (
        f"{first[1]}.{last[1]}{number % 9973}@{domain_of(number)}".lower()
        for (first, last), number in zip(names, people.id.tolist(), strict=True)
    )
    connection.register(
        "person_text",
        {
            "id": people.id,
            "created": people.created,
            "first_name": np.asarray([first[0] for first, _ in names], dtype=object),
            "last_name": np.asarray([last[0] for _, last in names], dtype=object),
            "email": np.asarray(list(addresses), dtype=object),
        },
    )
    connection.execute(
        "CREATE TEMP TABLE person AS SELECT id, make_timestamp(created * 1000000) AS created_at, first_name, last_name,"
        " strip_accents(email) AS email FROM person_text"
    )
    _, now = seconds(year)
    ids = people.id.tolist()
    step = max(7, min(187, len(ids) // 20))
    moments = [now - (n * 37 % 360) * DAY - n * 1_237 % DAY for n in range(len(ids) // step)]
    losers, winners, deleted = ids[3::step], ids[1::step], ids[5::step]
    merges = zip(range(570_000_011, 10**9, 19), winners, losers, moments, strict=False)
    _temporary(connection, "merged", "id BIGINT, lead BIGINT, loser BIGINT, moment BIGINT", merges)
    deletions = zip(range(570_900_011, 10**9, 23), deleted, reversed(moments), strict=False)
    _temporary(connection, "deleted", "id BIGINT, lead BIGINT, moment BIGINT", deletions)


# Assets


def _moment(day: date, year: Year, hour: int = 10, minute: int = 0) -> datetime:
    """That time of the day, but not after now."""
    return min(datetime.combine(day, time(hour, minute)), year.now)


def _programs(catalog: Catalog, year: Year) -> _Asset:
    def row(program: Program) -> tuple[Any, ...]:
        first = min(cell.first for cell in catalog.cells if cell.campaign.program is program)
        created = _moment(first - timedelta(days=45), year, 9, program.id % 60)
        return (
            program.id, program.channel, created, None, None, program.name, None, None, None,
            "on" if program.type == "Engagement" else None, program.type, created + timedelta(days=31),
            f"https://app.example.com/#PG{program.id}A1", program.workspace, False, year.now,
        )  # fmt: skip

    return _Asset(
        "program",
        "id BIGINT, channel VARCHAR, created_at TIMESTAMP, description VARCHAR, end_date TIMESTAMP, name VARCHAR, "
        "sfdc_id VARCHAR, sfdc_name VARCHAR, start_date TIMESTAMP, status VARCHAR, type VARCHAR, updated_at TIMESTAMP, "
        "url VARCHAR, workspace VARCHAR, _fivetran_deleted BOOLEAN, _fivetran_synced TIMESTAMP",
        [row(program) for program in catalog.programs],
    )


def _campaigns(catalog: Catalog, year: Year) -> _Asset:
    def row(campaign: Campaign) -> tuple[Any, ...]:
        cells = [cell for cell in catalog.cells if cell.campaign is campaign]
        created = _moment(min(cell.first for cell in cells) - timedelta(days=16), year, 13, campaign.id % 60)
        trigger = cells[0].daily is not None
        return (
            campaign.active, created, None, campaign.id, campaign.name, campaign.program.id,
            "trigger" if trigger else "batch", created + timedelta(days=11), campaign.program.workspace,
            f"https://app.example.com/#SC{campaign.id}A1", 5000 + campaign.id, campaign.program.id, "Program", False,
            trigger, False, None, "any" if trigger else "once", None, None, None, None, None, None, False, None, None,
            None, 7000 + campaign.id, "Active" if campaign.active else "Inactive", False, year.now,
        )  # fmt: skip

    return _Asset(
        "campaign",
        "active BOOLEAN, created_at TIMESTAMP, description VARCHAR, id BIGINT, name VARCHAR, program_id BIGINT, "
        "type VARCHAR, updated_at TIMESTAMP, workspace_name VARCHAR, computed_url VARCHAR, flow_id BIGINT, "
        "folder_id BIGINT, folder_type VARCHAR, is_communication_limit_enabled BOOLEAN, is_requestable BOOLEAN, "
        "is_system BOOLEAN, max_members BIGINT, qualification_rule_type VARCHAR, qualification_rule_interval BIGINT, "
        "qualification_rule_unit VARCHAR, recurrence_start_at TIMESTAMP, recurrence_end_at TIMESTAMP, "
        "recurrence_interval_type VARCHAR, recurrence_interval BIGINT, recurrence_weekday_only BOOLEAN, "
        "recurrence_day_of_month BIGINT, recurrence_day_of_week VARCHAR, recurrence_week_of_month BIGINT, "
        "smart_list_id BIGINT, status VARCHAR, _fivetran_deleted BOOLEAN, _fivetran_synced TIMESTAMP",
        [row(campaign) for campaign in catalog.campaigns if campaign.has_asset],
    )


def _emails(catalog: Catalog, year: Year) -> _Asset:
    def rows(email: Email) -> list[tuple[Any, ...]]:
        first = min(cell.first for cell in catalog.cells if cell.email is email)
        created = _moment(first - timedelta(days=20), year, 8, email.id % 60)
        # One to four versions. The earlier ones have the names and subjects that people give to drafts.
        names = [f"Copy of {email.name}", f"{email.name} – draft", email.name, email.name][-(1 + email.id // 11 % 4) :]
        subjects = [f"[TEST] {email.subject}", f"{email.subject} (v2)", f"{email.subject} (v2)", email.subject]
        return [
            (
                created, None, email.program.name, email.program.id, "Program", email.program.id, email.sender[1],
                email.sender[0], email.id, name, email.operational, email.program.id, False, email.sender[1],
                "approved" if version == len(names) else "draft", subject, 1097, email.text_only,
                created + timedelta(days=4 * version, hours=version), f"https://app.example.com/#EM{email.id}A1",
                version, True, email.program.workspace, year.now,
            )
            for version, (name, subject) in enumerate(zip(names, subjects[-len(names) :], strict=True), start=1)
        ]  # fmt: skip

    return _Asset(
        "email_template_history",
        "created_at TIMESTAMP, description VARCHAR, folder_folder_name VARCHAR, folder_id BIGINT, folder_type VARCHAR, "
        "folder_value BIGINT, from_email VARCHAR, from_name VARCHAR, id BIGINT, name VARCHAR, operational BOOLEAN, "
        "program_id BIGINT, publish_to_msi BOOLEAN, reply_email VARCHAR, status VARCHAR, subject VARCHAR, "
        "template BIGINT, text_only BOOLEAN, updated_at TIMESTAMP, url VARCHAR, version BIGINT, web_view BOOLEAN, "
        "workspace VARCHAR, _fivetran_synced TIMESTAMP",
        [row for email in catalog.emails if email.has_asset for row in rows(email)],
    )

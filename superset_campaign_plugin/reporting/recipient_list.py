"""`superset-campaign people`: the list of people behind a figure, each with the reason of their status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import column, literal_column, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.attributes import attributes_of
from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import UsageError, unknown
from superset_campaign_plugin.flags import read_flag
from superset_campaign_plugin.report.activity_kinds import Happening, Status
from superset_campaign_plugin.report.datasets import REPORT_DATASET, Options
from superset_campaign_plugin.report.people_details import with_attributes
from superset_campaign_plugin.report.reasons import reason
from superset_campaign_plugin.report.recipients import COUNTS, EVENTS, recipients
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.sqltext import runnable_sql
from superset_campaign_plugin.report.steps import plain
from superset_campaign_plugin.reporting.query import Report, allowed, dataset_rows, midnight, read_time
from superset_campaign_plugin.reporting.run_report import to_utc
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import resolve
from superset_campaign_plugin.warehouse import connect

STATUS = "status"
_NAMES = ("campaign_id", "campaign_name", "email_id", "email_name")
COLUMNS = ("lead", *_NAMES, STATUS, "reason", "rule", "first_sent", "last_activity", *COUNTS)


@dataclass(frozen=True)
class Selection:
    """Whose rows are asked for.

    `campaign`, `email` and `lead` are ids, None for all. `where` maps a dimension of the report, `status` or a count to
    the values that it may have; `without` names counts and statuses that a person must not have. `date_from` is
    inclusive and `date_to` exclusive, both days of the first send. Raises `UsageError` for a name that is none.
    """

    campaign: int | None = None
    email: int | None = None
    lead: int | None = None
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    without: Sequence[str] = ()
    date_from: date | None = None
    date_to: date | None = None

    def __post_init__(self) -> None:
        for name in self.without:
            if name not in COUNTS:
                raise unknown("count", name, COUNTS)

    def conditions(self, engine: Engine) -> Iterator[ColumnElement[Any]]:
        """What a row of `recipients` must meet."""
        for name, value in (("campaign_id", self.campaign), ("email_id", self.email), ("lead", self.lead)):
            if value is not None:
                yield column(name) == value
        sent_date: ColumnElement[Any] = column("sent_date")
        if self.date_from:
            yield sent_date >= engine.time_literal(midnight(self.date_from))
        if self.date_to:
            yield sent_date < engine.time_literal(midnight(self.date_to))
        for name, values in self.where.items():
            yield _has(name, values, engine)
        for name in self.without:
            yield column(name) == 0


def list_recipients(
    uri: str,
    *,
    source: str = "fivetran",
    schema: str | None = None,
    selection: Selection | None = None,
    as_of: datetime | None = None,
    rules: Rules | None = None,
    columns: Sequence[str] = (),
) -> Report:
    """The people of the selection as a table: one row for each person of each email of each campaign.

    Columns: lead, the ids and names of campaign and email, status, reason (a sentence), rule (its name), first_sent,
    last_activity (UTC), and each count of the report, 0 or 1; before them source_name where there are several Marketo
    instances, and after them the `columns` of the loader's table of people as texts, named as in `attributes.py`.
    Whatever is selected, the sum of a count is the report's figure for the same selection.

    Raises `UsageError`, `SourceError` and `DatabaseError` as `run_report` does.
    """
    selection = selection or Selection()
    options = Options(
        as_of=None if as_of is None else to_utc(as_of), rules=rules or Rules(), attributes=attributes_of(columns)
    )
    resolved = resolve(source, schema)
    several = resolved.is_several
    rows: list[tuple[Any, ...]] = []
    with connect(uri) as (connection, engine):
        if options.rules.time_zone != "UTC":
            engine.check_zone(connection, options.rules.time_zone)
        for log in resolved.live_logs(connection, engine):
            log.check_values(connection)
            own = replace(options, source_name=log.instance.name)
            known = log.people_columns(own.attributes) if own.attributes else None
            found = fetch_recipients(connection, engine, log.relations(), own, selection, known)
            rows += [(log.instance.name, *row) if several else row for row in found]
    fields = [*COLUMNS, *(each.name for each in options.attributes)]
    return Report(columns=["source_name", *fields] if several else fields, rows=rows)


def fetch_recipients(
    connection: Connection,
    engine: Engine,
    relations: Relations,
    options: Options,
    selection: Selection,
    known: Select | None = None,
) -> list[tuple[Any, ...]]:
    """The rows of one Marketo instance, with the columns of `list_recipients`, by campaign, email and person.

    `known` has the attributes of each person, where `options` names some.
    """
    if selection.email is not None:
        relations = of_email(relations, selection.email)
    people = recipients(relations, engine, options)
    if known is not None:
        people = with_attributes(people, known, options.attributes, key="lead", shown=False)
    source = dataset_rows(runnable_sql(people, engine), "recipients")
    names = [each.name for each in options.attributes]
    wanted = [
        *("lead", *_NAMES, STATUS, "sent_at", "last_activity_at", "happened"),
        *(f"first_{event}_at" for event in EVENTS),
        *COUNTS,
        *names,
    ]
    query = select(*map(column, wanted)).select_from(source).where(*selection.conditions(engine))
    rows = [_row(dict(zip(wanted, row, strict=True)), names) for row in connection.execute(query).fetchall()]
    return sorted(rows, key=lambda row: (row[1] is not None, row[1] or 0, row[3], row[0]))


def of_email(relations: Relations, email: int) -> Relations:
    """The relations with the activities of one email alone."""

    def own(rows: Any) -> Any:
        return rows.where(plain(rows, "email_id") == literal_column(str(int(email))))

    return replace(
        relations, sends=own(relations.sends), events={kind: own(rows) for kind, rows in relations.events.items()}
    )


def _row(found: dict[str, Any], attributes: Sequence[str]) -> tuple[Any, ...]:
    first = {event: read_time(found[f"first_{event}_at"]) for event in EVENTS}
    sent_at = read_time(found["sent_at"])
    why = reason(Status(found[STATUS]), sent_at, first, Happening(int(found["happened"])))
    values = {
        **found,
        "reason": why.words,
        "rule": why.rule,
        "first_sent": sent_at,
        "last_activity": read_time(found["last_activity_at"]),
        **{name: int(found[name]) for name in COUNTS},
    }
    return tuple(values[name] for name in (*COLUMNS, *attributes))


def _has(name: str, values: Sequence[str], engine: Engine) -> ColumnElement[Any]:
    if name == STATUS:
        return column(STATUS).in_([_status(value) for value in values])
    if name in COUNTS:
        return column(name).in_([_zero_or_one(name, value) for value in values])
    dimensions = load_semantics().datasets[REPORT_DATASET].dimensions
    if name not in {dimension.name for dimension in dimensions}:
        raise unknown("field", name, [STATUS, *COUNTS, *(dimension.name for dimension in dimensions)])
    return allowed(load_semantics().datasets[REPORT_DATASET].dimension(name), values, engine)


def _status(text: str) -> str:
    known = {status.value.lower(): status.value for status in Status}
    found = known.get(text.strip().lower().replace("_", " "))
    if found is None:
        raise unknown("status", text, list(known.values()))
    return found


def _zero_or_one(name: str, text: str) -> int:
    found = read_flag(text)
    if found is None:
        raise UsageError(f"{name} is yes or no for a person, not {text!r}")
    return int(found)

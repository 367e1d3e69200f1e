"""Turns a layout and a warehouse's real tables into the canonical relations of `report/relations.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, cast, func, literal, null, select, union_all
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import SourceError
from superset_campaign_plugin.report.activity_kinds import LOG_COLUMNS, EventKind
from superset_campaign_plugin.report.relations import (
    CAMPAIGN_COLUMNS,
    EMAIL_COLUMNS,
    PROGRAM_COLUMNS,
    UNKNOWN_CAMPAIGN,
    Absent,
    Relations,
)
from superset_campaign_plugin.report.steps import comment, newest, no_rows, plain, step
from superset_campaign_plugin.sources.catalog import Catalog, as_spelled
from superset_campaign_plugin.sources.custom import check_mapping
from superset_campaign_plugin.sources.layout import AssetTable, Layout, LogTable, MergedIdsTable, MergedPeopleTable
from superset_campaign_plugin.sources.names import with_names_of_the_log
from superset_campaign_plugin.sources.nearby import no_send_table
from superset_campaign_plugin.sources.reader import Reader
from superset_campaign_plugin.sources.unreadable import columns_in_several_spellings, unreadable_values

# A send with one of these results never left Marketo; a null result counts as sent.
NOT_SENT = ("skipped", "failed")
APPROVED = "approved"
# Before any merge: of two that contradict each other, the one whose time is known goes first.
_LONG_AGO = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC without a zone, as all times of the report


def build_relations(layout: Layout, catalog: Catalog, engine: Engine) -> Relations:
    """The canonical relations. Raises `SourceError` for a missing send table or column, or one of a wrong type."""
    layout = as_spelled(layout, catalog)

    def reader(name: str) -> Reader | None:
        columns = catalog.columns(name)
        return None if columns is None else Reader(layout, catalog, engine, name, columns)

    def log(activities: LogTable | None) -> Reader | None:
        return None if activities is None else reader(activities.table)

    def assets(asset: AssetTable | None, key: str, names: tuple[str, ...]) -> Select:
        found = None if asset is None else reader(asset.table)
        return _no_assets(key, names) if asset is None or found is None else _assets(asset, found, key, names)

    if layout.strict:
        check_mapping(layout, catalog)

    sends = log(layout.events[EventKind.SENT])
    if sends is None:
        raise no_send_table(layout, catalog)
    deletions = log(layout.deletions)
    counted = _sends(layout, sends)
    email_assets = assets(layout.emails, "email_id", EMAIL_COLUMNS)
    # Where no send names its campaign, no event could find its send by that.
    by_campaign = sends.has(layout.columns.campaign_id)
    return Relations(
        sends=counted,
        unsent=_unsent(layout, sends),
        events={
            kind: _event(layout, found, kind, by_campaign)
            for kind, activities in layout.events.items()
            if kind is not EventKind.SENT and (found := log(activities)) is not None
        },
        merges=_together(list(_all_merges(layout, reader, engine))),
        deletions=_deletions(layout, deletions, layout.deletions) if layout.deletions and deletions else None,
        campaigns=assets(layout.campaigns, "campaign_id", CAMPAIGN_COLUMNS),
        programs=assets(layout.programs, "program_id", PROGRAM_COLUMNS),
        emails=with_names_of_the_log(email_assets, counted),
        email_assets=email_assets,
        absent=tuple(_absent(layout, reader)),
        addresses=_addresses(layout, reader),
        unreadable=tuple(unreadable_values(layout, catalog, engine)),
        spellings=tuple(columns_in_several_spellings(layout, catalog, engine)),
    )


def _absent(layout: Layout, reader: Callable[[str], Reader | None]) -> Iterator[Absent]:
    names = layout.columns
    parts = ("merges", "deletions", "campaigns", "programs", "emails")
    tables: dict[EventKind | str, LogTable | AssetTable | None] = {kind: layout.events.get(kind) for kind in EventKind}
    tables |= {part: getattr(layout, part) for part in parts}
    columns: dict[EventKind | str, dict[str, str]] = {
        kind: {
            column.without[kind].part: "".join(names.names_of(column))
            for column in LOG_COLUMNS
            if kind in column.without
        }
        for kind in EventKind
    }
    columns["merges"] = {"merged_ids": names.merged_ids}
    sends = reader(layout.events[EventKind.SENT].table)
    found: dict[Absent, None] = {}  # in their order, each once: a table may hold several kinds of activities
    for part, own in tables.items():
        there = None if own is None else reader(own.table)
        if part == "merges" and there is None and layout.merged_people and reader(layout.merged_people.table):
            continue
        if own is None or there is None:
            if part == "emails" and sends is not None and sends.has(names.email_name):
                part = "subjects"
            found[Absent(part, None if own is None else own.table)] = None
            continue
        for column_part, name in columns.get(part, {}).items():
            if column_part == "merged_ids" and layout.merged_ids and reader(layout.merged_ids.table):
                continue
            if not name:
                found[Absent(column_part)] = None
            elif not there.has(name):
                found[Absent(column_part, own.table, name)] = None
    yield from found


def _sends(layout: Layout, reader: Reader) -> Select:
    names = layout.columns
    rows = _activities(layout, reader, layout.events[EventKind.SENT])
    campaign = func.coalesce(plain(rows, "campaign_id"), literal(UNKNOWN_CAMPAIGN)).label("campaign_id")
    rows = rows.with_only_columns(campaign, *[own for own in rows.selected_columns if own.name != "campaign_id"])
    if reader.has(names.email_name):
        rows = rows.add_columns(reader.text(names.email_name).label("email_name"))
    if reader.has(names.test_variant):
        rows = rows.add_columns(reader.try_identifier(names.test_variant).label("variant"))
    if not reader.has(names.result):
        return rows
    result = func.lower(reader.text(names.result))
    return rows.where(func.coalesce(result, literal("")).not_in(NOT_SENT))


def _unsent(layout: Layout, reader: Reader) -> Select | None:
    names = layout.columns
    if not reader.has(names.result):
        return None
    rows = _activities(layout, reader, layout.events[EventKind.SENT])
    return rows.where(func.lower(reader.text(names.result)).in_(NOT_SENT))


def _event(layout: Layout, reader: Reader, kind: EventKind, by_campaign: bool) -> Select:
    names = layout.columns
    rows = _activities(layout, reader, layout.events[kind], by_campaign)
    if kind is EventKind.CLICKED:
        rows = rows.add_columns(reader.text(names.link).label("link"))
    if kind in (EventKind.OPENED, EventKind.CLICKED):
        if reader.has(names.bot):
            rows = rows.add_columns(reader.is_yes(names.bot).label("bot"))
        if reader.has(names.user_agent):
            rows = rows.add_columns(reader.text(names.user_agent).label("user_agent"))
    if kind in (EventKind.HARD_BOUNCED, EventKind.SOFT_BOUNCED):
        told = {"category": names.bounce_category, "details": names.bounce_details, "address": names.bounce_address}
        rows = rows.add_columns(*(reader.text(own).label(name) for name, own in told.items() if reader.has(own)))
    return rows


def _activities(layout: Layout, reader: Reader, activities: LogTable, by_campaign: bool = True) -> Select:
    names = layout.columns
    columns = [
        reader.identifier(names.campaign_id if by_campaign else "", required=False).label("campaign_id"),
        reader.identifier(names.email_id).label("email_id"),
        reader.identifier(names.person_id).label("person_id"),
        reader.time(names.activity_at).label("activity_at"),
        reader.text(names.activity_id).label("activity_id"),
        *_loaded_at(reader),
    ]
    return reader.only(select(*columns).select_from(reader.table), activities)


def _loaded_at(reader: Reader) -> list[ColumnElement[Any]]:
    loaded_at = reader.loaded_at()
    return [] if loaded_at is None else [loaded_at.label("loaded_at")]


def _all_merges(layout: Layout, reader: Callable[[str], Reader | None], engine: Engine) -> Iterator[Select]:
    """The merges of each table that holds some, as they are."""
    merges = None if layout.merges is None else reader(layout.merges.table)
    if layout.merges is not None and merges is not None:
        if merges.has(layout.columns.merged_ids):
            yield _merges(layout, merges, layout.merges)
        lists = None if layout.merged_ids is None else reader(layout.merged_ids.table)
        if layout.merged_ids is not None and lists is not None:
            yield _merges_by_id(layout, merges, layout.merges, lists, layout.merged_ids)
    people = None if layout.merged_people is None else reader(layout.merged_people.table)
    if layout.merged_people is not None and people is not None:
        yield _merged_people(people, layout.merged_people, engine)


def _together(parts: list[Select]) -> Select | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    # A step, and no subquery, or the lists of ids would nest too deep for SQLite's parser.
    merges = union_all(*parts).cte("all_merges")
    return select(*merges.c)


def _merges(layout: Layout, reader: Reader, activities: LogTable) -> Select:
    names = layout.columns
    columns = [
        reader.try_identifier(names.person_id).label("surviving_id"),
        reader.id_list(names.merged_ids).label("merged_ids"),
        reader.try_time(names.activity_at).label("merged_at"),
    ]
    return reader.only(select(*columns).select_from(reader.table), activities)


def _merges_by_id(
    layout: Layout, reader: Reader, activities: LogTable, lists: Reader, merged: MergedIdsTable
) -> Select:
    names = layout.columns
    own = [name for known in merged.ids for name in (known, *lists.parts_of(known)) if lists.has(name)]
    if not own or not lists.has(merged.merge):
        missing = merged.ids[0] if lists.has(merged.merge) else merged.merge
        raise SourceError(f"table {merged.table} has no column {missing!r}, which the {layout.name} layout needs")
    ids = [lists.id_list(name) for name in own]
    first = func.coalesce(*ids) if len(ids) > 1 else ids[0]
    listed = step(
        "listed_merges",
        "The ids that a merge lists, one row an id",
        select(lists.column(merged.merge).label("merge_id"), first.label("ids")).select_from(lists.table),
    )
    # The columns as they are: the loader writes one id into both, and an index helps where there is one.
    same = reader.column(names.activity_id) == listed.c.merge_id
    columns = [
        reader.try_identifier(names.person_id).label("surviving_id"),
        listed.c.ids.label("merged_ids"),
        reader.try_time(names.activity_at).label("merged_at"),
    ]
    return reader.only(select(*columns).select_from(reader.table.join(listed, same)), activities)


def _merged_people(reader: Reader, people: MergedPeopleTable, engine: Engine) -> Select:
    merged_at = engine.time_literal(_LONG_AGO)
    if reader.has(people.merged_at):
        merged_at = func.coalesce(reader.try_time(people.merged_at), merged_at)
    columns = [
        reader.try_identifier(people.surviving_id).label("surviving_id"),
        cast(reader.try_identifier(people.person_id), String).label("merged_ids"),
        merged_at.label("merged_at"),
    ]
    return select(*columns).select_from(reader.table)


def _deletions(layout: Layout, reader: Reader, activities: LogTable) -> Select:
    person = reader.try_identifier(layout.columns.person_id).label("person_id")
    return reader.only(select(person, *_loaded_at(reader)).select_from(reader.table), activities)


def _addresses(layout: Layout, reader: Callable[[str], Reader | None]) -> Select | None:
    """The address of each person, of the newest version; None where the warehouse has no such table or column."""
    people = layout.addresses
    found = None if people is None else reader(people.table)
    if people is None or found is None or not found.has(people.columns.get("email", "")):
        return None
    person = found.try_identifier(people.id).label("person_id")
    versions = select(person, found.text(people.columns["email"]).label("name")).select_from(found.table)
    order = [by for name in people.newest if found.has(name) for by in found.order(name)]
    addresses = newest(versions, "person_id", order).subquery("addresses")
    rows = select(addresses.c.person_id, addresses.c.name.label("address"))
    return rows.where(addresses.c.person_id.is_not(None))


_FLAGS, _IDS, _NESTED = {"active", "operational", "archived"}, {"program_id"}, {"subject"}


def _no_assets(key: str, names: tuple[str, ...]) -> Select:
    absent = [cast(null(), BigInteger if name in _IDS else String).label(name) for name in names]
    return no_rows(cast(null(), BigInteger).label(key), *absent)


def _assets(asset: AssetTable, reader: Reader, key: str, names: tuple[str, ...]) -> Select:
    columns = []
    for name in names:
        own = asset.columns.get(name, "")
        if name in _FLAGS:
            value = reader.flag(own)
        elif name in _IDS:
            value = reader.try_identifier(own, required=False)
        elif name in _NESTED:
            value = reader.nested_text(own)
        else:
            value = reader.text(own)
        columns.append(value.label(name))
    versions = select(reader.try_identifier(asset.id).label(key), *columns)
    order = [by for name in asset.newest if reader.has(name) for by in reader.order(name)]
    approved, text = None, "The newest version of each asset"
    if reader.has(asset.status):
        approved = func.lower(reader.text(asset.status)) == literal(APPROVED)
        text = "The newest approved version of each asset, else the newest"
    return comment(newest(versions.select_from(reader.table), key, order, approved), text)

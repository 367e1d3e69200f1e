"""Who is who: the three choices for merged and deleted people, and the people who are left out.

As sent, every activity counts for the person id that it was logged for, and no merge is looked at. Merged, a person
counts once, under the id that survived. Hidden, people who were merged into another or deleted are left out.

Source: Marketo logs a merge under the surviving person, with the ids that went into it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import BigInteger, and_, cast, func, literal, or_, select, union_all
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.report.steps import comment, plain, step

# Marketo merges at most 25 people into another at once.
MERGED_AT_ONCE = 25
# A person can go through several merges; each round of following doubles the merges that are seen through.
ROUNDS = 3


def resolve_people(relations: Relations, engine: Engine, rules: Rules) -> Relations:
    """The relations with every person under the id that counts, and without the people who are left out."""
    survivors = surviving_people(relations, engine) if rules.people is People.MERGED else None
    left_out = left_out_people(relations, engine, rules)
    if survivors is None and left_out is None:
        return relations

    def resolved(activities: Select) -> Select:
        return _leave_out(_under_surviving_id(activities, survivors), left_out)

    return replace(
        relations,
        sends=resolved(relations.sends),
        events={kind: resolved(activities) for kind, activities in relations.events.items()},
    )


def left_out_people(relations: Relations, engine: Engine, rules: Rules) -> CTE | None:
    """(person_id) of every person who counts nowhere, by the id that counts; None where nobody is left out."""
    both = (_gone_people(relations, engine, rules), excluded_people(relations, engine, rules))
    found = [people for people in both if people is not None]
    if len(found) < 2:
        return found[0] if found else None
    together = union_all(*(select(people.c.person_id) for people in found)).subquery("left_out")
    # Each person once, so that the join to them repeats no activity.
    return step("left_out_people", "People who count nowhere", select(together.c.person_id).distinct())


def excluded_people(relations: Relations, engine: Engine, rules: Rules) -> CTE | None:
    """(person_id) of everybody whose newest address `leave_out_addresses` names.

    None where it names none, or where the loader has no addresses: then nobody can be left out by theirs.
    """
    if not rules.leave_out_addresses or relations.addresses is None:
        return None
    people = step("addresses_now", "The newest address of each person", relations.addresses)
    address = func.lower(func.trim(people.c.address))
    named = or_(*(_is_like(address, pattern, engine) for pattern in rules.leave_out_addresses))
    return step("excluded_people", "People with an address that is left out", select(people.c.person_id).where(named))


def surviving_people(relations: Relations, engine: Engine) -> CTE | None:
    """(person_id, surviving_id) of every person who was merged into another; None where the log has no merges."""
    if relations.merges is None:
        return None
    survivors = _newest_merges(_merges(relations.merges, engine))
    for round_number in range(1, ROUNDS + 1):
        survivors = _follow(survivors, round_number)
    return survivors


def hidden_people(relations: Relations, engine: Engine) -> CTE | None:
    """(person_id) of every person who was merged into another or deleted; None where the log has neither."""
    parts = []
    if relations.merges is not None:
        merges = _merges(relations.merges, engine)
        parts.append(select(merges.c.person_id).where(merges.c.person_id != merges.c.surviving_id))
    deleted = _deleted_people(relations)
    if deleted is not None:
        parts.append(select(deleted.c.person_id))
    if not parts:
        return None
    together = union_all(*parts).subquery("hidden")
    # Each person once, so that the join to them repeats no activity.
    people = select(together.c.person_id).distinct()
    return step("hidden_people", "People who were merged into another or deleted", people)


def _merges(lists: Select, engine: Engine) -> CTE:
    """One row for each person of each merge."""
    digits = union_all(
        comment(select(literal(0).label("digit")), "To count the people of one merge"),
        *(select(literal(digit).label("digit")) for digit in range(1, 5)),
    ).cte("digits")
    tens, ones = digits.alias("fives"), digits.alias("ones")
    place: ColumnElement[Any] = tens.c.digit * literal(5) + ones.c.digit + literal(1)
    # A step of its own: how deep an expression may lie is limited in SQLite, and reading a list of ids is one.
    merges = step("merge_lists", "Who went into whom, as the log has it", lists)
    part = func.nullif(func.trim(engine.list_part(merges.c.merged_ids, place)), literal(""))
    parts = (
        select(part.label("person_id"), merges.c.surviving_id, merges.c.merged_at)
        .select_from(merges.join(tens, literal(1) == literal(1)).join(ones, literal(1) == literal(1)))
        .subquery("parts")
    )
    person = cast(parts.c.person_id, BigInteger)
    return step(
        "merges_of_people",
        f"A merge lists up to {MERGED_AT_ONCE} people who went into another",
        select(person.label("person_id"), parts.c.surviving_id, parts.c.merged_at).where(
            parts.c.person_id.is_not(None)
        ),
    )


def _newest_merges(merges: CTE) -> CTE:
    place = func.row_number().over(
        partition_by=merges.c.person_id, order_by=[merges.c.merged_at.desc(), merges.c.surviving_id.desc()]
    )
    ranked = select(merges.c.person_id, merges.c.surviving_id, place.label("merge_place")).subquery("ranked")
    return step(
        "merged_people",
        "The newest merge of each person",
        select(ranked.c.person_id, ranked.c.surviving_id).where(ranked.c.merge_place == literal(1)),
    )


def _follow(survivors: CTE, round_number: int) -> CTE:
    then = survivors.alias(f"merged_on_{round_number}")
    return step(
        "surviving_people" if round_number == ROUNDS else f"people_after_{2**round_number}_merges",
        f"Who was merged into somebody who was merged in turn: {2**round_number} merges in a row",
        select(
            survivors.c.person_id,
            func.coalesce(then.c.surviving_id, survivors.c.surviving_id).label("surviving_id"),
        ).join_from(survivors, then, survivors.c.surviving_id == then.c.person_id, isouter=True),
    )


def _is_like(address: ColumnElement[Any], pattern: str, engine: Engine) -> ColumnElement[Any]:
    """Not by LIKE: engines differ in how it is told that a mark of its own, as the underscore, means itself."""
    begin, *others = pattern.split("*")
    if not others:
        return address == literal(pattern)
    if len(others) == 2:
        return engine.contains(address, others[0])
    end = others[0]
    starts = func.substr(address, 1, len(begin)) == literal(begin)
    # The space, which no pattern holds, is the end of an address; not by its length, which is one of bytes on MySQL.
    ends = engine.contains(func.substr(address, len(begin) + 1).concat(literal(" ")), f"{end} ")
    return and_(*([starts] if begin else []), *([ends] if end else []))


def _gone_people(relations: Relations, engine: Engine, rules: Rules) -> CTE | None:
    """Those whom the log itself takes out of the figures."""
    if rules.people is People.HIDDEN:
        return hidden_people(relations, engine)
    return _deleted_people(relations) if rules.leave_out_deleted else None


def _deleted_people(relations: Relations) -> CTE | None:
    if relations.deletions is None:
        return None
    people = relations.deletions.with_only_columns(relations.deletions.selected_columns["person_id"])
    known = plain(people, "person_id").is_not(None)
    return step("deleted_people", "People whose deletion is in the log", people.where(known).distinct())


def _under_surviving_id(activities: Select, survivors: CTE | None) -> Select:
    if survivors is None:
        return activities
    person = plain(activities, "person_id")
    surviving = func.coalesce(survivors.c.surviving_id, person).label("person_id")
    columns = [surviving if column.name == "person_id" else column for column in activities.selected_columns]
    return activities.outerjoin(survivors, survivors.c.person_id == person).with_only_columns(*columns)


def _leave_out(activities: Select, people: CTE | None) -> Select:
    if people is None:
        return activities
    joined = activities.outerjoin(people, people.c.person_id == plain(activities, "person_id"))
    return joined.where(people.c.person_id.is_(None))

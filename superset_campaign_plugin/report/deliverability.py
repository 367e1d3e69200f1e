"""Which domains take the emails, and why emails bounce: one row for each campaign, email, day, domain and reason.

`deliverability_rollup` gives for each

    campaign_id, email_id, sent_date   as in the daily rollup
    domain             the domain of the person's address; `OTHER`, `UNKNOWN` or `LEFT_OUT` in its place
    rates_by_domain    1 where the domains are those of everybody, 0 where bounces alone tell an address
    bounced            `HARD` or `SOFT` in the rows of those who count as bounced; else `NOT_BOUNCED`
    category, reason   of the bounce that decided, as numbers of `bounce_reasons.py`; null in the other rows
    sent_count … aborted_count         email records by their status

Each record is in one row, so the counts add up to the report's over any of the rows. docs/deliverability.md has the
rules by their names.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, and_, case, cast, distinct, func, literal, null, select, union_all
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, FromClause, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.activity_kinds import EventKind, Status
from superset_campaign_plugin.report.bounce_reasons import CATEGORIES, NOT_STATED, in_words, reason_words, with_reasons
from superset_campaign_plugin.report.records import RECORD_KEY, attribute, counted_sends, status_of
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rollup import sent_day, total
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.steps import comment, no_rows, step

COUNTS = ("sent_count", *(status.rollup_column for status in Status))
DOMAIN_COLUMNS = ("person_id", "domain")
BOUNCE_COLUMNS = (*RECORD_KEY, "bounced", "category", "reason", "domain")

NOT_BOUNCED, HARD, SOFT = 0, 1, 2
DID_NOT_BOUNCE = "Did not bounce"
UNKNOWN, OTHER, LEFT_OUT = "Unknown", "Other domains", "Not shown"

_KINDS = {EventKind.HARD_BOUNCED: HARD, EventKind.SOFT_BOUNCED: SOFT}
_BOUNCED = {HARD: "Hard", SOFT: "Soft"}
# What stands in no domain, so that nothing else than one is taken for it.
_NEVER_IN_A_DOMAIN = " <>()[]\"',;:/&="
_LONGEST_DOMAIN = 253


def domain_rows(relations: Relations, engine: Engine, rules: Rules) -> Select:
    """(person_id, domain) of people with an address in the loader's table of people; no rows where there is none.

    domain.of-the-address
    """
    if relations.addresses is None or rules.leave_out_domains:
        return _nothing(DOMAIN_COLUMNS)
    people = step("newest_addresses", "The newest address of each person", relations.addresses)
    known = _with_domain(people, [people.c.person_id], engine)
    return _enough_people(known, ["person_id"], rules)


def bounce_rows(relations: Relations, engine: Engine, rules: Rules, sends: CTE | None = None) -> Select:
    """The bounce of each email record and kind that decides, in the columns `BOUNCE_COLUMNS`.

    bounce.the-last-decides: of several hard bounces, or several soft ones, the last tells the reason. The domain is
    null but where the loader has no people's addresses (domain.of-the-bounce).
    """
    tables = {kind: rows for kind in _KINDS if (rows := relations.events.get(kind)) is not None}
    told = ("category", "details", "address")
    if not any(name in rows.selected_columns for rows in tables.values() for name in told):
        # Nothing is known of any bounce, so the log need not be read for it.
        return _nothing(BOUNCE_COLUMNS)
    parts = []
    for kind, rows in tables.items():
        texts = [
            rows.selected_columns[name] if name in rows.selected_columns else cast(null(), String).label(name)
            for name in told
        ]
        own = [rows.selected_columns[name] for name in (*RECORD_KEY, "activity_at")]
        parts.append(rows.with_only_columns(*own, literal(_KINDS[kind]).label("bounced"), *texts))
    parts[0] = comment(parts[0], f"Bounces, {HARD} hard and {SOFT} soft")
    bounces = union_all(*parts).cte("bounce_events")
    sends = counted_sends(relations) if sends is None else sends
    # Their campaigns first: with the reasons before that, Spark's optimizer makes a plan that it then refuses.
    numbered = with_reasons(attribute(bounces, sends, "bounce").cte("placed_bounces"), engine)
    key = [numbered.c[name] for name in (*RECORD_KEY, "bounced")]
    order = [numbered.c.activity_at.desc(), numbered.c.category, numbered.c.reason, numbered.c.address]
    ranked = select(
        *key,
        numbered.c.category,
        numbered.c.reason,
        numbered.c.address,
        func.row_number().over(partition_by=key, order_by=order).label("bounce_place"),
    ).subquery("ranked")
    rows_of = [ranked.c[name] for name in (*RECORD_KEY, "bounced", "category", "reason")]
    decided = step(
        "decided_bounces",
        "bounce.the-last-decides: of several bounces of a kind the last tells the reason",
        select(*rows_of, ranked.c.address).where(ranked.c.bounce_place == literal(1)),
    )
    columns = [decided.c[name] for name in BOUNCE_COLUMNS[:-1]]
    if relations.addresses is not None or rules.leave_out_domains:
        return select(*columns, cast(null(), String).label("domain"))
    return _enough_people(_with_domain(decided, columns, engine), list(BOUNCE_COLUMNS[:-1]), rules)


def deliverability_rollup(
    records: FromClause,
    domains: FromClause,
    bounces: FromClause,
    engine: Engine,
    rules: Rules,
    as_of: datetime | None,
) -> CTE:
    """The rollup of email records, with the rows of `domain_rows` and `bounce_rows` beside them.

    `as_of` (UTC, without a zone) is the clock, None the present moment.
    """
    status = step(
        "record_outcomes",
        "What became of each record, by the rules of the report",
        select(
            *(records.c[name] for name in RECORD_KEY),
            sent_day(records.c.sent_at, engine, rules).label("sent_date"),
            status_of(records, engine, as_of).label("status"),
        ),
    )
    kinds = {Status.HARD_BOUNCED: HARD, Status.SOFT_BOUNCED: SOFT}
    bounced = case(
        *((status.c.status == literal(kind.value), literal(number)) for kind, number in kinds.items()),
        else_=literal(NOT_BOUNCED),
    )
    counted = step(
        "counted_records",
        "Whether it counts as bounced, and how",
        select(*status.c, bounced.label("bounced")),
    )
    same = and_(*(counted.c[name] == bounces.c[name] for name in (*RECORD_KEY, "bounced")))
    by_bounce = case((bounces.c.domain.is_not(None), 1), else_=0)
    nothing = engine.text(literal(LEFT_OUT if rules.leave_out_domains else UNKNOWN))
    told = step(
        "records_with_domains",
        "domain.of-the-address, or domain.of-the-bounce where the loader has no addresses of people",
        select(
            counted.c.campaign_id,
            counted.c.email_id,
            counted.c.sent_date,
            func.coalesce(domains.c.domain, bounces.c.domain, nothing).label("domain"),
            by_bounce.label("by_bounce"),
            counted.c.bounced,
            case(
                (counted.c.bounced != literal(NOT_BOUNCED), func.coalesce(bounces.c.category, literal(NOT_STATED)))
            ).label("category"),
            case(
                (counted.c.bounced != literal(NOT_BOUNCED), func.coalesce(bounces.c.reason, literal(NOT_STATED)))
            ).label("reason"),
            counted.c.status,
        ).select_from(counted.outerjoin(domains, counted.c.person_id == domains.c.person_id).outerjoin(bounces, same)),
    )
    names = ("campaign_id", "email_id", "sent_date", "domain", "bounced", "category", "reason")
    key = [told.c[name] for name in names]
    sums = step(
        "summed_records",
        "One row for each campaign, email, day, domain and reason of a bounce; each record is in one of them",
        select(
            *key,
            func.max(told.c.by_bounce).label("by_bounce"),
            func.count().label("sent_count"),
            *(total(case((told.c.status == literal(each.value), 1), else_=0), each.rollup_column) for each in Status),
        ).group_by(*key),
    )
    by_domain = case((func.max(sums.c.by_bounce).over() == literal(1), 0), else_=1)
    return step(
        "deliverability_rollup",
        "Where bounces alone tell an address, a domain's share of bounces is not known",
        select(*(sums.c[name] for name in (*names, *COUNTS)), by_domain.label("rates_by_domain")),
    )


def told_in_words(rollup: FromClause) -> list[ColumnElement[Any]]:
    """The columns that say which domain and why, as people read them."""
    return [
        rollup.c.domain,
        rollup.c.rates_by_domain,
        # Superset takes the type of a column from the first row of an answer, and of a null it takes none.
        in_words(rollup.c.bounced, _BOUNCED, DID_NOT_BOUNCE).label("bounce_kind"),
        in_words(rollup.c.category, CATEGORIES, DID_NOT_BOUNCE).label("bounce_category"),
        in_words(rollup.c.reason, reason_words(), DID_NOT_BOUNCE).label("bounce_reason"),
    ]


def light_columns(rules: Rules) -> list[ColumnElement[Any]]:
    """The thresholds of the traffic light, which the metrics of the dataset compare with."""
    light = rules.light
    thresholds = {
        "watch_per_mille": light.watch,
        "refuse_per_mille": light.refuse,
        "light_least_sent": light.least_sent,
    }
    return [literal(value).label(name) for name, value in thresholds.items()]


def _nothing(columns: tuple[str, ...]) -> Select:
    kinds: dict[str, Any] = {"domain": String}
    empty = [cast(null(), kinds.get(name, BigInteger)).label(name) for name in columns]
    return no_rows(*empty)


def _with_domain(rows: FromClause, columns: list[ColumnElement[Any]], engine: Engine) -> CTE:
    """The columns, and the domain of the column `address` in lower case; null where it holds no domain."""
    address = rows.c.address
    parted = step(
        "address_domains",
        "What stands behind the last @ of the address. The address goes no further",
        select(
            *columns, case((engine.contains(address, "@"), func.lower(engine.after_last(address, "@")))).label("behind")
        ),
    )
    behind = parted.c.behind
    foreign = [engine.contains(behind, letter) for letter in _NEVER_IN_A_DOMAIN]
    wrong = [*foreign, behind == literal(""), func.length(behind) > literal(_LONGEST_DOMAIN)]
    domain = case(*((condition, null()) for condition in wrong), else_=engine.text(behind))
    own = [parted.c[column.name] for column in columns]
    return step("people_with_domains", "Nothing but a domain is taken for one", select(*own, domain.label("domain")))


def _enough_people(rows: CTE, columns: list[str], rules: Rules) -> Select:
    """domain.of-few-people: the rows, with one name for all domains of fewer people than the rules ask for."""
    sizes = step(
        "domain_sizes",
        "How many people each domain has",
        select(rows.c.domain, func.count(distinct(rows.c.person_id)).label("people_count")).group_by(rows.c.domain),
    )
    few = sizes.c.people_count < literal(rules.domains.least_people)
    shown = case((rows.c.domain.is_(None), null()), (few, literal(OTHER)), else_=rows.c.domain)
    joined = rows.outerjoin(sizes, rows.c.domain == sizes.c.domain)
    return select(*(rows.c[name] for name in columns), shown.label("domain")).select_from(joined)

"""Which variant of a tested email does better: one row for each campaign, email, day and variant.

`variant_rollup` gives the columns of the daily rollup by variant, and

    variant          the number that Marketo gives the variant, from 1
    last_test_day    the last sent date of the email in the campaign, over all of its variants

It counts the report's own records, so that the variants of an email add up to the report's figures but for the people
of whom no send names a variant. docs/variants.md has the rules by their names.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String, and_, cast, func, literal, null, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, FromClause, Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.activity_kinds import Status
from superset_campaign_plugin.report.records import RECORD_KEY, record_status
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rollup import FLAG_COUNTS, daily_rollup
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.steps import comment, no_rows, only, step

# Marketo numbers variants from here; a send without a test has 0 or nothing.
FIRST_VARIANT = 1
VARIANT_KEY = (*RECORD_KEY, "variant")
VARIANT_COLUMNS = (*VARIANT_KEY, "named_at")
# What is summed, and the times, of the daily rollup.
COUNTS = ("sent_count", *(status.rollup_column for status in Status), *FLAG_COUNTS.values())
TIMES = ("first_sent_at", "last_sent_at", "last_activity_at")


def knows_variants(relations: Relations) -> bool:
    """Whether the loader's table of sends has the variant."""
    return "variant" in relations.sends.selected_columns


def variant_rows(relations: Relations) -> Select:
    """Who was sent which variant, and when first, in the columns `VARIANT_COLUMNS`; of a log that `knows_variants`.

    variant.named-by-a-send: few sends name one, and only these are gathered.
    """
    sends = step("sends_with_variants", "Sends with their variants", only(relations.sends, *VARIANT_KEY, "activity_at"))
    key = [sends.c[name] for name in VARIANT_KEY]
    named = and_(*(own.is_not(None) for own in key), sends.c.variant >= literal(FIRST_VARIANT))
    first = func.min(sends.c.activity_at).label("named_at")
    return comment(select(*key, first).where(named).group_by(*key), "variant.named-by-a-send")


def first_variants(named: FromClause) -> CTE:
    """The one variant of each record, of rows in the columns of `VARIANT_COLUMNS`.

    variant.the-first-counts: that of the first send that names one; of sends at the same time, the lowest number.
    """
    key = [named.c[name] for name in RECORD_KEY]
    place = func.row_number().over(partition_by=key, order_by=[named.c.named_at, named.c.variant])
    ranked = select(*key, named.c.variant, place.label("variant_place")).subquery("ranked")
    return step(
        "variants_of_records",
        "variant.the-first-counts: that of the first send that names one",
        select(*(ranked.c[name] for name in VARIANT_KEY)).where(ranked.c.variant_place == literal(1)),
    )


def variant_rollup(
    records: FromClause, variants: FromClause, engine: Engine, rules: Rules, as_of: datetime | None
) -> CTE:
    """The rollup of the email records that have one of `first_variants`.

    `as_of` (UTC, without a zone) is the clock, None the present moment.
    """
    same = and_(*(records.c[name] == variants.c[name] for name in RECORD_KEY))
    tested = step(
        "tested_records",
        "The records of whom a send names a variant",
        select(*records.c, variants.c.variant).select_from(records.join(variants, same)),
    )
    daily = daily_rollup(record_status(tested, engine, as_of, "variant"), engine, rules, by=("variant",))
    last = func.max(daily.c.sent_date).over(partition_by=[daily.c.campaign_id, daily.c.email_id])
    return step(
        "variant_rollup",
        "One row for each campaign, email, day and variant",
        select(*daily.c, last.label("last_test_day")),
    )


def no_variants(engine: Engine) -> CTE:
    """The rollup of a log that does not know variants, which need not be read for it."""
    times = dict.fromkeys(("sent_date", *TIMES, "last_test_day"), engine.time_type)
    names = ("campaign_id", "email_id", "sent_date", "variant", *COUNTS, *TIMES, "last_test_day")
    empty = [cast(null(), times.get(name, BigInteger)).label(name) for name in names]
    return step(
        "variant_rollup",
        "The loader's table of sends does not tell variants",
        no_rows(*empty),
    )


def told_variant(rollup: FromClause) -> list[ColumnElement[str]]:
    """The columns that name the variant: its number, to sort by, and words as Marketo's log has it."""
    label = literal("Variant ").concat(cast(rollup.c.variant, String))
    return [
        rollup.c.variant,
        label.label("variant_label"),
        literal("✅ ").concat(label).concat(literal(" is ahead")).label("variant_ahead"),
    ]

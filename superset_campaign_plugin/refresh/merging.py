"""Merging new rows of the log into the stored tables, without a look at the rest of the log.

Records merge: `sent_at` and the first times are a minimum, and all else a maximum. So the new rows are gathered by
themselves, joined with what is stored of the same (email, person) pairs, and grouped once more; rows that come twice,
or in another order, change nothing. What a record alone does not tell lies in the tables of `gathered.py`.

Each step fills a temporary table; a query on MySQL can name such a table once.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from sqlalchemy import BigInteger, and_, case, cast, func, literal, not_, null, or_, select, union_all
from sqlalchemy.engine import Connection
from sqlalchemy.sql.selectable import FromClause, Select, TableClause

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.refresh import change_detection as detection
from superset_campaign_plugin.refresh.gathered import (
    CLICK,
    MOMENT,
    PAIR,
    SEND,
    Who,
    click_rows,
    complete,
    links_of,
    matches,
    merged_flags,
    merged_records,
    placed_clicks,
    places,
    same_pair,
    send_rows,
    sent_names,
    unplaced_rows,
    variants_of,
)
from superset_campaign_plugin.refresh.plan import PEOPLE_NOW
from superset_campaign_plugin.refresh.scratch import Scratch
from superset_campaign_plugin.refresh.statements import execute, insert_from, replace_rows, rows_of, table_name
from superset_campaign_plugin.refresh.tables import (
    CLICKS,
    COLUMNS,
    DAILY,
    FLAG_COLUMNS,
    GATHERED,
    LINKS,
    NAMED,
    PEOPLE,
    RECORD_TIMES,
    RECORDS,
    SENDS,
    TIMING,
    UNDECIDED,
    UNPLACED,
    VARIANTS,
    daily_rows,
    stored,
    undecided_rows,
)
from superset_campaign_plugin.report.activity_kinds import Happening
from superset_campaign_plugin.report.records import FIRST_TIMES, RECORD_KEY, event_rows, first_times, flags_of
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rollup import sent_day
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.steps import no_rows
from superset_campaign_plugin.report.timing import TIMING_KEY, timing_rows
from superset_campaign_plugin.report.variants import VARIANT_KEY, knows_variants

_GROUP = ("campaign_id", "email_id")
_ACTIVITY = ("happened", *SEND)
_DAY = ("campaign_id", "email_id", "sent_date")
_TIMES = {"first_sent_at": func.min, "last_sent_at": func.max, "last_activity_at": func.max}


class Merger:
    """Merges into stored tables of `schema`; `called` tells what each of them is called."""

    def __init__(
        self,
        connection: Connection,
        engine: Engine,
        schema: str | None,
        rules: Rules,
        scratch: Scratch,
        progress: Callable[[str], None],
        called: Callable[[str], str],
    ) -> None:
        self._connection = connection
        self._engine = engine
        self._schema = schema
        self._rules = rules
        self._scratch = scratch
        self._progress = progress
        self._called = called

    def merge(self, new: Relations, changed_people: TableClause | None, all_sends: bool) -> int:
        """Merge the rows of `new` into what is stored, and let `changed_people` count as they do now.

        `all_sends` says whether every send is kept, which an activity without a campaign needs. Gives how many
        (email, person) pairs it touches.
        """
        self._progress("Gathering what is new")
        activities = self._new_activities(new)
        clicks = self._fill("campaign_new_clicks", CLICK, [click_rows(new, self._engine, self._rules)])
        self._progress("Finding whom it touches")
        before, now = (
            self._who("before", self._stored(PEOPLE)),
            self._who("now", stored(PEOPLE_NOW, None, PEOPLE)),
        )
        touched = self._touched_pairs(activities, changed_people)
        pairs, targets = self._closure(touched, before, now)
        emails = detection.few_emails(self._connection, self._engine, pairs)

        self._progress("Records of whom it touches")
        base = self._base(activities, pairs, before, emails)
        gathered = self._scratch.make("campaign_gathered_now", merged_records(base), PAIR, COLUMNS[RECORDS])
        unplaced = self._unplaced(activities, pairs)
        sends = self._further_sends(activities, base, gathered, pairs) if all_sends else None
        placed = self._placed(unplaced, sends, gathered, now)
        fresh = self._fresh_records(gathered, placed, now)
        old = self._old_records(targets, emails)

        self._delete(RECORDS, targets, PAIR, emails)
        self._insert(RECORDS, select(*fresh.c))
        self._delete(GATHERED, pairs, PAIR)
        self._insert_gathered(gathered, unplaced, now)
        self._delete(UNPLACED, pairs, PAIR)
        self._insert(UNPLACED, select(*unplaced.c))
        if sends is not None:
            self._delete(SENDS, pairs, PAIR)
            self._insert(SENDS, select(*sends.c))

        self._progress("Sums of their campaigns")
        self._replace_clicks(clicks, pairs, placed, fresh, now)
        self._adjust_daily(old, fresh)
        self._adjust(UNDECIDED, COLUMNS[UNDECIDED][:-1], undecided_rows, old, fresh)
        self._adjust(TIMING, TIMING_KEY, timing_rows, old, fresh)
        self._merge_variants(new)
        self._merge_names(new)
        return self._count(touched)

    # -----------------------------------------------------------------------------------------------------------
    # What came in, and whom it touches

    def _new_activities(self, new: Relations) -> TableClause:
        parts = []
        for rows in (send_rows(new), *event_rows(new, self._engine, self._rules)):
            own = rows.subquery("new_rows")
            parts.append(select(*(own.c[name] for name in _ACTIVITY)).where(complete(own)))
        return self._fill("campaign_new_activities", _ACTIVITY, parts, PAIR)

    def _who(self, when: str, people: TableClause) -> Who:
        if not self._count(people):
            return Who()
        own = people.alias("people")
        moved = self._scratch.make(
            f"campaign_moved_{when}",
            select(own.c.person_id, own.c.surviving_id).where(own.c.left_out == literal(0)),
            ("person_id",),
        )
        out = self._scratch.make(
            f"campaign_out_{when}",
            select(own.c.person_id).where(own.c.left_out == literal(1)).distinct(),
            ("person_id",),
        )
        involved = self._distinct(
            f"campaign_involved_{when}",
            ("person_id",),
            [select(own.c.person_id), select(own.c.surviving_id.label("person_id"))],
        )
        return Who(moved, out, involved)

    def _touched_pairs(self, activities: TableClause, changed_people: TableClause | None) -> TableClause:
        """The pairs of the new rows, and all pairs of people who count as somebody else than before."""
        parts = [select(*(activities.c[name] for name in PAIR)).distinct()]
        if changed_people is not None:
            people = self._with_those_they_count(changed_people)
            for name in (RECORDS, GATHERED, UNPLACED):
                rows = self._stored(name)
                of_people = matches(people, person_id=rows.c.person_id)
                parts.append(select(*(rows.c[own] for own in PAIR)).where(of_people).distinct())
        return self._distinct("campaign_touched_pairs", PAIR, parts)

    def _with_those_they_count(self, changed: TableClause) -> TableClause:
        """The people with all who counted as one of them, or do now."""
        parts = [select(changed.c.person_id)]
        for people in (self._stored(PEOPLE), stored(PEOPLE_NOW, None, PEOPLE)):
            parts.append(select(people.c.person_id).where(matches(changed, person_id=people.c.surviving_id)))
        return self._distinct("campaign_people_to_move", ("person_id",), parts)

    def _closure(self, touched: TableClause, before: Who, now: Who) -> tuple[TableClause, TableClause]:
        """The pairs of the log, and those of the records, that have to be made anew together.

        A record is made of the rows of all people who count as its person, so the pairs of all of them belong together.
        """
        if before.moved is None and now.moved is None:
            return touched, touched
        parts = []
        for who in (before, now):
            joined, person = who.effective(touched)
            parts.append(select(touched.c.email_id, person.label("person_id")).select_from(joined))
        targets = self._distinct("campaign_touched_records", PAIR, parts)
        own = [select(*touched.c), select(*targets.c)]
        if now.moved is not None:
            same = now.moved.c.surviving_id == targets.c.person_id
            own.append(select(targets.c.email_id, now.moved.c.person_id).join_from(targets, now.moved, same))
        return self._distinct("campaign_pairs_together", PAIR, own), targets

    # -----------------------------------------------------------------------------------------------------------
    # Records

    def _base(self, activities: TableClause, pairs: TableClause, before: Who, emails: list[int]) -> TableClause:
        """What is known of the pairs by the log's own ids, in the form of records; a key may have several rows."""
        new = (
            select(
                *(activities.c[name] for name in RECORD_KEY),
                func.min(
                    case((activities.c.happened == literal(Happening.SENT.value), activities.c.activity_at))
                ).label("sent_at"),
                func.max(activities.c.activity_at).label("last_activity_at"),
                *first_times(activities, self._engine),
                self._engine.any_bits(activities.c.happened, len(Happening)).label("happened"),
            )
            .where(activities.c.campaign_id.is_not(None))
            .group_by(*(activities.c[name] for name in RECORD_KEY))
            .subquery("new_rows")
        )
        flags = {flag.name: flag for flag in flags_of(new.c.happened, self._engine)}
        parts = [
            select(*(new.c[name] for name in (*RECORD_KEY, *RECORD_TIMES)), *(flags[name] for name in FLAG_COLUMNS)),
        ]
        apart, records = self._stored(GATHERED), self._stored(RECORDS)
        unplaced = self._stored(UNPLACED)
        parts.append(select(*apart.c).where(same_pair(pairs, apart)))
        plain_records = [
            detection.only_emails(records.c.email_id, emails),
            same_pair(pairs, records),
            not_(same_pair(unplaced, records)),
        ]
        if before.involved is not None:
            plain_records.append(not_(matches(before.involved, person_id=records.c.person_id)))
        parts.append(select(*records.c).where(*plain_records))
        return self._fill("campaign_known_rows", COLUMNS[RECORDS], parts, PAIR)

    def _unplaced(self, activities: TableClause, pairs: TableClause) -> TableClause:
        before = self._stored(UNPLACED)
        both = self._fill(
            "campaign_unplaced_rows",
            COLUMNS[UNPLACED],
            [unplaced_rows(activities, self._engine), select(*before.c).where(same_pair(pairs, before))],
        )
        key = [both.c[name] for name in MOMENT]
        return self._scratch.make(
            "campaign_unplaced_now", select(*key, *merged_flags(both)).group_by(*key), PAIR, COLUMNS[UNPLACED]
        )

    def _further_sends(
        self, activities: TableClause, base: TableClause, gathered: TableClause, pairs: TableClause
    ) -> TableClause:
        before = self._stored(SENDS)
        is_send = activities.c.happened == literal(Happening.SENT.value)
        known = self._distinct(
            "campaign_known_sends",
            SEND,
            [
                select(*(activities.c[name] for name in SEND)).where(is_send),
                select(*(base.c[name] for name in RECORD_KEY), base.c.sent_at).where(base.c.sent_at.is_not(None)),
                select(*before.c).where(same_pair(pairs, before)),
            ],
        )
        same = [known.c[name] == gathered.c[name] for name in RECORD_KEY]
        later = known.c.activity_at > gathered.c.sent_at
        query = select(*(known.c[name] for name in SEND)).select_from(known.join(gathered, and_(*same))).where(later)
        return self._scratch.make("campaign_sends_now", query, PAIR, SEND)

    def _placed(
        self, unplaced: TableClause, sends: TableClause | None, gathered: TableClause, now: Who
    ) -> TableClause | None:
        """The activities without a campaign that have a send before them, with its campaign."""
        if sends is None or not self._count(unplaced):
            return None
        joined, person = now.effective(unplaced)
        key = [unplaced.c.email_id, person.label("person_id"), unplaced.c.activity_at]
        counted = now.counts(person)
        moments = self._scratch.make(
            "campaign_moments",
            select(*key, *merged_flags(unplaced))
            .select_from(joined)
            .where(*counted)
            .group_by(unplaced.c.email_id, person, unplaced.c.activity_at),
            PAIR,
            COLUMNS[UNPLACED],
        )
        parts = []
        for rows, sent_at in ((gathered, gathered.c.sent_at), (sends, sends.c.activity_at)):
            joined, person = now.effective(rows)
            columns = (rows.c.campaign_id, rows.c.email_id, person.label("person_id"), sent_at.label("activity_at"))
            parts.append(select(*columns).select_from(joined).where(sent_at.is_not(None)))
        all_sends = self._distinct("campaign_all_sends", SEND, parts, PAIR)
        return self._scratch.make(
            "campaign_placed", places(moments, all_sends), PAIR, ("campaign_id", *COLUMNS[UNPLACED])
        )

    def _fresh_records(self, gathered: TableClause, placed: TableClause | None, now: Who) -> TableClause:
        joined, person = now.effective(gathered)
        columns = [person.label(name) if name == "person_id" else gathered.c[name] for name in COLUMNS[RECORDS]]
        parts = [select(*columns).select_from(joined).where(*now.counts(person))]
        if placed is not None:
            own = {"sent_at": null(), "last_activity_at": placed.c.activity_at}
            own |= {
                name: case((placed.c[flag] == literal(1), placed.c.activity_at)) for flag, name in FIRST_TIMES.items()
            }
            parts.append(select(*(own[name] if name in own else placed.c[name] for name in COLUMNS[RECORDS])))
        rows = self._fill("campaign_rows_of_records", COLUMNS[RECORDS], parts)
        together = merged_records(rows).having(func.min(rows.c.sent_at).is_not(None))
        return self._scratch.make("campaign_fresh_records", together, RECORD_KEY, COLUMNS[RECORDS])

    def _insert_gathered(self, gathered: TableClause, unplaced: TableClause, now: Who) -> None:
        """Keep of the pairs what their records do not tell."""
        apart = [gathered.c.sent_at.is_(None), same_pair(unplaced, gathered)]
        if now.involved is not None:
            apart.append(matches(now.involved, person_id=gathered.c.person_id))
        self._insert(GATHERED, select(*gathered.c).where(or_(*apart)))

    # -----------------------------------------------------------------------------------------------------------
    # Sums

    def _old_records(self, targets: TableClause, emails: list[int]) -> TableClause:
        old = self._stored(RECORDS)
        wanted = (detection.only_emails(old.c.email_id, emails), same_pair(targets, old))
        return self._scratch.make("campaign_old_records", select(*old.c).where(*wanted), RECORD_KEY, COLUMNS[RECORDS])

    def _adjust_daily(self, old: TableClause, fresh: TableClause) -> None:
        """Take the old records out of the sums of their days, and add the fresh ones."""
        key = _DAY
        parts = [
            daily_rows(fresh, self._engine, self._rules),
            _taken(daily_rows(old, self._engine, self._rules), key, _TIMES),
        ]
        changes = self._fill("campaign_daily_changes", COLUMNS[DAILY], parts)
        days = self._distinct("campaign_changed_days_of_sends", key, [select(*(changes.c[name] for name in key))])
        daily = self._stored(DAILY)
        of_days = matches(days, **{name: daily.c[name] for name in key})
        execute(
            self._connection,
            insert_from(self._engine, changes.name, COLUMNS[DAILY], select(*daily.c).where(of_days)),
        )
        columns = [
            _TIMES[name](changes.c[name]).label(name)
            if name in _TIMES
            else cast(func.sum(changes.c[name]), BigInteger).label(name)
            for name in COLUMNS[DAILY][len(key) :]
        ]
        groups = [changes.c[name] for name in key]
        recount = self._days_to_count(old, fresh)
        same = {name: changes.c[name] for name in key}
        summed = select(*groups, *columns).where(not_(matches(recount, **same))).group_by(*groups)
        adjusted = self._scratch.make("campaign_daily_now", summed, (), COLUMNS[DAILY])
        self._delete(DAILY, days, key)
        self._insert(DAILY, select(*adjusted.c))
        if self._count(recount):
            records = self._stored(RECORDS).alias("records")
            day = sent_day(records.c.sent_at, self._engine, self._rules)
            own = {"campaign_id": records.c.campaign_id, "email_id": records.c.email_id, "sent_date": day}
            emails = detection.few_emails(self._connection, self._engine, recount)
            chosen = select(*records.c).where(
                detection.only_emails(records.c.email_id, emails), matches(recount, **own)
            )
            self._insert(DAILY, daily_rows(chosen.subquery("chosen"), self._engine, self._rules))

    def _days_to_count(self, old: TableClause, fresh: TableClause) -> TableClause:
        """The days that a record has left, or whose last activity has become earlier: a minimum or maximum does not
        tell what it was without one of its rows."""
        same = and_(*(old.c[name] == fresh.c[name] for name in RECORD_KEY))
        day = sent_day(old.c.sent_at, self._engine, self._rules)
        left = or_(
            fresh.c.campaign_id.is_(None),
            fresh.c.sent_at != old.c.sent_at,
            fresh.c.last_activity_at < old.c.last_activity_at,
        )
        query = select(old.c.campaign_id, old.c.email_id, day.label("sent_date"))
        return self._scratch.make(
            "campaign_days_to_count", query.select_from(old.outerjoin(fresh, same)).where(left).distinct(), _DAY, _DAY
        )

    def _adjust(
        self,
        name: str,
        key: Sequence[str],
        rows: Callable[[FromClause, Engine, Rules], Select],
        old: TableClause,
        fresh: TableClause,
    ) -> None:
        """Take the `rows` of the old records out of a table of counts by `key`, and add those of the fresh ones. A row
        that counts nobody any more goes."""
        what = name.replace("campaign_email_", "campaign_")
        parts = [rows(fresh, self._engine, self._rules), _taken(rows(old, self._engine, self._rules), key)]
        changes = self._fill(f"{what}_changes", COLUMNS[name], parts)
        keys = self._distinct(f"{what}_keys", key, [select(*(changes.c[own] for own in key))])
        before = self._stored(name)
        changed = matches(keys, **{own: before.c[own] for own in key})
        execute(
            self._connection,
            insert_from(self._engine, changes.name, COLUMNS[name], select(*before.c).where(changed)),
        )
        groups = [changes.c[own] for own in key]
        totals = {own: func.sum(changes.c[own]) for own in COLUMNS[name][len(key) :]}
        summed = (
            select(*groups, *(cast(total, BigInteger).label(own) for own, total in totals.items()))
            .group_by(*groups)
            .having(or_(*(total != literal(0) for total in totals.values())))
        )
        adjusted = self._scratch.make(f"{what}_now", summed, (), COLUMNS[name])
        self._delete(name, keys, key)
        self._insert(name, select(*adjusted.c))

    def _replace_clicks(
        self, clicks: TableClause, pairs: TableClause, placed: TableClause | None, fresh: TableClause, now: Who
    ) -> None:
        before = self._stored(CLICKS)
        of_pairs = same_pair(pairs, before)
        together = self._distinct(
            "campaign_clicks_together",
            CLICK,
            [select(*clicks.c), select(*(before.c[name] for name in CLICK)).where(of_pairs)],
            PAIR,
        )
        if not self._count(together):
            return
        query = placed_clicks(together, now, placed, fresh)
        placed_now = self._scratch.make("campaign_clicks_now", query, PAIR, COLUMNS[CLICKS])
        groups = self._distinct(
            "campaign_link_groups",
            _GROUP,
            [
                select(before.c.record_campaign_id.label("campaign_id"), before.c.email_id).where(
                    before.c.record_campaign_id.is_not(None), of_pairs
                ),
                select(placed_now.c.record_campaign_id.label("campaign_id"), placed_now.c.email_id).where(
                    placed_now.c.record_campaign_id.is_not(None)
                ),
            ],
        )
        self._delete(CLICKS, pairs, PAIR)
        self._insert(CLICKS, select(*placed_now.c))
        self._delete(LINKS, groups, _GROUP)
        all_clicks = self._stored(CLICKS)
        in_groups = matches(groups, campaign_id=all_clicks.c.record_campaign_id, email_id=all_clicks.c.email_id)
        self._insert(LINKS, links_of(all_clicks, self._engine, self._rules, in_groups))

    def _merge_variants(self, new: Relations) -> None:
        """The first time of each variant is a minimum, so rows merge whomever they count for."""
        if not knows_variants(new):
            return
        named = self._fill("campaign_new_variants", COLUMNS[VARIANTS], [variants_of(new, self._engine)], PAIR)
        if not self._count(named):
            return
        before = self._stored(VARIANTS)
        known = matches(named, **{name: before.c[name] for name in VARIANT_KEY})
        both = self._fill(
            "campaign_variant_rows", COLUMNS[VARIANTS], [select(*named.c), select(*before.c).where(known)]
        )
        key = [both.c[name] for name in VARIANT_KEY]
        first = select(*key, func.min(both.c.named_at).label("named_at")).group_by(*key)
        merged = self._scratch.make("campaign_variants_now", first, (), COLUMNS[VARIANTS])
        self._delete(VARIANTS, named, VARIANT_KEY)
        self._insert(VARIANTS, select(*merged.c))

    def _merge_names(self, new: Relations) -> None:
        names = self._fill("campaign_new_names", COLUMNS[NAMED], [sent_names(new, self._engine)])
        if not self._count(names):
            return
        before = self._stored(NAMED)
        both = union_all(select(*names.c), select(*before.c)).subquery("both")
        newest = func.max(both.c.named_at).label("named_at")
        together = select(both.c.email_id, both.c.name, newest).group_by(both.c.email_id, both.c.name)
        merged = self._scratch.make("campaign_names_together", together, (), COLUMNS[NAMED])
        replace_rows(self._connection, self._engine, self._name(NAMED), COLUMNS[NAMED], select(*merged.c))

    # -----------------------------------------------------------------------------------------------------------
    # Statements

    def _fill(
        self, name: str, columns: Sequence[str], parts: Sequence[Select], keys: Sequence[str] = ()
    ) -> TableClause:
        """A temporary table with the rows of all parts."""
        first, *others = parts
        if not others:
            return self._scratch.make(name, first, keys, columns)
        # MySQL would let a column hold no null that is never null in the first part.
        nothing = no_rows(*(null().label(own) for own in columns))
        nullable = union_all(first, nothing).subquery("parts")
        more = [insert_from(self._engine, name, columns, part) for part in others]
        return self._scratch.make(name, select(*nullable.c), keys, columns, more)

    def _distinct(
        self, name: str, columns: Sequence[str], parts: Sequence[Select], keys: Sequence[str] | None = None
    ) -> TableClause:
        """A temporary table with the rows of all parts, each once."""
        rows = self._fill(f"{name}_rows", columns, parts)
        return self._scratch.make(name, select(*rows.c).distinct(), columns if keys is None else keys, columns)

    def _delete(self, name: str, wanted: TableClause, names: Sequence[str], emails: Sequence[int] = ()) -> None:
        same = " AND ".join(f"{wanted.name}.{own} = {self._name(name)}.{own}" for own in names)
        condition = f"EXISTS (SELECT 1 FROM {wanted.name} WHERE {same})"
        if emails:
            condition = f"email_id IN ({', '.join(map(str, emails))}) AND {condition}"
        execute(self._connection, f"DELETE FROM {self._name(name)} WHERE {condition}")

    def _insert(self, name: str, query: Select) -> None:
        execute(self._connection, insert_from(self._engine, self._name(name), COLUMNS[name], query))

    def _count(self, rows: FromClause) -> int:
        [(count,)] = rows_of(self._connection, self._engine, select(func.count()).select_from(rows))
        return int(count)

    def _stored(self, name: str) -> TableClause:
        return stored(self._called(name), self._schema, name)

    def _name(self, name: str) -> str:
        return table_name(self._engine, self._called(name), self._schema)


def _taken(sums: Select, key: Container[str], times: Container[str] = ()) -> Select:
    """Sums to take out of others; their times tell nothing then."""
    rows = sums.subquery("taken")
    return select(
        *(
            column if column.name in key else null().label(column.name) if column.name in times else -column
            for column in rows.c
        )
    )
